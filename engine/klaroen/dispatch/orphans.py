"""Receipts of one carrier that match nothing yet: they wait for an answer, which may come after its proof.

Law: what waits here stands in the store, and goes from both together. So many wait, and so long; beyond that the oldest
go, which have waited for their answers longest: a carrier that invents ids fills neither memory nor disk.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from klaroen.core.model import Instant
from klaroen.dispatch.kept import Kept

if TYPE_CHECKING:
    from klaroen.dispatch.desk import Desk

K = TypeVar("K")

ORPHANS_MAX: Final = 100_000
"""Of one carrier: those of a national alert, should all of them come before their answers."""
OF_ONE_MAX: Final = 16
"""Of one id: a carrier says a few things of a message. Of one reference: it comes round once in 65,536 messages."""


class OrphanRow:
    """One durable row of receipts that matched nothing: it goes when none of them waits any more."""

    __slots__ = ("_home", "at", "left", "orphans", "row")

    def __init__(self, home: "Orphans", row: int, at: Instant, left: int) -> None:
        self._home = home
        self.row = row
        self.at = at
        self.left = left
        self.orphans: list[Orphan] = []

    def release(self, desk: "Desk") -> None:
        """One of them waits no more."""
        self.left -= 1
        self._home.count -= 1
        if self.left == 0:
            self._home.close_row(self)
            desk.matched.append(self.row)
            desk.commit_bell.ring()


class Orphan:
    """A receipt that waits for its answer."""

    __slots__ = ("_row", "matched", "receipt")

    def __init__(self, receipt: Kept, row: OrphanRow) -> None:
        self.receipt = receipt
        self.matched = False
        self._row = row

    def match(self, desk: "Desk") -> None:
        """Its attempt is known now, or it is waited for no longer."""
        if not self.matched:
            self.matched = True
            self._row.release(desk)


class Orphans:
    """Those of one carrier, by the ways in which an answer finds them."""

    __slots__ = ("_rows", "adrift", "by_ref", "count")

    def __init__(self) -> None:
        self.by_ref: dict[str, list[Orphan]] = {}
        """By the carrier's id."""
        self.adrift: dict[int, list[Orphan]] = {}
        """By user_message_reference, where they name a handset: an answer that is lost gives no id."""
        self.count = 0
        """How many wait."""
        self._rows: OrderedDict[int, OrphanRow] = OrderedDict()
        """The oldest first."""

    def open_row(self, row: int, at: Instant, count: int) -> OrphanRow:
        """Return a row of so many that has become durable."""
        made = self._rows[row] = OrphanRow(self, row, at, count)
        self.count += count
        return made

    def close_row(self, row: OrphanRow) -> None:
        """Nobody of it waits any more."""
        self._rows.pop(row.row, None)
        for orphan in row.orphans:
            self._take_out(orphan)
        row.orphans.clear()

    def hold(self, orphan: Orphan, row: OrphanRow) -> Orphan | None:
        """Keep it until it is found; return the one that has to go where its carrier has said this too often."""
        receipt, crowded = orphan.receipt, None
        row.orphans.append(orphan)
        if receipt.ref is not None:
            named = self.by_ref.setdefault(receipt.ref, [])
            named.append(orphan)
            crowded = named.pop(0) if len(named) > OF_ONE_MAX else None
        if receipt.reference is not None and receipt.address is not None:
            adrift = self.adrift.setdefault(receipt.reference, [])
            adrift.append(orphan)
            del adrift[:-OF_ONE_MAX]
        return crowded

    def overdue(self, before: Instant) -> Iterator[Orphan]:
        """Yield those that have waited since before that instant, and the oldest of what is too many, row by row.

        The caller has each go: how many are too many is asked anew before each row.
        """
        while self._rows:
            row = next(iter(self._rows.values()))
            if row.at >= before and self.count <= ORPHANS_MAX:
                return
            self._rows.pop(row.row)
            yield from [orphan for orphan in row.orphans if not orphan.matched]

    def _take_out(self, orphan: Orphan) -> None:
        _without(self.by_ref, orphan.receipt.ref, orphan)
        _without(self.adrift, orphan.receipt.reference, orphan)


def _without(waiting: dict[K, list[Orphan]], key: K | None, orphan: Orphan) -> None:
    some = None if key is None else waiting.get(key)
    if some is not None and orphan in some:
        some.remove(orphan)
        if not some and key is not None:
            del waiting[key]
