"""The register as dispatch holds it: cohorts to plan by, addresses to look up at hand-over.

Law: a member without an active membership is in no cohort; a number that nobody holds any more is a gap (None).
Members whom no rule can tell apart are one cohort, so that an alert is judged cohort by cohort.
"""

import struct
from collections import defaultdict
from collections.abc import Callable
from typing import Final

import msgspec

from klaroen.core.model import Channel, Language, Member, MemberId, NetworkId
from klaroen.core.snapshot import Addresses, Cohort, Snapshot
from klaroen.register.model import Register

NOBODY: Final = MemberId("")
"""The id at a number that nobody holds any more."""

_Key = tuple[tuple[NetworkId, ...], tuple[Channel, ...], int, Language | None]

_DECODER: Final = msgspec.msgpack.Decoder(Snapshot)


class _Cohorts(msgspec.Struct, frozen=True):
    """Of a snapshot nothing but who is in which network: a hundredth of its objects."""

    cohorts: tuple[Cohort, ...]


_COHORTS: Final = msgspec.msgpack.Decoder(_Cohorts)


def make_snapshot(version: int, register: Register, given: int = 0) -> Snapshot:
    """Return the snapshot of a register whose members have their numbers.

    Shape: lists by member number, as long as the highest number needs, and as the `given` numbers were before: an open
    alert may still name them.
    """
    size = max(given, max((member.number for member in register.members), default=-1) + 1)
    ids: list[MemberId] = [NOBODY] * size
    mobiles: list[str | None] = [None] * size
    landlines: list[str | None] = [None] * size
    emails: list[str | None] = [None] * size
    whatsapps: list[str | None] = [None] * size
    for member in register.members:
        number = member.number
        ids[number] = member.id
        mobiles[number] = member.mobile
        landlines[number] = member.landline
        emails[number] = member.email
        whatsapps[number] = member.whatsapp
    return Snapshot(
        version,
        {zone.id: zone for zone in register.zones},
        {network.id: network for network in register.networks},
        make_cohorts(register),
        ids,
        (mobiles, landlines, emails, _shared(mobiles, whatsapps)),
    )


def make_cohorts(register: Register) -> tuple[Cohort, ...]:
    """Return every member with an active membership, once, grouped by all that a rule can ask; sorted.

    A language counts only where one of the member's networks lets members choose (R16).
    """
    choosing = {network.id for network in register.networks if network.language_choice == "member"}
    groups: defaultdict[_Key, list[int]] = defaultdict(list)
    for member in register.members:
        networks = tuple([network for network, status, _ in member.memberships if status == "active"])
        if networks:
            language = None if choosing.isdisjoint(networks) else member.language
            groups[networks, member.preference, kinds_of(member), language].append(member.number)
    return tuple(
        Cohort(*key, struct.pack(f"<{len(numbers)}I", *sorted(numbers)))
        for key, numbers in sorted(groups.items(), key=lambda group: (*group[0][:3], group[0][3] or ""))
    )


def kinds_of(member: Member) -> int:
    """Return the bits of the addresses that a member has, in the order of ADDRESS_KINDS."""
    return (
        (member.mobile is not None)
        | (member.landline is not None) << 1
        | (member.email is not None) << 2
        | (member.whatsapp is not None) << 3
    )


def _shared(mobiles: Addresses, whatsapps: Addresses) -> list[str | None]:
    """Return the WhatsApp numbers, those that are the member's mobile as that very string: it is held once."""
    return [mobile if whatsapp == mobile else whatsapp for mobile, whatsapp in zip(mobiles, whatsapps, strict=True)]


def snapshot_bytes(snapshot: Snapshot) -> bytes:
    """Return the snapshot as msgpack, for the next start."""
    return msgspec.msgpack.encode(snapshot)


def snapshot_from(content: bytes) -> Snapshot:
    """Return what `snapshot_bytes` wrote. Raises msgspec.ValidationError where another release wrote it."""
    snapshot = _DECODER.decode(content)
    mobiles, landlines, emails, whatsapps = snapshot.addresses
    return msgspec.structs.replace(snapshot, addresses=(mobiles, landlines, emails, _shared(mobiles, whatsapps)))


def read_headcounts(content: bytes, place_of: Callable[[NetworkId], str | None]) -> dict[str, int]:
    """Return how many members were active by place, each once in each, of what `snapshot_bytes` wrote."""
    counts: defaultdict[str, int] = defaultdict(int)
    for cohort in _COHORTS.decode(content).cohorts:
        for place in {place_of(name) for name in cohort.networks} - {None}:
            counts[str(place)] += cohort.count
    return counts
