"""What a carrier is given, over any history: never faster, never more at once, and never less than it could take."""

from hypothesis import given, settings
from hypothesis import strategies as st

from klaroen.core.model import Instant
from klaroen.core.pace import (
    BURST_S,
    RATE_MIN_SHARE,
    REOPEN_MS,
    REOPEN_MS_MAX,
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
    throttle,
    wait_ms,
)

START = Instant(1_795_305_600_000)

rates = st.sampled_from([0.5, 1.0, 7.0, 80.0, 1_000.0, 12_345.6])
events = st.tuples(
    st.sampled_from(["fly", "fly", "fly", "good", "bad", "throttle", "link", "unlink", "watch", "hang up"]),
    st.integers(0, 3_000),
    st.integers(1, 30),
    st.integers(0, 500),
)
histories = st.lists(events, max_size=40)
windows = st.integers(1, 300)
lines = st.none() | st.integers(1, 20)


class Carrier:
    """A carrier that is fed by its pace alone, and what left by when."""

    def __init__(self, rate: float, window: int, line_count: int | None) -> None:
        self.now = START
        self.window = window
        self.pace: Pace = link(make_pace(rate, line_count, START), True, window, START)
        self.left: list[tuple[Instant, int]] = []
        self.reopened_ms: list[int] = []

    def happen(self, what: str, after_ms: int, parts: int, count: int) -> None:
        self.now = Instant(self.now + after_ms)
        pace = self.pace = refill(self.pace, self.now)
        was = pace.breaker
        match what:
            case "fly":
                granted = min(grant(pace, parts, self.now), max(1, count))
                self.left += [(self.now, parts)] * granted
                calls = granted if pace.lines is not None else 0
                self.pace = spend(pace, granted, parts, calls, self.now)
            case "good" | "bad":
                answered = min(pace.used, count)
                self.pace = settle(pace, answered, answered if what == "bad" else 0, self.now)
            case "throttle":
                self.pace = throttle(pace, count / 100 if count % 2 else None, self.now)
            case "link" | "unlink":
                self.pace = link(pace, what == "link", self.window, self.now)
            case "watch":
                self.pace = open_breaker(pace, self.now) if is_silent(pace, self.now) else pace
            case _:
                self.pace = hang_up(pace, count % 5)
        if was != "open" and self.pace.breaker == "open":
            self.reopened_ms.append(self.pace.reopen_at - self.now)


@settings(deadline=None)
@given(rates, windows, lines, histories)
def test_never_above_the_rate_over_any_interval_but_for_a_burst(
    rate: float, window: int, line_count: int | None, history: list[tuple[str, int, int, int]]
) -> None:
    """Or for one message longer than the burst, whose debt is paid before the next."""
    carrier = Carrier(rate, window, line_count)
    for event in history:
        carrier.happen(*event)
    burst = max(1.0, rate * BURST_S, *(parts for _, parts in carrier.left), 1.0)
    for first, (begin, _) in enumerate(carrier.left):
        segments = 0
        for at, parts in carrier.left[first:]:
            segments += parts
            assert segments <= rate * (at - begin) / 1000 + burst + 1e-6


@settings(deadline=None)
@given(rates, windows, lines, histories)
def test_never_more_unanswered_than_the_window_and_never_more_calls_than_lines(
    rate: float, window: int, line_count: int | None, history: list[tuple[str, int, int, int]]
) -> None:
    """A message longer than the window leaves alone."""
    carrier = Carrier(rate, window, line_count)
    for what, after_ms, parts, count in history:
        before = carrier.pace.used
        carrier.happen(what, after_ms, parts, count)
        pace = carrier.pace
        assert pace.used <= max(window, parts if before == 0 else 0, before)
        assert 0 <= pace.written_off <= pace.used
        assert line_count is None or 0 <= pace.lines_used <= line_count


@settings(deadline=None)
@given(rates, windows, lines, histories, st.integers(1, 30))
def test_a_wait_is_as_long_as_it_says(
    rate: float, window: int, line_count: int | None, history: list[tuple[str, int, int, int]], parts: int
) -> None:
    """After it there is a grant; None means that time alone brings none, for however long."""
    carrier = Carrier(rate, window, line_count)
    for event in history:
        carrier.happen(*event)
    pace, now = carrier.pace, carrier.now
    wait = wait_ms(pace, parts, now)
    if wait is None:
        assert grant(pace, parts, now) == 0
        assert grant(refill(pace, Instant(now + 10**9)), parts, Instant(now + 10**9)) == 0
    else:
        after = Instant(now + wait)
        assert wait >= 1
        assert grant(refill(pace, after), parts, after) > 0


@settings(deadline=None)
@given(rates, windows, lines, histories)
def test_an_open_breaker_lets_nothing_through_before_its_time(
    rate: float, window: int, line_count: int | None, history: list[tuple[str, int, int, int]]
) -> None:
    carrier = Carrier(rate, window, line_count)
    for event in history:
        reopen_at = carrier.pace.reopen_at if carrier.pace.breaker == "open" else START
        left = len(carrier.left)
        carrier.happen(*event)
        assert len(carrier.left) == left or carrier.now >= reopen_at
        if carrier.pace.breaker == "open":
            assert grant(carrier.pace, 1, carrier.now) == 0
    assert all(REOPEN_MS <= wait <= REOPEN_MS_MAX for wait in carrier.reopened_ms)


@settings(deadline=None)
@given(rates, st.lists(st.integers(0, 10_000), max_size=20))
def test_a_rate_falls_by_half_and_comes_back_by_time_alone(rate: float, gaps_ms: list[int]) -> None:
    """Never below its hundredth, never above what is configured; twenty seconds without complaint heal everything."""
    pace, now = link(make_pace(rate, None, START), True, 100, START), START
    for gap_ms in gaps_ms:
        now = Instant(now + gap_ms)
        before = refill(pace, now)
        pace = throttle(before, None, now)
        assert pace.allowed_per_s in (before.allowed_per_s, max(rate * RATE_MIN_SHARE, before.allowed_per_s / 2))
        assert rate * RATE_MIN_SHARE <= pace.allowed_per_s <= rate
    assert refill(pace, Instant(now + 20_000)).allowed_per_s == rate


@settings(deadline=None)
@given(rates, windows, st.integers(1, 30))
def test_whatever_happened_a_carrier_that_answers_is_used_in_full_again(rate: float, window: int, parts: int) -> None:
    """Messages of any length get through half-open breakers and small windows: none is stuck for ever."""
    carrier = Carrier(rate, window, None)
    carrier.pace = open_breaker(throttle(carrier.pace, None, START), START)
    for _ in range(12):
        wait = wait_ms(carrier.pace, parts, carrier.now)
        assert wait is not None
        carrier.happen("fly", wait, parts, 500)
        assert carrier.pace.used
        carrier.happen("good", 1, parts, carrier.pace.used)
    assert "closed" == carrier.pace.breaker
