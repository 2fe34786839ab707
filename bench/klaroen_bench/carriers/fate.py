"""What becomes of a message: a pure function of (seed, destination number, kind of fate).

Law: no draw depends on time, order or another message, so that a seed gives the same country the same luck whatever
the engine does and however often it is run.
"""

import struct
from hashlib import blake2b
from statistics import NormalDist
from typing import Final

from msgspec import Struct

DRAWS: Final = struct.Struct("<9H")
"""One digest is nine draws of 16 bits: refused, lost, silent, late, repeated, early, answer, arrival, lateness."""
DRAW_MAX: Final = 1 << 16
LATENCY_STEPS: Final = 4096
"""Quantiles of the latency that are told apart; 4,096 reach to the 99.99th."""
LATENCY_SIGMA: Final = 0.4
"""Spread of the logarithm: p99 is 2.5 times the median, as of an SMSC that is well but busy."""
LATE_FACTOR_MIN: Final = 10.0
LATE_FACTOR_MAX: Final = 40.0
LATE_S_MIN: Final = 0.3
"""A late receipt is 10 to 40 latencies late, but never less than can be told from a prompt one."""


class Odds(Struct, frozen=True, gc=False):
    """The shares of all numbers, each in [0, 1], that meet each fate."""

    refused: float = 0.0
    """Not taken: an invalid destination."""
    lost: float = 0.0
    """Taken, never on the handset; half of them get a failing receipt, half none."""
    silent: float = 0.0
    """On the handset, but the receipt never comes."""
    late: float = 0.0
    repeated: float = 0.0
    """The receipt comes twice."""
    early: float = 0.0
    """Handset and receipt come before the answer does, as between two machines of one carrier."""


class Fate(Struct, frozen=True, gc=False):
    refused: bool
    lost: bool
    silent: bool
    repeated: bool
    early: bool
    answer_s: float
    """From submission to answer."""
    arrival_s: float
    """From the answer (or the door) to the handset."""
    late_s: float
    """From the handset to the receipt; 0 if prompt."""


UNDONE: Final = Fate(False, True, True, False, False, 0.02, 0.02, 0.0)
"""Of a carrier that lies: taken, on no handset, and nobody is told."""


class Fates:
    """The fates that one seed deals under given odds."""

    def __init__(self, seed: int, odds: Odds, latency_s: float) -> None:
        self._hash = blake2b(key=seed.to_bytes(8, "little", signed=True), digest_size=DRAWS.size)
        self._refused = _threshold(odds.refused)
        self._lost = _threshold(odds.lost)
        self._silent = _threshold(odds.silent)
        self._late = _threshold(odds.late)
        self._repeated = _threshold(odds.repeated)
        self._early = _threshold(odds.early)
        self._latencies = _latencies(latency_s)
        self._latency_s = latency_s

    def of(self, number: bytes) -> Fate:
        """Return the fate of a message to this number (digits without "+")."""
        keyed = self._hash.copy()
        keyed.update(number)
        refused, lost, silent, late, repeated, early, answer, arrival, lateness = DRAWS.unpack(keyed.digest())
        lost_here = lost < self._lost
        latencies = self._latencies
        return Fate(
            refused < self._refused,
            lost_here,
            # Of the lost, the even draws get no receipt at all.
            silent < self._silent or (lost_here and not lost & 1),
            repeated < self._repeated,
            early < self._early,
            latencies[answer >> 4],
            latencies[arrival >> 4],
            self._lateness(lateness) if late < self._late else 0.0,
        )

    def _lateness(self, draw: int) -> float:
        factor = LATE_FACTOR_MIN + (LATE_FACTOR_MAX - LATE_FACTOR_MIN) * draw / DRAW_MAX
        return max(LATE_S_MIN, factor * self._latency_s)


def _threshold(share: float) -> int:
    if not 0.0 <= share <= 1.0:
        raise ValueError("a share lies in [0, 1]")
    return round(share * DRAW_MAX)


def _latencies(median_s: float) -> tuple[float, ...]:
    """Return the quantiles of a log-normal latency with this median."""
    spread = NormalDist(0.0, LATENCY_SIGMA)
    return tuple(
        median_s * 2.718281828459045 ** spread.inv_cdf((i + 0.5) / LATENCY_STEPS) for i in range(LATENCY_STEPS)
    )
