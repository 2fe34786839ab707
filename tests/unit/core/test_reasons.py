"""Why somebody got what they got: the chain of rules, in order, for every kind of alert and person."""

import pytest
from msgspec.structs import replace
from tests.unit.core.batches import make_group
from tests.unit.core.test_audit import ALERT

from klaroen.core.expand import CONTACTS_FIRST
from klaroen.core.model import AlertId, NetworkId
from klaroen.core.reasons import Attempted, chain
from klaroen.core.rules import RULES

NOON = "2026-11-21T11:00:00.000Z"
SMS, CALL = Attempted("sms", NOON), Attempted("tts", "2026-11-21T11:01:00.000Z")
TWO_LEVELS = replace(ALERT, through=(NetworkId("B1"),))


def rules(alert=ALERT, group=None, number=1, attempts=(), *, barred=False) -> list[str]:
    found = list(chain(alert, group or make_group(1), number, attempts, NOON, barred=barred))
    assert all(rule in RULES for rule, _ in found)
    return [rule for rule, _ in found]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "R8"),
        ({"authority": "approval"}, "R8"),
        ({"authority": "grant"}, "R9"),
        ({"authority": "consent"}, "R24"),
        ({"alert_class": "crisis", "role": "crisis_authority"}, "R10"),
        ({"origin": "copy"}, "R9"),
    ],
)
def test_R08_the_chain_says_on_what_an_alert_rests(changes, rule: str) -> None:
    """Recognition first, then the sender's right, a grant, an officer's consent, or a crisis authority's."""
    assert ["R1", rule] == rules(replace(ALERT, **changes))[:2]


def test_a_member_of_one_network() -> None:
    assert ["R1", "R8", "R4", "R3", "R12", "R16", "R14"] == rules(attempts=[SMS])


def test_R15_the_next_channel_is_told_with_its_instant() -> None:
    assert ("R15", CALL.at) in list(chain(ALERT, make_group(1), 1, [SMS, SMS, CALL], NOON, barred=False))
    assert "R15" not in rules(attempts=[SMS, SMS])


def test_who_cannot_be_reached_has_no_channel_to_explain() -> None:
    assert "R12" == rules(group=make_group(1, reason="no_address"))[-1]


def test_R05_a_person_in_several_networks_and_R18_a_follow_up() -> None:
    assert ["R1", "R8", "R18", "R4", "R5"] == rules(
        replace(ALERT, follows=AlertId("A0")), make_group(1, networks=(0, 1))
    )[:5]


def test_R13_social_media_are_explained_where_they_are_urgent() -> None:
    assert "R13" in rules(attempts=[Attempted("whatsapp", NOON)])
    assert "R13" not in rules(replace(ALERT, urgent=False), attempts=[Attempted("whatsapp", NOON)])


def test_R11_two_levels_are_told_to_coordinators_and_members() -> None:
    """Who is in a network of one level as well is told as anybody."""
    assert ["R1", "R8", "R11", "R3"] == rules(TWO_LEVELS, number=CONTACTS_FIRST)[:4]
    assert ["R1", "R8", "R4", "R11", "R3"] == rules(TWO_LEVELS)[:5]
    assert "R11" not in rules(TWO_LEVELS, make_group(1, networks=(0, 1)))


@pytest.mark.parametrize(
    ("alert", "rule"), [(ALERT, "R1"), (replace(ALERT, authority="grant"), "R9"), (TWO_LEVELS, "R11")]
)
def test_what_stopped_a_delivery_comes_last(alert, rule: str) -> None:
    """A network that was stopped, a grant that was withdrawn, a coordinator's word."""
    assert rule == rules(alert, barred=True)[-1]
