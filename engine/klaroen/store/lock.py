"""The data directory's lock, which is the lease on everything in it: a slow disk cannot fence its owner.

Law: the kernel frees it with the process, however that ends; the file stays, and says who holds it. It is never
deleted, since a lock on a deleted file locks nobody out.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

from klaroen.store.errors import StoreBusyError

NAME: Final = "lock"
DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600


class DirectoryLock:
    """Held from `take` until `release`, or until the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, directory: Path) -> "DirectoryLock":
        """Make the directory where it is missing, close it to others, and own it.

        Raises StoreBusyError, naming the owner. Raises OSError where the directory cannot be made ours.
        """
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        if directory.stat().st_mode & 0o777 != DIRECTORY_MODE:
            directory.chmod(DIRECTORY_MODE)
        descriptor = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _pid(os.pread(descriptor, 20, 0))
            os.close(descriptor)
            raise StoreBusyError(directory, owner) from None
        os.fchmod(descriptor, FILE_MODE)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the directory up; a second time does nothing."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _pid(written: bytes) -> int | None:
    """Return the pid, or None in the instant between an owner's lock and its writing."""
    text = written.strip()
    return int(text) if text.isdigit() else None
