"""A recording is durable before it has an id, and gone from the spool whatever comes of it."""

import hashlib
from pathlib import Path

import pytest
import trio
from tests.unit.speech.sounds import write

from klaroen.core.errors import InputError
from klaroen.core.model import Instant
from klaroen.recordings import Recordings, make_id
from klaroen_adapters.speech import build_recorder
from klaroen_adapters.speech.frames import Decoded, Failed
from klaroen_adapters.speech.recorder import FAULTS, WAITING_MAX, WorkerRecorder

NOW = Instant(1_800_000_000_000)
NAME = "0" * 32
SHA256 = "a" * 64


class FakeDecoder:
    def __init__(self, answer: Decoded | Failed) -> None:
        self.answer = answer
        self.decoded: list[str] = []
        self.free = trio.Event()
        self.free.set()

    async def decode(self, path: str, deadline_s: float) -> Decoded | Failed:
        self.decoded.append(path)
        assert await trio.Path(path).exists()
        await self.free.wait()
        return self.answer

    def close(self) -> None:
        self.free = trio.Event()


CLIPS = Decoded(b"\xd5" * 8_000, b"\x55" * 8_000, 1.0, 2_000.0)


def spooled(recordings: Recordings, name: str = NAME) -> Path:
    recordings.spool.mkdir(exist_ok=True)
    path = recordings.spool / name
    path.write_bytes(b"audio")
    return path


async def test_a_recording_is_kept_under_its_id(tmp_path: Path) -> None:
    """With both clips; crisis plays it as it was given, every other class as loud as speech on a line is (R10)."""
    recordings = Recordings(tmp_path)
    path = spooled(recordings)
    recording = await WorkerRecorder(recordings, FakeDecoder(CLIPS)).take(NAME, SHA256, "police", NOW)
    assert not path.exists()
    assert (make_id("police", SHA256), SHA256, 1.0) == (recording.id, recording.sha256, recording.duration_s)
    later = WorkerRecorder(Recordings(tmp_path), FakeDecoder(CLIPS))
    assert recording == later.find(recording.id, "police")
    assert CLIPS.plain == recordings.clips.read(recording.as_played("crisis").clip)
    assert CLIPS.levelled == recordings.clips.read(recording.as_played("warm").clip)
    assert recording.as_played("warm").clip == recording.as_played("cold").clip


async def test_another_token_has_no_such_recording(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    spooled(recordings)
    recorder = WorkerRecorder(recordings, FakeDecoder(CLIPS))
    recording = await recorder.take(NAME, SHA256, "police", NOW)
    assert recorder.find(recording.id, "police2") is None
    spooled(recordings)
    other = await recorder.take(NAME, SHA256, "police2", NOW)
    assert other.id != recording.id


async def test_the_same_file_again_is_the_same_recording(tmp_path: Path) -> None:
    """Its time starts anew, and it is not read again."""
    recordings = Recordings(tmp_path)
    decoder = FakeDecoder(CLIPS)
    recorder = WorkerRecorder(recordings, decoder)
    ids = set()
    for name in ("1" * 32, "2" * 32):
        path = spooled(recordings, name)
        ids.add((await recorder.take(name, SHA256, "police", NOW)).id)
        assert not path.exists()
    assert 1 == len(ids) == len(decoder.decoded)


@pytest.mark.parametrize("words", [*FAULTS, "MemoryError"])
async def test_what_is_wrong_is_told_and_nothing_is_kept(words: str, tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    path = spooled(recordings)
    with pytest.raises(InputError) as caught:
        await WorkerRecorder(recordings, FakeDecoder(Failed(words))).take(NAME, SHA256, "police", NOW)
    assert FAULTS.get(words, FAULTS["garbage"]) == (caught.value.problem.name, caught.value.problem.detail)
    assert not path.exists()
    assert recordings.find(make_id("police", SHA256), "police") is None


async def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = Recordings(tmp_path)
    path = spooled(recordings)

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recordings.clips, "put", full)
    with pytest.raises(InputError) as caught:
        await WorkerRecorder(recordings, FakeDecoder(CLIPS)).take(NAME, SHA256, "police", NOW)
    assert "unavailable" == caught.value.problem.name
    assert not path.exists()


async def test_a_few_wait_and_more_are_refused(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    decoder = FakeDecoder(CLIPS)
    decoder.close()
    recorder = WorkerRecorder(recordings, decoder)
    async with trio.open_nursery() as nursery:
        for number in range(1 + WAITING_MAX):
            name = f"{number:032}"
            spooled(recordings, name)
            nursery.start_soon(recorder.take, name, f"{number:064}", "police", NOW)
        while recorder.waiting_count < WAITING_MAX:
            await trio.testing.wait_all_tasks_blocked(0.001)
        path = spooled(recordings, "f" * 32)
        with pytest.raises(InputError, match="Too many"):
            await recorder.take("f" * 32, SHA256, "police", NOW)
        assert not path.exists()
        decoder.free.set()
    assert 1 + WAITING_MAX == len(decoder.decoded)


@pytest.mark.parametrize("harm", ["plain", "levelled", "entry", "garbled"])
async def test_a_recording_that_is_not_whole_is_none(harm: str, tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    spooled(recordings)
    recording = await WorkerRecorder(recordings, FakeDecoder(CLIPS)).take(NAME, SHA256, "police", NOW)
    entry = tmp_path / "recordings" / recording.id
    if harm == "entry":
        entry.unlink()
    elif harm == "garbled":
        entry.write_bytes(b"{}")
    else:
        recordings.clips.remove(getattr(recording, harm))
    assert recordings.find(recording.id, "police") is None


async def test_recordings_and_clips_are_forgotten_in_time(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    spooled(recordings)
    recording = await WorkerRecorder(recordings, FakeDecoder(CLIPS)).take(NAME, SHA256, "police", NOW)
    posted_s = (tmp_path / "recordings" / recording.id).stat().st_mtime
    assert (0, 0) == (recordings.sweep(posted_s - 1), recordings.clips.sweep(posted_s - 1))
    assert 1 == recordings.sweep(posted_s + 1)
    assert recordings.find(recording.id, "police") is None
    assert CLIPS.levelled == recordings.clips.read(recording.levelled)  # an alert may still play it
    assert 2 == recordings.clips.sweep(posted_s + 60)
    assert 0 == Recordings(tmp_path / "none").sweep(posted_s)


async def test_a_real_file_goes_through_a_real_process(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    recordings.spool.mkdir()
    octets = write(recordings.spool / NAME, 2.0, format="WAV").read_bytes()
    recorder = build_recorder(recordings)
    recording = await recorder.take(NAME, hashlib.sha256(octets).hexdigest(), "police", NOW)
    assert 2.0 == pytest.approx(recording.duration_s, abs=0.01)
    (recordings.spool / NAME).write_bytes(b"no audio at all" * 1_000)
    with pytest.raises(InputError) as caught:
        await recorder.take(NAME, SHA256, "police", NOW)
    recorder.close()
    assert "unsupported-media-type" == caught.value.problem.name
