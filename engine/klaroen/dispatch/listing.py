"""How alerts stand: one, or a page of them, within what a token may see.

Law: a page is short rather than slow: a token that sees few of many alerts pages on from where the look ended.
"""

from collections.abc import Callable
from typing import Final

import trio

from klaroen.core import calls, policy
from klaroen.core.model import Alert, AlertId, Instant, Token
from klaroen.core.policy import demand
from klaroen.core.views import AlertPage, ContentView, StatusView
from klaroen.dispatch import feedback, readings
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.subjects import find_subject, read_cursor

SCAN_MAX: Final = 2_000
"""Alerts looked at for one page of a list."""


async def answer(
    desk: Desk, token: Token, question: calls.ShowAlert | calls.ShowContent | calls.ListAlerts
) -> StatusView | ContentView | AlertPage:
    """Return how one alert stands, what it says, or a page of them."""
    if isinstance(question, calls.ListAlerts):
        return await list_alerts(desk, token, question)
    if isinstance(question, calls.ShowAlert):
        return show(desk, token, question.alert)
    subject = find_subject(desk, token, question.alert)
    demand(token, "see_content")
    return readings.content(subject.alert, subject.state)


def show(desk: Desk, token: Token, alert: AlertId) -> StatusView:
    subject = find_subject(desk, token, alert)
    opened = desk.alerts.get(alert)
    if opened is not None:
        return readings.status(desk, opened)
    return readings.make_status(subject.alert, subject.account, subject.state, desk.clock.now(), None)


async def list_alerts(desk: Desk, token: Token, question: calls.ListAlerts) -> AlertPage:
    demand(token, "see_counts")
    sees = _filter(desk, token, question)
    if question.feedback == "missing":
        return _missing(desk, token, question, sees)
    before = read_cursor(question.before)
    classes = () if question.alert_class is None else (question.alert_class,)
    # The store is not told of the first hand-over: what it calls accepted may be sending.
    states = ("accepted", "sending") if question.state == "sending" else (question.state,) if question.state else ()
    items: list[StatusView] = []
    seen = 0
    while seen < SCAN_MAX:
        rows = desk.store.alerts(before, question.limit, classes, states)  # type: ignore[arg-type]
        for row in rows:
            before = row.sequence
            if sees(row.alert):
                status = show(desk, token, row.alert.id)
                if question.state in (None, status.state):
                    items.append(status)
            if len(items) == question.limit:
                return AlertPage(tuple(items), str(before))
        seen += len(rows)
        if len(rows) < question.limit:
            return AlertPage(tuple(items), None)
        await trio.lowlevel.checkpoint()
    return AlertPage(tuple(items), str(before))


def _missing(desk: Desk, token: Token, question: calls.ListAlerts, sees: Callable[[Alert], bool]) -> AlertPage:
    """Return those that owe feedback (R18); the cursor is the instant of the last one."""
    if question.alert_class not in (None, "warm"):
        return AlertPage((), None)
    before = read_cursor(question.before)
    rows = feedback.overdue(desk.store.books, desk.clock.now(), None if before is None else Instant(before))
    page, cursor = feedback.page_of(rows, question.limit)
    found = (desk.store.alert(AlertId(row.alert)) for row in page)
    items = [show(desk, token, one.alert.id) for one in found if one is not None and sees(one.alert)]
    return AlertPage(tuple(item for item in items if question.state in (None, item.state)), cursor)


def _filter(desk: Desk, token: Token, question: calls.ListAlerts) -> Callable[[Alert], bool]:
    snapshot = desk.register.snapshot
    networks = snapshot.networks

    def sees(alert: Alert) -> bool:
        in_zone = question.zone is None or any(
            name in networks and networks[name].zone == question.zone for name in alert.networks
        )
        return in_zone and policy.may_see(token, alert, snapshot)

    return sees
