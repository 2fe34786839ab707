"""Grants and halts as values: until when, for whom, and what they are worth today (R1, R9, R23)."""

from datetime import datetime

import pytest
from msgspec.structs import replace
from tests.unit.core.batches import make_alert
from tests.unit.core.test_policy import NOON, network

from klaroen.core.errors import InputError
from klaroen.core.mandates import Grant, check_grantee, end_of, holds
from klaroen.core.model import Coordinator, Instant, NetworkId

COORDINATORS = (
    Coordinator("K1", "C"),
    Coordinator("K2", "D", status="relieved"),
    Coordinator("K3", "E", status="temporary"),
)
NETWORK = network("B1", "Z1", coordinators=COORDINATORS)
GRANT = Grant(NetworkId("B1"), "K1", ("cold",), Instant(NOON + 1000), NOON, "police")


@pytest.mark.parametrize(
    ("until", "ends"),
    [
        ("2026-11-21", "2026-11-22T00:00:00+01:00"),
        ("2027-06-30", "2027-07-01T00:00:00+02:00"),
        ("2026-11-21T14:00Z", "2026-11-21T15:00:00+01:00"),
        ("2026-11-21T14:00:30.5+01:00", "2026-11-21T14:00:30.500+01:00"),
    ],
)
def test_R09_a_grant_holds_until_its_day_is_over(until: str, ends: str) -> None:
    """A date means that day included, in Brussels' time; an instant means itself."""
    assert int(datetime.fromisoformat(ends).timestamp() * 1000) == end_of(until, NOON)


@pytest.mark.parametrize(
    ("until", "words"), [("2026-11-20", "past"), ("2026-02-30", "calendar"), ("9999-12-31", "calendar")]
)
def test_R09_a_date_that_is_over_or_none_is_refused(until: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        end_of(until, NOON)
    assert ("invalid", "$.until", "R9") == (
        caught.value.problem.name, caught.value.problem.at, caught.value.problem.rule,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "coordinator", "rule"),
    [
        ({"stopped": True}, "K1", "R1"),
        ({"recognised": False}, "K1", "R1"),
        ({}, "K9", "R9"),
        ({}, "K2", "R23"),
    ],
)
def test_R09_a_grant_that_could_not_be_used_is_refused(changes, coordinator: str, rule: str) -> None:
    """A stopped network, an unknown coordinator, one who was relieved."""
    with pytest.raises(InputError) as caught:
        check_grantee(replace(NETWORK, **changes), coordinator)
    assert ("invalid", rule) == (caught.value.problem.name, caught.value.problem.rule)


def test_R23_a_temporary_coordinator_takes_over() -> None:
    check_grantee(NETWORK, "K1")
    check_grantee(NETWORK, "K3")
    assert holds(replace(GRANT, coordinator="K3"), NETWORK, NOON)


@pytest.mark.parametrize(
    ("found", "at"),
    [
        (None, NOON),
        (NETWORK, Instant(NOON + 1000)),
        (replace(NETWORK, stopped=True), NOON),
        (replace(NETWORK, recognised=False), NOON),
        (replace(NETWORK, coordinators=COORDINATORS[1:]), NOON),
        (replace(NETWORK, coordinators=(Coordinator("K1", "C", status="removed"),)), NOON),
    ],
)
def test_R23_a_grant_is_worth_what_the_register_says(found, at: Instant) -> None:
    """It ends with its time, its network, and its coordinator's office."""
    assert holds(GRANT, NETWORK, NOON)
    assert not holds(GRANT, found, at)


@pytest.mark.parametrize(
    ("authority", "state"),
    [
        ("own", "accepted"),
        ("grant", "accepted"),
        ("consent", "awaiting_consent"),
        ("approval", "awaiting_consent"),
    ],
)
def test_R24_an_alert_begins_as_its_authority_allows(authority, state) -> None:
    assert replace(make_alert(), authority=authority).begins_as == state
