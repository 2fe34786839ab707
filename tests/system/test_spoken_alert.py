"""What is posted is what telephones play: a recording, and a text, through all processes and a simulated trunk."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.speech.sounds import write

from klaroen.core.model import ClipId, RecordingId
from klaroen.recordings import Recordings
from klaroen_bench.carriers.call import Record
from klaroen_bench.carriers.ledger import CALL, SOUND, LedgerReader
from klaroen_bench.rig import Rig
from klaroen_bench.rig_plan import Plan, Trunk

WAIT_S = 120.0
FATES = ("busy", "no_answer", "rejected", "invalid", "fault", "key", "other_key", "hang_up", "mu_law")
TRUNK = Trunk(ring_s=(0.1, 0.5), **dict.fromkeys(FATES, 0.0))
"""Everybody answers, and hears it to its end."""


def heard(ledger: Path) -> list[bytes]:
    """What each answered call heard."""
    sounds: dict[int, bytes] = {}
    calls: list[bytes] = []
    for entry in LedgerReader(ledger):
        if entry.kind == SOUND:
            sound = int.from_bytes(entry.body[:4], "little")
            sounds[sound] = sounds.get(sound, b"") + entry.body[4:]
        elif entry.kind == CALL:
            stretches = msgspec.json.decode(entry.body, type=Record).stretches
            calls.append(b"".join(sounds[sound][at : at + size] for sound, at, size in stretches))
    return calls


def send(rig: Rig, key: str, **fields: Any) -> dict[str, Any]:
    body = {"class": "warm", "targets": {"all": True}, "channels": ["voice", "tts"], **fields}
    status, told = rig.post("/v1/alerts", body, key=key)
    assert 202 == status, told
    until = time.monotonic() + WAIT_S
    while (shown := rig.get(f"/v1/alerts/{told['id']}")[1])["state"] != "done":
        assert time.monotonic() < until, shown
        time.sleep(0.1)
    return dict(shown)


@pytest.mark.slow
def test_telephones_play_what_was_posted(tmp_path: Path) -> None:
    """R12: the recording, octet for octet; where there is none, the text as a voice reads it, the same for all."""
    with Rig(tmp_path / "rig", Plan(members=40, networks=2, seed=3, trunk=TRUNK)) as rig:
        octets = write(tmp_path / "a.mp3", 2.0, 44_100).read_bytes()
        status, posted = rig.request("POST", "/v1/recordings", "police", octets)
        assert 201 == status, posted
        recorded = send(rig, "recorded", recording={"nl": posted["id"]})
        spoken = send(rig, "spoken", content={"nl": {"text": "Inbraak bezig in de Kerkstraat. Bel 101."}})
        (data_dir,) = {path.parents[1] for path in tmp_path.rglob("clips/*.alaw")}
        recordings = Recordings(data_dir)
        found = recordings.find(RecordingId(posted["id"]), "police")
        assert found is not None
        recording = recordings.clips.read(found.levelled)
        texts = {recordings.clips.read(ClipId(path.stem)) for path in recordings.clips.directory.glob("*.alaw")} - {
            recording,
            recordings.clips.read(found.plain),
        }
        ledger = next(path for path in rig.ledgers() if TRUNK.name in path.name)
    calls = heard(ledger)
    assert recorded["reached"] == recorded["members"] - recorded["unreachable"] > 0
    assert spoken["reached"] == spoken["members"] - spoken["unreachable"] > 0
    assert recorded["reached"] == calls.count(recording)
    others = [call for call in calls if call != recording]
    assert spoken["reached"] == len(others)
    assert 1 == len(set(others))
    assert others[0] in texts
