"""Histograms of seconds that count a whole batch in one call.

Law: a series has one writer; a scrape from another thread sees each number as it was at some instant, and the sum of
the buckets as the count. (A batch of 1,000 deliveries is one answer time: the library's child would be called 1,000
times, 0.7 µs each, where 18 µs a message is all there is.)
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

SHORT_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""For what a machine does: the promises are 25 ms (accept), 250 ms (first hand-over) and 1 s (one network)."""
LONG_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)
"""For what a country takes: 5 s to hand over, 60 s to the next step, 15 minutes, and the lives of the classes."""


class Series:
    """One combination of labels."""

    __slots__ = ("_bounds", "counts", "sum_s")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float, count: int = 1) -> None:
        """Count so many that took so long; a clock's step back counts as no time at all."""
        seconds = max(seconds, 0.0)
        self.counts[bisect_left(self._bounds, seconds)] += count
        self.sum_s += seconds * count


class Durations(Collector):
    """A histogram: a `Series` for each combination of label values that was ever asked for."""

    def __init__(
        self, name: str, words: str, labels: Sequence[str], bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._name, self._words, self._labels, self._bounds = name, words, labels, bounds
        self._series: dict[tuple[str, ...], Series] = {}
        registry.register(self)

    def of(self, *values: str) -> Series:
        """Return the series of these label values, which the caller keeps."""
        assert len(values) == len(self._labels)
        return self._series.setdefault(values, Series(self._bounds))

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._words, labels=self._labels)
        edges = [*(repr(bound) for bound in self._bounds), "+Inf"]
        for values, series in list(self._series.items()):
            buckets = list(zip(edges, accumulate(series.counts), strict=True))
            family.add_metric(values, buckets, series.sum_s)
        yield family
