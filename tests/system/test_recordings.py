"""A recording through the real processes: posted, kept, refused, and there after a crash."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.unit.speech.sounds import write

from klaroen.core.model import RecordingId
from klaroen.recordings import Recordings
from klaroen.rundir import read_pid

PATIENCE_S = 60.0


class Served:
    def __init__(self, directory: Path, secret: str) -> None:
        self.directory, self._secret = directory, secret

    def post(self, octets: bytes) -> tuple[int, Any]:
        """Ask until somebody is there to answer."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                port = json.loads((self.directory / "run" / "ports.json").read_text())["edge"]
                request = urllib.request.Request(
                    f"http://127.0.0.1:{port}/v1/recordings", octets, {"Authorization": f"Bearer {self._secret}"}
                )
                with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in (401, 503) or time.monotonic() > until:
                        return error.code, json.load(error)
            except (OSError, KeyError, ValueError):
                if time.monotonic() > until:
                    raise
            time.sleep(0.1)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    config = tmp_path / "klaroen.toml"
    config.write_text(
        f'data_dir = "{tmp_path / "data"}"\n[edge]\nlisten = "127.0.0.1:0"\n'
        '[metrics]\nedge = "127.0.0.1:0"\ndispatch = "127.0.0.1:0"\nvoice = "127.0.0.1:0"\n'
    )
    command = [sys.executable, "-m", "klaroen", "--config", str(config)]
    made = subprocess.run(
        [*command, "token", "create", "--name", "police", "--role", "police", "--zone", "*", "--json"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    process = subprocess.Popen([*command, "serve"])
    try:
        yield Served(tmp_path / "data", json.loads(made.stdout)["token"])
    finally:
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(PATIENCE_S)


def test_a_recording_is_there_after_a_crash(served: Served, tmp_path: Path) -> None:
    """201 means durable: dispatch is killed at once, and the recording stands with both of its clips."""
    octets = write(tmp_path / "a.flac", 3.0, 44_100, 2).read_bytes()
    status, told = served.post(octets)
    dispatch = read_pid(served.directory, "dispatch")
    assert dispatch is not None
    os.kill(dispatch, signal.SIGKILL)
    assert (201, hashlib.sha256(octets).hexdigest()) == (status, told["sha256"])
    assert 3.0 == pytest.approx(told["duration_s"], abs=0.01)
    recordings = Recordings(served.directory)
    found = recordings.find(RecordingId(told["id"]), "police")
    assert found is not None
    assert {told["duration_s"]} == {len(recordings.clips.read(clip)) / 8_000 for clip in (found.plain, found.levelled)}
    assert (201, told) == served.post(octets)  # by the dispatch that came after it
    assert [] == list(recordings.spool.iterdir())


def test_what_is_no_recording_is_refused_by_name(served: Served, tmp_path: Path) -> None:
    """Garbage, three hours, silence, half a file; and nothing of them stays."""
    long = tmp_path / "long.flac"
    soundfile.write(long, np.zeros(3 * 3_600 * 8_000, np.int16), 8_000)
    silent = write(tmp_path / "silent.wav", amplitude=0.0)
    half = write(tmp_path / "half.wav", 4.0).read_bytes()[:64_000]
    answers = [
        served.post(octets) for octets in (b"garbage" * 10_000, long.read_bytes(), silent.read_bytes(), half, b"")
    ]
    assert [(415, "unsupported-media-type"), (413, "too-large"), (422, "invalid"), (422, "invalid")] == [
        (status, told["type"].removeprefix("/problems/")) for status, told in answers[:4]
    ]
    assert 400 == answers[4][0]
    assert [] == list((served.directory / "spool").iterdir())
    assert not (served.directory / "recordings").exists()
