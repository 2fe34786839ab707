"""What came while nobody listened is heard first: after a start, a standstill, a full disk."""

import pytest
import trio
from tests.simulation.audit import audit
from tests.simulation.world import GRACE_S, SMS_S

from klaroen.testing.deeds import LATENCY_S, UNKNOWN, UNPROVED, Deed, Proof
from klaroen.testing.far_end import FarEnd

AWAY_S = 2 * SMS_S
"""So long that the step's time is over when somebody listens again."""
KEPT = Deed(proofs=(Proof(SMS_S / 2),))


async def killed_with_all_taken(world) -> str:
    """An alert whose texts its carrier has, when the process dies; its step's time passes before the next start."""
    sent = ""
    async with world.until_dark():
        sent = (await world.send()).id
        await world.until(lambda: len(world.handed) == 30 and not world.desk.something_to_write)
        await trio.sleep(0.1)
        world.kill()
    await trio.sleep(AWAY_S)
    return sent


async def test_R15_after_a_start_carriers_first_tell_what_they_kept(autojump_clock, world_of) -> None:
    """The step's time passed while nobody was there to hear its proof, and a link takes its time: no second step."""
    alpha = FarEnd("alpha", KEPT)
    world = world_of(alpha)
    sent = await killed_with_all_taken(world)
    alpha.up = False
    async with world.running(linked=False):
        await trio.sleep(GRACE_S - 1)
        alpha.restore()
        status = await world.over(sent)
        assert (30, 30, 0) == (status.reached, len(alpha.copies), status.possible_duplicates)
        assert {"sms"} == {one.channel for one in world.attempts(sent)}
        audit(world, sent)


@pytest.mark.parametrize("deed", [UNPROVED, Deed(UNKNOWN.outcome)], ids=["taken", "in doubt"])
async def test_R15_after_a_start_no_proof_is_waited_for_beyond_the_grace(autojump_clock, world_of, deed) -> None:
    """Whoever is missed must not wait for a carrier that has nothing to tell."""
    world = world_of(FarEnd("alpha", deed))
    sent = await killed_with_all_taken(world)
    started_at = trio.current_time()
    async with world.running():
        await world.until(lambda: len(world.desk.alerts[sent].pages) > 1)
        assert GRACE_S <= trio.current_time() - started_at < GRACE_S + 1


@pytest.mark.parametrize("late_s", [0.2, 0.9, 3.0])
async def test_R15_after_standing_still_what_came_meanwhile_is_heard_first(autojump_clock, world_of, late_s) -> None:
    """As after SIGSTOP, or a machine that slept: every timer is over at once, and every socket is full.

    However late the step's end is looked at: it is the clock that must not have stood still.
    """
    alpha = FarEnd("alpha", Deed(proofs=(Proof(SMS_S + 2),)))
    world = world_of(alpha)
    async with world.running():
        sent = (await world.send()).id
        await trio.sleep(2)
        autojump_clock.jump(SMS_S - 2 + LATENCY_S + late_s)
        status = await world.over(sent)
        assert (30, 30, 0) == (status.reached, len(alpha.copies), status.possible_duplicates)
        assert {"sms"} == {one.channel for one in world.attempts(sent)}


async def test_no_carrier_is_silent_because_we_stood_still(autojump_clock, world_of) -> None:
    """Its answers lie unread: it is not left, and they are taken as soon as they are read."""
    alpha = FarEnd("alpha")
    world = world_of(alpha)
    async with world.running():
        await world.send()
        await world.until(lambda: len(alpha.handed) == 30)
        assert world.desk.stations["alpha"].in_flight
        autojump_clock.jump(5)
        await trio.sleep(1)
        assert "closed" == world.desk.stations["alpha"].pace.breaker
        assert not world.desk.stations["alpha"].in_flight


async def test_R15_after_a_full_disk_what_was_refused_meanwhile_is_heard_first(autojump_clock, world_of) -> None:
    """No receipt can be kept while it is full: its carrier comes again, and the step's time has passed by then."""
    alpha = FarEnd("alpha", Deed(proofs=(Proof(SMS_S / 2),)))
    world = world_of(alpha)
    async with world.running():
        sent = (await world.send()).id
        await trio.sleep(2)
        world.disk_full = True
        await trio.sleep(AWAY_S)
        assert alpha.refused_receipts
        world.disk_full = False
        status = await world.over(sent)
        assert (30, 30, 0) == (status.reached, len(alpha.copies), status.possible_duplicates)
        assert {"sms"} == {one.channel for one in world.attempts(sent)}
        audit(world, sent)
