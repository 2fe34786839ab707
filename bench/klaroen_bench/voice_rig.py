"""A voice process by itself, a clip to play, and those whom it calls: a simulated trunk, or SIPp.

Law: dispatch is left out, and stands in the way of nothing: what is measured is the process that makes the calls. It
has a core for itself where there are two; all else shares the other.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from klaroen_bench.asterisk import Asterisk, free_port
from klaroen_bench.processes import CarrierProcess, start_trunk, stop_process
from klaroen_bench.rig import PARENT, RigError

RATE: Final = 8_000
READY_S: Final = 15.0
POLL_S: Final = 0.02
EVERYBODY_ANSWERS: Final = (
    *("--busy=0", "--no-answer=0", "--rejected=0", "--invalid=0", "--fault=0", "--key=0", "--other-key=0"),
    *("--hang-up=0", "--repeated=0", "--talking=0", "--ring-s=0", "--latency-ms=1"),
)
"""So that setup is what the caller makes of it, and nobody rings."""
UAS: Final = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="answers at once, in A-law">
  <recv request="INVITE" crlf="true"/>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio {sink} RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000

  ]]></send>
  <recv request="ACK" optional="true" rtd="true" crlf="true"/>
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

  ]]></send>
  <timewait milliseconds="4000"/>
</scenario>
"""
"""SIPp's own answers in mu-law; what it hears goes to a port that nobody reads."""


class Voice:
    """`klaroen voice`, its configuration beside it."""

    def __init__(self, config: Path, data_dir: Path, process: "subprocess.Popen[bytes]") -> None:
        self.config = config
        self.data_dir = data_dir
        self.process = process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def metrics_port(self) -> int:
        port: int = json.loads((self.data_dir / "run" / "ports.json").read_text())["metrics_voice"]
        return port


def put_clip(data_dir: Path, seconds: float) -> str:
    """Write a clip that is loud, and no packet of which is like another; return its id."""
    octets = b"".join(
        hashlib.shake_128(index.to_bytes(4, "big")).digest(160) for index in range(round(seconds * RATE) // 160)
    )
    name = hashlib.sha256(octets).hexdigest()
    clips = data_dir / "clips"
    clips.mkdir(mode=0o700, parents=True, exist_ok=True)
    (clips / f"{name}.alaw").write_bytes(octets)
    return name


def write_config(directory: Path, carriers: str) -> Path:
    """Write a configuration whose ports are picked; `carriers` are its `[[carrier]]` sections."""
    config = directory / "klaroen.toml"
    config.write_text(
        f'data_dir = "{directory / "data"}"\n[edge]\nlisten = "127.0.0.1:0"\n'
        '[metrics]\nedge = "127.0.0.1:0"\ndispatch = "127.0.0.1:0"\nvoice = "127.0.0.1:0"\n' + carriers
    )
    return config


def sip_carrier(name: str, port: int, lines: int, *, probe: bool = True) -> str:
    return (
        f'[[carrier]]\nname = "{name}"\nkind = "sip"\nchannels = ["voice", "tts"]\nhost = "127.0.0.1"\nport = {port}\n'
        f"calls_per_s = 1000.0\nlines = {lines}\nprobe = {str(probe).lower()}\n"
    )


def asterisk_carrier(name: str, asterisk: Asterisk, lines: int) -> str:
    return (
        f'[[carrier]]\nname = "{name}"\nkind = "asterisk"\nchannels = ["voice", "tts"]\nurl = "{asterisk.url}"\n'
        f'user = "klaroen"\npassword_file = "{asterisk.password_file}"\ncalls_per_s = 1000.0\nlines = {lines}\n'
    )


@contextmanager
def voice_process(directory: Path, carriers: str) -> Iterator[Voice]:
    """Run `klaroen voice` until the block ends. Raises RigError."""
    config, data_dir = write_config(directory, carriers), directory / "data"
    with (directory / "voice.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "klaroen", "--config", str(config), "voice"],
            stdout=log,
            stderr=log,
            env={**os.environ, PARENT: str(os.getpid())},
        )
    voice = Voice(config, data_dir, process)
    try:
        until = time.monotonic() + READY_S
        while not (data_dir / "run" / "voice.pid").exists():
            if process.poll() is not None or time.monotonic() > until:
                raise RigError(f"klaroen voice is not ready: {(directory / 'voice.log').read_text()[-2000:]}")
            time.sleep(POLL_S)
        yield voice
    finally:
        stop_process(process)


@contextmanager
def simulated_trunk(directory: Path, lines: int) -> Iterator[CarrierProcess]:
    ledger = directory / "trunk.ledger"
    with start_trunk(ledger, *EVERYBODY_ANSWERS, f"--lines={lines}", log=directory / "trunk.log") as trunk:
        yield trunk


def has_sipp() -> bool:
    return shutil.which("sipp") is not None


@contextmanager
def sipp_callee(directory: Path) -> "Iterator[tuple[int, subprocess.Popen[bytes]]]":
    """Run SIPp as one who answers all calls; give its port and process. Raises RigError."""
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    sink.bind(("127.0.0.1", 0))
    scenario = directory / "uas.xml"
    scenario.write_text(UAS.replace("{sink}", str(sink.getsockname()[1])))
    port = free_port(socket.SOCK_DGRAM)
    with sink, (directory / "sipp.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *("sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1"),
                *("-nostdin", "-trace_err", "-max_socket", "1000"),
            ],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield port, process
        finally:
            stop_process(process)


def pin(pid: int, core: int) -> None:
    """Let all threads of a process run on one core alone, if there are two."""
    if (os.cpu_count() or 1) < 2:
        return
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {core})
