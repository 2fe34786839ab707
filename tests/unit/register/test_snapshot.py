"""The register as dispatch holds it."""

import struct
from collections.abc import Callable

import msgspec
import pytest

from klaroen.core.model import MemberId, MemberNumber
from klaroen.core.plan import address_mask
from klaroen.register.merge import number_members
from klaroen.register.model import Register
from klaroen.register.snapshot import NOBODY, make_snapshot, snapshot_bytes, snapshot_from

Entry = dict[str, object]
Read = Callable[..., Register]


def members(*rows: str) -> bytes:
    return "\n".join(["member_id,network_id,status,adult,mobile,whatsapp,email,preference,language", *rows]).encode()


def numbers(packed: bytes) -> list[int]:
    return [number for (number,) in struct.iter_unpack("<I", packed)]


def test_R04_members_whom_no_rule_can_tell_apart_are_one_cohort(read: Read, network: Entry) -> None:
    """A membership that is not active counts for nothing, and who has no other is in no cohort."""
    register = read(
        extra=[network | {"id": "BIN-0002"}],
        members=members(
            "M1,BIN-0001,active,true,0470000001,,,,fr",
            "M2,BIN-0001,active,true,0470000002,,,,",
            "M2,BIN-0002,suspended,true,0470000002,,,,",
            "M3,BIN-0001,active,true,0470000003,,,sms,",
            "M4,BIN-0001,removed,true,0470000004,,,,",
            "M5,BIN-0001,active,true,,,a@b.be,,",
            "M6,BIN-0001,active,true,0470000006,,,,",
            "M6,BIN-0002,active,true,0470000006,,,,",
        ),
    )
    mobile = address_mask(["mobile"])
    assert [
        (("BIN-0001",), (), mobile, [0, 1]),
        (("BIN-0001",), (), address_mask(["email"]), [4]),
        (("BIN-0001",), ("sms",), mobile, [2]),
        (("BIN-0001", "BIN-0002"), (), mobile, [5]),
    ] == [(c.networks, c.preference, c.addresses, numbers(c.members)) for c in make_snapshot(1, register).cohorts]


@pytest.mark.parametrize(("choice", "languages"), [("network", [None]), ("member", [None, "fr"])])
def test_R16_a_members_language_counts_only_where_it_may(
    read: Read, network: Entry, choice: str, languages: list[str | None]
) -> None:
    network["language_choice"] = choice
    register = read(members=members("M1,BIN-0001,active,true,,,,,", "M2,BIN-0001,active,true,,,,,fr"))
    assert languages == [cohort.language for cohort in make_snapshot(1, register).cohorts]


def test_addresses_lie_at_the_members_number_and_gaps_are_nobodys(read: Read) -> None:
    rows = members("M1,BIN-0001,active,true,0470000001,0470000001,,,", "M2,BIN-0001,removed,true,,0470000002,a@b.be,,")
    register = number_members(read(members=rows), {MemberId("M2"): MemberNumber(1)})
    snapshot = make_snapshot(7, register)
    mobiles, landlines, emails, whatsapps = snapshot.addresses
    assert [NOBODY, "M2", "M1"] == snapshot.member_ids
    assert [None, None, "+32470000001"] == mobiles
    assert [None, None, None] == landlines
    assert [None, "a@b.be", None] == emails
    assert [None, "+32470000002", "+32470000001"] == whatsapps
    assert mobiles[2] is whatsapps[2], "a number that is both is held once"


def test_a_snapshot_comes_back_as_it_was(read: Read) -> None:
    snapshot = make_snapshot(3, read())
    again = snapshot_from(snapshot_bytes(snapshot))
    assert snapshot == again
    assert make_snapshot(1, Register()) == snapshot_from(snapshot_bytes(make_snapshot(1, Register())))


def test_what_is_no_snapshot_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        snapshot_from(msgspec.msgpack.encode({"version": 1}))


def test_lists_never_shrink(read: Read) -> None:
    """An open alert may name a member who is gone: the place is there, and nobody's."""
    snapshot = make_snapshot(2, read(), 5)
    assert 5 == len(snapshot.member_ids) == len(snapshot.addresses[0])
    assert (NOBODY, None) == (snapshot.member_ids[4], snapshot.addresses[0][4])
