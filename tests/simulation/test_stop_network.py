"""A network that is stopped gets nothing more, whatever is under way (R1); the others do, and the books balance."""

import pytest
import trio
from tests.simulation.audit import audit
from tests.simulation.world import members_counted, network, register

from klaroen.core import mandates
from klaroen.core.errors import InputError
from klaroen.core.mandates import HaltRequest, HaltView
from klaroen.testing.far_end import FarEnd

LATEST_S = 0.2
WHY = HaltRequest("It patrols by night.", "Burgemeester van Aalst")


def two_networks(members: int = 400):
    return {"country": register([network(1), network(2)], members), "carriers": {"alpha": {"rate_per_s": 100.0}}}


def to_network(world, alpha: FarEnd, number: int) -> list[float]:
    """When messages left for members of a network."""
    each = len(world.country.members) // len(world.country.networks)
    return [one.at for one in alpha.handed if (int(one.envelope.address[-6:]) // each) == number - 1]


async def stop(world, name: str = "BIN-0001", principal: str = "police") -> HaltView:
    return await world.ask(mandates.StopNetwork(name, WHY), HaltView, principal)


async def test_R01_a_stopped_network_gets_nothing_more(autojump_clock, world_of) -> None:
    """200 ms after the answer nothing leaves for it; the other network is warned in full, and every member counted."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **two_networks()).running() as world:
        sent = await world.send()
        await trio.sleep(2)
        told = await stop(world)
        answered = trio.current_time()
        left = len(to_network(world, alpha, 1))
        assert told.stopped
        assert 400 - left <= told.deliveries_stopped <= 400 - left + 10  # some may be with the carrier, unanswered
        status = await world.status(sent.id)
        assert members_counted(status) == 800
        status = await world.over(sent.id)
        assert max(to_network(world, alpha, 1)) <= answered + LATEST_S
        late = len(to_network(world, alpha, 1))
        assert 400 == len(to_network(world, alpha, 2))
        assert ("done", 400 + late, 400 - late) == (status.state, status.reached, status.cancelled)
        audit(world, sent.id)


async def test_R01_a_batch_whose_last_are_of_a_stopped_network_leaves_the_hand_of_its_carrier(
    autojump_clock, world_of
) -> None:
    """Those before them leave, and are proved to be reached, before the carrier has its next turn."""
    alpha = FarEnd("alpha", window=1)
    slow = two_networks(2) | {"carriers": {"alpha": {"rate_per_s": 1.0}}}
    async with world_of(alpha, **slow).running() as world:
        sent = await world.send()
        await world.until(lambda: alpha.handed, 1)
        assert 2 == (await stop(world, "BIN-0002")).deliveries_stopped
        status = await world.over(sent.id)
        assert ("done", 2, 2) == (status.state, status.reached, status.cancelled)
        assert world.desk.stations[alpha.name].at_rest
        audit(world, sent.id)


async def test_R01_an_alert_of_stopped_networks_alone_is_cancelled(autojump_clock, world_of) -> None:
    alpha = FarEnd("alpha")
    async with world_of(alpha, **two_networks()).running() as world:
        sent = await world.send(targets={"networks": ["BIN-0001"]})
        await trio.sleep(1)
        await stop(world)
        assert "cancelled" == (await world.status(sent.id)).state
        status = await world.over(sent.id)
        assert ("cancelled", len(alpha.handed)) == (status.state, status.reached)
        assert 400 == status.reached + status.cancelled
        audit(world, sent.id)


async def test_R01_a_stop_outlives_a_restart_and_an_import(autojump_clock, world_of) -> None:
    """What is refused afterwards is named with its rule, until the network is resumed."""
    alpha = FarEnd("alpha")
    world = world_of(alpha, **two_networks(30))
    async with world.running():
        sent = await world.send()
        await stop(world)
    before = len(to_network(world, alpha, 1))
    async with world.running():
        world.desk.take_register(world.desk.imported)
        status = await world.over(sent.id)
        assert (before, 30) == (len(to_network(world, alpha, 1)), len(to_network(world, alpha, 2)))
        assert 60 - before - 30 == status.cancelled
        refused = await world.send()
        assert [("BIN-0001", "R1")] == [(one.network, one.rule) for one in refused.refused]
        resumed = await world.ask(mandates.ResumeNetwork("BIN-0001", WHY), HaltView)
        assert not resumed.stopped
        assert () == (await world.send()).refused


async def test_R01_recognition_withdrawn_by_import_stops_what_is_under_way(autojump_clock, world_of) -> None:
    """The minister withdraws recognition: from the import on nothing leaves for it."""
    from msgspec.structs import replace

    from klaroen.dispatch.barring import enforce

    alpha = FarEnd("alpha")
    async with world_of(alpha, **two_networks()).running() as world:
        sent = await world.send()
        await trio.sleep(1)
        snapshot = world.desk.imported
        networks = {**snapshot.networks, "BIN-0001": replace(snapshot.networks["BIN-0001"], recognised=False)}
        world.desk.take_register(replace(snapshot, version=2, networks=networks))
        enforce(world.desk)
        imported = trio.current_time()
        status = await world.over(sent.id)
        assert max(to_network(world, alpha, 1)) <= imported + LATEST_S
        assert 400 == len(to_network(world, alpha, 2))
        assert 800 == status.reached + status.cancelled


async def test_R05_who_is_in_another_network_is_warned_through_it(autojump_clock, world_of) -> None:
    """A person in two networks of which one is stopped is reached through the other."""
    from msgspec.structs import replace

    country = register([network(1), network(2)], 20)
    both = (("BIN-0001", "active", True), ("BIN-0002", "active", True))
    country = replace(country, members=tuple(replace(one, memberships=both) for one in country.members))
    alpha = FarEnd("alpha")
    async with world_of(alpha, country=country, carriers={"alpha": {"rate_per_s": 5.0}}).running() as world:
        sent = await world.send()
        await trio.sleep(1)
        assert 0 == (await stop(world)).deliveries_stopped
        assert 40 == (await world.over(sent.id)).reached


async def test_R01_only_the_police_of_its_zone_stop_a_network(autojump_clock, world_of) -> None:
    async with world_of(FarEnd("alpha"), **two_networks(2)).running() as world:
        with pytest.raises(InputError) as caught:
            await stop(world, principal="crisis")
        assert ("not-allowed", "R1") == (caught.value.problem.name, caught.value.problem.rule)
        with pytest.raises(InputError) as caught:
            await stop(world, "BIN-0009")
        assert "not-found" == caught.value.problem.name


async def test_R01_a_disk_that_refuses_stops_nothing(autojump_clock, world_of) -> None:
    """503: the stop was not taken, and all goes on."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **two_networks(20)).running() as world:
        sent = await world.send()
        world.refuses = lambda method, _: method == "decree"
        with pytest.raises(InputError) as caught:
            await stop(world)
        assert "unavailable" == caught.value.problem.name
        assert 40 == (await world.over(sent.id)).reached
