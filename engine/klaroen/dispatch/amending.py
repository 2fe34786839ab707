"""Proof that comes after the end: it changes the account, the journal and the books of an alert that is over.

Law: the account is read and written once for all that waits for it: a country's is half a megabyte, and a carrier may
tell of all of it at once.
"""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import trio

from klaroen.core import journal
from klaroen.core.account import Account
from klaroen.core.audience import Audience
from klaroen.core.books import BookRow, Change
from klaroen.core.ids import attempt_ids
from klaroen.core.model import Alert, AlertId, BatchId, CarrierName
from klaroen.core.money import micros
from klaroen.core.records import BatchRow
from klaroen.core.sheet import WHOLE, Sheet
from klaroen.core.state import HANDED_OVER, PROOFS
from klaroen.dispatch import settle
from klaroen.dispatch.booking import amended, open_ledger
from klaroen.dispatch.closed_ids import Closed, Late
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.kept import Kept
from klaroen.dispatch.orphans import Orphan

LATE_MAX: Final = 10_000
"""Late receipts applied at once [47,000 of one alert, 270 at once: 9 s on a slow core; one by one, 20 ms each]."""


def next_late(desk: Desk) -> list[Late]:
    """Return late receipts of the alert that had one first, no more than one turn takes."""
    alert, waiting = next(iter(desk.late.items()))
    late = [waiting.popleft() for _ in range(min(len(waiting), LATE_MAX))]
    if not waiting:
        del desk.late[alert]
    return late


async def amend(desk: Desk, late: Sequence[Late]) -> None:
    """Late receipts change the account of one alert that is over: it is read, and written, once for all of them."""
    alert = late[0][0].alert
    row = desk.store.alert(alert)
    if row is not None and row.final is not None:
        amendment = Amendment(desk, row.alert, row.final)
        by_batch: dict[BatchId, list[Late]] = defaultdict(list)
        for closed, orphan in late:
            by_batch[closed.batch].append((closed, orphan))
        for batch, some in by_batch.items():
            amendment.take(batch, some)
            await trio.lowlevel.checkpoint()
        if amendment.entries:
            await desk.insist(desk.store.amend, alert, *amendment.written(), desk.clock.now(), amendment.books())
            show_amended(desk, alert, amendment.account)
    for _, orphan in late:
        orphan.match(desk)


class Amendment:
    """What late receipts make of the account, the journal and the books of an alert that is over."""

    def __init__(self, desk: Desk, alert: Alert, final: bytes) -> None:
        self._desk, self._alert = desk, alert
        self._audience = Audience.decode(desk.store.audience(alert.id))
        self.account = Account.reopen(self._audience, final)
        self.entries: list[tuple[BatchId, bytes]] = []
        self._ledger = open_ledger(desk, alert, self._audience)
        self._changes: list[Change] = []

    def take(self, batch: BatchId, late: Sequence[Late]) -> None:
        """Apply those that speak of one batch."""
        found = self._desk.store.batch(batch)
        assert found is not None, "what has references has a batch"
        row, tail = found
        sheet = Sheet.thaw(row.batch, None, tail)
        records = [record for closed, orphan in late if (record := self._prove(row, sheet, closed, orphan)) is not None]
        if records:
            self.entries.append((batch, journal.encode(records)))

    def _prove(self, row: BatchRow, sheet: Sheet, closed: Closed, orphan: Orphan) -> journal.Proved | None:
        kept, desk = orphan.receipt, self._desk
        state, index, part = PROOFS.get(kept.state), closed.row >> 8, closed.row & 0xFF
        if state is None or not (
            verified(sheet, index, part, kept) or is_adrift(desk, self._alert, self._audience, row, sheet, index, kept)
        ):
            return None
        now = desk.clock.now()
        ms = max(1, min(kept.at or now, now) - self._alert.accepted_at)
        old, delivery = sheet.states[index], sheet.deliveries[index]
        before = self.account.states[delivery]
        whole = part if sheet.batch.parts > 1 else WHOLE
        if not sheet.prove(index, whole, state, ms, kept.code):
            return None
        self.account.prove(sheet, index, old)
        if self._ledger is not None and old < HANDED_OVER <= sheet.states[index] and not sheet.is_call:
            self._ledger.spend(sheet.batch, delivery, micros(sheet.cost_eur) * sheet.batch.parts)
        self._changes.append(Change(delivery, before, self.account.states[delivery], ms))
        return journal.Proved(
            array("H", [index]).tobytes(),
            bytes([whole]),
            bytes([state]),
            array("I", [ms]).tobytes(),
            (kept.code,),
        )

    def written(self) -> tuple[bytes, Sequence[tuple[BatchId, bytes]]]:
        """Return the account and the journal's entries, as `Store.amend` takes them."""
        return self.account.close(), self.entries

    def books(self) -> list[BookRow]:
        return [] if self._ledger is None else amended(self._desk, self._alert, self._ledger, self._changes)


def show_amended(desk: Desk, alert: AlertId, account: Account) -> None:
    """An alert that was closed just now is in hand until the edges have heard of it: they are to hear this."""
    opened = desk.alerts.get(alert)
    if opened is not None:
        opened.account = account
        desk.changed.add(alert)
        desk.push_bell.ring()


def verified(sheet: Sheet, index: int, part: int, kept: Kept) -> bool:
    """A hash that hits is checked against the journal itself."""
    if part == WHOLE:
        carrier = sheet.carrier or CarrierName("")
        return kept.attempt == attempt_ids(sheet.batch, carrier, [sheet.deliveries[index]])[0]
    return sheet.refs[index].split(journal.REF_JOINT)[part] in (kept.ref, kept.alias)


def is_adrift(
    desk: Desk, alert: Alert, audience: Audience, row: BatchRow, sheet: Sheet, index: int, kept: Kept
) -> bool:
    """The same of one that is known by its reference and its handset alone."""
    address = settle.hashed_address(desk, alert, audience, sheet, index)
    return (kept.reference, kept.address) == ((row.reference + index) & 0xFFFF, address)
