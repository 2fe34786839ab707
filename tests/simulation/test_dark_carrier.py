"""A carrier that goes silent holds up its own messages, and nobody else's."""

from itertools import pairwise

from tests.simulation.audit import audit
from tests.simulation.world import network

from klaroen.testing.deeds import PROVED, SILENT
from klaroen.testing.far_end import FarEnd

QUICK = {"rate_per_s": 20_000.0}
"""Quick enough to put all that may be in doubt into one carrier's hands."""


async def test_a_silent_carrier_does_not_stop_the_others(autojump_clock, world_of) -> None:
    """What it never answers stays in doubt, and counts; the others keep room of their own, and go on at once.

    Nor do they wait for it when it is tried again: it has its share back once it answers.
    """
    alpha, beta = FarEnd("alpha"), FarEnd("beta")
    alpha.script = lambda _envelope, _seen: PROVED if len(alpha.handed) <= 200 else SILENT
    networks = [network(number) for number in range(1, 26)]
    world = world_of(
        alpha, beta, networks=networks, members=1_000, unjournaled_max=500, carriers={"alpha": QUICK, "beta": QUICK}
    )
    async with world.running():
        sent = await world.send()
        await world.until(lambda: len(alpha.handed) > 200)
        silent_at = alpha.handed[200].at
        # 125 at a time, each time the carrier's 20 ms and a commit.
        await world.until(lambda: len(beta.handed) >= 22_000, within_s=7.0)
        handed = [one.at for one in beta.handed if one.at >= silent_at]
        assert max(later - earlier for earlier, later in pairwise([silent_at, *handed])) < 0.1
        alpha.script = lambda _envelope, _seen: PROVED
        assert 25_000 == (await world.over(sent.id)).reached
        audit(world, sent.id)


async def test_an_idle_carrier_keeps_no_more_room_than_a_turn(autojump_clock, world_of) -> None:
    """Of 100 that may be in doubt one at five a second keeps 1, not its part of 25; a crisis still goes by it."""
    alpha, beta = FarEnd("alpha", SILENT), FarEnd("beta")
    carriers = {"alpha": {**QUICK, "lanes": ("warm",)}, "beta": {"rate_per_s": 5.0, "lanes": ("crisis",)}}
    async with world_of(
        alpha, beta, members=200, unjournaled_max=100, carriers=carriers, calls=None
    ).running() as world:
        await world.send()
        await world.until(lambda: len(alpha.handed) == 99, within_s=1.0)
        await world.send("crisis", **{"class": "crisis"}, content={"nl": {"text": "Schuil"}})
        await world.until(lambda: len(beta.handed) >= 5, within_s=2.0)
