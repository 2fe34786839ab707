"""Each text is read once, by the best voice that can say it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from klaroen.clips import ClipStore
from klaroen.core.errors import UnspeakableError
from klaroen.core.model import Language
from klaroen.settings import Speech
from klaroen_adapters.speech import build_speaker
from klaroen_adapters.speech.cascade import WAITING_MAX, CascadeSpeaker, Queue
from klaroen_adapters.speech.frames import EngineName, Failed, Said
from klaroen_adapters.speech.shelf import LESSER_S
from klaroen_adapters.speech.voices import Voice

VOICES: dict[Language, tuple[Voice, ...]] = {
    "nl": (Voice("espeak-ng", "nl", "1"),),
    "fr": (Voice("pico", "fr-FR", "1"), Voice("espeak-ng", "fr", "1")),
    "de": (),
}
TEXT = "Bel de politie."


class FakeCrew:
    """Says the text's own octets, unless an engine is told to fail; holds its answers back while `held`."""

    def __init__(self) -> None:
        self.asked: list[tuple[EngineName, str, str, float]] = []
        self.failing: dict[EngineName, Said | Failed] = {}
        self.free = trio.Event()
        self.free.set()

    async def ask(self, engine: EngineName, voice: str, text: str, deadline_s: float) -> Said | Failed:
        self.asked.append((engine, voice, text, deadline_s))
        await self.free.wait()
        return self.failing.get(engine, Said(f"{engine} {text}".encode(), 3.0, 2_800.0, 0.0))

    def close(self) -> None:
        self.free = trio.Event()


class Desk:
    def __init__(self, directory: Path) -> None:
        self.clips = ClipStore(directory)
        self.crew = FakeCrew()
        self.speaker = self.again()

    def again(self, voices: dict[Language, tuple[Voice, ...]] = VOICES, **settings: float) -> CascadeSpeaker:
        """A speaker as after a restart."""
        return CascadeSpeaker(Speech(**settings), voices, self.clips, self.crew)  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_the_best_voice_reads(desk: Desk) -> None:
    clip = await desk.speaker.render(TEXT, "fr", verbatim=False)
    assert (3.0, "pico") == (clip.duration_s, clip.engine)
    assert b"pico " + TEXT.encode() == desk.clips.read(clip.id)
    assert [("pico", "fr-FR", TEXT, 5.0)] == desk.crew.asked


async def test_a_text_is_read_once(desk: Desk) -> None:
    """Also after a restart; another text, language or voice is another reading."""
    first = await desk.speaker.render(TEXT, "fr", verbatim=False)
    assert first == await desk.speaker.render(TEXT, "fr", verbatim=True)
    assert first == await desk.again().render(TEXT, "fr", verbatim=False)
    assert 1 == len(desk.crew.asked)
    await desk.speaker.render(TEXT, "nl", verbatim=False)
    newer = {"fr": (Voice("pico", "fr-FR", "2"),)}
    await desk.again(newer).render(TEXT, "fr", verbatim=False)  # type: ignore[arg-type]
    assert 3 == len(desk.crew.asked)


async def test_what_two_ask_for_at_once_is_read_once(desk: Desk) -> None:
    desk.crew.free = trio.Event()
    heard: list[object] = []

    async def ask() -> None:
        heard.append(await desk.speaker.render(TEXT, "fr", verbatim=False))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        desk.crew.free.set()
    assert 5 == len(heard)
    assert 1 == len(set(map(str, heard))) == len(desk.crew.asked)


async def test_who_gives_up_takes_nobody_with_him(desk: Desk) -> None:
    desk.crew.free = trio.Event()
    heard: list[object] = []
    gone = trio.CancelScope()

    async def ask(scope: trio.CancelScope) -> None:
        with scope:
            heard.append(await desk.speaker.render(TEXT, "fr", verbatim=False))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, gone)
        await settled(desk, Queue(reading=1, waiting=0))
        nursery.start_soon(ask, trio.CancelScope())
        await wait_all_tasks_blocked()
        gone.cancel()
        desk.crew.free.set()
    assert 1 == len(heard)


@pytest.mark.parametrize(
    "failure",
    [Failed("crashed"), Failed("took too long"), Said(b"", 3.0, 0.0, 0.0), Said(b"", 90.0, 2_800.0, 0.0)],
    ids=str,
)
async def test_where_a_voice_fails_the_next_one_reads(desk: Desk, failure: Said | Failed) -> None:
    desk.crew.failing["pico"] = failure
    clip = await desk.speaker.render(TEXT, "fr", verbatim=False)
    assert ("espeak-ng", "espeak-ng") == (clip.engine, desk.speaker.heard["fr"])
    assert ["pico", "espeak-ng"] == [asked[0] for asked in desk.crew.asked]


async def test_a_text_with_markup_goes_to_a_voice_that_reads_it(desk: Desk) -> None:
    clip = await desk.speaker.render("a < b", "fr", verbatim=True)
    assert [("espeak-ng", "fr", "a < b", 5.0)] == desk.crew.asked
    assert "espeak-ng" == clip.engine


async def test_a_lesser_reading_is_kept_for_an_hour(desk: Desk) -> None:
    """An alert says the same from start to end; an engine that is mended is heard in the end."""
    desk.crew.failing["pico"] = Failed("crashed")
    lesser = await desk.speaker.render(TEXT, "fr", verbatim=False)
    desk.crew.failing.clear()
    assert lesser == await desk.speaker.render(TEXT, "fr", verbatim=False)
    age_all(desk.clips, LESSER_S + 1)
    assert "pico" == (await desk.speaker.render(TEXT, "fr", verbatim=False)).engine


def age_all(clips: ClipStore, seconds: float) -> None:
    for path in clips.directory.rglob("*"):
        at = path.stat().st_mtime - seconds
        os.utime(path, (at, at))


@pytest.mark.parametrize(
    "harm",
    [
        lambda clip, _: clip.unlink(),
        lambda _, entry: entry.write_bytes(b"{"),
        lambda _, entry: entry.write_bytes(b'{"clip": 1}'),
        lambda _, entry: entry.unlink(),
    ],
)
async def test_what_is_lost_on_disk_is_read_anew(desk: Desk, harm: Callable[[Path, Path], None]) -> None:
    clip = await desk.speaker.render(TEXT, "fr", verbatim=False)
    (entry,) = (desk.clips.directory / "spoken").iterdir()
    harm(desk.clips.path(clip.id), entry)
    assert clip == await desk.speaker.render(TEXT, "fr", verbatim=False)
    assert 2 == len(desk.crew.asked)
    assert b"pico " + TEXT.encode() == desk.clips.read(clip.id)


async def test_what_no_voice_can_say_is_told_without_the_text(desk: Desk) -> None:
    desk.crew.failing = {"pico": Failed("crashed"), "espeak-ng": Said(b"", 3.0, 0.0, 0.0)}
    with pytest.raises(UnspeakableError, match=r"^pico: crashed; espeak-ng: silence$"):
        await desk.speaker.render(TEXT, "fr", verbatim=False)
    with pytest.raises(UnspeakableError, match=r"^espeak-ng: not as it stands$"):
        await desk.speaker.render("\x01", "nl", verbatim=False)
    with pytest.raises(UnspeakableError, match=r"^no voice reads de$"):
        await desk.speaker.render(TEXT, "de", verbatim=False)


async def test_R10_crisis_texts_reach_the_engine_to_the_letter(desk: Desk) -> None:
    await desk.speaker.render("Bel 101.", "nl", verbatim=True)
    await desk.speaker.render("Bel 101.", "nl", verbatim=False)
    assert ["Bel 101.", "Bel honderd en een."] == [asked[2] for asked in desk.crew.asked]


async def test_R16_each_sentence_of_several_languages_has_a_voice_of_its_own(desk: Desk) -> None:
    """The clip is theirs, one after the other."""
    clip = await desk.speaker.render("Sluit de deuren. Fermez les portes.", "mul", verbatim=True)
    assert [("espeak-ng", "Sluit de deuren. "), ("pico", "Fermez les portes.")] == [
        (engine, text) for engine, _, text, _ in desk.crew.asked
    ]
    assert b"espeak-ng Sluit de deuren. pico Fermez les portes." == desk.clips.read(clip.id)
    assert 6.0 == clip.duration_s
    assert clip == await desk.again().render("Sluit de deuren. Fermez les portes.", "mul", verbatim=True)
    assert 2 == len(desk.crew.asked)


async def test_what_tells_no_language_is_read_by_the_voices_configured(desk: Desk) -> None:
    speaker = desk.again(mul="fr")  # type: ignore[arg-type]
    assert "pico" == (await speaker.render("101", "mul", verbatim=True)).engine
    await speaker.render(TEXT, "mul", verbatim=True)
    assert ["101", TEXT] == [text for _, _, text, _ in desk.crew.asked]
    assert "espeak-ng" == desk.crew.asked[1][0]


async def test_voices_are_warmed_up(desk: Desk) -> None:
    """So the next text finds them ready, and one that does not work is known before an alert asks."""
    await desk.speaker.warm_up()
    assert [("espeak-ng", "nl"), ("pico", "fr-FR")] == [asked[:2] for asked in desk.crew.asked]
    desk.crew.failing["pico"] = Failed("crashed")
    await desk.speaker.warm_up()
    assert {"nl": "espeak-ng", "fr": "espeak-ng"} == desk.speaker.heard
    desk.crew.failing["espeak-ng"] = Failed("crashed")
    await desk.speaker.warm_up()
    assert not (desk.clips.directory).exists()


async def test_a_longer_text_has_longer(desk: Desk) -> None:
    with pytest.raises(UnspeakableError, match="too short"):
        await desk.speaker.render("Bel de politie. " * 100, "nl", verbatim=True)
    assert 5.0 * 1_600 / 250 == desk.crew.asked[0][3]


async def test_crisis_does_not_wait_for_others(desk: Desk) -> None:
    """Few texts are read at once; crisis texts have turns of their own; when too many wait, more are refused."""
    desk.crew.free = trio.Event()
    read: list[str] = []

    async def ask(text: str, verbatim: bool) -> None:
        await desk.speaker.render(text, "nl", verbatim=verbatim)
        read.append(text)

    async with trio.open_nursery() as nursery:
        for number in range(2 + WAITING_MAX):
            nursery.start_soon(ask, f"{TEXT} {number}", False)
        await settled(desk, Queue(reading=2, waiting=WAITING_MAX))
        nursery.start_soon(ask, "crisis", True)
        await settled(desk, Queue(reading=3, waiting=WAITING_MAX))
        assert "crisis" == desk.crew.asked[-1][2]
        with pytest.raises(UnspeakableError, match="too many"):
            await desk.speaker.render("one too many", "nl", verbatim=False)
        desk.crew.free.set()
    assert 3 + WAITING_MAX == len(read)


async def settled(desk: Desk, queue: Queue) -> None:
    """Wait until it stands so: what is looked up on disk is in threads, which no clock of trio's waits for."""
    while queue != desk.speaker.statistics():
        await wait_all_tasks_blocked(0.001)


async def test_the_speaker_of_an_installation_reads_aloud(tmp_path: Path) -> None:
    """With the real engines and processes."""
    clips = ClipStore(tmp_path)
    speaker = build_speaker(Speech(), clips)
    clip = await speaker.render(TEXT, "nl", verbatim=False)
    speaker.close()
    assert len(clips.read(clip.id)) == clip.duration_s * 8_000
