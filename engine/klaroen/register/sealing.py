"""Zones, networks and members as rows, and back.

Law: a row's place (kind, name, version) is the associated data of what it seals. Of a member only the number and the
memberships stand open: they stay when the person is erased.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from klaroen.core.model import Member, MemberId, MemberNumber, MembershipState, Network, NetworkId, Zone
from klaroen.core.register_rows import Posting, RegisterRow, RowKind, SealedStart
from klaroen.register.keys import Keyring
from klaroen.register.members import Person

Membership = tuple[NetworkId, MembershipState, bool]

_encode: Final = msgspec.msgpack.Encoder().encode
_zone: Final = msgspec.msgpack.Decoder(Zone).decode
_network: Final = msgspec.msgpack.Decoder(Network).decode
_person: Final = msgspec.msgpack.Decoder(Person).decode
_memberships: Final = msgspec.msgpack.Decoder(tuple[Membership, ...]).decode


def place(kind: str, name: str, since: int) -> list[bytes]:
    """Return the associated data: three strings, which RFC 5297 keeps apart."""
    return [kind.encode(), name.encode(), since.to_bytes(8, "big")]


def seal_zone(keys: Keyring, zone: Zone, since: int) -> Posting:
    return Posting(_sealed(keys, RegisterRow("zone", zone.id, since, None, b""), zone))


def seal_network(keys: Keyring, network: Network, since: int) -> Posting:
    return Posting(_sealed(keys, RegisterRow("network", network.id, since, None, b""), network))


def seal_member(keys: Keyring, member: Member, since: int) -> Posting:
    row = RegisterRow("member", member.id, since, member.number, _encode(member.memberships))
    digests = tuple(keys.digest(address) for address in addresses_of(member))
    return Posting(_sealed(keys, row, person_of(member)), digests, tuple(name for name, _, _ in member.memberships))


def seal_gone(kind: RowKind, name: str, since: int, number: int | None = None) -> Posting:
    """Return the row that says that an entry is there no more."""
    return Posting(RegisterRow(kind, name, since, number))


def seal_start(keys: Keyring, version: int, snapshot: bytes) -> SealedStart:
    return SealedStart(version, keys.current, keys.seal(place("start", "", version), snapshot))


def open_start(keys: Keyring, start: SealedStart) -> bytes:
    return keys.open(start.key, place("start", "", start.version), start.sealed)


def seal_anew(keys: Keyring, row: RegisterRow) -> RegisterRow:
    """Return the row sealed by the current key."""
    clear = _open(keys, row)
    return msgspec.structs.replace(row, key=keys.current, sealed=keys.seal(place(row.kind, row.name, row.since), clear))


def erased(row: RegisterRow) -> RegisterRow:
    """Return a member's row without the person; number and memberships stay."""
    return msgspec.structs.replace(row, key=0, sealed=None)


def open_zone(keys: Keyring, row: RegisterRow) -> Zone:
    return _zone(_open(keys, row))


def open_network(keys: Keyring, row: RegisterRow) -> Network:
    return _network(_open(keys, row))


def open_member(keys: Keyring, row: RegisterRow) -> Member:
    """Return the member of a row that holds one."""
    assert row.open is not None, "the row says that the member is gone"
    person = _person(_open(keys, row))
    return Member(number_of(row), MemberId(row.name), *person, memberships_of(row))


def number_of(row: RegisterRow) -> MemberNumber:
    assert row.number is not None, "a member without a number"
    return MemberNumber(row.number)


def memberships_of(row: RegisterRow) -> tuple[Membership, ...]:
    return () if row.open is None else _memberships(row.open)


def person_of(member: Member) -> Person:
    return Person(
        member.name,
        member.language,
        member.mobile,
        member.landline,
        member.email,
        member.whatsapp,
        member.preference,
        member.adult,
    )


def addresses_of(member: Member) -> Sequence[str]:
    """Return each address once."""
    every = (member.mobile, member.landline, member.email, member.whatsapp)
    return tuple(dict.fromkeys(address for address in every if address is not None))


def _sealed(keys: Keyring, row: RegisterRow, value: object) -> RegisterRow:
    sealed = keys.seal(place(row.kind, row.name, row.since), _encode(value))
    return msgspec.structs.replace(row, key=keys.current, sealed=sealed)


def _open(keys: Keyring, row: RegisterRow) -> bytes:
    assert row.sealed is not None, "the row holds nothing that is sealed"
    return keys.open(row.key, place(row.kind, row.name, row.since), row.sealed)
