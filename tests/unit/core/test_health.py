"""What is held against a carrier that is connected, and how it gets rid of it."""

import pytest
from msgspec.structs import replace

from klaroen.core.health import (
    LATE_MS,
    PAUSE_MS,
    REFUSING_MS,
    TRIAL_ANSWER_MS,
    TRIAL_MS,
    TRIAL_MS_MAX,
    WAITING_MS,
    Health,
    answered,
    begin_trial,
    falters,
    is_better,
    is_well,
    judge,
    proved,
    taken,
    timed,
    trial_is_due,
)
from klaroen.core.model import Instant
from klaroen.core.proofs import RIPE_MS

NOW = Instant(1_795_305_600_000)
USUAL = Health(usual_ms=20.0, usual_share=0.9)


def later(ms: float) -> Instant:
    return Instant(NOW + int(ms))


def judged(health: Health, now: Instant, *others: Health, silent_ms: int = 0, late: bool = False) -> Health:
    return judge(health, others, silent_ms, now, now, late=late)


def condemned(condition: str = "slow") -> Health:
    return replace(USUAL, condition=condition, trial_at=later(TRIAL_MS))


def answering(health: Health, ms: float, times: int, start: float = 0.0) -> Health:
    """Twenty lists of answers a second, each of that time."""
    for number in range(times):
        now = later(start + 50 * number)
        health = answered(timed(health, ms, now), 1.0, 1, False, now)
    return health


def handing(health: Health, seconds: int, share: float, start: int = 0, each: int = 100) -> Health:
    """So many attempts a second, and the share of them that receipts prove."""
    for second in range(start, start + seconds):
        flown = later(1000 * second)
        health = proved(taken(health, flown, each), flown, int(each * share))
    return health


# --- slow -----------------------------------------------------------------------------------------------------------


def test_ten_times_slower_is_noticed_within_two_seconds() -> None:
    health = answering(answering(Health(), 20, 100), 200, 40, start=5_000)
    assert "slow" == judged(health, later(7_000)).condition


def test_who_is_late_for_a_moment_is_not_slow() -> None:
    health = answering(answering(Health(), 20, 100), 400, 10, start=5_000)
    assert health.late_since
    assert is_well(judged(health, Instant(health.late_since + LATE_MS - 1)))
    assert is_well(judged(answering(health, 20, 20, start=5_500), later(6_500)))


def test_who_was_always_slow_is_not_condemned_for_it() -> None:
    assert is_well(judged(answering(Health(), 900, 200), later(10_000)))


def test_what_slows_all_of_them_condemns_none() -> None:
    both, quick = answering(USUAL, 300, 40), answering(USUAL, 20, 40)
    assert is_well(judged(both, later(2_000), both))
    assert "slow" == judged(both, later(2_000), both, quick).condition
    assert "slow" == judged(both, later(2_000), replace(both, timed_at=NOW)).condition, "now it answers nothing"


def test_no_sign_of_life_is_slow_before_it_is_an_open_breaker() -> None:
    assert is_well(judged(USUAL, NOW, silent_ms=WAITING_MS - 1))
    assert "slow" == judged(USUAL, NOW, silent_ms=WAITING_MS).condition
    assert is_well(judged(answering(Health(), 600, 40), NOW, silent_ms=WAITING_MS))


# --- throttling -----------------------------------------------------------------------------------------------------


def test_throttled_and_nothing_taken_for_seconds_is_noticed() -> None:
    health = USUAL
    for ms in range(0, REFUSING_MS + 1, 100):
        health = answered(health, 1.0, 0, True, later(ms))
    assert is_well(judged(health, later(REFUSING_MS - 1)))
    assert "throttling" == judged(health, later(REFUSING_MS)).condition


def test_one_message_taken_ends_it() -> None:
    health = answered(USUAL, 1.0, 0, True, NOW)
    assert falters(health, 0)
    health = answered(health, 1.0, 1, True, later(900))
    assert not falters(health, 0)
    assert is_well(judged(health, later(REFUSING_MS)))


# --- faltering ------------------------------------------------------------------------------------------------------


def test_who_is_silent_for_longer_than_usual_or_late_falters_before_anything_is_held_against_him() -> None:
    usual = answering(Health(), 20, 100)
    assert (False, True) == (falters(usual, PAUSE_MS - 1), falters(usual, PAUSE_MS))
    assert not falters(Health(), 10 * PAUSE_MS), "of whom nothing is known yet"
    by_nature = answering(Health(), 100, 100)
    assert (False, True) == (falters(by_nature, 299), falters(by_nature, 300))
    late = answering(usual, 400, 10, start=5_000)
    assert (True, True) == (falters(late, 0), is_well(judged(late, Instant(late.late_since + LATE_MS - 1))))


# --- while we are late ourselves ------------------------------------------------------------------------------------


def test_while_we_are_late_nobody_is_condemned_for_what_may_be_our_own_doing() -> None:
    lying = handing(USUAL, 20, 0.0)
    assert is_well(judged(answering(USUAL, 900, 40), later(2_000), silent_ms=WAITING_MS, late=True))
    assert (False, True) == (is_well(judged(lying, later(40_000))), is_well(judged(lying, later(40_000), late=True)))
    refusing = answered(USUAL, 1.0, 0, True, NOW)
    assert "throttling" == judged(refusing, later(REFUSING_MS), late=True).condition, "that he says himself"


def test_while_we_are_late_a_trial_may_pass_and_does_not_fail_by_what_looks_late() -> None:
    trying = begin_trial(condemned("slow"), NOW)
    assert trying == judged(trying, later(TRIAL_ANSWER_MS), late=True)
    assert judged(trying, later(2 * TRIAL_ANSWER_MS), late=True) == judged(trying, later(2 * TRIAL_ANSWER_MS))
    late = answering(trying, 900, 1)
    assert (late, False) == (judged(late, later(1_000), late=True), late == judged(late, later(1_000)))
    assert is_well(judged(answering(trying, 30, 1), later(100), late=True))
    throttled = answered(begin_trial(condemned("throttling"), NOW), 1.0, 0, True, later(20))
    assert judged(throttled, later(100), late=True) == judged(throttled, later(100))


def test_of_those_that_ail_who_is_late_is_better_than_who_takes_nothing() -> None:
    well, slow, throttling, unproved = (condemned(one) for one in ("well", "slow", "throttling", "unproved"))
    assert is_better(well, slow)
    assert is_better(slow, throttling)
    assert is_better(slow, unproved)
    assert not is_better(throttling, unproved)
    assert not is_better(unproved, throttling)
    assert not is_better(well, well)


# --- taking and proving nothing -------------------------------------------------------------------------------------


def test_taking_everything_and_proving_nothing_is_noticed_within_half_a_minute() -> None:
    """By its own past, where it is alone."""
    health = handing(USUAL, 20, 0.9)
    for now_s in range(20, 50):
        health = judged(handing(health, 1, 0.0, start=now_s), later(1000 * now_s))
        if not is_well(health):
            break
    assert ("unproved", True) == (health.condition, now_s <= 40)


def test_others_of_the_channel_tell_what_is_usual() -> None:
    """Without a past, and where a whole channel proves little, nobody is condemned."""
    nothing, good, poor = handing(Health(), 20, 0.0), handing(Health(), 20, 0.9), handing(Health(), 20, 0.2)
    now = later(25_000)
    assert is_well(judged(nothing, now))
    assert is_well(judged(nothing, now, poor))
    assert "unproved" == judged(nothing, now, poor, good).condition
    assert is_well(judged(replace(nothing, usual_share=0.9), now, poor)), "receipts of both stay away: not its fault"


def test_what_lies_unread_says_nothing() -> None:
    health = handing(USUAL, 20, 0.0)
    assert is_well(judge(health, (), 0, later(5_000), later(25_000)))


def test_what_is_usual_is_learnt_slowly() -> None:
    health = judged(handing(Health(), 20, 0.8), later(25_000))
    assert 0.8 == health.usual_share
    assert pytest.approx(0.801, abs=1e-4) == judged(handing(health, 20, 0.9, start=25), later(50_000)).usual_share


# --- trials ---------------------------------------------------------------------------------------------------------


def test_a_trial_is_due_after_a_pause_and_once_at_a_time() -> None:
    assert not trial_is_due(USUAL, NOW)
    assert not trial_is_due(condemned(), later(TRIAL_MS - 1))
    assert trial_is_due(condemned(), later(TRIAL_MS))
    assert not trial_is_due(begin_trial(condemned(), later(TRIAL_MS)), later(TRIAL_MS))
    assert condemned() == judged(condemned(), later(TRIAL_MS))


@pytest.mark.parametrize("condition", ["slow", "throttling", "unproved"])
def test_a_trial_that_nobody_answers_fails_and_the_next_pause_is_twice_as_long(condition: str) -> None:
    trying = begin_trial(condemned(condition), NOW)
    assert trying == judged(trying, later(TRIAL_ANSWER_MS - 1))
    failed = judged(trying, later(TRIAL_ANSWER_MS))
    assert (condition, later(TRIAL_ANSWER_MS + 2 * TRIAL_MS)) == (failed.condition, failed.trial_at)
    assert not failed.tried_at


def test_pauses_do_not_grow_for_ever() -> None:
    long = begin_trial(replace(condemned(), trial_ms=TRIAL_MS_MAX), NOW)
    assert TRIAL_MS_MAX == judged(long, later(TRIAL_ANSWER_MS)).trial_ms


def test_a_slow_one_is_well_as_soon_as_it_answers_in_its_time() -> None:
    """What is usual of it is remembered, what was held against it is not."""
    well = judged(answering(begin_trial(condemned(), NOW), 30, 1), later(100))
    assert (Health(usual_ms=well.usual_ms, usual_share=0.9), True) == (well, 20 < well.usual_ms < 21)


def test_who_stays_slow_is_taken_at_its_word_in_the_end() -> None:
    health, trials = condemned(), 0
    while not is_well(health):
        health = judged(answering(begin_trial(health, NOW), 200, 1), later(100))
        trials += 1
    assert 10 < trials < 100


def test_throttling_ends_with_the_first_message_taken() -> None:
    trying = begin_trial(condemned("throttling"), NOW)
    assert "throttling" == judged(answered(trying, 1.0, 0, True, later(20)), later(100)).condition
    assert is_well(judged(answered(trying, 1.0, 5, False, later(20)), later(100)))


def test_arrival_is_awaited_before_a_carrier_is_believed_again() -> None:
    """Its answers were always good."""
    trying = answered(taken(begin_trial(condemned("unproved"), NOW), NOW, 5), 1.0, 5, False, later(20))
    assert trying == judged(trying, later(RIPE_MS - 1))
    assert "unproved" == judged(trying, later(RIPE_MS)).condition
    assert is_well(judged(proved(trying, NOW, 4), later(RIPE_MS)))


def test_late_proof_of_what_left_before_the_trial_does_not_pass_it() -> None:
    trying = answered(taken(begin_trial(condemned("unproved"), NOW), NOW, 5), 1.0, 5, False, later(20))
    assert "unproved" == judged(proved(trying, later(-5_000), 400), later(RIPE_MS)).condition
