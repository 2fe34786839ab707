"""The evaluation of a network, a zone, the country or a sender over a period (R20), with what it cost (R21).

Law: it is made of books alone. Warm and cold messages count, crisis and public interest apart, exercises apart, drills
never; what people must judge themselves stands there by name, and is empty.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from msgspec import Struct

from klaroen.core.account import HANDED, REACHED_STATE, UNREACHABLE
from klaroen.core.books import PAYERS, Book, BookRow, Level
from klaroen.core.buckets import percentile
from klaroen.core.errors import InputError
from klaroen.core.model import CLASSES, Instant
from klaroen.core.money import euros
from klaroen.core.plan import BRUSSELS

DAY_FORM: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
YEARS: Final = (2000, 2200)
"""Before and after them nobody evaluates; it keeps a slip of the pen from being a period."""
EXERCISES: Final = "exercises"
_BY_ITSELF: Final = "by itself"
"""What Klaroen sends by itself, copies for officers and answers to replies: it costs, and is no message of anybody."""
SECTIONS: Final = (*CLASSES, EXERCISES)


class SectionView(Struct, frozen=True):
    """What the messages of one kind came to. `members` counts deliveries: a member of ten alerts counts ten times.

    `reached_s` is the time from acceptance to the first proof, as percentiles over those reached.
    """

    alerts: int
    members: int
    handed_over: int
    reached: int
    unreachable: int
    confirmed: int
    replies: int
    with_feedback: int
    """Alerts that another one follows, or corrects (R18)."""
    reached_s: Mapping[str, float | None]
    cost_eur: float


class CostsView(Struct, frozen=True):
    """Euros by who carries them: they sum to `total`. `unagreed`: of networks that have agreed no shares."""

    municipality: float
    zone: float
    members: float
    unagreed: float
    sender: float
    total: float


class EvaluationView(Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """One place over the days `from` to `to`, both included. The last five fields are for people to fill in."""

    level: Level
    id: str
    name: str
    since: str
    until: str
    members_at_start: int | None
    members_at_end: int | None
    evaluation_months: int | None
    """The interval that a network's charter names."""
    open_alerts: int
    """Accepted in the period and not over yet: they are in no count."""
    crisis: SectionView
    warm: SectionView
    public_interest: SectionView
    cold: SectionView
    exercises: SectionView
    costs_eur: CostsView
    quality: None = None
    acted_on: None = None
    """How far members acted on the messages."""
    crime_and_nuisance: None = None
    feeling_of_safety: None = None
    relation_with_police: None = None


class EvaluationPage(Struct, frozen=True):
    items: tuple[EvaluationView, ...]


class Subject(Struct, frozen=True):
    """What is known of a place beside its books."""

    level: Level
    id: str
    name: str
    members_at_start: int | None = None
    members_at_end: int | None = None
    evaluation_months: int | None = None
    open_alerts: int = 0


class Period(Struct, frozen=True):
    """Whole days of Brussels, from `since` to `until`, both included."""

    since: str
    until: str
    starts_at: Instant
    ends_at: Instant
    """The first instant after it."""


def read_period(since: str | None, until: str | None, now: Instant) -> Period:
    """Return the period; without an end it ends today, without a beginning it is the year before its end.

    Raises InputError: `invalid`, naming `from` or `to`.
    """
    last = _day(until, "to") or datetime.fromtimestamp(now / 1000, BRUSSELS).date()
    first = _day(since, "from") or last - timedelta(days=364)
    if first > last:
        raise InputError("invalid", "A period does not end before it begins.", at="from", rule="R20")
    return Period(first.isoformat(), last.isoformat(), _midnight(first), _midnight(last + timedelta(days=1)))


def _day(words: str | None, name: str) -> date | None:
    if words is None:
        return None
    try:
        day = date.fromisoformat(words) if re.fullmatch(DAY_FORM, words) else None
    except ValueError:
        day = None
    if day is None or not YEARS[0] <= day.year < YEARS[1]:
        raise InputError("invalid", f"{name} is a day, such as 2026-12-31.", at=name, rule="R20")
    return day


def _midnight(day: date) -> Instant:
    return Instant(int(datetime(day.year, day.month, day.day, tzinfo=BRUSSELS).timestamp()) * 1000)


# --- sums -------------------------------------------------------------------------------------------------------------


class _Sum:
    """One section of one place, growing."""

    def __init__(self) -> None:
        self.book = Book()
        self.alerts: list[str] = []

    def add(self, row: BookRow) -> None:
        self.book = self.book.plus(row.book)
        self.alerts.append(row.alert)

    def view(self, place: str, followed: Collection[str], replies: Mapping[tuple[str, str], int]) -> SectionView:
        counts, times = self.book.counts, self.book.reach_ms
        return SectionView(
            alerts=len(self.alerts),
            members=sum(counts),
            handed_over=counts[HANDED] + counts[REACHED_STATE],
            reached=counts[REACHED_STATE],
            unreachable=counts[UNREACHABLE],
            confirmed=self.book.confirmed,
            replies=sum(replies.get((alert, place), 0) for alert in self.alerts),
            with_feedback=sum(alert in followed for alert in self.alerts),
            reached_s={f"p{share}": _seconds(percentile(times, share / 100)) for share in (50, 90, 99)},
            cost_eur=euros(sum(self.book.costs)),
        )


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1000, 3)


def evaluate(
    rows: Iterable[BookRow],
    subjects: Sequence[Subject],
    followed: Collection[str],
    period: Period,
    replies: Mapping[tuple[str, str], int] = {},
) -> EvaluationPage:
    """Return each subject's evaluation, in their order, from the books of their level; other rows are passed over.

    Shape: `replies` by (alert, subject).
    """
    sums = {subject.id: {section: _Sum() for section in (*SECTIONS, _BY_ITSELF)} for subject in subjects}
    for row in rows:
        place = sums.get(row.place.name)
        if place is not None:
            section = {"live": row.alert_class, "exercise": EXERCISES}.get(row.mode, _BY_ITSELF)
            place[section].add(row)
    return EvaluationPage(tuple(_view(subject, sums[subject.id], followed, replies, period) for subject in subjects))


def _view(
    subject: Subject,
    sums: Mapping[str, _Sum],
    followed: Collection[str],
    replies: Mapping[tuple[str, str], int],
    period: Period,
) -> EvaluationView:
    costs = Book().costs
    for section in sums.values():
        costs = tuple(a + b for a, b in zip(costs, section.book.costs, strict=True))
    views = {name: section.view(subject.id, followed, replies) for name, section in sums.items()}
    return EvaluationView(
        level=subject.level,
        id=subject.id,
        name=subject.name,
        since=period.since,
        until=period.until,
        members_at_start=subject.members_at_start,
        members_at_end=subject.members_at_end,
        evaluation_months=subject.evaluation_months,
        open_alerts=subject.open_alerts,
        costs_eur=CostsView(**dict(zip(PAYERS, map(euros, costs), strict=True)), total=euros(sum(costs))),
        crisis=views["crisis"],
        warm=views["warm"],
        public_interest=views["public_interest"],
        cold=views["cold"],
        exercises=views[EXERCISES],
    )


# --- as a table -------------------------------------------------------------------------------------------------------

_WHO: Final = ("level", "id", "name", "from", "to", "members_at_start", "members_at_end", "open_alerts")
_COUNTS: Final = (
    "alerts",
    "members",
    "handed_over",
    "reached",
    "unreachable",
    "confirmed",
    "with_feedback",
    "cost_eur",
)
_TIMES: Final = ("p50", "p90", "p99")
_EMPTY: Final = ("quality", "acted_on", "crime_and_nuisance", "feeling_of_safety", "relation_with_police")
COLUMNS: Final = (
    *_WHO,
    *(f"{section}_{name}" for section in SECTIONS for name in (*_COUNTS, *(f"reached_s_{one}" for one in _TIMES))),
    *(f"costs_eur_{name}" for name in CostsView.__struct_fields__),
    *_EMPTY,
)
"""Of the table: one line a place, for a spreadsheet."""


def table_row(view: EvaluationView) -> list[object]:
    """Return the evaluation as one line under `COLUMNS`; what is None is left empty."""
    who = [view.level, view.id, view.name, view.since, view.until]
    row: list[object] = [*who, view.members_at_start, view.members_at_end, view.open_alerts]
    for name in SECTIONS:
        section: SectionView = getattr(view, name)
        row += [getattr(section, count) for count in _COUNTS]
        row += [section.reached_s[one] for one in _TIMES]
    row += [getattr(view.costs_eur, name) for name in CostsView.__struct_fields__]
    row += [getattr(view, name) for name in _EMPTY]
    return ["" if cell is None else cell for cell in row]
