"""Carrier ids of closed alerts' batches, for proof that comes late: one look-up, however many batches there are.

Law: an id costs sixteen octets, and nothing but a hash of it is known; what was closed first is forgotten first.
"""

import sys
from array import array
from bisect import bisect_left, bisect_right
from typing import Final, NamedTuple

from klaroen.core.model import AlertId, BatchId, Instant
from klaroen.core.records import References
from klaroen.dispatch.orphans import Orphan

SHARDS: Final = 1_024
"""A million ids are a thousand a shard, looked through in some 10 µs [batch by batch, a receipt that matched nothing
took a millisecond for every few hundred batches of the last four days]."""


class Closed(NamedTuple):
    """What an id leads to: a batch of an alert that is over, and the row in it (index << 8 | part)."""

    alert: AlertId
    batch: BatchId
    row: int


Late = tuple[Closed, Orphan]
"""A receipt that came after the end, and what it speaks of."""


class ClosedIds:
    """Those of one carrier."""

    def __init__(self) -> None:
        self._shards: dict[int, tuple[array[int], array[int]]] = {}
        """By the lowest bits of the hash: hashes, and their numbers in the order in which they came."""
        self._firsts: list[int] = []
        """By batch: the number of its first id."""
        self._batches: list[tuple[Instant, AlertId, BatchId, array[int]]] = []
        """By batch: since when it is kept, what it is, its rows."""
        self._next = 0

    def __len__(self) -> int:
        """How many batches are kept."""
        return len(self._batches)

    def add(self, references: References, now: Instant) -> None:
        """Keep the ids of a batch [0.3 ms for a thousand], closed no earlier than those before it."""
        hashes = array("Q", references.hashes)
        self._firsts.append(self._next)
        self._batches.append((now, references.alert, references.batch, array("I", references.rows)))
        shards = self._shards
        for number, value in enumerate(hashes, self._next):
            shard = shards.get(value % SHARDS)
            if shard is None:
                shard = shards[value % SHARDS] = (array("Q"), array("Q"))
            shard[0].append(value)
            shard[1].append(number)
        self._next += len(hashes)

    def find(self, digest: bytes) -> Closed | None:
        """Return what an id of this hash leads to: of several that a carrier gave twice, the latest."""
        value = int.from_bytes(digest, sys.byteorder)
        shard = self._shards.get(value % SHARDS)
        if shard is None or value not in shard[0]:
            return None
        number = max(number for number, known in zip(shard[1], shard[0], strict=True) if known == value)
        place = bisect_right(self._firsts, number) - 1
        _, alert, batch, rows = self._batches[place]
        return Closed(alert, batch, rows[number - self._firsts[place]])

    def forget(self, before: Instant) -> None:
        """Forget the batches that have been kept since before that instant."""
        gone = bisect_left(self._batches, before, key=lambda one: one[0])
        if not gone:
            return
        del self._batches[:gone], self._firsts[:gone]
        first = self._firsts[0] if self._firsts else self._next
        for place, (hashes, numbers) in tuple(self._shards.items()):
            old = bisect_left(numbers, first)
            del hashes[:old], numbers[:old]
            if not numbers:
                del self._shards[place]
