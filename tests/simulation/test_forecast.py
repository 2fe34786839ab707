"""A forecast is held against what then happens: the same people, the same times nearly, and nothing sent."""

import pytest
from tests.simulation.world import SMS_S, TEXT_ONLY, World, network

from klaroen.core.calls import Forecast
from klaroen.core.errors import InputError
from klaroen.core.forecast import ForecastView
from klaroen.core.state import REACHED
from klaroen.testing.deeds import PROVED, UNPROVED, Deed, Proof
from klaroen.testing.far_end import FarEnd


async def foretold(world: World, principal: str = "police", **changes) -> ForecastView:
    with world.standing_still():
        return await world.ask(Forecast(world.submit(**changes).request), ForecastView, principal)


def percentile(world: World, alert: str, column: str, share: float) -> float:
    """What really happened, in seconds since acceptance: of first hand-overs, or of proofs."""
    from tests.simulation.world import sheets

    times = sorted(
        at / 1000
        for row, sheet in sheets(world, alert)
        for at, state in zip(getattr(sheet, column), sheet.states, strict=True)
        if (column == "proved_ms" and state == REACHED) or (column == "answered_ms" and row.batch.rung == 0)
    )
    return times[min(len(times) - 1, int(share * len(times)))]


def near(told: float | None, seen: float, within: float = 0.15) -> bool:
    return told is not None and abs(told - seen) <= max(0.5, within * seen)


async def test_a_forecast_says_when_people_are_handed_the_alert_and_when_reached(autojump_clock, world_of) -> None:
    alpha = FarEnd("alpha", Deed(proofs=(Proof(3.0),)))
    options = {"members": 200, "networks": [network(1, TEXT_ONLY)], "carriers": {"alpha": {"rate_per_s": 20.0}}}
    async with world_of(alpha, **options).running() as world:
        blind = await foretold(world)
        assert {"p50": None, "p90": None, "p99": None} == blind.reached_s
        assert any("No receipt of sms" in words for words in blind.warnings)
        assert [] == world.handed, "a forecast sends nothing"
        first = await world.send()
        await world.over(first.id)
        view = await foretold(world)
        sent = await world.send()
        await world.over(sent.id)
        assert (200, 1, 200, 200) == (
            view.members, view.networks, view.channels["sms"].members, view.channels["sms"].segments,
        )  # fmt: skip
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
            assert near(view.handed_over_s[name], percentile(world, sent.id, "answered_ms", share)), name
            assert near(view.reached_s[name], percentile(world, sent.id, "proved_ms", share)), name
        assert () == view.warnings


async def test_a_forecast_counts_what_goes_first(autojump_clock, world_of) -> None:
    """A cold message behind a national warm one waits for it; the network's warm one does not."""
    options = {
        "members": 250, "networks": [network(1, TEXT_ONLY), network(2, TEXT_ONLY)],
        "carriers": {"alpha": {"rate_per_s": 25.0}},
    }  # fmt: skip
    async with world_of(FarEnd("alpha"), **options).running() as world:
        await world.send(targets={"networks": ["BIN-0001"]})
        await world.until(lambda: len(world.handed) > 50)
        cold = await foretold(world, **{"class": "cold", "targets": {"networks": ["BIN-0002"]}})
        sent = await world.send(**{"class": "cold", "targets": {"networks": ["BIN-0002"]}})
        await world.over(sent.id)
        seen = percentile(world, sent.id, "answered_ms", 0.5)
        assert seen > 8
        assert near(cold.handed_over_s["p50"], seen)


async def test_a_forecast_counts_the_steps_that_follow(autojump_clock, world_of) -> None:
    """Half of the people are proved by text; the others are called after the step's wait, and that costs too."""
    from klaroen.core.model import CarrierName
    from klaroen.settings import Sim

    alpha = FarEnd("alpha", lambda envelope, _seen: PROVED if int(envelope.address[-1]) % 2 else UNPROVED)
    calls = Sim(name=CarrierName("calls"), channels=("tts",), rate_per_s=100.0, cost_eur=0.5)
    options = {"members": 200, "carriers": {"alpha": {"cost_eur": 0.1}}, "calls": calls}
    async with world_of(alpha, **options).running() as world:
        for _ in range(2):
            first = await world.send()
            status = await world.over(first.id)
        view = await foretold(world)
        assert 200 == view.channels["sms"].members
        assert 0 == view.channels["tts"].members
        assert near(view.cost_eur, status.cost_eur, 0.2)
        assert near(view.reached_s["p90"], percentile(world, first.id, "proved_ms", 0.9), 0.25)
        assert (view.reached_s["p90"] or 0) > SMS_S


async def test_a_forecast_is_refused_as_the_alert_would_be(autojump_clock, world_of) -> None:
    async with world_of(FarEnd("alpha"), members=5).running() as world:
        with pytest.raises(InputError) as caught:
            await foretold(world, **{"class": "crisis"})
        assert ("not-allowed", "R10") == (caught.value.problem.name, caught.value.problem.rule)
        with pytest.raises(InputError, match="no such network"):
            await foretold(world, targets={"networks": ["BIN-0009"]})
        world.ends["alpha"].cut()
        await world.until(lambda: not world.desk.stations["alpha"].link_up)  # type: ignore[index]
        view = await foretold(world, supersedes="A" * 26)
        assert None is view.handed_over_s["p50"]
        assert 2 == len(view.warnings)
