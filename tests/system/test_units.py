"""The systemd units: sound, hardened, and told the truth by the processes that they start."""

import ctypes
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "config" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
EXPOSURE_MAX = 2.0
WAIT_S = 40.0
"""Two busy cores start three Pythons within ten seconds."""
SILENT_S = 2.5
"""A loop that turns speaks every second."""
PR_SET_MDWE = 65
"""prctl(2)."""
SERVICE = {"edge": "klaroen-edge", "dispatch": "klaroen-dispatch", "voice": "klaroen-voice@", "serve": "klaroen"}
CONFIGURATION = """
data_dir = "{directory}/data"
[edge]
listen = "127.0.0.1:0"
[metrics]
edge = "127.0.0.1:0"
dispatch = "127.0.0.1:0"
voice = "127.0.0.1:0"
[[carrier]]
name = "trunk"
kind = "sip"
channels = ["voice", "tts"]
host = "127.0.0.1"
port = 9
probe = false
"""
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def instance(name: str) -> str:
    """A template is looked at as one of its units."""
    return name.replace("@.", "@0.")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that is there in the place of ours."""
    for path in UNITS.iterdir():
        text = path.read_text().replace("/opt/klaroen/bin/klaroen", sys.executable)
        (tmp_path / path.name).write_text(text)
    return tmp_path


@needs_systemd
def test_units_are_what_systemd_understands(units: Path) -> None:
    """Every key, every value, and whatever they name of each other."""
    names = [units / instance(path.name) for path in sorted(UNITS.iterdir())]
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *names],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{units}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (verified.returncode, verified.stderr)


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_units_are_hardened(name: str) -> None:
    """`systemd-analyze security` finds next to nothing that could be taken away still."""
    line = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNITS / name)]
    told = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert found is not None, told
    assert float(found[1]) <= EXPOSURE_MAX, told


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_starts_a_command_that_there_is(name: str) -> None:
    """With the options in the places where it takes them."""
    [line] = re.findall(r"(?m)^ExecStart=\S+ (.*)$", (UNITS / name).read_text())
    words = line.replace("%i", "0").split()
    asked = subprocess.run([sys.executable, "-m", "klaroen", *words, "--help"], capture_output=True, check=False)
    assert asked.returncode == 0, asked.stdout


def confine() -> None:
    """As MemoryDenyWriteExecute=yes does, where the kernel knows how (Linux 6.3): engines and callbacks may need it."""
    ctypes.CDLL(None).prctl(PR_SET_MDWE, 1, 0, 0, 0)


class Started:
    """A process as systemd starts it, and what is heard of it; from whom, the kernel says."""

    def __init__(self, command: str, config: Path, notify: Path) -> None:
        self.command = command
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(str(notify))
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        words = [sys.executable, "-m", "klaroen", "--config", str(config), command]
        unit = (UNITS / f"{SERVICE[command]}.service").read_text()
        self.process = subprocess.Popen(
            words,
            env=os.environ | {"NOTIFY_SOCKET": str(notify)},
            preexec_fn=confine if "MemoryDenyWriteExecute=yes" in unit else None,
        )

    def hear(self, seconds: float = WAIT_S) -> str:
        """Return the next words; only the process itself may speak. Raises TimeoutError."""
        self._line.settimeout(seconds)
        words, ancillary, _, _ = self._line.recvmsg(1024, socket.CMSG_SPACE(12))
        [(_, _, credentials)] = ancillary
        assert self.process.pid == struct.unpack("3i", credentials)[0]
        return words.decode()

    def wait(self, words: str) -> None:
        """Until it says so; meanwhile it may say that it lives."""
        while (heard := self.hear()) != words:
            assert heard == "WATCHDOG=1", f"{self.command}: {heard}"

    def drain(self) -> None:
        """Hear what was said before."""
        with suppress(BlockingIOError):
            while self.hear(0):
                pass

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._line.close()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Started]]:
    """The three on one data directory, as under the target; and all in one, on another."""
    running: list[Started] = []
    try:
        for command in SERVICE:
            config = tmp_path / f"{command}.toml"
            config.write_text(CONFIGURATION.format(directory=tmp_path / ("one" if command == "serve" else "three")))
            running.append(Started(command, config, tmp_path / f"{command}.notify"))
        yield running
    finally:
        for each in running:
            each.end()


def test_systemd_hears_that_they_serve_that_their_loops_turn_and_that_they_stop(started: list[Started]) -> None:
    """From the process that was started and no other; and nothing while its loop stands still."""
    for each in started:
        each.wait("READY=1")
        each.wait("WATCHDOG=1")
    for each in started:
        each.process.send_signal(signal.SIGSTOP)
    for each in started:
        os.waitid(os.P_PID, each.process.pid, os.WSTOPPED | os.WNOWAIT)
        each.drain()
    for each, patience_s in zip(started, (SILENT_S, 0, 0, 0), strict=True):
        with pytest.raises((TimeoutError, BlockingIOError)):
            each.hear(patience_s)
    for each in started:
        each.process.send_signal(signal.SIGCONT)
    for each in started:
        each.wait("WATCHDOG=1")
        each.process.terminate()
    for each in started:
        each.wait("STOPPING=1")
        assert each.process.wait(WAIT_S) == 0
