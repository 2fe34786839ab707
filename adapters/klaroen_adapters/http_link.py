"""Whether anybody is there: a carrier's door over HTTP, watched.

Law: up means that a connection could be opened or an answer came; a change is told once, and most requests change
nothing. After a loss the door is tried with back-off until it opens.
"""

from typing import Final

import trio

from klaroen.core.ports import Emit, Link
from klaroen_adapters.http import reachable
from klaroen_adapters.tcp import Connect

PROBE_FIRST_S: Final = 0.5
PROBE_MAX_S: Final = 30.0
"""A carrier that was away for an hour is noticed within half a minute of its return."""


class HttpLink:
    """The door at `url`; `window` is what may be unanswered while it is open."""

    def __init__(self, url: str, window: int, emit: Emit, connect: Connect | None = None) -> None:
        self.connect = connect
        self.up: bool | None = None
        """None until the first look."""
        self._url, self._window, self._emit = url, window, emit
        self._lost = trio.Event()

    async def watch(self) -> None:
        """Say up when a connection could be opened, and probe with back-off after each loss, until cancelled."""
        pause_s = 0.0
        while True:
            await trio.sleep(pause_s)
            if self.up or await reachable(self._url, connect=self.connect):
                await self.tell(True, "connected")
                await self._lost.wait()
                pause_s = PROBE_FIRST_S
            else:
                await self.tell(False, "no connection")
                pause_s = min(max(2 * pause_s, PROBE_FIRST_S), PROBE_MAX_S)

    async def tell(self, up: bool, words: str) -> None:
        """Emit a change, and nothing else."""
        if up == self.up:
            return
        self.up = up
        if up:
            self._lost = trio.Event()
        else:
            self._lost.set()
        await self._emit([Link(up, self._window, words)])
