"""What happens next to an attempt that is not proved: the whole table, row by row, each with its reason."""

import pytest
from tests.unit.core.batches import ACCEPTED_AT, ACME, OTHER, make_batch

from klaroen.core.model import CLASSES, Batch, CarrierName, Instant
from klaroen.core.state import FAILED, HANDED_OVER, NETWORK, NONE, REACHED, REFUSED, UNKNOWN, UNSENT
from klaroen.core.verdict import (
    BACKOFF_S_MAX,
    RESENDS_UNKNOWN,
    Again,
    Attempt,
    NextStep,
    Patience,
    Verdict,
    Wait,
    backoff_s,
    judge,
)

THIRD = CarrierName("third")
ANSWERED_AT = Instant(ACCEPTED_AT + 1_000)
NOW = Instant(ANSWERED_AT + 2_000)
PATIENCE = Patience({"sms": 60.0}, grace_s=5.0, attempts_max=3, retry_s=2.0)
MIDDLE = 0.5
"""The draw that leaves a back-off as it is."""


def verdict(
    attempt: Attempt,
    batch: Batch | None = None,
    *,
    keyed: bool = False,
    others: tuple[CarrierName, ...] = (),
    now: Instant = NOW,
    draw: float = MIDDLE,
) -> Verdict:
    return judge(attempt, batch or make_batch(), ACME, keyed, others, PATIENCE, now, draw)


def after(seconds: float) -> Instant:
    return Instant(NOW + int(1_000 * seconds))


# --- unsent: certainly not processed ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [NONE, UNSENT])
def test_unsent_goes_to_another_carrier_at_once_and_burns_no_try(state: int) -> None:
    expected = Again(NOW, 1, 0, (ACME,), None, False)
    assert expected == verdict(Attempt(state, ANSWERED_AT), make_batch(attempt_no=1), others=(OTHER,))


def test_unsent_avoids_every_carrier_that_had_it() -> None:
    batch = make_batch(passed=(OTHER,))
    assert Again(NOW, 0, 0, (OTHER, ACME), None, False) == verdict(
        Attempt(UNSENT, ANSWERED_AT), batch, others=(OTHER, THIRD)
    )


@pytest.mark.parametrize("others", [(), (OTHER,)])
def test_unsent_everywhere_begins_anew_after_a_pause(others: tuple[CarrierName, ...]) -> None:
    """All had it, or there is but one: everybody may be asked again, and the pause grows."""
    batch = make_batch(passed=(OTHER,), attempt_no=1, deferrals=2)
    expected = Again(after(8.0), 1, 3, (), None, False)
    assert expected == verdict(Attempt(UNSENT, ANSWERED_AT), batch, others=others)


def test_unsent_waits_as_long_as_the_carrier_asked() -> None:
    assert after(30.0) == _due(verdict(Attempt(UNSENT, ANSWERED_AT, retry_after_s=30.0)))
    assert after(2.0) == _due(verdict(Attempt(UNSENT, ANSWERED_AT, retry_after_s=0.5)))


def test_unsent_elsewhere_does_not_wait_for_the_carrier_that_asked() -> None:
    assert NOW == _due(verdict(Attempt(UNSENT, ANSWERED_AT, retry_after_s=30.0), others=(OTHER,)))


@pytest.mark.parametrize(("retry_after_s", "due"), [(None, NOW), (3.0, after(3.0))])
def test_a_throttle_burns_nothing(retry_after_s: float | None, due: Instant) -> None:
    """No try, no deferral, and the carrier may have it again: its pace has slowed down already."""
    batch = make_batch(passed=(OTHER,), attempt_no=2, deferrals=4)
    attempt = Attempt(UNSENT, ANSWERED_AT, retry_after_s=retry_after_s, throttled=True)
    assert Again(due, 2, 4, (OTHER,), None, False) == verdict(attempt, batch, others=(THIRD,))


def test_a_resend_that_came_back_unsent_stays_a_possible_duplicate() -> None:
    batch = make_batch(possible_duplicate=True)
    assert Again(NOW, 0, 0, (ACME,), None, True) == verdict(Attempt(UNSENT, ANSWERED_AT), batch, others=(OTHER,))


@pytest.mark.parametrize("throttled", [False, True])
def test_what_only_one_carrier_may_repeat_stays_with_it(throttled: bool) -> None:
    """Its first try may have been processed, and only this carrier knows the key: elsewhere it would ring twice."""
    batch = make_batch(only=ACME)
    again = verdict(Attempt(UNSENT, ANSWERED_AT, throttled=throttled), batch, others=(OTHER,))
    assert isinstance(again, Again)
    assert (ACME, (), False) == (again.only, again.passed, again.possible_duplicate)


# --- unknown: may have been processed --------------------------------------------------------------------------------


@pytest.mark.parametrize("alert_class", CLASSES)
def test_a_carrier_with_keys_gets_the_same_key_at_once(alert_class: str) -> None:
    """The repeat is harmless, whatever the class: the same attempt, by this carrier alone, no possible duplicate."""
    batch = make_batch(alert_class=alert_class, attempt_no=1, passed=(OTHER,))  # type: ignore[arg-type]
    expected = Again(NOW, 1, 1, (), ACME, False)
    assert expected == verdict(Attempt(UNKNOWN, ANSWERED_AT), batch, keyed=True, others=(OTHER,))


def test_a_carrier_with_keys_that_never_knows_is_asked_ever_more_slowly() -> None:
    batch = make_batch(deferrals=3, only=ACME)
    assert Again(after(0.75 * 16), 0, 4, (), ACME, False) == verdict(Attempt(UNKNOWN, ANSWERED_AT), batch, keyed=True)


def test_without_keys_an_unknown_waits_its_grace_for_a_receipt() -> None:
    assert Wait(Instant(ANSWERED_AT + 5_000)) == verdict(Attempt(UNKNOWN, ANSWERED_AT), others=(OTHER,))


@pytest.mark.parametrize("alert_class", ["crisis", "warm", "public_interest"])
def test_after_the_grace_twice_is_better_than_not_at_all(alert_class: str) -> None:
    """By any carrier, as the same try, and marked before it leaves."""
    batch = make_batch(alert_class=alert_class, attempt_no=1, passed=(OTHER,))  # type: ignore[arg-type]
    until = Instant(ANSWERED_AT + 5_000)
    again = verdict(Attempt(UNKNOWN, ANSWERED_AT), batch, others=(OTHER,), now=until)
    assert isinstance(again, Again)
    assert (until, 1, (), None, True) == (
        again.due_at, again.attempt_no, again.passed, again.only, again.possible_duplicate,
    )  # fmt: skip


def test_a_carrier_that_delivers_and_never_says_so_does_not_ring_for_ever() -> None:
    """Resends are counted like tries: then the next step follows, which rings by another channel."""
    attempt, until = Attempt(UNKNOWN, ANSWERED_AT), Instant(ANSWERED_AT + 5_000)
    batch, copies = make_batch(), 1
    while isinstance(again := verdict(attempt, batch, others=(OTHER,), now=until), Again):
        batch = make_batch(possible_duplicate=True, deferrals=again.deferrals, attempt_no=again.attempt_no)
        copies += 1
    assert (NextStep(), PATIENCE.attempts_max) == (again, copies)


def test_whoever_was_deferred_often_is_still_resent_once() -> None:
    """Being handed back unsent is no resend."""
    again = verdict(
        Attempt(UNKNOWN, ANSWERED_AT), make_batch(deferrals=9), others=(OTHER,), now=Instant(ANSWERED_AT + 5_000)
    )
    assert isinstance(again, Again)
    assert again.possible_duplicate


def test_after_the_grace_a_cold_message_is_held_for_the_operator() -> None:
    batch = make_batch(alert_class="cold")
    assert Wait(None) == verdict(Attempt(UNKNOWN, ANSWERED_AT), batch, now=Instant(ANSWERED_AT + 5_000))
    assert {"cold"} == {alert_class for alert_class, resends in RESENDS_UNKNOWN.items() if not resends}


# --- refused: a definite no ------------------------------------------------------------------------------------------


def test_a_carriers_own_refusal_goes_to_another_and_burns_a_try() -> None:
    batch = make_batch(deferrals=4)
    assert Again(NOW, 1, 0, (ACME,), None, False) == verdict(Attempt(REFUSED, ANSWERED_AT), batch, others=(OTHER,))


def test_a_refused_resend_stays_a_possible_duplicate() -> None:
    batch = make_batch(possible_duplicate=True)
    assert Again(NOW, 1, 0, (ACME,), None, True) == verdict(Attempt(REFUSED, ANSWERED_AT), batch, others=(OTHER,))


@pytest.mark.parametrize(
    ("attempt", "batch", "others"),
    [
        (Attempt(REFUSED, ANSWERED_AT, address_fault=True), make_batch(), (OTHER,)),  # nobody will do better
        (Attempt(REFUSED, ANSWERED_AT), make_batch(), ()),  # nobody else
        (Attempt(REFUSED, ANSWERED_AT), make_batch(passed=(OTHER,)), (OTHER,)),  # all others have refused
        (Attempt(REFUSED, ANSWERED_AT), make_batch(attempt_no=2), (OTHER,)),  # the tries of this step are used up
    ],
)
def test_where_no_carrier_will_do_better_the_next_step_follows(
    attempt: Attempt, batch: Batch, others: tuple[CarrierName, ...]
) -> None:
    assert NextStep() == verdict(attempt, batch, others=others)


# --- taken by a carrier ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [HANDED_OVER, NETWORK])
def test_R15_without_proof_in_the_steps_time_the_next_is_tried(state: int) -> None:
    """A network's receipt prolongs nothing: it is no proof."""
    until = Instant(ANSWERED_AT + 60_000)
    assert Wait(until) == verdict(Attempt(state, ANSWERED_AT), others=(OTHER,))
    assert Wait(until) == verdict(Attempt(state, ANSWERED_AT), now=Instant(until - 1))
    assert NextStep() == verdict(Attempt(state, ANSWERED_AT), others=(OTHER,), now=until)


@pytest.mark.parametrize("state", [HANDED_OVER, NETWORK, UNKNOWN])
def test_R15_whoever_was_not_listening_listens_for_a_grace_first(state: int) -> None:
    """At a start the step's time, or the grace of what is in doubt, may have passed while proof waited to be told."""
    began_at = Instant(ANSWERED_AT + 3_600_000)
    attempt, until = Attempt(state, ANSWERED_AT, heard_from=began_at), Instant(began_at + 5_000)
    assert Wait(until) == verdict(attempt, now=Instant(until - 1))
    assert not isinstance(verdict(attempt, now=until), Wait)


def test_R15_a_step_that_has_time_left_gets_no_more_for_a_start() -> None:
    attempt = Attempt(HANDED_OVER, ANSWERED_AT, heard_from=Instant(ANSWERED_AT + 30_000))
    assert Wait(Instant(ANSWERED_AT + 60_000)) == verdict(attempt, now=Instant(ANSWERED_AT + 31_000))


def test_R15_a_call_that_ended_unheard_is_judged_after_the_grace() -> None:
    began_at = Instant(ANSWERED_AT + 20_000)
    attempt = Attempt(HANDED_OVER, ANSWERED_AT, quiet_at=Instant(ANSWERED_AT + 9_000), heard_from=began_at)
    assert Wait(Instant(began_at + 5_000)) == verdict(attempt, now=began_at)


def test_R15_a_receipt_that_says_it_will_not_arrive_ends_the_wait() -> None:
    """No other carrier of the channel: the handset is off, full or gone, whoever asks."""
    assert NextStep() == verdict(Attempt(FAILED, ANSWERED_AT), others=(OTHER,))


def test_who_is_reached_needs_no_verdict() -> None:
    with pytest.raises(AssertionError):
        verdict(Attempt(REACHED, ANSWERED_AT))


# --- back-off --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("deferrals", "expected"), [(0, 2.0), (1, 4.0), (4, 32.0), (5, 60.0), (10_000, 60.0)])
def test_pauses_double_up_to_a_minute(deferrals: int, expected: float) -> None:
    assert expected == backoff_s(2.0, deferrals, MIDDLE)
    assert expected <= BACKOFF_S_MAX


def test_pauses_are_spread_so_that_none_march_in_step() -> None:
    assert (1.5, 2.0, pytest.approx(2.5)) == tuple(backoff_s(2.0, 0, draw) for draw in (0.0, 0.5, 1.0))


def _due(one: Verdict) -> Instant:
    assert isinstance(one, Again)
    return one.due_at
