"""What is SQLite's own: files and their modes, disks that are full, damage, and the log's growth."""

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from klaroen.core.errors import StoreUnavailableError
from klaroen.core.model import CarrierName, Instant
from klaroen.store import open_store
from klaroen.store.connection import WAL_PAGES
from klaroen.store.errors import StoreBusyError, StoreCorruptError
from klaroen.store.sqlite import FILE, SqliteStore
from klaroen.store.writer import transact

SMSC = CarrierName("smsc")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "data")
    yield store
    store.close_connections()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes: a disk that is full for a while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def receive(store: SqliteStore, rows: bytes, now: int = 1) -> int:
    return transact(store, lambda: store.receive(SMSC, rows, Instant(now)))


def test_nobody_else_may_read_the_files(store: SqliteStore, tmp_path: Path) -> None:
    """The directory is 0700, and each file 0600, the log's too."""
    receive(store, b"r")
    directory = tmp_path / "data"
    assert directory.stat().st_mode & 0o777 == 0o700
    files = sorted(directory.iterdir())
    assert [file.name for file in files] == [FILE, f"{FILE}-shm", f"{FILE}-wal", "lock"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_one_process_owns_the_data(store: SqliteStore, tmp_path: Path) -> None:
    """A second owner is told who is first; when the first has closed, the directory is free."""
    with pytest.raises(StoreBusyError, match=str(os.getpid())):
        SqliteStore.open(tmp_path / "data")
    store.close_connections()
    SqliteStore.open(tmp_path / "data").close_connections()


def test_damage_is_named_and_the_directory_let_go(tmp_path: Path) -> None:
    """A file that is no database is refused, and is still there as it was."""
    (tmp_path / FILE).write_bytes(b"no database at all" * 500)
    for _ in range(2):
        with pytest.raises(StoreCorruptError):
            SqliteStore.open(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"no database at all" * 500


def test_a_damaged_page_is_found_before_anybody_needs_it(tmp_path: Path) -> None:
    """A sound store is sound however often it is asked, also while it is written to; one torn page is told."""
    store = SqliteStore.open(tmp_path)
    for _ in range(100):
        receive(store, b"x" * 3000)
    store.check()
    store.close_connections()
    torn = bytearray((tmp_path / FILE).read_bytes())
    page = len(torn) // 4096 - 20
    torn[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    (tmp_path / FILE).write_bytes(torn)
    store = SqliteStore.open(tmp_path)
    with pytest.raises(StoreCorruptError):
        store.check()
    store.close_connections()


def test_a_full_disk_heals_without_a_restart(store: SqliteStore) -> None:
    """While there is no room, nothing is accepted and everything can be read; then the next write works."""
    receive(store, b"before")
    with files_of_at_most(64 * 1024):
        for _ in range(3):
            with pytest.raises(StoreUnavailableError):
                receive(store, bytes(100_000), now=9)
            assert [row.rows for row in store.standing().inbox] == [b"before"]
    receive(store, b"after", now=2)
    standing = store.standing()
    assert [row.rows for row in standing.inbox] == [b"before", b"after"]
    assert standing.last_instant == 2


def test_a_full_disk_in_the_middle_of_a_transaction(store: SqliteStore) -> None:
    """What stood before the work that found the disk full is undone with it."""
    with files_of_at_most(64 * 1024):
        store.begin()
        store.receive(SMSC, b"small", Instant(1))
        store.mark()
        store.receive(SMSC, bytes(100_000), Instant(1))
        with pytest.raises(StoreUnavailableError):
            store.commit()
        store.rollback()
    assert store.standing().inbox == []


def test_the_log_stays_small(store: SqliteStore, tmp_path: Path) -> None:
    """Commits checkpoint as they go, readers let go at once: the log does not grow with the writing."""
    log = tmp_path / "data" / f"{FILE}-wal"
    largest = 0
    for _ in range(60):
        receive(store, bytes(200_000))
        store.standing()
        largest = max(largest, log.stat().st_size)
    assert largest < 2 * WAL_PAGES * 4096 + 200_000


def test_a_sweep_puts_the_log_into_the_file(store: SqliteStore, tmp_path: Path) -> None:
    """In quiet hours a copy of the file alone is nearly whole, and a restart has little to recover."""
    file = tmp_path / "data" / FILE
    before = file.stat().st_size
    receive(store, bytes(200_000))
    assert file.stat().st_size == before
    transact(store, partial(store.sweep, Instant(5)))
    assert file.stat().st_size >= before + 200_000


def test_readers_in_many_threads(store: SqliteStore) -> None:
    """Each reads on its own connection while the writer writes; none sees half a commit."""
    counts: list[bool] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            counts.append(len(store.standing().inbox) % 2 == 0)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        store.begin()
        store.receive(SMSC, b"one", Instant(1))
        store.receive(SMSC, b"two", Instant(1))
        store.commit()
    stop.set()
    for thread in threads:
        thread.join()
    assert counts
    assert all(counts)


def test_a_store_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SQLite only"):
        open_store("postgresql://db/klaroen", tmp_path)
    with pytest.raises(ValueError, match="no store of that kind"):
        open_store("mysql", tmp_path)
    assert list(tmp_path.iterdir()) == []
