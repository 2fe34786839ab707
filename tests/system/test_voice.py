"""The voice process, as its own process, against the simulated trunk: what is heard is the clip, octet for octet."""

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.fakes.voice_rig import VoiceRig

from klaroen.core.ports import Accepted, Script
from klaroen_bench.carriers.call import Record
from klaroen_bench.carriers.ledger import CALL, SOUND, LedgerReader
from klaroen_bench.processes import CarrierProcess, start_trunk

CLIP = random.Random(7).randbytes(8_010)
LUCKY = (
    *("--busy=0", "--no-answer=0", "--rejected=0", "--invalid=0", "--fault=0", "--key=0", "--other-key=0"),
    *("--hang-up=0", "--ring-s=0.05:0.1", "--talking=1", "--repeated=0.2"),
)


@pytest.fixture
def trunk(tmp_path: Path) -> Iterator[CarrierProcess]:
    with start_trunk(tmp_path / "ledger", *LUCKY, log=tmp_path / "log") as process:
        yield process


def heard(ledger: Path) -> dict[str, list[bytes]]:
    """Return by number what each call heard, stretch by stretch."""
    sounds: dict[int, bytes] = {}
    calls: dict[str, list[bytes]] = {}
    for entry in LedgerReader(ledger):
        if entry.kind == SOUND:
            sound = int.from_bytes(entry.body[:4], "little")
            sounds[sound] = sounds.get(sound, b"") + entry.body[4:]
        elif entry.kind == CALL:
            record = msgspec.json.decode(entry.body, type=Record)
            assert (0, 0) == (record.missing, record.again)
            calls[entry.number.decode()] = [sounds[sound][at : at + size] for sound, at, size in record.stretches]
    return calls


async def test_calls_are_made_heard_and_told(tmp_path: Path, trunk: CarrierProcess) -> None:
    """Twenty at once, over two voice processes: each has one answer, one proof and one end, and the clip twice."""
    rig = VoiceRig(tmp_path, trunk.port, workers=2)
    script = Script(rig.clips.put(CLIP), 30.0, 2)
    numbers = [f"+3247000{index:04}" for index in range(20)]
    async with rig.running():
        attempts = [await rig.call(number, script) for number in numbers]
        for attempt in attempts:
            assert [("reached", "played 80 %")] == await rig.ended(attempt)
            assert [Accepted((attempt,))] == rig.outcomes(attempt)
            assert ["answered", "ended"] == rig.phases(attempt)
        assert 'klaroen_trunk_lines_used{carrier="trunk"} 0.0' in rig.metrics()
    trunk.stop()
    calls = heard(tmp_path / "ledger")
    assert sorted(number.removeprefix("+") for number in numbers) == sorted(calls)
    assert all(CLIP + CLIP == b"".join(stretches) for stretches in calls.values())


async def test_a_stopping_process_plays_to_the_end_and_takes_nothing_new(tmp_path: Path, trunk: CarrierProcess) -> None:
    """SIGTERM: exit 0 when the last call is over."""
    rig = VoiceRig(tmp_path, trunk.port)
    script = Script(rig.clips.put(CLIP), 30.0, 1)
    async with rig.running():
        attempt = await rig.call("+32470000001", script)
        await rig.outcome(attempt)
        rig.processes[0].send_signal(signal.SIGTERM)
        assert [("reached", "played 80 %")] == await rig.ended(attempt)
        await rig.wait(lambda: rig.link is not None and not rig.link.up, "the end of the process")
        assert 0 == rig.processes[0].wait(60)
    trunk.stop()
    assert {"32470000001": [CLIP]} == heard(tmp_path / "ledger")
