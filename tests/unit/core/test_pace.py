"""Rate, window, lines and breaker of one carrier, event by event. Any history: tests/property/test_pace.py."""

import pytest

from klaroen.core.model import Instant
from klaroen.core.pace import (
    BURST_S,
    FAILURES_MAX,
    REOPEN_MS,
    REOPEN_MS_MAX,
    SILENCE_MS,
    THROTTLE_MS,
    Pace,
    grant,
    hang_up,
    is_silent,
    link,
    make_pace,
    open_breaker,
    refill,
    settle,
    spend,
    start_slowly,
    throttle,
    wait_ms,
)

NOW = Instant(1_795_305_600_000)


def later(ms: float) -> Instant:
    return Instant(NOW + int(ms))


def up(rate: float = 1000.0, window: int = 200, lines: int | None = None) -> Pace:
    return link(make_pace(rate, lines, NOW), True, window, NOW)


def half_open(window: int = 200) -> Pace:
    return refill(open_breaker(up(window=window), NOW), later(REOPEN_MS))


# --- rate ------------------------------------------------------------------------------------------------------------


def test_a_carrier_without_a_link_gets_nothing() -> None:
    pace = make_pace(1000, None, NOW)
    assert (0, None) == (grant(pace, 1, NOW), wait_ms(pace, 1, NOW))


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    pace = up()
    assert grant(pace, 1, NOW) == 1000 * BURST_S
    pace = spend(pace, 100, 1, 0, NOW)
    assert grant(pace, 1, NOW) == 0
    assert [10, 50] == [grant(refill(pace, later(ms)), 1, later(ms)) for ms in (10, 50)]


def test_silence_saves_up_no_more_than_a_burst() -> None:
    assert grant(refill(up(), later(3_600_000)), 1, later(3_600_000)) == 100


def test_rates_count_segments() -> None:
    assert (33, 3) == (grant(up(), 3, NOW), grant(up(), 30, NOW))


def test_a_message_longer_than_the_burst_goes_and_its_debt_is_paid_before_the_next() -> None:
    """Ten segments a second: the burst is one segment, and a message of fifteen still leaves."""
    pace = up(rate=10)
    assert grant(pace, 15, NOW) == 1
    pace = spend(pace, 1, 15, 0, NOW)
    assert pace.tokens == -14
    assert grant(refill(pace, later(1_400)), 15, later(1_400)) == 0
    assert grant(refill(pace, later(1_500)), 15, later(1_500)) == 1


def test_a_long_message_waits_for_a_bucket_that_grows_meanwhile() -> None:
    """While the rate recovers, what has to be full becomes larger: the wait holds all the same."""
    pace = refill(throttle(up(rate=100), None, NOW), later(50))
    wait = wait_ms(pace, 30, later(50))
    assert wait is not None
    assert grant(refill(pace, later(50 + wait)), 30, later(50 + wait)) == 1


def test_a_clock_that_stands_still_fills_nothing() -> None:
    pace = spend(up(), 100, 1, 0, NOW)
    assert refill(pace, NOW) is pace
    assert refill(pace, Instant(NOW - 5_000)) is pace


def test_throttling_halves_the_rate_once_a_burst() -> None:
    """Throttles come together: those of one burst are one."""
    pace = up()
    for ms in (0, 1, THROTTLE_MS - 1):
        pace = throttle(pace, None, later(ms))
    assert (500, 0) == (pace.allowed_per_s, grant(pace, 1, later(THROTTLE_MS - 1)))
    assert throttle(pace, None, later(THROTTLE_MS)).allowed_per_s == 250


def test_a_throttle_condemns_nobody_for_ever() -> None:
    """Never below a hundredth of the rate, and never above it again."""
    pace = up()
    for burst in range(20):
        pace = throttle(pace, None, later(burst * THROTTLE_MS))
    assert pace.allowed_per_s == 10
    assert refill(pace, later(3_600_000)).allowed_per_s == 1000


def test_recovery_is_a_twentieth_of_the_rate_a_second() -> None:
    pace = throttle(up(), None, NOW)
    shares = []
    for second in range(1, 12):
        pace = refill(pace, later(second * 1_000))
        shares.append(pace.allowed_per_s)
    assert [550, 600, 650] == pytest.approx(shares[:3])
    assert [1000, 1000] == pytest.approx(shares[-2:])


@pytest.mark.parametrize("later_ms", [0, THROTTLE_MS - 1])
def test_nothing_goes_before_retry_after(later_ms: int) -> None:
    """Also when the throttle that says so is one of a burst; an earlier, longer one stands."""
    pace = throttle(throttle(up(), None, NOW), 3.0, later(later_ms))
    held = later(later_ms + 3_000)
    pace = throttle(pace, 0.5, later(later_ms + 1))
    assert held == pace.held_until
    before, after = Instant(held - 1), held
    assert (0, 1) == (grant(refill(pace, before), 1, before), min(1, grant(refill(pace, after), 1, after)))
    assert wait_ms(refill(pace, before), 1, before) == 1


# --- window and lines ------------------------------------------------------------------------------------------------


def test_unanswered_segments_fill_the_window() -> None:
    pace = spend(up(rate=10_000, window=200), 60, 3, 0, NOW)
    assert (20, 6) == (grant(pace, 1, NOW), grant(pace, 3, NOW))
    pace = spend(pace, 20, 1, 0, NOW)
    assert (0, None) == (grant(pace, 1, NOW), wait_ms(pace, 1, NOW))
    assert grant(settle(pace, 30, 0, NOW), 3, NOW) == 10


def test_a_message_longer_than_the_window_leaves_when_nothing_else_is_in_flight() -> None:
    """It must leave whole, so it leaves alone; else it would never leave."""
    pace = up(window=10)
    assert grant(pace, 15, NOW) == 1
    busy = spend(pace, 1, 1, 0, NOW)
    assert (0, None) == (grant(busy, 15, NOW), wait_ms(busy, 15, NOW))
    alone = spend(pace, 1, 15, 0, NOW)
    assert (0, 0) == (grant(alone, 15, NOW), grant(alone, 1, NOW))


def test_more_answers_than_questions_do_not_widen_the_window() -> None:
    assert settle(spend(up(), 5, 1, 0, NOW), 9, 0, NOW).used == 0


def test_a_window_that_shrinks_lets_nothing_go_until_it_is_kept() -> None:
    pace = link(spend(up(), 100, 1, 0, NOW), True, 50, NOW)
    assert grant(refill(pace, later(100)), 1, later(100)) == 0


def test_calls_occupy_a_line_until_they_end() -> None:
    pace = spend(up(lines=3), 3, 1, 3, NOW)
    pace = settle(pace, 3, 0, NOW)
    assert (0, None) == (grant(pace, 1, NOW), wait_ms(pace, 1, NOW))
    assert grant(hang_up(pace, 2), 1, NOW) == 2
    assert hang_up(pace, 5).lines_used == 0


# --- breaker ---------------------------------------------------------------------------------------------------------


def test_a_carrier_that_does_not_answer_is_left_after_two_seconds() -> None:
    pace = spend(up(), 5, 1, 0, NOW)
    assert not is_silent(pace, later(SILENCE_MS - 1))
    assert is_silent(pace, later(SILENCE_MS))
    assert not is_silent(settle(pace, 1, 0, later(SILENCE_MS - 1)), later(SILENCE_MS))
    assert not is_silent(up(), later(3_600_000)), "who was asked nothing is not silent"
    assert not is_silent(open_breaker(pace, NOW), later(SILENCE_MS)), "it is left already"


def test_an_open_breaker_grants_nothing_and_says_until_when() -> None:
    pace = open_breaker(up(), NOW)
    assert (0, REOPEN_MS) == (grant(pace, 1, NOW), wait_ms(pace, 1, NOW))
    assert "open" == refill(pace, later(REOPEN_MS - 1)).breaker
    assert "half_open" == refill(pace, later(REOPEN_MS)).breaker


def test_an_open_breaker_without_a_link_waits_for_the_link() -> None:
    pace = link(up(), False, 0, NOW)
    assert ("open", None) == (pace.breaker, wait_ms(pace, 1, NOW))
    assert "open" == refill(pace, later(3_600_000)).breaker
    back = link(pace, True, 200, later(5_000))
    assert "half_open" == refill(back, later(5_001)).breaker, "it starts by a trial"


def test_a_link_that_was_never_up_is_not_lost() -> None:
    pace = link(make_pace(1000, None, NOW), False, 0, NOW)
    assert "closed" == pace.breaker
    assert link(open_breaker(up(), NOW), False, 0, later(10)).reopen_at == later(REOPEN_MS), "nor is it lost twice"


def test_a_breaker_closes_again_one_message_at_a_time_each_answer_doubling_the_window() -> None:
    pace, at = half_open(window=20), later(REOPEN_MS)
    windows = []
    while pace.breaker == "half_open":
        windows.append(granted := grant(pace, 1, at))
        pace = spend(pace, 1, 1, 0, at)
        assert grant(pace, 1, at) == granted - 1
        pace = settle(pace, 1, 0, at)
    assert ([1, 2, 4, 8, 16], "closed") == (windows, pace.breaker)
    assert (REOPEN_MS, 0) == (pace.reopen_ms, pace.failures)


def test_a_trial_may_have_several_parts() -> None:
    """One message at a time, whatever its length."""
    pace, at = half_open(), later(REOPEN_MS)
    assert grant(pace, 3, at) == 1
    assert grant(spend(pace, 1, 3, 0, at), 3, at) == 0


def test_a_half_open_breaker_with_room_waits_for_its_rate_alone() -> None:
    pace = settle(spend(half_open(), 1, 1, 0, later(REOPEN_MS)), 1, 0, later(REOPEN_MS))
    pace = throttle(spend(pace, 1, 1, 0, later(REOPEN_MS)), None, later(REOPEN_MS))
    wait = wait_ms(pace, 1, later(REOPEN_MS))
    assert wait is not None
    after = later(REOPEN_MS + wait)
    assert grant(refill(pace, after), 1, after) == 1


def test_a_trial_that_fails_reopens_it_for_twice_as_long() -> None:
    pace, at, waits = up(), NOW, []
    pace = open_breaker(pace, at)
    for _ in range(8):
        waits.append(pace.reopen_at - at)
        at = pace.reopen_at
        pace = spend(refill(pace, at), 1, 1, 0, at)
        pace = settle(pace, 1, 1, at)
        assert "open" == pace.breaker
    assert [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000] == waits
    assert waits[-1] == REOPEN_MS_MAX


def test_what_was_unanswered_when_it_opened_is_no_trial() -> None:
    """A message goes beside it, whose silence or answer alone decides; its late troubles are old news."""
    pace = open_breaker(spend(up(), 50, 1, 0, NOW), later(SILENCE_MS))
    due = later(SILENCE_MS + REOPEN_MS)
    trial = refill(pace, due)
    assert ("half_open", 1) == (trial.breaker, grant(trial, 1, due))
    assert not is_silent(trial, later(60_000)), "nothing was tried yet"
    asked = spend(trial, 1, 1, 0, due)
    assert not is_silent(asked, Instant(due + SILENCE_MS - 1))
    assert is_silent(asked, Instant(due + SILENCE_MS))
    old_news = settle(asked, 50, 50, due)
    assert ("half_open", 1, 0) == (old_news.breaker, old_news.used, old_news.failures)
    assert "open" == settle(old_news, 1, 1, due).breaker


def test_no_trial_begins_while_the_window_is_full() -> None:
    pace = open_breaker(spend(up(window=50), 50, 1, 0, NOW), later(SILENCE_MS))
    due = later(SILENCE_MS + REOPEN_MS)
    assert ("open", None) == (refill(pace, due).breaker, wait_ms(pace, 1, due))
    freed = refill(settle(pace, 1, 1, due), Instant(due + 1))
    assert ("half_open", 2 * REOPEN_MS) == (freed.breaker, freed.reopen_ms), "nothing was tried, so nothing failed"


def test_an_answer_to_nothing_is_no_failed_trial() -> None:
    """A stray answer is a sign of life at most."""
    assert "half_open" == settle(half_open(), 0, 0, later(REOPEN_MS)).breaker
    assert not is_silent(settle(spend(up(), 5, 1, 0, NOW), 0, 0, later(SILENCE_MS)), later(SILENCE_MS))


def test_troubles_in_a_row_open_the_breaker() -> None:
    pace = spend(up(rate=10_000, window=1_000), 500, 1, 0, NOW)
    almost = settle(pace, FAILURES_MAX - 1, FAILURES_MAX - 1, NOW)
    assert "closed" == almost.breaker
    assert "open" == settle(almost, 1, 1, NOW).breaker
    broken_row = settle(settle(almost, 1, 0, NOW), FAILURES_MAX - 1, FAILURES_MAX - 1, NOW)
    assert "closed" == broken_row.breaker
    assert settle(broken_row, 3, 2, NOW).failures == 2, "the last ones of a list are the row's beginning"


def test_a_throttle_is_no_trouble() -> None:
    """It is an answer: a carrier that only slows us down closes its breaker."""
    at = later(REOPEN_MS)
    pace = throttle(spend(half_open(window=2), 1, 1, 0, at), None, at)
    assert "closed" == settle(pace, 1, 0, at).breaker


def test_the_silence_clock_starts_with_the_first_question() -> None:
    pace = spend(up(), 1, 1, 0, NOW)
    pace = spend(pace, 1, 1, 0, later(SILENCE_MS - 1))
    assert is_silent(pace, later(SILENCE_MS)), "asking again is no answer"
    idle = spend(settle(pace, 2, 0, NOW), 1, 1, 0, later(10_000))
    assert not is_silent(idle, later(10_001))


def test_an_open_breaker_takes_the_answers_of_before_as_they_come() -> None:
    """They count neither as trials nor as new troubles."""
    pace = open_breaker(spend(up(), 100, 1, 0, NOW), NOW)
    assert ("open", later(REOPEN_MS)) == ((told := settle(pace, 60, 60, later(10))).breaker, told.reopen_at)


def test_a_window_that_was_known_keeps_its_silence_clock() -> None:
    pace = spend(up(), 1, 1, 0, NOW)
    assert is_silent(link(pace, True, 300, later(SILENCE_MS - 1)), later(SILENCE_MS))


def test_a_carrier_left_alone_is_fed_slowly_unless_its_breaker_has_said_so_or_it_is_not_there() -> None:
    begun = start_slowly(up())
    assert ("half_open", 1) == (begun.breaker, begun.limit)
    assert start_slowly(begun) is begun
    gone = up(window=0)
    assert start_slowly(gone) is gone
