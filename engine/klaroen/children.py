"""The supervisor's hold on the system: starting children, hearing of their deaths, and not outliving each other.

Law: a child asks the kernel to be told of its parent's death (PR_SET_PDEATHSIG), and looks once more whether the parent
is still there, since it may have died before the asking.
"""

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from klaroen.rundir import HeldError, hold

PARENT: Final = "KLAROEN_SUPERVISOR"
"""In a child's environment: the pid that it must not outlive."""
VOICE_SIGN: Final = "-"
"""Between a role and which of its processes this is."""
PR_SET_PDEATHSIG: Final = 1
"""prctl(2)."""
STOP: Final = (signal.SIGTERM, signal.SIGINT)
WAKE_BYTES_MAX: Final = 4096
"""Read at once: a byte a signal; what is left wakes once more."""


class AlreadyRunningError(Exception):
    """Another supervisor has this data directory."""


def command(role: str, config: Path | None) -> list[str]:
    """Return the command line of a role, which names it."""
    chosen = [] if config is None else ["--config", str(config)]
    name, _, worker = role.partition(VOICE_SIGN)
    return [sys.executable, "-m", "klaroen", name, *(["--worker", worker] if worker else []), *chosen]


def voice_role(worker: int) -> str:
    """Return the role of a voice process: `voice`, `voice-1`, `voice-2` ..."""
    return f"voice{VOICE_SIGN}{worker}" if worker else "voice"


def spawn(line: Sequence[str], environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a child that ends with this process."""
    return subprocess.Popen(line, env={**environ, PARENT: str(os.getpid())})


def end_with_parent(environ: Mapping[str, str]) -> None:
    """Get SIGTERM when the supervisor dies, if there is one; called by a child before anything else."""
    parent = environ.get(PARENT)
    if parent is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != int(parent):
        raise SystemExit(1)


def end_without_memory() -> None:
    """From now on, end this process where a thread has ended for want of memory.

    Whoever waits for such a thread waits for ever, and the process with him; one that has ended is started again. Where
    not even this can be called any more, only a watchdog helps (WatchdogSec of the units).
    """
    before, before_in_thread = sys.unraisablehook, threading.excepthook

    def unraisable(told: "sys.UnraisableHookArgs") -> None:
        if issubclass(told.exc_type, MemoryError):
            os._exit(os.EX_OSERR)
        before(told)

    def in_thread(told: threading.ExceptHookArgs) -> None:
        if issubclass(told.exc_type, MemoryError):
            os._exit(os.EX_OSERR)
        before_in_thread(told)

    sys.unraisablehook, threading.excepthook = unraisable, in_thread


@contextmanager
def only_one(data_dir: str | Path) -> Iterator[None]:
    """Keep a second supervisor from the same data directory.

    Raises AlreadyRunningError.
    """
    try:
        with hold(data_dir, "serve"):
            yield
    except HeldError:
        raise AlreadyRunningError(f"{data_dir} is served by another process already") from None


class ProcessSignals:
    """SIGTERM and SIGINT say stop; SIGCHLD only wakes."""

    def __init__(self, woken: socket.socket) -> None:
        self.stopping = False
        self._woken = woken

    def wait(self, seconds: float | None) -> None:
        """A signal that came before the sleep left its byte, so that none is slept through."""
        if select.select([self._woken], [], [], seconds)[0]:
            self._woken.recv(WAKE_BYTES_MAX)

    def stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def wake(self, _number: int, _frame: FrameType | None) -> None:
        """The byte says it all; a handler there must be, or the kernel sends none."""


@contextmanager
def listening_to_signals() -> Iterator[ProcessSignals]:
    """Take this process's signals until the end of the block."""
    woken, waking = socket.socketpair()
    with woken, waking:
        waking.setblocking(False)
        heard = ProcessSignals(woken)
        handlers = dict.fromkeys(STOP, heard.stop) | {signal.SIGCHLD: heard.wake}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        descriptor = signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        try:
            yield heard
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)
