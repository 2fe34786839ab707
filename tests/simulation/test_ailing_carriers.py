"""Carriers that are connected and do not do their work: noticed, left, tried again, and never fed too fast."""

from typing import Final

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.audit import audit
from tests.simulation.world import World, network

from klaroen.core.health import TRIAL
from klaroen.core.model import Instant
from klaroen.dispatch import choice
from klaroen.testing.deeds import PROVED, SILENT, THROTTLED, Deed, Proof
from klaroen.testing.far_end import FarEnd

RATE: Final = 500.0
PACED = {"rate_per_s": RATE}
SLOW = Deed(answer_s=0.2, proofs=(Proof(1.0),))
LYING = Deed(copies=0, proofs=())
"""Taken, and no telephone ever rings."""
AILS_S: Final = 40.0
FAR: Final = Instant(2**60)


@pytest.fixture
def ends() -> tuple[FarEnd, FarEnd]:
    return FarEnd("alpha"), FarEnd("beta")


def country(world_of, *ends: FarEnd) -> World:
    """Forty networks, and two carriers of 500 a second."""
    networks = [network(number) for number in range(1, 41)]
    return world_of(*ends, networks=networks, members=50, carriers={"alpha": PACED, "beta": PACED})


async def post(world: World, posted: list[str], seconds: float) -> None:
    """Post an alert to one network after the other, five a second: half of what one carrier drains."""
    until = trio.current_time() + seconds
    while trio.current_time() < until:
        posted.append((await world.send(targets={"networks": [f"BIN-{len(posted) % 40 + 1:04}"]})).id)
        await trio.sleep(0.2)


async def be_late(world: World) -> None:
    """Our own machine is short of time, and goes on to be."""
    while True:
        world.desk.late_at = world.clock.now()
        await trio.sleep(0.1)


def condition(world: World, name: str = "alpha") -> str:
    return world.desk.stations[name].health.condition


def handed(end: FarEnd, since: float, until: float = float("inf")) -> int:
    return sum(since <= one.at < until for one in end.handed)


def assert_paced(*ends: FarEnd) -> None:
    """No carrier got more in any second than its rate and the tenth of a second that a silence saves."""
    for end in ends:
        times = [one.at for one in end.handed]
        first = 0
        for place, at in enumerate(times):
            while times[first] <= at - 1.0:
                first += 1
            assert place - first < 1.1 * RATE, end.name


@pytest.fixture
def in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of two free carriers claims a batch is luck, as far as `TRUST_BATCHES` goes: here they take turns."""
    monkeypatch.setattr(choice, "TRUST_BATCHES", 0)


@pytest.mark.usefixtures("in_turns")
@pytest.mark.parametrize(
    ("deed", "expected", "within_s"),
    [(SLOW, "slow", 8.0), (THROTTLED, "throttling", 2.0), (LYING, "unproved", 25.0)],
    ids=["brown-out", "throttles for ever", "lies"],
)
async def test_what_ails_is_left_and_used_again_once_it_is_well(
    autojump_clock, ends, world_of, deed: Deed, expected: str, within_s: float
) -> None:
    """Meanwhile it gets the few messages of trials; then what it answers doubles what may follow."""
    alpha, beta = ends
    posted: list[str] = []
    world = country(world_of, *ends)
    async with world.running(), trio.open_nursery() as nursery:
        await post(world, posted, 15.0)
        assert ("well", "well") == (condition(world), condition(world, "beta"))
        alpha.script = lambda _envelope, _seen: deed
        ailing_at = trio.current_time()
        nursery.start_soon(post, world, posted, 120.0)
        await world.until(lambda: handed(alpha, ailing_at) > 0, 1.0)
        await world.until(lambda: condition(world) != "well", within_s)
        assert expected == condition(world)
        await trio.sleep(1.0)
        left_at = trio.current_time()
        await trio.sleep(ailing_at + AILS_S - trio.current_time())
        assert handed(alpha, left_at) <= 4 * TRIAL, "four trials at most: after 5, 10, 20 and 40 s"
        assert expected == condition(world)
        alpha.script = lambda _envelope, _seen: PROVED
        await world.until(lambda: condition(world) == "well", 60.0)
        well_at = trio.current_time()
        await trio.sleep(10.0)
        assert 0.5 < handed(alpha, well_at) / handed(beta, well_at) < 2.0, "it has its share again, and no more"
        nursery.cancel_scope.cancel()
    assert_paced(*ends)


async def test_a_liar_is_all_that_is_left_and_is_used(autojump_clock, world_of) -> None:
    """Who can only be reached by a carrier that ails is not left out; what it does not prove goes on to a call."""
    alpha = FarEnd("alpha")
    world = world_of(alpha, networks=[network(1), network(2)], members=60, carriers={"alpha": PACED})
    async with world.running():
        before = []
        for _ in range(20):
            before.append((await world.send()).id)
            await trio.sleep(1.0)
        alpha.script = lambda _envelope, _seen: LYING
        sent = await world.send()
        await world.until(lambda: condition(world) == "unproved", 30.0)
        again = await world.send()
        assert (120, 120) == ((await world.over(sent.id)).reached, (await world.over(again.id)).reached)
        assert len(alpha.handed) == 22 * 120
        audit(world, *before, sent.id, again.id)


async def test_half_open_connections_cost_what_is_in_flight_and_no_more(autojump_clock, ends, world_of) -> None:
    """The far end is gone and no packet says so: all but what it had is with the other within two seconds."""
    alpha, beta = ends
    world = country(world_of, *ends)
    async with world.running():
        alpha.script = lambda _envelope, _seen: PROVED if len(alpha.handed) <= 100 else SILENT
        sent = await world.send()
        await world.until(lambda: len(alpha.handed) > 100)
        gone_at = trio.current_time()
        await world.until(lambda: not world.desk.stations["alpha"].held, 2.0)
        doubtful = handed(alpha, gone_at)
        await trio.sleep(gone_at + 8.0 - trio.current_time())
        assert len(beta.handed) >= 2_000 - 100 - doubtful - 2 * TRIAL
        assert doubtful <= RATE / 5, "what it gets within two tenths of a second"
        assert 2_000 == (await world.over(sent.id)).reached
        audit(world, sent.id)
        assert_paced(*ends)


@pytest.mark.usefixtures("in_turns")
async def test_a_pause_is_not_held_against_a_carrier_and_the_next_messages_do_not_wait_for_its_end(
    autojump_clock, ends, world_of
) -> None:
    """For most of a second nothing is answered: after two tenths all goes to the other, and then both have a share."""
    alpha, beta = ends
    posted: list[str] = []
    world = country(world_of, *ends)

    def pausing(_envelope, _seen) -> Deed:
        wait_s = max(0.02, pause_until - trio.current_time())
        return Deed(answer_s=wait_s, proofs=(Proof(wait_s + 0.1),))

    async with world.running(), trio.open_nursery() as nursery:
        nursery.start_soon(post, world, posted, 60.0)
        await trio.sleep(0.1)
        nursery.start_soon(post, world, posted, 60.0)
        await trio.sleep(15.0)
        paused_at, pause_until = trio.current_time(), trio.current_time() + 0.7
        alpha.script = pausing
        await trio.sleep(20.0)
        assert "well" == condition(world)
        faltering_at = 0.25 + next(one.at for one in alpha.handed if one.at >= paused_at)
        assert 0 == handed(alpha, faltering_at, pause_until)
        assert 50 <= handed(beta, faltering_at, pause_until), "an alert or two"
        assert 0.5 < handed(alpha, pause_until + 5.0) / handed(beta, pause_until + 5.0) < 2.0
        nursery.cancel_scope.cancel()
    assert_paced(*ends)


async def test_a_carrier_that_reorders_and_repeats_changes_nothing(autojump_clock, world_of) -> None:
    """Answers in any order, receipts before them, each of them twice and more: one end, and nothing held against it."""

    def chaotic(envelope, _seen) -> Deed:
        draw = int(envelope.address[-2:])
        proofs = (Proof(0.01 + draw / 50), Proof(0.01 + draw / 70), Proof(3.0 - draw / 50))
        return Deed(answer_s=0.001 + (99 - draw) / 500, proofs=proofs)

    alpha = FarEnd("alpha", chaotic)
    async with world_of(alpha, members=100).running() as world:
        posted = [(await world.send()).id for _ in range(5)]
        for one in posted:
            status = await world.over(one)
            assert (100, 100) == (status.reached, status.channels["sms"].attempts)
        audit(world, *posted)
        assert "well" == condition(world)


async def test_while_we_are_late_ourselves_nobody_is_condemned(autojump_clock, ends, world_of) -> None:
    """A machine that is short of time makes every carrier look slow, and receipts late."""
    alpha, _ = ends
    posted: list[str] = []
    world = country(world_of, *ends)

    async with world.running(), trio.open_nursery() as nursery:
        await post(world, posted, 15.0)
        alpha.script = lambda _envelope, _seen: SLOW
        nursery.start_soon(post, world, posted, 60.0)
        async with trio.open_nursery() as late:
            late.start_soon(be_late, world)
            await trio.sleep(20.0)
            assert "well" == condition(world)
            late.cancel_scope.cancel()
        await world.until(lambda: condition(world) == "slow", 8.0)
        nursery.cancel_scope.cancel()


async def test_who_throttles_is_left_for_one_that_is_slow_though_we_are_late_ourselves(
    autojump_clock, ends, world_of
) -> None:
    """That he takes nothing he says himself. It once stood for well meanwhile, and got all there was: nothing moved."""
    alpha, _ = ends
    posted: list[str] = []
    world = country(world_of, *ends)

    async with world.running(), trio.open_nursery() as nursery:
        await post(world, posted, 15.0)
        slow = world.desk.stations["beta"]
        slow.health = replace(slow.health, condition="slow", trial_at=FAR)
        alpha.script = lambda _envelope, _seen: THROTTLED
        ailing_at = trio.current_time()
        nursery.start_soon(be_late, world)
        nursery.start_soon(post, world, posted, 60.0)
        await world.until(lambda: condition(world) == "throttling", 2.0)
        await trio.sleep(ailing_at + 10.0 - trio.current_time())
        copies = sum(len(end.copies) for end in ends)
        assert 50 * (len(posted) - 2) <= copies, "but for the latest everybody has his"
        nursery.cancel_scope.cancel()
    assert_paced(*ends)


async def test_what_ails_is_not_counted_upon(autojump_clock, ends, world_of) -> None:
    """`eta_s` is what the carriers drain of which none is better: who is late counts where nobody is well."""
    world = country(world_of, *ends)
    async with world.running():
        stations = world.desk.stations
        sent = await world.send()
        both = (await world.status(sent.id)).eta_s
        stations["alpha"].health = replace(stations["alpha"].health, condition="unproved", trial_at=FAR)
        one = (await world.status(sent.id)).eta_s
        stations["beta"].health = replace(stations["beta"].health, condition="slow", trial_at=FAR)
        assert (2.0, 4.0, 4.0) == (both, one, (await world.status(sent.id)).eta_s)
