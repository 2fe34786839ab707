"""What each call was: told by attempt, by status and by metrics."""

from pathlib import Path

import pytest
import trio
from tests.fakes.speaker import FakeSpeaker, clip_id
from tests.simulation.call_world import (
    HUNG_UP,
    Exchange,
    telephones,
    world_of,
)
from tests.simulation.world import TEXT, gist
from trio.testing import MockClock

from klaroen.core.model import (
    CarrierName,
)
from klaroen.core.phases import CALL_OUTCOMES
from klaroen.core.ports import Refused
from klaroen.dispatch import counting
from klaroen.testing.deeds import BUSY, NO_ANSWER, REFUSED_ADDRESS, Deed, Proof, call, no_call


async def test_each_attempt_tells_what_it_was(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Answered, confirmed, busy, refused: with instants, seconds, the clip and the reason in words."""
    confirmed = call(
        4.0, Proof(5.0, by="attempt"), Proof(5.5, "confirmed", "attempt"), Proof(1.0, "buffered", "attempt", "human")
    )
    trunk = Exchange(
        telephones(
            _1=confirmed, _2=BUSY, _3=Deed(Refused("number invalid", "address"), copies=0, proofs=()), _4=HUNG_UP
        )
    )
    world = world_of(tmp_path, autojump_clock, trunk, members=5, speaker=FakeSpeaker(), cost_eur=0.05)
    async with world.running():
        alert = (await world.send(confirm=True)).id
        status = await world.over(alert)
        told = [world.attempts(alert, delivery)[0] for delivery in range(5)]
    assert [
        ("answered and heard", "000"),
        ("answered and confirmed", "000"),
        ("called, and not heard", "busy"),
        ("refused by the carrier", "address number invalid"),
        ("called, and not heard", "hung up at 10 %"),
    ] == [(one.words, one.code) for one in told]
    heard = told[0].call
    assert heard is not None
    assert (clip_id(TEXT, "nl"), 4.0, False) == (heard.clip_sha256, heard.talked_s, heard.confirmed)
    assert heard.answered_at is not None
    assert heard.ended_at is not None
    assert told[0].submitted_at < heard.answered_at < heard.ended_at
    assert [None, True, ("human",)] == [told[2].call.answered_at, told[1].call.confirmed, told[1].call.said]
    assert [0.05, 0.05, 0.0, 0.0, 0.05] == [one.cost_eur for one in told]
    calls = status.channels["tts"].calls
    assert (0, 0, 3, 4, 3) == (calls.ringing, calls.talking, calls.answered, calls.ended, calls.minutes)
    assert 1900 < calls.answer_p50_ms < 2300
    assert 0.15 == status.cost_eur
    assert (2, 1, 3) == (status.reached, status.confirmed, status.failed)


async def test_what_a_call_plays_is_known_after_a_crash_right_after_it_was_begun(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Nothing but the lease is on the disk: the report names the clip all the same."""
    trunk = Exchange(call(4.0, Proof(5.0, by="attempt")))
    world = world_of(tmp_path, autojump_clock, trunk, speaker=FakeSpeaker())

    def cut(_end, envelopes) -> int | None:
        if world.dark or trunk.handed:
            return 0 if world.dark else None
        world.dark = True
        return len(envelopes)

    trunk.before_hand_over.append(cut)
    async with world.until_dark():
        alert = (await world.send()).id
        await trio.sleep(60)
    assert 1 == len(trunk.handed)
    async with world.running():
        [attempt] = world.attempts(alert)
        assert clip_id(TEXT, "nl") == attempt.call.clip_sha256


async def test_what_is_known_of_calls_is_in_the_journal(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The account after a restart, and after the end, is the one that was kept as things happened."""
    trunk = Exchange(telephones(_1=BUSY, _2=HUNG_UP, _3=call(70.0)))
    world = world_of(tmp_path, autojump_clock, trunk, members=6, speaker=FakeSpeaker(), cost_eur=0.05)
    async with world.running():
        alert = (await world.send()).id
        status = await world.over(alert)
        assert gist(world.rebuilt(alert)) == gist(world.closed(alert))
        rebuilt, closed = world.rebuilt(alert).tallies["tts"], world.closed(alert).tallies["tts"]
        for name in ("answered", "ended", "talked", "minutes", "answer_ms"):
            assert getattr(rebuilt, name) == getattr(closed, name)
        assert 6 == status.channels["tts"].calls.minutes
        assert pytest.approx(0.30) == status.cost_eur


async def test_status_shows_calls_as_they_stand(tmp_path: Path, autojump_clock: MockClock) -> None:
    trunk = Exchange(telephones(_1=NO_ANSWER, _2=call(30.0)))
    world = world_of(tmp_path, autojump_clock, trunk, members=3, speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        seen = []
        for seconds in (1.0, 2.0, 4.0):
            await trio.sleep(seconds)
            calls = (await world.status(alert)).channels["tts"].calls
            seen.append((calls.ringing, calls.talking, calls.answered, calls.ended))
        assert [(3, 0, 0, 0), (1, 2, 2, 0), (1, 1, 2, 1)] == seen
        assert ["answered and heard", "rings", "answered, and being played"] == [
            world.attempts(alert, delivery)[0].words for delivery in range(3)
        ]


async def test_calls_are_counted_by_what_became_of_them(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Few words, whatever carriers say; minutes, the time to the answer, and lines that are used."""
    trunk = Exchange(telephones(_1=BUSY, _2=HUNG_UP, _3=REFUSED_ADDRESS, _4=no_call("sip 577")))
    world = world_of(tmp_path, autojump_clock, trunk, members=6, speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        await trio.sleep(1)
        assert counting.depths(world.desk).carriers[CarrierName("trunk")].lines_used == 4
        await world.over(alert)
        registry = world.desk.metrics.registry
        found = {
            outcome: registry.get_sample_value("klaroen_calls_total", {"carrier": "trunk", "outcome": outcome})
            for outcome in CALL_OUTCOMES
        }
        setup = registry.get_sample_value("klaroen_call_setup_seconds_count", {"carrier": "trunk"})
        billed_s = registry.get_sample_value("klaroen_call_billed_seconds_total", {"carrier": "trunk"})
    assert {"reached": 2, "busy": 1, "hung_up": 1, "failed": 2} == {
        name: count for name, count in found.items() if count
    }
    assert (3, 180) == (setup, billed_s)
