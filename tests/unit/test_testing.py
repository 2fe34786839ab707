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
from klaroen.core.ports import Accepted, Answer, Clock, Emit, Envelope, Link, Outcome, Receipt, Unsent
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
        self._emit = emit
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
