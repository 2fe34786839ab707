"""What happened, in the terms of the metrics: counted per list, with children bound once.

Law: drills are counted as alerts and deliveries of mode `drill`, and never as a carrier's work, cost or outcome.
"""

import shutil
from collections import Counter
from typing import Final

import structlog

from klaroen.core.account import STATES
from klaroen.core.model import CLASSES, AlertClass
from klaroen.core.phases import CallOutcome
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.station import Station
from klaroen.telemetry import CarrierDepth, Depths, LaneDepth

log = structlog.get_logger()

FAULT_LOG_EVERY: Final = 100
"""The first fault of a kind is logged, then every hundredth: a carrier that sends garbage does not fill the disk."""


def fault(station: Station, words: str, count: int) -> None:
    """Something odd that cost nothing."""
    seen = station.faults.get(words, 0)
    station.faults[words] = seen + count
    if seen == 0 or seen // FAULT_LOG_EVERY != (seen + count) // FAULT_LOG_EVERY:
        log.warning("carrier fault", carrier=station.name, words=words, seen=seen + count)


def carrier(desk: Desk, station: Station) -> None:
    """Bring a carrier's counters up to what its station has seen since the last time."""
    counts = desk.metrics.carriers.get(station.name)
    if counts is not None:
        for key, count in station.outcomes.items():
            counts.attempts[key].inc(count)
        for state, count in station.states.items():
            counts.receipts[state].inc(count)
        for channel, euros in station.euros.items():
            counts.cost_euros[channel].inc(euros)
    station.outcomes.clear()
    station.states.clear()
    station.euros.clear()


def call_answered(desk: Desk, station: Station, seconds: float) -> None:
    """Somebody took the call, so long after its hand-over."""
    counts = desk.metrics.carriers.get(station.name)
    if counts is not None:
        counts.call_setup.observe(seconds)


def call_ended(desk: Desk, station: Station, outcome: CallOutcome, minutes: int) -> None:
    """A call is over, or was refused for its number."""
    counts = desk.metrics.carriers.get(station.name)
    if counts is not None:
        counts.calls[outcome].inc()
        counts.billed_s.inc(60 * minutes)


def orphan_dropped(desk: Desk, station: Station) -> None:
    """A receipt that matches nothing is waited for no longer."""
    fault(station, "a receipt of nobody, waited for no longer", 1)
    counts = desk.metrics.carriers.get(station.name)
    if counts is not None:
        counts.orphans_dropped.inc()


def possible_duplicates(desk: Desk, station: Station, count: int) -> None:
    """Counted before they leave."""
    counts = desk.metrics.carriers.get(station.name)
    if counts is not None:
        counts.possible_duplicates.inc(count)


def deliveries(desk: Desk, opened: OpenAlert) -> None:
    """Bring the counters up to the alert's account: what came into each state since the last time."""
    alert = opened.alert
    for channel, tally in opened.account.tallies.items():
        lane = desk.metrics.lanes.get((alert.alert_class, channel))
        for index, entered in enumerate(tally.entered):
            counter = desk.metrics.deliveries.get((alert.alert_class, channel, STATES[index], alert.mode))
            if entered and counter is not None:
                counter.inc(entered)
        if lane is not None and alert.mode != "drill":
            for ms, count in tally.handed_ms.items():
                lane.handover.observe(ms / 1000, count)
            for ms, count in tally.proved_ms.items():
                lane.reached.observe(ms / 1000, count)
        tally.told()


def depths(desk: Desk) -> Depths:
    """Return how deep everything stands, as values: made in dispatch's own loop, read by the scrape's thread."""
    now = desk.clock.now()
    lanes: dict[AlertClass, LaneDepth] = {}
    for lane in CLASSES:
        alerts = [one for one in desk.alerts.values() if one.alert.alert_class == lane]
        counts = {"ready": 0, "leased": 0, "proving": 0}
        oldest = now
        for opened in alerts:
            for page in opened.pages.values():
                if page.state != "done":
                    counts[page.state] += page.sheet.open
                    if page.sheet.left and not page.grounded and page.batch.due_at < oldest:
                        oldest = page.batch.due_at
        active = sum(not one.final for one in alerts)
        lanes[lane] = LaneDepth(
            active,
            {"ready": counts["ready"], "leased": counts["leased"], "proving": counts["proving"]},
            (now - oldest) / 1000,
        )
    carriers = {
        station.name: CarrierDepth(
            station.link_up, station.pace.breaker, station.health.condition, station.pace.used, len(station.calls)
        )
        for station in desk.stations.values()
    }
    inbox_s = (now - desk.backlog[0].at) / 1000 if desk.backlog else 0.0
    orphans = sum(station.orphans.count for station in desk.stations.values())
    free = shutil.disk_usage(desk.settings.data_dir).free
    findings = Counter(check for check, _ in desk.findings)
    audit_s = (now - desk.audited_at) / 1000
    return Depths(lanes, carriers, inbox_s, orphans, free, findings, audit_s, desk.without_feedback)
