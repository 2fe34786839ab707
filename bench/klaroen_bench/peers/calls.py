"""Calls by one configured carrier, as dispatch orders them: so many at once, so many begun a second, no more.

Law: a call counts if it was begun between the moment at which all lines were in use for the first time and the end of
the measured time; before, lines fill, and afterwards they empty. Setup is from the order until the callee's answer.
Run: python -m klaroen_bench.peers.calls --config FILE --carrier NAME --clip ID --json
"""

import math
import os
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import msgspec
import trio
from msgspec import Struct

from klaroen.configuration import load_settings
from klaroen.core.errors import CarrierDownError
from klaroen.core.model import AttemptId, CarrierName, ClipId, Content, Instant
from klaroen.core.ports import (
    Accepted,
    Answer,
    Call,
    Carrier,
    Envelope,
    Event,
    Link,
    Receipt,
    Refused,
    Script,
    Unknown,
    Unsent,
)
from klaroen_bench.carriers.control import say
from klaroen_bench.figures import percentiles

FIRST_NUMBER: Final = 32_470_000_000
TURN_S: Final = 0.01
"""Orders leave together, as they do from dispatch's flights."""
ANSWER_S: Final = 30.0
RING_S: Final = 30.0
UP_S: Final = 15.0
FILL_S: Final = 30.0
"""Lines that are not in use by then will not be."""
TAIL_S: Final = 60.0
"""After the last order: for the last call to end."""


class Load(Struct, frozen=True):
    concurrent: int
    per_s: float
    seconds: float


class Standing(Struct):
    ordered_s: float
    counts: bool
    accepted: bool = False
    reached: bool = False
    answered: bool = False
    failure: str = ""


class Caller:
    """Keeps calls under way on one carrier, and notes what becomes of them."""

    def __init__(self, load: Load, script: Script) -> None:
        self._load = load
        self._script = script
        self._content = Content("voice", "nl", "warm", "", "", Instant(_now() + 3_600_000))
        self._standing: dict[AttemptId, Standing] = {}
        self.carrier: Carrier
        self._heard = trio.Event()
        self.up = trio.Event()
        self.setup_ms: list[float] = []
        self.outcomes: Counter[str] = Counter()
        """Of calls that were not played whole, by words."""
        self.unsent = 0
        """Calls that were never made, and say so: dispatch would make them later, or otherwise."""
        self.calls = self.counted = self.answered = self.reached = self.concurrent = 0
        self.talk_s = 0.0

    async def emit(self, events: Sequence[Event]) -> None:
        """Note what is told; who was given up as never ended is told of in vain."""
        now_s = trio.current_time()
        for event in events:
            match event:
                case Answer(attempt) | Call(attempt) if attempt not in self._standing:
                    pass
                case Link(True):
                    self.up.set()
                case Answer(attempt, Accepted()):
                    self._standing[attempt].accepted = True
                case Answer(attempt, Refused(words) | Unsent(words)):
                    self.unsent += 1
                    self._end(attempt, words)
                case Answer(attempt, Unknown(words)):
                    self._end(attempt, words)
                case Call(attempt, "answered"):
                    self._answer(self._standing[attempt], now_s)
                case Call(attempt, "ended", seconds):
                    self.talk_s += seconds
                    self._end(attempt, "")
                case Receipt(state, code, attempt=str(name)) if call := self._standing.get(AttemptId(name)):
                    call.reached = call.reached or state == "reached"
                    call.failure = code if state == "failed" else call.failure
                case _:
                    pass
        self._heard.set()
        await trio.lowlevel.checkpoint()

    async def run(self) -> float:
        """Return the seconds that were measured, once every call has ended."""
        with trio.fail_after(UP_S):
            await self.up.wait()
        load = self._load
        began_s = trio.current_time()
        full_s, owed = math.inf, 0
        while (now_s := trio.current_time()) < full_s + load.seconds:
            due = int((now_s - began_s) * load.per_s) - self.calls - owed
            room = min(load.concurrent - len(self._standing), max(0, due))
            if room:
                await self._order(room, counts=full_s < math.inf)
            elif full_s == math.inf and (due > 0 or now_s - began_s > FILL_S):
                full_s = now_s
            if due > room:  # lines are short: what could not be begun is not made up for
                owed += due - room
            await trio.sleep(TURN_S)
        measured_s = trio.current_time() - full_s
        with trio.move_on_after(TAIL_S):
            while self._standing:
                self._heard = trio.Event()
                await self._heard.wait()
        for attempt in list(self._standing):
            self._end(attempt, "never ended")
        return measured_s

    async def _order(self, count: int, *, counts: bool) -> None:
        envelopes = []
        now = _now()
        for number in range(self.calls, self.calls + count):
            attempt = AttemptId(f"C{number:025d}")
            deadline_at = Instant(now + round(ANSWER_S * 1000))
            envelopes.append(
                Envelope(attempt, f"+{FIRST_NUMBER + number}", self._content, deadline_at, script=self._script)
            )
            self._standing[attempt] = Standing(trio.current_time(), counts)
        self.calls += count
        self.counted += counts and count
        self.concurrent = max(self.concurrent, len(self._standing))
        try:
            await self.carrier.hand_over(envelopes)
        except CarrierDownError:
            self.unsent += len(envelopes)
            for envelope in envelopes:
                self._end(envelope.attempt, "carrier down")

    def _answer(self, standing: Standing, now_s: float) -> None:
        self.answered += 1
        standing.answered = True
        if standing.counts:
            self.setup_ms.append((now_s - standing.ordered_s) * 1000)

    def _end(self, attempt: AttemptId, words: str) -> None:
        standing = self._standing.pop(attempt)
        self.reached += standing.reached
        if not standing.reached:
            self.outcomes[words or standing.failure or "ended"] += 1


def _now() -> Instant:
    return Instant(int(time.time() * 1000))


class _Clock:
    def now(self) -> Instant:
        return _now()


async def call(config: Path, name: str, clip: str, load: Load) -> dict[str, Any]:
    """Return the figures of a load."""
    settings = next(one for one in load_settings(config, {}).carrier if one.name == name)
    caller = Caller(load, Script(ClipId(clip), RING_S, 1))
    kind = str(settings.__struct_config__.tag)
    (builder,) = entry_points(group="klaroen.carriers", name=kind)
    caller.carrier = builder.load()(settings, caller.emit, _Clock())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller.carrier.run)
        began_s, cpu_s = trio.current_time(), time.process_time()
        measured_s = await caller.run()
        nursery.cancel_scope.cancel()
    return {
        "carrier": CarrierName(name),
        "concurrent": caller.concurrent,
        "calls": caller.calls,
        "calls_per_s": round(caller.counted / measured_s, 1),
        "setup_ms": percentiles(caller.setup_ms),
        "unsent": caller.unsent,
        "answered": caller.answered,
        "reached": caller.reached,
        "outcomes": dict(caller.outcomes),
        "talk_s": round(caller.talk_s, 1),
        "cpu_s": round(time.process_time() - cpu_s, 2),
        "wall_s": round(trio.current_time() - began_s, 2),
    }


def main() -> None:
    parser = ArgumentParser(prog="klaroen_bench.peers.calls")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--carrier", required=True)
    parser.add_argument("--clip", required=True, help="the id of a clip in the clip store")
    parser.add_argument("--concurrent", type=int, default=1_000)
    parser.add_argument("--per-s", type=float, default=300.0, help="calls begun a second, at most")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured, once all lines are in use")
    parser.add_argument("--core", type=int, default=None, help="run on this core alone")
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    options = parser.parse_args()
    if options.core is not None and options.core < (os.cpu_count() or 1):
        os.sched_setaffinity(0, {options.core})
    load = Load(options.concurrent, options.per_s, options.seconds)
    figures = trio.run(call, options.config, options.carrier, options.clip, load)
    if options.json:
        say(msgspec.json.encode(figures) + b"\n")
    else:
        say("".join(f"{name:20} {figure}\n" for name, figure in figures.items()).encode())


if __name__ == "__main__":
    main()
