"""An alert that takes the place of another (contract, `supersedes`): who is warned, what stops, and when."""

import pytest
import trio
from tests.simulation.audit import audit
from tests.simulation.world import members_counted, network, register, token

from klaroen.core.errors import InputError
from klaroen.core.model import AlertId
from klaroen.testing.far_end import FarEnd

LATEST_S = 0.2
SLOW = {"carriers": {"alpha": {"rate_per_s": 50.0}}, "members": 400}
NEW = {"nl": {"text": "Het gevaar is geweken."}}


def told_first(alpha: FarEnd) -> list[float]:
    """When the first alert's words left."""
    return [one.at for one in alpha.handed if one.envelope.content.text != NEW["nl"]["text"]]


async def refused(world, principal: str = "police", **changes):
    with pytest.raises(InputError) as caught:
        await world.send(principal, **changes)
    return caught.value.problem


async def test_what_is_unsent_stops_and_both_audiences_are_warned(autojump_clock, world_of) -> None:
    """The correction goes to the networks of both; of the first nothing leaves 200 ms after the answer."""
    alpha = FarEnd("alpha")
    country = register([network(1), network(2)], 400)
    async with world_of(alpha, country=country, carriers={"alpha": {"rate_per_s": 50.0}}).running() as world:
        first = await world.send(targets={"networks": ["BIN-0001"]})
        await trio.sleep(2)
        second = await world.send(targets={"networks": ["BIN-0002"]}, content=NEW, supersedes=first.id)
        answered = trio.current_time()
        assert (2, 800) == (second.networks, second.members)
        await trio.sleep(30)
        assert max(told_first(alpha)) <= answered + LATEST_S
        status = await world.over(first.id)
        left = len(told_first(alpha))
        assert 50 < left < 150
        assert ("superseded", left, 400 - left) == (status.state, status.reached, status.cancelled)
        corrected = await world.over(second.id)
        assert ("done", 800, first.id) == (corrected.state, corrected.reached, corrected.supersedes)


async def test_the_books_balance_while_one_takes_the_place_of_the_other(autojump_clock, world_of) -> None:
    async with world_of(**SLOW).running() as world:
        first = await world.send()
        await trio.sleep(1)
        second = await world.send(content=NEW, supersedes=first.id)
        for name in (first.id, second.id):
            status = await world.status(name)
            assert status.members == members_counted(status)
        assert "superseded" == (await world.status(first.id)).state


async def test_a_restart_knows_what_was_superseded(autojump_clock, world_of) -> None:
    """Both are one commit: after a power cut right behind it the first stays stopped, and the second goes on."""
    alpha = FarEnd("alpha")
    world = world_of(alpha, **SLOW)

    def cut_behind(method: str, _: object) -> bool:
        if method == "accept":
            world.cut_after_commit = world.commits + 1
        return False

    async with world.until_dark():
        first = await world.send()
        await trio.sleep(1)
        world.refuses = cut_behind
        await world.send(content=NEW, supersedes=first.id)
    world.refuses, world.cut_after_commit = lambda _method, _args: False, None
    before = len(told_first(alpha))
    assert before < 100
    async with world.running():
        (second,) = [name for name in world.desk.alerts if name != AlertId(first.id)]
        assert "superseded" == (await world.over(first.id)).state
        assert 400 == (await world.over(second)).reached
        assert before == len(told_first(alpha))


async def test_a_disk_that_refuses_stops_nothing(autojump_clock, world_of) -> None:
    """503: the correction was not taken, so the first goes on."""
    async with world_of(**SLOW).running() as world:
        first = await world.send()
        await trio.sleep(1)
        world.refuses = lambda method, _: method == "accept"
        assert "unavailable" == (await refused(world, content=NEW, supersedes=first.id)).name
        world.refuses = lambda method, _: False
        assert ("done", 400) == ((status := await world.over(first.id)).state, status.reached)
        audit(world, first.id)


async def test_what_is_over_stays_as_it_is_and_its_audience_is_warned(autojump_clock, world_of) -> None:
    """A correction comes late as a rule: what was done stays done."""
    alpha = FarEnd("alpha")
    country = register([network(1), network(2)], 20)
    async with world_of(alpha, country=country).running() as world:
        first = await world.send(targets={"networks": ["BIN-0001"]})
        assert "done" == (await world.over(first.id)).state
        second = await world.send(targets={"networks": ["BIN-0002"]}, content=NEW, supersedes=first.id)
        assert ("done", 40) == ((status := await world.over(second.id)).state, status.reached)
        assert ("done", 20) == ((status := await world.status(first.id)).state, status.reached)


async def test_a_paused_alert_is_superseded(autojump_clock, world_of) -> None:
    async with world_of(**SLOW).running() as world:
        first = await world.send()
        await world.act(first.id, "pause")
        second = await world.send(content=NEW, supersedes=first.id)
        assert ("superseded", 400) == ((status := await world.over(first.id)).state, status.cancelled)
        assert 400 == (await world.over(second.id)).reached


async def test_a_cancelled_alert_stays_cancelled(autojump_clock, world_of) -> None:
    async with world_of(**SLOW).running() as world:
        first = await world.send()
        await world.act(first.id, "cancel")
        second = await world.send(content=NEW, supersedes=first.id)
        assert "cancelled" == (await world.over(first.id)).state
        assert 400 == (await world.over(second.id)).reached


async def test_the_second_correction_names_the_first(autojump_clock, world_of) -> None:
    """Two corrections of one alert would contradict each other: the later one is told so, and nothing is sent."""
    async with world_of(**SLOW).running() as world:
        first = await world.send()
        second = await world.send(content=NEW, supersedes=first.id)
        assert ("state", "$.supersedes") == ((problem := await refused(world, supersedes=first.id)).name, problem.at)
        third = await world.send(content=NEW, supersedes=second.id)
        assert "superseded" == (await world.status(second.id)).state
        assert second.id == (await world.status(third.id)).supersedes


async def test_two_at_once_are_taken_one_after_the_other(autojump_clock, world_of) -> None:
    """Whoever comes second finds it superseded; none is left sending beside a correction."""
    async with world_of(**SLOW).running() as world:
        first = await world.send()
        answers = []

        async def correct() -> None:
            try:
                answers.append((await world.send(content=NEW, supersedes=first.id)).state)
            except InputError as error:
                answers.append(error.problem.name)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(correct)
            nursery.start_soon(correct)
        assert ["accepted", "state"] == sorted(answers)


async def test_a_drill_does_not_stop_the_real_thing(autojump_clock, world_of) -> None:
    async with world_of(**SLOW).running() as world:
        first = await world.send()
        problem = await refused(world, supersedes=first.id, mode="exercise")
        assert ("invalid", "$.supersedes") == (problem.name, problem.at)
        assert (await world.status(first.id)).state in ("accepted", "sending")


async def test_R08_an_alert_is_superseded_by_who_may_stop_it(autojump_clock, world_of) -> None:
    """An alert that a token may not see is unknown to it; one that it may see and not stop is not its to correct."""
    country = register([network(1), network(2, zone="Z2")], 20)
    tokens = (token("police", "police", "*"), token("operator", "operator"), token("zone2", "police", "Z2"),
              token("zone1", "police", "Z1"))  # fmt: skip
    async with world_of(country=country, tokens=tokens).running() as world:
        first = await world.send()
        there = {"networks": ["BIN-0002"]}
        problem = await refused(world, "zone2", targets=there, supersedes=first.id)
        assert ("not-allowed", "$.supersedes", "R8") == (problem.name, problem.at, problem.rule)
        local = await world.send("zone1", targets={"networks": ["BIN-0001"]})
        for unknown in (local.id, "nowhere"):
            problem = await refused(world, "zone2", targets=there, supersedes=unknown)
            assert ("invalid", "$.supersedes") == (problem.name, problem.at)
        assert (await world.status(first.id)).state in ("accepted", "sending")
