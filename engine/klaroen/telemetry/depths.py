"""How deep dispatch's queues stand, read when somebody scrapes.

Law: the scrape runs in a thread of its own, so it is handed values and never live objects.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from klaroen.core.health import CONDITIONS, Condition
from klaroen.core.model import CLASSES, AlertClass, CarrierName
from klaroen.core.selfaudit import CHECKS, Check

Breaker = Literal["closed", "half_open", "open"]
BREAKER: Final[Mapping[Breaker, int]] = {"closed": 0, "half_open": 1, "open": 2}


class LaneDepth(Struct, frozen=True):
    """One class as it stands: alerts not in a final state, deliveries by the state of their batch."""

    alerts_active: int = 0
    deliveries: Mapping[Literal["ready", "leased", "proving"], int] = {}
    oldest_pending_s: float = 0.0
    """Since when the oldest delivery that is due waits for its hand-over; 0 where none does."""


class CarrierDepth(Struct, frozen=True):
    """One carrier as it stands."""

    up: bool = False
    breaker: Breaker = "closed"
    condition: Condition = "well"
    window_used: int = 0
    lines_used: int = 0


class Depths(Struct, frozen=True):
    """All that is read at scrape time. The scrape runs in a thread of its own: hand it values, not live objects."""

    lanes: Mapping[AlertClass, LaneDepth] = {}
    carriers: Mapping[CarrierName, CarrierDepth] = {}
    inbox_s: float = 0.0
    """How long the oldest receipt has waited in the durable inbox."""
    orphan_receipts: int = 0
    disk_free_bytes: int = 0
    findings: Mapping[Check, int] = {}
    """What does not add up, by check."""
    audit_s: float = 0.0
    """Since the auditor looked last."""
    without_feedback: int = 0
    """Warm alerts that were over a day ago and have no follow-up (R18)."""


class DepthCollector(Collector):
    """Reads the depths at scrape time."""

    def __init__(self, depths: Callable[[], Depths], registry: CollectorRegistry) -> None:
        self._depths = depths
        registry.register(self)

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing beforehand: at registration there is nothing to read yet."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        depths = self._depths()
        yield from _lanes(depths)
        yield from _carriers(depths)
        yield from _audit(depths)
        yield GaugeMetricFamily("klaroen_inbox_seconds", "How long the oldest receipt waits.", value=depths.inbox_s)
        yield GaugeMetricFamily(
            "klaroen_orphan_receipts", "Receipts that match no attempt yet.", value=depths.orphan_receipts
        )
        yield GaugeMetricFamily(
            "klaroen_alerts_without_feedback",
            "Warm alerts of the last month that owe feedback for a day and more.",
            value=depths.without_feedback,
        )
        yield GaugeMetricFamily(
            "klaroen_disk_free_bytes", "Free on the data directory's disk.", value=depths.disk_free_bytes
        )


def _lanes(depths: Depths) -> Iterator[GaugeMetricFamily]:
    active = GaugeMetricFamily("klaroen_alerts_active", "Alerts not in a final state.", labels=["class"])
    queue = GaugeMetricFamily(
        "klaroen_queue_deliveries", "Deliveries in batches of this state.", labels=["class", "state"]
    )
    oldest = GaugeMetricFamily(
        "klaroen_oldest_pending_seconds", "How long the oldest due delivery waits.", labels=["class"]
    )
    for alert_class in CLASSES:
        lane = depths.lanes.get(alert_class, LaneDepth())
        active.add_metric([alert_class], lane.alerts_active)
        oldest.add_metric([alert_class], lane.oldest_pending_s)
        for state in ("ready", "leased", "proving"):
            queue.add_metric([alert_class, state], lane.deliveries.get(state, 0))
    yield from (active, queue, oldest)


def _carriers(depths: Depths) -> Iterator[GaugeMetricFamily]:
    up = GaugeMetricFamily("klaroen_carrier_up", "1 while the carrier's link is up.", labels=["carrier"])
    breaker = GaugeMetricFamily("klaroen_carrier_breaker", "0 closed, 1 half open, 2 open.", labels=["carrier"])
    ails = GaugeMetricFamily(
        "klaroen_carrier_condition", "1 for how the carrier does its work.", labels=["carrier", "state"]
    )
    used = GaugeMetricFamily("klaroen_carrier_window_used", "Submissions without an answer.", labels=["carrier"])
    lines = GaugeMetricFamily("klaroen_lines_used", "Calls that are up.", labels=["carrier"])
    for name, carrier in depths.carriers.items():
        lines.add_metric([name], carrier.lines_used)
        up.add_metric([name], int(carrier.up))
        breaker.add_metric([name], BREAKER[carrier.breaker])
        for condition in CONDITIONS:
            ails.add_metric([name, condition], int(carrier.condition == condition))
        used.add_metric([name], carrier.window_used)
    yield from (up, breaker, ails, used, lines)


def _audit(depths: Depths) -> Iterator[GaugeMetricFamily]:
    findings = GaugeMetricFamily("klaroen_audit_findings", "What does not add up, by check.", labels=["rule"])
    for check in CHECKS:
        findings.add_metric([check], depths.findings.get(check, 0))
    yield findings
    yield GaugeMetricFamily("klaroen_audit_seconds", "Since the auditor looked last.", value=depths.audit_s)
