"""What a carrier's door lets through: a first-in-first-out queue that drains at a rate, and a throttle before it.

Law: both are values over the time that they are told; neither sleeps. The queue is kept as the instant at which it
will be empty, so that entering is one addition however long it is.
"""

from typing import Final

THROTTLE_BURST_S: Final = 0.1
"""A throttled carrier looks at tenths of a second: it takes this much of its rate at once."""


class Door:
    """A queue of segments, shared by all binds; a rate of 0 drains at once."""

    def __init__(self, drain_per_s: float, queue_max: int) -> None:
        self.open = not drain_per_s
        self._segment_s = 1.0 / drain_per_s if drain_per_s else 0.0
        self._queue_max = queue_max
        self._empty_at = 0.0

    def enter(self, now: float, slow: float = 1.0) -> float | None:
        """Return when a segment that comes now has drained; None if the queue is full. `slow` divides the rate."""
        if self.open:
            return now
        waits_from = max(now, self._empty_at)
        segment_s = self._segment_s * slow
        if self._queue_max and waits_from - now >= (self._queue_max - 0.5) * segment_s:
            return None
        self._empty_at = waits_from + segment_s
        return self._empty_at

    def waiting(self, now: float) -> int:
        """Return how many segments are in the queue."""
        return round(max(0.0, self._empty_at - now) / self._segment_s) if not self.open else 0

    def shift(self, seconds: float) -> None:
        """Nothing drained for so long."""
        self._empty_at += seconds


class Throttle:
    """Submissions a second beyond which the carrier says so; 0 is no limit."""

    def __init__(self, per_s: float) -> None:
        self.open = not per_s
        self._per_s = per_s
        self._burst = max(1.0, per_s * THROTTLE_BURST_S)
        self._tokens = self._burst
        self._at = 0.0

    def grant(self, now: float) -> bool:
        if self.open:
            return True
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
