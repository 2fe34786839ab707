"""The store on SQLite: one writing process, one writing thread, and readers that never wait for it.

Law: a write runs inside the transaction that its caller opened, and is durable when `commit` returns. Rows are
inserted once and updated narrowly; whatever belongs to one decision stands in one commit.
SQLite checks each page as it is read; `check` reads them all, which takes 0.7 s a GB or more.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from klaroen.core.audit import Deed, Link
from klaroen.core.books import BookRow
from klaroen.core.errors import StoreUnavailableError
from klaroen.core.model import Alert, AlertClass, AlertId, AlertState, Batch, BatchId, CarrierName, Instant, Token
from klaroen.core.pins import Pin, Tries
from klaroen.core.records import AlertRow, BatchRow, DecreeKind, Entry, IdempotencyKey, Orphan, References, Standing
from klaroen.store import batches, books, codec, pins, replies, sql, tokens, trail
from klaroen.store.connection import Connection, Synchronous
from klaroen.store.errors import StoreCorruptError
from klaroen.store.lock import FILE_MODE, DirectoryLock
from klaroen.store.readers import Readers
from klaroen.store.register_tables import RegisterTables
from klaroen.store.schema import MIGRATIONS, migrate
from klaroen.store.standing import standing_of
from klaroen.store.sweep import sweep
from klaroen.store.texts import Texts

FILE: Final = "klaroen.db"


class SqliteStore:
    """Implements `klaroen.core.records.Store`, and `klaroen.store.writer.Transactional` for its writer."""

    def __init__(self, lock: DirectoryLock, writing: Connection, readers: Readers) -> None:
        self._lock = lock
        self._writing = writing
        self._readers = readers
        self.books = books.Bookshelf(readers, self._at)
        self.replies = replies.Replies(readers, self._at)
        self._journaled: int = writing.row(sql.LAST_JOURNAL)[0]
        """The latest id given to a journal row. An undone transaction leaves a gap, which means nothing."""
        self._written = Instant(writing.row(sql.LAST_INSTANT)[0])
        self._latest = self._written
        """The latest instant of this transaction; `_marked` is what it was at the mark."""
        self._marked: Instant | None = None
        self._afterwards: list[Callable[[], object]] = []
        """What no transaction can hold, for the end of this one."""
        self.register = RegisterTables(self._at, self._resting, self._rows, self._afterwards.append)
        self.texts = Texts(self._at, self._rows)

    @classmethod
    def open(
        cls, directory: Path, *, synchronous: Synchronous = "FULL", migrations: Sequence[str] = MIGRATIONS
    ) -> "SqliteStore":
        """Own the directory, and bring its store to this version.

        Raises StoreBusyError, SchemaNewerError, StoreCorruptError, StoreUnavailableError; OSError where the directory
        cannot be made ours.
        """
        lock = DirectoryLock.take(directory)
        path = directory / FILE
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
            path.chmod(FILE_MODE)
            writing = Connection(path, synchronous=synchronous)
            try:
                migrate(writing, path, migrations)
                return cls(lock, writing, Readers(partial(Connection, path, read_only=True)))
            except BaseException:
                writing.close()
                raise
        except BaseException:
            lock.release()
            raise

    def close_connections(self) -> None:
        """Close everything and give the directory up. What is not committed is undone."""
        self._readers.close()
        self._writing.close()
        self._lock.release()

    def check(self) -> None:
        """Read the whole file. Raises StoreCorruptError where a page is not what SQLite would have written."""
        words = self._row("PRAGMA quick_check(1)")[0]
        if words != "ok":
            raise StoreCorruptError(f"{FILE} is not what was written to it: {words}")

    # --- the writer's transaction -----------------------------------------------------------------------------------

    def begin(self) -> None:
        self._writing.run("BEGIN IMMEDIATE")
        self._marked = None
        self._latest = self._written

    def mark(self) -> None:
        self._writing.run("SAVEPOINT mark")
        self._marked = self._latest

    def undo(self) -> None:
        if self._marked is None:
            self.rollback()
            self.begin()
        else:
            self._writing.run("ROLLBACK TO mark")
            self._latest = self._marked

    def commit(self) -> None:
        if self._latest > self._written:
            self._writing.run(sql.SEE, (self._latest,))
        self._writing.run("COMMIT")
        self._written = self._latest
        while self._afterwards:
            with suppress(StoreUnavailableError):  # the commit stands
                self._afterwards.pop()()

    def rollback(self) -> None:
        if self._writing.in_transaction:  # a full or failing disk makes SQLite undo everything by itself
            self._writing.run("ROLLBACK")

    def _at(self, now: Instant) -> Connection:
        """Return the writing connection; the commit keeps the latest `now`."""
        assert self._writing.in_transaction, "a write outside the writer's transaction"
        if now > self._latest:
            self._latest = now
        return self._writing

    def _resting(self) -> Connection:
        """Return the writing connection, for what no transaction can hold."""
        assert not self._writing.in_transaction, "a file is not rebuilt within a transaction"
        return self._writing

    # --- writes -----------------------------------------------------------------------------------------------------

    def accept(
        self,
        alert: Alert,
        audience: bytes,
        answer: bytes,
        key: IdempotencyKey,
        deed: Deed | None = None,
        beside: Sequence[tuple[Alert, bytes, Deed]] = (),
    ) -> int:
        at = alert.accepted_at
        writing = self._at(at)
        sequence = self._accept(alert, audience, deed)
        writing.run(sql.REMEMBER, (key.token, key.key, at, key.fingerprint, answer))
        for one in beside:
            self._accept(*one)
        return sequence

    def _accept(self, alert: Alert, audience: bytes, deed: Deed | None) -> int:
        sequence = self._writing.insert(sql.ACCEPT, (alert.id, alert.alert_class, alert.begins_as, alert.accepted_at))
        self._writing.run(sql.ACCEPT_ONCE, (sequence, codec.encode(alert), audience))
        if alert.begins_as == "accepted":
            self._begin(alert, alert.accepted_at)
        trail.enter(self._writing, deed)
        return sequence

    def _begin(self, alert: Alert, at: Instant) -> None:
        """Put it in the place of others, and keep whose feedback it is (R18)."""
        for earlier in alert.supersedes:
            self._writing.run(sql.SUPERSEDE, (at, earlier))
        books.link(self._writing, alert)

    def plan(self, alert: AlertId, expanded: int, made: Sequence[Batch], now: Instant) -> None:
        changed = self._at(now).run(sql.EXPAND, (expanded, alert))
        assert changed == 1, f"no alert {alert}"
        batches.put(self._writing, made)

    def claim(
        self, batch: BatchId, epoch: int, owner: str, carrier: CarrierName, cursor: int, reference: int, now: Instant
    ) -> bool:
        return self._at(now).run(sql.CLAIM, (owner, carrier, cursor, reference, batch, epoch)) == 1

    def append(
        self, entries: Sequence[Entry], drained: Sequence[int], matched: Sequence[int], now: Instant
    ) -> frozenset[BatchId]:
        writing = self._at(now)
        stale = batches.advance(writing, entries, self._journaled)
        self._journaled += len(entries)
        if drained:
            writing.run(sql.DRAIN, (codec.numbers(drained),))
        if matched:
            writing.run(sql.MATCH, (codec.numbers(matched),))
        return stale

    def put_orphan(self, orphan: Orphan) -> int:
        return self._at(orphan.at).insert(sql.ORPHAN, (orphan.carrier, orphan.at, orphan.rows))

    def receive(self, carrier: CarrierName, rows: bytes, now: Instant) -> int:
        return self._at(now).insert(sql.RECEIVE, (carrier, now, rows))

    def change(self, alert: AlertId, state: AlertState, now: Instant, deed: Deed | None = None) -> None:
        changed = self._at(now).run(sql.CHANGE, (state, now, alert))
        assert changed == 1, f"no alert {alert}"
        trail.enter(self._writing, deed)

    def release(self, alert: Alert, now: Instant, deed: Deed | None = None) -> None:
        self.change(alert.id, "accepted", now, deed)
        self._begin(alert, now)

    def close(
        self,
        alert: AlertId,
        state: AlertState,
        final: bytes,
        references: Sequence[References],
        now: Instant,
        deed: Deed | None = None,
        kept: Sequence[BookRow] = (),
    ) -> None:
        changed = self._at(now).run(sql.CLOSE, (state, now, final, alert))
        assert changed == 1, f"no open alert {alert}"
        self._writing.run_rows(
            sql.REFER, [(each.batch, now, each.alert, each.carrier, each.hashes, each.rows) for each in references]
        )
        books.put(self._writing, kept)
        trail.enter(self._writing, deed)

    def amend(
        self,
        alert: AlertId,
        final: bytes,
        journal: Sequence[tuple[BatchId, bytes]],
        now: Instant,
        kept: Sequence[BookRow] = (),
    ) -> None:
        changed = self._at(now).run(sql.AMEND, (final, alert))
        assert changed == 1, f"no closed alert {alert}"
        rows = [(number, *entry) for number, entry in enumerate(journal, self._journaled + 1)]
        self._journaled += len(rows)
        self._writing.run_rows(sql.WRITE, rows)
        books.put(self._writing, kept)

    def enter(self, deed: Deed) -> None:
        trail.enter(self._at(deed.at), deed)

    def shorten(self, last: int, deed: Deed) -> None:
        trail.shorten(self._at(deed.at), last, deed)

    def checkpoint(self, make: Callable[[Link], Deed | None], now: Instant) -> None:
        trail.enter_after(self._at(now), make)

    def put_token(self, token: Token, deed: Deed | None = None) -> None:
        tokens.put(self._at(token.created_at), token, deed)

    def revoke_token(self, name: str, deed: Deed | None = None) -> bool:
        return tokens.revoke(self._at(Instant(0)), name, deed)

    def put_pin(self, pin: Pin, deed: Deed | None = None) -> None:
        pins.put(self._at(pin.made_at), pin, deed)

    def revoke_pin(self, officer: str, deed: Deed | None = None) -> bool:
        return pins.revoke(self._at(Instant(0)), officer, deed)

    def put_tries(self, who: str, tries: Tries | None, deed: Deed | None = None) -> None:
        pins.put_tries(self._at(Instant(0) if tries is None else tries.last_at), who, tries, deed)

    def decree(self, kind: DecreeKind, name: str, decree: bytes | None, now: Instant, deed: Deed | None = None) -> None:
        row = (kind, name) if decree is None else (kind, name, decree)
        self._at(now).run(sql.REPEAL if decree is None else sql.DECREE, row)
        trail.enter(self._writing, deed)

    def sweep(self, now: Instant) -> None:
        sweep(self._at(now), now)
        self._afterwards.append(partial(self._writing.row, "PRAGMA wal_checkpoint(PASSIVE)"))

    # --- reads ------------------------------------------------------------------------------------------------------

    def trail(self, after: int, limit: int) -> Sequence[Link]:
        return trail.links(self._rows(sql.TRAIL, (after, limit)))

    def standing(self) -> Standing:
        with self._readers.lend() as reading:
            return standing_of(reading)

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        with self._readers.lend() as reading:
            return reading.rows(statement, values)

    def _row(self, statement: str, values: Sequence[object] = ()) -> Any:
        """Return the first row, or None."""
        with self._readers.lend() as reading:
            return reading.row(statement, values)

    def answer(self, token: str, key: str) -> tuple[bytes, bytes] | None:
        row: tuple[bytes, bytes] | None = self._row(sql.ANSWER, (token, key))
        return row

    def audience(self, alert: AlertId) -> bytes:
        row = self._row(sql.AUDIENCE, (alert,))
        assert row is not None, f"no alert {alert}"
        return bytes(row[0])

    def alert(self, alert: AlertId) -> AlertRow | None:
        row = self._row(sql.ALERT, (alert,))
        return None if row is None else codec.alert_row(row)

    def alerts(
        self, before: int | None, limit: int, classes: Sequence[AlertClass], states: Sequence[AlertState]
    ) -> Sequence[AlertRow]:
        newest = sql.SEQUENCE_MAX if before is None else before
        found = self._rows(sql.alerts(len(classes), len(states)), (newest, *classes, *states, limit))
        return [codec.alert_row(row) for row in found]

    def history(self, alert: AlertId) -> tuple[Sequence[BatchRow], Sequence[tuple[BatchId, bytes]]]:
        with self._readers.lend() as reading:
            batches = [codec.batch_row(row) for row in reading.rows(sql.BATCHES, (alert,))]
            return batches, reading.rows(sql.JOURNAL, (alert,))

    def batch(self, batch: BatchId) -> tuple[BatchRow, Sequence[bytes]] | None:
        with self._readers.lend() as reading:
            for row in reading.rows(sql.BATCH, (batch,)):
                return codec.batch_row(row), [entry for (entry,) in reading.rows(sql.BATCH_JOURNAL, (batch,))]
        return None

    def oldest_orphan(self) -> Instant | None:
        ((oldest,),) = self._rows(sql.OLDEST_ORPHAN)
        return None if oldest is None else Instant(oldest)

    def references(self) -> Iterator[References]:
        after = -1
        while page := self._rows(sql.REFERENCES_AFTER, (after, sql.REFERENCES_PAGE)):
            yield from (codec.references(row) for row in page)
            after = page[-1][0]

    def tokens(self) -> Sequence[Token]:
        return [codec.token(row) for row in self._rows(sql.TOKENS)]

    def decrees(self, kind: DecreeKind) -> Sequence[bytes]:
        return [row[0] for row in self._rows(sql.DECREES, (kind,))]

    def pins(self) -> Sequence[Pin]:
        return [codec.pin(row[0]) for row in self._rows(sql.PINS)]

    def tries(self, who: str) -> Tries | None:
        row = self._row(sql.TRIES, (who,))
        return None if row is None else codec.tries(row[0])
