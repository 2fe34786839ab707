"""A carrier in this process, of kind `sim`: for tests, drills, and channels that have no other carrier yet.

Law: what befalls an attempt is a pure function of (seed, attempt id), so that a world is replayed from its seed however
the scheduler orders it. A repeated attempt is answered and proved again, and never reaches the handset twice. One task
and one heap of due times serve all messages; time passes only in sleep. Its far end is its ledger, and outlives this
process: after a restart it knows what arrived, and repeats the proof as a carrier would.
"""

import heapq
import json
import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Final

import trio
from msgspec import Struct

from klaroen.core.errors import CarrierDownError
from klaroen.core.model import AttemptId, CarrierName, Channel, Instant
from klaroen.core.ports import Accepted, Answer, Call, Clock, Emit, Envelope, Event, Link, Receipt
from klaroen.settings import Sim
from klaroen_adapters.sim_call import Course, course

WINDOW: Final = 10_000
"""Ten batches: more is never unanswered at once at any latency that a simulation uses."""
KNOWN_MAX: Final = 1_000_000
"""Attempts remembered, so that a repeat is known: ten national alerts [100 bytes each]."""
RECALL_MS: Final = 120_000
"""Proof of copies no older than this is repeated after a start: a supervisor waits 30 s at most."""
CONFIRMED_SHARE: Final = 0.6
"""Of those who are asked for key 1 (a guess, since nobody has published one)."""
DELAYS: Final = 8
"""Distinct proof times of one hand-over: receipts come in lists, one for each."""
SLOT_S: Final = 0.02
"""Proofs come due on this grid, so that those of many hand-overs share a list: a call takes seconds."""

# How many latencies pass from acceptance to proof, at the least and at the most (of calls: `sim_call`).
PROOF_LATENCIES: Final[dict[Channel, tuple[float, float]]] = {
    "sms": (1.0, 5.0),
    "email": (1.0, 10.0),
    "whatsapp": (1.0, 5.0),
}


RING_S: Final = 30.0
"""Of a call that comes without a script."""


class Fate(Struct, frozen=True, gc=False):
    """Three draws in [0, 1)."""

    proof: float
    """Below the loss: no receipt comes, or nobody answers the call."""
    delay: float
    confirm: float


def fate(seed: int, attempt: AttemptId) -> Fate:
    """Return what befalls an attempt: the same in every run, process and order."""
    drawn = int.from_bytes(blake2b(attempt.encode(), digest_size=12, key=str(seed).encode()[:64]).digest())
    scale = 2.0**-32
    return Fate((drawn >> 64) * scale, (drawn >> 32 & 0xFFFFFFFF) * scale, (drawn & 0xFFFFFFFF) * scale)


class SimCarrier:
    """An account whose messages arrive by arithmetic."""

    def __init__(self, settings: Sim, emit: Emit, clock: Clock) -> None:
        self.name: CarrierName = settings.name
        self._settings = settings
        self._latency_s = settings.latency_ms / 1000
        self._emit = emit
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], Sequence[Event]]]] = []
        """When, a serial number that keeps the order, and what comes due then."""
        self._serial = 0
        self._later = trio.Event()
        """Set when something became due earlier than what the task sleeps for."""
        self._known: dict[AttemptId, None] = {}
        self._unanswered = 0
        self._calls: set[AttemptId] = set()
        """Those that stand: a repeat of one of them rings nobody."""
        self._settled = trio.lowlevel.ParkingLot()
        self._up = False

    async def run(self) -> None:
        """Let come due what is due, until cancelled."""
        self._up = True
        try:
            await self._emit([Link(True, WINDOW, "simulated"), *self._recall()])
            while True:
                await self._sleep()
                events = self._come_due()
                if events:
                    await self._emit(events)
                    self._unanswered -= sum(isinstance(event, Answer) for event in events)
                    self._settled.unpark_all()
        finally:
            self._up = False

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        """Take all of these.

        Raises CarrierDownError if the carrier does not run, or drains.
        """
        await trio.lowlevel.checkpoint()
        if not self._up:
            raise CarrierDownError(self.name)
        self._unanswered += len(envelopes)
        answer_at = trio.current_time() + self._latency_s
        self._schedule(answer_at, partial(self._answers, envelopes))
        if envelopes and envelopes[0].content.channel in ("voice", "tts"):
            self._dial(envelopes, answer_at)
            return
        lists: dict[tuple[float, float], list[Envelope]] = {}
        for envelope in envelopes:
            delay = int(fate(self._settings.seed, envelope.attempt).delay * DELAYS) / DELAYS
            low, high = PROOF_LATENCIES[envelope.content.channel]
            lists.setdefault((low, delay * (high - low)), []).append(envelope)
        for (low, more), some in lists.items():
            at = answer_at + (low + more) * self._latency_s
            self._schedule(math.ceil(at / SLOT_S) * SLOT_S, partial(self._arrivals, some))

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        """Nothing to do: a lost receipt is part of an attempt's fate."""

    async def drain(self, seconds: float) -> None:
        """Take nothing more; wait for what is unanswered, and for the calls that stand."""
        self._up = False
        with trio.move_on_after(seconds):
            while self._unanswered or self._calls:
                await self._settled.park()

    def _dial(self, envelopes: Sequence[Envelope], at: float) -> None:
        """Have the calls rung: those that go the same way at the same moments together."""
        lists: dict[Course, list[Envelope]] = {}
        for envelope in envelopes:
            if envelope.attempt not in self._calls:
                self._calls.add(envelope.attempt)
                lists.setdefault(self._course(envelope), []).append(envelope)
        for way, some in lists.items():
            ends_at = math.ceil((at + way.ends_s) / SLOT_S) * SLOT_S
            if way.answered_s is not None:
                answered_at = math.ceil((at + way.answered_s) / SLOT_S) * SLOT_S
                since = answered_at - at + self._latency_s
                self._schedule(answered_at, partial(_answered, some, since))
                self._schedule(ends_at, partial(self._hang_up, some, ends_at - answered_at, way))
            else:
                self._schedule(ends_at, partial(self._hang_up, some, 0.0, way))

    def _course(self, envelope: Envelope) -> Course:
        drawn, loss = fate(self._settings.seed, envelope.attempt), self._settings.loss
        delay = int(drawn.delay * DELAYS) / DELAYS
        left_s = (envelope.content.expires_at - self._clock.now()) / 1000
        ring_s = RING_S if envelope.script is None else envelope.script.ring_s
        return course(drawn.proof / loss if drawn.proof < loss else None, delay, self._latency_s, ring_s, left_s)

    # --- what comes due ---------------------------------------------------------------------------------------------

    def _schedule(self, at: float, act: Callable[[], Sequence[Event]]) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (at, self._serial, act))
        if self._heap[0][1] == self._serial:
            self._later.set()

    def _come_due(self) -> list[Event]:
        """Return everything that has come due, in one list."""
        events: list[Event] = []
        now = trio.current_time()
        while self._heap and self._heap[0][0] <= now:
            events += heapq.heappop(self._heap)[2]()
        return events

    async def _sleep(self) -> None:
        """Until the first is due; what is scheduled before it wakes us."""
        self._later = trio.Event()
        with trio.move_on_at(self._heap[0][0] if self._heap else math.inf):
            await self._later.wait()

    def _answers(self, envelopes: Sequence[Envelope]) -> list[Event]:
        return [Answer(envelope.attempt, Accepted((f"{self.name}.{envelope.attempt}",))) for envelope in envelopes]

    def _hang_up(self, envelopes: Sequence[Envelope], talked_s: float, way: Course) -> list[Event]:
        """The calls end: first what they proved, then that they are over."""
        self._calls.difference_update(envelope.attempt for envelope in envelopes)
        if way.answered_s is None:
            now = self._clock.now()
            events: list[Event] = [Receipt("failed", way.words, at=now, attempt=one.attempt) for one in envelopes]
        else:
            events = self._arrivals(envelopes)
        return [*events, *(Call(envelope.attempt, "ended", talked_s) for envelope in envelopes)]

    def _arrivals(self, envelopes: Sequence[Envelope]) -> list[Event]:
        """The copies reach their handsets, once each; proof comes back for all but the lost share."""
        now = self._clock.now()
        self._write_ledger([envelope for envelope in envelopes if self._is_new(envelope.attempt)], now)
        events: list[Event] = []
        for envelope in envelopes:
            events += self._proofs(envelope.attempt, envelope.content.confirm, now)
        return events

    def _proofs(self, attempt: AttemptId, confirm: bool, at: Instant) -> list[Event]:
        drawn = fate(self._settings.seed, attempt)
        if drawn.proof < self._settings.loss:
            return []
        events: list[Event] = [Receipt("reached", "sim", at=at, attempt=attempt)]
        if confirm and drawn.confirm < CONFIRMED_SHARE:
            events.append(Receipt("confirmed", "sim", at=at, attempt=attempt))
        return events

    def _recall(self) -> list[Event]:
        """Know again what the ledger holds, and return the proof of what is recent in it.

        A line that a crash broke off never was: its copy did not arrive.
        """
        path = None if self._settings.ledger is None else Path(self._settings.ledger)
        if path is None or not path.exists():
            return []
        whole, newline, tail = path.read_bytes().rpartition(b"\n")
        if tail:
            os.truncate(path, len(whole) + len(newline))
        since = self._clock.now() - RECALL_MS
        events: list[Event] = []
        for line in whole.splitlines():
            copy = json.loads(line)
            attempt, at = AttemptId(copy["attempt"]), Instant(round(copy["at"] * 1000))
            if copy["carrier"] == self.name and self._is_new(attempt) and at >= since:
                events += self._proofs(attempt, copy["confirm"], at)
        return events

    def _is_new(self, attempt: AttemptId) -> bool:
        if attempt in self._known:
            return False
        self._known[attempt] = None
        if len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]
        return True

    def _write_ledger(self, envelopes: Sequence[Envelope], now: Instant) -> None:
        if self._settings.ledger is None or not envelopes:
            return
        with Path(self._settings.ledger).open("a", encoding="utf-8") as ledger:
            for envelope in envelopes:
                copy = {
                    "at": now / 1000,
                    "number": envelope.address,
                    "channel": envelope.content.channel,
                    "carrier": self.name,
                    "text": envelope.content.text,
                    "attempt": envelope.attempt,
                    "confirm": envelope.content.confirm,
                }
                ledger.write(json.dumps(copy, ensure_ascii=False) + "\n")


def _answered(envelopes: Sequence[Envelope], seconds: float) -> list[Event]:
    return [Call(envelope.attempt, "answered", seconds) for envelope in envelopes]


def build(settings: Sim, emit: Emit, clock: Clock) -> SimCarrier:
    """Return the carrier; its ledger is appended to as copies arrive."""
    return SimCarrier(settings, emit, clock)
