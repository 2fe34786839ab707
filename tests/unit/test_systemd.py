"""What systemd hears, at a real socket of the kind that it listens at."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from klaroen.systemd import ADDRESS, Unit


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_each_word_is_a_datagram(kind: str, tmp_path: Path) -> None:
    """sd_notify(3): at a path, or at an abstract address, which is written with an @."""
    name = str(tmp_path / "notify") if kind == "file" else f"@klaroen-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(name.replace("@", "\0"))
        unit = Unit({ADDRESS: name})
        unit.ready()
        unit.alive()
        unit.stopping()
        unit.close()
        assert [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"] == [heard.recv(100) for _ in range(3)]


def test_whoever_does_not_listen_disturbs_nobody(tmp_path: Path) -> None:
    """A socket that is gone, or whose queue is full, costs a word and no time."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(path))
        unit = Unit({ADDRESS: str(path)})
        for _ in range(2_000):
            unit.alive()
        deaf.setblocking(False)
        heard = []
        with suppress(BlockingIOError):
            while words := deaf.recv(100):
                heard.append(words)
        assert 0 < len(heard) < 2_000
    path.unlink()
    unit.alive()
    unit.close()
    unit.alive()


def test_without_systemd_nothing_is_said() -> None:
    """`klaroen serve` in a shell."""
    assert not Unit({}).listening
    Unit({}).ready()
