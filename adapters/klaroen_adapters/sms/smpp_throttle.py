"""How fast one bind may go after its carrier asked it to slow down: additive increase, multiplicative decrease.

Law: pure; instants come in as values. A bind that was never throttled is never held back here: the carrier's pace is
decided elsewhere, and this only bends it on the one bind that complained.
"""

from typing import Final

from klaroen.core.model import Instant

FLOOR_PER_S: Final = 1.0
"""A bind is never silenced: its next message is how we learn that the trouble is over."""
DECREASE_EVERY_MS: Final = 1000
"""A burst of refusals is one complaint: what was in flight when the first came says nothing new."""
INCREASE_EVERY_MS: Final = 1000
INCREASES: Final = 20
"""Steps from nothing to full rate: 20 s after the last complaint the bind is free again."""
UNLIMITED: Final = 1 << 30
"""More than any window."""
BURST_S: Final = 0.25
"""Unused permits are kept so long: some ticks of the sender, not a second's worth at once."""


class Throttle:
    """The rate of one bind, in submissions a second; `full_per_s` is its share of the carrier's."""

    def __init__(self, full_per_s: float) -> None:
        self._full_per_s = max(FLOOR_PER_S, full_per_s)
        self._rate_per_s = self._full_per_s
        self._permits = 0.0
        self._at = Instant(0)
        self._decreased_at = Instant(0)
        self._increased_at = Instant(0)
        self.is_active = False

    @property
    def share(self) -> float:
        """How much of the full rate is left, in (0, 1]."""
        return self._rate_per_s / self._full_per_s

    def complain(self, now: Instant) -> None:
        """The carrier answered that we are too fast."""
        if self.is_active and now - self._decreased_at < DECREASE_EVERY_MS:
            return
        self._rate_per_s = max(FLOOR_PER_S, self._rate_per_s / 2)
        self._permits = 0.0
        self._at = self._decreased_at = self._increased_at = now
        self.is_active = True

    @property
    def permits(self) -> int:
        """How many submissions may leave, as of the last `refill`."""
        return int(self._permits) if self.is_active else UNLIMITED

    def refill(self, now: Instant) -> None:
        """Let time pass: permits come in, and the rate recovers step by step."""
        if not self.is_active:
            return
        earned = self._permits + self._rate_per_s * (now - self._at) / 1000
        self._permits = min(earned, max(1.0, self._rate_per_s * BURST_S))
        self._at = now
        steps = (now - self._increased_at) // INCREASE_EVERY_MS
        self._increased_at = Instant(self._increased_at + steps * INCREASE_EVERY_MS)
        self._rate_per_s = min(self._full_per_s, self._rate_per_s + steps * self._full_per_s / INCREASES)
        self.is_active = self._rate_per_s < self._full_per_s

    def spend(self, count: int) -> None:
        """So many have left."""
        if self.is_active:
            self._permits -= count
