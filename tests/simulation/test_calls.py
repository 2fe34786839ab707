"""What follows a call: nothing while it stands, the next step when it failed, itself when it was lost sight of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from tests.fakes.speaker import FakeSpeaker
from tests.simulation.call_world import (
    CALL_FIRST,
    CALLS_ONLY,
    Exchange,
    telephones,
    trunk_of,
    world_of,
)
from tests.simulation.world import GRACE_S, World, network, register
from trio.testing import MockClock

from klaroen.core.model import AlertId, Instant, Window
from klaroen.dispatch.fleet import lose
from klaroen.dispatch.run import drain
from klaroen.register.model import Register
from klaroen.testing.deeds import BUSY, HEARD, NO_ANSWER, UNKNOWN, UNPROVED, Deed, Proof, call
from klaroen.testing.far_end import FarEnd
from klaroen.testing.rig import STARTS_AT

UNPROVED_CALL = replace(HEARD, proofs=())
ENDLESS_CALL = Deed(proofs=(), course=((2.0, "answered", 2.0),))
NOON = Instant(STARTS_AT - STARTS_AT % 86_400_000 + 11 * 3_600_000)
"""In Brussels, in winter."""


def one_with_a_landline(plan: Sequence[Window]) -> Register:
    """A country of one member, whose mobile ends in 0 and whose landline in 9."""
    country = register([network(1, plan)], 1)
    [member] = country.members
    return replace(country, members=(replace(member, landline="+3253000009"),))


async def test_nobody_is_tried_elsewhere_while_he_listens(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A long message takes longer than a step's time; the step is over when the call is."""
    trunk, smsc = Exchange(call(90.0, Proof(85.0, by="attempt"))), FarEnd("smsc")
    world = world_of(tmp_path, autojump_clock, trunk, smsc, plan=CALL_FIRST, speaker=FakeSpeaker(duration_s=45.0))
    async with world.running():
        assert 1 == (await world.over((await world.send()).id)).reached
    assert [] == smsc.handed


async def test_a_call_without_proof_is_followed_when_it_is_over(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Shortly after it: what it proved has been said by then."""
    trunk, smsc = Exchange(call(4.0, Proof(1.0, "buffered", "attempt"))), FarEnd("smsc")
    world = world_of(tmp_path, autojump_clock, trunk, smsc, plan=CALL_FIRST, speaker=FakeSpeaker())
    async with world.running():
        started_at = trio.current_time()
        assert 1 == (await world.over((await world.send()).id)).reached
        assert 6.0 + GRACE_S <= smsc.handed[0].at - started_at < 6.5 + GRACE_S


async def test_busy_then_the_landline_then_a_text(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Each as soon as the one before is known to have failed (R14, R15)."""
    trunk, smsc = Exchange(telephones(_0=BUSY, _9=NO_ANSWER)), FarEnd("smsc")
    country = one_with_a_landline(CALL_FIRST)
    world = world_of(tmp_path, autojump_clock, trunk, smsc, country=country, speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        status = await world.over(alert)
        assert (1, 0) == (status.reached, status.possible_duplicates)
        assert [("tts", "busy"), ("tts", "no answer"), ("sms", None)] == [
            (one.channel, one.code if one.channel == "tts" else None) for one in world.attempts(alert)
        ]
    times = [one.at for one in world.handed]
    assert times[1] - times[0] < 1.0
    assert 15.0 < times[2] - times[1] < 16.0


@pytest.mark.parametrize("first", [UNPROVED_CALL, ENDLESS_CALL], ids=["no proof", "no end"])
async def test_a_landline_may_be_the_second_to_hear_it(tmp_path: Path, autojump_clock: MockClock, first: Deed) -> None:
    """What the mobile's call came to, nobody told: the next call by the same channel is counted before it leaves."""
    trunk = Exchange(telephones(_0=first))
    country = one_with_a_landline(CALLS_ONLY)
    world = world_of(tmp_path, autojump_clock, trunk, country=country, speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        status = await world.over(alert)
        assert (1, 1) == (status.reached, status.possible_duplicates)
        assert [(False, 0), (True, 1)] == [(one.possible_duplicate, one.repeats) for one in world.attempts(alert)]
        assert ["+32470000000", "+3253000009"] == trunk.addresses


async def test_a_landline_may_be_the_second_at_another_hour(tmp_path: Path, autojump_clock: MockClock) -> None:
    """At noon a text comes between the two calls (R14: the plan is asked at the hour of each step)."""
    windows = (Window("00:00", "12:00", ("tts",)), Window("12:00", "24:00", ("sms", "tts")))
    trunk, smsc = Exchange(telephones(_0=UNPROVED_CALL)), FarEnd("smsc", UNPROVED)
    world = World(
        tmp_path,
        autojump_clock,
        [trunk, smsc],
        one_with_a_landline(windows),
        carriers={"trunk": {"channels": ("voice", "tts")}},
        calls=None,
        speaker=FakeSpeaker(),
        starts_at=Instant(NOON - 10_000),
    )
    async with world.running():
        alert = (await world.send()).id
        status = await world.over(alert)
        assert (1, 1) == (status.reached, status.possible_duplicates)
        assert [("tts", 0), ("sms", 0), ("tts", 1)] == [(one.channel, one.repeats) for one in world.attempts(alert)]


async def test_a_call_in_doubt_is_made_again_when_it_rings_no_more(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Marked, and never beside the first (its telephone may be ringing)."""
    trunk = Exchange(lambda _envelope, seen: UNKNOWN if seen == 0 else HEARD)
    world = world_of(tmp_path, autojump_clock, trunk, speaker=FakeSpeaker())
    async with world.running():
        status = await world.over((await world.send()).id)
        assert (1, 1) == (status.reached, status.possible_duplicates)
    first, second = (one.at for one in trunk.handed)
    assert 30.0 <= second - first < 31.0


@pytest.mark.parametrize("word", ["crash", "gone"])
async def test_a_call_whose_carrier_is_lost_is_made_again(tmp_path: Path, autojump_clock: MockClock, word: str) -> None:
    """Not before the lost one has rung out: whether the driver crashes, or says that its voice process has gone."""
    gone = Deed(
        copies=0,
        proofs=(Proof(4.0, "failed", "attempt", "voice process gone"),),
        course=((2.0, "answered", 2.0), (4.0, "ended", 0.0)),
    )
    first = gone if word == "gone" else call(60.0, Proof(61.9, by="attempt"))
    trunk = Exchange(lambda _envelope, seen: first if seen == 0 else HEARD)
    world = world_of(tmp_path, autojump_clock, trunk, speaker=FakeSpeaker(duration_s=20.0))
    async with world.running():
        alert = (await world.send()).id
        if word == "crash":
            await trio.sleep(4.0)
            trunk._due.clear()
            lose(world.desk, trunk_of(world), "carrier crashed")
            trunk.cut()
            await trio.sleep(0.1)
            trunk.restore()
        status = await world.over(alert)
        assert (1, 1) == (status.reached, status.possible_duplicates)
        assert 30.0 <= trunk.handed[1].at - trunk.handed[0].at - 4.0 < 32.0
        assert (0, {}) == (trunk_of(world).pace.lines_used, trunk_of(world).calls)


async def test_a_restart_in_the_middle_of_calls(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Calls that stood hold their lines; their proof and their end are heard, and nobody is rung twice."""
    trunk = Exchange(call(20.0, Proof(15.0, by="attempt")))
    world = world_of(tmp_path, autojump_clock, trunk, members=4, lines=2, speaker=FakeSpeaker(), cost_eur=0.05)
    async with world.running():
        alert = (await world.send()).id
        await world.until(lambda: 2 == len(trunk.handed) and not trunk_of(world).in_flight)
        await trio.sleep(1)
    async with world.running():
        assert (2, 2) == (trunk_of(world).pace.lines_used, len(trunk_of(world).calls))
        status = await world.over(alert)
        assert (4, 0) == (status.reached, status.possible_duplicates)
        assert 4 == status.channels["tts"].calls.ended
        assert pytest.approx(0.20) == status.cost_eur
    assert 2 == max(up for _, up in trunk.up_at())
    assert 4 == len(trunk.handed)


async def test_what_was_in_doubt_twice_is_one_attempt_that_says_so(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Whoever judges copies must know that three were possible, each marked before it left."""
    trunk = Exchange(lambda _envelope, seen: UNKNOWN if seen < 2 else HEARD)
    world = world_of(tmp_path, autojump_clock, trunk, speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        status = await world.over(alert)
        (attempt,) = world.attempts(alert)
        assert (True, 2, 2) == (attempt.possible_duplicate, attempt.repeats, status.possible_duplicates)
    assert 3 == len(trunk.handed)


async def test_calls_that_ended_with_our_process_are_made_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Once their telephones have rung out; who was reached before is left alone, and lines are free at once."""
    early = call(20.0, Proof(5.0, by="attempt"))
    slow = call(40.0, Proof(35.0, by="attempt"))
    trunk = Exchange(lambda envelope, seen: early if envelope.address.endswith("0") else HEARD if seen else slow)
    world = world_of(tmp_path, autojump_clock, trunk, members=2, lines=2, outlives=False, speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        await world.until(lambda: 1 == world.desk.alerts[AlertId(alert)].account.counts[2])
        await trio.sleep(1)
    trunk._due.clear()
    async with world.running():
        restarted_at = trio.current_time()
        assert (0, {}) == (trunk_of(world).pace.lines_used, trunk_of(world).calls)
        status = await world.over(alert)
        assert (2, 1) == (status.reached, status.possible_duplicates)
    assert 3 == len(trunk.handed)
    assert 29.9 <= trunk.handed[2].at - restarted_at < 31.0


async def test_a_keyed_carrier_is_asked_again_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    """It knows the attempt, and rings nobody twice for it: nothing is waited for but the grace."""
    trunk = Exchange(call(40.0, Proof(35.0, by="attempt")), keyed=True)
    world = world_of(tmp_path, autojump_clock, trunk, outlives=False, speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        await trio.sleep(3)
    async with world.running():
        restarted_at = trio.current_time()
        status = await world.over(alert)
        assert (1, 0) == (status.reached, status.possible_duplicates)
    assert [0, 1] == [one.seen_before for one in trunk.handed]
    assert trunk.handed[1].at - restarted_at < GRACE_S + 1.0
    assert 1 == len(trunk.copies)


async def test_a_call_whose_end_is_never_told_is_given_up(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Its line is free again when it must be over, and the alert ends."""
    forgotten = Deed(proofs=(Proof(5.0, by="attempt"),), course=((2.0, "answered", 2.0),))
    trunk = Exchange(forgotten)
    world = world_of(tmp_path, autojump_clock, trunk, members=2, lines=1, speaker=FakeSpeaker(duration_s=5.0))
    async with world.running():
        alert = (await world.send()).id
        status = await world.over(alert)
        assert 2 == status.reached
        assert {"a call without an end": 2} == trunk_of(world).faults
        assert "answered and heard" == world.attempts(alert)[0].words
    first, second = (one.at for one in trunk.handed)
    assert 55.0 + 30.0 <= second - first < 90.0


@pytest.mark.parametrize("verb", ["pause", "cancel"])
async def test_no_call_is_begun_after_a_stop(tmp_path: Path, autojump_clock: MockClock, verb: Any) -> None:
    """Within 200 ms; those that stand go on to their end."""
    trunk = Exchange()
    world = world_of(tmp_path, autojump_clock, trunk, members=50, speaker=FakeSpeaker(), rate_per_s=10.0)
    async with world.running():
        alert = (await world.send()).id
        await world.until(lambda: len(trunk.handed) >= 10)
        stopped_at = trio.current_time()
        await world.act(alert, verb)
        await trio.sleep(30)
        assert all(one.at <= stopped_at + 0.2 for one in trunk.handed)
        assert len(trunk.handed) == (await world.status(alert)).reached


async def test_draining_waits_for_calls(tmp_path: Path, autojump_clock: MockClock) -> None:
    """So that nobody is cut off in the middle of a sentence; no call is begun meanwhile."""
    trunk = Exchange(call(30.0))
    world = world_of(tmp_path, autojump_clock, trunk, members=6, lines=2, speaker=FakeSpeaker())
    async with world.running():
        await world.send()
        await world.until(lambda: 2 == len(trunk_of(world).calls) and not trunk_of(world).in_flight)
        started_at = trio.current_time()
        await drain(world.desk)
        assert 30.0 < trio.current_time() - started_at < 35.0
        assert ({}, 2) == (trunk_of(world).calls, len(trunk.handed))


async def test_a_telephone_that_is_slow_to_ring_is_no_silent_carrier(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The only call in hand takes seven seconds until it rings: the trunk is not left for it."""
    slow = replace(HEARD, answer_s=7.0)
    world = world_of(tmp_path, autojump_clock, Exchange(slow), speaker=FakeSpeaker(), silence=10_000)
    async with world.running():
        alert = (await world.send()).id
        await trio.sleep(6)
        assert "closed" == trunk_of(world).pace.breaker
        assert 1 == (await world.over(alert)).reached


async def test_how_long_it_takes_is_said_by_lines(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A trunk takes no more calls than it has lines, however quickly it could begin them."""
    world = world_of(tmp_path, autojump_clock, Exchange(), members=100, lines=5, speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        await trio.sleep(1)
        usual_s = 15.0 + 2 * 5.0
        assert pytest.approx(95 * usual_s / 5, rel=0.1) == (await world.status(alert)).eta_s
