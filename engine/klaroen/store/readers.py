"""Connections for reading: one per thread that reads at this moment, lent for one short transaction each.

Law: a reader sees one state of the store and lets it go at once: a reader held open over 4,000 commits grew the log to
51 MB. A connection that failed is closed, never lent again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from klaroen.store.connection import Connection

IDLE_MAX: Final = 4
"""Connections kept for the next reader; a page cache each. Dispatch reads from few threads."""


class Readers:
    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._lock = Lock()
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """Lend a connection inside a read transaction."""
        with self._lock:
            assert not self._closed, "the store is closed"
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        try:
            connection.run("BEGIN")
            yield connection
            connection.run("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._take_back(connection)

    def _take_back(self, connection: Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close those that are idle now, and each other one when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
