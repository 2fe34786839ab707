"""The rows of batches and of their journal, written within the writer's transaction.

Law: fenced: of a batch that has come into another epoch nothing is applied, and who wrote it is told so.
"""

from collections.abc import Iterable, Sequence

from klaroen.core.model import Batch, BatchId
from klaroen.core.records import Entry
from klaroen.store import codec, sql
from klaroen.store.connection import Connection


def put(writing: Connection, batches: Sequence[Batch]) -> None:
    writing.run_rows(sql.PUT_BATCHES, [(batch.id, batch.alert) for batch in batches])
    writing.run_rows(sql.PUT_PLANS, [(batch.id, codec.encode(batch)) for batch in batches])


def advance(writing: Connection, entries: Sequence[Entry], journaled: int) -> frozenset[BatchId]:
    """Apply what a commit says of batches, in journal rows after `journaled`; return the batches fenced off."""
    advances: dict[tuple[BatchId, int], codec.Advance] = {}
    numbers = range(journaled + 1, journaled + 1 + len(entries))
    for number, entry in zip(numbers, entries, strict=True):
        advances[entry.batch, entry.epoch] = codec.advance(entry, number, advances.get((entry.batch, entry.epoch)))
    stale: frozenset[tuple[BatchId, int]] = frozenset()
    if writing.run_rows(sql.ADVANCE, list(advances.values())) != len(advances):
        stale = _stale(writing, advances)
    applied = [(n, e) for n, e in zip(numbers, entries, strict=True) if (e.batch, e.epoch) not in stale]
    writing.run_rows(sql.WRITE, [(number, entry.batch, entry.journal) for number, entry in applied if entry.journal])
    put(writing, [batch for _, entry in applied for batch in entry.successors])
    return frozenset(batch for batch, _ in stale)


def _stale(writing: Connection, named: Iterable[tuple[BatchId, int]]) -> frozenset[tuple[BatchId, int]]:
    """Return those of which the batch has come into another epoch."""
    stale = set()
    for batch, epoch in named:
        row = writing.row(sql.EPOCH, (batch,))
        assert row is not None, f"no batch {batch}"
        if row[0] != epoch:
            stale.add((batch, epoch))
    return frozenset(stale)
