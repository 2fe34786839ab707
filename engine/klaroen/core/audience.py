"""Whom an alert concerns, frozen at acceptance.

Law: one delivery a person, whatever the number of networks (R5); a delivery is an index into `members`, and its group
holds all that planning may know of it: the networks, the preference and the kinds of address of that moment. What is
durable here is the whole obligation: expansion only cuts it into batches.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, chain, compress
from typing import Final, NamedTuple, get_args

import msgspec
from msgspec import Struct

from klaroen.core.model import UNREACHABLE_REASONS, Channel, Language

REASONS: Final[tuple[UNREACHABLE_REASONS, ...]] = get_args(UNREACHABLE_REASONS)
REACHABLE: Final = 0
"""In an audience's `reasons`; any other number is one more than the index of its reason."""


class Kind(Struct, frozen=True, gc=False, array_like=True):
    """What planning knows of a person beside networks and language: a country has some hundred kinds."""

    preference: tuple[Channel, ...]
    addresses: int


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


Block = tuple[tuple[int, ...], Sequence[int], Sequence[int]]
"""Consecutive groups of people of the same networks, indexes into `Alert.networks`; by group the kind and the count."""


class Layout:
    """People in the order of their deliveries, whatever an alert says: block by block, and in it group by group."""

    def __init__(
        self,
        kinds: Sequence[Kind],
        networks: Sequence[tuple[int, ...]],
        firsts: "array[int]",
        kinds_of: "array[int]",
        starts: "array[int]",
        members: "array[int]",
    ) -> None:
        self.kinds = tuple(kinds)
        self.networks = networks
        """By block: indexes into `Alert.networks`, of those targeted in which the people are active, ascending."""
        self.firsts = firsts
        """Index of each block's first group, and the end."""
        self.kinds_of = kinds_of
        """By group: an index into `kinds`."""
        self.starts = starts
        """Index of each group's first delivery, and the end."""
        self.members = members
        assert starts[-1] == len(members), "groups and members disagree"

    @classmethod
    def of(cls, kinds: Sequence[Kind], blocks: Sequence[Block], members: bytes) -> "Layout":
        """Shape: `members` as in `Cohort`."""
        networks, kinds_of, counts = zip(*blocks, strict=True) if blocks else ((), (), ())
        return cls(
            kinds,
            networks,
            array("I", accumulate(map(len, kinds_of), initial=0)),
            array("H", chain.from_iterable(kinds_of)),
            array("I", accumulate(chain.from_iterable(counts), initial=0)),
            array("I", members),
        )

    @cached_property
    def packed(self) -> msgspec.Raw:
        """All of it but the members, as a blob."""
        columns = self.firsts.tobytes(), self.kinds_of.tobytes(), self.starts.tobytes()
        return msgspec.Raw(_encoder.encode((self.kinds, self.networks, *columns)))

    @classmethod
    def unpack(cls, packed: msgspec.Raw, members: bytes) -> "Layout":
        kinds, networks, firsts, kinds_of, starts = _layout_decoder.decode(packed)
        return cls(kinds, networks, array("I", firsts), array("H", kinds_of), array("I", starts), array("I", members))

    def span(self, block: int) -> tuple[int, int]:
        """Return (start, end) of the block's deliveries."""
        return self.starts[self.firsts[block]], self.starts[self.firsts[block + 1]]


class Tongue(NamedTuple):
    """The language in which people are warned, and whether another one was due (R16)."""

    language: Language
    fell_back: bool


class Audience:
    """The deliveries of one alert, in order: `members[d]` is the member's number, `group(d)` what is known of him."""

    def __init__(self, layout: Layout, tongues: Sequence[Tongue], tongues_of: bytes, reasons: bytes) -> None:
        """Shape: `tongues_of` is an index into `tongues` by block, `reasons` is by group."""
        self._layout = layout
        self._tongues = tuple(tongues)
        self._tongues_of = tongues_of
        self._reasons = reasons
        self.members = layout.members

    def __len__(self) -> int:
        return len(self.members)

    def group(self, delivery: int) -> Group:
        return self._group(bisect_right(self._layout.starts, delivery) - 1)

    def _group(self, index: int) -> Group:
        layout = self._layout
        block = bisect_right(layout.firsts, index) - 1
        kind, reason = layout.kinds[layout.kinds_of[index]], self._reasons[index]
        return Group(
            layout.networks[block],
            kind.preference,
            kind.addresses,
            *self._tongues[self._tongues_of[block]],
            REASONS[reason - 1] if reason != REACHABLE else None,
            layout.starts[index + 1] - layout.starts[index],
        )

    def spans_from(self, first: int) -> Iterator[tuple[int, int, Group]]:
        """Yield (start, end, group) in order, from the group that begins at or after delivery `first`."""
        starts = self._layout.starts
        for index in range(bisect_left(starts, first), len(starts) - 1):
            yield starts[index], starts[index + 1], self._group(index)

    def regions(self) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """Yield (start, end, networks) in order, block by block: some thousands in a country."""
        for block, networks in enumerate(self._layout.networks):
            yield *self._layout.span(block), networks

    def within(self, networks: frozenset[int]) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of those who are active in no targeted network but these, by index."""
        for start, end, own in self.regions():
            if networks.issuperset(own):
                yield start, end

    @cached_property
    def unreachable_spans(self) -> Sequence[tuple[int, int, UNREACHABLE_REASONS]]:
        """(start, end, reason) of those who cannot be reached."""
        starts, reasons = self._layout.starts, self._reasons
        return [
            (starts[index], starts[index + 1], REASONS[reasons[index] - 1])
            for index in compress(range(len(reasons)), reasons)
        ]

    @cached_property
    def unreachable(self) -> Mapping[str, int]:
        """How many cannot be reached, by reason."""
        reasons: dict[str, int] = {}
        for start, end, reason in self.unreachable_spans:
            reasons[reason] = reasons.get(reason, 0) + end - start
        return reasons

    @property
    def fallbacks(self) -> int:
        """How many get another language than the one due (R16)."""
        layout, reasons = self._layout, self._reasons
        return sum(
            layout.starts[index + 1] - layout.starts[index]
            for block, tongue in enumerate(self._tongues_of)
            if self._tongues[tongue].fell_back
            for index in range(layout.firsts[block], layout.firsts[block + 1])
            if reasons[index] == REACHABLE
        )

    def encode(self) -> bytes:
        members = self.members.tobytes()
        return _encoder.encode((self._layout.packed, members, self._tongues, self._tongues_of, self._reasons))

    @classmethod
    def decode(cls, blob: bytes) -> "Audience":
        if blob[0] == _OF_BLOCKS:
            return _of_blocks(blob)
        packed, members, tongues, tongues_of, reasons = _decoder.decode(blob)
        return cls(Layout.unpack(packed, members), tongues, tongues_of, reasons)


# --- as it is kept ----------------------------------------------------------------------------------------------------


class JudgedBlock(Struct, frozen=True, gc=False, array_like=True):
    """A block as it was kept before alerts shared a layout."""

    networks: tuple[int, ...]
    language: Language
    fell_back: bool
    kinds: tuple[int, ...]
    counts: tuple[int, ...]
    reasons: bytes


_OF_BLOCKS: Final = 0x93
"""How such a blob begins: an array of three."""


def _of_blocks(blob: bytes) -> Audience:
    kinds, blocks, members = _blocks_decoder.decode(blob)
    layout = Layout.of(kinds, [(block.networks, block.kinds, block.counts) for block in blocks], members)
    tongues = [Tongue(block.language, block.fell_back) for block in blocks]
    known = list(dict.fromkeys(tongues))
    reasons = b"".join(block.reasons for block in blocks)
    return Audience(layout, known, bytes(map(known.index, tongues)), reasons)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[msgspec.Raw, bytes, tuple[Tongue, ...], bytes, bytes])
_layout_decoder = msgspec.msgpack.Decoder(tuple[tuple[Kind, ...], tuple[tuple[int, ...], ...], bytes, bytes, bytes])
_blocks_decoder = msgspec.msgpack.Decoder(tuple[tuple[Kind, ...], tuple[JudgedBlock, ...], bytes])
