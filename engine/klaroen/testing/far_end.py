"""The far end of a simulated carrier, which survives a crash of ours: its script, its log and what it still has to say.

Law: answers belong to a connection and are lost with it; receipts, and what handsets write, are repeated until somebody
acknowledges them.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import trio
from msgspec import Struct
from msgspec.structs import replace

from klaroen.core.model import AttemptId, CarrierName, Channel
from klaroen.core.ports import Accepted, Answer, Call, Emit, Envelope, Event, Link, Outcome, Receipt, Reply
from klaroen.testing.deeds import LATENCY_S, PROVED, Deed, Proof, Script
from klaroen.testing.ear import Deaf, Ear

WINDOW: Final = 1_000
REPEAT_S: Final = 1.0
"""What could not be stored comes again after this long."""

Word = Receipt | Reply
"""What a carrier keeps until it is acknowledged."""


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
        self.ear: Ear = Deaf()
        self.id_end = ""
        """What its ids end in: to a carrier an id may be any characters."""
        self._seen: Counter[AttemptId] = Counter()
        self._accepted: dict[AttemptId, tuple[str, ...]] = {}
        self._due: list[tuple[float, int, int | None, Event]] = []
        """When, serial, the connection that it belongs to (None: any), what."""
        self._serial = 0
        self._taken = 0
        """How many envelopes: it numbers what they get for an id, and no id comes twice."""
        self._connection = 0
        self._changed = trio.Event()
        self._emitted: dict[object, Word] = {}
        """What was said and is not acknowledged, by ticket."""
        self._meant: dict[object, tuple[AttemptId, int, int]] = {}
        """Ticket -> the attempt, part and how often it had been seen, of which a receipt speaks, however it says so."""

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

    @property
    def has_more_to_say(self) -> bool:
        return bool(self._due or self._emitted)

    def forget(self) -> None:
        """Forget what was handed over and is settled: a week of it would be most of the memory that is measured."""
        for log in (self.handed, self.copies, self.answered, self._seen, self._accepted, self._meant):
            log.clear()

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

    async def wait_change(self) -> None:
        """Return when it is cut or restored, or has more to say."""
        await self._changed.wait()

    # --- what it takes ----------------------------------------------------------------------------------------------

    def take(self, envelope: Envelope) -> None:
        """One envelope has arrived."""
        now, attempt = trio.current_time(), envelope.attempt
        seen = self._seen[attempt]
        self._seen[attempt] += 1
        self._taken += 1
        handed = Handed(now, envelope, self.name, seen)
        self.handed.append(handed)
        if self.keyed and attempt in self._accepted:  # a repeat: said again, not sent again
            self.ear.took(self, handed, 0)
            self._say(now + LATENCY_S, Answer(attempt, Accepted(self._accepted[attempt])))
            return
        deed = self.script(envelope, seen)
        self.ear.took(self, handed, deed.copies)
        text, parts = envelope.content.text, envelope.content.parts
        refs = tuple(f"{self.name}-{self._taken}-{part}{self.id_end}" for part in range(parts))
        if deed.copies:
            self._accepted[attempt] = refs
        for _ in range(deed.copies):
            self.copies.append(Copy(now, envelope.address, envelope.content.channel, text, self.name))
        if deed.outcome is not None:
            outcome = Accepted(refs) if deed.outcome == "accepted" else deed.outcome
            self._say(now + deed.answer_s, Answer(attempt, outcome))
        for proof in deed.proofs:
            for part, ref in enumerate(refs):
                self.prove(envelope, proof, now, ref, part, seen)
        for after_s, phase, seconds in deed.course:
            self._schedule(now + after_s, None, Call(attempt, phase, seconds))

    def prove(self, envelope: Envelope, proof: Proof, now: float, ref: str, part: int, seen: int = 0) -> None:
        """Have one receipt said in its time."""
        named: dict[str, dict[str, Any]] = {
            "ref": {"ref": ref, "part": part},
            "attempt": {"attempt": envelope.attempt},
            "reference": {"ref": ref, "reference": envelope.reference, "address": envelope.address},
            "other ref": {"ref": f"x{ref}"},
            "other number": {"ref": f"y{ref}", "reference": envelope.reference, "address": "+32470999999"},
        }
        at = now + proof.after_s + proof.gap_s * part
        self._schedule(at, None, Receipt(proof.state, proof.code, **named[proof.by]))
        if not proof.by.startswith("other"):
            self._meant[self._serial] = (envelope.attempt, part, seen)

    def say(self, *words: Word) -> None:
        """Have these said now: receipts of whatever they speak, and what handsets write."""
        for word in words:
            self._schedule(trio.current_time(), None, word)

    def meant(self, receipt: Receipt) -> tuple[AttemptId, int, int] | None:
        """Return the attempt, part and copy of which a receipt of ours speaks; None where it is nobody's."""
        return self._meant.get(receipt.ticket)

    def _say(self, at: float, answer: Answer) -> None:
        self._schedule(at, self._connection, answer)

    def _schedule(self, at: float, connection: int | None, event: Event) -> None:
        self._serial += 1
        if isinstance(event, Word):
            if event.ticket in self._meant:  # said again
                self._meant[self._serial] = self._meant[event.ticket]
            event = replace(event, ticket=self._serial)
        heapq.heappush(self._due, (at, self._serial, connection, event))
        self._change()

    # --- what it says -----------------------------------------------------------------------------------------------

    async def speak(self, emit: Emit) -> None:
        """Serve one connection until it is cut."""
        self._connection += 1
        for word in list(self._emitted.values()):
            self._schedule(trio.current_time() + REPEAT_S, None, word)
        self._emitted.clear()
        await emit([Link(True, self.window, "up")])
        while self.up:
            now = trio.current_time()
            events: list[Event] = []
            while self._due and self._due[0][0] <= now:
                _, _, connection, event = heapq.heappop(self._due)
                if isinstance(event, Word):
                    self._emitted[event.ticket] = event
                elif connection not in (None, self._connection):
                    continue
                elif isinstance(event, Answer):
                    self.answered.setdefault(event.attempt, []).append((now, event.outcome))
                events.append(event)
            if events:
                await emit(events)
                continue
            with trio.move_on_at(self._due[0][0] if self._due else math.inf):
                await self.wait_change()

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        self.ear.acknowledged(self, receipts, stored=stored)
        self.refused_receipts += self._settle(receipts, stored=stored)

    def acknowledge_replies(self, replies: Sequence[Reply], *, stored: bool) -> None:
        if stored:
            self.ear.kept(replies)
        self._settle(replies, stored=stored)

    def _settle(self, words: Sequence[Word], *, stored: bool) -> int:
        """Forget what is stored, and have the rest said again; return how many that are."""
        told = [one for word in words if (one := self._emitted.pop(word.ticket, None)) is not None]
        if stored:
            return 0
        for one in told:
            self._schedule(trio.current_time() + REPEAT_S, None, one)
        return len(told)
