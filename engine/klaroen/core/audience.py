"""Whom an alert concerns, frozen at acceptance.

Law: one delivery a person, whatever the number of networks (R5); a delivery is an index into `members`, and its group
holds all that planning may know of it: the networks, the preference and the kinds of address of that moment. What is
durable here is the whole obligation: expansion only cuts it into batches.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate, chain
from typing import Final, NamedTuple, get_args

import msgspec
from msgspec import Struct

from klaroen.core.language import LanguageChoice, choose_language
from klaroen.core.model import UNREACHABLE_REASONS, Channel, Instant, Language, Network, NetworkId
from klaroen.core.plan import CompiledPlan, Offer, Order, ladder, local_minute, why_unreachable
from klaroen.core.snapshot import Cohort

REASONS: Final[tuple[UNREACHABLE_REASONS, ...]] = get_args(UNREACHABLE_REASONS)
REACHABLE: Final = 0
"""In a block's `reasons`; any other number is one more than the index of its reason."""


class Kind(Struct, frozen=True, gc=False, array_like=True):
    """What planning knows of a person beside networks and language: a country has some hundred kinds."""

    preference: tuple[Channel, ...]
    addresses: int


class Region(Struct, frozen=True, gc=False):
    """The people of the same networks, and of one language where a network lets members choose: cohort by cohort."""

    networks: tuple[NetworkId, ...]
    language: Language | None
    kinds: tuple[int, ...]
    counts: tuple[int, ...]
    members: bytes


class Regions(Struct, frozen=True):
    """A register version as acceptance walks it: some 2,000 regions for 17,000 cohorts."""

    kinds: tuple[Kind, ...]
    regions: tuple[Region, ...]


def make_regions(cohorts: Iterable[Cohort]) -> Regions:
    """Return the cohorts by networks and language, in their order."""
    kinds: dict[Kind, int] = {}
    grouped: dict[tuple[tuple[NetworkId, ...], Language | None], list[tuple[int, Cohort]]] = {}
    for cohort in cohorts:
        kind = kinds.setdefault(Kind(cohort.preference, cohort.addresses), len(kinds))
        grouped.setdefault((cohort.networks, cohort.language), []).append((kind, cohort))
    regions = tuple(
        Region(
            networks,
            language,
            tuple(kind for kind, _ in rows),
            tuple(cohort.count for _, cohort in rows),
            b"".join(cohort.members for _, cohort in rows),
        )
        for (networks, language), rows in grouped.items()
    )
    return Regions(tuple(kinds), regions)


class Block(Struct, frozen=True, gc=False, array_like=True):
    """A region as one alert sees it: consecutive groups, each of one kind, a count and a reason."""

    networks: tuple[int, ...]
    """Indexes into `Alert.networks`: those targeted in which the people are active, ascending."""
    language: Language
    fell_back: bool
    kinds: tuple[int, ...]
    counts: tuple[int, ...]
    reasons: bytes


class Group(Struct, frozen=True, gc=False):
    """Consecutive deliveries that no rule can tell apart."""

    networks: tuple[int, ...]
    preference: tuple[Channel, ...]
    addresses: int
    language: Language
    fell_back: bool
    reason: UNREACHABLE_REASONS | None
    """Why nobody of the group can be reached, or None."""
    count: int


class Audience:
    """The deliveries of one alert, in order: `members[d]` is the member's number, `group(d)` what is known of him."""

    __slots__ = ("_block_firsts", "_blocks", "_kinds", "_starts", "_unreachable", "members")

    def __init__(self, kinds: Sequence[Kind], blocks: Sequence[Block], members: bytes) -> None:
        self._kinds = tuple(kinds)
        self._blocks = tuple(blocks)
        self._unreachable: list[tuple[int, int, UNREACHABLE_REASONS]] | None = None
        self.members = array("I", members)
        self._block_firsts = list(accumulate((len(block.counts) for block in self._blocks), initial=0))
        """Index of each block's first group."""
        counts = chain.from_iterable([block.counts for block in self._blocks])
        self._starts = list(accumulate(counts, initial=0))
        """Index of each group's first delivery, and the end."""
        assert self._starts[-1] == len(self.members), "groups and members disagree"

    def __len__(self) -> int:
        return len(self.members)

    def group(self, delivery: int) -> Group:
        return self._group(bisect_right(self._starts, delivery) - 1)

    def _group(self, index: int) -> Group:
        place = bisect_right(self._block_firsts, index) - 1
        block = self._blocks[place]
        row = index - self._block_firsts[place]
        kind, reason = self._kinds[block.kinds[row]], block.reasons[row]
        return Group(
            block.networks,
            kind.preference,
            kind.addresses,
            block.language,
            block.fell_back,
            REASONS[reason - 1] if reason != REACHABLE else None,
            block.counts[row],
        )

    def spans_from(self, first: int) -> Iterator[tuple[int, int, Group]]:
        """Yield (start, end, group) in order, from the group that begins at or after delivery `first`."""
        for index in range(bisect_left(self._starts, first), len(self._starts) - 1):
            yield self._starts[index], self._starts[index + 1], self._group(index)

    def regions(self) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """Yield (start, end, networks) in order, block by block: some thousands in a country."""
        for block, first in zip(self._blocks, self._block_firsts, strict=False):
            yield self._starts[first], self._starts[first + len(block.counts)], block.networks

    @property
    def unreachable_spans(self) -> Sequence[tuple[int, int, UNREACHABLE_REASONS]]:
        """(start, end, reason) of those who cannot be reached: looked for once."""
        if self._unreachable is None:
            self._unreachable = [
                (self._starts[index], self._starts[index + 1], REASONS[reason - 1])
                for block, first in zip(self._blocks, self._block_firsts, strict=False)
                if any(block.reasons)
                for index, reason in enumerate(block.reasons, first)
                if reason != REACHABLE
            ]
        return self._unreachable

    def within(self, networks: AbstractSet[int]) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of those who are active in no targeted network but these, by index."""
        for block, first in zip(self._blocks, self._block_firsts, strict=False):
            if all(index in networks for index in block.networks):
                yield self._starts[first], self._starts[first + len(block.counts)]

    @property
    def unreachable(self) -> Mapping[str, int]:
        """How many cannot be reached, by reason."""
        reasons: Counter[str] = Counter()
        for start, end, reason in self.unreachable_spans:
            reasons[reason] += end - start
        return dict(reasons)

    @property
    def fallbacks(self) -> int:
        """How many get another language than the one due (R16)."""
        return sum(
            count
            for block in self._blocks
            if block.fell_back
            for count, reason in zip(block.counts, block.reasons, strict=True)
            if reason == REACHABLE
        )

    def encode(self) -> bytes:
        return _encoder.encode((self._kinds, self._blocks, self.members.tobytes()))

    @classmethod
    def decode(cls, blob: bytes) -> "Audience":
        return cls(*_decoder.decode(blob))


Place = tuple[Region, tuple[int, ...]]
"""A region, and the targeted networks in which its people are active: indexes into `Alert.networks`, ascending."""


def locate(regions: Iterable[Region], networks: Sequence[NetworkId]) -> list[Place]:
    """Return the regions with people of these networks, each with where it lies among them."""
    index = {name: index for index, name in enumerate(networks)}.get
    found = []
    for region in regions:
        own = tuple([place for name in region.networks if (place := index(name)) is not None])
        if own:
            found.append((region, own))
    return found


class Territory(Struct, frozen=True, gc=False):
    """What planning knows of one targeted network."""

    plan: CompiledPlan
    languages: tuple[Language, ...]
    language_choice: LanguageChoice


def territories(
    networks: Sequence[NetworkId], register: Mapping[NetworkId, Network], plans: Mapping[NetworkId, CompiledPlan]
) -> list[Territory]:
    """Return the targeted networks as planning sees them, in their order."""
    return [Territory(plans[name], register[name].languages, register[name].language_choice) for name in networks]


Shape = tuple[Order, tuple[Language, ...], LanguageChoice]
"""What planning asks of a network: the channels in force, its languages, and who chooses among them."""


class Reasons(dict[int, int]):
    """By kind: `REACHABLE`, or why plans of these orders reach nobody of it. Found when first asked for."""

    def __init__(self, orders: tuple[Order, ...], kinds: Sequence[Kind], offer: Offer) -> None:
        super().__init__()
        self._orders = orders
        self._kinds = kinds
        self._offer = offer

    def __missing__(self, kind: int) -> int:
        one = self._kinds[kind]
        found = REACHABLE
        if not ladder(self._orders, one.preference, one.addresses, self._offer.channels):
            reason = why_unreachable(self._orders, one.addresses, self._offer)
            assert reason is not None, "an empty ladder has a reason"
            found = REASONS.index(reason) + 1
        self[kind] = found
        return found


class View(NamedTuple):
    """What one alert makes of the people of some networks, who have the same languages to choose from."""

    language: Language
    fell_back: bool
    reason_of: Callable[[int], int]
    """By kind: `REACHABLE`, or one more than the index of why not."""


class Judge:
    """Judges regions of one alert, and remembers: a country's plans and languages come in a handful of shapes."""

    def __init__(
        self, kinds: Sequence[Kind], languages: Sequence[Language], offer: Offer, urgent: bool, at: Instant
    ) -> None:
        self._kinds = kinds
        self._languages = languages
        self._offer = offer
        self._urgent = urgent
        self._minute = local_minute(at)
        self._shapes: dict[Shape, int] = {}
        self._reasons: dict[tuple[Order, ...], Reasons] = {}
        self._views: dict[tuple[object, ...], View] = {}

    def shape(self, territory: Territory) -> int:
        """Return a number for all that matters of a network at this minute: equal ones have the same."""
        order = territory.plan.order(self._urgent, self._minute)
        shape = (order, territory.languages, territory.language_choice)
        return self._shapes.setdefault(shape, len(self._shapes))

    def view(self, wanted: Language | None, shapes: Sequence[int]) -> View:
        """Return the view of people of networks of these shapes, who wish for a language or for none (R16)."""
        key = (wanted, *shapes)
        return self._views.get(key) or self._views.setdefault(key, self._look(wanted, shapes))

    def _look(self, wanted: Language | None, shapes: Sequence[int]) -> View:
        known = list(self._shapes)
        orders, spoken, choices = zip(*(known[shape] for shape in shapes), strict=True)
        language, fell_back = choose_language(spoken, self._languages, wanted, choices[0])
        reasons = self._reasons.get(orders) or Reasons(orders, self._kinds, self._offer)
        return View(language, fell_back, self._reasons.setdefault(orders, reasons).__getitem__)


def gather(
    kinds: Sequence[Kind],
    places: Iterable[Place],
    targeted: Sequence[Territory],
    languages: Sequence[Language],
    offer: Offer,
    urgent: bool,
    at: Instant,
) -> Audience:
    """Return the audience: everybody active in a targeted network, once (R4, R5), unreachable ones included.

    Shape: `languages` are those supplied, in the sender's order.
    """
    judge = Judge(kinds, languages, offer, urgent, at)
    shapes = [judge.shape(one) for one in targeted]
    blocks: list[Block] = []
    members: list[bytes] = []
    for region, own in places:
        language, fell_back, reason_of = judge.view(region.language, [shapes[index] for index in own])
        reasons = bytes(map(reason_of, region.kinds))
        blocks.append(Block(own, language, fell_back, region.kinds, region.counts, reasons))
        members.append(region.members)
    return Audience(kinds, blocks, b"".join(members))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[tuple[Kind, ...], tuple[Block, ...], bytes])
