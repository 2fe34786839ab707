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
from trio.testing import MockClock

from klaroen.core.state import NONE
from klaroen.dispatch.desk import Desk
from klaroen.settings import ClassSteps, Steps
from klaroen.testing import country
from klaroen.testing.disk import PowerCut
from klaroen.testing.far_end import FarEnd
from klaroen.testing.simulator import invariants as promises
from klaroen.testing.simulator.chronicle import Chronicle
from klaroen.testing.simulator.client import Clients
from klaroen.testing.simulator.fates import script
from klaroen.testing.simulator.scenario import CarrierDraw, Scenario, Spell
from klaroen.testing.simulator.trouble import Trouble
from klaroen.testing.simulator.watch import Breach, Watch, demand
from klaroen.testing.world import World

TMPFS: Final = Path("/dev/shm")  # noqa: S108 - where there is one a world costs no disk
LATE_S: Final = 45.0
"""After the last expiry: calls that stand, answers that are due, and proof that comes late."""
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
        if trouble.counts_steps:
            trio.lowlevel.add_instrument(trouble)  # type: ignore[arg-type]
        breach: Breach | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trouble.brew)
                await self._live_on(world, trouble, clients, begins_s)
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

    async def _live_on(self, world: World, trouble: Trouble, clients: Clients, begins_s: float) -> None:
        """One life after the other, until everything has come to its end."""
        while True:
            self._lives += 1
            try:
                async with world.running(linked=False):
                    if await self._live(world, trouble, clients, begins_s):
                        return
            except* PowerCut:
                world.cut_before_commit = world.cut_after_commit = None
            await trio.sleep(trouble.away_s)

    async def _live(self, world: World, trouble: Trouble, clients: Clients, begins_s: float) -> bool:
        """Return whether the world is over; else the process was asked to stop, and has drained."""
        over = False
        async with trio.open_nursery() as nursery:

            async def end() -> None:
                nonlocal over
                await self._end(world, clients, begins_s)
                over = True
                nursery.cancel_scope.cancel()

            async def stop() -> None:
                await trouble.stop()
                nursery.cancel_scope.cancel()

            nursery.start_soon(clients.live, world)
            nursery.start_soon(end)
            nursery.start_soon(stop)
        return over

    async def _end(self, world: World, clients: Clients, begins_s: float) -> None:
        """Wait for the end of everything, and ask what must hold of it."""
        with trio.move_on_after(PATIENCE_S):
            while not clients.content:  # noqa: ASYNC110 - virtual time costs nothing
                await trio.sleep(1.0)
        demand(promises.everything_ends, [] if clients.content else ["a client without an answer"], 0, 0)
        alerts = [self._watch.shadow.alerts[alert].alert for alert in clients.accepted]
        last_ms = max((alert.expires_at for alert in alerts), default=0) - world.clock.now()
        last_fault_s = max((fault.at_s for fault in self.scenario.faults if fault is not None), default=0.0)
        ends_s = max(trio.current_time() + last_ms / 1000, begins_s + last_fault_s + LATE_S) + LATE_S
        faulty_s = begins_s + last_fault_s
        while trio.current_time() < ends_s and (at_work(world) or trio.current_time() < faulty_s):  # noqa: ASYNC110
            await trio.sleep(1.0)
        desk = world.desk
        unanswered = sum(len(station.in_flight) for station in desk.stations.values())
        demand(promises.everything_ends, sorted(desk.alerts), pending(desk), unanswered)
        self._watch.finish()


def at_work(world: World) -> bool:
    """Whether an alert is open, or a carrier still has something to say."""
    return bool(
        world.desk.alerts or world.desk.something_to_write or any(end.has_more_to_say for end in world.ends.values())
    )


def pending(desk: Desk) -> int:
    """Deliveries that still wait to leave, and submissions that a crash would leave in doubt."""
    waiting = sum(page.sheet.states.count(NONE) for page in desk.agenda.ready())
    return waiting + desk.exposed


def make_world(scenario: Scenario, directory: Path, clock: MockClock, watch: Watch) -> World:
    """Furnish a world for a scenario."""
    begins_s = trio.current_time()
    text_s, call_s, grace_s = scenario.patience_s
    steps = ClassSteps(sms_s=text_s, call_s=call_s, email_s=text_s, ring_s=5.0, grace_s=grace_s, retry_s=1.0)
    networks = [country.network(number + 1, windows) for number, windows in enumerate(scenario.windows)]
    ends = [far_end(scenario, place, begins_s) for place in range(len(scenario.carriers))]
    return World(
        directory, clock, ends, country.register(networks, scenario.members_each),
        carriers={one.name: settings_of(one) for one in scenario.carriers},
        steps=Steps(crisis=steps, warm=steps, public_interest=steps, cold=steps),
        unjournaled_max=scenario.unjournaled_max, calls=None, seed=scenario.seed,
        starts_at=scenario.starts_at, ear=watch,
    )  # fmt: skip


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
