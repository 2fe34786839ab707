"""Whom an alert concerns, frozen at acceptance.

Law: one delivery a person, whatever the number of networks (R5); a delivery is an index into `members`, and its group
holds all that planning may know of it: the networks, the preference and the kinds of address of that moment. What is
durable here is the whole obligation: expansion only cuts it into batches.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from klaroen.core.language import LanguageChoice, choose_language
from klaroen.core.model import Channel, Cohort, Instant, Language, Network, NetworkId
from klaroen.core.plan import CompiledPlan, Offer, Order, ladder, local_minute, orders_at, why_unreachable


class Group(Struct, frozen=True, gc=False, array_like=True):
    """A cohort as one alert sees it: `count` consecutive deliveries."""

    networks: tuple[int, ...]
    """Indexes into `Alert.networks`: those targeted in which the person is active, ascending."""
    preference: tuple[Channel, ...]
    addresses: int
    language: Language
    fell_back: bool
    reason: str | None
    """Why nobody of the group can be reached, or None."""
    count: int


class Audience:
    """The deliveries of one alert, in order: `members[d]` is the member's number, `group(d)` what is known of him."""

    __slots__ = ("_starts", "groups", "members")

    def __init__(self, groups: Sequence[Group], members: bytes) -> None:
        self.groups = tuple(groups)
        self.members = array("I", members)
        self._starts = []
        start = 0
        for group in self.groups:
            self._starts.append(start)
            start += group.count
        assert start == len(self.members), "groups and members disagree"

    def __len__(self) -> int:
        return len(self.members)

    def group_index(self, delivery: int) -> int:
        return bisect_right(self._starts, delivery) - 1

    def group(self, delivery: int) -> Group:
        return self.groups[self.group_index(delivery)]

    def spans_from(self, first: int) -> Iterator[tuple[int, int, Group]]:
        """Yield (start, end, group) in order, from the group that begins at or after delivery `first`."""
        for index in range(bisect_left(self._starts, first), len(self.groups)):
            start, group = self._starts[index], self.groups[index]
            yield start, start + group.count, group

    def encode(self) -> bytes:
        return _encoder.encode((self.groups, self.members.tobytes()))

    @classmethod
    def decode(cls, blob: bytes) -> "Audience":
        return cls(*_decoder.decode(blob))

    @property
    def unreachable(self) -> Mapping[str, int]:
        """How many cannot be reached, by reason."""
        reasons: Counter[str] = Counter()
        for group in self.groups:
            if group.reason is not None:
                reasons[group.reason] += group.count
        return dict(reasons)

    @property
    def fallbacks(self) -> int:
        """How many get another language than the one due (R16)."""
        return sum(group.count for group in self.groups if group.fell_back and group.reason is None)


class Territory(Struct, frozen=True):
    """What planning knows of one targeted network."""

    index: int
    plan: CompiledPlan
    languages: tuple[Language, ...]
    language_choice: LanguageChoice


def territories(
    networks: Sequence[NetworkId], register: Mapping[NetworkId, Network], plans: Mapping[NetworkId, CompiledPlan]
) -> dict[NetworkId, Territory]:
    """Return the targeted networks as planning sees them, by id."""
    return {
        name: Territory(index, plans[name], register[name].languages, register[name].language_choice)
        for index, name in enumerate(networks)
    }


def gather(
    cohorts: Iterable[Cohort],
    targeted: Mapping[NetworkId, Territory],
    languages: Sequence[Language],
    offer: Offer,
    urgent: bool,
    at: Instant,
) -> Audience:
    """Return the audience: everybody active in a targeted network, once (R4, R5), unreachable ones included.

    Shape: `cohorts` may hold others too; they are passed over. `languages` are those supplied, in the sender's order.
    """
    minute = local_minute(at)
    offers = offer.channels
    regions: dict[tuple[NetworkId, ...], tuple[tuple[Territory, ...], tuple[Order, ...]]] = {}
    groups: list[Group] = []
    members: list[bytes] = []
    for cohort in cohorts:
        region = regions.get(cohort.networks)
        if region is None:
            own = tuple(targeted[name] for name in cohort.networks if name in targeted)
            region = regions[cohort.networks] = (own, orders_at([one.plan for one in own], urgent, minute))
        own, orders = region
        if not own:
            continue
        reachable = ladder(orders, cohort.preference, cohort.addresses, offers)
        reason = None if reachable else why_unreachable(orders, cohort.addresses, offer)
        language, fell_back = choose_language(
            [one.languages for one in own], languages, cohort.language, own[0].language_choice
        )
        indexes = tuple([one.index for one in own])
        groups.append(Group(indexes, cohort.preference, cohort.addresses, language, fell_back, reason, cohort.count))
        members.append(cohort.members)
    return Audience(groups, b"".join(members))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[tuple[Group, ...], bytes])
