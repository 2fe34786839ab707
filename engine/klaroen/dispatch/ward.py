"""Carriers that ail: noticed, left, tried again, and fed slowly once they are well.

Law: `core/health` judges; here it is asked, told to people, and acted upon. What an ailing carrier has not taken yet
goes elsewhere at once, if there is an elsewhere; what it has taken is settled as ever.
"""

from collections.abc import Callable
from typing import Final

import structlog

from klaroen.core import health as healths
from klaroen.core import pace as paces
from klaroen.core.health import Condition
from klaroen.core.model import Instant
from klaroen.dispatch.choice import has_better, has_calmer, peers
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.leftovers import ground
from klaroen.dispatch.page import Page
from klaroen.dispatch.station import Station

log = structlog.get_logger()

CALM_MS: Final = 2_000
"""After we were late ourselves: as long as what was late then counts in an answer time."""
WORDS: Final[dict[Condition, str]] = {
    "well": "does its work again",
    "slow": "answers far more slowly than it used to",
    "throttling": "asks to slow down and takes nothing",
    "unproved": "takes messages of which almost none is proved to arrive",
}


def attend(desk: Desk, station: Station) -> None:
    """Judge one carrier as it is now, and act on what is new."""
    now = desk.clock.now()
    others = peers(desk, station)
    before, after = station.health, _judged(desk, station, others, now)
    station.health = after
    if after.condition != before.condition:
        log.warning(
            "carrier ails" if not station.well else "carrier is well",
            carrier=station.name,
            words=WORDS[after.condition],
        )
        if station.well:
            station.pace = paces.start_slowly(station.pace)
        desk.ring_stations()
    if not station.well:
        _let_go(desk, station, lambda page: has_better(desk, page.batch, station))
    elif station.falters(now):
        _let_go(desk, station, lambda page: has_calmer(desk, page.batch, station, now))
    if not (station.usable and station.well):
        _stay_abreast(station, others)


def _let_go(desk: Desk, station: Station, has_elsewhere: Callable[[Page], bool]) -> None:
    """What it has not been handed yet goes elsewhere at once."""
    for page in list(station.held.values()):
        if not page.claiming and has_elsewhere(page):
            ground(desk, page)


def _judged(desk: Desk, station: Station, others: list[Station], now: Instant) -> healths.Health:
    """What lies unread or cannot be written says nothing against anybody, nor does what looks late while we are."""
    if not desk.store_works:
        return station.health
    heard_until = desk.backlog[0].at if desk.backlog else now
    silent_ms = paces.silent_ms(station.pace, now)
    late = now - desk.late_at < CALM_MS
    return healths.judge(station.health, [other.health for other in others], silent_ms, heard_until, now, late=late)


def _stay_abreast(station: Station, others: list[Station]) -> None:
    """Who is away owes nothing: it does not get everything once it is back."""
    working = [other.taken for other in others if not healths.is_better(station.health, other.health)]
    station.taken = max(station.taken, min(working, default=0.0))
