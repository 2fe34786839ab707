"""Rows of the store as records of the core, and back."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from klaroen.core.model import Alert, Batch, Token
from klaroen.core.pins import Pin, Tries
from klaroen.core.records import AlertRow, BatchRow, Entry, InboxRow, Orphan, References

_alert: Final = msgspec.msgpack.Decoder(Alert)
_batch: Final = msgspec.msgpack.Decoder(Batch)
_token: Final = msgspec.msgpack.Decoder(Token)
pin: Final = msgspec.msgpack.Decoder(Pin).decode
tries: Final = msgspec.msgpack.Decoder(Tries).decode
encode: Final = msgspec.msgpack.Encoder().encode

Row = Sequence[Any]
"""As the statement of the same name in `sql` selects it."""
Advance = tuple[str, int, bytes | None, int | None, int, int]
"""A row of `sql.ADVANCE`: state, cursor, snapshot, latest journal row that it folds, batch, epoch."""


def alert_row(row: Row) -> AlertRow:
    sequence, alert, state, changed_at, expanded, final = row
    return AlertRow(sequence, _alert.decode(alert), state, changed_at, expanded, final)


def batch_row(row: Row) -> BatchRow:
    plan, state, epoch, owner, carrier, cursor, reference, snapshot = row
    return BatchRow(_batch.decode(plan), state, epoch, owner, carrier, cursor, reference, snapshot)


def inbox_row(row: Row) -> InboxRow:
    return InboxRow(*row)


def orphan_row(row: Row) -> tuple[int, Orphan]:
    return row[0], Orphan(*row[1:])


def references(row: Row) -> References:
    return References(*row)


def token(row: Row) -> Token:
    return _token.decode(row[0])


def advance(entry: Entry, number: int, earlier: Advance | None) -> Advance:
    """Return what the batch becomes by an entry with journal row `number`, after an `earlier` one of this commit."""
    snapshot, folded = (None, None) if earlier is None else earlier[2:4]
    if entry.snapshot is not None:
        snapshot, folded = entry.snapshot, number
    return entry.state, entry.cursor, snapshot, folded, entry.batch, entry.epoch


def numbers(ids: Sequence[int]) -> str:
    """Return ids as the one parameter that `json_each` takes them from."""
    return msgspec.json.encode(ids).decode()
