"""Warm alerts that nobody has told the end of (R18): members expect feedback, and the police are reminded.

Law: it is due a day after acceptance, once the alert is over, if anybody was handed it; a correction takes the duty
over. Exercises and drills owe none.
"""

from itertools import groupby
from operator import attrgetter
from typing import Final

from klaroen.core.account import HANDED, REACHED_STATE
from klaroen.core.books import BookRow
from klaroen.core.model import Instant
from klaroen.core.records import Books

DUE_MS: Final = 86_400_000
LISTED_MS: Final = 30 * 86_400_000
"""A month later nobody expects it any more: it stands in the evaluation as an alert without feedback."""


def overdue(books: Books, now: Instant, before: Instant | None = None) -> list[BookRow]:
    """Return the country's books of these alerts, newest first; those accepted before `before`, where it is given."""
    until = now - DUE_MS + 1 if before is None else min(before, now - DUE_MS + 1)
    rows = books.unfollowed(Instant(now - LISTED_MS), Instant(until))
    return [row for row in rows if row.book.counts[HANDED] or row.book.counts[REACHED_STATE]]


def page_of(rows: list[BookRow], limit: int) -> tuple[list[BookRow], str | None]:
    """Return at least `limit` rows where there are so many, those of one instant together, and the cursor behind."""
    page: list[BookRow] = []
    for _, together in groupby(rows, attrgetter("at")):
        if len(page) >= limit:
            return page, str(page[-1].at)
        page += together
    return page, None
