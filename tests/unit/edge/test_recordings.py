"""Recordings over HTTP: laid into the spool, and made clips of by dispatch."""

import asyncio
import hashlib
import os
import time
from pathlib import Path

import pytest
from tests.unit.edge import samples
from tests.unit.edge.fake_dispatch import SILENCE
from tests.unit.edge.test_door import served
from tests.unit.edge.virtual import in_virtual_time, until
from tests.unit.edge.world import World, edge_world

from klaroen.core.calls import Ask, PutRecording, Tokens
from klaroen.core.errors import Problem
from klaroen.core.views import RecordingView
from klaroen.edge import recordings
from klaroen.edge.desk import UPLOADS_MAX
from klaroen.edge.door import MESSAGE_BYTES_MAX, REQUEST_S_MAX, Door
from klaroen.edge.recordings import LEFT_S, RECORDING_BYTES_MAX, clear_spool

WAVE = b"RIFF" + bytes(range(256)) * 4_000


def found(world: World) -> str | None:
    token = world.desk.mirror.tokens.by_secret(samples.SECRET)
    return None if token is None else token.role


def spooled(world: World) -> list[Path]:
    return list(world.desk.spool.glob("*"))


@in_virtual_time
async def test_a_recording_lies_whole_in_the_spool_while_dispatch_reads_it() -> None:
    """Under a name that nobody can guess, for the eyes of this user alone; afterwards it is gone."""
    async with edge_world() as world:
        seen: list[tuple[bytes, int]] = []

        def look(ask: Ask) -> RecordingView:
            assert isinstance(ask.question, PutRecording)
            path = world.desk.spool / ask.question.name
            seen.append((path.read_bytes(), path.stat().st_mode & 0o777))
            return RecordingView("A" * 26, ask.question.sha256, 12.5)

        world.dispatch.answers[PutRecording] = look
        halves = (WAVE[:300_000], WAVE[300_000:], b"")
        answer = await world.call("POST", "/v1/recordings", {"content-type": "audio/wav"}, halves)
        sha256 = hashlib.sha256(WAVE).hexdigest()
        assert (201, {"id": "A" * 26, "sha256": sha256, "duration_s": 12.5}) == (answer.status, answer.json)
        assert [(WAVE, 0o600)] == seen
        assert [] == spooled(world)
        assert "police" == world.dispatch.asks[-1].principal


@pytest.mark.parametrize("role", ["operator", "coordinator", "carrier"])
@in_virtual_time
async def test_R08_who_may_not_send_may_not_record(role: str) -> None:
    """Told before anything of the file is read."""
    async with edge_world() as world:
        world.dispatch.push(Tokens((samples.token(role=role),)))  # type: ignore[arg-type]
        await until(lambda: found(world) == role)
        answer = await world.call("POST", "/v1/recordings", body=WAVE)
        assert (403, "not-allowed") == (answer.status, answer.problem)
        assert not world.dispatch.asked(PutRecording)


@in_virtual_time
async def test_a_recording_that_is_too_large_is_refused() -> None:
    """By what its head says, or as soon as too much has come; nothing of it stays."""
    async with edge_world() as world:
        said = await world.call("POST", "/v1/recordings", {"content-length": str(RECORDING_BYTES_MAX + 1)}, b"RIFF")
        assert (413, "too-large") == (said.status, said.problem)
        block = bytes(1024 * 1024)
        came = await world.call("POST", "/v1/recordings", body=[block] * (RECORDING_BYTES_MAX // len(block) + 1))
        assert (413, "too-large") == (came.status, came.problem)
        assert [] == spooled(world)
        assert not world.dispatch.asked(PutRecording)


@in_virtual_time
async def test_a_recording_that_is_not_there_is_refused() -> None:
    async with edge_world() as world:
        answer = await world.call("POST", "/v1/recordings")
        assert (400, "malformed") == (answer.status, answer.problem)
        assert [] == spooled(world)


@in_virtual_time
async def test_what_dispatch_says_of_it_is_told() -> None:
    async with edge_world() as world:
        world.dispatch.answers[PutRecording] = Problem("unsupported-media-type", "this is no recording")
        answer = await world.call("POST", "/v1/recordings", body=b"<html>")
        assert (415, "unsupported-media-type") == (answer.status, answer.problem)
        assert [] == spooled(world)


@in_virtual_time
async def test_a_few_come_in_at_once() -> None:
    """More are asked to come back, so that the spool stays bounded."""
    async with edge_world() as world:
        world.dispatch.answers[PutRecording] = SILENCE
        calls = [asyncio.create_task(world.call("POST", "/v1/recordings", body=WAVE)) for _ in range(UPLOADS_MAX)]
        await until(lambda: len(world.dispatch.asked(PutRecording)) == UPLOADS_MAX)
        answer = await world.call("POST", "/v1/recordings", body=WAVE)
        assert (503, "unavailable", "5") == (answer.status, answer.problem, answer.headers["retry-after"])
        for ask in list(world.dispatch.asks):
            world.dispatch.tell(ask, samples.RECORDING)
        assert [201] * UPLOADS_MAX == [(await call).status for call in calls]
        assert [] == spooled(world)


@in_virtual_time
async def test_an_edge_that_stops_takes_no_more() -> None:
    async with edge_world() as world:
        world.desk.drain()
        assert 503 == (await world.call("POST", "/v1/recordings", body=WAVE)).status


@in_virtual_time
async def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with edge_world() as world:
        monkeypatch.setattr(recordings, "write", full)
        answer = await world.call("POST", "/v1/recordings", body=WAVE)
        assert (503, "5") == (answer.status, answer.headers["retry-after"])
        assert [] == spooled(world)


@in_virtual_time
async def test_a_caller_that_goes_leaves_nothing_behind() -> None:
    """Cut off in the midst of the file."""
    async with served() as edge:
        async with edge.caller() as caller:
            caller.write(head(len(WAVE)) + WAVE[:400_000])
            await until(lambda: bool(spooled(edge.world)))
        await until(lambda: not spooled(edge.world))
        assert not edge.world.dispatch.asked(PutRecording)


def head(length: int) -> bytes:
    return (
        b"POST /v1/recordings?x=1 HTTP/1.1\r\nHost: edge\r\nContent-Type: audio/wav\r\n"
        + f"Authorization: Bearer {samples.SECRET}\r\nContent-Length: {length}\r\n\r\n".encode()
    )


@in_virtual_time
async def test_a_large_file_passes_the_door() -> None:
    """Larger than any other request may be, and slower."""
    async with served() as edge, edge.caller() as caller:
        octets = bytes(MESSAGE_BYTES_MAX + 1024)
        caller.write(head(len(octets)) + octets[:1000])
        await asyncio.sleep(REQUEST_S_MAX + 1)
        caller.write(octets[1000:])
        assert 201 == await caller.status()
        (asked,) = edge.world.dispatch.asked(PutRecording)
        assert hashlib.sha256(octets).hexdigest() == asked.sha256


@in_virtual_time
async def test_the_door_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that never ends is cut off, by time."""
    monkeypatch.setattr(Door, "recording_s_max", 30.0)
    async with served() as edge, edge.caller() as caller:
        caller.write(head(1_000_000) + bytes(1000))
        assert b"" == await caller.rest()
        await until(lambda: not spooled(edge.world))


def test_what_an_earlier_edge_left_is_removed(tmp_path: Path) -> None:
    """But not what somebody else is at work with: an officer's recording goes the same way (R19)."""
    for name, age_s in (("half", LEFT_S + 60), ("officer", 10.0)):
        (tmp_path / name).write_bytes(b"RIFF")
        at = time.time() - age_s
        os.utime(tmp_path / name, (at, at))
    clear_spool(tmp_path)
    clear_spool(tmp_path / "none")
    assert ["officer"] == [path.name for path in tmp_path.iterdir()]
