"""A store is brought to this version, or refused by name."""

import sqlite3
from pathlib import Path

import pytest

from klaroen.core.model import CarrierName, Instant
from klaroen.store.errors import SchemaNewerError, StoreCorruptError
from klaroen.store.schema import MIGRATIONS
from klaroen.store.sqlite import FILE, SqliteStore
from klaroen.store.writer import transact

LATER = (*MIGRATIONS, "CREATE TABLE second (x);", "ALTER TABLE second ADD COLUMN y; INSERT INTO second VALUES (1, 2);")
"""Two versions that are to come."""


def look(directory: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(directory / FILE)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_a_fresh_store_is_of_this_version(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path).close_connections()
    assert look(tmp_path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert look(tmp_path, "PRAGMA quick_check") == [("ok",)]


def test_an_older_store_takes_every_step(tmp_path: Path) -> None:
    """What it holds stays; each step between its version and ours is taken once."""
    store = SqliteStore.open(tmp_path)
    transact(store, lambda: store.receive(CarrierName("smsc"), b"kept", Instant(1)))
    store.close_connections()
    for _ in range(2):
        store = SqliteStore.open(tmp_path, migrations=LATER)
        assert [row.rows for row in store.standing().inbox] == [b"kept"]
        store.close_connections()
    assert look(tmp_path, "PRAGMA user_version") == [(len(LATER),)]
    assert look(tmp_path, "SELECT * FROM second") == [(1, 2)]


def test_a_step_that_fails_leaves_the_older_version(tmp_path: Path) -> None:
    """All steps or none: the store that an older Klaroen wrote can still be opened by it."""
    SqliteStore.open(tmp_path).close_connections()
    broken = (*MIGRATIONS, "CREATE TABLE second (x);", "INSERT INTO nowhere VALUES (1);")
    with pytest.raises(sqlite3.OperationalError):
        SqliteStore.open(tmp_path, migrations=broken)
    assert look(tmp_path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert look(tmp_path, "SELECT name FROM sqlite_schema WHERE name = 'second'") == []
    SqliteStore.open(tmp_path).close_connections()


def test_a_newer_store_is_refused_by_name(tmp_path: Path) -> None:
    """An older Klaroen would lose what it does not know of; it says both versions, and lets the directory go."""
    SqliteStore.open(tmp_path, migrations=LATER).close_connections()
    words = rf"schema version {len(LATER)}; this Klaroen knows versions up to {len(MIGRATIONS)}"
    with pytest.raises(SchemaNewerError, match=words) as caught:
        SqliteStore.open(tmp_path)
    assert (len(LATER), len(MIGRATIONS)) == (caught.value.found, caught.value.known)
    SqliteStore.open(tmp_path, migrations=LATER).close_connections()


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StoreCorruptError, match="no store of Klaroen"):
        SqliteStore.open(tmp_path)
    assert look(tmp_path, "SELECT name FROM sqlite_schema") == [("theirs",)]
