"""Our side of a simulated carrier, and its settings.

Law: it does what the port demands of any carrier, and all else is its far end's business.
"""

from collections.abc import Sequence
from typing import Any

import trio

from klaroen.core.errors import CarrierDownError
from klaroen.core.model import AttemptId
from klaroen.core.ports import Answer, Carrier, Clock, Emit, Envelope, Event, Link, Receipt, Reply, Unknown
from klaroen.core.state import MultipartRule
from klaroen.dispatch.bell import Bell
from klaroen.settings import Plugged
from klaroen.testing.disk import PowerCut
from klaroen.testing.far_end import FarEnd


class ScriptedCarrier:
    """Our side of a connection to a `FarEnd`: it answers `Unknown` by the deadline, as the port demands."""

    def __init__(self, end: FarEnd, emit: Emit, clock: Clock) -> None:
        self.name = end.name
        self._end = end
        self._emit = emit
        self._clock = clock
        self._open = False
        self._waiting: dict[AttemptId, float] = {}
        self._offered = Bell()

    async def run(self) -> None:
        while True:
            while not self._end.up:
                await self._end.wait_change()
            self._open = True
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._give_up_forever)
                    await self._end.speak(self._hear)
                    nursery.cancel_scope.cancel()
            finally:
                self._open = False
            lost, self._waiting = list(self._waiting), {}
            await self._say([Link(False, 0, "cut"), *(Answer(one, Unknown("link lost")) for one in lost)])

    async def _hear(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Answer):
                self._waiting.pop(event.attempt, None)
        await self._say(events)

    async def _say(self, events: Sequence[Event]) -> None:
        self._end.ear.said(self._end, events)
        await self._emit(events)

    async def _give_up_forever(self) -> None:
        while True:
            while not self._waiting:
                await self._offered.wait()
            await trio.sleep(0.5)
            late = [one for one, at in self._waiting.items() if at <= trio.current_time()]
            for attempt in late:
                del self._waiting[attempt]
            if late:
                await self._say([Answer(one, Unknown("deadline")) for one in late])

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        if not self._open:
            await trio.lowlevel.checkpoint()
            raise CarrierDownError(self.name)
        through, cut = len(envelopes), False
        for hook in self._end.before_hand_over:
            stop = hook(self._end, envelopes)
            if stop is not None:
                through, cut = stop, True
        for envelope in envelopes[:through]:
            left_s = (envelope.deadline_at - self._clock.now()) / 1000
            self._waiting[envelope.attempt] = trio.current_time() + left_s
            self._end.take(envelope)
        self._offered.ring()
        if cut:
            raise PowerCut
        await trio.lowlevel.checkpoint()

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        self._end.acknowledge(receipts, stored=stored)

    def acknowledge_replies(self, replies: Sequence[Reply], *, stored: bool) -> None:
        self._end.acknowledge_replies(replies, stored=stored)

    async def drain(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            while self._waiting or self._end.calls_are_up:  # noqa: ASYNC110 - virtual time costs nothing
                await trio.sleep(0.01)


class Scripted(Plugged, frozen=True, kw_only=True, tag_field="kind", tag="scripted"):
    """Settings of a carrier that plays a far end's script."""

    end: Any
    lines: int | None = None
    outlives: bool = True
    silence: int = 2_000
    parts_rule: MultipartRule = "all"

    @property
    def keyed(self) -> bool:
        return bool(self.end.keyed)

    @property
    def calls_outlive_us(self) -> bool:
        return self.outlives

    @property
    def multipart_rule(self) -> MultipartRule:
        return self.parts_rule

    @property
    def silence_ms(self) -> int:
        return self.silence

    @property
    def lines_max(self) -> int | None:
        return self.lines

    def build(self, emit: Emit, clock: Clock) -> Carrier:
        return ScriptedCarrier(self.end, emit, clock)
