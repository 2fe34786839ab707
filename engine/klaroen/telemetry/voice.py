"""What a voice process counts, with children bound once.

Law: per trunk, never per call; outcomes are words of tables, never a trunk's own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Final

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from klaroen.core.model import CarrierName
from klaroen.core.ports import Accepted, Answer, Call, Event, Receipt, Refused, Unknown, Unsent
from klaroen.telemetry.durations import Durations, Series
from klaroen.telemetry.vitals import Vitals

LATE_S: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.05, 0.1, 1.0)
"""A tick is 2 ms; 10 ms late is too late."""
SETUP_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Until it rings: a tenth of a second on one machine, five abroad."""
HUNG_UP: Final = "hung up"
PLAYED: Final = "played"


class Gauges(Collector):
    """Lines in use by trunk, and how late the last second's ticks came; both are read as somebody scrapes."""

    def __init__(self, lines: Callable[[], Mapping[CarrierName, int]], late_p99_s: Callable[[], float]) -> None:
        self._lines, self._late_p99_s = lines, late_p99_s

    def collect(self) -> Iterator[GaugeMetricFamily]:
        used = GaugeMetricFamily("klaroen_trunk_lines_used", "Calls that stand.", labels=["carrier"])
        for carrier, count in self._lines().items():
            used.add_metric([carrier], count)
        yield used
        yield GaugeMetricFamily(
            "klaroen_voice_lateness_seconds", "By which 99 of 100 ticks of the last second came.", self._late_p99_s()
        )


class TrunkCounts:
    """One trunk's."""

    def __init__(self, carrier: CarrierName, calls: Counter, setup: Series) -> None:
        self._carrier, self._calls, self._setup = carrier, calls, setup
        self._bound: dict[str, Counter] = {}

    def rang(self, seconds: float) -> None:
        self._setup.observe(seconds)

    def told(self, events: Sequence[Event]) -> None:
        """Count the calls that these events end."""
        failure = ""
        for event in events:
            match event:
                case Answer(_, Accepted()):
                    pass
                case Answer(_, Refused(code)):
                    self._count(code)
                case Answer(_, Unsent(reason)) | Answer(_, Unknown(reason)):
                    self._count(reason)
                case Receipt("failed", code):
                    failure = HUNG_UP if code.startswith(HUNG_UP) else code
                case Call(_, "ended"):
                    self._count(failure or PLAYED)
                case _:
                    pass

    def _count(self, outcome: str) -> None:
        bound = self._bound.get(outcome)
        if bound is None:
            bound = self._bound[outcome] = self._calls.labels(self._carrier, outcome)
        bound.inc()


class VoiceMetrics:
    """The registry of a voice process."""

    def __init__(
        self,
        lines: Callable[[], Mapping[CarrierName, int]],
        late_p99_s: Callable[[], float],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        registry = self.registry = CollectorRegistry()
        self.vitals = Vitals("voice", registry, clock)
        self.late = Durations("klaroen_voice_late_seconds", "By which ticks came late.", [], LATE_S, registry).of()
        self._calls = Counter(
            "klaroen_trunk_calls", "Calls, by how they ended.", ["carrier", "outcome"], registry=registry
        )
        self._setup = Durations(
            "klaroen_trunk_setup_seconds", "From the order to call until it rang.", ["carrier"], SETUP_S, registry
        )
        registry.register(Gauges(lines, late_p99_s))

    def trunk(self, carrier: CarrierName) -> TrunkCounts:
        return TrunkCounts(carrier, self._calls, self._setup.of(carrier))
