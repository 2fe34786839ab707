"""What follows when a carrier says no, or nothing: another carrier, the next step, or the same one later."""

from itertools import pairwise

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.audit import assert_one_at_a_time, audit
from tests.simulation.world import SMS_S, TEXT_ONLY, network

from klaroen.core.model import Window
from klaroen.testing.deeds import (
    LOST_ANSWER,
    PROVED,
    REFUSED_ADDRESS,
    REFUSED_CONTENT,
    REFUSED_HERE,
    THROTTLED,
    UNPROVED,
    UNSENT,
    Proof,
)
from klaroen.testing.far_end import FarEnd

SIX = {"members": 6}


@pytest.mark.parametrize("no", [REFUSED_HERE, UNSENT], ids=["refused", "unsent"])
async def test_another_carrier_takes_what_one_does_not(autojump_clock, world_of, no) -> None:
    """A carrier's own no, and what it certainly did not process, go to another carrier at once."""
    alpha, beta = FarEnd("alpha", no), FarEnd("beta")
    async with world_of(alpha, beta, **SIX).running() as world:
        world.desk.stations["beta"].taken = 1e9  # alpha is asked first
        sent = await world.send()
        status = await world.over(sent.id)
        assert 6 == status.reached == len(beta.copies) == len(alpha.handed)
        attempts = world.attempts(sent.id)
        first = [one for one in world.handed if one.envelope.address == alpha.handed[0].envelope.address]
        assert ["alpha", "beta"] == [one.carrier for one in attempts]
        assert [one.id for one in attempts] == [one.envelope.attempt for one in first]
        assert first[1].at - first[0].at < 1.0
        audit(world, sent.id)
        assert_one_at_a_time(world)


async def test_the_same_try_keeps_its_id_and_another_carrier_has_its_own(autojump_clock, world_of) -> None:
    """An attempt's id names (alert, member, step, carrier, try): unsent and tried again there, it is the same."""
    alpha = FarEnd("alpha", lambda _envelope, seen: UNSENT if seen == 0 else PROVED)
    async with world_of(alpha, **SIX).running() as world:
        sent = await world.send()
        assert 6 == (await world.over(sent.id)).reached
        assert 12 == len(alpha.handed)
        assert 6 == len({one.envelope.attempt for one in alpha.handed})
        assert 1.0 < alpha.handed[-1].at - alpha.handed[0].at < 5.0  # a pause, and then again
        audit(world, sent.id)


async def test_a_throttle_comes_back_and_burns_no_try(autojump_clock, world_of) -> None:
    """A carrier that asks to slow down gets the same messages later, not before it said, and nobody else does."""
    alpha, beta = FarEnd("alpha", lambda _envelope, seen: THROTTLED if seen < 6 else PROVED), FarEnd("beta")
    async with world_of(alpha, **SIX).running() as world:
        sent = await world.send()
        status = await world.over(sent.id)
        assert 6 == status.reached
        times = [one.at for one in alpha.handed if one.envelope.address == alpha.handed[0].envelope.address]
        assert 7 == len(times)
        assert all(later - earlier >= 0.5 for earlier, later in pairwise(times))
        assert 6 == len({one.envelope.attempt for one in alpha.handed})
        audit(world, sent.id)
    assert not beta.handed


async def test_the_next_step_waits_for_proof_as_long_as_it_may(autojump_clock, world_of) -> None:
    """Without proof the next step comes when the step's time is over, and not before (R15)."""
    alpha = FarEnd("alpha", UNPROVED)
    async with world_of(alpha, **SIX).running() as world:
        sent = await world.send()
        await world.until(lambda: world.desk.stations["calls"].in_flight != {})
        waited = world.clock.now() - world.desk.alerts[sent.id].alert.accepted_at
        assert SMS_S <= waited / 1000 <= SMS_S + 1.0
        status = await world.over(sent.id)
        assert 6 == status.reached == status.channels["tts"].reached
        assert ["sms", "tts"] == [one.channel for one in world.attempts(sent.id)]
        audit(world, sent.id)


async def test_late_proof_stops_a_pending_step(autojump_clock, world_of) -> None:
    """Proof that comes while the next step waits to leave ends the obligation: nobody is called for nothing."""
    alpha = FarEnd("alpha", replace(UNPROVED, proofs=(Proof(SMS_S + 2.0),)))
    slow = {"voice": {"channels": ("tts",)}}
    calls = FarEnd("voice")
    calls.up = False
    async with world_of(alpha, calls, calls=None, carriers=slow, **SIX).running() as world:
        sent = await world.send()
        await world.until(lambda: world.desk.alerts[sent.id].account.counts[2] == 6, SMS_S + 5)
        assert one_step_waits(world, sent.id)
        calls.restore()
        status = await world.over(sent.id)
        assert 6 == status.reached == status.channels["sms"].reached
        assert not calls.handed
        assert 0 == status.channels["tts"].attempts
        audit(world, sent.id)


def one_step_waits(world, alert) -> bool:
    return any(page.batch.step.channel == "tts" for page in world.desk.agenda.ready())


@pytest.mark.parametrize("no", [REFUSED_ADDRESS, REFUSED_CONTENT], ids=["address", "content"])
async def test_a_refused_address_goes_to_the_next_step_at_once(autojump_clock, world_of, no) -> None:
    """No carrier of a channel will do better with an address or a text that is refused: the next step, now."""
    alpha, beta = FarEnd("alpha", no), FarEnd("beta", no)
    async with world_of(alpha, beta, **SIX).running() as world:
        sent = await world.send()
        status = await world.over(sent.id)
        assert 6 == status.reached == status.channels["tts"].reached
        assert 6 == len(world.handed)
        attempts = world.attempts(sent.id)
        assert ["sms", "tts"] == [one.channel for one in attempts]
        assert attempts[0].state == "refused"
        assert attempts[1].submitted_at[:17] == attempts[0].submitted_at[:17]
        audit(world, sent.id)


async def test_a_failed_receipt_goes_to_the_next_step_at_once(autojump_clock, world_of) -> None:
    """A receipt that says it will not arrive ends the step before its time."""
    alpha = FarEnd("alpha", replace(UNPROVED, proofs=(Proof(0.1, "failed"),)))
    async with world_of(alpha, **SIX).running() as world:
        sent = await world.send()
        await world.until(lambda: world.desk.stations["calls"].in_flight != {}, 2.0)
        assert 6 == (await world.over(sent.id)).channels["tts"].reached
        audit(world, sent.id)


async def test_when_no_step_is_left_the_member_stays_handed_over(autojump_clock, world_of) -> None:
    """Taken by a carrier and never proved is handed over, for ever; refused everywhere is failed."""
    gone = "+32470000003"
    alpha = FarEnd("alpha", lambda envelope, _seen: REFUSED_ADDRESS if envelope.address == gone else UNPROVED)
    async with world_of(alpha, networks=[network(1, TEXT_ONLY)], **SIX).running() as world:
        sent = await world.send()
        status = await world.over(sent.id, SMS_S + 5)
        assert ("done", 5, 1) == (status.state, status.handed_over, status.failed)
        audit(world, sent.id)


async def test_tries_of_one_step_have_an_end(autojump_clock, world_of) -> None:
    """A step is tried as often as its class allows, by carriers that had not refused it, then the next one comes."""
    ends = [FarEnd(name, REFUSED_HERE) for name in ("a", "b", "c", "d", "e", "f")]
    async with world_of(*ends, members=1).running() as world:
        sent = await world.send()
        status = await world.over(sent.id)
        assert ("done", 1) == (status.state, status.channels["tts"].reached)
        assert 4 == len(world.handed) == len({one.carrier for one in world.handed})
        audit(world, sent.id)


async def test_lost_answers_are_settled_by_receipts_that_came_before(autojump_clock, world_of) -> None:
    """A receipt that names reference and number settles an attempt, also where it came before its deadline."""
    alpha = FarEnd("alpha", LOST_ANSWER)
    async with world_of(alpha, FarEnd("beta"), carriers={"beta": {"lanes": ("cold",)}}, **SIX).running() as world:
        sent = await world.send()
        status = await world.over(sent.id)
        assert (6, 0) == (status.reached, status.possible_duplicates)
        assert 6 == len(world.copies)
        audit(world, sent.id)


async def test_plan_at_the_hour(autojump_clock, world_of) -> None:
    """A step that falls due after the plan's window changed goes by the plan of that hour (R14)."""
    hours = [Window("00:00", "00:16", ("sms", "email")), Window("00:16", "24:00", ("sms", "tts"))]
    async with world_of(FarEnd("alpha", UNPROVED), networks=[network(1, hours)], **SIX).running() as world:
        await trio.sleep(25)  # the world begins at 00:15:30 in Brussels
        sent = await world.send()
        status = await world.over(sent.id)
        assert 6 == status.channels["tts"].reached
        audit(world, sent.id)


async def test_no_other_carrier_of_the_lane_means_the_next_step(autojump_clock, world_of) -> None:
    """A carrier kept for other classes is nobody's way out: what the only one refuses goes to the next step."""
    ends = (FarEnd("alpha", REFUSED_HERE), FarEnd("beta"))
    async with world_of(*ends, carriers={"beta": {"lanes": ("crisis",)}}, **SIX).running() as world:
        sent = await world.send()
        status = await world.over(sent.id, 60)
        assert 6 == status.channels["tts"].reached
        audit(world, sent.id)


async def test_who_passed_it_on_gets_it_back_when_nobody_else_is_left(autojump_clock, world_of) -> None:
    """Unsent by one, and then the other goes away: the first is asked again, rather than nobody."""
    alpha = FarEnd("alpha", lambda _envelope, seen: PROVED if seen else UNSENT)
    beta = FarEnd("beta", replace(PROVED, copies=1))
    texts = {"networks": [network(1, TEXT_ONLY)], "members": 4}
    async with world_of(alpha, beta, carriers={"beta": {"weight": 0.001}}, **texts).running() as world:
        world.desk.stations["beta"].taken = 1e9  # alpha is asked first
        alpha.before_hand_over.append(lambda _end, _envelopes: beta.cut())
        sent = await world.send()
        status = await world.over(sent.id, 60)
        assert (4, 8, 0) == (status.reached, len(alpha.handed), len(beta.handed))
        audit(world, sent.id)
