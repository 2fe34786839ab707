"""Telephones that ring, in virtual time: lines, what becomes of each call, and what follows from it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from tests.fakes.speaker import FakeSpeaker, clip_id
from tests.simulation.far_end import (
    BUSY,
    HEARD,
    NO_ANSWER,
    REFUSED_ADDRESS,
    SILENT,
    UNKNOWN,
    Deed,
    FarEnd,
    Proof,
    call,
    no_call,
)
from tests.simulation.world import GRACE_S, TEXT, World, gist, network, register
from tests.unit.core.batches import make_alert
from trio.testing import MockClock

from klaroen.core.model import (
    AlertId,
    CarrierName,
    Channel,
    ClipId,
    Language,
    Recorded,
    RecordingId,
    Text,
    Window,
    Zone,
    ZoneId,
)
from klaroen.core.phases import CALL_OUTCOMES
from klaroen.core.ports import Clip, Envelope, Refused, Script, Unknown, Unsent
from klaroen.core.sentences import PROMPTS, REPLIES
from klaroen.dispatch import counting
from klaroen.dispatch.fleet import lose
from klaroen.dispatch.narrator import RENDER_S, Unspoken
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.run import drain
from klaroen.dispatch.station import Station
from klaroen.register.model import Register

CALL_FIRST = (Window("00:00", "24:00", ("tts", "sms")),)
CALLS_ONLY = (Window("00:00", "24:00", ("tts",)),)
RECORDED = Recorded(RecordingId("r1"), ClipId("c1"), 4.0)
READ = Clip(ClipId("c2"), 5.0, "fake")
TEXT_ONLY = (Window("00:00", "24:00", ("sms",)),)


HUNG_UP = call(1.0, Proof(2.9, "failed", "attempt", "hung up at 10 %"))


class Exchange(FarEnd):
    """A trunk that sees how many calls are up at once, from its first word of them to its last."""

    def __init__(self, script: Any = HEARD, **own: Any) -> None:
        super().__init__("trunk", script, **own)

    def up_at(self) -> Iterator[tuple[float, int]]:
        """Yield (when, how many are up then) at each hand-over."""
        ends: list[float] = []
        for one in self.handed:
            ends = [end for end in ends if end > one.at]
            ends.append(one.at + max((after for after, _, _ in self.script(one.envelope, 0).course), default=0.0))
            yield one.at, len(ends)


def world_of(
    directory: Path,
    clock: MockClock,
    trunk: FarEnd,
    *others: FarEnd,
    members: int = 1,
    plan: Any = CALLS_ONLY,
    country: Register | None = None,
    speaker: FakeSpeaker | None = None,
    **own: Any,
) -> World:
    return World(
        directory,
        clock,
        [trunk, *others],
        country or register([network(1, plan)], members),
        carriers={"trunk": {"channels": ("voice", "tts"), **own}},
        calls=None,
        speaker=speaker,
    )


def trunk_of(world: World) -> Station:
    return world.desk.stations[CarrierName("trunk")]


# --- lines ------------------------------------------------------------------------------------------------------------


async def test_a_line_is_held_until_its_call_has_ended(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Proof comes when most of the message is heard; the line is free when the telephone is down."""
    trunk = Exchange(call(20.0, Proof(12.0, by="attempt")))
    world = world_of(tmp_path, autojump_clock, trunk, members=10, lines=3)
    async with world.running():
        alert = await world.send()
        status = await world.over(alert.id)
        assert 10 == status.reached
        assert 3 == max(up for _, up in trunk.up_at())
        assert (0, {}) == (trunk_of(world).pace.lines_used, trunk_of(world).calls)


@pytest.mark.parametrize(
    "deed",
    [
        Deed(Refused("number invalid", "address"), copies=0, proofs=()),
        Deed(Unsent("trunk 503"), copies=0, proofs=()),
        Deed(Unknown("silence"), copies=0, proofs=()),
        SILENT,
        BUSY,
        HEARD,
    ],
    ids=["refused", "unsent", "unknown", "silent", "busy", "heard"],
)
async def test_whatever_becomes_of_a_call_frees_its_line_once(
    tmp_path: Path, autojump_clock: MockClock, deed: Deed
) -> None:
    """One line serves one telephone after the other; as many lines are used as there are calls without an end."""
    trunk = Exchange(lambda envelope, seen: deed if envelope.address.endswith("0") else HEARD)
    world = world_of(tmp_path, autojump_clock, trunk, members=3, lines=1)
    async with world.running():
        await world.send()
        station = trunk_of(world)

        def done() -> bool:
            assert station.pace.lines_used == len(station.calls) <= 1
            return 2 <= len(trunk.copies) and not station.calls

        await world.until(done)


async def test_a_carrier_that_crashes_frees_its_lines(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Its calls will never be said to have ended; if they are all the same, nobody is hung up twice."""
    trunk = Exchange()
    world = world_of(tmp_path, autojump_clock, trunk, members=2, lines=2)
    async with world.running():
        await world.send()
        station = trunk_of(world)
        await world.until(lambda: 2 == len(station.calls) and not station.in_flight)
        lose(world.desk, station, "carrier crashed")
        assert (0, {}) == (station.pace.lines_used, station.calls)
        await world.until(lambda: 2 == len(trunk.copies))


# --- what is played ---------------------------------------------------------------------------------------------------


def scripts(trunk: FarEnd) -> list[Script]:
    found = [one.envelope.script for one in trunk.handed]
    assert all(found), "a call without a script"
    return [one for one in found if one is not None]


def two_zones() -> Register:
    """Two networks of two members, each in a zone of its own; the second zone says more of itself."""
    made = register([network(1, CALLS_ONLY), network(2, CALLS_ONLY, zone="Z2")], 2)
    talkative = Zone(ZoneId("Z2"), "Zone Z2", caller_id="+3253000000", reply={"nl": "Bel de zone."})
    return replace(made, zones=(made.zones[0], talkative))


async def test_one_script_serves_a_zone(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The caller's number and the sentence are the member's zone's; ring and plays are the class's."""
    trunk, speaker = Exchange(), FakeSpeaker()
    world = world_of(tmp_path, autojump_clock, trunk, country=two_zones(), speaker=speaker)
    async with world.running():
        await world.over((await world.send(confirm=True)).id)
        speaker.read.clear()
        trunk.handed.clear()
        await world.over((await world.send(confirm=True)).id)  # its sentences are known by now
    played = {one.envelope.address[-1]: one.envelope.script for one in trunk.handed}
    assert played["0"] is played["1"]
    assert played["2"] is played["3"]
    message, prompt = clip_id(TEXT, "nl"), clip_id(PROMPTS["nl"], "nl")
    default = clip_id(REPLIES["nl"].format(number="101"), "nl")
    assert Script(message, 30.0, 2, "", prompt, default) == played["0"]
    assert Script(message, 30.0, 2, "+3253000000", prompt, clip_id("Bel de zone.", "nl")) == played["2"]
    assert [(TEXT, "nl", False)] == speaker.read


async def test_a_key_is_asked_for_where_the_sender_wants_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    trunk = Exchange()
    world = world_of(tmp_path, autojump_clock, trunk, speaker=FakeSpeaker())
    async with world.running():
        for confirm in (True, True, False):
            await world.over((await world.send(confirm=confirm)).id)
    assert [True, False] == [one.prompt is not None for one in scripts(trunk)[1:]]


async def test_crisis_is_spoken_letter_by_letter_and_nothing_else_is(tmp_path: Path, autojump_clock: MockClock) -> None:
    """No question, no sentence: nothing is heard but the text (R10)."""
    trunk, speaker = Exchange(), FakeSpeaker()
    world = world_of(tmp_path, autojump_clock, trunk, speaker=speaker)
    async with world.running():
        for _ in range(2):
            await world.over((await world.send("crisis", **{"class": "crisis"})).id)
    assert [Script(clip_id(TEXT, "nl", verbatim=True), 30.0, 2)] * 2 == scripts(trunk)
    assert {(TEXT, "nl", True)} == set(speaker.read)


async def test_calls_wait_for_their_clip_and_texts_for_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    trunk, smsc, speaker = Exchange(), FarEnd("smsc"), FakeSpeaker(takes_s=7.0)
    country = register([network(1, CALLS_ONLY), network(2, TEXT_ONLY)], 2)
    world = world_of(tmp_path, autojump_clock, trunk, smsc, country=country, speaker=speaker)
    async with world.running():
        started_at = trio.current_time()
        await world.over((await world.send()).id)
        assert 0.5 > max(one.at for one in smsc.handed) - started_at
        assert 7.0 <= min(one.at for one in trunk.handed) - started_at < 7.5


@pytest.mark.parametrize("manner", ["cannot", "never"])
async def test_what_no_voice_can_say_goes_by_the_next_step(
    tmp_path: Path, autojump_clock: MockClock, manner: str
) -> None:
    """At once where it is refused, and after a minute where nobody answers; the reason is told."""
    trunk, smsc, speaker = Exchange(), FarEnd("smsc"), FakeSpeaker()
    setattr(speaker, manner, (TEXT,))
    world = world_of(tmp_path, autojump_clock, trunk, smsc, members=3, plan=CALL_FIRST, speaker=speaker)
    async with world.running():
        started_at = trio.current_time()
        alert = (await world.send()).id
        status = await world.over(alert)
        assert 3 == status.reached
        assert [] == trunk.handed
        since_s = smsc.handed[0].at - started_at
        assert (0.0 if manner == "cannot" else RENDER_S) <= since_s < 0.5 + RENDER_S * (manner == "never")
        journeys = world.journeys(alert)
        why = journeys.why(0, journeys.view(0, 2), "nl").why
        words = "fake: not this" if manner == "cannot" else "no voice in time"
        assert f"tts: no voice can say the text ({words})" in [one.words for one in why]
        assert ["sms"] == [one.channel for one in journeys.view(0, 2).attempts]


async def test_who_can_only_be_called_and_cannot_is_failed(tmp_path: Path, autojump_clock: MockClock) -> None:
    speaker = FakeSpeaker()
    speaker.cannot = (TEXT,)
    world = world_of(tmp_path, autojump_clock, Exchange(), members=2, speaker=speaker)
    async with world.running():
        assert 2 == (await world.over((await world.send()).id)).failed


async def test_a_sentence_is_wanted_and_never_waited_for(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Where no voice says the prompt or the reply, or none yet, calls go without."""
    trunk, speaker = Exchange(), FakeSpeaker()
    speaker.never, speaker.cannot = ("Druk",), ("Dit is",)
    world = world_of(tmp_path, autojump_clock, trunk, speaker=speaker)
    async with world.running():
        for _ in range(2):
            started_at = trio.current_time()
            assert 1 == (await world.over((await world.send(confirm=True)).id)).reached
            assert 0.5 > trunk.handed[-1].at - started_at
    assert [(None, None)] * 2 == [(one.prompt, one.reply) for one in scripts(trunk)]


async def test_a_restart_asks_for_the_clip_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    """What was being read when the power failed is read again, and everybody is called once."""
    trunk, speaker = Exchange(), FakeSpeaker(takes_s=5.0)
    world = world_of(tmp_path, autojump_clock, trunk, members=4, speaker=speaker)
    async with world.running():
        alert = (await world.send()).id
        await world.until(lambda: bool(speaker.read))
    speaker.takes_s = 0.0
    async with world.running():
        assert 4 == (await world.over(alert)).reached
    assert 2 == sum(text == TEXT for text, _, _ in speaker.read)
    assert 4 == len(trunk.handed) == len({one.address for one in trunk.copies})


async def test_a_clip_that_comes_too_late_rings_nobody(tmp_path: Path, autojump_clock: MockClock) -> None:
    trunk, speaker = Exchange(), FakeSpeaker(takes_s=5.0)
    world = world_of(tmp_path, autojump_clock, trunk, members=2, speaker=speaker)
    async with world.running():
        alert = (await world.send()).id
        await world.until(lambda: bool(speaker.read))
        await world.act(alert, "cancel")
        assert 2 == (await world.over(alert)).cancelled
        await trio.sleep(10)
    assert [] == trunk.handed


@pytest.mark.parametrize(
    ("channel", "language", "expected"),
    [
        ("voice", "nl", RECORDED),
        ("voice", "fr", READ),
        ("tts", "nl", READ),
        ("tts", "de", RECORDED),
        ("voice", "en", Unspoken("no text and no recording")),
    ],
)
def test_what_is_played_on_a_channel(channel: Channel, language: Language, expected: object) -> None:
    """A recording by `voice`, the text by `tts`; where one is missing, the other serves (R12)."""
    content = {"nl": Text("nl"), "fr": Text("fr")}
    alert = replace(make_alert(), content=content, recording={"nl": RECORDED, "de": RECORDED})
    opened = SimpleNamespace(alert=alert, spoken=dict.fromkeys(content, READ))
    assert expected == OpenAlert.played(opened, channel, language)  # type: ignore[arg-type]


# --- what a call was --------------------------------------------------------------------------------------------------


def telephones(**by_end: Deed) -> Callable[[Envelope, int], Deed]:
    """What befalls a call by the last digit of its number: `_0=BUSY`."""
    return lambda envelope, _seen: by_end.get(f"_{envelope.address[-1]}", HEARD)


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
        "answered and heard: 000",
        "answered and confirmed: 000",
        "called, and not heard: busy",
        "refused by the carrier: address number invalid",
        "called, and not heard: hung up at 10 %",
    ] == [one.words for one in told]
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
        assert ["answered and heard: 000", "rings", "answered, and being played"] == [
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
        minutes = registry.get_sample_value("klaroen_call_minutes_total", {"carrier": "trunk"})
    assert {"reached": 2, "busy": 1, "hung_up": 1, "failed": 2} == {
        name: count for name, count in found.items() if count
    }
    assert (3, 3) == (setup, minutes)


# --- what follows -----------------------------------------------------------------------------------------------------


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
    country = register([network(1, CALL_FIRST)], 1)
    [member] = country.members
    country = replace(country, members=(replace(member, landline="+3253000009"),))
    world = world_of(tmp_path, autojump_clock, trunk, smsc, country=country, speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        assert 1 == (await world.over(alert)).reached
        assert [("tts", "busy"), ("tts", "no answer"), ("sms", None)] == [
            (one.channel, one.code if one.channel == "tts" else None) for one in world.attempts(alert)
        ]
    times = [one.at for one in world.handed]
    assert times[1] - times[0] < 1.0
    assert 15.0 < times[2] - times[1] < 16.0


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
        assert "answered and heard: 000" == world.attempts(alert)[0].words
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
