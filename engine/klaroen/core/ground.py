"""Where an alert goes, before anything of the alert itself is asked, and how one alert judges it.

From the register to an audience: cohorts -> `Region` (once a version) -> `Place` (where it lies among the networks of
an alert) -> `Ground` (these networks' day: a country's is kept) -> `Audience` (what one alert makes of it).
"""

from array import array
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property, lru_cache
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from klaroen.core.audience import REACHABLE, REASONS, Audience, Kind, Layout, Tongue
from klaroen.core.language import LanguageChoice, choose_language
from klaroen.core.model import ADDRESS_KINDS, Channel, Instant, Language, Network, NetworkId
from klaroen.core.plan import CompiledPlan, Hours, Offer, Order, local_minute, why_unreachable
from klaroen.core.snapshot import Cohort


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


def narrowed(region: Region, people: AbstractSet[int], *, without: bool) -> Region:
    """Return the region with these people alone, or without them; it may have none."""
    members = array("I", region.members)
    if without and people.isdisjoint(members):
        return region
    kept = array("I")
    kinds, counts = [], []
    start = 0
    for kind, count in zip(region.kinds, region.counts, strict=True):
        some = [member for member in members[start : start + count] if (member in people) is not without]
        start += count
        if some:
            kinds.append(kind)
            counts.append(len(some))
            kept.extend(some)
    return replace(region, kinds=tuple(kinds), counts=tuple(counts), members=kept.tobytes())


# --- the ground -------------------------------------------------------------------------------------------------------


class Territory(Struct, frozen=True, gc=False):
    """What planning knows of one targeted network: a country has some thirty different ones."""

    urgent: Hours
    non_urgent: Hours
    languages: tuple[Language, ...]
    language_choice: LanguageChoice

    @classmethod
    def of(cls, network: Network, plan: CompiledPlan) -> "Territory":
        return cls(plan.urgent, plan.non_urgent, network.languages, network.language_choice)

    def order(self, urgent: bool, minute: int) -> Order:
        return (self.urgent if urgent else self.non_urgent).at(minute)


Outlook = tuple[Language | None, tuple[int, ...]]
"""What people of a place wish for, and the territories they are of: indexes into those of the ground."""


class Ground:
    """Targeted networks and their people, as far as no alert changes it."""

    def __init__(self, kinds: Sequence[Kind], places: Sequence[Place], territories: Sequence[Territory]) -> None:
        """Shape: `territories` are the networks', in the alert's order; equal ones are one object, or cost more."""
        self.kinds = kinds
        self.places = places
        self._by_network = territories

    def among(self, people: AbstractSet[int], *, without: bool = False) -> "Ground":
        """Return the same networks with these people alone, or without them."""
        places = [(narrowed(region, people, without=without), own) for region, own in self.places]
        return Ground(self.kinds, places, self._by_network)

    def behind(self, kinds: Sequence[Kind], places: Sequence[Place]) -> "Ground":
        """Return the same networks with others before these people; `kinds` begin with this ground's."""
        return Ground(kinds, [*places, *self.places], self._by_network)

    def prepare(self) -> None:
        """Find now what is found when first asked for."""
        _ = self.layout.packed, self.addresses, self._surveyed

    @cached_property
    def layout(self) -> Layout:
        blocks = [(own, region.kinds, region.counts) for region, own in self.places]
        return Layout.of(self.kinds, blocks, b"".join([region.members for region, _ in self.places]))

    @cached_property
    def addresses(self) -> Sequence[bytes]:
        """By place: the kinds of address (bits, as `Cohort.addresses`) of each of its groups."""
        return [bytes([self.kinds[kind].addresses for kind in region.kinds]) for region, _ in self.places]

    @property
    def territories(self) -> Sequence[Territory]:
        """Each different one, once."""
        return self._surveyed[0]

    @property
    def outlooks(self) -> Sequence[Outlook]:
        """Each different one, once: a country has some hundreds."""
        return self._surveyed[1]

    @property
    def outlooks_of(self) -> Sequence[int]:
        """By place: an index into `outlooks`."""
        return self._surveyed[2]

    @cached_property
    def _surveyed(self) -> tuple[Sequence[Territory], Sequence[Outlook], Sequence[int]]:
        different = {id(one): one for one in self._by_network}
        number = {own: place for place, own in enumerate(different)}
        numbers = [number[id(one)] for one in self._by_network]
        outlooks: dict[Outlook, int] = {}
        places = [
            outlooks.setdefault((region.language, tuple([numbers[index] for index in own])), len(outlooks))
            for region, own in self.places
        ]
        return list(different.values()), list(outlooks), places


# --- how one alert judges it ------------------------------------------------------------------------------------------


def gather(ground: Ground, languages: Sequence[Language], offer: Offer, urgent: bool, at: Instant) -> Audience:
    """Return the audience: everybody active in a targeted network, once (R4, R5), unreachable ones included.

    Shape: `languages` are those supplied, in the sender's order; each hears one of them (R16).
    """
    minute = local_minute(at)
    orders = [one.order(urgent, minute) for one in ground.territories]
    tongues: dict[Tongue, int] = {}
    views = []
    for wanted, own in ground.outlooks:
        territories = [ground.territories[index] for index in own]
        spoken = [one.languages for one in territories]
        tongue = Tongue(*choose_language(spoken, languages, wanted, territories[0].language_choice))
        permitted = frozenset(chain.from_iterable([orders[index] for index in own]))
        views.append((tongues.setdefault(tongue, len(tongues)), _verdicts(permitted, offer)))
    seen = [views[outlook] for outlook in ground.outlooks_of]
    reasons = [
        addresses.translate(by_address) for addresses, (_, by_address) in zip(ground.addresses, seen, strict=True)
    ]
    return Audience(ground.layout, list(tongues), bytes([tongue for tongue, _ in seen]), b"".join(reasons))


@lru_cache(maxsize=1_024)  # plans permit some ten sets of channels, and an alert goes by a handful of ways
def _verdicts(permitted: frozenset[Channel], offer: Offer) -> bytes:
    """Return, by kinds of address, `REACHABLE` or one more than the index of the reason why not."""
    found = [why_unreachable(permitted, addresses, offer) for addresses in range(1 << len(ADDRESS_KINDS))]
    return bytes(REACHABLE if reason is None else REASONS.index(reason) + 1 for reason in found).ljust(256, b"\0")
