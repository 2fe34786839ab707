"""Whose turn it is on a carrier, as far as that can be told from outside.

Law: only what has been due for a second counts as waiting, and only where the carrier has its channels for itself:
else another one may rightly be left to take it.
"""

from collections import Counter
from typing import Final

from klaroen.core.lanes import FLOORS
from klaroen.core.model import CLASSES, AlertClass, Instant
from klaroen.dispatch.choice import fits
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.page import Page
from klaroen.dispatch.station import Station
from klaroen.testing.simulator.facts import Share

SETTLED_MS: Final = 1_000
"""A turn is decided before its cursor is written, and what comes meanwhile is not passed over."""


class Turns:
    """What one carrier was handed in one life."""

    def __init__(self) -> None:
        self._handed = 0
        self._behind: Counter[AlertClass] = Counter()

    def book(self, desk: Desk, station: Station, alert_class: AlertClass, parts: int, now: Instant) -> Share:
        """Count one hand-over in."""
        self._handed += parts
        if is_alone(desk, station) and waits_above(desk, station, alert_class, now):
            self._behind[alert_class] += parts
        return Share(self._behind[alert_class], self._handed, FLOORS[alert_class], parts)


def is_alone(desk: Desk, station: Station) -> bool:
    others = [one for one in desk.stations.values() if one is not station]
    return all(set(one.channels).isdisjoint(station.channels) for one in others)


def waits_above(desk: Desk, station: Station, alert_class: AlertClass, now: Instant) -> bool:
    """Whether a higher class has had something due for this carrier for a while."""
    for lane in CLASSES[: CLASSES.index(alert_class)]:
        if lane not in station.lanes:
            continue
        for channel in station.channels:
            queue = desk.agenda.queue(station.drill, channel, lane)
            if any(_waits(desk, page, station, now) for pages in queue.values() for page in pages):
                return True
    return False


def _waits(desk: Desk, page: Page, station: Station, now: Instant) -> bool:
    due_at = max(page.batch.due_at, page.opened.alert.accepted_at) + SETTLED_MS
    untouched = page.batch.alert not in station.held and page.opened.state != "paused"
    return untouched and page.batch.rung == 0 and due_at <= now and page.opened.may_fly and fits(desk, page, station)
