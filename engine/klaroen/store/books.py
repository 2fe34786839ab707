"""The rows of books and of follow-ups: written within the writer's transaction, read for evaluations.

Law: they stand apart from alerts, so that they outlive them; what is put again takes the place of what was.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from klaroen.core import books
from klaroen.core.books import BookRow, Level, Place
from klaroen.core.model import Alert, AlertId, Instant
from klaroen.store import sql
from klaroen.store.connection import Connection
from klaroen.store.readers import Readers

PAGE: Final = 2_000
"""Rows a read transaction, some 300 bytes each: a reader lets the store go soon."""


def put(writing: Connection, rows: Iterable[BookRow]) -> None:
    writing.run_rows(
        sql.PUT_BOOKS,
        [(*row.place, row.at, row.alert, row.alert_class, row.mode, books.encode(row.book)) for row in rows],
    )


def link(writing: Connection, alert: Alert) -> None:
    """Keep which alerts this one follows, or takes the place of: a correction tells their end, or owes it itself."""
    for earlier in {alert.follows, *alert.supersedes} - {None}:
        writing.run(sql.FOLLOW, (earlier, alert.id))


class Bookshelf:
    """Implements `klaroen.core.records.Books`."""

    def __init__(self, readers: Readers, at: Callable[[Instant], Connection]) -> None:
        self._readers, self._at = readers, at

    def forget(self, before: Instant, limit: int, now: Instant) -> int:
        return self._at(now).run(sql.FORGET_BOOKS, (before, limit))

    def rows(self, level: Level, since: Instant, until: Instant, name: str | None = None) -> Iterator[BookRow]:
        after: tuple[int, str, str] = (since, "", "")  # no alert has an empty id
        statement, named = (sql.BOOKS_AFTER, ()) if name is None else (sql.BOOKS_OF_PLACE_AFTER, (name,))
        while True:
            with self._readers.lend() as reading:
                page = reading.rows(statement, (level, until, *after, *named, PAGE))
            yield from (_row(level, row) for row in page)
            if len(page) < PAGE:
                return
            after = page[-1][:3]

    def book(self, place: Place, at: Instant, alert: AlertId) -> BookRow | None:
        with self._readers.lend() as reading:
            row = reading.row(sql.BOOK, (*place, at, alert))
        return None if row is None else BookRow(place, at, alert, row[0], row[1], books.decode(row[2]))

    def unfollowed(self, since: Instant, until: Instant) -> Sequence[BookRow]:
        with self._readers.lend() as reading:
            return [_row("country", row) for row in reading.rows(sql.UNFOLLOWED, (since, until))]

    def followed(self, alerts: Sequence[str]) -> frozenset[str]:
        with self._readers.lend() as reading:
            return frozenset(alert for alert in alerts if reading.row(sql.FOLLOWED, (alert,)) is not None)


def _row(level: Level, row: tuple[Any, ...]) -> BookRow:
    at, place, alert, alert_class, mode, book = row
    return BookRow(Place(level, place), at, alert, alert_class, mode, books.decode(book))
