"""What dispatch counts, with children bound once.

Law: counts are added where the fact is journaled; depths are read through one callable when somebody scrapes.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter

from klaroen.core.model import CLASSES, AlertClass, CarrierName, Channel, Mode
from klaroen.core.phases import CALL_OUTCOMES, CallOutcome
from klaroen.core.views import DeliveryState
from klaroen.settings import Settings
from klaroen.telemetry.depths import DepthCollector, Depths
from klaroen.telemetry.durations import LONG_S, SHORT_S, Durations, Series
from klaroen.telemetry.vitals import Vitals

OutcomeLabel = Literal["accepted", "delivered", "refused", "unsent", "unknown"]
OUTCOMES: Final[tuple[OutcomeLabel, ...]] = ("accepted", "delivered", "refused", "unsent", "unknown")
ReceiptLabel = Literal["buffered", "failed", "network", "reached", "confirmed"]
RECEIPTS: Final[tuple[ReceiptLabel, ...]] = ("buffered", "failed", "network", "reached", "confirmed")
ReplyLabel = Literal["text", "stop", "key", "stranger"]
REPLIES: Final[tuple[ReplyLabel, ...]] = ("text", "stop", "key", "stranger")
"""A stranger is nobody whom an alert was handed to lately."""
MODES: Final[tuple[Mode, ...]] = ("live", "exercise", "drill")
STATES: Final[tuple[DeliveryState, ...]] = (
    "handed_over",
    "reached",
    "failed",
    "expired",
    "cancelled",
    "unreachable",
)
"""What `klaroen_deliveries_total` counts: pending is a depth, not an event."""


class Lane(NamedTuple):
    """What one class on one channel counts."""

    handover: Series
    reached: Series


class CarrierCounts(NamedTuple):
    """What one carrier counts."""

    attempts: Mapping[tuple[Channel, OutcomeLabel], Counter]
    receipts: Mapping[ReceiptLabel, Counter]
    possible_duplicates: Counter
    cost_euros: Mapping[Channel, Counter]
    calls: Mapping[CallOutcome, Counter]
    call_setup: Series
    billed_s: Counter
    orphans_dropped: Counter


def _bind_replies(registry: CollectorRegistry) -> Mapping[ReplyLabel, Counter]:
    replies = Counter(
        "klaroen_replies", "What members wrote back or pressed, repeats included.", ["outcome"], registry=registry
    )
    return {outcome: replies.labels(outcome) for outcome in REPLIES}


class DispatchMetrics:
    """The registry of a dispatch process. Every series of a configured carrier exists from the start, at nought."""

    def __init__(
        self, settings: Settings, depths: Callable[[], Depths], clock: Callable[[], float] = monotonic
    ) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.vitals = Vitals("dispatch", registry, clock)
        DepthCollector(depths, registry)
        accepted = Counter(
            "klaroen_alerts_accepted", "Alerts accepted and durable.", ["class", "mode"], registry=registry
        )
        self.alerts_accepted: Final = {(c, mode): accepted.labels(c, mode) for c in CLASSES for mode in MODES}
        first = Durations(
            "klaroen_first_handover_seconds",
            "From acceptance to the first hand-over of an alert.",
            ["class"],
            SHORT_S,
            registry,
        )
        self.first_handover: Final = {alert_class: first.of(alert_class) for alert_class in CLASSES}
        self._handover = Durations(
            "klaroen_handover_seconds",
            "From acceptance of the alert to hand-over of a delivery.",
            ["class", "channel"],
            LONG_S,
            registry,
        )
        self._reached = Durations(
            "klaroen_reached_seconds",
            "From acceptance of the alert to proof of arrival of a delivery.",
            ["class", "channel"],
            LONG_S,
            registry,
        )
        self.store_commit: Final = Durations(
            "klaroen_store_commit_seconds", "One commit of the store, fsync included.", [], SHORT_S, registry
        ).of()
        self._deliveries = Counter(
            "klaroen_deliveries",
            "Deliveries that came into a state.",
            ["class", "channel", "state", "mode"],
            registry=registry,
        )
        self._refused = Counter(
            "klaroen_refused", "Targeted networks that were refused, by rule.", ["rule"], registry=registry
        )
        self.replies: Final = _bind_replies(registry)
        channels = sorted({channel for carrier in settings.carrier for channel in carrier.channels})
        self.lanes: Final[Mapping[tuple[AlertClass, Channel], Lane]] = {
            (c, channel): Lane(self._handover.of(c, channel), self._reached.of(c, channel))
            for c in CLASSES
            for channel in channels
        }
        self.deliveries: Final[Mapping[tuple[AlertClass, Channel, DeliveryState, Mode], Counter]] = {
            (c, channel, state, mode): self._deliveries.labels(c, channel, state, mode)
            for c in CLASSES
            for channel in channels
            for state in STATES
            for mode in MODES
        }
        self.carriers: Final = self._bind_carriers(settings)

    def refused(self, rule: str | None) -> None:
        """Count a network that was refused; `unknown` where no rule but its absence refused it."""
        self._refused.labels(rule or "unknown").inc()

    def _bind_carriers(self, settings: Settings) -> Mapping[CarrierName, CarrierCounts]:
        registry = self.registry
        attempts = Counter(
            "klaroen_attempts", "Attempts, by what the carrier said at once.", ["channel", "carrier", "outcome"],
            registry=registry,
        )  # fmt: skip
        receipts = Counter("klaroen_receipts", "Receipts, repeats included.", ["carrier", "state"], registry=registry)
        doubles = Counter(
            "klaroen_possible_duplicates", "Attempts that may bring a second copy.", ["carrier"],
            registry=registry,
        )  # fmt: skip
        costs = Counter(
            "klaroen_cost_euros", "Cost by the configured tariff.", ["channel", "carrier"], registry=registry
        )
        calls = Counter("klaroen_calls", "Calls that are over, by what became of them.", ["carrier", "outcome"],
            registry=registry,
        )  # fmt: skip
        setup = Durations(
            "klaroen_call_setup_seconds", "From hand-over of a call to its answer.", ["carrier"], SHORT_S, registry
        )
        orphans = Counter(
            "klaroen_orphan_receipts_dropped", "Receipts that matched no attempt in their time, or were too many.",
            ["carrier"], registry=registry,
        )  # fmt: skip
        talked = Counter("klaroen_call_billed_seconds", "Talk, in started minutes.", ["carrier"], registry=registry)
        return {
            carrier.name: CarrierCounts(
                {
                    (channel, outcome): attempts.labels(channel, carrier.name, outcome)
                    for channel in carrier.channels
                    for outcome in OUTCOMES
                },
                {state: receipts.labels(carrier.name, state) for state in RECEIPTS},
                doubles.labels(carrier.name),
                {channel: costs.labels(channel, carrier.name) for channel in carrier.channels},
                {outcome: calls.labels(carrier.name, outcome) for outcome in CALL_OUTCOMES},
                setup.of(carrier.name),
                talked.labels(carrier.name),
                orphans.labels(carrier.name),
            )
            for carrier in settings.carrier
        }
