"""A register version as acceptance, hand-over and replies look things up in it.

Law: read-only, but for what is found once and kept: the day's plans, the country's places, members by address.
"""

from array import array
from collections.abc import Mapping, Sequence
from functools import cached_property

from klaroen.core.ground import Ground, Place, Region, Territory, locate, make_regions
from klaroen.core.model import ADDRESS_KINDS, AddressKind, Channel, Instant, NetworkId
from klaroen.core.plan import CompiledPlan, carries_social_media, compile_plan, local_date, version_at
from klaroen.core.snapshot import Snapshot


class RegisterIndex:
    """A register version with what acceptance looks up."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._plans: tuple[str, dict[NetworkId, CompiledPlan]] = ("", {})
        self._territories: dict[NetworkId, Territory] = {}
        self.regions = make_regions(snapshot.cohorts)
        self._country: tuple[str, tuple[NetworkId, ...], Ground] = ("", (), Ground((), (), ()))
        self._regions: dict[NetworkId, list[Region]] = {}
        for region in self.regions.regions:
            for network in region.networks:
                self._regions.setdefault(network, []).append(region)

    def prepare(self, now: Instant) -> None:
        """Find what an alert to the whole country needs, before there is one: to be called again on another day."""
        open_to = sorted(one.id for one in self.snapshot.networks.values() if one.recognised and not one.stopped)
        self.ground_of(tuple(open_to), now).prepare()

    def plans_at(self, now: Instant) -> Mapping[NetworkId, CompiledPlan]:
        """Return every network's plan in force (R3): compiled once a day."""
        today = local_date(now)
        if self._plans[0] != today:
            self._plans = (today, {})
            known: dict[Territory, Territory] = {}
            for network in self.snapshot.networks.values():
                version = version_at(network, now)
                social = carries_social_media(network, self.snapshot.zones[network.zone], version)
                plan = self._plans[1][network.id] = compile_plan(version, social_media=social)
                territory = Territory.of(network, plan)
                self._territories[network.id] = known.setdefault(territory, territory)
        return self._plans[1]

    def ground_of(self, networks: tuple[NetworkId, ...], now: Instant) -> Ground:
        """Return these networks, as they are today, with everybody who is active in one.

        That of the day's latest set of more than half of all networks is kept: finding a country's is most of what
        accepting an alert would take.
        """
        today = local_date(now)
        if (today, networks) == self._country[:2]:
            return self._country[2]
        self.plans_at(now)
        ground = Ground(self.regions.kinds, self._places_of(networks), [self._territories[one] for one in networks])
        if 2 * len(networks) > len(self.snapshot.networks):
            self._country = (today, networks, ground)
        return ground

    def _places_of(self, networks: Sequence[NetworkId]) -> Sequence[Place]:
        """Return the regions with a membership in any of these, each once, and where it lies among them."""
        seen: dict[int, Region] = {}
        for network in networks:
            for region in self._regions.get(network, ()):
                seen.setdefault(id(region), region)
        return locate(seen.values(), networks)

    def people_at(self, address: str, channel: Channel) -> Sequence[int]:
        """Return the numbers of the members who are reached at an address, as a carrier writes it."""
        digits = "".join(filter(str.isdigit, address)).removeprefix("00")
        known = self._whatsapp_people if channel == "whatsapp" else self._mobile_people
        return known.get("+" + ("32" + digits[1:] if digits.startswith("0") else digits), ())

    @cached_property
    def _mobile_people(self) -> Mapping[str, Sequence[int]]:
        return self._people("mobile")

    @cached_property
    def _whatsapp_people(self) -> Mapping[str, Sequence[int]]:
        return self._people("whatsapp")

    def _people(self, kind: AddressKind) -> Mapping[str, Sequence[int]]:
        """Address -> members: made when the first reply comes [0.1 s for a country]."""
        people: dict[str, list[int]] = {}
        for number, address in enumerate(self.snapshot.addresses[ADDRESS_KINDS.index(kind)]):
            if address is not None:
                people.setdefault(address, []).append(number)
        return people

    @cached_property
    def numbers_of(self) -> dict[str, int]:
        """Member id -> number."""
        return {member: number for number, member in enumerate(self.snapshot.member_ids)}

    def members_of(self, network: NetworkId) -> frozenset[int]:
        """Return the numbers of the network's active members."""
        regions = self._regions.get(network, ())
        return frozenset(number for region in regions for number in array("I", region.members))

    def members(self, network: NetworkId) -> int:
        return sum(sum(region.counts) for region in self._regions.get(network, ()))
