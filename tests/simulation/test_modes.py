"""Exercises and drills: marked wherever an alert is shown or counted, and no byte of a drill to a real carrier."""

from prometheus_client import generate_latest
from tests.simulation.test_audit import deeds
from tests.simulation.world import TEXT_ONLY, network

from klaroen.core.calls import ListAlerts
from klaroen.core.model import CHANNELS
from klaroen.core.views import AlertPage
from klaroen.dispatch import counting
from klaroen.testing.far_end import FarEnd
from klaroen_adapters.sim import SimCarrier


async def test_R22_the_mode_stands_in_every_view_of_an_alert(autojump_clock, world_of) -> None:
    """The answer, the status that is also pushed, the list, the metrics and the audit trail."""
    async with world_of(FarEnd("alpha"), members=6, networks=[network(1, TEXT_ONLY)]).running() as world:
        sent = {mode: await world.send(mode=mode) for mode in ("live", "exercise", "drill")}
        for mode, accepted in sent.items():
            assert mode == accepted.mode
            assert mode == (await world.over(accepted.id)).mode
        listed = {one.id: one.mode for one in (await world.ask(ListAlerts(), AlertPage)).items}
        assert {accepted.id: mode for mode, accepted in sent.items()} == listed
        entered = {deed.alert: deed.mode for deed in deeds(world) if deed.what == "accepted"}
        assert listed == entered
        for opened in world.desk.alerts.values():
            counting.deliveries(world.desk, opened)
        told = generate_latest(world.desk.metrics.registry).decode()
        for mode in sent:
            assert f'klaroen_alerts_accepted_total{{class="warm",mode="{mode}"}} 1.0' in told
            labels = f'channel="sms",class="warm",mode="{mode}",state="reached"'
            assert f"klaroen_deliveries_total{{{labels}}} 6.0" in told


async def test_R22_a_drill_s_carriers_are_simulated_by_type(autojump_clock, world_of) -> None:
    """Of every channel, whatever the live ones are; none is of both fleets, and none counts as a carrier's cost."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, members=6, carriers={"alpha": {"cost_eur": 1.0}}).running() as world:
        desk = world.desk
        assert set(CHANNELS) == {channel for one in desk.drills.values() for channel in one.channels}
        assert {SimCarrier} == {type(station.carrier) for station in desk.drills.values()}
        assert desk.stations.keys().isdisjoint(desk.drills)
        status = await world.over((await world.send(mode="drill")).id)
        assert (6, 0.0) == (status.reached, status.cost_eur)
        assert [] == alpha.handed
