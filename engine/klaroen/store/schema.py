"""The schema's version, and the way from each version to the next.

Law: a store is at the version of this code or is brought to it in one transaction, all steps or none; a newer one is
refused by name. Step i turns version i into i + 1; an old step is never edited, since stores were made by it.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from klaroen.store.connection import Connection
from klaroen.store.errors import SchemaNewerError, StoreCorruptError

APPLICATION_ID: Final = 0x4B6C6172
"""The bytes "Klar" in the file's header: `file(1)` and we can tell a store from any other SQLite file."""

STEPS: Final = ("schema.sql", *(f"schema_{version}.sql" for version in range(2, 8)))
MIGRATIONS: Final[tuple[str, ...]] = tuple(files("klaroen.store").joinpath(name).read_text("utf-8") for name in STEPS)


def migrate(connection: Connection, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring the store to the latest version.

    Raises SchemaNewerError; StoreCorruptError where the file is a database of somebody else.
    """
    version: int = connection.row("PRAGMA user_version")[0]
    application: int = connection.row("PRAGMA application_id")[0]
    tables: int = connection.row("SELECT COUNT(*) FROM sqlite_schema")[0]
    fresh = version == application == tables == 0
    if not fresh and application != APPLICATION_ID:
        raise StoreCorruptError(f"{path} is a database, but no store of Klaroen")
    if version > len(migrations):
        raise SchemaNewerError(path, version, len(migrations))
    if version == len(migrations):
        return
    steps = "\n".join(migrations[version:])
    stamp = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {len(migrations)};"
    try:
        connection.script(f"BEGIN IMMEDIATE;\n{steps}\n{stamp}\nCOMMIT;")
    finally:
        if connection.in_transaction:
            connection.run("ROLLBACK")
