"""The one importer of sqlite3: a connection that speaks of rows, and whose faults have our names.

Law: one connection of one process writes and checkpoints; all others only read. (SQLite before 3.51.3 can corrupt a
file when two connections checkpoint at the same instant.) A full, read-only or failing disk is "not now"; a file that
is not what was written is corrupt; a broken constraint is our own fault; anything else propagates as it is.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from klaroen.core.errors import StoreUnavailableError
from klaroen.store.errors import StoreCorruptError

Synchronous = Literal["FULL", "OFF"]
"""OFF only where time is virtual and nothing need survive the machine."""

BUSY_TIMEOUT_S: Final = 2.0
"""Nobody of ours ever waits for another; a backup or a shell at work on the file does its part in less."""
WAL_PAGES: Final = 500
"""Pages after which a commit also checkpoints, 2 MB: little at once, so that an accept hardly feels it [p99 beside a
full load: 6 ms; with 2,000 pages 17 ms, with 8,000 pages 122 ms]."""
WAL_KEPT_BYTES: Final = 16 * 1024 * 1024
"""A log that some reader let grow is cut back to this when it is next begun anew."""
CACHE_KIB: Final = 2 * 1024
"""Of each connection, five at most; what SQLite takes by default. It fills as the store grows: with 16 MiB memory grew
for days, and the store took no more in a second. What is not in it is in the kernel's cache."""
ROWS_MAX: Final = 64
"""Rows a statement. Every step of a statement gives up the interpreter and waits for it again, up to 5 ms beside a busy
loop: eight rows one by one reached a tenth of the rate of eight in one statement."""
STATEMENTS_MAX: Final = 512
"""Compiled statements kept: each number of rows up to `ROWS_MAX`, for each of the half-dozen that take rows."""

_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,  # somebody's shell holds the write lock
        sqlite3.SQLITE_CANTOPEN,  # no descriptor or no room for the log
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
    }
)
_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY: Final = 0xFF
"""The low byte of an extended result code."""


def _named(error: sqlite3.Error) -> Exception:
    """Return the error by our name. SQLite's words name tables and constraints, never values."""
    if isinstance(error, sqlite3.IntegrityError):
        return AssertionError(str(error))
    primary = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if primary in _UNAVAILABLE:
        return StoreUnavailableError(f"{error} ({error.sqlite_errorname})")
    if primary in _CORRUPT:
        return StoreCorruptError(f"{error} ({error.sqlite_errorname})")
    return error


@lru_cache(maxsize=STATEMENTS_MAX)
def _with_rows(statement: str, row_count: int, column_count: int) -> str:
    row = f"({', '.join('?' * column_count)})"
    return statement.replace(":rows", ", ".join([row] * row_count))


class Connection:
    """Transactions are explicit. Used by one thread at a time, whichever it is.

    Raises, from every method: StoreUnavailableError, StoreCorruptError, AssertionError for a broken constraint.
    """

    def __init__(
        self, path: Path, *, synchronous: Synchronous = "FULL", read_only: bool = False, immutable: bool = False
    ) -> None:
        """`immutable`: to read a file that nobody writes, and leave nothing beside it."""
        mode = "ro&immutable=1" if immutable else "ro" if read_only else "rw"
        try:
            self._sqlite = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode={mode}",
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=STATEMENTS_MAX,
            )
        except sqlite3.Error as error:
            raise _named(error) from error
        pragmas = ["trusted_schema = OFF", "cell_size_check = ON", f"cache_size = -{CACHE_KIB}"]
        if mode == "rw":
            pragmas += [
                "journal_mode = WAL",
                f"synchronous = {synchronous}",
                f"wal_autocheckpoint = {WAL_PAGES}",
                f"journal_size_limit = {WAL_KEPT_BYTES}",
                "foreign_keys = ON",
            ]
        try:
            for pragma in pragmas:
                self.rows(f"PRAGMA {pragma}")
        except BaseException:
            self._sqlite.close()
            raise

    @property
    def in_transaction(self) -> bool:
        return self._sqlite.in_transaction

    def run(self, statement: str, values: Sequence[object] = ()) -> int:
        """Return how many rows it changed."""
        try:
            return self._sqlite.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise _named(error) from error

    def run_rows(self, statement: str, rows: Sequence[Sequence[object]]) -> int:
        """Run a statement in which `:rows` stands for the rows; return how many rows it changed in all."""
        changed = 0
        for start in range(0, len(rows), ROWS_MAX):
            part = rows[start : start + ROWS_MAX]
            text = _with_rows(statement, len(part), len(part[0]))
            changed += self.run(text, [value for row in part for value in row])
        return changed

    def insert(self, statement: str, values: Sequence[object]) -> int:
        """Return the new row's id."""
        try:
            row = self._sqlite.execute(statement, values).lastrowid
        except sqlite3.Error as error:
            raise _named(error) from error
        assert row is not None
        return row

    def script(self, statements: str) -> None:
        """Run statements that bring their own BEGIN and COMMIT."""
        try:
            self._sqlite.executescript(statements)
        except sqlite3.Error as error:
            raise _named(error) from error

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        try:
            return self._sqlite.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise _named(error) from error

    def row(self, statement: str, values: Sequence[object] = ()) -> Any:
        """Return the first row, or None."""
        found = self.rows(statement, values)
        return found[0] if found else None

    def copy_to(self, target: Path, pages: int, copied: Callable[[], None]) -> None:
        """Copy the whole database, as it stands now, into a file; `copied` is called after every so many pages.

        A read transaction holds the state from the first page to the last, whatever is committed meanwhile: without it
        each commit of the writer would begin the copy anew.
        """
        self.run("BEGIN")
        try:
            self.rows("SELECT COUNT(*) FROM sqlite_schema")
            copy = sqlite3.connect(target, isolation_level=None)
            try:
                copy.execute("PRAGMA journal_mode = OFF")  # a copy that breaks off is thrown away
                copy.execute("PRAGMA synchronous = OFF")  # whoever copies makes it durable, at a pace of its own
                self._sqlite.backup(copy, pages=pages, progress=lambda _status, _left, _whole: copied())
            finally:
                copy.close()
        except sqlite3.Error as error:
            raise _named(error) from error
        finally:
            self.run("COMMIT")

    @contextmanager
    def overwriting(self) -> Iterator[None]:
        """What is replaced or deleted meanwhile is overwritten with zeros."""
        before = self.row("PRAGMA secure_delete")[0]
        self.rows("PRAGMA secure_delete = ON")
        try:
            yield
        finally:
            self.rows(f"PRAGMA secure_delete = {before}")

    def empty_log(self) -> bool:
        """Write the log into the file and cut it to nothing; False where a reader is in the way."""
        self.rows("PRAGMA busy_timeout = 0")
        try:
            busy: int = self.row("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        finally:
            self.rows(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
        return busy == 0

    def close(self) -> None:
        """Roll back what is open. The last connection of a file checkpoints it."""
        self._sqlite.close()
