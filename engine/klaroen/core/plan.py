"""Which step comes next for one member, by hour, weekday and preference (R5, R12-R15).

Law: pure, and a step depends on values only. An instant becomes a minute of the local week in one place, a plan becomes
once a row of spans of that week, and what remains (`ladder`) is remembered by (orders in force, preference, kinds of
address, channels offered): the orders are the identity of the windows in force.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from klaroen.core.model import (
    ADDRESS_KINDS,
    UNREACHABLE_REASONS,
    AddressKind,
    AlertClass,
    Channel,
    Instant,
    Network,
    Plan,
    Step,
    Window,
    Zone,
)

BRUSSELS: Final = ZoneInfo("Europe/Brussels")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 24 * 60
WEEK_MINUTES: Final = 7 * DAY_MINUTES
LADDERS_MAX: Final = 65_536
"""Ladders remembered: a country of 100,000 members has some hundreds of distinct ones; this bounds a hostile one."""

Order = tuple[Channel, ...]
"""The channels that a plan permits at some minute, first choice first; empty where no window holds."""

ADDRESSES_OF: Final[dict[Channel, tuple[AddressKind, ...]]] = {
    "sms": ("mobile",),
    "voice": ("mobile", "landline"),
    "tts": ("mobile", "landline"),
    "email": ("email",),
    "whatsapp": ("whatsapp",),
}
"""Where each channel goes, in order: calls try the mobile, then the landline (R14)."""


class Hours(Struct, frozen=True, gc=False):
    """One week of windows: from minute `starts[i]` of the local week until the next start, `orders[i]` holds."""

    starts: tuple[int, ...]
    orders: tuple[Order, ...]

    def at(self, minute: int) -> Order:
        return self.orders[bisect_right(self.starts, minute) - 1]

    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Return the spans [from, to) of the week in which nothing is permitted (R6)."""
        return tuple((start, end) for start, end, order in self.spans() if not order)

    def spans(self) -> Iterator[tuple[int, int, Order]]:
        """Yield (from, to, order) over the whole week, Monday 00:00 first."""
        yield from zip(self.starts, (*self.starts[1:], WEEK_MINUTES), self.orders, strict=True)


class CompiledPlan(Struct, frozen=True, gc=False):
    """One plan version, ready to be asked at any minute of the week."""

    version: int
    urgent: Hours
    non_urgent: Hours

    def order(self, urgent: bool, minute: int) -> Order:
        return (self.urgent if urgent else self.non_urgent).at(minute)


class Offer(Struct, frozen=True, gc=False):
    """What one alert can go by, kept apart by cause so that who is left out can be told why."""

    allowed: frozenset[Channel]
    """By the alert's class and its own `channels`, which narrow and never widen."""
    content: frozenset[Channel]
    """Those for which the alert holds a text or a recording (R12)."""
    carriers: frozenset[Channel]
    """Those that a configured carrier serves."""

    @property
    def channels(self) -> frozenset[Channel]:
        return self.allowed & self.content & self.carriers


# --- time -----------------------------------------------------------------------------------------------------------


def local_minute(at: Instant) -> int:
    """Return the minute of the week in Brussels, 0 for Monday 00:00.

    An hour that the clocks skip in March is never returned; the hour that comes twice in October is returned twice.
    """
    local = datetime.fromtimestamp(at // 1000, UTC).astimezone(BRUSSELS)
    return local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute


def local_date(at: Instant) -> str:
    """Return the date in Brussels, "YYYY-MM-DD"."""
    return datetime.fromtimestamp(at // 1000, UTC).astimezone(BRUSSELS).date().isoformat()


def minute_of_day(clock: str) -> int:
    """Return the minute that "HH:MM" names, up to 1,440 for "24:00". Raises ValueError for anything else."""
    hour, colon, minute = clock.partition(":")
    if not (clock.isascii() and colon and len(hour) == len(minute) == 2 and hour.isdigit() and minute.isdigit()):
        raise ValueError("a time is written HH:MM")
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > DAY_MINUTES:
        raise ValueError("a time lies between 00:00 and 24:00")
    return minutes


# --- plans ----------------------------------------------------------------------------------------------------------


def version_at(network: Network, at: Instant) -> Plan:
    """Return the plan that holds: the greatest `valid_from` not after the local date (R3).

    Before its first plan begins a network goes by that first one: a recognised network is never without a plan
    *(reading)*.
    """
    today = local_date(at)
    by_date = sorted(network.plans, key=lambda plan: (plan.valid_from, plan.version))
    begun = [plan for plan in by_date if plan.valid_from <= today]
    return begun[-1] if begun else by_date[0]


def carries_social_media(network: Network, zone: Zone, plan: Plan) -> bool:
    """Say whether urgent messages may go by social media: zone, plan, house rules and kind all agree (R13)."""
    return (
        network.kind != "residents"
        and network.house_rules_social_media
        and plan.social_media_supported
        and zone.social_media_supported
    )


def compile_plan(plan: Plan, *, social_media: bool = False) -> CompiledPlan:
    """Return the plan ready for use; without `social_media` (R13) its urgent windows lose `whatsapp`."""
    urgent = compile_hours(plan.urgent)
    if not social_media:
        urgent = Hours(urgent.starts, tuple(tuple(c for c in order if c != "whatsapp") for order in urgent.orders))
    return CompiledPlan(plan.version, urgent, compile_hours(plan.non_urgent))


@lru_cache(maxsize=4_096)  # plans come in a handful of shapes; a network's own versions are few
def compile_hours(windows: tuple[Window, ...]) -> Hours:
    """Return the week as spans. Where windows overlap, the one listed first holds *(reading)*.

    Raises ValueError where a window's time is not one.
    """
    pieces = [(start, end, window.channels) for window in windows for start, end in spans_of(window)]
    edges = sorted({0} | {edge for start, end, _ in pieces for edge in (start, end) if edge < WEEK_MINUTES})
    starts: list[int] = []
    orders: list[Order] = []
    for edge in edges:
        order = next((channels for start, end, channels in pieces if start <= edge < end), ())
        if not orders or order != orders[-1]:
            starts.append(edge)
            orders.append(order)
    return Hours(tuple(starts), tuple(orders))


def spans_of(window: Window) -> Iterator[tuple[int, int]]:
    """Yield the window's spans [from, to) of the week; one that passes Sunday's midnight goes on from Monday 00:00."""
    start, to = minute_of_day(window.start), minute_of_day(window.to)
    if start == DAY_MINUTES:
        raise ValueError("a window begins before 24:00")
    length = to - start if to > start else to - start + DAY_MINUTES
    for index, day in enumerate(DAYS):
        if window.days and day not in window.days:
            continue
        begin = index * DAY_MINUTES + start
        yield begin, min(begin + length, WEEK_MINUTES)
        if begin + length > WEEK_MINUTES:
            yield 0, begin + length - WEEK_MINUTES


# --- an alert's channels --------------------------------------------------------------------------------------------


def goes_urgently(alert_class: AlertClass, urgent: bool) -> bool:
    """Say which list of the plan a class uses; only for public_interest has the sender a say."""
    return alert_class in ("crisis", "warm") or (alert_class == "public_interest" and urgent)


def make_offer(
    alert_class: AlertClass,
    *,
    text: bool,
    recording: bool,
    narrowed: Collection[Channel] | None,
    carriers: Collection[Channel],
    unable: Collection[Channel] = (),
) -> Offer:
    """Return what an alert can go by: its class (crisis never by WhatsApp, R10), its content (R12), the carriers.

    Shape: `unable` are channels of which no carrier can carry any of the texts exactly (law 8).
    """
    allowed = frozenset(ADDRESSES_OF if narrowed is None else narrowed)
    if alert_class == "crisis":
        allowed -= {"whatsapp"}
    content: set[Channel] = set()
    if text:
        content |= {"sms", "email", "whatsapp"}
    if text or recording:
        content |= {"voice", "tts"}
    return Offer(allowed, frozenset(content.difference(unable)), frozenset(carriers))


# --- steps ----------------------------------------------------------------------------------------------------------


def next_step(
    plans: Sequence[CompiledPlan],
    preference: Sequence[Channel],
    addresses: int,
    tried: Collection[Step],
    offers: frozenset[Channel],
    urgent: bool,
    at: Instant,
) -> Step | None:
    """Return the next step for one member at this hour, or None where none is left.

    Shape: `plans` are those in force of the targeted networks in which the person is active, by network id (R5);
    bit i of `addresses` stands for `ADDRESS_KINDS[i]`. Steps already tried do not return.
    """
    orders = orders_at(plans, urgent, local_minute(at))
    return first_untried(ladder(orders, tuple(preference), addresses, offers), tried)


def orders_at(plans: Sequence[CompiledPlan], urgent: bool, minute: int) -> tuple[Order, ...]:
    """Return the orders in force at a minute of the local week: the windows' identity, for whoever remembers."""
    return tuple([plan.order(urgent, minute) for plan in plans])


@lru_cache(maxsize=LADDERS_MAX)
def ladder(
    orders: tuple[Order, ...], preference: tuple[Channel, ...], addresses: int, offers: frozenset[Channel]
) -> tuple[Step, ...]:
    """Return every step open to such a member, in order: the preference first, then the plans' other channels (R14)."""
    permitted = dict.fromkeys(channel for order in orders for channel in order if channel in offers)
    ranked = dict.fromkeys([*(channel for channel in preference if channel in permitted), *permitted])
    return tuple(Step(channel, kind) for channel in ranked for kind in ADDRESSES_OF[channel] if has(addresses, kind))


def first_untried(steps: Sequence[Step], tried: Collection[Step]) -> Step | None:
    return next((step for step in steps if step not in tried), None)


def permitting(orders: Sequence[Order], channel: Channel) -> int:
    """Return the index of the network on which an attempt is booked: the first whose plan permits the channel (R5)."""
    return next(index for index, order in enumerate(orders) if channel in order)


def why_unreachable(permitted: AbstractSet[Channel], addresses: int, offer: Offer) -> UNREACHABLE_REASONS | None:
    """Return why `ladder` is empty for somebody whose plans permit these channels, or None where it is not.

    The first cause that leaves nothing is named: no channel that plan, class and sender all permit; no address for
    one; no content for one; no carrier for one.
    """
    allowed = permitted & offer.allowed
    if not allowed:
        return "no_channel"
    addressed = {channel for channel in allowed if any(has(addresses, kind) for kind in ADDRESSES_OF[channel])}
    if not addressed:
        return "no_address"
    if not addressed & offer.content:
        return "no_content"
    return None if addressed & offer.content & offer.carriers else "no_carrier"


_BIT: Final = {kind: 1 << index for index, kind in enumerate(ADDRESS_KINDS)}


def has(addresses: int, kind: AddressKind) -> bool:
    return bool(addresses & _BIT[kind])


def address_mask(kinds: Collection[AddressKind]) -> int:
    """Return `Cohort.addresses` for someone who has these kinds of address."""
    return sum(_BIT[kind] for kind in set(kinds))
