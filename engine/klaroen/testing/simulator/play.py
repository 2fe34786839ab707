"""One world, from its seed to its end.

Law: the same scenario goes the same way, to the last event: virtual time, one thread, and trio's choices by the seed.
"""

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import trio
import trio._core._run as trio_run
from msgspec import Struct
from msgspec.structs import replace
from trio.testing import MockClock

from klaroen.core.model import Coordinator, Officer, Token
from klaroen.core.state import NONE
from klaroen.dispatch.desk import Desk
from klaroen.register.model import Register
from klaroen.setting_kinds import FourEyes
from klaroen.settings import ClassSteps, Steps
from klaroen.testing import country
from klaroen.testing.disk import PowerCut
from klaroen.testing.far_end import FarEnd
from klaroen.testing.simulator import invariants as promises
from klaroen.testing.simulator.chronicle import Chronicle
from klaroen.testing.simulator.client import Clients
from klaroen.testing.simulator.fates import script
from klaroen.testing.simulator.people import COORDINATOR, People, name_of
from klaroen.testing.simulator.scenario import CarrierDraw, Scenario, Spell
from klaroen.testing.simulator.trouble import Trouble
from klaroen.testing.simulator.watch import Breach, Watch, demand
from klaroen.testing.world import World

TMPFS: Final = Path("/dev/shm")  # noqa: S108 - where there is one a world costs no disk
LATE_S: Final = 45.0
"""After the last expiry: calls that stand, answers that are due, and proof that comes late."""
OFFICER: Final = Officer("O1", "O", phone="+32479999999")
"""Who gets a copy of what is sent under a grant."""
PATIENCE_S: Final = 600.0
"""Until everybody who posts has been answered: longer than anything that goes wrong lasts."""


class Played(Struct, frozen=True):
    """How a world ended."""

    seed: int
    digest: str
    events: int
    virtual_s: float
    alerts: int
    handed_over: int
    lives: int
    promise: str = ""
    """Which was broken; empty where all were kept."""
    facts: str = ""
    last: tuple[str, ...] = ()


def play(scenario: Scenario) -> Played:
    """Play it to its end, or until a promise is broken."""
    chronicle = Chronicle()
    directory = Path(tempfile.mkdtemp(prefix="klaroen-world-", dir=TMPFS if TMPFS.is_dir() else None))
    game = Game(scenario, directory, chronicle)
    try:
        with chosen_by(scenario.seed):
            trio.run(game.run, clock=game.clock)
    finally:
        shutil.rmtree(directory)
    return game.played


@contextmanager
def chosen_by(seed: int) -> Iterator[None]:
    """Have trio choose among tasks that could run by this seed. It has no public way; hypothesis uses the same one."""
    names = ("_ALLOW_DETERMINISTIC_SCHEDULING", "_r")
    before = [getattr(trio_run, name) for name in names]
    for name, value in zip(names, (True, random.Random(seed)), strict=True):
        setattr(trio_run, name, value)
    try:
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(trio_run, name, value)


class Game:
    """A scenario that is being played."""

    def __init__(self, scenario: Scenario, directory: Path, chronicle: Chronicle) -> None:
        self.scenario, self._directory, self._chronicle = scenario, directory, chronicle
        self.clock = MockClock(autojump_threshold=0)
        self._watch = Watch(chronicle)
        self._lives = 0
        self.played: Played

    async def run(self) -> None:
        world = make_world(self.scenario, self._directory, self.clock, self._watch)
        begins_s = trio.current_time()
        trouble = Trouble(self.scenario, world, begins_s)
        clients = Clients(self.scenario, self._watch, begins_s)
        people = People(self.scenario, self._watch, begins_s)
        if trouble.counts_steps:
            trio.lowlevel.add_instrument(trouble)  # type: ignore[arg-type]
        breach: Breach | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trouble.brew)
                nursery.start_soon(people.write_back, world)
                await self._live_on(world, trouble, clients, people, begins_s)
                nursery.cancel_scope.cancel()
        except* Breach as group:
            breach = first_of(group)
        except* Exception as group:  # whatever we did wrong: it is what this looks for
            error = leaf_of(group)
            breach = Breach(promises.nothing_of_ours_breaks.__name__, where(error))
        self.played = Played(
            self.scenario.seed, self._chronicle.digest, self._chronicle.count, trio.current_time() - begins_s,
            len(clients.accepted), len(world.handed), self._lives,
            breach.promise if breach else "", breach.facts if breach else "",
            tuple(self._chronicle.last) if breach else (),
        )  # fmt: skip

    async def _live_on(self, world: World, trouble: Trouble, clients: Clients, people: People, begins_s: float) -> None:
        """One life after the other, until everything has come to its end."""
        while True:
            self._lives += 1
            try:
                async with world.running(linked=False):
                    if await self._live(world, trouble, clients, people, begins_s):
                        return
            except* PowerCut:
                world.cut_before_commit = world.cut_after_commit = None
            await trio.sleep(trouble.away_s)

    async def _live(self, world: World, trouble: Trouble, clients: Clients, people: People, begins_s: float) -> bool:
        """Return whether the world is over; else the process was asked to stop, and has drained."""
        over = False
        async with trio.open_nursery() as nursery:

            async def end() -> None:
                nonlocal over
                await self._end(world, clients, people, begins_s)
                over = True
                nursery.cancel_scope.cancel()

            async def stop() -> None:
                await trouble.stop()
                nursery.cancel_scope.cancel()

            nursery.start_soon(clients.live, world)
            nursery.start_soon(people.live, world)
            nursery.start_soon(end)
            nursery.start_soon(stop)
        return over

    async def _end(self, world: World, clients: Clients, people: People, begins_s: float) -> None:
        """Wait for the end of everything, and ask what must hold of it."""
        with trio.move_on_after(PATIENCE_S):
            while not (clients.content and people.content):  # noqa: ASYNC110 - virtual time costs nothing
                await trio.sleep(1.0)
        waiting = [] if clients.content and people.content else ["somebody without an answer"]
        demand(promises.everything_ends, waiting, 0, 0)
        faulty_s = begins_s + max((fault.at_s for fault in self.scenario.faults if fault is not None), default=0.0)
        while self._goes_on(world, faulty_s):  # noqa: ASYNC110
            await trio.sleep(1.0)
        desk = world.desk
        unread = [f"reply {one.id} without an answer" for one in desk.store.replies.owed(10)]
        answers = {name for name, one in desk.alerts.items() if one.alert.origin == "reply" and one.may_fly}
        waiting += [*sorted(desk.alerts.keys() - answers), *unread]
        unanswered = 0 if answers else sum(len(station.in_flight) for station in desk.stations.values())
        demand(promises.everything_ends, waiting, 0 if answers else pending(desk), unanswered)
        self._watch.finish()

    def _goes_on(self, world: World, faulty_s: float) -> bool:
        """Whether something may rightly be open still: answers to replies live for an hour, which nobody waits for."""
        if trio.current_time() < faulty_s or not at_work(world):
            return trio.current_time() < faulty_s
        alerts = [one.alert for one in self._watch.shadow.alerts.values() if one.alert.origin != "reply"]
        last_ms = max((alert.expires_at for alert in alerts), default=0) - world.clock.now()
        return LATE_S + max(last_ms / 1000, faulty_s + LATE_S - trio.current_time()) > 0


def at_work(world: World) -> bool:
    """Whether an alert is open, a reply waits for its answer, or a carrier still has something to say."""
    desk, ends = world.desk, world.ends.values()
    if desk.alerts or desk.something_to_write or any(end.has_more_to_say for end in ends):
        return True
    return bool(desk.letters.replied or desk.store.replies.owed(1))


def pending(desk: Desk) -> int:
    """Deliveries that still wait to leave, and submissions that a crash would leave in doubt."""
    waiting = sum(page.sheet.states.count(NONE) for page in desk.agenda.ready())
    return waiting + desk.exposed


def make_world(scenario: Scenario, directory: Path, clock: MockClock, watch: Watch) -> World:
    """Furnish a world for a scenario."""
    begins_s = trio.current_time()
    text_s, call_s, grace_s = scenario.patience_s
    steps = ClassSteps(sms_s=text_s, call_s=call_s, email_s=text_s, ring_s=5.0, grace_s=grace_s, retry_s=1.0)
    ends = [far_end(scenario, place, begins_s) for place in range(len(scenario.carriers))]
    return World(
        directory, clock, ends, populate(scenario),
        carriers={one.name: settings_of(one) for one in scenario.carriers},
        steps=Steps(crisis=steps, warm=steps, public_interest=steps, cold=steps),
        unjournaled_max=scenario.unjournaled_max, calls=None, seed=scenario.seed,
        starts_at=scenario.starts_at, ear=watch, tokens=(*country.TOKENS, *others(scenario)),
        four_eyes=FourEyes(**dict(scenario.four_eyes)),
    )  # fmt: skip


def populate(scenario: Scenario) -> Register:
    """Return who lives there: each with a mobile and a mail, some with a landline or in the next network too."""
    networks = [
        country.network(number + 1, windows, coordinators=(Coordinator(COORDINATOR, "C"),), officers=(OFFICER,))
        for number, windows in enumerate(scenario.windows)
    ]
    made, each = country.register(networks, scenario.members_each), scenario.members_each
    members = []
    for one in made.members:
        place = one.number // each
        memberships = one.memberships
        if one.number % each < scenario.shared and place + 1 < len(networks):
            memberships += ((name_of(place + 1), "active", True),)
        landline = country.landline(one.number) if one.number % each < scenario.landlines else None
        members.append(replace(one, landline=landline, email=country.mail(one.number), memberships=memberships))
    return replace(made, members=tuple(members))


def others(scenario: Scenario) -> tuple[Token, ...]:
    """Return a coordinator of all networks, and the crisis authority's second person."""
    names = tuple(name_of(place) for place in range(len(scenario.windows)))
    theirs = replace(country.token(COORDINATOR, "coordinator"), networks=names)
    return theirs, country.token("crisis2", "crisis_authority", "*")


def far_end(scenario: Scenario, place: int, begins_s: float) -> FarEnd:
    draw = scenario.carriers[place]
    spells = [fault for fault in scenario.faults if isinstance(fault, Spell) and fault.carrier == place]
    fate = script(scenario.seed, draw.character, spells, lambda: trio.current_time() - begins_s)
    return FarEnd(draw.name, fate, keyed=draw.keyed, window=draw.window)


def settings_of(draw: CarrierDraw) -> dict[str, object]:
    return {
        "channels": draw.channels, "rate_per_s": draw.rate_per_s, "lanes": draw.lanes, "weight": draw.weight,
        "lines": draw.lines, "outlives": draw.outlives, "parts_rule": draw.rule, "cost_eur": 0.05,
    }  # fmt: skip


# --- what went wrong --------------------------------------------------------------------------------------------------


def first_of(group: BaseExceptionGroup[Breach]) -> Breach:
    found = leaf_of(group)
    assert isinstance(found, Breach), "a group of breaches holds breaches"
    return found


def leaf_of(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def where(error: BaseException) -> str:
    """Return an error with the place in our code where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno} "
    return f"{place}{type(error).__name__}: {error}"
