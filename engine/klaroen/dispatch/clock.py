"""Time as one thing (law 9).

`now` is UTC at start plus the time that has gone by since, sleep included (CLOCK_BOOTTIME), and never less than the
latest instant ever written: a stepped clock neither expires nor rings anybody.
"""

import time

from klaroen.core.model import Instant


class SystemClock:
    """UTC milliseconds that only go forward."""

    def __init__(self, at_least: Instant) -> None:
        self._start = max(int(time.time() * 1000), at_least)
        self._booted = time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> Instant:
        return Instant(self._start + int((time.clock_gettime(time.CLOCK_BOOTTIME) - self._booted) * 1000))
