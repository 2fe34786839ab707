"""Evaluations from the store: whose, over which period, and how many members there were (R20).

Law: read in a thread, page by page; the register says what exists now, and its versions how many members there were.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from klaroen.core.books import COUNTRY, BookRow, Level
from klaroen.core.calls import Evaluate
from klaroen.core.errors import InputError
from klaroen.core.evaluation import EvaluationPage, Period, Subject, evaluate, read_period
from klaroen.core.model import FINAL_STATES, Alert, AlertState, Instant, NetworkId
from klaroen.core.records import Store
from klaroen.core.snapshot import Snapshot
from klaroen.register.book import Book

PlaceOf = Callable[[NetworkId], str | None]

OPEN: Final[tuple[AlertState, ...]] = ("awaiting_consent", "accepted", "sending", "paused")
assert FINAL_STATES.isdisjoint(OPEN)
OPEN_MAX: Final = 1_000
"""Open alerts that are told of; a country has some dozens at once."""
LEVELS: Final[tuple[Level, ...]] = ("network", "zone", "country", "sender")


def evaluate_places(store: Store, book: Book, snapshot: Snapshot, question: Evaluate, now: Instant) -> EvaluationPage:
    """Return what was asked for: these networks, or every network, zone and sender and the country.

    Call it from a thread. Raises InputError: `invalid` period, `not-found` network.
    """
    period = read_period(question.since, question.until, now)
    unknown = [name for name in question.networks if name not in snapshot.networks]
    if unknown:
        raise InputError("not-found", f"There is no such network: {unknown[0]}.")
    view = _View(store, book, snapshot, period)
    if not question.networks:
        return EvaluationPage(tuple(item for level in LEVELS for item in view.level(level).items))
    return view.level("network", question.networks)


class _View:
    """One period, with what every level asks of it."""

    def __init__(self, store: Store, book: Book, snapshot: Snapshot, period: Period) -> None:
        self._store, self._book, self._snapshot, self._period = store, book, snapshot, period
        rows = store.alerts(None, OPEN_MAX, (), OPEN)
        self._open = [row.alert for row in rows if period.starts_at <= row.alert.accepted_at < period.ends_at]

    def level(self, level: Level, names: Collection[str] | None = None) -> EvaluationPage:
        period, books = self._period, self._store.books
        only = next(iter(names)) if names is not None and len(names) == 1 else None
        rows = list(books.rows(level, period.starts_at, period.ends_at, only))
        booked = {row.place.name for row in rows}
        subjects = [one for one in self._subjects(level, booked) if names is None or one.id in names]
        followed = books.followed([row.alert for row in rows])
        return evaluate(rows, subjects, followed, period, self._replies(level, rows))

    def _replies(self, level: Level, rows: Sequence[BookRow]) -> Mapping[tuple[str, str], int]:
        """Return how many came by (alert, place): a reply is of one network."""
        place_of, counts = _place_of(self._snapshot, level), Counter[tuple[str, str]]()
        senders = {row.alert: row.place.name for row in rows if level == "sender"}
        for (alert, network), count in self._store.replies.by_network({row.alert for row in rows}).items():
            place = senders.get(alert) if place_of is None else place_of(NetworkId(network))
            if place is not None:
                counts[alert, place] += count
        return counts

    def _subjects(self, level: Level, booked: Collection[str]) -> Iterator[Subject]:
        """Yield the places of the level by name, those first that the register names."""
        networks, zones = self._snapshot.networks, self._snapshot.zones
        place_of = _place_of(self._snapshot, level)
        titles: dict[Level, Mapping[str, str]] = {
            "network": {name: network.name for name, network in networks.items()},
            "zone": {name: zone.name for name, zone in zones.items()},
            "country": {COUNTRY: ""},
        }
        names = titles.get(level, {})
        start, end = (self._headcounts(at, place_of) for at in (self._period.starts_at, self._period.ends_at))
        open_alerts = Counter(place for alert in self._open for place in _places(alert, place_of))
        for name in (*sorted(names), *sorted(set(booked) - names.keys())):
            network = networks.get(NetworkId(name)) if level == "network" else None
            yield Subject(
                level,
                name,
                names.get(name, name),
                None if start is None else start.get(name, 0),
                None if end is None else end.get(name, 0),
                None if network is None else network.evaluation_months,
                open_alerts[name],
            )

    def _headcounts(self, at: Instant, place_of: PlaceOf | None) -> Mapping[str, int] | None:
        """None where no register was in force, and of what has no members."""
        return None if place_of is None else self._book.headcounts(at, place_of)


def _place_of(snapshot: Snapshot, level: Level) -> PlaceOf | None:
    """Return where a network counts on this level; None where networks count nowhere."""
    if level == "sender":
        return None
    if level == "zone":
        zones = {network.id: network.zone for network in snapshot.networks.values()}
        return zones.get
    return (lambda _: COUNTRY) if level == "country" else (lambda name: name)


def _places(alert: Alert, place_of: PlaceOf | None) -> set[str]:
    if place_of is None:
        return {alert.token}
    return {place for name in alert.networks if (place := place_of(name)) is not None}
