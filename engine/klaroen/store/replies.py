"""The rows of replies: written within the writer's transaction, read for the police and for who answers.

Law: the first reply of a member to an alert is owed an answer; the same words again are no second reply.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from msgspec import json, msgpack
from msgspec.structs import replace

from klaroen.core.audit import Deed
from klaroen.core.model import AlertId, Instant
from klaroen.core.replies import REPLIES_KEPT_MAX, Owed, Quiet, ReplyRow
from klaroen.store import sql, trail
from klaroen.store.connection import Connection
from klaroen.store.readers import Readers

_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(ReplyRow).decode

PUT: Final = """
INSERT INTO reply (alert, member, at, digest, owed, reply)
SELECT ?1, ?2, ?3, ?4, ?5 AND NOT EXISTS (SELECT 1 FROM reply WHERE alert = ?1 AND member = ?2), ?6
WHERE (SELECT COUNT(*) FROM reply WHERE alert = ?1 AND member = ?2) < ?7
ON CONFLICT (alert, member, digest) DO NOTHING"""
ANSWERED: Final = "UPDATE reply SET owed = 0 WHERE id = ?"
OWED: Final = "SELECT id, reply FROM reply WHERE owed ORDER BY id LIMIT ?"
OF_ALERT: Final = "SELECT id, reply FROM reply WHERE alert = ? AND id > ? ORDER BY id LIMIT ?"
OF_ALERTS: Final = "SELECT reply FROM reply WHERE alert IN (SELECT value FROM json_each(?))"
COUNT: Final = "SELECT COUNT(*) FROM reply WHERE alert = ?"
TOO_OLD: Final = "SELECT id, reply FROM reply WHERE at < ? ORDER BY at LIMIT ?"
FORGET: Final = "UPDATE reply SET reply = ?, at = ? WHERE id = ?"
FORGOTTEN_AT: Final = 1 << 62
"""Later than any: it is not looked at again."""


class Replies:
    """Reads from anywhere; writes inside the writer's transaction, as all of the store's."""

    def __init__(self, readers: Readers, at: Callable[[Instant], Connection]) -> None:
        self._readers, self._at = readers, at

    # writes
    def put(self, rows: Iterable[ReplyRow], quiets: Iterable[tuple[Quiet, Deed]], now: Instant) -> int:
        """Keep replies, and who wants no cold messages any more; return how many replies are new."""
        writing = self._at(now)
        for quiet, deed in quiets:
            writing.run(sql.DECREE, ("quiet", quiet.name, msgpack.encode(quiet)))
            trail.enter(writing, deed)
        return sum(
            writing.run(
                PUT, (one.alert, one.member, one.at, one.digest, one.kind != "key", _encode(one), REPLIES_KEPT_MAX)
            )
            for one in rows
        )

    def answered(self, ids: Iterable[int], now: Instant) -> None:
        writing = self._at(now)
        for one in ids:
            writing.run(ANSWERED, (one,))

    def forget(self, before: Instant, limit: int, now: Instant) -> int:
        """Forget the words of replies older than that; return of how many."""
        writing = self._at(now)
        rows = writing.rows(TOO_OLD, (before, limit))
        for number, blob in rows:
            writing.run(FORGET, (_encode(replace(_decode(blob), text=None)), FORGOTTEN_AT, number))
        return len(rows)

    # reads
    def owed(self, limit: int) -> Sequence[Owed]:
        """Return first replies that are not answered yet, oldest first."""
        with self._readers.lend() as reading:
            return [Owed(number, _decode(blob)) for number, blob in reading.rows(OWED, (limit,))]

    def of(self, alert: AlertId, after: int, limit: int) -> Sequence[tuple[int, ReplyRow]]:
        """Return an alert's replies in the order in which they came, after that number."""
        with self._readers.lend() as reading:
            return [(number, _decode(blob)) for number, blob in reading.rows(OF_ALERT, (alert, after, limit))]

    def count(self, alert: AlertId) -> int:
        with self._readers.lend() as reading:
            number: int = reading.row(COUNT, (alert,))[0]
            return number

    def by_network(self, alerts: Collection[str]) -> Counter[tuple[str, str]]:
        """Return how many replies came by (alert, network), of these alerts."""
        with self._readers.lend() as reading:
            found = (_decode(blob) for (blob,) in reading.rows(OF_ALERTS, (json.encode(list(alerts)).decode(),)))
            return Counter((one.alert, one.network) for one in found)
