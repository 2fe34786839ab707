"""What a kernel does to a process that runs: failing and slow system calls, and limits, each for as long as a block."""

import ctypes
import errno
import os
import resource
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

STRACE = shutil.which("strace")


@contextmanager
def injected(pid: int, calls: str, fault: str) -> Iterator[None]:
    """Have these system calls of a process fail (`error=EIO`) or take longer (`delay_exit=MICROSECONDS`)."""
    if STRACE is None:
        pytest.skip("strace is not installed")
    line = [STRACE, "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:{fault}", "-p", str(pid)]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        attached = strace.stderr.readline()
        assert "attached" in attached, attached
        try:
            yield
        finally:
            strace.terminate()


@contextmanager
def limited(pid: int, limit: int, value: int) -> Iterator[None]:
    """Lower a soft limit of a process that may end meanwhile."""
    before = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (value, before[1]))
    try:
        yield
    finally:
        if Path(f"/proc/{pid}").exists():
            resource.prlimit(pid, limit, before)


PIDFD_GETFD = 438
"""pidfd_getfd(2), for which Python has no name."""


def break_connections(pid: int) -> int:
    """Shut down every connection of a process that leads out of it, under its feet; return how many."""
    libc, process, broken = ctypes.CDLL(None, use_errno=True), os.pidfd_open(pid), 0
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was open a moment ago
            if not os.readlink(one).startswith("socket:"):
                continue
        theirs = libc.syscall(PIDFD_GETFD, process, int(one.name), 0)
        if theirs < 0:
            assert ctypes.get_errno() == errno.EBADF, os.strerror(ctypes.get_errno())
            continue
        with socket.socket(fileno=theirs) as connection:
            unnamed = connection.family == socket.AF_UNIX and not connection.getsockname()
            if unnamed or connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                continue  # within the process, or nobody at its other end
            with suppress(OSError):  # not connected any more
                connection.shutdown(socket.SHUT_RDWR)
                broken += 1
    os.close(process)
    return broken


def descriptors(pid: int) -> int:
    """Return the highest descriptor that a process has open, and one: a limit that leaves it nothing new."""
    return 1 + max(int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir())


def address_space_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
