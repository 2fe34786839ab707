"""What is durable: alerts, batches, journals, receipts, tokens and registers."""

from pathlib import Path

from klaroen.store.connection import Synchronous
from klaroen.store.sqlite import SqliteStore
from klaroen.store.writer import WritableStore


def open_store(store: str, data_dir: Path, *, synchronous: Synchronous = "FULL") -> WritableStore:
    """Open the store that the settings name, and own its data directory.

    Raises ValueError for a store that this version does not have; StoreBusyError, SchemaNewerError, StoreCorruptError,
    StoreUnavailableError as the store finds them.
    """
    if store == "sqlite":
        return SqliteStore.open(data_dir, synchronous=synchronous)
    if store.startswith("postgresql:"):
        raise ValueError('store: this version keeps its data in SQLite only; write "sqlite"')
    raise ValueError('store: there is no store of that kind; write "sqlite"')
