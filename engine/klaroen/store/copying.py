"""A copy of the store while it is written, and what is done to a copy before it becomes the store.

Law: a copy is one state of the store, whole and durable, or no copy. It reads beside the writer, through a connection
of its own, and writes so little at once that the writer's next fsync hardly waits for it.
"""

import os
import time
from pathlib import Path
from typing import Final

from klaroen.core.audit import Deed
from klaroen.core.model import Instant
from klaroen.store import sql, trail
from klaroen.store.connection import Connection
from klaroen.store.errors import SchemaNewerError, StoreCorruptError
from klaroen.store.schema import APPLICATION_ID, MIGRATIONS
from klaroen.store.sqlite import FILE, SqliteStore

SLICE_PAGES: Final = 256
"""1 MiB at once: a disk of 100 MB/s takes 10 ms for it, as long as the writer's own worst commits."""
REST_S: Final = 0.01
"""Between two slices: the disk is the writer's for at least half of the time."""


def copy_store(data_dir: Path, target: Path) -> None:
    """Copy the store of a data directory, which may be written meanwhile, into a file that is not there yet.

    Raises StoreUnavailableError, StoreCorruptError; OSError where the file cannot be written.
    """
    with open(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "rb") as file:

        def settle() -> None:
            os.fdatasync(file.fileno())
            time.sleep(REST_S)

        source = Connection(data_dir / FILE, read_only=True)
        try:
            source.copy_to(target, SLICE_PAGES, settle)
        finally:
            source.close()
        os.fsync(file.fileno())


def check_copy(path: Path) -> int:
    """Return the schema version of a copy, all of whose pages are what SQLite would write.

    Raises StoreCorruptError; SchemaNewerError where a later Klaroen wrote it.
    """
    copy = Connection(path, immutable=True)
    try:
        version: int = copy.row("PRAGMA user_version")[0]
        if copy.row("PRAGMA application_id")[0] != APPLICATION_ID:
            raise StoreCorruptError(f"{path} is no store of Klaroen")
        if version > len(MIGRATIONS):
            raise SchemaNewerError(path, version, len(MIGRATIONS))
        words = copy.row("PRAGMA quick_check(1)")[0]
        if words != "ok":
            raise StoreCorruptError(f"{path} is not what was written: {words}")
        return version
    finally:
        copy.close()


def mark_restored(directory: Path, deed: Deed, now: Instant) -> int:
    """Bring the store in a directory to this version, and say in it that it comes from a backup; return open alerts.

    What is open there may have gone on elsewhere after the backup: dispatch marks whatever of it leaves from now on as
    a possible duplicate, and cold messages wait for an operator.
    Raises as `SqliteStore.open`.
    """
    SqliteStore.open(directory).close_connections()
    connection = Connection(directory / FILE)
    try:
        connection.run("BEGIN IMMEDIATE")
        connection.run(sql.RESTORED)
        connection.run(sql.HOLD, (now,))
        trail.enter(connection, deed)
        count: int = connection.row(sql.OPEN_COUNT)[0]
        connection.run("COMMIT")
    finally:
        connection.close()
    return count
