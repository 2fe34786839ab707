"""The register as dispatch holds it: cohorts to plan by, addresses to look up at hand-over.

Law: a member without an active membership is in no cohort; a number that nobody holds any more is a gap (None).
Members whom no rule can tell apart are one cohort, so that an alert is judged cohort by cohort.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from klaroen.core.model import ADDRESS_KINDS, Channel, Language, Member, MemberId, MemberNumber, Network, NetworkId
from klaroen.core.snapshot import Addresses, Cohort, Snapshot
from klaroen.register.model import Register

NOBODY: Final = MemberId("")
"""The id at a number that nobody holds any more."""

_Key = tuple[tuple[NetworkId, ...], tuple[Channel, ...], int, Language | None]

_DECODER: Final = msgspec.msgpack.Decoder(Snapshot)


class _Cohorts(msgspec.Struct, frozen=True):
    """Of a snapshot nothing but who is in which network: a hundredth of its objects."""

    cohorts: tuple[Cohort, ...]


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
    choosing = choosing_networks(register.networks)
    groups: defaultdict[_Key, list[int]] = defaultdict(list)
    for member in register.members:
        key = _key_of(member, choosing)
        if key is not None:
            groups[key].append(member.number)
    return tuple(
        Cohort(*key, struct.pack(f"<{len(numbers)}I", *sorted(numbers)))
        for key, numbers in sorted(groups.items(), key=lambda group: _order(group[0]))
    )


def edited(snapshot: Snapshot, version: int, members: Mapping[MemberNumber, Member | None]) -> Snapshot:
    """Return the snapshot of a later version in which these members are as given, None for who is gone [30 ms]."""
    choosing = choosing_networks(snapshot.networks.values())
    cohorts: dict[_Key, Cohort] = {}
    for cohort in snapshot.cohorts:
        numbers = memoryview(cohort.members).cast("I")
        if not members.keys().isdisjoint(numbers):
            cohort = _regrouped(cohort, [number for number in numbers if number not in members])  # noqa: PLW2901
        if cohort.members:
            cohorts[cohort.networks, cohort.preference, cohort.addresses, cohort.language] = cohort
    for number, member in members.items():
        key = None if member is None else _key_of(member, choosing)
        if key is not None:
            known = cohorts.get(key) or Cohort(*key, b"")
            cohorts[key] = _regrouped(known, [*memoryview(known.members).cast("I"), number])
    size = max(len(snapshot.member_ids), max(members, default=-1) + 1)
    ids = [*snapshot.member_ids, *[NOBODY] * (size - len(snapshot.member_ids))]
    columns = [[*column, *[None] * (size - len(column))] for column in snapshot.addresses]
    for number, member in members.items():
        ids[number] = NOBODY if member is None else member.id
        for column, address in zip(columns, addresses_by_kind(member), strict=True):
            column[number] = address
    mobiles, landlines, emails, whatsapps = columns
    sorted_cohorts = tuple(cohort for _, cohort in sorted(cohorts.items(), key=lambda group: _order(group[0])))
    addresses = (mobiles, landlines, emails, _shared(mobiles, whatsapps))
    return Snapshot(version, snapshot.zones, snapshot.networks, sorted_cohorts, ids, addresses)


def choosing_networks(networks: Iterable[Network]) -> AbstractSet[NetworkId]:
    """Return those that let members choose a language (R16)."""
    return {network.id for network in networks if network.language_choice == "member"}


def _key_of(member: Member, choosing: AbstractSet[NetworkId]) -> _Key | None:
    """Return all that a rule can ask of a member; None where no membership is active."""
    networks = tuple([network for network, status, _ in member.memberships if status == "active"])
    if not networks:
        return None
    language = None if choosing.isdisjoint(networks) else member.language
    return networks, member.preference, kinds_of(member), language


def _order(key: _Key) -> tuple[object, ...]:
    return *key[:3], key[3] or ""


def _regrouped(cohort: Cohort, numbers: Sequence[int]) -> Cohort:
    return msgspec.structs.replace(cohort, members=struct.pack(f"<{len(numbers)}I", *sorted(numbers)))


def addresses_by_kind(member: Member | None) -> Sequence[str | None]:
    """Return a member's addresses in the order of ADDRESS_KINDS; none for who is gone."""
    if member is None:
        return (None,) * len(ADDRESS_KINDS)
    return member.mobile, member.landline, member.email, member.whatsapp


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
