"""The data directory belongs to one process."""

import os
from pathlib import Path

import pytest

from klaroen.store.errors import StoreBusyError
from klaroen.store.lock import DirectoryLock


def test_a_second_owner_is_told_who_is_first(tmp_path: Path) -> None:
    """The second dispatch on the same data gives up, and its words name the process that runs."""
    lock = DirectoryLock.take(tmp_path)
    with pytest.raises(StoreBusyError, match=f"process {os.getpid()}") as caught:
        DirectoryLock.take(tmp_path)
    assert caught.value.pid == os.getpid()
    lock.release()


def test_an_owner_that_has_not_written_its_name_yet(tmp_path: Path) -> None:
    """Between locking and writing there is an instant in which nobody can be named."""
    lock = DirectoryLock.take(tmp_path)
    (tmp_path / "lock").write_bytes(b"")
    with pytest.raises(StoreBusyError, match="another process") as caught:
        DirectoryLock.take(tmp_path)
    assert caught.value.pid is None
    lock.release()


def test_a_released_directory_can_be_taken(tmp_path: Path) -> None:
    """Releasing twice does nothing, to the next owner neither."""
    first = DirectoryLock.take(tmp_path)
    first.release()
    second = DirectoryLock.take(tmp_path)
    first.release()
    with pytest.raises(StoreBusyError):
        DirectoryLock.take(tmp_path)
    second.release()


def test_nobody_else_may_look_in(tmp_path: Path) -> None:
    """Directory 0700 and file 0600, also where they stood open before."""
    directory = tmp_path / "a" / "b"
    DirectoryLock.take(directory).release()
    assert directory.stat().st_mode & 0o777 == 0o700
    directory.chmod(0o755)
    (directory / "lock").chmod(0o644)
    DirectoryLock.take(directory).release()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "lock").stat().st_mode & 0o777 == 0o600
