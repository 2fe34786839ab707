"""What a carrier was handed and what it still owes: rate, window and lines, reckoned apart from `core/pace`."""

from typing import Final

import trio

from klaroen.core import pace
from klaroen.core.model import AttemptId
from klaroen.testing.simulator.facts import Load

ROUNDING_S: Final = 0.002
"""Our instants are whole milliseconds, and time is not."""


class Meter:
    """Units: segments, and calls."""

    def __init__(self, rate_per_s: float, lines: int | None) -> None:
        self.rate_per_s, self.lines = rate_per_s, lines
        self.full = max(1.0, rate_per_s * pace.BURST_S)
        self.begin()

    def begin(self) -> None:
        self.tokens, self.at_s = self.full, trio.current_time()
        self.unanswered: dict[AttemptId, int] = {}
        self.calls: set[AttemptId] = set()

    def load(self, parts: int, window: int) -> Load:
        now = trio.current_time()
        earned = (now - self.at_s + ROUNDING_S) * self.rate_per_s
        self.tokens, self.at_s = min(self.full, self.tokens + earned), now
        return Load(parts, self.tokens, self.full, sum(self.unanswered.values()), window, len(self.calls), self.lines)
