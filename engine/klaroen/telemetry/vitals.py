"""What every process tells: which build it is, and that its loop still turns.

Law: the heartbeat is an age, read at scrape time from outside the loop, so that a stuck loop shows itself.
"""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Final, Literal

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Process = Literal["edge", "dispatch", "voice"]

BEAT_S: Final = 1.0
"""How often a loop says that it turns; the alert rule allows for fifteen."""


class Vitals(Collector):
    """The heartbeat and the build of one process."""

    def __init__(self, process: Process, registry: CollectorRegistry, clock: Callable[[], float]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # no `_created` series, which nobody reads and which double the exposition
        self._process, self._clock = process, clock
        self._beat = clock()
        registry.register(self)

    def beat(self) -> None:
        """The loop turns; called every `BEAT_S` from within it."""
        self._beat = self._clock()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        beat = GaugeMetricFamily(
            "klaroen_heartbeat_seconds", "Since the loop of the process last turned.", labels=["process"]
        )
        beat.add_metric([self._process], self._clock() - self._beat)
        yield beat
        build = GaugeMetricFamily("klaroen_build_info", "1, with the version as its label.", labels=["version"])
        build.add_metric([version("klaroen")], 1)
        yield build
