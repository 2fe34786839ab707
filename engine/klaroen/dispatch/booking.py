"""The books of an alert: opened when it is closed, put right by late receipts (R20, R21).

Law: drills have none. What the register says of zones and shares is read when the alert is closed.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from klaroen.core.audience import Audience
from klaroen.core.books import BookRow, Change, Ledger, payers
from klaroen.core.model import Alert
from klaroen.dispatch.desk import Desk


def open_ledger(desk: Desk, alert: Alert, audience: Audience) -> Ledger | None:
    return None if alert.mode == "drill" else Ledger(alert, audience, payers(alert, desk.register.snapshot))


def amended(desk: Desk, alert: Alert, ledger: Ledger, changes: Sequence[Change]) -> list[BookRow]:
    """Return the alert's books as they are now, where these changed them."""
    rows = []
    for change in ledger.amend(changes):
        known = desk.store.books.book(change.place, change.at, alert.id)
        if known is not None:  # an alert that was closed by an earlier version has none
            rows.append(replace(known, book=known.book.plus(change.book)))
    return rows
