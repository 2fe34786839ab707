"""A correction that waits for a second person: the earlier alert goes on until it begins, and if it never does."""

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.test_supersede import NEW, SLOW, told_first
from tests.simulation.world import members_counted, network, register, token

from klaroen.core import audit as audit_trail
from klaroen.core.errors import InputError
from klaroen.core.model import Coordinator
from klaroen.testing.far_end import FarEnd

LATEST_S = 0.2
COLD_FOR_K1 = {"class": "cold", "targets": {"networks": ["BIN-0001"]}}
TOKENS = (
    token("police", "police", "*"),
    token("police 2", "police", "*"),
    token("operator", "operator"),
    replace(token("K1", "coordinator"), networks=("BIN-0001",)),
)


def four_eyes(world, **above: int):
    """Have every alert of these classes wait for a second person."""
    world.settings = replace(world.settings, four_eyes=replace(world.settings.four_eyes, **above))
    return world


def slow(world_of, alpha: FarEnd | None = None):
    """A world of 400 people and a carrier of 50 a second, in which warm alerts to more than 400 wait."""
    ends = () if alpha is None else (alpha,)
    country = register([network(1, coordinators=(Coordinator("K1", "C"),)), network(2)], 400)
    kept = {"country": country, "tokens": TOKENS, "carriers": SLOW["carriers"]}
    return four_eyes(world_of(*ends, **kept), warm=400)


async def refusal(asked) -> str:
    """Return the name of the problem that the question comes to."""
    with pytest.raises(InputError) as caught:
        await asked
    return caught.value.problem.name


async def words_of(world, *alerts: str) -> list[str]:
    """Let another person approve these at once; return what each is told."""
    told = []

    async def approve(alert: str) -> None:
        try:
            told.append((await world.act(alert, "approve", "police 2")).state)
        except InputError as error:
            told.append(error.problem.name)

    async with trio.open_nursery() as nursery:
        for alert in alerts:
            nursery.start_soon(approve, alert)
    return sorted(told)


ONE = {"targets": {"networks": ["BIN-0001"]}}
BOTH = {"targets": {"all": True}, "content": NEW}
UNHINDERED = {"class": "public_interest", "urgent": True, **ONE}


async def test_R24_what_waits_stops_nothing_before_it_is_approved(autojump_clock, world_of) -> None:
    """The earlier one goes on while its correction waits, stops at the second person's word, and the books balance."""
    alpha = FarEnd("alpha")
    async with slow(world_of, alpha).running() as world:
        first = await world.send(**ONE)
        await trio.sleep(1)
        second = await world.send(**BOTH, supersedes=first.id)
        assert ("awaiting_consent", 800) == (second.state, second.members)
        before = len(told_first(alpha))
        await trio.sleep(2)
        assert "sending" == (await world.status(first.id)).state
        assert len(told_first(alpha)) >= before + 80
        await world.act(second.id, "approve", "police 2")
        answered = trio.current_time()
        assert "superseded" == (await world.status(first.id)).state
        assert ("done", 800) == ((status := await world.over(second.id)).state, status.reached)
        assert max(told_first(alpha)) <= answered + LATEST_S
        status, left = await world.over(first.id), len(told_first(alpha))
        assert ("superseded", left, 400 - left) == (status.state, status.reached, status.cancelled)
        assert status.members == members_counted(status)


@pytest.mark.parametrize("verb", ["refuse", "cancel", "nothing"])
async def test_R24_what_is_not_approved_never_stops_the_earlier_one(autojump_clock, world_of, verb: str) -> None:
    """Refused, cancelled, or expired: whom the earlier alert was to warn, it warns."""
    async with slow(world_of).running() as world:
        first = await world.send(**ONE)
        second = await world.send(**BOTH, supersedes=first.id, expires_in_s=10)
        if verb != "nothing":
            await world.act(second.id, verb, "police 2")
        assert ("done", 400) == ((status := await world.over(first.id)).state, status.reached)
        assert (await world.over(second.id)).state == ("expired" if verb == "nothing" else "cancelled")


async def test_R24_a_coordinators_correction_begins_with_the_officers_consent(autojump_clock, world_of) -> None:
    alpha = FarEnd("alpha")
    async with slow(world_of, alpha).running() as world:
        first = await world.send("K1", **COLD_FOR_K1)
        await world.act(first.id, "consent", "police")
        await trio.sleep(1)
        second = await world.send("K1", **COLD_FOR_K1, content=NEW, supersedes=first.id)
        await trio.sleep(1)
        assert "sending" == (await world.status(first.id)).state
        await world.act(second.id, "consent", "police")
        assert ("superseded", "done") == ((await world.over(first.id)).state, (await world.over(second.id)).state)


@pytest.mark.parametrize("durable", [False, True])
async def test_a_crash_beside_the_approval(autojump_clock, world_of, durable: bool) -> None:
    """It begins and the other one ends in one commit: after a power cut both have happened, or neither."""
    alpha = FarEnd("alpha")
    world = slow(world_of, alpha)

    def cut(method: str, _: object) -> bool:
        if method == "release":
            setattr(world, f"cut_{'after' if durable else 'before'}_commit", world.commits + 1)
        return False

    async with world.until_dark():
        first = await world.send(**ONE)
        await trio.sleep(1)
        second = await world.send(**BOTH, supersedes=first.id)
        world.refuses = cut
        await world.act(second.id, "approve", "police 2")
    world.refuses, world.cut_after_commit, world.cut_before_commit = lambda _method, _args: False, None, None
    before = len(told_first(alpha))
    async with world.running():
        if durable:
            assert ("superseded", 800) == ((await world.over(first.id)).state, (await world.over(second.id)).reached)
            assert before == len(told_first(alpha))
        else:
            assert ("done", 400) == ((status := await world.over(first.id)).state, status.handed_over + status.reached)
            assert "awaiting_consent" == (await world.status(second.id)).state


async def test_a_restart_while_it_waits_keeps_whose_place_it_will_take(autojump_clock, world_of) -> None:
    alpha = FarEnd("alpha")
    world = slow(world_of, alpha)
    async with world.running():
        first = await world.send(**ONE)
        second = await world.send(**BOTH, supersedes=first.id)
        await world.act(first.id, "pause")
    async with world.running():
        assert ("paused", "awaiting_consent") == (
            (await world.status(first.id)).state,
            (await world.status(second.id)).state,
        )
        await world.act(second.id, "approve", "police 2")
        assert ("superseded", 800) == ((await world.over(first.id)).state, (await world.over(second.id)).reached)


async def test_a_disk_that_refuses_the_approval_stops_nothing(autojump_clock, world_of) -> None:
    async with slow(world_of).running() as world:
        first = await world.send(**ONE)
        second = await world.send(**BOTH, supersedes=first.id)
        world.refuses = lambda method, _: method == "release"
        assert "unavailable" == await refusal(world.act(second.id, "approve", "police 2"))
        world.refuses = lambda method, _: False
        assert ("done", 400) == ((status := await world.over(first.id)).state, status.reached)
        assert "awaiting_consent" == (await world.status(second.id)).state
        await world.act(second.id, "approve", "police 2")
        assert 800 == (await world.over(second.id)).reached


async def test_of_two_that_wait_the_first_to_be_approved_takes_the_place(autojump_clock, world_of) -> None:
    """Two corrections of one alert would contradict each other: the other one can only be refused."""
    async with slow(world_of).running() as world:
        first = await world.send(**ONE)
        second, third = [await world.send(**BOTH, supersedes=first.id) for _ in range(2)]
        assert ["accepted", "state"] == await words_of(world, second.id, third.id)
        states = {(await world.status(one.id)).state: one.id for one in (second, third)}
        assert "state" == await refusal(world.act(states["awaiting_consent"], "approve", "police 2"))
        assert "cancelled" == (await world.act(states["awaiting_consent"], "refuse", "police 2")).state


async def test_one_is_approved_twice_at_once(autojump_clock, world_of) -> None:
    """What was said before may be said again: the second word finds it begun, and enters nothing."""
    async with slow(world_of).running() as world:
        first = await world.send(**ONE)
        second = await world.send(**BOTH, supersedes=first.id)
        assert ["accepted", "accepted"] == await words_of(world, second.id, second.id)
        deeds = [audit_trail.decode(link.entry) for link in world.desk.store.trail(0, 100)]
        assert [(second.id, "approve", (first.id,))] == [
            (one.alert, one.verb, one.supersedes) for one in deeds if one is not None and one.what == "changed"
        ]


async def test_who_corrects_what_waits_corrects_what_it_would_have(autojump_clock, world_of) -> None:
    """The first correction never began: the second one stops it, and what it was to stop."""
    world = slow(world_of)
    async with world.running():
        first = await world.send(**ONE)
        second = await world.send(**BOTH, supersedes=first.id)
        third = await world.send("police 2", **UNHINDERED, content=NEW, supersedes=second.id)
        states = [(await world.status(one.id)).state for one in (first, second)]
        assert ("accepted", ["superseded", "superseded"]) == (third.state, states)
        assert second.id == (await world.status(third.id)).supersedes
        assert "state" == await refusal(world.act(second.id, "approve", "police 2"))
        assert 800 == (await world.over(second.id)).cancelled
