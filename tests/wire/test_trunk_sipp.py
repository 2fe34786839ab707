"""The simulated trunk against SIPp as its caller: its SIP, its digest and its ear are not only of our own opinion."""

import random
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from klaroen_bench.carriers.call import Record
from klaroen_bench.carriers.ledger import CALL, SOUND, LedgerReader
from klaroen_bench.processes import start_trunk

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed"),
]

SCENARIO = Path(__file__).with_name("peers") / "sipp_caller.xml"
CALLS = 10
CLIP = random.Random(5).randbytes(8_000)
ENDED_S = 120.0


@pytest.mark.parametrize("transport", ["u1", "t1"], ids=["udp", "tcp"])
def test_every_call_of_sipp_is_heard_octet_for_octet(transport: str, tmp_path: Path) -> None:
    """Challenged (by MD5: it knows no better), rung, answered, played to, hung up on; ten calls at once."""
    numbers = [f"3247000000{index}" for index in range(CALLS)]
    (tmp_path / "clip.alaw").write_bytes(CLIP)
    lines = "".join(f"{number};[authentication username=klaroen password=secret]\n" for number in numbers)
    (tmp_path / "numbers.csv").write_text("SEQUENTIAL\n" + lines)
    (tmp_path / "password").write_text("secret\n")
    trunk = start_trunk(
        tmp_path / "trunk",
        *("--busy=0", "--no-answer=0", "--rejected=0", "--invalid=0", "--fault=0", "--key=0", "--other-key=0"),
        *("--hang-up=1", "--hang-up-s=6", "--ring-s=0.1:0.3", "--talking=0.5"),
        *("--password-file", str(tmp_path / "password"), "--algorithm=MD5"),
        log=tmp_path / "log",
    )
    with trunk:
        here = ("-i", "127.0.0.1", "-mi", "127.0.0.1", "-t", transport, "-nostdin", "-timeout", "60s")
        call = ("-sf", str(SCENARIO), "-inf", "numbers.csv", "-m", str(CALLS), "-r", "20", "-trace_err")
        done = subprocess.run(
            ["sipp", *call, *here, f"127.0.0.1:{trunk.port}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=ENDED_S,
        )
        assert 0 == done.returncode, "".join(path.read_text() for path in tmp_path.glob("*errors.log"))
    sounds: dict[int, bytes] = {}
    records: dict[str, Record] = {}
    for entry in LedgerReader(tmp_path / "trunk"):
        if entry.kind == SOUND:
            sound = int.from_bytes(entry.body[:4], "little")
            sounds[sound] = sounds.get(sound, b"") + entry.body[4:]
        elif entry.kind == CALL:
            records[entry.number.decode()] = msgspec.json.decode(entry.body, type=Record)
    assert numbers == sorted(records)
    for record in records.values():
        assert ("hung up", "callee", 0, 0) == (record.end, record.by, record.missing, record.again)
        assert CLIP == b"".join(sounds[sound][at : at + size] for sound, at, size in record.stretches)
