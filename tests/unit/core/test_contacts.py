"""Coordinators and officers as recipients (R9, R11): who they are, what they are called, how an audience has them."""

from array import array

from tests.unit.core.test_policy import network

from klaroen.core.audience import Kind
from klaroen.core.contacts import (
    Reachable,
    coordinators_of,
    name_at,
    name_of,
    number_of,
    officers_of,
    person_of,
    regions_of,
)
from klaroen.core.expand import CONTACTS_FIRST
from klaroen.core.ground import Region
from klaroen.core.model import Contact, Coordinator, MemberId, NetworkId, Officer

ONE, TWO = NetworkId("B1"), NetworkId("B2")
K1 = Coordinator("K1", "C", phone="+32499000001")
OFFICERS = (Officer("O1", "O"), Officer("O2", "P"))
FIRST = network("B1", "Z1", coordinators=(K1, Coordinator("K2", "D", status="removed")), officers=OFFICERS)
SECOND = network("B2", "Z1", officers=OFFICERS[:1])
REGISTER = {ONE: FIRST, TWO: SECOND}
COORDINATOR, OFFICER = Contact("coordinator", ONE, "K1"), Contact("officer", ONE, "O1")


def test_R23_only_coordinators_in_office_are_warned() -> None:
    assert [COORDINATOR] == coordinators_of(FIRST)
    assert K1 == person_of(COORDINATOR, REGISTER)
    assert person_of(Contact("coordinator", ONE, "K2"), REGISTER) is None


def test_R09_an_officer_of_several_networks_is_told_once() -> None:
    assert {OFFICER: (ONE, TWO), Contact("officer", ONE, "O2"): (ONE,)} == officers_of([FIRST, SECOND])
    assert OFFICERS[0] == person_of(OFFICER, REGISTER)
    assert person_of(Contact("officer", ONE, "O9"), REGISTER) is None
    assert person_of(Contact("officer", NetworkId("B9"), "O1"), REGISTER) is None


def test_contacts_are_called_by_office_id_and_network() -> None:
    """Members keep their ids; a number beyond them is a place in the alert's own list."""
    members, contacts = [MemberId("M0"), MemberId("M1")], (COORDINATOR, OFFICER)
    assert "coordinator:K1@B1" == name_of(COORDINATOR)
    numbers = (1, CONTACTS_FIRST, CONTACTS_FIRST + 1)
    names = ["M1", "coordinator:K1@B1", "officer:O1@B1"]
    assert names == [name_at(number, members, contacts) for number in numbers]
    known = {"M0": 0, "M1": 1}
    assert list(numbers) == [number_of(name, known, contacts) for name in names]
    assert number_of("coordinator:K9@B1", known, contacts) is None


def test_each_contact_is_a_region_of_its_own() -> None:
    """Its kind stands behind those of the register, once however many are alike."""
    register = (Kind((), 1),)
    people = [Reachable(COORDINATOR, (ONE,), 1), Reachable(OFFICER, (ONE, TWO), 1, (), "nl")]
    kinds, regions = regions_of(people, register)
    assert (Kind((), 1), Kind((), 1)) == kinds
    numbers = [array("I", [CONTACTS_FIRST + place]).tobytes() for place in (0, 1)]
    assert [Region((ONE,), None, (1,), (1,), numbers[0]), Region((ONE, TWO), "nl", (1,), (1,), numbers[1])] == regions
    assert ((), []) == regions_of([], ())
