"""Reading the three files: all or nothing, every fault by line, and nothing of a member in the words."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from klaroen.core.model import Member, MemberId, MemberNumber, NetworkId
from klaroen.register import lines as lines_module
from klaroen.register.entries import DEPTH_MAX, LINE_BYTES_MAX, STRING_CHARS_MAX
from klaroen.register.files import read_register
from klaroen.register.members import LINE_BYTES_MAX as ROW_BYTES_MAX
from klaroen.register.model import FAULTS_MAX, Fault, Register, RegisterFaults

Entry = dict[str, object]
Read = Callable[..., Register]
Refuse = Callable[..., tuple[Fault, ...]]
WORKING_DAYS = ["mon", "tue", "wed", "thu", "fri"]
HEADER = "member_id,network_id,name,language,mobile,landline,email,whatsapp,preference,status,adult,house_rules"


def lines(*entries: Entry) -> bytes:
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def places(found: tuple[Fault, ...]) -> list[tuple[str, int, str, str | None]]:
    return [(fault.file, fault.line, fault.field, fault.rule) for fault in found]


# --- what is read ---------------------------------------------------------------------------------------------------


def test_a_register_is_read(read: Read) -> None:
    register = read()
    assert ["Z1"] == [zone.id for zone in register.zones]
    assert ["BIN-0001"] == [network.id for network in register.networks]
    membership = ((NetworkId("BIN-0001"), "active", True),)
    an = ("An", None, "+32470123456", None, "an@example.be", None, ("tts", "sms"), True, membership)
    bo = ("Bo", None, None, "+3253210000", None, None, (), True, membership)
    assert (
        Member(MemberNumber(0), MemberId("M1"), *an),
        Member(MemberNumber(1), MemberId("M2"), *bo),
    ) == register.members


def test_a_byte_order_mark_blank_lines_and_any_column_order_are_taken(read: Read) -> None:
    members = '\ufeffadult,network_id, status ,member_id,name\n\ntrue,BIN-0001,active,M1,"Peeters, An ""Anneke"""\n'
    (member,) = read(members=members.encode()).members
    assert 'Peeters, An "Anneke"' == member.name
    assert not member.memberships[0][2], "a column that is left out is empty"


def test_files_are_read_from_disk_and_named_in_faults(tmp_path: Path, zone: Entry, network: Entry) -> None:
    (tmp_path / "zones.jsonl").write_bytes(lines(zone))
    (tmp_path / "nets").write_bytes(lines(network))
    with pytest.raises(RegisterFaults) as caught:
        read_register(tmp_path / "zones.jsonl", tmp_path / "nets", tmp_path / "away.csv")
    assert [("away.csv", 0, "file", None)] == places(caught.value.faults)


def test_R04_a_person_in_two_networks_is_one_member(read: Read, network: Entry) -> None:
    second = network | {"id": "BIN-0002"}
    register = read(
        extra=[second], more=["M1,BIN-0002,An,,+32470123456,,an@example.be,,tts > sms,suspended,true,false"]
    )
    assert 2 == len(register.members)
    assert (("BIN-0001", "active", True), ("BIN-0002", "suspended", False)) == register.members[0].memberships


def test_several_people_may_share_a_number(read: Read) -> None:
    assert 3 == len(read(more=["M3,BIN-0001,Cis,,0470123456,,,,,active,true,true"]).members)


def test_one_network_alone_is_read_and_nothing_else_is_judged(read: Read, network: Entry) -> None:
    """An import of one network is not held up by a fault in another."""
    other = {"id": "BIN-0002", "name": 7}
    more = ["M9,BIN-0002,,,nonsense,,,,,,,", "M9,BIN-0003,,,,,,,,,,"]
    register = read(
        zones=lines({"id": "Z1", "name": "A"}, {"id": "Z2", "name": "B"}), extra=[other], more=more, only={"BIN-0001"}
    )
    assert (1, 1, 2) == (len(register.zones), len(register.networks), len(register.members))


def test_a_network_asked_for_must_be_there(faults: Refuse) -> None:
    assert [("networks.jsonl", 0, "id", None)] == places(faults(members=HEADER.encode(), only={"BIN-0001", "BIN-9"}))


# --- all faults, by line --------------------------------------------------------------------------------------------


def test_every_fault_of_every_file_is_told_in_order(faults: Refuse, zone: Entry, network: Entry) -> None:
    del network["mayor"]
    found = faults(
        zones=lines({"id": "Z0"}, zone),
        networks=lines(network, {**network, "id": "BIN-0002", "kind": "farm"}),
        more=["M3,BIN-0001,Cis,,12,,no,,,active,maybe,true", "M4,BIN-7,,,,,,,,active,true,"],
    )
    assert [
        ("zones.jsonl", 1, "name", None),
        ("networks.jsonl", 1, "mayor", "R2"),
        ("networks.jsonl", 2, "kind", None),
        ("networks.jsonl", 2, "mayor", "R2"),
        ("members.csv", 4, "mobile", None),
        ("members.csv", 4, "email", None),
        ("members.csv", 4, "adult", "R4"),
        ("members.csv", 5, "network_id", None),
    ] == places(found)


def test_faults_beyond_the_limit_are_counted(read: Read) -> None:
    with pytest.raises(RegisterFaults, match=r"1002 faults; the first: members\.csv:4") as caught:
        read(more=[f"X{n},BIN-0001,,,12,,,,,active,true," for n in range(FAULTS_MAX + 2)])
    assert (FAULTS_MAX, FAULTS_MAX + 2) == (len(caught.value.faults), caught.value.total)


def test_a_single_fault_reads_like_a_sentence(read: Read) -> None:
    with pytest.raises(RegisterFaults, match=r"^members\.csv:4: adult: is false: active members are adults \(R4\)$"):
        read(more=["M3,BIN-0001,,,,,,,,active,false,"])


def test_R07_no_fault_repeats_what_stood_there(faults: Refuse, network: Entry) -> None:
    """Nothing of a member is in an error: neither number nor name, mail address or id."""
    secret = "0470999888"
    network["coordinators"] = [{"id": "K", "name": "N", "status": secret, secret: 1}]
    network[secret] = secret
    row = ",".join(secret + spoiled for spoiled in ("!", "?", "\x07", "", "7", "7", "", "7", "", "", "", ""))
    found = faults(networks=lines(network), more=[row])
    assert 14 <= len(found)
    assert not any("999888" in str(fault) for fault in found)


# --- lines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "is not JSON"),
        (b'{"id": "a"} x', "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"id": "a", "id": "b"}', "repeats a name"),
        (b'{"id": "a", "reply": {"nl": "x", "nl": "y"}}', "repeats a name"),
        (b'{"id": NaN}', "a number that JSON does not have"),
        (b'{"id": "\\ud800"}', "half of a surrogate pair"),
        (b'{"id": "\xff"}', "is not UTF-8"),
        (b'{"id": ' + b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1) + b"}", "nested deeper"),
        (b'{"id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested deeper"),
        (b'{"id": "' + b"x" * (STRING_CHARS_MAX + 1) + b'"}', "a text of more than"),
        (b'{"id": "' + b"x" * LINE_BYTES_MAX + b'"}', "longer than"),
    ],
)
def test_a_line_that_is_no_entry(faults: Refuse, zone: Entry, line: bytes, words: str) -> None:
    (fault,) = faults(zones=lines(zone) + line)
    assert (2, "line") == (fault.line, fault.field)
    assert words in fault.words


def test_a_file_beyond_its_limit_is_not_read(faults: Refuse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lines_module, "FILE_BYTES_MAX", 2_000)
    (tmp_path / "members.csv").write_bytes(b"x" * 3_000)
    assert [("members.csv", 0, "file", None)] == places(faults(members=tmp_path / "members.csv"))


# --- rows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("member_id,network_id,status,adult,phone", "names 1 columns that this file does not have"),
        ("member_id,network_id,status,adult,adult", "names a column twice"),
        ("member_id,status,adult", "lacks network_id"),
        ('member_id,"network_id', "quotes"),
        ("", "lacks"),
    ],
)
def test_a_header_that_is_none(faults: Refuse, header: str, words: str) -> None:
    (fault,) = faults(members=header.encode())
    assert "header" == fault.field
    assert words in fault.words or not header


@pytest.mark.parametrize(
    ("row", "field", "rule"),
    [
        ("M3,BIN-0001,,,,,,,,active,true", "line", None),
        ("M3,BIN-0001,,,,,,,,active,true,true,", "line", None),
        ('M3,BIN-0001,"open,,,,,,,active,true,true', "line", None),
        ('M3,BIN-0001,"a"b,,,,,,,active,true,true', "line", None),
        ("M3,BIN-0001," + "x" * ROW_BYTES_MAX + ",,,,,,,active,true,true", "line", None),
        (",BIN-0001,,,,,,,,active,true,true", "member_id", None),
        ("M 3,BIN-0001,,,,,,,,active,true,true", "member_id", None),
        ("M3,BIN-0002,,,,,,,,active,true,true", "network_id", None),
        ("M3,BIN-0001," + "x" * 201 + ",,,,,,,active,true,true", "name", None),
        ("M3,BIN-0001,a\tb,,,,,,,active,true,true", "name", None),
        ("M3,BIN-0001,,mul,,,,,,active,true,true", "language", "R16"),
        ("M3,BIN-0001,,,053210000,,,,,active,true,true", "mobile", None),
        ("M3,BIN-0001,,,,101,,,,active,true,true", "landline", None),
        ("M3,BIN-0001,,,,,a@b,,,active,true,true", "email", None),
        ("M3,BIN-0001,,,,,a@b.be\u200b,,,active,true,true", "email", None),
        (f"M3,BIN-0001,,,,,a@{'b.' * 130}be,,,active,true,true", "email", None),
        ("M3,BIN-0001,,,,,,1,,active,true,true", "whatsapp", None),
        ("M3,BIN-0001,,,,,,,sms>fax,active,true,true", "preference", "R14"),
        ("M3,BIN-0001,,,,,,,sms>sms,active,true,true", "preference", "R14"),
        ("M3,BIN-0001,,,,,,,,Active,true,true", "status", "R4"),
        ("M3,BIN-0001,,,,,,,,active,yes,true", "adult", "R4"),
        ("M3,BIN-0001,,,,,,,,active,,true", "adult", "R4"),
        ("M3,BIN-0001,,,,,,,,active,false,true", "adult", "R4"),
        ("M3,BIN-0001,,,,,,,,active,true,1", "house_rules", "R4"),
        ("M1,BIN-0001,An,,0470123456,,an@example.be,,tts>sms,active,true,true", "member_id", None),
    ],
)
def test_a_row_that_is_refused(faults: Refuse, row: str, field: str, rule: str | None) -> None:
    assert [("members.csv", 4, field, rule)] == places(faults(more=[row]))


def test_R04_a_minor_may_be_kept_only_without_being_active(read: Read) -> None:
    assert not read(more=["M3,BIN-0001,,,,,,,,removed,false,"]).members[2].adult


def test_rows_of_one_member_agree(faults: Refuse, network: Entry) -> None:
    found = faults(
        extra=[network | {"id": "BIN-0002"}], more=["M1,BIN-0002,Ann,,0470123457,,,,tts>sms,active,true,true"]
    )
    assert ["name", "mobile", "email"] == [fault.field for fault in found]
    assert {"differs from line 2, a row of the same member"} == {fault.words for fault in found}


# --- entries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "place", "rule"),
    [
        *((name, None, name, "R2") for name in ("name", "zone", "municipality", "area", "coordinators", "officers")),
        *((name, None, name, "R2") for name in ("mayor", "members_at_signing", "levels", "plans", "evaluation_months")),
        ("recognised_on", None, "recognised_on", "R2"),
        ("region", None, "region", None),
        ("id", "BIN 1", "id", None),
        ("id", 7, "id", None),
        ("colour", "red", "colour", None),
        ("A colour", "red", "line", None),
        ("name", " ", "name", "R2"),
        ("province", "", "province", None),
        ("zone", "Z9", "zone", "R2"),
        ("area", {}, "area", "R2"),
        ("area", {"streets": [7]}, "area.streets[0]", None),
        ("area", {"quarters": ["Dorp"], "polygon": [[4, 51], [4.1, 51], [4, 51]]}, "area.polygon", "R2"),
        ("area", {"quarters": ["Dorp"], "polygon": [[4, 51], [4.1, 51], [4.1, 51.1], [4, 51.1]]}, "area.polygon", "R2"),
        ("area", {"quarters": ["Dorp"], "polygon": [[51, 4], [51, 4.1], [51.1, 4], [51, 4]]}, "area.polygon", "R2"),
        ("area", {"quarters": ["Dorp"], "polygon": [[4, 51]] * 10_001}, "area.polygon", "R2"),
        ("centroid", [51.0, 4.0], "centroid", None),
        ("coordinators", [], "coordinators", "R2"),
        ("officers", [{"id": "O", "name": "a"}, {"id": "O", "name": "b"}], "officers", "R2"),
        ("officers", [{"id": "", "name": "a"}], "officers[0].id", None),
        ("members_at_signing", -1, "members_at_signing", "R2"),
        ("evaluation_months", 37, "evaluation_months", "R2"),
        ("evaluation_months", 0, "evaluation_months", "R2"),
        ("recognised_on", "2026-02-30", "recognised_on", "R2"),
        ("recognised_on", "20260228", "recognised_on", "R2"),
        ("languages", [], "languages", "R16"),
        ("languages", ["nl", "nl"], "languages", "R16"),
        ("languages", ["nl", "mul"], "languages", "R16"),
        ("cost_share", {"municipality": 0.5, "zone": 0.4, "members": 0.2}, "cost_share", "R21"),
        ("cost_share", {"municipality": 1.5, "zone": -0.5, "members": 0.0}, "cost_share", "R21"),
        ("plans", [], "plans", "R2"),
    ],
)
def test_R02_a_network_is_refused_naming_what_it_lacks(
    faults: Refuse, network: Entry, field: str, value: object, place: str, rule: str | None
) -> None:
    members = HEADER.encode()
    assert [("networks.jsonl", 1, place, rule)] == places(
        faults(networks=lines(network | {field: value}), members=members)
    )


def test_a_network_stands_once(faults: Refuse, network: Entry) -> None:
    assert [("networks.jsonl", 2, "id", None)] == places(faults(extra=[network]))


def test_an_area_within_belgium_and_shares_in_thirds_are_taken(read: Read, network: Entry) -> None:
    ring = [[4.0, 50.9], [4.1, 50.9], [4.1, 51.0], [4.0, 50.9]]
    network["area"] = {"quarters": ["Dorp"], "polygon": ring}
    network["centroid"] = [4.05, 50.95]
    network["cost_share"] = {"municipality": 0.333333, "zone": 0.333333, "members": 0.333333}
    assert (4.05, 50.95) == read().networks[0].centroid


def week(*windows: Entry, version: int = 1, valid_from: str = "2020-01-01") -> Entry:
    always = [{"from": "00:00", "to": "24:00", "channels": ["email"]}]
    return {"version": version, "valid_from": valid_from, "urgent": list(windows) or always, "non_urgent": always}


@pytest.mark.parametrize(
    ("plans", "place", "rule"),
    [
        ([week(version=0)], "plans[0].version", "R3"),
        ([week(valid_from="soon")], "plans[0].valid_from", "R3"),
        ([week(), week()], "plans[1].version", "R3"),
        ([week(), week(version=2, valid_from="2019-01-01")], "plans[1].valid_from", "R3"),
        ([week() | {"non_urgent": []}], "plans[0].non_urgent", "R2"),
        ([week({"from": "00:00", "to": "24:00", "channels": []})], "plans[0].urgent[0].channels", "R6"),
        ([week({"from": "00:00", "to": "24:00", "channels": ["sms", "sms"]})], "plans[0].urgent[0].channels", "R14"),
        ([week({"from": "00:00", "to": "24:00", "channels": ["fax"]})], "plans[0].urgent[0].channels[0]", None),
        ([week({"from": "00:00", "to": "25:00", "channels": ["sms"]})], "plans[0].urgent[0]", "R14"),
        ([week({"from": "24:00", "to": "06:00", "channels": ["sms"]})], "plans[0].urgent[0]", "R14"),
        ([week({"from": "00:00", "to": "23:59", "channels": ["sms"], "days": ["sun"]},
               {"from": "00:00", "to": "24:00", "channels": ["sms"], "days": [*WORKING_DAYS, "sat"]})],
         "plans[0].urgent", "R6"),
        ([week(*[{"from": "00:00", "to": "24:00", "channels": ["sms"]}] * 97)], "plans[0].urgent", "R14"),
    ],
)  # fmt: skip
def test_R06_windows_are_sound_and_leave_no_gap(
    faults: Refuse, network: Entry, plans: list[Entry], place: str, rule: str | None
) -> None:
    found = faults(networks=lines(network | {"plans": plans}))
    assert [("networks.jsonl", 1, place, rule)] == places(found)
    assert "leaves a gap" not in found[0].words or "leaves a gap: sun 23:59 to sun 24:00" == found[0].words


@pytest.mark.parametrize(
    ("field", "value", "place", "rule"),
    [
        ("name", "", "name", None),
        ("reply", {"en": "x", "es": "y"}, "reply", "R17"),
        ("agreements", [{"with": " ", "classes": ["warm"], "from": "2026-01-01"}], "agreements[0].with", "R8"),
        ("agreements", [{"with": "Z2", "classes": [], "from": "2026-01-01"}], "agreements[0].classes", "R8"),
        ("agreements", [{"with": "Z2", "classes": ["crisis"], "from": "2026-01-01"}], "agreements[0].classes", "R10"),
        ("agreements", [{"with": "Z2", "classes": ["cold"], "from": "2026"}], "agreements[0].from", "R8"),
        ("agreements", [{"with": "Z", "classes": ["cold"], "from": "2026-02-01", "until": "2026-01-01"}],
         "agreements[0].until", "R8"),
    ],
)  # fmt: skip
def test_a_zone_is_refused_naming_what_is_wrong(
    faults: Refuse, zone: Entry, field: str, value: object, place: str, rule: str | None
) -> None:
    assert [("zones.jsonl", 1, place, rule)] == places(faults(zones=lines(zone | {field: value})))


def test_a_zone_with_everything_is_taken(read: Read, zone: Entry) -> None:
    agreement = {"with": "Z2", "classes": ["warm", "cold"], "from": "2026-01-01", "until": "2026-12-31"}
    zone |= {"caller_id": "+3253210000", "reply": {"nl": "x"}, "dispatch_centres": ["CIC"], "agreements": [agreement]}
    assert "Z2" == read().zones[0].agreements[0].with_
