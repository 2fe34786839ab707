"""The conformance kit itself: a carrier that breaks a promise does not pass."""

import logging
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from klaroen.core.errors import CarrierDownError
from klaroen.core.model import CarrierName
from klaroen.core.ports import Accepted, Answer, Call, Clock, Emit, Envelope, Link, Outcome, Receipt, Refused, Unsent
from klaroen.testing import CARRIER_CHECKS, TEXTS, Check, Copy, Manner, carrier_conformance

LOG = logging.getLogger("loopback")
CHECKS = {check.__name__: check for check in CARRIER_CHECKS}


class Loopback:
    """A carrier and its far end in one, which answers at once; each test breaks one promise of it."""

    name = CarrierName("loopback")

    def __init__(self, manners: Collection[Manner] = ("accept",)) -> None:
        self.manners = manners
        self.copies: list[Copy] = []
        self.manner: Manner = "accept"
        self.up = False
        self.outcome: Outcome = Accepted()
        self.times = 1
        self.window = 100
        self.silent = False
        self.forgives = False
        self.say: Callable[[Envelope], object] = lambda envelope: None
        self.write: Callable[[Envelope], Sequence[Copy]] = lambda e: [Copy(e.address, e.content.text)]

    def build(self, emit: Emit, clock: Clock) -> "Loopback":
        self._emit, self.clock = emit, clock
        return self

    async def behave(self, manner: Manner) -> None:
        self.manner = manner

    async def run(self) -> None:
        self.up = True
        await self._emit([Link(True, self.window, "loopback")])
        await trio.sleep_forever()

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        if not (self.up or self.forgives):
            raise CarrierDownError(self.name)
        for envelope in envelopes:
            self.say(envelope)
            self.copies += self.write(envelope)
        answers = [Answer(envelope.attempt, self.outcome) for envelope in envelopes]
        if not self.silent:
            await self._emit(answers * self.times)

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        """There are none."""

    async def drain(self, seconds: float) -> None:
        self.up = False


async def conform(check: Check, loopback: Loopback) -> str | None:
    """The words of the failure, or None."""
    try:
        await carrier_conformance(check, loopback.build, loopback, secrets=["s3cret"])
    except (AssertionError, ExceptionGroup) as error:
        first: BaseException = error
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        return str(first)
    return None


def out(words: str) -> None:
    sys.stdout.write(words)


@pytest.mark.parametrize("check", CARRIER_CHECKS, ids=lambda check: check.__name__)
async def test_one_that_keeps_its_promises_passes(check: Check, autojump_clock: MockClock) -> None:
    assert None is await conform(check, Loopback())


BROKEN: dict[str, tuple[str, dict[str, Any], str]] = {
    "answers twice": ("answers_each_envelope_once", {"times": 2}, "several answers"),
    "never answers": ("answers_each_envelope_once", {"silent": True}, "an envelope without answer"),
    "refuses everything": ("answers_each_envelope_once", {"outcome": Unsent("no")}, "not accepted"),
    "loses": ("answers_each_envelope_once", {"write": lambda e: []}, "lost, doubled or altered"),
    "doubles": ("answers_each_envelope_once", {"write": lambda e: [Copy(e.address, e.content.text)] * 2}, "doubled"),
    "alters": ("answers_each_envelope_once", {"write": lambda e: [Copy(e.address, e.content.text.strip())]}, "altered"),
    "has no window": ("says_down_until_it_runs", {"window": 0}, "without a window"),
    "takes before it runs": ("says_down_until_it_runs", {"forgives": True, "silent": True}, "while down"),
    "takes while it drains": ("drains", {"forgives": True}, "while down or draining"),
    "logs a number": ("drains", {"say": lambda e: LOG.debug("to %s", e.address)}, "numbers"),
    "prints a bare number": ("drains", {"say": lambda e: out(e.address[1:])}, "numbers"),
    "logs a text": (
        "answers_each_envelope_once",
        {"say": lambda e: LOG.info(e.content.text)},
        "numbers",
    ),
    "prints a secret": ("drains", {"say": lambda e: out("password=s3cret")}, "secrets"),
    "calls silence unsent": (
        "calls_silence_unknown_in_time",
        {"manners": ("silence",), "outcome": Unsent("no")},
        "silence became",
    ),
    "takes a refusal for success": ("takes_a_refusal_for_one", {"manners": ("refuse",)}, "a refusal became"),
    "calls a cut unsent": ("calls_a_cut_unknown", {"manners": ("cut",), "outcome": Unsent("no")}, "a cut became"),
    "succeeds with nobody": ("writes_nothing_while_down", {"manners": ("away",)}, "away, and yet"),
}


@pytest.mark.parametrize(("check", "breach", "words"), BROKEN.values(), ids=BROKEN)
async def test_one_that_breaks_a_promise_does_not(
    check: str, breach: dict[str, Any], words: str, autojump_clock: MockClock
) -> None:
    loopback = Loopback()
    for name, value in breach.items():
        setattr(loopback, name, value)
    failure = await conform(CHECKS[check], loopback)
    assert failure is not None
    assert words in failure
    assert TEXTS[1] not in failure


# --- calls ------------------------------------------------------------------------------------------------------------


class Telephone(Loopback):
    """A carrier of calls in one with its far end: `course` is what is said of each call after its answer."""

    ANSWERED: tuple[tuple[float, str], ...] = ((0.5, "answered"), (1.5, "reached"), (1.5, "ended"))

    def __init__(self, course: Sequence[tuple[float, str]] = ANSWERED, *, ring_s: float | None = None) -> None:
        super().__init__(("accept", "refuse", "ring"))
        self.course = course
        self.ring_s = ring_s
        """How long it lets a telephone ring; None: as long as it should."""
        self.standing = 0
        self.patient = True
        self.ended = trio.Event()

    async def run(self) -> None:
        async with trio.open_nursery() as self.nursery:
            await super().run()

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        self.outcome = Refused("busy", "address") if self.manner == "refuse" else Accepted()
        await super().hand_over(envelopes)
        for envelope in envelopes:
            if self.manner != "refuse":
                self.standing += 1
                self.nursery.start_soon(self._call, envelope, self._course(envelope))

    def _course(self, envelope: Envelope) -> Sequence[tuple[float, str]]:
        if self.manner != "ring":
            return self.course
        assert envelope.script is not None
        lives_s = (envelope.content.expires_at - self.clock.now()) / 1000
        ring_s = min(envelope.script.ring_s, lives_s) if self.ring_s is None else self.ring_s
        return (ring_s, "failed"), (ring_s, "ended")

    async def _call(self, envelope: Envelope, course: Sequence[tuple[float, str]]) -> None:
        started_at, attempt = trio.current_time(), envelope.attempt
        for at_s, word in course:
            await trio.sleep_until(started_at + at_s)
            if word in ("answered", "ended"):
                await self._emit([Call(attempt, word, at_s if self.manner == "accept" else 0.0)])  # type: ignore[arg-type]
            else:
                await self._emit([Receipt(word, "x", attempt=attempt)])  # type: ignore[arg-type]
        self.standing -= 1
        self.ended.set()
        self.ended = trio.Event()

    async def drain(self, seconds: float) -> None:
        await super().drain(seconds)
        with trio.move_on_after(seconds):
            while self.standing and self.patient:
                await self.ended.wait()


async def call(check: str, telephone: Telephone) -> str | None:
    try:
        await carrier_conformance(CHECKS[check], telephone.build, telephone, channel="tts")
    except (AssertionError, ExceptionGroup) as error:
        first: BaseException = error
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        return str(first)
    return None


@pytest.mark.parametrize("check", CHECKS)
async def test_calls_that_keep_their_promises_pass(check: str, autojump_clock: MockClock) -> None:
    assert None is await call(check, Telephone())


FAULTY: dict[str, tuple[str, dict[str, Any], str]] = {
    "never ends": ("ends_each_call_once", {"course": ((0.5, "answered"), (1.5, "reached"))}, "a call without end"),
    "ends twice": ("ends_each_call_once", {"course": (*Telephone.ANSWERED, (2.0, "ended"))}, "more than once"),
    "answers twice": (
        "ends_each_call_once",
        {"course": ((0.2, "answered"), *Telephone.ANSWERED)},
        "answered more than once",
    ),
    "proves too late": (
        "ends_each_call_once",
        {"course": ((0.5, "answered"), (1.5, "ended"), (2.0, "reached"))},
        "after the end",
    ),
    "proves what nobody answered": (
        "drains_its_calls",
        {"course": ((0.5, "reached"), (0.5, "ended"))},
        "before it was answered",
    ),
    "says nothing of the play": (
        "ends_each_call_once",
        {"course": ((0.5, "answered"), (1.5, "ended"))},
        "answered and played",
    ),
    "rings for ever": ("gives_up_what_rings", {"ring_s": 40.0}, "rang for"),
    "gives up at once": ("gives_up_what_rings", {"ring_s": 1.0}, "rang for"),
    "rings for a dead alert": ("lets_nothing_ring_beyond_its_alert", {"ring_s": 15.0}, "rang for"),
}


@pytest.mark.parametrize(("check", "breach", "words"), FAULTY.values(), ids=FAULTY)
async def test_calls_that_break_a_promise_do_not(
    check: str, breach: dict[str, Any], words: str, autojump_clock: MockClock
) -> None:
    found = await call(check, Telephone(**breach))
    assert found is not None
    assert words in found


async def test_draining_that_cuts_calls_off_is_seen(autojump_clock: MockClock) -> None:
    telephone = Telephone()
    telephone.patient = False
    assert "drained with calls standing" == await call("drains_its_calls", telephone)


async def test_a_call_of_what_was_refused_is_seen(autojump_clock: MockClock) -> None:
    class Ghost(Telephone):
        async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
            await super().hand_over(envelopes)
            for envelope in envelopes:
                await self._emit([Call(envelope.attempt, "ended", 0.0)])

    assert "of a call that never was: ['ended']" == await call("has_no_call_to_end_that_it_refused", Ghost())
    assert "ended of a call that was not accepted" == await call("takes_a_refusal_for_one", Ghost())
