"""A register version as acceptance, hand-over and replies look things up in it.

Law: read-only, but for what is found once and kept: the day's plans, the country's places, members by address.
"""

from array import array
from collections.abc import Mapping, Sequence
from functools import cached_property

from klaroen.core.audience import Place, Region, locate, make_regions
from klaroen.core.model import ADDRESS_KINDS, AddressKind, Channel, Instant, NetworkId
from klaroen.core.plan import CompiledPlan, carries_social_media, compile_plan, local_date, version_at
from klaroen.core.snapshot import Snapshot


class RegisterIndex:
    """A register version with what acceptance looks up."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._plans: tuple[str, dict[NetworkId, CompiledPlan]] = ("", {})
        self.regions = make_regions(snapshot.cohorts)
        self._country: tuple[tuple[NetworkId, ...], Sequence[Place]] = ((), ())
        self._regions: dict[NetworkId, list[Region]] = {}
        for region in self.regions.regions:
            for network in region.networks:
                self._regions.setdefault(network, []).append(region)
        self.places_of(
            tuple(sorted(one.id for one in snapshot.networks.values() if one.recognised and not one.stopped))
        )

    def plans_at(self, now: Instant) -> Mapping[NetworkId, CompiledPlan]:
        """Return every network's plan in force (R3): compiled once a day, the first time before any alert needs it."""
        today = local_date(now)
        if self._plans[0] != today:
            self._plans = (today, {})
            for network in self.snapshot.networks.values():
                plan = version_at(network, now)
                social = carries_social_media(network, self.snapshot.zones[network.zone], plan)
                self._plans[1][network.id] = compile_plan(plan, social_media=social)
        return self._plans[1]

    def places_of(self, networks: tuple[NetworkId, ...]) -> Sequence[Place]:
        """Return the regions with a membership in any of these, each once, and where it lies among them.

        Those of the latest set of more than half of all networks are kept: a country's are half of what acceptance
        takes, and are there before its first alert.
        """
        if networks == self._country[0]:
            return self._country[1]
        seen: dict[int, Region] = {}
        for network in networks:
            for region in self._regions.get(network, ()):
                seen.setdefault(id(region), region)
        places = locate(seen.values(), networks)
        if 2 * len(networks) > len(self.snapshot.networks):
            self._country = (networks, places)
        return places

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
