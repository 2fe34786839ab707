"""An alert's stream, read to its end; where it breaks off, it is resumed."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from klaroen.cli.context import CommandFault
from klaroen.cli.remote import BACKOFF_MAX_S, BACKOFF_S, Remote, StreamBrokenError
from klaroen.core.model import FINAL_STATES

RECONNECTS_MAX: Final = 60
"""In a row, each after a pause: some seven minutes without an edge."""


def follow_alert(api: Remote, path: str, tell: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """Tell each status that comes; return the final one.

    Raises CommandFault where the alert cannot be seen, or the stream does not come back.
    """
    status = api.call("GET", path)
    seen: str | None = None
    broken = 0
    while status["state"] not in FINAL_STATES:
        try:
            for event in api.events(f"{path}/events", seen):
                seen, status = event
                broken = 0
                tell(status)
            status = api.call("GET", path)
        except StreamBrokenError as error:
            broken += 1
            if broken > RECONNECTS_MAX:
                raise CommandFault(f"The stream broke off, and does not come back. {error}") from None
            api.sleep(min(BACKOFF_S * 2 ** min(broken, 6), BACKOFF_MAX_S))
    return status
