"""`klaroen`, with a leak in each process: what `soak --leak` starts, to see that it finds one.

Law: it wraps one function of the engine in each process, and keeps some octets at each alert that comes by; the product
knows nothing of it.
"""

import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final

from klaroen.cli import main
from klaroen_bench.kill_serve import SERVE, catch_supervisor

MODULE: Final = "klaroen_bench.soak_leak"
LEAK: Final = "KLAROEN_BENCH_LEAK"
"""In the environment: octets an alert."""

_lost: list[bytes] = []
_seen: set[object] = set()


def lose(what: object) -> None:
    """Keep something of an alert that comes by for the first time."""
    if what not in _seen:
        _seen.add(what)
        _lost.append(b"\1" * int(os.environ[LEAK]))


def leak_dispatch() -> None:
    from klaroen.dispatch.open_alert import OpenAlert

    begin = OpenAlert.__init__

    @wraps(begin)
    def begun(opened: OpenAlert, alert: Any, *more: Any) -> None:
        lose(alert.id)
        begin(opened, alert, *more)

    OpenAlert.__init__ = begun  # type: ignore[method-assign, assignment]


def leak_edge() -> None:
    from klaroen.core.calls import Submit
    from klaroen.edge.link import Link

    ask = Link.ask

    @wraps(ask)
    async def asked(link: Link, principal: Any, question: Any, timeout_s: float) -> Any:
        if isinstance(question, Submit):
            lose(question.key)
        return await ask(link, principal, question, timeout_s)

    Link.ask = asked  # type: ignore[method-assign, assignment]


def leak_voice() -> None:
    from klaroen_adapters.voice.trunk import Trunk

    place = Trunk.place

    @wraps(place)
    async def placed(trunk: Trunk, dial: Any) -> None:
        lose(dial.script.clip)
        await place(trunk, dial)

    Trunk.place = placed  # type: ignore[method-assign, assignment]


LEAKS: Final[dict[str, Callable[[], None]]] = {"dispatch": leak_dispatch, "edge": leak_edge, "voice": leak_voice}


def run(arguments: Sequence[str]) -> int:
    role = next(word for word in arguments if word in (SERVE, *LEAKS))
    if role == SERVE:
        catch_supervisor(MODULE)
    else:
        LEAKS[role]()
    return main(arguments)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
