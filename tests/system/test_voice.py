"""The voice process, as its own process, against the simulated trunk: what is heard is the clip, octet for octet."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from tests.fakes.voice_rig import VoiceRig

from klaroen.core.errors import CarrierDownError
from klaroen.core.model import ClipId
from klaroen.core.phases import VOICE_GONE
from klaroen.core.ports import Accepted, Link, Refused, Script, Unknown, Unsent
from klaroen.rundir import read_pid, read_pids, read_ports
from klaroen_bench.carriers.call import Record
from klaroen_bench.carriers.ledger import CALL, SOUND, LedgerReader
from klaroen_bench.processes import CarrierProcess, start_trunk

T = TypeVar("T")
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


async def test_a_process_that_is_killed_in_mid_call(tmp_path: Path) -> None:
    """Who had not rung is unknown, who had has failed and ended; the next process makes calls again."""
    ring = ("--ring-s=60:60", *(one for one in LUCKY if not one.startswith("--ring-s")))
    with (
        start_trunk(tmp_path / "one", *LUCKY, log=tmp_path / "log") as trunk,
        start_trunk(tmp_path / "two", *ring, "--latency-ms=60000", log=tmp_path / "log2") as slow,
    ):
        for port, accepted in ((trunk.port, True), (slow.port, False)):
            rig = VoiceRig(tmp_path / str(port), port)
            script = Script(rig.clips.put(CLIP), 30.0, 10)
            async with rig.running():
                attempt = await rig.call("+32470000001", script)
                if accepted:
                    await rig.wait(lambda rig=rig, attempt=attempt: bool(rig.receipts(attempt)), "proof")
                rig.processes[0].kill()
                if accepted:
                    assert [("reached", "played 80 %"), ("failed", VOICE_GONE)] == await rig.ended(attempt)
                    assert ["answered", "ended"] == rig.phases(attempt)
                else:
                    assert Unknown(VOICE_GONE) == await rig.outcome(attempt)
                assert 1 == len(rig.outcomes(attempt))
                await rig.wait(lambda rig=rig: rig.link is not None and not rig.link.up, "the link down")
                with pytest.raises(CarrierDownError):
                    await rig.call("+32470000002", script)
                rig.start()
                await rig.wait(lambda rig=rig: rig.link is not None and rig.link.up, "the link up")
                again = await rig.call("+32470000003", script)
                if accepted:
                    assert Accepted((again,)) == await rig.outcome(again)


async def test_a_process_that_is_stuck_counts_as_gone_until_it_goes_on(tmp_path: Path, trunk: CarrierProcess) -> None:
    """As after SIGSTOP: five seconds of silence; what it told meanwhile comes late, and ends nothing twice."""
    rig = VoiceRig(tmp_path, trunk.port)
    script = Script(rig.clips.put(CLIP), 30.0, 1)
    async with rig.running():
        attempt = await rig.call("+32470000001", script)
        await rig.wait(lambda: "answered" in rig.phases(attempt), "an answer")
        rig.processes[0].send_signal(signal.SIGSTOP)
        assert [("failed", VOICE_GONE)] == await rig.ended(attempt)
        assert rig.link is not None
        await rig.wait(lambda: rig.link is not None and not rig.link.up, "the link down")
        rig.processes[0].send_signal(signal.SIGCONT)
        await rig.wait(lambda: rig.link is not None and rig.link.up, "the link up")
        await rig.ended(await rig.call("+32470000002", script))
        await rig.wait(lambda: ("reached", "played 80 %") in rig.receipts(attempt), "what it told meanwhile")
    assert ["answered", "ended"] == rig.phases(attempt)
    assert 1 == len(rig.outcomes(attempt))


async def test_dispatch_that_starts_again_hears_what_it_missed(tmp_path: Path, trunk: CarrierProcess) -> None:
    """The call goes on meanwhile; an attempt that comes again is not called again."""
    rig = VoiceRig(tmp_path, trunk.port)
    script = Script(rig.clips.put(CLIP), 30.0, 1)
    async with rig.running():
        attempt = await rig.call("+32470000001", script)
        await rig.wait(lambda: "answered" in rig.phases(attempt), "an answer")
        rig.restart_dispatch()
        assert [] == rig.events
        await rig.wait(lambda: rig.link is not None and rig.link.up, "the link up")
        await rig.repeat(attempt, "+32470000001", script)
        await rig.wait(lambda: "ended" in rig.phases(attempt), "the end")
        assert [Accepted((attempt,))] == rig.outcomes(attempt)
        assert {("reached", "played 80 %")} == set(rig.receipts(attempt))
    trunk.stop()
    assert {"32470000001": [CLIP]} == heard(tmp_path / "ledger")


async def test_calls_of_before_a_start_end_as_well(tmp_path: Path, trunk: CarrierProcess) -> None:
    """Dispatch was killed while two telephones were listened to: it hears of both ends, once each."""
    rig = VoiceRig(tmp_path, trunk.port)
    script = Script(rig.clips.put(CLIP), 30.0, 2)
    async with rig.running():
        calls = [await rig.call(f"+3247000000{index}", script) for index in range(2)]
        await rig.wait(lambda: all("answered" in rig.phases(attempt) for attempt in calls), "two answers")
        rig.restart_dispatch()
        for attempt in calls:
            await rig.ended(attempt)
        assert [["answered", "ended"]] * 2 == [rig.phases(attempt) for attempt in calls]
        assert [[], []] == [rig.outcomes(attempt) for attempt in calls]


async def test_what_cannot_be_called_is_said_at_once(tmp_path: Path, trunk: CarrierProcess) -> None:
    """No clip, no number, no time, no line: nothing leaves."""
    rig = VoiceRig(tmp_path, trunk.port, lines=1)
    clip = rig.clips.put(CLIP)
    script = Script(clip, 30.0, 1)
    rig.clips.path(ClipId("f" * 64)).write_bytes(b"something else")
    async with rig.running():
        missing = await rig.call("+32470000001", Script(ClipId("0" * 64), 30.0, 1))
        other = await rig.call("+32470000001", Script(ClipId("f" * 64), 30.0, 1))
        invalid = await rig.call("somebody", script)
        late = await rig.call("+32470000001", script, answer_s=-1.0)
        expired = await rig.call("+32470000001", script, expire_s=-1.0)
        taken = await rig.call("+32470000002", Script(clip, 30.0, 1, prompt=ClipId("0" * 64)))
        await rig.outcome(taken)
        full = await rig.call("+32470000003", script)
        assert Refused("no clip", "content") == await rig.outcome(missing)
        assert Refused("no clip", "content") == await rig.outcome(other)
        assert Refused("number invalid", "address") == await rig.outcome(invalid)
        assert Unsent("deadline passed") == await rig.outcome(late)
        assert Unsent("deadline passed") == await rig.outcome(expired)
        assert Unsent("no line free", 1.0, throttled=True) == await rig.outcome(full)
        assert [("reached", "played 80 %")] == await rig.ended(taken)
    trunk.stop()
    assert ["32470000002"] == list(heard(tmp_path / "ledger"))


async def test_a_trunk_that_goes_away_is_told(tmp_path: Path) -> None:
    """Nothing answers any more; calls that were not begun may go elsewhere."""
    with start_trunk(tmp_path / "ledger", *LUCKY, log=tmp_path / "log") as trunk:
        rig = VoiceRig(tmp_path, trunk.port)
        async with rig.running():
            trunk.stop()
            await rig.wait(lambda: rig.link is not None and not rig.link.up, "the link down")
            assert Link(False, 0, "no answer to OPTIONS") == rig.link


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


def test_serve_runs_as_many_voice_processes_as_are_configured(tmp_path: Path) -> None:
    """With a carrier of kind sip; each stands in voice.pid, comes back when it dies, and ends with the rest."""
    config, data_dir = tmp_path / "klaroen.toml", tmp_path / "data"
    config.write_text(
        f'data_dir = "{data_dir}"\n[edge]\nlisten = "127.0.0.1:0"\n[voice]\nworkers = 2\n'
        '[metrics]\nedge = "127.0.0.1:0"\ndispatch = "127.0.0.1:0"\nvoice = "127.0.0.1:0"\n'
        '[[carrier]]\nname = "trunk"\nkind = "sip"\nchannels = ["voice"]\nhost = "127.0.0.1"\nport = 9\n'
    )
    line = [sys.executable, "-m", "klaroen", "serve", "--config", str(config)]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(line, stdout=log, stderr=log) as served:
        try:
            first = until(lambda: read_pids(data_dir, "voice"), lambda pids: len(pids) == 2)
            os.kill(first[0], signal.SIGKILL)
            second = until(lambda: read_pids(data_dir, "voice"), lambda pids: len(pids) == 2 and first[0] not in pids)
            assert first[1] in second
            ports = until(lambda: read_ports(data_dir), lambda ports: "metrics_voice_1" in ports)
            assert {"metrics_voice", "metrics_voice_1"} <= set(ports)
            until(lambda: read_pid(data_dir, "dispatch"), bool)
            served.terminate()
            assert 0 == served.wait(60), (tmp_path / "log").read_text()
        finally:
            served.kill()
    assert [] == read_pids(data_dir, "voice")


def test_there_is_no_voice_process_beyond_those_configured(tmp_path: Path) -> None:
    """A mistake in a unit's name is told."""
    (tmp_path / "klaroen.toml").write_text(f'data_dir = "{tmp_path}"\n')
    line = [sys.executable, "-m", "klaroen", "voice", "--worker", "1", "--config", str(tmp_path / "klaroen.toml")]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert (1, True) == (ended.returncode, "There is no worker 1: voice.workers is 1." in ended.stderr)


def test_a_voice_process_runs_once_and_says_what_it_cannot_have(tmp_path: Path) -> None:
    """A second one is refused, before it takes the first one's socket; so is a port of somebody else's."""
    config = tmp_path / "klaroen.toml"
    line = [sys.executable, "-m", "klaroen", "voice", "--config", str(config)]
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        config.write_text(f'data_dir = "{tmp_path}"\n[metrics]\nvoice = "{taken}"\n')
        ended = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
        assert (1, f"klaroen: {taken} cannot be listened at: Address already in use.\n") == (
            ended.returncode,
            ended.stderr,
        )
    config.write_text(f'data_dir = "{tmp_path}"\n[metrics]\nvoice = "127.0.0.1:0"\n')
    with subprocess.Popen(line) as first:
        try:
            until(lambda: read_pids(tmp_path, "voice"), lambda pids: pids == [first.pid])
            ended = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
            assert (1, f"klaroen: voice-0 runs on {tmp_path} already.\n") == (ended.returncode, ended.stderr)
            first.terminate()
            assert 0 == first.wait(60)
        finally:
            first.kill()


def until(look: Callable[[], T], holds: Callable[[T], bool]) -> T:
    deadline = time.monotonic() + 60
    while not holds(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found
