"""What the register itself says is wrong with who can be warned."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import pytest

from klaroen.core.model import Instant
from klaroen.register.check import Finding, check_register
from klaroen.register.model import Register

Entry = dict[str, object]
Read = Callable[..., Register]
NOON = Instant(int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp() * 1000))
ALWAYS = {"from": "00:00", "to": "24:00"}


def members(*rows: str) -> bytes:
    return "\n".join(["member_id,network_id,status,adult,house_rules,mobile,email", *rows]).encode()


def told(findings: list[Finding]) -> list[tuple[str, str | None, str]]:
    return [(finding.rule, finding.member, finding.words) for finding in findings]


def test_a_sound_register_has_no_findings(read: Read) -> None:
    assert [] == check_register(read(), NOON)


def test_R06_each_member_whom_the_plan_cannot_reach_is_named_with_the_windows(read: Read, network: Entry) -> None:
    """M1 has a mobile and is reached; M2 only by day, by mail; M3 never; M4 is not active."""
    network["plans"][0]["urgent"] = [  # type: ignore[index]
        {"from": "07:00", "to": "22:00", "channels": ["sms", "email"]},
        {"from": "22:00", "to": "24:00", "channels": ["tts"]},
        {"from": "00:00", "to": "07:00", "channels": ["tts"]},
    ]
    found = check_register(
        read(
            members=members(
                "M1,BIN-0001,active,true,true,0470123456,",
                "M2,BIN-0001,active,true,true,,a@b.be",
                "M3,BIN-0001,active,true,true,,",
                "M4,BIN-0001,suspended,true,false,,",
            )
        ),
        NOON,
    )
    night, day = "urgent messages: no address for any of tts", "urgent messages: no address for any of sms, email"
    assert [("R6", "M2", night), ("R6", "M3", night), ("R6", "M3", day)] == told(found)
    assert ("mon 00:00 to mon 07:00", "mon 22:00 to tue 07:00") == found[0].windows[:2]
    assert "sun 22:00 to sun 24:00" == found[0].windows[-1]
    assert 7 == len(found[2].windows)


def test_windows_that_follow_each_other_are_one(read: Read) -> None:
    (finding,) = check_register(read(members=members("M1,BIN-0001,active,true,true,,a@b.be")), NOON)
    assert ("mon 00:00 to sun 24:00",) == finding.windows


def test_non_urgent_windows_are_judged_when_asked(read: Read) -> None:
    register = read(members=members("M1,BIN-0001,active,true,true,0470123456,"))
    assert [] == check_register(register, NOON)
    words = "non-urgent messages: no address for any of email"
    assert [("R12", "M1", words)] == told(check_register(register, NOON, urgent_only=False))


def test_R03_plans_to_come_are_judged_and_plans_that_are_over_are_not(read: Read, network: Entry) -> None:
    (plan,) = network["plans"]  # type: ignore[misc]
    mail = {"urgent": [ALWAYS | {"channels": ["email"]}]}
    rows = members("M1,BIN-0001,active,true,true,0470123456,")
    network["plans"] = [plan | mail, plan | {"version": 2, "valid_from": "2026-11-21"}]
    assert [] == check_register(read(members=rows), NOON)
    network["plans"] = [plan, plan | mail | {"version": 2, "valid_from": "2026-11-22"}]
    assert ["R6"] == [finding.rule for finding in check_register(read(members=rows), NOON)]


@pytest.mark.parametrize(
    ("changes", "rule", "words"),
    [
        ({"recognised": False}, "R1", "is stopped or not recognised"),
        ({"stopped": True}, "R1", "is stopped or not recognised"),
        ({"coordinators": [{"id": "K", "name": "C", "status": "relieved"}]}, "R23", "no coordinator in office"),
        ({"coordinators": [{"id": "K", "name": "C", "member": "M9"}]}, "R2", "`member` is not in the register"),
        ({"language_choice": "member"}, "R16", "may not record"),
    ],
)
def test_what_a_network_is_told(read: Read, network: Entry, changes: Entry, rule: str, words: str) -> None:
    network |= changes
    (finding,) = check_register(read(), NOON)
    assert (rule, None) == (finding.rule, finding.member)
    assert words in finding.words


def test_R03_a_network_whose_first_plan_has_not_begun(read: Read, network: Entry) -> None:
    network["plans"][0]["valid_from"] = "2027-01-01"  # type: ignore[index]
    assert ["R3"] == [finding.rule for finding in check_register(read(), NOON)]


@pytest.mark.parametrize(("kind", "carried"), [("residents", False), ("business_park", True)])
def test_R13_urgent_whatsapp_that_may_not_be(read: Read, zone: Entry, network: Entry, kind: str, carried: bool) -> None:
    zone["social_media_supported"] = True
    network |= {"kind": kind, "house_rules_social_media": True}
    network["plans"][0] |= {
        "urgent": [ALWAYS | {"channels": ["sms", "tts", "whatsapp"]}],
        "social_media_supported": True,
    }  # type: ignore[index]
    assert ([] if carried else ["R13"]) == [finding.rule for finding in check_register(read(), NOON)]


def test_R13_a_window_of_nothing_but_whatsapp_reaches_nobody_where_it_is_forbidden(read: Read, network: Entry) -> None:
    network["plans"][0] |= {"urgent": [ALWAYS | {"channels": ["whatsapp"]}]}  # type: ignore[index]
    found = told(check_register(read(members=members("M1,BIN-0001,active,true,true,0470123456,")), NOON))
    assert ("R6", "M1", "urgent messages: the plan permits no channel") == found[-1]


def test_R04_an_active_member_has_accepted_the_house_rules(read: Read) -> None:
    found = told(check_register(read(members=members("M1,BIN-0001,active,true,false,0470123456,")), NOON))
    assert [("R4", "M1", "is active and has not accepted the house rules")] == found


def test_R02_a_register_from_elsewhere_is_judged_like_a_file(read: Read) -> None:
    """Its members are judged once the network is put right: a plan that is not sound cannot be asked."""
    register = read(members=members("M1,BIN-0001,active,true,true,,"))
    broken = msgspec.structs.replace(register, networks=(msgspec.structs.replace(register.networks[0], plans=()),))
    assert [("R2", None, "plans names no plan")] == told(check_register(broken, NOON))
