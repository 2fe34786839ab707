"""The supervisor's ear, at a real socket: who spoke, by the kernel's word."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from klaroen.pulse import HEARD_MAX, WORD_BYTES, Ear
from klaroen.systemd import ADDRESS, Unit

CHILD = """
import os, sys
from klaroen.systemd import ADDRESS, Unit
Unit({ADDRESS: sys.argv[1]}).alive()
print(os.getpid())
"""


def test_each_who_speaks_is_heard_once(tmp_path: Path) -> None:
    """Two processes, several words; afterwards there is silence."""
    with Ear(tmp_path / "alive.sock") as ear:
        assert ear.heard() == frozenset()
        unit = Unit({ADDRESS: str(ear.path)})
        unit.ready()
        unit.alive()
        told = subprocess.run([sys.executable, "-c", CHILD, str(ear.path)], capture_output=True, check=True).stdout
        assert ear.heard() == {os.getpid(), int(told)}
        assert ear.heard() == frozenset()
        unit.close()


def test_what_it_is_told_costs_a_bounded_time(tmp_path: Path) -> None:
    """Long words are cut, and files that somebody sends along are closed."""
    with Ear(tmp_path / "alive.sock") as ear, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(str(ear.path))
        before = len(os.listdir("/proc/self/fd"))
        socket.send_fds(line, [b"x" * 10 * WORD_BYTES], [line.fileno()])
        assert ear.heard() == {os.getpid()}
        assert len(os.listdir("/proc/self/fd")) == before
        line.setblocking(False)
        sent = 0
        for _ in range(2 * HEARD_MAX):
            try:
                sent += line.send(b"x")
            except BlockingIOError:
                break
        assert sent > 0
        assert ear.heard() == {os.getpid()}


def test_what_a_dead_supervisor_left_is_no_obstacle(tmp_path: Path) -> None:
    """Its socket lies there after a kill -9; afterwards nothing lies there."""
    path = tmp_path / "alive.sock"
    path.touch()
    with Ear(path) as ear:
        assert ear.heard() == frozenset()
    assert not path.exists()
