"""Coordinators and officers as recipients: people whom an alert warns by their own data, not as members (R9, R11).

Law: an alert names its contacts itself, and its audience has them by number from `CONTACTS_FIRST` on; what their
telephone is, the register alone says, at the moment of the hand-over.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from klaroen.core.audience import Kind
from klaroen.core.expand import CONTACTS_FIRST
from klaroen.core.ground import Region
from klaroen.core.mandates import IN_OFFICE
from klaroen.core.model import Channel, Contact, Coordinator, Language, MemberId, Network, NetworkId, Officer
from klaroen.core.plan import CompiledPlan, Hours

CALLS_FIRST: Final[tuple[Channel, ...]] = ("voice", "tts")
"""Coordinators of a network with two levels are called if the plan lets them be: only who is called can confirm."""
OFFICERS: Final = CompiledPlan(0, Hours((0,), (("sms", "email", "tts", "voice"),)), Hours((0,), (("email", "sms"),)))
"""Officers are under no network's plan: copies of something urgent go to their telephone, of the rest to their mail."""


class Reachable(Struct, frozen=True, gc=False):
    """A contact with the kinds of address that he has now (bits, as `Cohort.addresses`), and the networks he is of."""

    contact: Contact
    networks: tuple[NetworkId, ...]
    addresses: int
    preference: tuple[Channel, ...] = ()
    language: Language | None = None


def coordinators_of(network: Network) -> list[Contact]:
    """Return those in office."""
    return [Contact("coordinator", network.id, one.id) for one in network.coordinators if one.status in IN_OFFICE]


def officers_of(networks: Iterable[Network]) -> dict[Contact, tuple[NetworkId, ...]]:
    """Return the officers of these networks, each once, with the networks that name him."""
    found: dict[str, list[NetworkId]] = {}
    for network in networks:
        for officer in network.officers:
            found.setdefault(officer.id, []).append(network.id)
    return {Contact("officer", names[0], officer): tuple(names) for officer, names in found.items()}


def person_of(contact: Contact, networks: Mapping[NetworkId, Network]) -> Coordinator | Officer | None:
    """Return what the register says of the contact now; None where he holds that office no more."""
    network = networks.get(contact.network)
    if network is None:
        return None
    if contact.office == "officer":
        return next((one for one in network.officers if one.id == contact.id), None)
    return next((one for one in network.coordinators if one.id == contact.id and one.status in IN_OFFICE), None)


def name_of(contact: Contact) -> MemberId:
    """Return the id that stands in place of a member's, such as `coordinator:K7@BIN-0001`."""
    return MemberId(f"{contact.office}:{contact.id}@{contact.network}")


def name_at(number: int, members: Sequence[MemberId], contacts: Sequence[Contact]) -> MemberId:
    """Return the id of whoever an audience has by this number."""
    return members[number] if number < CONTACTS_FIRST else name_of(contacts[number - CONTACTS_FIRST])


def number_of(name: str, members: Mapping[str, int], contacts: Sequence[Contact]) -> int | None:
    """Return the number by which an audience has whoever is called so; None where it can have nobody."""
    number = members.get(name)
    if number is not None:
        return number
    named = (place for place, contact in enumerate(contacts, CONTACTS_FIRST) if name_of(contact) == name)
    return next(named, None)


def regions_of(people: Sequence[Reachable], kinds: Sequence[Kind]) -> tuple[tuple[Kind, ...], list[Region]]:
    """Return the kinds with those of these contacts behind them, and a region for each contact, in order."""
    known = list(kinds)
    regions = []
    for number, one in enumerate(people, CONTACTS_FIRST):
        kind = Kind(one.preference, one.addresses)
        if kind not in known[len(kinds) :]:
            known.append(kind)
        place = known.index(kind, len(kinds))
        regions.append(Region(one.networks, one.language, (place,), (1,), array("I", [number]).tobytes()))
    return tuple(known), regions
