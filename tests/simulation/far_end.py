"""A carrier whose every answer is written in the test, and the far end behind it, which survives a crash of ours.

Law: what befalls an attempt is a pure function of its envelope and of how often the far end has seen it; answers belong
to a connection and are lost with it, receipts are repeated until somebody acknowledges them.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

import trio
from msgspec import Struct

from klaroen.core.errors import CarrierDownError
from klaroen.core.model import AttemptId, CarrierName, Channel
from klaroen.core.ports import (
    Accepted,
    Answer,
    Call,
    Carrier,
    Clock,
    Emit,
    Envelope,
    Event,
    Link,
    Outcome,
    Receipt,
    Refused,
    Unknown,
    Unsent,
)
from klaroen.settings import Plugged

WINDOW = 1_000
REPEAT_S = 1.0
"""A receipt that could not be stored comes again after this long."""
LATENCY_S = 0.02


class Proof(Struct, frozen=True):
    """A receipt, `after_s` from the hand-over."""

    after_s: float = 0.1
    state: Literal["buffered", "failed", "network", "reached", "confirmed"] = "reached"
    by: Literal["ref", "attempt", "reference", "other ref", "other number"] = "ref"
    """How it names the attempt; the last two name nobody's."""
    code: str = "000"


class Deed(Struct, frozen=True):
    """What the far end does with one envelope."""

    outcome: Outcome | Literal["accepted"] | None = "accepted"
    """None: no answer at all."""
    answer_s: float = LATENCY_S
    copies: int = 1
    proofs: tuple[Proof, ...] = (Proof(),)
    course: tuple[tuple[float, Literal["answered", "ended"], float], ...] = ()
    """Of a call: (when, what, the seconds that are told of it)."""


PROVED = Deed()
UNPROVED = Deed(proofs=())
SILENT = Deed(None, copies=0, proofs=())
"""It reads and says nothing, and no handset gets anything."""
LOST_ANSWER = Deed(None, proofs=(Proof(by="reference"),))
"""The handset gets it and proof comes, but the answer never does."""
REFUSED_ADDRESS = Deed(Refused("absent", "address"), copies=0, proofs=())
REFUSED_CONTENT = Deed(Refused("spam", "content"), copies=0, proofs=())
REFUSED_HERE = Deed(Refused("no route", "carrier"), copies=0, proofs=())
UNSENT = Deed(Unsent("queue full"), copies=0, proofs=())
THROTTLED = Deed(Unsent("too fast", 0.5, True), copies=0, proofs=())
UNKNOWN = Deed(Unknown("no answer"), copies=0, proofs=())

RINGS_S, TALKS_S = 2.0, 4.0


def call(talks_s: float = TALKS_S, *proofs: Proof, rings_s: float = RINGS_S) -> Deed:
    """A call that is answered; it is heard to the end unless `proofs` say otherwise."""
    ends_s = rings_s + talks_s
    told = proofs or (Proof(ends_s - 0.1, by="attempt"),)
    return Deed(proofs=told, course=((rings_s, "answered", rings_s), (ends_s, "ended", talks_s)))


def no_call(words: str, rings_s: float = RINGS_S) -> Deed:
    """A call that nobody takes."""
    return Deed(copies=0, proofs=(Proof(rings_s, "failed", "attempt", words),), course=((rings_s, "ended", 0.0),))


HEARD = call()
BUSY = no_call("busy", 0.5)
NO_ANSWER = no_call("no answer", 15.0)

Script = Callable[[Envelope, int], Deed]
"""(envelope, how often the far end saw this attempt before) -> what it does."""


class Handed(Struct, frozen=True):
    at: float
    envelope: Envelope
    carrier: CarrierName
    seen_before: int


class Copy(Struct, frozen=True):
    """What a handset got."""

    at: float
    address: str
    channel: Channel
    text: str
    carrier: CarrierName


class FarEnd:
    """One provider: its script, its log and what it still has to say. `keyed`: a repeat is not sent again."""

    def __init__(self, name: str, script: Script | Deed = PROVED, *, keyed: bool = False, window: int = WINDOW) -> None:
        self.name = CarrierName(name)
        self.script: Script = (lambda _envelope, _seen: script) if isinstance(script, Deed) else script
        self.keyed = keyed
        self.window = window
        self.handed: list[Handed] = []
        self.copies: list[Copy] = []
        self.answered: dict[AttemptId, list[tuple[float, Outcome]]] = {}
        self.refused_receipts = 0
        """How many receipts we said we could not store."""
        self.before_hand_over: list[Callable[[FarEnd, Sequence[Envelope]], int | None]] = []
        """Called with what is offered; a number says how many get through before the power fails."""
        self.up = True
        self.id_end = ""
        """What its ids end in: to a carrier an id may be any characters."""
        self._seen: Counter[AttemptId] = Counter()
        self._accepted: dict[AttemptId, tuple[str, ...]] = {}
        self._due: list[tuple[float, int, int | None, Event]] = []
        """When, serial, the connection that it belongs to (None: any), what."""
        self._serial = 0
        self._connection = 0
        self._changed = trio.Event()
        self._emitted: dict[int, Receipt] = {}
        """Receipts said and not acknowledged, by ticket."""

    @property
    def connection(self) -> int:
        return self._connection

    @property
    def addresses(self) -> list[str]:
        """Whom we were handed, in order."""
        return [one.envelope.address for one in self.handed]

    @property
    def calls_are_up(self) -> bool:
        return any(isinstance(event, Call) for *_, event in self._due)

    def cut(self) -> None:
        """The link is lost, with every answer that was on its way."""
        self.up = False
        self._change()

    def restore(self) -> None:
        self.up = True
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # --- what it takes ----------------------------------------------------------------------------------------------

    def take(self, envelope: Envelope) -> None:
        """One envelope has arrived."""
        now, attempt = trio.current_time(), envelope.attempt
        seen = self._seen[attempt]
        self._seen[attempt] += 1
        self.handed.append(Handed(now, envelope, self.name, seen))
        if self.keyed and attempt in self._accepted:  # a repeat: said again, not sent again
            self._say(now + LATENCY_S, Answer(attempt, Accepted(self._accepted[attempt])))
            return
        deed = self.script(envelope, seen)
        text, parts = envelope.content.text, envelope.content.parts
        refs = tuple(f"{self.name}-{len(self.handed)}-{part}{self.id_end}" for part in range(parts))
        if deed.copies:
            self._accepted[attempt] = refs
        for _ in range(deed.copies):
            self.copies.append(Copy(now, envelope.address, envelope.content.channel, text, self.name))
        if deed.outcome is not None:
            outcome = Accepted(refs) if deed.outcome == "accepted" else deed.outcome
            self._say(now + deed.answer_s, Answer(attempt, outcome))
        for proof in deed.proofs:
            for part, ref in enumerate(refs):
                self.prove(envelope, proof, now, ref, part)
        for after_s, phase, seconds in deed.course:
            self._schedule(now + after_s, None, Call(attempt, phase, seconds))

    def prove(self, envelope: Envelope, proof: Proof, now: float, ref: str, part: int) -> None:
        """Have one receipt said in its time."""
        named: dict[str, Any] = {
            "ref": {"ref": ref, "part": part},
            "attempt": {"attempt": envelope.attempt},
            "reference": {"ref": ref, "reference": envelope.reference, "address": envelope.address},
            "other ref": {"ref": f"x{ref}"},
            "other number": {"ref": f"y{ref}", "reference": envelope.reference, "address": "+32470999999"},
        }[proof.by]
        self._schedule(now + proof.after_s, None, Receipt(proof.state, proof.code, ticket=len(self._due), **named))

    def _say(self, at: float, answer: Answer) -> None:
        self._schedule(at, self._connection, answer)

    def _schedule(self, at: float, connection: int | None, event: Event) -> None:
        self._serial += 1
        if isinstance(event, Receipt):
            event = Receipt(*(getattr(event, name) for name in event.__struct_fields__[:-1]), ticket=self._serial)
        heapq.heappush(self._due, (at, self._serial, connection, event))
        self._change()

    # --- what it says -----------------------------------------------------------------------------------------------

    async def speak(self, emit: Emit) -> None:
        """Serve one connection until it is cut."""
        self._connection += 1
        for receipt in list(self._emitted.values()):
            self._schedule(trio.current_time() + REPEAT_S, None, receipt)
        self._emitted.clear()
        await emit([Link(True, self.window, "up")])
        while self.up:
            now = trio.current_time()
            events: list[Event] = []
            while self._due and self._due[0][0] <= now:
                _, _, connection, event = heapq.heappop(self._due)
                if isinstance(event, Receipt):
                    self._emitted[event.ticket] = event  # type: ignore[index]
                elif connection not in (None, self._connection):
                    continue
                elif isinstance(event, Answer):
                    self.answered.setdefault(event.attempt, []).append((now, event.outcome))
                events.append(event)
            if events:
                await emit(events)
                continue
            with trio.move_on_at(self._due[0][0] if self._due else float("inf")):
                await self._changed.wait()

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        for receipt in receipts:
            told = self._emitted.pop(receipt.ticket, None)  # type: ignore[call-overload]
            if told is not None and not stored:
                self.refused_receipts += 1
                self._schedule(trio.current_time() + REPEAT_S, None, told)


class ScriptedCarrier:
    """Our side of a connection to a `FarEnd`: it answers `Unknown` by the deadline, as the port demands."""

    def __init__(self, end: FarEnd, emit: Emit, clock: Clock) -> None:
        self.name = end.name
        self._end = end
        self._emit = emit
        self._clock = clock
        self._open = False
        self._waiting: dict[AttemptId, float] = {}

    async def run(self) -> None:
        while True:
            while not self._end.up:
                await self._end._changed.wait()
            self._open = True
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._give_up_forever)
                    await self._end.speak(self._hear)
                    nursery.cancel_scope.cancel()
            finally:
                self._open = False
            lost, self._waiting = list(self._waiting), {}
            await self._emit([Link(False, 0, "cut"), *(Answer(one, Unknown("link lost")) for one in lost)])

    async def _hear(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Answer):
                self._waiting.pop(event.attempt, None)
        await self._emit(events)

    async def _give_up_forever(self) -> None:
        while True:
            await trio.sleep(0.5)
            late = [one for one, at in self._waiting.items() if at <= trio.current_time()]
            for attempt in late:
                del self._waiting[attempt]
            if late:
                await self._emit([Answer(one, Unknown("deadline")) for one in late])

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
        if cut:
            raise PowerCut
        await trio.lowlevel.checkpoint()

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        self._end.acknowledge(receipts, stored=stored)

    async def drain(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            while self._waiting or self._end.calls_are_up:  # noqa: ASYNC110 - virtual time costs nothing
                await trio.sleep(0.01)


class PowerCut(BaseException):
    """The machine stops here: nothing more is written, nothing more leaves."""


class Scripted(Plugged, frozen=True, kw_only=True, tag_field="kind", tag="scripted"):
    """Settings of a carrier that plays a far end's script."""

    end: Any
    lines: int | None = None
    outlives: bool = True
    silence: int = 2_000

    @property
    def keyed(self) -> bool:
        return bool(self.end.keyed)

    @property
    def calls_outlive_us(self) -> bool:
        return self.outlives

    @property
    def silence_ms(self) -> int:
        return self.silence

    @property
    def lines_max(self) -> int | None:
        return self.lines

    def build(self, emit: Emit, clock: Clock) -> Carrier:
        return ScriptedCarrier(self.end, emit, clock)
