"""What an import makes of the register that is there: what it replaces, whom it removes, who keeps which number.

Law: a member's number is for life: blobs name members by it. An import never removes many by mistake.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from klaroen.core.errors import InputError
from klaroen.core.mandates import IN_OFFICE
from klaroen.core.model import Member, MemberId, MemberNumber, Network
from klaroen.register.model import Register

REMOVED_SHARE_MAX: Final = 0.02
"""More than this share of the members gone at once is taken for a wrong file until somebody says otherwise."""


def merge(
    current: Register | None, incoming: Register, only_networks: AbstractSet[str] | None = None
) -> tuple[Register, int]:
    """Return the register after the import, and how many of its members are in it no more.

    With `only_networks`, those networks and their memberships are replaced and all others stay as they are. Numbers are
    settled by `number_members` afterwards.
    """
    if current is None:
        return incoming, 0
    if only_networks is None:
        merged = incoming
    else:
        zones = {zone.id: zone for zone in (*current.zones, *incoming.zones)}
        networks = {
            network.id: network
            for network in (*(n for n in current.networks if n.id not in only_networks), *incoming.networks)
        }
        merged = Register(
            tuple(zones.values()), tuple(networks.values()), _merge_members(current, incoming, only_networks)
        )
    kept = {member.id for member in merged.members}
    return merged, sum(member.id not in kept for member in current.members)


def _merge_members(current: Register, incoming: Register, only_networks: AbstractSet[str]) -> tuple[Member, ...]:
    """Return everybody who has a membership left; what the import says of a person is the newer."""
    arriving = {member.id: member for member in incoming.members}
    merged: list[Member] = []
    for member in current.members:
        stays = tuple(membership for membership in member.memberships if membership[0] not in only_networks)
        newer = arriving.pop(member.id, None)
        memberships = tuple(sorted((*stays, *(newer.memberships if newer is not None else ()))))
        if memberships:
            merged.append(msgspec.structs.replace(newer or member, memberships=memberships))
    return (*merged, *arriving.values())


def refuse_removal(current: Register | None, removed: int, allow_removal: int = 0) -> None:
    """Raise InputError if an import would remove more than 2 % of the members and nobody allowed as many."""
    members = 0 if current is None else len(current.members)
    if removed > members * REMOVED_SHARE_MAX and removed > allow_removal:
        raise InputError(
            "invalid",
            f"this import would remove {removed} of {members} members, more than {REMOVED_SHARE_MAX:.0%}; "
            f"if that is meant, say --allow-removal {removed}",
            at="allow_removal",
        )


def refuse_headless(current: Register | None, merged: Register) -> None:
    """Raise InputError if a network that has a coordinator in office would have none (R2, R23)."""
    led = {network.id for network in (() if current is None else current.networks) if in_office(network)}
    left = [network.id for network in merged.networks if network.id in led and not in_office(network)]
    if left:
        others = f" and {len(left) - 1} others" if len(left) > 1 else ""
        words = (
            f"this would leave {left[0]}{others} without a coordinator in office: a temporary one can take over "
            "(art. 6, 8 b)"
        )
        raise InputError("invalid", words, at="coordinators", rule="R23")


def in_office(network: Network) -> frozenset[str]:
    return frozenset(one.id for one in network.coordinators if one.status in IN_OFFICE)


def number_members(register: Register, known: Mapping[MemberId, MemberNumber], given: int = 0) -> Register:
    """Return the register with the numbers of known members, and new ones from the highest known on, in order.

    The first `given` numbers are taken, also those of members who are gone: nobody inherits what was sent to them.
    """
    free = max(max(known.values(), default=-1) + 1, given)
    members: list[Member] = []
    for member in register.members:
        number = known.get(member.id)
        if number is None:
            number, free = MemberNumber(free), free + 1
        members.append(member if member.number == number else msgspec.structs.replace(member, number=number))
    return Register(register.zones, register.networks, tuple(members))
