"""An alert from acceptance to its end, with carriers that do as they should."""

import trio
from tests.simulation.audit import assert_one_at_a_time, audit
from tests.simulation.world import members_counted, network

from klaroen.testing.far_end import FarEnd


async def test_one_network_is_reached(autojump_clock, world_of) -> None:
    """Everybody of one network is warned once, with exactly the text, and proof of it is kept."""
    async with world_of().running() as world:
        sent = await world.send()
        status = await world.over(sent.id)
        assert ("done", 30, 30) == (status.state, status.members, status.reached)
        assert 30 == len(world.copies) == len({copy.address for copy in world.copies})
        audit(world, sent.id)
        assert_one_at_a_time(world)


async def test_counts_sum_at_every_instant(autojump_clock, world_of) -> None:
    """A national alert's seven counts sum to its members at every instant, and nobody is lost on the way."""
    networks = [network(number) for number in range(1, 21)]
    async with world_of(FarEnd("alpha"), FarEnd("beta"), networks=networks, members=150).running() as world:
        sent = await world.send()
        while (status := await world.status(sent.id)).state != "done":
            assert members_counted(status) == status.members == 3_000
            await trio.sleep(0.005)
        assert 3_000 == status.reached
        await world.over(sent.id)
        audit(world, sent.id)
