"""What one alert came to, place by place: counts, times and money that outlive addresses and texts (R20, R21).

Law: books are made once, from the sheets and the account of an alert that is closed, and a late receipt adds what it
changes. A person in several networks counts in each of them, once in each zone and once in the country. Each attempt of
a warm or cold alert is paid for by the network that permitted it, in its agreed shares; of any other, by the sender.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import add
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from klaroen.core.account import REACHED_STATE
from klaroen.core.audience import Audience
from klaroen.core.buckets import bucket_of, buckets_of
from klaroen.core.model import Alert, AlertClass, Batch, Channel, CostShare, Instant, NetworkId, ZoneId
from klaroen.core.money import divide, micros
from klaroen.core.phases import minutes
from klaroen.core.plan import CompiledPlan, carries_social_media, compile_plan, local_minute, permitting
from klaroen.core.sheet import Sheet
from klaroen.core.snapshot import Snapshot
from klaroen.core.state import HANDED_OVER, REACHED

Level = Literal["network", "zone", "country", "sender"]
COUNTRY: Final = ""
"""The name of the one place of that level."""

PAYERS: Final = ("municipality", "zone", "members", "unagreed", "sender")
"""Who carries costs: a network's three in the shares that it agreed, `unagreed` where it has agreed none."""
_UNAGREED: Final = PAYERS.index("unagreed")
_SENDER: Final = PAYERS.index("sender")
NOTHING: Final = (0,) * len(PAYERS)

NETWORKS_PAY: Final[frozenset[AlertClass]] = frozenset({"warm", "cold"})
_NEVER: Final = 255
"""In the column of buckets, of which there are 200: no proof came."""


class Book(Struct, frozen=True, array_like=True):
    """One alert in one place. Books add up: over alerts of a period, and with what a late receipt changes."""

    counts: tuple[int, ...] = (0,) * 7
    """Members by the state in which their delivery ended, in the order of `account.STATES`."""
    reach_ms: Mapping[int, int] = {}
    """From acceptance to the first proof: bucket (`buckets`) -> members."""
    confirmed: int = 0
    costs: tuple[int, ...] = NOTHING
    """Micro-euros by who carries them, in the order of `PAYERS`."""

    def plus(self, other: "Book") -> "Book":
        return Book(
            tuple(map(add, self.counts, other.counts)),
            Counter(self.reach_ms) + Counter(other.reach_ms),
            self.confirmed + other.confirmed,
            tuple(map(add, self.costs, other.costs)),
        )


class Place(NamedTuple):
    level: Level
    name: str


class BookRow(Struct, frozen=True):
    """A book where it is kept: by place and instant of acceptance.

    `mode` is the alert's; of what Klaroen sends by itself (officers' copies, answers to replies) its origin.
    """

    place: Place
    at: Instant
    alert: str
    alert_class: AlertClass
    mode: str
    book: Book


class Payer(Struct, frozen=True, gc=False):
    """What the register says of one of an alert's networks; None of what it says no more."""

    network: NetworkId
    zone: ZoneId | None
    share: CostShare | None
    plan: CompiledPlan | None


encode: Final = msgspec.msgpack.Encoder().encode
decode: Final = msgspec.msgpack.Decoder(Book).decode


def payers(alert: Alert, snapshot: Snapshot) -> tuple[Payer, ...]:
    """Return those of the alert's networks, in their order."""
    found = []
    for name, version in zip(alert.networks, alert.plan_versions, strict=True):
        network = snapshot.networks.get(name)
        if network is None:
            found.append(Payer(name, None, None, None))
            continue
        zone = snapshot.zones[network.zone]
        plan = next((one for one in network.plans if one.version == version), None)
        compiled = None if plan is None else compile_plan(plan, social_media=carries_social_media(network, zone, plan))
        found.append(Payer(name, network.zone, network.cost_share, compiled))
    return tuple(found)


class Change(NamedTuple):
    """A closed delivery went from one state to another, `ms` after acceptance."""

    delivery: int
    before: int
    after: int
    ms: int


class Ledger:
    """Books one alert: sheet by sheet, then place by place."""

    def __init__(self, alert: Alert, audience: Audience, payers: Sequence[Payer]) -> None:
        self._alert = alert
        self._payers = payers
        self._starts: list[int] = []
        self._networks: list[tuple[int, ...]] = []
        for start, end, networks in audience.regions():
            if end > start:
                self._starts.append(start)
                self._networks.append(networks)
        self._size = len(audience)
        self._proved = bytearray([_NEVER]) * self._size
        """By delivery: the bucket of the first proof."""
        self._confirmed: set[int] = set()
        self._spent: Counter[int | None] = Counter()
        """Micro-euros by network, and None for the sender."""
        self._permitted: dict[tuple[tuple[int, ...], Channel, int], int] = {}

    def add(self, sheet: Sheet) -> None:
        """Book a batch as it ended."""
        proved, deliveries = self._proved, sheet.deliveries
        reached = [index for index, state in enumerate(sheet.states) if state == REACHED]
        buckets = buckets_of([sheet.proved_ms[index] for index in reached])
        for index, bucket in zip(reached, buckets, strict=True):
            delivery = deliveries[index]
            if bucket < proved[delivery]:
                proved[delivery] = bucket
        self._confirmed.update(deliveries[index] for index in sheet.confirmed)
        for amount, indexes in _costs(sheet).items():
            places = Counter(self._row_of(deliveries[index]) for index in indexes)
            for row, count in places.items():
                self._spent[self._payer(sheet.batch, self._networks[row])] += amount * count

    def spend(self, batch: Batch, delivery: int, amount: int) -> None:
        """Book what an attempt cost on whoever pays for it."""
        self._spent[self._payer(batch, self._networks[self._row_of(delivery)])] += amount

    def _payer(self, batch: Batch, networks: tuple[int, ...]) -> int | None:
        """Return the network that permitted the attempt, the lowest id if several did (R5); None for the sender."""
        if self._alert.alert_class not in NETWORKS_PAY:
            return None
        if len(networks) == 1:
            return networks[0]
        minute = local_minute(batch.due_at)
        key = networks, batch.step.channel, minute
        if key not in self._permitted:
            self._permitted[key] = self._find_permitting(*key)
        return self._permitted[key]

    def _find_permitting(self, networks: tuple[int, ...], channel: Channel, minute: int) -> int:
        """A repeat may fall outside the window that permitted its step: then any hour of a plan will do."""
        known = [(index, plan) for index in networks if (plan := self._payers[index].plan) is not None]
        urgent = self._alert.urgent
        orders = [plan.order(urgent, minute) for _, plan in known]
        if any(channel in order for order in orders):
            return known[permitting(orders, channel)][0]
        ever = [(plan.urgent if urgent else plan.non_urgent).orders for _, plan in known]
        return next(
            (index for (index, _), some in zip(known, ever, strict=True) if any(channel in order for order in some)),
            networks[0],
        )

    def _row_of(self, delivery: int) -> int:
        return bisect_right(self._starts, delivery) - 1

    # --- place by place ---------------------------------------------------------------------------------------------

    def close(self, states: bytes | bytearray) -> list[BookRow]:
        """Return the books of every place; `states` are the deliveries' in the closed account."""
        growing: dict[Place, _Growing] = {}
        confirmed = Counter(map(self._row_of, self._confirmed))
        ends = (*self._starts[1:], self._size)
        for row, (start, end, networks) in enumerate(zip(self._starts, ends, self._networks, strict=True)):
            counts = [states.count(state, start, end) for state in range(7)]
            times = self._proved[start:end]
            for place in self._places(networks):
                book = growing.get(place)
                if book is None:
                    book = growing[place] = _Growing()
                book.add(counts, times, confirmed[row])
        return self._rows({place: book.made() for place, book in growing.items()})

    def amend(self, changes: Iterable[Change]) -> list[BookRow]:
        """Return what it changes that closed deliveries go from one state to another, and what was spent since."""
        books: dict[Place, Book] = {}
        for delivery, before, after, ms in changes:
            counts = [0] * 7
            counts[before] -= 1
            counts[after] += 1
            reached = after == REACHED_STATE != before
            book = Book(tuple(counts), {bucket_of(ms): 1} if reached else {})
            for place in self._places(self._networks[self._row_of(delivery)]):
                books[place] = books.get(place, Book()).plus(book)
        return self._rows(books)

    def _places(self, networks: tuple[int, ...]) -> Iterator[Place]:
        """Yield every place in which these people count: each once."""
        for index in networks:
            yield Place("network", self._payers[index].network)
        for zone in {self._payers[index].zone for index in networks} - {None}:
            yield Place("zone", str(zone))
        yield Place("country", COUNTRY)
        yield Place("sender", self._alert.token)

    def _rows(self, books: dict[Place, Book]) -> list[BookRow]:
        for place, costs in self._shared().items():
            book = books.get(place, Book())
            books[place] = replace(book, costs=tuple(map(add, book.costs, costs)))
        alert = self._alert
        mode = alert.mode if alert.origin == "posted" else alert.origin
        return [
            BookRow(place, alert.accepted_at, alert.id, alert.alert_class, mode, book) for place, book in books.items()
        ]

    def _shared(self) -> dict[Place, tuple[int, ...]]:
        """Return what each place has spent, divided (R21)."""
        shared: dict[Place, tuple[int, ...]] = {}
        whole = (Place("country", COUNTRY), Place("sender", self._alert.token))
        for index, amount in self._spent.items():
            costs = _alone(amount, _SENDER) if index is None else _divided(amount, self._payers[index].share)
            for place in whole if index is None else (*self._spenders(index), *whole):
                shared[place] = tuple(map(add, shared.get(place, NOTHING), costs))
        return shared

    def _spenders(self, index: int) -> Iterator[Place]:
        payer = self._payers[index]
        yield Place("network", payer.network)
        if payer.zone is not None:
            yield Place("zone", payer.zone)


class _Growing:
    """The book of one place while it is added up."""

    __slots__ = ("_confirmed", "_counts", "_times")

    def __init__(self) -> None:
        self._counts = [0] * 7
        self._times: Counter[int] = Counter()
        self._confirmed = 0

    def add(self, counts: Sequence[int], times: bytes | bytearray, confirmed: int) -> None:
        self._counts = list(map(add, self._counts, counts))
        self._times.update(times)
        self._confirmed += confirmed

    def made(self) -> Book:
        del self._times[_NEVER]
        return Book(tuple(self._counts), dict(self._times), self._confirmed)


def _divided(amount: int, share: CostShare | None) -> tuple[int, ...]:
    if share is None:
        return _alone(amount, _UNAGREED)
    return (*divide(amount, (share.municipality, share.zone, share.members)), 0, 0)


def _alone(amount: int, payer: int) -> tuple[int, ...]:
    return tuple(amount if place == payer else 0 for place in range(len(PAYERS)))


def _costs(sheet: Sheet) -> Mapping[int, Sequence[int]]:
    """Return the attempts by what each cost, in micro-euros: a call by started minutes, a text by segments."""
    price = micros(sheet.cost_eur)
    if not price:
        return {}
    if not sheet.is_call:
        accepted = [index for index, state in enumerate(sheet.states) if state >= HANDED_OVER]
        return {price * sheet.batch.parts: accepted}
    costs: dict[int, list[int]] = {}
    for index, ended in sheet.calls.ends.items():
        costs.setdefault(price * minutes(ended), []).append(index)
    return costs
