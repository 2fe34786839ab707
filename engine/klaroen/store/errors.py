"""What can be wrong with a store beyond "not now", named so that an operator knows what to do.

"Not now" is `StoreUnavailableError` of the core: it heals by itself. None of these does.
"""

from pathlib import Path


class StoreBusyError(Exception):
    """Another process owns the data directory: one alone may write it (law 2)."""

    def __init__(self, directory: Path, pid: int | None) -> None:
        self.directory = directory
        self.pid = pid
        owner = "another process" if pid is None else f"process {pid}"
        super().__init__(f"{directory} belongs to {owner}, which still runs")


class SchemaNewerError(Exception):
    """A later version of Klaroen wrote the store: this one would lose what it does not know of."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        self.found = found
        self.known = known
        super().__init__(f"{path} has schema version {found}; this Klaroen knows versions up to {known}")


class StoreCorruptError(Exception):
    """The file is not what was written to it, or is no store of ours: restore a backup; nothing is guessed."""
