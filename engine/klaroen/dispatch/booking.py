"""The books of an alert: opened when it is closed, put right by a late receipt (R20, R21).

Law: drills have none. What the register says of zones and shares is read when the alert is closed.
"""

from msgspec.structs import replace

from klaroen.core.account import Account
from klaroen.core.audience import Audience
from klaroen.core.books import BookRow, Ledger, payers
from klaroen.core.model import Alert
from klaroen.core.money import micros
from klaroen.core.sheet import Sheet
from klaroen.core.state import HANDED_OVER
from klaroen.dispatch.desk import Desk


def open_ledger(desk: Desk, alert: Alert, audience: Audience) -> Ledger | None:
    return None if alert.mode == "drill" else Ledger(alert, audience, payers(alert, desk.register.snapshot))


class Late:
    """One delivery before and after a late receipt."""

    def __init__(self, alert: Alert, audience: Audience, account: Account, sheet: Sheet, index: int) -> None:
        self._alert, self._audience, self._account, self._sheet, self._index = alert, audience, account, sheet, index
        self._delivery = sheet.deliveries[index]
        self._before = account.states[self._delivery]

    def books(self, desk: Desk, old: int, ms: int) -> list[BookRow]:
        """Return the alert's books as they are now, where they changed; `old` was the attempt's state."""
        ledger = open_ledger(desk, self._alert, self._audience)
        if ledger is None:
            return []
        sheet = self._sheet
        if old < HANDED_OVER <= sheet.states[self._index] and not sheet.is_call:
            ledger.spend(sheet.batch, self._delivery, micros(sheet.cost_eur) * sheet.batch.parts)
        rows = []
        for change in ledger.change(self._delivery, self._before, self._account.states[self._delivery], ms):
            known = desk.store.books.book(change.place, change.at, self._alert.id)
            if known is not None:  # an alert that was closed by an earlier version has none
                rows.append(replace(known, book=known.book.plus(change.book)))
        return rows
