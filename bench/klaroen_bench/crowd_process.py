"""A crowd in a process of its own, so that it does not keep whoever is measured beside it waiting.

Law: it goes on while its standard input is open, and then counts; it dies with who started it.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from klaroen_bench.crowds import Counts
from klaroen_bench.rig import RigError

END_S: Final = 60.0
"""Until everybody of it has had his last answer."""


class Crowd:
    """Enter it to let the crowd loose; `counts` are what it was answered, once it has been left."""

    def __init__(self, kind: str, people: int, **named: Any) -> None:
        """`kind` is a key of `crowds.KINDS`, `named` are its arguments."""
        self.counts: Counts = Counts()
        self._order: Mapping[str, Any] = {"kind": kind, "people": people, "named": named}

    def __enter__(self) -> Self:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "klaroen_bench.crowds"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps(self._order) + "\n")
        self._popen.stdin.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, trace
        try:
            told, _ = self._popen.communicate(timeout=END_S)  # closes its input first
        finally:
            self._popen.kill()
            self._popen.wait()
        if self._popen.returncode and error is None:
            raise RigError(f"the crowd went wrong: exit {self._popen.returncode}")
        self.counts = Counts(json.loads(told or "{}"))
