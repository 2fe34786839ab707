"""How accepted alerts become batches where very many come at once, on a disk that takes its time."""

import trio
from tests.simulation.world import network

from klaroen.testing.far_end import FarEnd

LAG_S = 0.02
"""A commit on a disk that others use as well."""
STREETS = 300


async def test_streets_are_cut_into_batches_many_to_a_commit(autojump_clock, world_of) -> None:
    """One after the other they would be ready after six seconds; and what is a drill waits for what is not."""
    alpha = FarEnd("alpha")
    networks = [network(number) for number in range(1, 11)]
    async with world_of(alpha, networks=networks, members=10).running() as world, trio.open_nursery() as nursery:
        world.disk_lag_s = LAG_S

        async def post(mode: str, number: int) -> None:
            await world.send(mode=mode, targets={"networks": [f"BIN-{number % 10 + 1:04}"]})

        for number in range(STREETS):
            nursery.start_soon(post, "drill", number)
        await world.until(lambda: len(world.desk.alerts) == STREETS)
        for number in range(20):
            nursery.start_soon(post, "live", number)
        await world.until(lambda: len({one.envelope.address for one in alpha.handed}) == 100, 0.5)
        opened = list(world.desk.alerts.values())
        await world.until(lambda: all(one.fully_expanded for one in opened), 1.0)
