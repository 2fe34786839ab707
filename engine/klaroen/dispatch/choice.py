"""Which carrier a batch may go to, and which of them should take it.

Law: a carrier that ails is used where no better one of the channel is left, and for a trial; among those that are as
well as each other, who had least for its weight goes first.
"""

from collections.abc import Iterator
from typing import Final

from klaroen.core import health as healths
from klaroen.core import pace as paces
from klaroen.core.model import CLASSES, Alert, AlertClass, Batch, Channel, Instant
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.page import Page
from klaroen.dispatch.station import Station

TRUST_BATCHES: Final = 1_000
"""How far, in weighted segments, one carrier may be ahead of another that is free: about one batch."""


def fits(desk: Desk, page: Page, station: Station) -> bool:
    """Say whether the batch may go to this carrier: one that has passed it on gets it again if nobody else is left."""
    batch = page.batch
    if batch.only is not None:
        return batch.only == station.name
    if station.name in batch.passed and any(_others(desk, batch, station)):
        return False
    return station.well or not has_better(desk, batch, station)


def has_better(desk: Desk, batch: Batch, station: Station) -> bool:
    """Say whether another carrier may be handed this batch that does better."""
    return batch.only is None and any(
        healths.is_better(other.health, station.health) for other in _others(desk, batch, station)
    )


def has_calmer(desk: Desk, batch: Batch, station: Station, now: Instant) -> bool:
    """Say whether another carrier, well and at its ease, may be handed this batch."""
    return batch.only is None and any(other.well and not other.falters(now) for other in _others(desk, batch, station))


def _others(desk: Desk, batch: Batch, station: Station) -> Iterator[Station]:
    for other in desk.fleet(station.drill).values():
        if other is not station and other.usable and other.name not in batch.passed and other.carries(batch):
            yield other


def is_ours(desk: Desk, station: Station, page: Page) -> bool:
    """Say whether this carrier should claim the batch, rather than one that is free and had less for its weight."""
    batch = page.batch
    now = desk.clock.now()
    for other in desk.fleet(station.drill).values():
        if other is station or batch.step.channel not in other.channels or batch.alert_class not in other.lanes:
            continue
        if not other.usable or batch.alert in other.held or not fits(desk, page, other):
            continue
        if other.pace.breaker == "half_open":
            continue  # it is tried with one message; nobody waits for how that ends
        if other.falters(now):
            continue  # nobody waits for what comes of it either
        if is_busy_above(other, batch.alert_class):
            continue  # there it would get a floor at most, as here
        if other.taken + TRUST_BATCHES < station.taken and paces.grant(paces.refill(other.pace, now), batch.parts, now):
            other.bell.ring()
            return False
    return True


def is_busy_above(station: Station, lane: AlertClass) -> bool:
    """Say whether the carrier flies something of a higher lane: then it is not free for this one."""
    above = CLASSES[: CLASSES.index(lane)]
    return any(page.batch.alert_class in above and page.sheet.left for page in station.held.values())


def serving(desk: Desk, alert: Alert, channel: Channel) -> list[Station]:
    """Return the carriers that this alert may count upon: those of which none is better."""
    able = [
        one
        for one in desk.fleet(alert.mode == "drill").values()
        if one.usable and channel in one.channels and alert.alert_class in one.lanes
    ]
    return [one for one in able if not any(healths.is_better(other.health, one.health) for other in able)]


def peers(desk: Desk, station: Station) -> list[Station]:
    """Return the usable carriers that share a channel with this one."""
    return [
        other
        for other in desk.fleet(station.drill).values()
        if other is not station and other.usable and not set(station.channels).isdisjoint(other.channels)
    ]


def may_try(page: Page, station: Station) -> bool:
    """Say whether a batch can show how a carrier that ails does now."""
    return page.batch.only is None and station.name not in page.batch.passed
