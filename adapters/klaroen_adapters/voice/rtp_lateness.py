"""How late ticks come: the measure by which a voice process knows that it has enough to do.

Law: pure; what is judged is the last second or two, so that what was late once is forgotten soon.
"""

from typing import Final

from klaroen_adapters.voice.rtp_wheel import PHASE_S

LATE_MAX_S: Final = 0.010
"""Later than this (99 of 100), and the jitter buffers of telephones run empty: no new call is taken."""
WINDOW_TICKS: Final = round(1.0 / PHASE_S)
_RANK: Final = -(-99 * WINDOW_TICKS // 100) - 1


class Lateness:
    """Of one process."""

    def __init__(self) -> None:
        self._filling: list[float] = []
        self.p99_s = 0.0
        """Of the last whole second."""

    @property
    def is_too_late(self) -> bool:
        return self.p99_s > LATE_MAX_S

    def note(self, late_s: float) -> None:
        """One tick came so late."""
        self._filling.append(late_s)
        if len(self._filling) >= WINDOW_TICKS:
            self._filling.sort()
            self.p99_s = self._filling[_RANK]
            self._filling = []
