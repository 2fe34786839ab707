"""A carrier that goes silent holds up its own messages, and nobody else's."""

from itertools import pairwise

import pytest
from tests.simulation.audit import audit
from tests.simulation.far_end import PROVED, SILENT, FarEnd
from tests.simulation.world import network


@pytest.mark.parametrize("unjournaled_max", [30, 200, 1_000])
async def test_a_silent_carrier_does_not_stop_the_others(world_of, unjournaled_max: int) -> None:
    """What it never answered stays in doubt, and counts; the others keep room of their own, and go on at once."""
    alpha, beta = FarEnd("alpha"), FarEnd("beta")
    alpha.script = lambda _envelope, _seen: PROVED if len(alpha.handed) <= 500 else SILENT
    networks = [network(number) for number in range(1, 7)]
    world = world_of(alpha, beta, networks=networks, members=1_000, unjournaled_max=unjournaled_max)
    async with world.running():
        sent = await world.send()
        await world.until(lambda: len(alpha.handed) > 500)
        silent_at = alpha.handed[500].at
        await world.until(lambda: len(alpha.handed) + len(beta.handed) >= 5_000, within_s=8.0)
        handed = [one.at for one in beta.handed if one.at >= silent_at]
        assert max(later - earlier for earlier, later in pairwise(handed)) < 0.5
        alpha.script = lambda _envelope, _seen: PROVED
        status = await world.over(sent.id)
        assert 6_000 == status.reached
        audit(world, sent.id)
