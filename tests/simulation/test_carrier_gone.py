"""A carrier that configuration has taken away while an alert was being cut into batches."""

from tests.simulation.world import network

from klaroen.core.audience import Audience
from klaroen.core.model import AlertId
from klaroen.dispatch.open_alert import make_planner
from klaroen.testing.far_end import FarEnd


async def test_a_planner_after_a_restart_still_knows_what_the_alert_may_go_by(autojump_clock, world_of) -> None:
    """Without any carrier everybody has a first step that waits; later steps go by what there is."""
    async with world_of(FarEnd("alpha"), networks=[network(1)], members=5).running() as world:
        sent = await world.send()
        row = world.desk.store.alert(AlertId(sent.id))
        assert row is not None
        audience = Audience.decode(world.desk.store.audience(row.alert.id))
        planner = make_planner(row.alert, world.desk.register.snapshot, frozenset())
        for delivery in range(len(audience)):
            group = audience.group(delivery)
            assert planner.first_step(group, row.alert.accepted_at, row.alert.accepted_at) is not None
            assert planner.step(group, (), row.alert.accepted_at) is None
        await world.over(sent.id)
