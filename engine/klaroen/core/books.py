"""What one alert came to, place by place: counts, times and money that outlive addresses and texts (R20, R21).

Law: books are made once, from the sheets and the account of an alert that is closed, and a late receipt adds what it
changes. A person in several networks counts in each of them, once in each zone and once in the country. Each attempt of
a warm or cold alert is paid for by the network that permitted it, in its agreed shares; of any other, by the sender.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from operator import add
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from klaroen.core.account import REACHED_STATE
from klaroen.core.audience import Audience
from klaroen.core.buckets import bucket_of
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


class Ledger:
    """Books one alert: sheet by sheet, then place by place."""

    def __init__(self, alert: Alert, audience: Audience, payers: Sequence[Payer]) -> None:
        self._alert = alert
        self._payers = payers
        self._starts: list[int] = []
        self._networks: list[tuple[int, ...]] = []
        for start, _, group in audience.spans_from(0):
            if not self._networks or self._networks[-1] != group.networks:
                self._starts.append(start)
                self._networks.append(group.networks)
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
        for delivery, state, ms in zip(deliveries, sheet.states, sheet.proved_ms, strict=True):
            if state == REACHED:
                bucket = bucket_of(ms)
                if bucket < proved[delivery]:
                    proved[delivery] = bucket
        self._confirmed.update(deliveries[index] for index in sheet.confirmed)
        for index, amount in _costs(sheet):
            self.spend(sheet.batch, deliveries[index], amount)

    def spend(self, batch: Batch, delivery: int, amount: int) -> None:
        """Book what an attempt cost on whoever pays for it."""
        self._spent[self._payer(batch, self._networks_of(delivery))] += amount

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

    def _networks_of(self, delivery: int) -> tuple[int, ...]:
        return self._networks[bisect_right(self._starts, delivery) - 1]

    # --- place by place ---------------------------------------------------------------------------------------------

    def close(self, states: bytes | bytearray) -> list[BookRow]:
        """Return the books of every place; `states` are the deliveries' in the closed account."""
        books: dict[Place, Book] = {}
        confirmed = Counter(bisect_right(self._starts, delivery) - 1 for delivery in self._confirmed)
        ends = (*self._starts[1:], self._size)
        for row, (start, end, networks) in enumerate(zip(self._starts, ends, self._networks, strict=True)):
            counts = tuple(states.count(state, start, end) for state in range(7))
            times = Counter(self._proved[start:end])
            del times[_NEVER]
            book = Book(counts, times, confirmed[row])
            for place in self._places(networks):
                books[place] = books[place].plus(book) if place in books else book
        return self._rows(books)

    def change(self, delivery: int, before: int, after: int, ms: int) -> list[BookRow]:
        """Return what it changes that a closed delivery goes from one state to another, and what was spent since."""
        counts = [0] * 7
        counts[before] -= 1
        counts[after] += 1
        reached = after == REACHED_STATE != before
        book = Book(tuple(counts), {bucket_of(ms): 1} if reached else {})
        return self._rows(dict.fromkeys(self._places(self._networks_of(delivery)), book))

    def _places(self, networks: tuple[int, ...]) -> Iterator[Place]:
        """Yield every place in which these people count: each once."""
        for index in networks:
            yield Place("network", self._payers[index].network)
        for zone in {self._payers[index].zone for index in networks} - {None}:
            yield Place("zone", str(zone))
        yield Place("country", COUNTRY)
        yield Place("sender", self._alert.token)

    def _rows(self, books: dict[Place, Book]) -> list[BookRow]:
        for place, costs in self._shared():
            books[place] = books.get(place, Book()).plus(Book(costs=costs))
        alert = self._alert
        mode = alert.mode if alert.origin == "posted" else alert.origin
        return [
            BookRow(place, alert.accepted_at, alert.id, alert.alert_class, mode, book) for place, book in books.items()
        ]

    def _shared(self) -> Iterator[tuple[Place, tuple[int, ...]]]:
        """Yield what each place has spent, divided (R21)."""
        country: Sequence[int] = NOTHING
        for index, amount in self._spent.items():
            if index is None:
                costs = _alone(amount, _SENDER)
            else:
                payer = self._payers[index]
                share = payer.share
                costs = (
                    _alone(amount, _UNAGREED)
                    if share is None
                    else (*divide(amount, (share.municipality, share.zone, share.members)), 0, 0)
                )
                yield Place("network", payer.network), costs
                if payer.zone is not None:
                    yield Place("zone", payer.zone), costs
            country = tuple(map(add, country, costs))
        yield Place("country", COUNTRY), tuple(country)
        yield Place("sender", self._alert.token), tuple(country)


def _alone(amount: int, payer: int) -> tuple[int, ...]:
    return tuple(amount if place == payer else 0 for place in range(len(PAYERS)))


def _costs(sheet: Sheet) -> Iterator[tuple[int, int]]:
    """Yield (index, micro-euros) of each attempt that cost something: a call by started minutes, a text by segments."""
    price = micros(sheet.cost_eur)
    if not price:
        return
    if sheet.is_call:
        for index, ended in sheet.calls.ends.items():
            yield index, price * minutes(ended)
        return
    amount = price * sheet.batch.parts
    for index, state in enumerate(sheet.states):
        if state >= HANDED_OVER:
            yield index, amount
