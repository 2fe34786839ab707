"""Clips on disk: what is spoken, named by its octets.

Law: a file here is whole or absent, and its name is the SHA-256 of what it holds; so a clip is rendered once, whoever
asks for it, and what is played can be compared with what was meant. 8 kHz G.711 A-law, no header: one octet a sample.
"""

import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from klaroen.core.model import ClipId

CLIPS: Final = "clips"
SPOKEN: Final = "spoken"
"""Within it: which clip says a text."""
RATE: Final = 8_000
"""Octets a second."""


class ClipStore:
    """`data_dir/clips`: any process may read and add; nothing is ever changed in place."""

    def __init__(self, data_dir: str | Path) -> None:
        self.directory: Final = Path(data_dir, CLIPS)

    def put(self, octets: bytes) -> ClipId:
        """Keep a clip, durably; one that is there already stays as it is."""
        clip = name_of(octets)
        path = self.path(clip)
        if not path.exists():
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = path.with_name(f".{secrets.token_hex(8)}")  # two threads may make the same clip at once
            with beside.open("wb") as file:
                file.write(octets)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            sync(self.directory)
        return clip

    def read(self, clip: ClipId) -> bytes:
        """Return the octets.

        Raises: FileNotFoundError; ValueError where they are not those that its name promises.
        """
        octets = self.path(clip).read_bytes()
        if name_of(octets) != clip:
            raise ValueError(f"clip {clip} does not hold what its name says")
        return octets

    def touch(self, clip: ClipId) -> bool:
        """Say that a clip is still wanted: its time starts anew. Return whether it is there."""
        try:
            os.utime(self.path(clip))
        except FileNotFoundError:
            return False
        return True

    def sweep(self, before_s: float) -> int:
        """Forget clips that nobody has asked for since then, and which text was said by which; return how many."""
        return remove_older(self.directory, before_s) + remove_older(self.directory / SPOKEN, before_s)

    def path(self, clip: ClipId) -> Path:
        return self.directory / f"{clip}.alaw"

    def remove(self, clip: ClipId) -> None:
        """Forget a clip whose time is over."""
        self.path(clip).unlink(missing_ok=True)


def name_of(octets: bytes) -> ClipId:
    return ClipId(hashlib.sha256(octets).hexdigest())


def remove_older(directory: Path, before_s: float) -> int:
    """Remove what was last wanted before then (seconds since the epoch); return how many files that were."""
    if not directory.exists():
        return 0
    old = [path for path in directory.iterdir() if path.is_file() and path.stat().st_mtime < before_s]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def sync(directory: Path) -> None:
    """Make durable that a file stands in a directory."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def duration_s(octets: bytes) -> float:
    return len(octets) / RATE
