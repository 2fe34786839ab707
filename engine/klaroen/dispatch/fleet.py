"""The carriers: built from configuration, kept running, watched, avoided and restored.

Law: live carriers and drill carriers are two fleets; a drill's are simulated by type, so that no byte of a drill can
reach a real one. A driver that crashes is started again with back-off; its envelopes in flight are `Unknown`.
"""

from collections.abc import Sequence
from functools import cache, partial
from importlib.metadata import entry_points
from typing import Any, Final

import structlog
import trio

from klaroen.core import pace as paces
from klaroen.core.model import CHANNELS, CarrierName, Instant
from klaroen.core.ports import Answer, Carrier, Emit, Event, Link, Unknown
from klaroen.dispatch import lines
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.leftovers import free_stranded, ground_station
from klaroen.dispatch.settle import settle_answers, take_events
from klaroen.dispatch.station import ANSWER_MS, Station
from klaroen.dispatch.ward import attend
from klaroen.settings import CarrierSettings, Plugged, Sim

log = structlog.get_logger()

ENTRY_POINTS: Final = "klaroen.carriers"
RESTART_S: Final = 0.5
RESTART_S_MAX: Final = 30.0
"""A driver that crashes comes back after this long, doubling: a bug must not become a loop."""
WATCH_S: Final = 0.25
"""How often silence is looked for: 2 s of it are noticed within 2.25."""
OWN_LATE_MS: Final = 100
"""This late a loop is short of time: what looks slow then is our own machine [a country's load: 0.03]."""
OVERDUE_MS: Final = 5_000
"""How long past its deadline an envelope may stay unanswered before its driver is held to have lost it."""


def build_fleet(desk: Desk, emits: "EmitFor") -> None:
    """Build every configured carrier, and a simulated one a channel for drills."""
    now = desk.clock.now()
    for settings in desk.settings.carrier:
        carrier = build(settings, emits(settings.name, drill=False), desk)
        desk.stations[settings.name] = Station(settings, carrier, drill=False, now=now)
    for channel in CHANNELS:
        name = CarrierName(f"drill_{channel}")
        sim = Sim(name=name, channels=(channel,), rate_per_s=2000.0)
        desk.drills[name] = Station(sim, build(sim, emits(name, drill=True), desk), drill=True, now=now)


def build(settings: CarrierSettings, emit: Emit, desk: Desk) -> Carrier:
    """Return the carrier that its settings bring, or that the entry point named after its kind makes."""
    if isinstance(settings, Plugged):
        return settings.build(emit, desk.clock)
    carrier: Carrier = load_factory(str(settings.__struct_config__.tag))(settings, emit, desk.clock)
    return carrier


@cache  # looking through all that is installed takes 15 ms, and there are five carriers for drills alone
def load_factory(kind: str) -> Any:
    """Return what makes carriers of this kind."""
    (point,) = entry_points(group=ENTRY_POINTS, name=kind)
    return point.load()


class EmitFor:
    """Gives each carrier the way into dispatch: a bounded channel whose fullness is the back-pressure."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(self, name: CarrierName, *, drill: bool) -> Emit:
        return partial(self._emit, name, drill)

    async def _emit(self, name: CarrierName, drill: bool, events: Sequence[Event]) -> None:
        take_events(self._desk, self._desk.fleet(drill)[name], events)
        await trio.lowlevel.checkpoint()


async def run_carrier(desk: Desk, station: Station) -> None:
    """Run one driver for ever."""
    pause_s = RESTART_S
    while True:
        started = trio.current_time()
        try:
            await station.carrier.run()
        except Exception as error:  # a driver's bug must not take the other carriers down; it is said and counted
            log.exception("carrier crashed", carrier=station.name, words=type(error).__name__)
        lose(desk, station, "carrier crashed")
        if trio.current_time() - started > RESTART_S_MAX:
            pause_s = RESTART_S
        await trio.sleep(pause_s)
        pause_s = min(RESTART_S_MAX, pause_s * 2)


def lose(desk: Desk, station: Station, words: str) -> None:
    """Everything that the carrier has not answered may have been processed; of its calls nobody will tell the end."""
    take_events(desk, station, [Link(False, 0, words)])
    settle_answers(desk, station, [Answer(attempt, Unknown(words)) for attempt in list(station.in_flight)])
    for attempt in list(station.calls):
        lines.lose(desk, station, attempt)


async def watch(desk: Desk, station: Station) -> None:
    """Leave a carrier that has gone silent or ails, and free what only it could fly."""
    away_ms = 0
    while True:
        if not desk.alerts and station.at_rest:
            away_ms = 0
            await station.stirs.wait()
        due = Instant(desk.clock.now() + int(WATCH_S * 1000))
        await trio.sleep(WATCH_S)
        now = desk.clock.now()
        station.pace = paces.refill(station.pace, now)
        if now - due >= OWN_LATE_MS:
            desk.late_at = now
        if desk.heed_standstill(due):
            continue
        attend(desk, station)
        if paces.is_silent(station.pace, now):
            log.warning("carrier silent", carrier=station.name, unanswered=station.pace.used)
            station.pace = paces.open_breaker(station.pace, now)
            ground_station(desk, station)
            desk.ring_stations()
        _expire_answers(desk, station)
        lines.expire(desk, station)
        away_ms = 0 if station.usable else away_ms + int(WATCH_S * 1000)
        if away_ms > desk.settings.steps.warm.grace_s * 1000:
            free_stranded(desk, station)
        if station.pace.breaker != "open":
            station.bell.ring()


def _expire_answers(desk: Desk, station: Station) -> None:
    """A driver answers every envelope by its deadline; one that does not is a fault, and its envelope is unknown."""
    late = []
    for attempt, (page, index) in station.in_flight.items():
        flown_ms = page.sheet.flown_ms[index]
        if page.opened.ms(desk.clock.now()) - flown_ms < ANSWER_MS + OVERDUE_MS:
            break  # in the order of hand-over
        late.append(Answer(attempt, Unknown("no answer by the deadline")))
    if late:
        settle_answers(desk, station, late)


def switch(desk: Desk, station: Station, *, avoided: bool) -> None:
    """The operator's switch: an avoided carrier gets nothing more, and what it holds unsent goes elsewhere."""
    station.avoided = avoided
    if avoided:
        ground_station(desk, station)
    desk.ring_stations()
