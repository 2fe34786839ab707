"""SQLite's faults get our names, and no other."""

import sqlite3
from pathlib import Path

import pytest

from klaroen.core.errors import StoreUnavailableError
from klaroen.store.connection import ROWS_MAX, Connection
from klaroen.store.errors import StoreCorruptError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with one table."""
    path = tmp_path / "a file ?#% é.db"
    path.touch()
    connection = Connection(path)
    connection.run("CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)")
    connection.close()
    return path


def test_a_write_survives_the_machine(path: Path) -> None:
    """WAL and synchronous=FULL: a commit is on disk before it is said."""
    connection = Connection(path)
    assert connection.row("PRAGMA journal_mode")[0] == "wal"
    assert connection.row("PRAGMA synchronous")[0] == 2
    connection.close()


def test_a_full_disk_is_not_now(path: Path) -> None:
    """The transaction is undone, and the next write works when there is room again."""
    connection = Connection(path)
    connection.row("PRAGMA max_page_count = 8")
    connection.run("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="SQLITE_FULL"):
        connection.run("INSERT INTO t (x) VALUES (zeroblob(100000))")
    if connection.in_transaction:
        connection.run("ROLLBACK")
    connection.row("PRAGMA max_page_count = 800")
    assert connection.run("INSERT INTO t (x) VALUES (zeroblob(100000))") == 1
    connection.close()


def test_a_reader_cannot_write(path: Path) -> None:
    """One connection writes; on any other a write is refused by name."""
    writing = Connection(path)
    reading = Connection(path, read_only=True)
    with pytest.raises(StoreUnavailableError, match="SQLITE_READONLY"):
        reading.run("INSERT INTO t (x) VALUES (1)")
    reading.close()
    writing.close()


def test_a_missing_file_is_not_now(tmp_path: Path) -> None:
    """It is never made anew behind our back: an empty store is a lost one."""
    with pytest.raises(StoreUnavailableError, match="SQLITE_CANTOPEN"):
        Connection(tmp_path / "none.db")


def test_what_is_no_database_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreCorruptError, match="SQLITE_NOTADB"):
        Connection(path)


def test_a_damaged_page_is_corrupt(path: Path) -> None:
    """A page that is not what was written is named, never guessed around."""
    connection = Connection(path)
    connection.run_rows("INSERT INTO t (x) VALUES :rows", [(b"x" * 3000,)] * 50)
    connection.close()
    written = bytearray(path.read_bytes())
    written[4096 : 4096 + 4096 * 4] = b"\xa5" * (4096 * 4)
    path.write_bytes(written)
    connection = Connection(path, read_only=True)
    with pytest.raises(StoreCorruptError, match="SQLITE_CORRUPT"):
        connection.rows("SELECT * FROM t")
    connection.close()


def test_a_broken_constraint_is_our_own_fault(path: Path) -> None:
    connection = Connection(path)
    assert connection.insert("INSERT INTO t (id, x) VALUES (?, ?)", (7, b"")) == 7
    with pytest.raises(AssertionError, match=r"UNIQUE constraint failed: t\.id"):
        connection.insert("INSERT INTO t (id, x) VALUES (?, ?)", (7, b""))
    with pytest.raises(AssertionError, match="UNIQUE"):
        connection.script("INSERT INTO t (id) VALUES (7);")
    connection.close()


def test_anything_else_propagates_as_it_is(path: Path) -> None:
    """A statement that is wrong is a bug, and no weather of the disk."""
    connection = Connection(path)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        connection.rows("SELECT * FROM nowhere")
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError):
        connection.rows("SELECT * FROM t")


@pytest.mark.parametrize("row_count", [0, 1, ROWS_MAX, ROWS_MAX + 1, 3 * ROWS_MAX])
def test_many_rows_take_few_statements(path: Path, row_count: int) -> None:
    """All rows are written, however many there are, in their order, and all are counted."""
    connection = Connection(path)
    rows = [(i, b"%d" % i) for i in range(row_count)]
    assert connection.run_rows("INSERT INTO t (id, x) VALUES :rows", rows) == row_count
    assert connection.rows("SELECT id, x FROM t ORDER BY id") == rows
    connection.close()
