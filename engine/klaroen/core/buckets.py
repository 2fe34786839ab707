"""Durations counted in buckets, each 10 % longer than the one before.

Law: a bucket is a number that is stored, so that their bounds never change. A percentile is the bound of its bucket: at
most 10 % too long.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Final

BUCKET_GROWTH: Final = 1.1
BUCKETS: Final = 200
"""Up to five days, in milliseconds."""
_BOUNDS: Final = tuple(round(BUCKET_GROWTH**power, 1) for power in range(BUCKETS))


def bucket_of(ms: int) -> int:
    return min(bisect_left(_BOUNDS, ms), len(_BOUNDS) - 1)


def buckets_of(durations: Iterable[int]) -> list[int]:
    """Return the bucket of each, in bulk."""
    last = len(_BOUNDS) - 1
    return [min(bisect_left(_BOUNDS, ms), last) for ms in durations]


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """Return in how many ms this share came, or None where nothing is counted. Shape: bucket -> count."""
    rank = share * sum(counts.values())
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            return _BOUNDS[bucket]
    return None
