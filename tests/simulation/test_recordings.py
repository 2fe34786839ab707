"""Alerts that bring a recording (R12)."""

import os

import pytest
import trio
import trio.lowlevel
from tests.simulation.world import World

from klaroen.clips import ClipStore
from klaroen.core import calls
from klaroen.core.errors import InputError
from klaroen.core.model import AlertId, ClipId, Instant, Language, Recorded, RecordingId
from klaroen.core.ports import Clip
from klaroen.core.recording import Recording
from klaroen.core.views import RecordingView
from klaroen.dispatch.narrator import Line
from klaroen.dispatch.run import forget_sounds_forever
from klaroen.recordings import Recordings

ID = RecordingId("A" * 26)
PLAIN, LEVELLED = ClipId("a" * 64), ClipId("b" * 64)
TEXT = {"nl": {"text": "Inbraak bezig. Bel 101."}}


class FakeRecorder:
    """Has one recording of the police, and one of a crisis authority."""

    async def take(self, name: str, sha256: str, token: str, now: Instant) -> Recording:
        return Recording(ID, token, sha256, PLAIN, LEVELLED, 7.5, now)

    def find(self, recording: RecordingId, token: str) -> Recording | None:
        if recording != ID or token not in ("police", "crisis"):
            return None
        return Recording(ID, token, "c" * 64, PLAIN, LEVELLED, 7.5, Instant(0))


def alert_of(world: World, name: str):
    return world.desk.alerts[AlertId(name)].alert


async def test_an_alert_keeps_what_its_calls_play(autojump_clock, world_of) -> None:
    """As loud as speech on a line is; and a crisis message as it was given (R10)."""
    async with world_of().running() as world:
        world.desk.recorder = FakeRecorder()
        warm = await world.send(content=TEXT, recording={"nl": ID})
        assert {"nl": Recorded(ID, LEVELLED, 7.5)} == alert_of(world, warm.id).recording
        crisis = await world.send("crisis", **{"class": "crisis"}, content=TEXT, recording={"nl": ID})
        assert {"nl": Recorded(ID, PLAIN, 7.5)} == alert_of(world, crisis.id).recording
        assert 30 == (await world.over(warm.id)).reached


@pytest.mark.parametrize("principal", ["police", "police2"])
async def test_a_recording_that_the_token_has_not_is_refused(autojump_clock, world_of, principal: str) -> None:
    """Another's, one that is too old, one that never was: with the field and the rule."""
    async with world_of().running() as world:
        world.desk.recorder = FakeRecorder()
        wanted = ID if principal == "police2" else "B" * 26
        with pytest.raises(InputError) as caught:
            await world.send(principal, content=TEXT, recording={"nl": wanted})
        problem = caught.value.problem
        assert ("invalid", "$.recording.nl", "R12") == (problem.name, problem.at, problem.rule)


async def test_where_no_recordings_are_taken_none_is_known(autojump_clock, world_of) -> None:
    async with world_of().running() as world:
        with pytest.raises(InputError, match="names no recording"):
            await world.send(content=TEXT, recording={"nl": ID})
        with pytest.raises(InputError, match="cannot be taken"):
            await world.ask(calls.PutRecording("0" * 32, "c" * 64), RecordingView)


async def test_R12_a_recording_alone_goes_by_calls_alone(autojump_clock, world_of) -> None:
    """A text message needs a text: who can only read is unreachable for want of content, and the answer says so."""
    async with world_of(members=30).running() as world:
        world.desk.recorder = FakeRecorder()
        submit = world.submit(content={}, recording={"nl": ID}, channels=["sms"])
        with pytest.raises(InputError) as caught:
            await world.ask(submit, object)
        assert "nobody" == caught.value.problem.name
        assert {"count": 30, "reasons": {"no_content": 30}} == caught.value.problem.unreachable
        sent = await world.send(content={}, recording={"nl": ID})
        assert (30, {}) == (sent.members, dict(sent.unreachable.reasons))
        assert {} == dict(sent.content_sha256)
        status = await world.over(sent.id)
        assert 30 == status.reached
        assert {"tts"} == set(status.channels)
        assert [] == world.copies


async def test_a_recording_alone_survives_a_restart(autojump_clock, world_of) -> None:
    world = world_of(members=30)
    async with world.running():
        world.desk.recorder = FakeRecorder()
        sent = await world.send(content={}, recording={"nl": ID})
        assert 0 == (await world.status(sent.id)).reached
    async with world.running():
        assert {"nl": Recorded(ID, LEVELLED, 7.5)} == alert_of(world, sent.id).recording
        assert {"tts"} == set((await world.over(sent.id)).channels)


async def test_R08_who_may_not_send_may_not_record(autojump_clock, world_of) -> None:
    async with world_of().running() as world:
        world.desk.recorder = FakeRecorder()
        question = calls.PutRecording("0" * 32, "c" * 64)
        with pytest.raises(InputError, match="may not do that"):
            await world.ask(question, RecordingView, "operator")
        assert RecordingView(ID, "c" * 64, 7.5) == await world.ask(question, RecordingView)
        world.desk.draining = True
        with pytest.raises(InputError, match="cannot be taken"):
            await world.ask(question, RecordingView)


async def test_what_is_still_said_is_not_forgotten(autojump_clock, world_of, directory) -> None:
    """A month later recordings and clips are gone, but for the sentences that calls may still say."""
    recordings = Recordings(directory)
    async with world_of(speaker=SentenceSpeaker(recordings.clips)).running() as world:
        recording = Recording(ID, "police", "c" * 64, *map(recordings.clips.put, (b"a", b"b")), 1.0, Instant(0))
        recordings.put(recording)
        world.desk.narrator.sentence(Line("Dit is de politie.", "nl"))
        await world.until(lambda: bool(world.desk.narrator.kept()))
        (sentence,) = world.desk.narrator.kept()
        long_ago_s = world.clock.now() / 1000 - (30 + 3) * 86_400 - 60
        for path in (*recordings.clips.directory.iterdir(), *(directory / "recordings").iterdir()):
            os.utime(path, (long_ago_s, long_ago_s))
        async with trio.open_nursery() as nursery:
            with world.standing_still():
                nursery.start_soon(forget_sounds_forever, world.desk, recordings)
                while recordings.clips.path(recording.plain).exists():
                    await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert recordings.find(ID, "police") is None
        assert [sentence] == [path.stem for path in recordings.clips.directory.iterdir()]


class SentenceSpeaker:
    def __init__(self, clips: ClipStore) -> None:
        self._clips = clips

    async def render(self, text: str, language: Language, *, verbatim: bool) -> Clip:
        return Clip(self._clips.put(text.encode()), 1.0, "pico")
