"""Starting, commanding, measuring and stopping the processes of a demonstration or a benchmark.

Law: blocking and free of threads: call it plainly, or from trio through `trio.to_thread.run_sync`. Who starts a process
holds its standard input; when the holder dies, the input ends and the process stops by itself.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Final, NamedTuple, Self

READY_S: Final = 15.0
"""A cold Python with uvloop starts in 0.2 s; two busy cores and a cold disk can make that some seconds."""
ANSWER_S: Final = 10.0
STOP_S: Final = 5.0
LINE_BYTES_MAX: Final = 1 << 20
CLOCK_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class ProcessError(Exception):
    """A process did not start, did not answer or said that it cannot."""


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used, user and system, all its threads; to 10 ms.

    Raises ProcessLookupError.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError as gone:
        raise ProcessLookupError(pid) from gone
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S


def peak_rss_mb(pid: int) -> float:
    """Return the most memory that a process has held, in MB.

    Raises ProcessLookupError.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError as gone:
        raise ProcessLookupError(pid) from gone
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


class Finished(NamedTuple):
    """A command that has ended: its exit code, what it said, and the most memory that it held."""

    code: int
    out: str
    err: str
    peak_rss_mb: float


def run_weighed(command: Sequence[str]) -> Finished:
    """Run a command to its end."""
    with TemporaryFile() as out, TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Finished(process.returncode, out.read().decode(), err.read().decode(), used.ru_maxrss / 1024)


class CarrierProcess:
    """A simulated carrier that runs: `ready` is the line that it said, `port` where it listens."""

    def __init__(self, module: str, arguments: Sequence[str], *, log: Path | None = None) -> None:
        """Start `python -m module arguments` and wait until it is ready.

        Raises ProcessError if it ends or stays mute for `READY_S`; what it wrote to `log` says why.
        """
        self._log: IO[bytes] | None = None if log is None else log.open("ab")
        self._popen = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )
        self._rest = b""
        self.pid = self._popen.pid
        try:
            self.ready = self._line(READY_S)
        except ProcessError:
            self.kill()
            raise
        self.port = int(self.ready["port"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self.stop()

    def command(self, command: Mapping[str, object]) -> dict[str, Any]:
        """Send one command and return its answer.

        Raises ProcessError if the carrier does not answer, or answers with an error.
        """
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(json.dumps(command).encode() + b"\n")
        except BrokenPipeError as gone:
            raise ProcessError("the process has ended") from gone
        answer = self._line(ANSWER_S)
        if "error" in answer:
            raise ProcessError(answer["error"])
        return answer

    def counters(self) -> dict[str, int]:
        return {name: int(count) for name, count in self.command({"do": "counters"})["counters"].items()}

    def cpu_s(self) -> float:
        return cpu_s(self.pid)

    def peak_rss_mb(self) -> float:
        return peak_rss_mb(self.pid)

    def stop(self) -> dict[str, Any] | None:
        """Stop it, its ledger flushed; return its last answer (counters, cpu_s, peak_rss_mb), None if it had ended."""
        last: dict[str, Any] | None = None
        if self._popen.poll() is None:
            try:
                last = self.command({"do": "stop"})
                self._close_pipes()
                self._popen.wait(STOP_S)
            except (ProcessError, subprocess.TimeoutExpired):
                self._popen.kill()
        self.kill()
        return last

    def kill(self) -> None:
        """End it as a power cut would."""
        self._close_pipes()
        self._popen.kill()
        self._popen.wait()

    def _close_pipes(self) -> None:
        for pipe in (self._popen.stdin, self._popen.stdout, self._log):
            if pipe is not None:
                pipe.close()

    def _line(self, seconds: float) -> dict[str, Any]:
        pipe = self._popen.stdout
        assert pipe is not None
        until = time.monotonic() + seconds
        while b"\n" not in self._rest:
            readable, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
            if not readable:
                raise ProcessError(f"no word in {seconds:g} s")
            chunk = os.read(pipe.fileno(), 65536)
            if not chunk or len(self._rest) > LINE_BYTES_MAX:
                raise ProcessError("the process ended or is not a carrier")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ProcessError("the process is not a carrier")
        return answer


def stop_process(process: "subprocess.Popen[bytes]", seconds: float = 10.0) -> None:
    """End a process by SIGTERM, and by force after so long."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def start_smsc(ledger: Path, *arguments: str, log: Path | None = None) -> CarrierProcess:
    return CarrierProcess("klaroen_bench.carriers.smsc", ["--ledger", str(ledger), *arguments], log=log)


def start_gateway(ledger: Path, *arguments: str, log: Path | None = None) -> CarrierProcess:
    return CarrierProcess("klaroen_bench.carriers.gateway", ["--ledger", str(ledger), *arguments], log=log)


def start_relay(ledger: Path, *arguments: str, log: Path | None = None) -> CarrierProcess:
    return CarrierProcess("klaroen_bench.carriers.relay", ["--ledger", str(ledger), *arguments], log=log)


def start_trunk(ledger: Path, *arguments: str, log: Path | None = None) -> CarrierProcess:
    return CarrierProcess("klaroen_bench.carriers.trunk", ["--ledger", str(ledger), *arguments], log=log)
