"""What two versions of the register differ in: rows to write, what is to be reported (R3), who lost what (R23).

Law: only what differs is written, so that a version costs what it changes.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from klaroen.core.model import Instant, Network, NetworkId
from klaroen.core.register_rows import Posting, ReportableChange, Reported
from klaroen.register.keys import Keyring
from klaroen.register.merge import in_office
from klaroen.register.model import Register
from klaroen.register.sealing import seal_gone, seal_member, seal_network, seal_zone

REPORTED: Final[tuple[Reported, ...]] = ("coordinators", "officers", "area", "plan")
_FIELDS: Final[Mapping[Reported, str]] = {"plan": "plans"}


class Relieved(Struct, frozen=True):
    """A coordinator who is in office no more: grant, token and list go at once (R23)."""

    network: NetworkId
    coordinator: str


def postings(keys: Keyring, before: Register, after: Register, version: int) -> Iterator[Posting]:
    """Yield a row for each zone, network and member that is new, other than before, or gone."""
    zones = {zone.id: zone for zone in before.zones}
    for zone in after.zones:
        if zones.pop(zone.id, None) != zone:
            yield seal_zone(keys, zone, version)
    networks = {network.id: network for network in before.networks}
    for network in after.networks:
        if networks.pop(network.id, None) != network:
            yield seal_network(keys, network, version)
    members = {member.id: member for member in before.members}
    for member in after.members:
        if members.pop(member.id, None) != member:
            yield seal_member(keys, member, version)
    yield from (seal_gone("zone", name, version) for name in zones)
    yield from (seal_gone("network", name, version) for name in networks)
    yield from (seal_gone("member", name, version, gone.number) for name, gone in members.items())


def reportable(
    before: Mapping[NetworkId, Network], after: Mapping[NetworkId, Network], version: int, at: Instant
) -> Iterator[ReportableChange]:
    """Yield what changed of networks that were there before (R3): a new one is reported with its charter."""
    for name, network in after.items():
        earlier = before.get(name)
        if earlier is None or earlier is network:
            continue
        for what in REPORTED:
            field = _FIELDS.get(what, what)
            if getattr(earlier, field) != getattr(network, field):
                yield ReportableChange(version, at, name, what)


def relieved(before: Mapping[NetworkId, Network], after: Mapping[NetworkId, Network]) -> Iterator[Relieved]:
    """Yield who was in office as coordinator of a network and is so no more (R23)."""
    for name, network in before.items():
        now = in_office(after[name]) if name in after else frozenset()
        yield from (Relieved(name, coordinator) for coordinator in sorted(in_office(network) - now))
