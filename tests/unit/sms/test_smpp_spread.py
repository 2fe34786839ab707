"""Messages on their way to the binds: all parts by one bind, in proportion to its room, and not for long."""

from typing import Any

import pytest
from tests.unit.sms.smpp_kit import BIND_RESP, NOW, content, envelopes, pdu, sequences, settings

from klaroen.core.model import Instant
from klaroen.core.ports import Answer, Refused, Unsent
from klaroen.settings import SmppProfile
from klaroen_adapters.sms import smpp_spread
from klaroen_adapters.sms.smpp_content import Concatenations, Contents
from klaroen_adapters.sms.smpp_session import Session
from klaroen_adapters.sms.smpp_spread import WAIT_MS, Spread
from klaroen_adapters.sms.smpp_terms import make_terms

ONE, TWO = content(), content("a" * 200)


def spread_over(*windows: int, **changes: Any) -> tuple[Spread, list[Session]]:
    sessions = []
    for window in windows:
        session = Session(make_terms(settings(window=window), ""), NOW)
        session.take()
        session.receive(pdu(BIND_RESP, 0, 1), NOW)
        sessions.append(session)
    return Spread(Contents(settings(**changes)), Concatenations(0).draw), sessions


def unsent(count: int, outcome: Any, first: int = 0) -> list[Answer]:
    return [Answer(envelope.attempt, outcome) for envelope in envelopes(count, ONE, first)]


@pytest.mark.parametrize(
    ("windows", "count", "of", "shares"),
    [
        ((10, 10), 10, ONE, [5, 5]),
        ((10, 30), 10, ONE, [2, 8]),
        ((10, 30), 100, ONE, [10, 30]),
        ((3, 5), 10, TWO, [2, 4]),  # whole messages of two parts
        ((10, 10), 1, ONE, [0, 1]),
    ],
)
def test_each_bind_takes_its_share(windows: tuple[int, ...], count: int, of: Any, shares: list[int]) -> None:
    """In proportion to room, and never half a message."""
    spread, sessions = spread_over(*windows)
    assert [] == spread.add(envelopes(count, of), NOW)
    spread.place(sessions, NOW)
    assert shares == [len(sequences(session.take())) for session in sessions]


def test_what_finds_no_room_waits_shortly_and_goes_back() -> None:
    """In its order, unsent, and as a throttle where that is why."""
    spread, sessions = spread_over(2)
    spread.add(envelopes(5, ONE), NOW)
    spread.place(sessions, NOW)
    assert 3 == len(spread)
    assert [] == spread.overdue(Instant(NOW + WAIT_MS - 1), throttled=False)
    assert unsent(3, Unsent("no free window"), 2) == spread.overdue(Instant(NOW + WAIT_MS), throttled=False)
    spread.add(envelopes(2, ONE), NOW)
    assert unsent(2, Unsent("throttled", throttled=True)) == spread.overdue(Instant(NOW + WAIT_MS), throttled=True)
    assert 0 == len(spread)


def test_runs_leave_in_their_order() -> None:
    """A later run does not overtake one that waits."""
    spread, sessions = spread_over(3)
    spread.add(envelopes(2, TWO), NOW)
    spread.add(envelopes(1, ONE, 2), NOW)
    spread.place(sessions, NOW)
    assert 2 == len(sequences(sessions[0].take()))
    assert 2 == len(spread)
    assert unsent(2, Unsent("stopped"), 1) == spread.withdraw("stopped")


def test_one_call_may_hold_several_contents_and_deadlines() -> None:
    """Each run gets its own template and its own time."""
    spread, sessions = spread_over(10)
    mixed = [*envelopes(2, ONE), *envelopes(1, TWO, 2), *envelopes(1, TWO, 3, deadline_at=NOW + 5)]
    assert [] == spread.add(mixed, NOW)
    assert 4 == len(spread)
    spread.place(sessions, NOW)
    assert 6 == len(sequences(sessions[0].take()))


@pytest.mark.parametrize(("of", "deadline_at"), [(content(expires_at=NOW), NOW + 1000), (ONE, NOW)])
def test_what_is_over_does_not_leave(of: Any, deadline_at: int) -> None:
    """Nothing is handed over after its expiry or its deadline."""
    spread, _ = spread_over(10)
    assert unsent(2, Unsent("expired")) == spread.add(envelopes(2, of, deadline_at=deadline_at), NOW)


@pytest.mark.parametrize(
    "address",
    [
        "32470000001",
        "+",
        "",
        "+3247000000a",
        "+32470\x00",
        "+" + "1" * 21,
        "++32470",
        "+٣٢",
        "3247+0",
        "+32\n+32",
        "+32\n",
    ],
)
def test_an_address_that_is_no_number_is_refused(address: str) -> None:
    """And the rest of its run leaves."""
    spread, _ = spread_over(10)
    good, bad = envelopes(2, ONE)
    broken = type(bad)(bad.attempt, address, bad.content, bad.deadline_at, bad.reference)
    assert [Answer(bad.attempt, Refused("address", "address"))] == spread.add([good, broken], NOW)
    assert 1 == len(spread)
    assert [Answer(bad.attempt, Refused("address", "address"))] == spread.add([broken], NOW)
    assert 1 == len(spread)


def test_a_text_that_the_carrier_cannot_say_is_refused() -> None:
    """For each of its envelopes."""
    spread, _ = spread_over(10, profile=SmppProfile(alphabets={"gsm7": 0}))
    assert unsent(2, Refused("alphabet", "carrier")) == spread.add(envelopes(2, content("ë")), NOW)


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than was granted is not taken."""
    monkeypatch.setattr(smpp_spread, "WAITING_MAX", 3)
    spread, _ = spread_over()
    assert [] == spread.add(envelopes(3, ONE), NOW)
    assert unsent(1, Unsent("no free window"), 3) == spread.add(envelopes(1, ONE, 3), NOW)
    assert [] == spread.add([], NOW)
