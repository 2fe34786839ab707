"""Where a process spends its time: samples by py-spy, where it is installed.

Law: a sampled run is no measured run; without py-spy, or without the right to look, the answer is None.
"""

import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

RATE_PER_S: Final = 200
"""Five milliseconds: a slice of 250 envelopes is one or two samples."""
DURATION_S_MAX: Final = 120
TOP: Final = 12
STOP_S: Final = 20.0


class Hotspots:
    """Samples while it is entered; `found` afterwards holds the functions in which the time went by themselves."""

    def __init__(self, pid: int, output: Path) -> None:
        self._pid = pid
        self._output = output
        self._sampler: subprocess.Popen[bytes] | None = None
        self.found: list[dict[str, Any]] | None = None

    def __enter__(self) -> Self:
        spy = _py_spy()
        if spy is not None:
            self._sampler = subprocess.Popen(
                [
                    spy, "record", "--pid", str(self._pid), "--rate", str(RATE_PER_S), "--nonblocking", "--function",
                    "--format", "raw", "--duration", str(DURATION_S_MAX), "--output", str(self._output),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        if self._sampler is None:
            return
        self._sampler.send_signal(signal.SIGINT)
        try:
            self._sampler.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._sampler.kill()
            self._sampler.wait()
        if self._output.exists():
            self.found = read_stacks(self._output.read_text())


def _py_spy() -> str | None:
    """Return the sampler beside this Python, or the one on the path."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def read_stacks(raw: str) -> list[dict[str, Any]] | None:
    """Return the functions in which most samples ended, with their share; None without samples.

    Shape: `raw` has a line a stack, its frames divided by ";", then how often it was seen.
    """
    ends: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        if stack:
            ends[stack.rpartition(";")[2]] += int(count)
    total = sum(ends.values())
    if not total:
        return None
    return [{"function": name, "share": round(count / total, 3)} for name, count in ends.most_common(TOP)]
