"""One alert as those who may see it find it, open or over, and what may be asked at all.

Law: what a token may not see does not exist for it.
"""

import dataclasses

from klaroen.core import policy
from klaroen.core.account import Account
from klaroen.core.audience import Audience
from klaroen.core.errors import InputError
from klaroen.core.model import Alert, AlertId, AlertState, Token
from klaroen.core.refusals import refuse
from klaroen.dispatch.desk import Desk


@dataclasses.dataclass
class Subject:
    """An alert as a reader needs it."""

    alert: Alert
    state: AlertState
    audience: Audience
    account: Account


def find_subject(desk: Desk, token: Token, alert: AlertId) -> Subject:
    """Return an alert that the token may see. Raises InputError: `not-found`."""
    subject = subject_of(desk, alert)
    if subject is None or not policy.may_see(token, subject.alert, desk.register.snapshot):
        raise refuse("not-found", "no_such_alert")
    return subject


def subject_of(desk: Desk, alert: AlertId) -> Subject | None:
    """Return an alert for dispatch's own use, whoever may see it."""
    opened = desk.alerts.get(alert)
    if opened is not None:
        return Subject(opened.alert, opened.state, opened.audience, opened.account)
    row = desk.store.alert(alert)
    if row is None or row.final is None:
        return None
    audience = Audience.decode(desk.store.audience(alert))
    return Subject(row.alert, row.state, audience, Account.reopen(audience, row.final))


def read_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 16):
        raise InputError("invalid", "This is no cursor that a page gave.", at="$.after")
    return int(cursor)
