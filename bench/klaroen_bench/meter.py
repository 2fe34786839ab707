"""CPU and memory of the processes of a rig.

Law: what the kernel says of each process from outside; nothing is asked of the engine.
"""

from typing import Final

from klaroen_bench.rig import Rig

ROLES: Final = ("dispatch", "edge")


class Meter:
    """CPU seconds of each process since the meter was made or last set to nought."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.reset()

    def reset(self) -> None:
        self._since = self._read()

    def cpu_s(self) -> dict[str, float]:
        return {name: round(now - self._since[name], 2) for name, now in self._read().items()}

    def peak_rss_mb(self) -> dict[str, float]:
        """Return the most that each process has ever held."""
        peaks = {role: self._rig.peak_rss_mb(role) for role in ROLES}
        peaks |= {name: process.peak_rss_mb() for name, process in self._rig.carriers.items()}
        return {name: round(peak, 1) for name, peak in peaks.items()}

    def _read(self) -> dict[str, float]:
        used = {role: self._rig.cpu_s(role) for role in ROLES}
        return used | {name: process.cpu_s() for name, process in self._rig.carriers.items()}
