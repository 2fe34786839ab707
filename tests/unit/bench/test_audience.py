"""Who is targeted, active and reachable, from the register's files and the circular's rules alone."""

from datetime import UTC, datetime
from typing import Any

import pytest

from klaroen_bench.audience import AuditError, Person, Register, plan_in_force, targeted, wanted

NOON = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)  # a Saturday, 12:00 in Brussels
ONE = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ALL = ("sms", "voice", "tts", "email", "whatsapp")
WARM = {"class": "warm", "content": {"nl": {"text": "x"}}}


def window(start: str, to: str, *channels: str, days: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"from": start, "to": to, "channels": list(channels), "days": list(days)}


ALWAYS = [window("00:00", "24:00", *ALL)]


def network(name: str = "B1", urgent: list[dict[str, Any]] = ALWAYS, **changes: Any) -> dict[str, Any]:
    plan = {
        "version": 1,
        "valid_from": "2020-01-01",
        "urgent": urgent,
        "non_urgent": [window("00:00", "24:00", "email")],
    }
    plan["social_media_supported"] = True
    row = {"id": name, "zone": "Z1", "kind": "self_employed", "municipality": "Aalst", "province": "OV"}
    row |= {"area": {"streets": ["Kerkstraat"]}, "plans": [plan], "house_rules_social_media": True}
    return row | changes


def person(name: str = "M1", memberships=(("B1", "active", True),), **changes: str) -> Person:
    fields = {"mobile": "32470000001", "landline": "", "email": "", "whatsapp": ""} | changes
    return Person(name, "", fields["mobile"], fields["landline"], fields["email"], fields["whatsapp"], memberships)


def register(*networks: dict[str, Any], people: tuple[Person, ...] = (person(),)) -> Register:
    return Register({row["id"]: row for row in networks}, {one.id: one for one in people}, frozenset({"Z1"}))


def channels(one: Person, *networks: dict[str, Any], alert=WARM, until=ONE, carriers=ALL) -> tuple[set[str], set[str]]:
    known = register(*networks, people=(one,))
    found = wanted(known, known.networks, alert, NOON, until, carriers)[one.id]
    return set(found.channels), set(found.channels_later)


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ({"all": True}, {"B1", "B2", "B3"}),
        ({"networks": ["B2", "B4", "B5", "nobody"]}, {"B2"}),
        ({"zones": ["Z2"]}, {"B3"}),
        ({"zones": ["Z2"], "networks": ["B1"]}, {"B1", "B3"}),
        ({"zones": ["Z1"], "kinds": ["residents"]}, {"B2"}),
        ({"municipalities": ["Aalst"], "provinces": ["OV"]}, {"B1", "B2"}),
        ({"streets": [{"municipality": "Aalst", "street": "Kerkstraat"}]}, {"B1", "B2"}),
        ({"streets": [{"municipality": "Gent", "street": "Elders"}]}, set()),
    ],
)
def test_targets_are_networks_named_and_those_that_meet_every_other_key(targets, names) -> None:
    """R1: never one that is stopped or not recognised."""
    known = register(
        network("B1"),
        network("B2", kind="residents"),
        network("B3", zone="Z2", municipality="Gent"),
        network("B4", stopped=True),
        network("B5", recognised=False),
    )
    assert targeted(known, targets) == names


def test_a_tokens_scope_bounds_its_targets() -> None:
    known = register(network("B1"), network("B2", zone="Z2"))
    assert targeted(known, {"all": True}, ["Z2"]) == {"B2"}


@pytest.mark.parametrize("key", ["area", "near"])
def test_what_only_a_map_can_judge_is_refused(key: str) -> None:
    with pytest.raises(AuditError, match="map"):
        targeted(register(network()), {key: {}})


def test_a_member_suspended_in_one_network_is_reached_through_the_other() -> None:
    """R4."""
    one = person(memberships=(("B1", "suspended", True), ("B2", "active", True)))
    gone = person("M2", memberships=(("B1", "removed", True),))
    known = register(network("B1"), network("B2"), people=(one, gone))
    found = wanted(known, {"B1", "B2"}, WARM, NOON, ONE, ALL)
    assert {name: wanted.networks for name, wanted in found.items()} == {"M1": ("B2",)}


@pytest.mark.parametrize(
    ("addresses", "reached_by"),
    [
        ({}, {"sms", "voice", "tts"}),
        ({"mobile": "", "landline": "3292223344"}, {"voice", "tts"}),
        ({"mobile": "3292223344"}, {"voice", "tts"}),
        ({"mobile": "3242223344"}, {"voice", "tts"}),
        ({"mobile": "31612345678"}, {"sms", "voice", "tts"}),
        ({"mobile": "", "email": "a@b.be"}, {"email"}),
        ({"mobile": "", "whatsapp": "32470000001"}, {"whatsapp"}),
        ({"mobile": ""}, set()),
    ],
)
def test_a_channel_needs_its_address(addresses, reached_by) -> None:
    assert channels(person(**addresses), network())[0] == reached_by


@pytest.mark.parametrize(
    ("alert", "reached_by"),
    [
        (WARM | {"channels": ["tts"]}, {"tts"}),
        ({"class": "warm", "recording": {"nl": "r"}}, {"voice", "tts"}),
        ({"class": "cold", "content": {"nl": {}}}, {"email"}),
        ({"class": "public_interest", "content": {"nl": {}}}, {"email"}),
        ({"class": "public_interest", "urgent": True, "content": {"nl": {}}}, set(ALL)),
        ({"class": "crisis", "content": {"nl": {}}}, set(ALL) - {"whatsapp"}),
    ],
)
def test_class_and_content_say_which_channels_carry(alert, reached_by) -> None:
    """R10, R12: crisis never by social media; without a text, calls alone."""
    everything = person(landline="3292223344", email="a@b.be", whatsapp="32470000001")
    assert channels(everything, network(), alert=alert)[0] == reached_by


@pytest.mark.parametrize(
    ("row", "house_rules"),
    [
        (network(kind="residents"), True),
        (network(zone="Z2"), True),
        (network(house_rules_social_media=False), True),
        (network(), False),
    ],
)
def test_urgent_social_media_need_everybodys_consent(row, house_rules) -> None:
    """R13."""
    one = person(mobile="", whatsapp="32470000001", memberships=(("B1", "active", house_rules),))
    assert channels(one, row)[0] == set()


def test_only_channels_with_a_carrier_reach_anybody() -> None:
    assert channels(person(), network(), carriers=("sms",))[0] == {"sms"}


@pytest.mark.parametrize(
    ("windows", "now", "later"),
    [
        ([window("08:00", "12:00", "sms"), window("12:00", "08:00", "tts")], {"tts"}, {"tts"}),
        ([window("08:00", "12:30", "sms"), window("12:30", "08:00", "tts")], {"sms"}, {"sms", "tts"}),
        ([window("22:00", "12:30", "sms"), window("12:30", "22:00", "tts")], {"sms"}, {"sms", "tts"}),
        (
            [window("00:00", "24:00", "sms", days=("sat",)), window("00:00", "24:00", "tts", days=("sun",))],
            {"sms"},
            {"sms"},
        ),
        ([window("00:00", "24:00", "tts", days=("fri",))], set(), set()),
        ([window("18:00", "13:00", "sms", days=("fri",))], {"sms"}, {"sms"}),
    ],
)
def test_windows_are_local_hours_of_the_week_and_may_pass_midnight(windows, now, later) -> None:
    """R14: [from, to) in Brussels, on the day on which they begin."""
    assert channels(person(), network(urgent=windows)) == (now, later)


def test_permitted_is_what_any_of_the_members_networks_permits() -> None:
    """R5."""
    one = person(memberships=(("B1", "active", True), ("B2", "active", True)))
    by_sms, by_call = ([window("00:00", "24:00", channel)] for channel in ("sms", "tts"))
    assert channels(one, network("B1", by_sms), network("B2", by_call))[0] == {"sms", "tts"}


def test_the_last_plan_that_has_begun_holds() -> None:
    """R3."""
    plans = [{"version": n, "valid_from": f"2026-11-2{n}"} for n in (0, 1, 2)]
    assert plan_in_force(plans, NOON.date())["version"] == 1
    with pytest.raises(AuditError, match="plan"):
        plan_in_force(plans[2:], NOON.date())
