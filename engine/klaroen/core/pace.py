"""How fast one carrier may be fed: rate, window, lines and breaker as one value.

Law: a carrier queues first-in-first-out behind its door, so we hand over no faster than it drains. Every change gives a
new `Pace`; `now` comes in. Units: segments for rate and window, calls for lines, UTC milliseconds for instants.
"""

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from klaroen.core.model import Instant

BURST_S: Final = 0.1
"""Work that may go at once after a silence: as long as a flight takes before it decides anew (design 4)."""
SILENCE_MS: Final = 2_000
"""A carrier that does not answer is left after this long, unless it is told to be slower by nature."""
REOPEN_MS: Final = 1_000
REOPEN_MS_MAX: Final = 30_000
"""The breaker's first wait and its longest: it doubles each time that a trial fails."""
FAILURES_MAX: Final = 50
"""Definite troubles in a row that open the breaker: half a default window."""
THROTTLE_MS: Final = 200
"""Throttles of one burst count once: they come together."""
RECOVERY_PER_S: Final = 0.05
"""Additive increase after a throttle: this share of the configured rate each second."""
RATE_MIN_SHARE: Final = 0.01

Breaker = Literal["closed", "open", "half_open"]


class Pace(Struct, frozen=True, gc=False):
    """`window` and `used` count unanswered segments; `limit` is the breaker's own window while it closes again."""

    rate_per_s: float
    allowed_per_s: float
    tokens: float
    filled_at: Instant
    window: int = 0
    used: int = 0
    silence_ms: int = SILENCE_MS
    lines: int | None = None
    lines_used: int = 0
    breaker: Breaker = "closed"
    limit: int = 0
    reopen_at: Instant = Instant(0)
    reopen_ms: int = REOPEN_MS
    failures: int = 0
    waiting_since: Instant = Instant(0)
    """The last sign of life while something is unanswered."""
    throttled_at: Instant = Instant(0)
    written_off: int = 0
    """Of `used`, what was unanswered when the breaker opened: its silence says nothing about a trial."""
    held_until: Instant = Instant(0)
    """The carrier asked for nothing before then (Retry-After)."""


def make_pace(rate_per_s: float, lines: int | None, now: Instant, *, silence_ms: int = SILENCE_MS) -> Pace:
    """Return the pace of a carrier that has no link yet: its window is 0."""
    return Pace(rate_per_s, rate_per_s, rate_per_s * BURST_S, now, silence_ms=silence_ms, lines=lines)


def refill(pace: Pace, now: Instant) -> Pace:
    """Let time pass: tokens come in, the rate recovers, an open breaker comes due for a trial."""
    elapsed_s = (now - pace.filled_at) / 1000
    if elapsed_s <= 0:
        return pace
    allowed = min(pace.rate_per_s, pace.allowed_per_s + elapsed_s * RECOVERY_PER_S * pace.rate_per_s)
    tokens = min(max(1.0, allowed * BURST_S), pace.tokens + elapsed_s * allowed)
    pace = replace(pace, allowed_per_s=allowed, tokens=tokens, filled_at=now)
    if pace.breaker == "open" and now >= pace.reopen_at and pace.window > pace.used:
        return replace(pace, breaker="half_open", limit=1)
    return pace


def grant(pace: Pace, parts: int, now: Instant) -> int:
    """Return how many envelopes of `parts` segments may be handed over now.

    A message longer than the burst goes once the bucket is full, and its debt is paid before the next.
    """
    if pace.breaker == "open" or now < pace.held_until:
        return 0
    full = max(1.0, pace.allowed_per_s * BURST_S)
    by_rate = int(pace.tokens / parts) if pace.tokens >= parts else int(pace.tokens >= full)
    granted = min(_room(pace, parts) // parts, by_rate)
    if pace.lines is not None:
        granted = min(granted, pace.lines - pace.lines_used)
    return max(0, granted)


def _room(pace: Pace, parts: int) -> int:
    """Return how many segments more may go unanswered.

    A message longer than the window leaves when nothing else is in flight, for it must leave whole.
    """
    room = pace.window - pace.used
    if pace.breaker == "half_open":
        room = min(room, max(parts, pace.limit) - (pace.used - pace.written_off))
    return max(room, parts) if pace.window and not pace.used else room


def wait_ms(pace: Pace, parts: int, now: Instant) -> int | None:
    """Return in how many ms time alone will let `grant` say more than 0; None where only an event will."""
    reopens_ms = 0
    if pace.breaker == "open":
        if pace.window <= pace.used:
            return None
        pace, reopens_ms = replace(pace, breaker="half_open", limit=1), pace.reopen_at - now
    if _room(pace, parts) < parts or (pace.lines is not None and pace.lines_used >= pace.lines):
        return None
    full = max(1.0, pace.allowed_per_s * BURST_S)
    need = min(parts, full) - pace.tokens
    by_rate_s = need / pace.allowed_per_s
    if parts > full and need > 0 and pace.allowed_per_s < pace.rate_per_s:
        by_rate_s = max(by_rate_s, BURST_S)  # the bucket that has to be full grows meanwhile
    return max(int(1000 * by_rate_s) + 1, pace.held_until - now, reopens_ms, 1)


def spend(pace: Pace, envelopes: int, parts: int, calls: int, now: Instant) -> Pace:
    """So many were handed over; `calls` of them occupy a line until they end."""
    segments = envelopes * parts
    return replace(
        pace,
        tokens=pace.tokens - segments,
        used=pace.used + segments,
        lines_used=pace.lines_used + calls,
        waiting_since=pace.waiting_since if pace.used > pace.written_off else now,
    )


def settle(pace: Pace, answered: int, troubled: int, now: Instant) -> Pace:
    """So many segments were answered, in order of arrival the `troubled` ones last.

    Troubled: unsent without a request to slow down, unknown, or refused by the carrier as such. A good answer closes
    the breaker by one step: each doubles its window. What was written off when the breaker opened is answered first, as
    far as anybody can tell, and its trouble is old news.
    """
    used = max(0, pace.used - answered)
    good = answered - troubled
    late = min(pace.written_off, answered)
    troubled = max(0, troubled - late)
    failures = pace.failures + troubled if good <= 0 else troubled
    pace = replace(pace, used=used, written_off=pace.written_off - late, failures=failures, waiting_since=now)
    if pace.breaker == "half_open":
        if good > 0:
            limit = pace.limit * 2 ** min(good, 16)
            if limit >= pace.window:
                return replace(pace, breaker="closed", limit=0, reopen_ms=REOPEN_MS, failures=0)
            return replace(pace, limit=limit)
        return open_breaker(pace, now) if troubled else pace
    if pace.breaker == "closed" and failures >= FAILURES_MAX:
        return open_breaker(pace, now)
    return pace


def open_breaker(pace: Pace, now: Instant) -> Pace:
    """Leave the carrier alone for a while that doubles with each failed trial."""
    return replace(
        pace,
        breaker="open",
        limit=0,
        failures=0,
        written_off=pace.used,
        reopen_at=Instant(now + pace.reopen_ms),
        reopen_ms=min(REOPEN_MS_MAX, pace.reopen_ms * 2),
    )


def start_slowly(pace: Pace) -> Pace:
    """Feed a carrier that was left alone by one message at a time, each answer doubling what may follow."""
    return replace(pace, breaker="half_open", limit=1) if pace.breaker == "closed" and pace.window else pace


def silent_ms(pace: Pace, now: Instant) -> int:
    """Return for how long something has gone unanswered without any sign of life."""
    return now - pace.waiting_since if pace.breaker != "open" and pace.used > pace.written_off else 0


def is_silent(pace: Pace, now: Instant) -> bool:
    """Say whether that is too long."""
    return silent_ms(pace, now) >= pace.silence_ms


def throttle(pace: Pace, retry_after_s: float | None, now: Instant) -> Pace:
    """The carrier asked to slow down: half the rate, once a burst; nothing before `retry_after_s`."""
    held = pace.held_until if retry_after_s is None else Instant(max(pace.held_until, now + int(retry_after_s * 1000)))
    if now - pace.throttled_at < THROTTLE_MS:
        return replace(pace, held_until=held)
    allowed = max(pace.rate_per_s * RATE_MIN_SHARE, pace.allowed_per_s / 2)
    return replace(pace, allowed_per_s=allowed, tokens=min(pace.tokens, 0.0), throttled_at=now, held_until=held)


def link(pace: Pace, up: bool, window: int, now: Instant) -> Pace:
    """The carrier's connection changed. A link that comes back after being lost starts by a trial."""
    if not up:
        lost = pace.window > 0 and pace.breaker != "open"
        pace = replace(pace, window=0)
        return open_breaker(pace, now) if lost else pace
    return replace(pace, window=window, waiting_since=now if not pace.window else pace.waiting_since)


def hang_up(pace: Pace, calls: int) -> Pace:
    """So many calls ended and freed their lines."""
    return replace(pace, lines_used=max(0, pace.lines_used - calls))
