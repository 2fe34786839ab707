"""`klaroen`, with a trap at each point of `kill_trap.POINTS`: what the harness starts instead of `python -m klaroen`.

Law: it wraps functions of the engine in this process and changes nothing that they do; the supervisor starts its
children by this module too, and takes every death for a first one, since here they die every second.
"""

import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final

from klaroen import children, supervisor
from klaroen.cli import main
from klaroen_bench.kill_trap import COMMITS, POINTS, Trap

TRAPS: Final = "KLAROEN_BENCH_TRAPS"
"""In the environment: the directory of the traps."""
SERVE: Final = "serve"

Hit = Callable[[str], None]
Function = Callable[..., Any]


def around(owner: Any, name: str, hit: Hit, before: str | None = None, after: str | None = None) -> None:
    """Pass by one point before a function or method, and by one after it has returned."""
    inner = getattr(owner, name)

    @wraps(inner)
    def outer(*args: Any, **named: Any) -> Any:
        if before is not None:
            hit(before)
        result = inner(*args, **named)
        if after is not None:
            hit(after)
        return result

    setattr(owner, name, outer)


def around_async(owner: Any, name: str, hit: Hit, before: str, after: str) -> None:
    inner = getattr(owner, name)

    @wraps(inner)
    async def outer(*args: Any, **named: Any) -> Any:
        hit(before)
        result = await inner(*args, **named)
        hit(after)
        return result

    setattr(owner, name, outer)


# --- the processes --------------------------------------------------------------------------------------------------


def catch_dispatch(hit: Hit) -> None:
    from klaroen.dispatch import commit, run, settle
    from klaroen_adapters.http_carrier import HttpCarrier
    from klaroen_adapters.sms.smpp import SmppCarrier
    from klaroen_adapters.voice.sip import SipCarrier

    catch_commits(hit)
    for carrier in (SmppCarrier, HttpCarrier, SipCarrier):
        around_async(carrier, "hand_over", hit, "hand-over: before", "hand-over: after")
    around(SmppCarrier, "acknowledge", hit, after="receipt acknowledged, not drained")
    around(settle, "settle_answers", hit, after="answered, not journaled")
    around(commit, "drain", hit, after="receipt drained, not journaled")
    around(run, "recover", hit, before="recovery: store read", after="recovery: rebuilt, nothing written")


def catch_commits(hit: Hit) -> None:
    """A commit is known by what was written in its transaction."""
    from klaroen.store.sqlite import SqliteStore

    written: set[str] = set()
    first = [True]

    def note(method: str) -> None:
        inner: Function = getattr(SqliteStore, method)

        @wraps(inner)
        def noted(*args: Any, **named: Any) -> Any:
            written.add(method)
            return inner(*args, **named)

        setattr(SqliteStore, method, noted)

    for method in COMMITS:
        note(method)
    commit = SqliteStore.commit

    @wraps(commit)
    def committed(store: SqliteStore) -> None:
        names = sorted(written)
        written.clear()
        points = [f"{name}: %s commit" for name in names]
        if first[0]:
            points.append("recovery: first commit, %s")
        first[0] = False
        for point in points:
            hit(point % "before")
        commit(store)
        for point in points:
            hit(point % "after")

    SqliteStore.commit = committed  # type: ignore[method-assign, assignment]


def catch_edge(hit: Hit) -> None:
    from klaroen.core.calls import PutReceipts, Submit
    from klaroen.edge.link import Link

    ask = Link.ask
    names: dict[type, str] = {Submit: "alert", PutReceipts: "receipts"}

    @wraps(ask)
    async def asked(link: Link, principal: Any, question: Any, timeout_s: float) -> Any:
        name = names.get(type(question))
        if name is None:
            return await ask(link, principal, question, timeout_s)
        hit(f"{name}: before dispatch is asked")
        answer = await ask(link, principal, question, timeout_s)
        hit(f"{name}: committed, not answered")
        return answer

    Link.ask = asked  # type: ignore[method-assign, assignment]


def catch_voice(hit: Hit) -> None:
    from klaroen_adapters.voice import worker
    from klaroen_adapters.voice.trunk import Trunk

    around_async(Trunk, "place", hit, "call: before it is placed", "call: placed, not told")
    around(worker, "pack", hit, after="call: told")


CATCH: Final[dict[str, Callable[[Hit], None]]] = {
    "dispatch": catch_dispatch,
    "edge": catch_edge,
    "voice": catch_voice,
}


def catch_supervisor(module: str) -> None:
    """Its children come by this module, and begin their back-off anew each time."""
    command = children.command

    def trapped(role: str, config: Path | None) -> list[str]:
        line = command(role, config)
        return [line[0], "-m", module, *line[line.index("klaroen") + 1 :]]

    children.command = trapped
    supervisor.STEADY_S = 0.0  # type: ignore[misc]


def run(arguments: Sequence[str]) -> int:
    role = next(word for word in arguments if word in (SERVE, *POINTS))
    if role == SERVE:
        catch_supervisor(__spec__.name)
        return main(arguments)
    with Trap(Path(os.environ[TRAPS]), role) as trap:
        CATCH[role](trap.pass_by)
        return main(arguments)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
