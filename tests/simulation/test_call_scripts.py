"""What calls play, and what becomes of a text that is not read yet, or never will be."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import trio
from msgspec.structs import replace
from tests.fakes.speaker import FakeSpeaker, clip_id
from tests.simulation.call_world import (
    CALL_FIRST,
    CALLS_ONLY,
    READ,
    RECORDED,
    TEXT_ONLY,
    Exchange,
    world_of,
)
from tests.simulation.world import TEXT, network, register
from tests.unit.core.batches import make_alert
from trio.testing import MockClock

from klaroen.core.model import (
    Channel,
    Language,
    Text,
    Zone,
    ZoneId,
)
from klaroen.core.ports import Clip, Script
from klaroen.core.sentences import PROMPTS, REPLIES
from klaroen.dispatch.narrator import RENDER_S, Line, Narrator, Unspoken
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.register.model import Register
from klaroen.testing.far_end import FarEnd


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
    """At once where it is refused, and after a minute where nobody answers; `why` tells of it."""
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
        assert ("R12", "tts: geen stem kon de tekst uitspreken; het volgende kanaal kwam aan de beurt.") in [
            (one.rule, one.words) for one in why
        ]
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


async def test_what_most_calls_say_is_read_beforehand(tmp_path: Path, autojump_clock: MockClock) -> None:
    """So that the first call of all can be confirmed, however long its question takes to be read."""
    trunk, speaker = Exchange(), FakeSpeaker(takes_s=1.0)
    world = world_of(tmp_path, autojump_clock, trunk, speaker=speaker)
    async with world.running():
        world.desk.narrator.rehearse()
        await trio.sleep(10)
        await world.over((await world.send(confirm=True)).id)
    [script] = scripts(trunk)
    assert (clip_id(PROMPTS["nl"], "nl"), clip_id(REPLIES["nl"].format(number="101"), "nl")) == (
        script.prompt,
        script.reply,
    )
    assert len(speaker.read) == 2 * len(PROMPTS) + 1


async def test_a_clip_that_cannot_be_kept_is_one_that_nobody_says(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A full disk does not end dispatch: the next step follows."""

    class Full(FakeSpeaker):
        async def render(self, text: str, language: Language, *, verbatim: bool) -> Clip:
            raise OSError("No space left on device")

    smsc = FarEnd("smsc")
    world = world_of(tmp_path, autojump_clock, Exchange(), smsc, plan=CALL_FIRST, speaker=Full())
    async with world.running():
        assert 1 == (await world.over((await world.send()).id)).reached
    assert 1 == len(smsc.handed)


def test_sentences_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klaroen.dispatch.narrator.SENTENCES_MAX", 2)
    narrator = Narrator(FakeSpeaker())
    for word in "abc":
        assert None is narrator.sentence(Line(word, "nl"))
    assert [Line("b", "nl"), Line("c", "nl")] == list(narrator._sentences)
