"""What an import makes of the register that is there."""

import json
from collections.abc import Callable

import pytest

from klaroen.core.errors import InputError
from klaroen.core.model import MemberId, MemberNumber
from klaroen.register.merge import merge, number_members, refuse_headless, refuse_removal
from klaroen.register.model import Register

Entry = dict[str, object]
Read = Callable[..., Register]
HEADER = "member_id,network_id,status,adult,mobile"


def members(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows]).encode()


@pytest.fixture
def current(read: Read, network: Entry) -> Register:
    rows = (
        "M1,BIN-0001,active,true,",
        "M2,BIN-0001,active,true,",
        "M2,BIN-0002,active,true,",
        "M3,BIN-0002,active,true,",
    )
    return read(extra=[network | {"id": "BIN-0002"}], members=members(*rows))


def memberships(register: Register) -> dict[str, list[str]]:
    return {member.id: [network for network, _, _ in member.memberships] for member in register.members}


def test_the_first_import_removes_nobody(current: Register) -> None:
    assert (current, 0) == merge(None, current)


def test_an_import_of_everything_replaces_everything(current: Register, read: Read) -> None:
    incoming = read(members=members("M1,BIN-0001,active,true,", "M4,BIN-0001,active,true,"))
    assert (incoming, 2) == merge(current, incoming)


def test_an_import_of_one_network_leaves_the_others_as_they_are(current: Register, read: Read) -> None:
    """M1 leaves the only network that he had and is gone; M2 stays through the other; M4 and a new number arrive."""
    only = {"BIN-0001"}
    incoming = read(members=members("M3,BIN-0001,active,true,0470123456", "M4,BIN-0001,active,true,"), only=only)
    merged, removed = merge(current, incoming, only)
    assert 1 == removed
    assert ["BIN-0002", "BIN-0001"] == [network.id for network in merged.networks]
    assert {"M2": ["BIN-0002"], "M3": ["BIN-0001", "BIN-0002"], "M4": ["BIN-0001"]} == memberships(merged)
    assert "+32470123456" == merged.members[1].mobile, "what the import says of a person is the newer"


@pytest.mark.parametrize(
    ("size", "removed", "allowed", "refused"),
    [(100, 2, 0, False), (100, 3, 0, True), (100, 3, 2, True), (100, 3, 3, False), (0, 0, 0, False), (10, 1, 0, True)],
)
def test_more_than_two_in_a_hundred_gone_must_be_meant(
    read: Read, size: int, removed: int, allowed: int, refused: bool
) -> None:
    register = read(members=members(*(f"M{n},BIN-0001,active,true," for n in range(size))))
    if refused:
        with pytest.raises(InputError, match=rf"would remove {removed} of {size} members.*--allow-removal {removed}"):
            refuse_removal(register, removed, allowed)
    else:
        refuse_removal(register, removed, allowed)


def test_the_first_import_needs_no_leave() -> None:
    refuse_removal(None, 0)


def test_members_keep_their_numbers_for_life(current: Register) -> None:
    """New members come after the highest number ever given, also where members before them are gone."""
    known = {MemberId("M3"): MemberNumber(0), MemberId("M9"): MemberNumber(7)}
    numbered = number_members(current, known)
    assert {"M1": 8, "M2": 9, "M3": 0} == {member.id: member.number for member in numbered.members}
    assert [0, 1, 2] == [member.number for member in number_members(current, {}).members]


def test_nobody_inherits_a_number(current: Register) -> None:
    """Also the highest number stays its member's for life: an alert that names it must not reach somebody else."""
    numbered = number_members(current, {MemberId("M1"): MemberNumber(0)}, 3)
    assert {"M1": 0, "M2": 3, "M3": 4} == {member.id: member.number for member in numbered.members}


def test_R23_an_import_leaves_no_network_without_a_coordinator_in_office(read: Read, network: Entry) -> None:
    """Unless it had none before: that is a finding, and no fault."""
    relieved = [{"id": "K1", "name": "C", "status": "relieved"}]
    after = read(networks=json.dumps(network | {"coordinators": relieved}).encode())
    with pytest.raises(InputError, match="leave BIN-0001 without a coordinator in office") as caught:
        refuse_headless(read(), after)
    assert "R23" == caught.value.problem.rule
    refuse_headless(None, after)
    refuse_headless(after, after)
    temporary = [*relieved, {"id": "K2", "name": "D", "status": "temporary"}]
    refuse_headless(read(), read(networks=json.dumps(network | {"coordinators": temporary}).encode()))
