"""What coordinators and officers are reached at, as the register says now.

Law: an address is looked up at the hand-over and kept nowhere; a number that cannot be used is no address.
"""

from collections.abc import Mapping, Sequence

from klaroen.core.contacts import person_of
from klaroen.core.expand import CONTACTS_FIRST
from klaroen.core.model import ADDRESS_KINDS, AddressKind, Alert, Contact, Coordinator, MemberNumber
from klaroen.core.plan import address_mask
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.register_index import RegisterIndex
from klaroen.register.model import FieldError
from klaroen.register.numbers import Use, read_number


class Mixed:
    """A column of addresses for an alert with contacts: by number, members' and theirs."""

    def __init__(self, members: Sequence[str | None], contacts: Sequence[str | None]) -> None:
        self._members, self._contacts = members, contacts

    def __getitem__(self, number: int) -> str | None:
        if number < CONTACTS_FIRST:
            return self._members[number]
        return self._contacts[number - CONTACTS_FIRST]


def column(desk: Desk, alert: Alert, kind: AddressKind) -> "Sequence[str | None] | Mixed":
    """Return the addresses of one kind by number, for whomever the alert may name."""
    members = desk.register.snapshot.addresses[ADDRESS_KINDS.index(kind)]
    if not alert.contacts:
        return members
    return Mixed(members, [addresses_of(desk.register, contact).get(kind) for contact in alert.contacts])


def addresses_of(register: RegisterIndex, contact: Contact) -> Mapping[AddressKind, str]:
    """Return the contact's addresses: their own, and of a coordinator who is a member, where they gave none, theirs."""
    person = person_of(contact, register.snapshot.networks)
    if person is None:
        return {}
    found: dict[AddressKind, str] = {}
    if person.phone:
        _add(found, "mobile", person.phone, "sms")
        if not found:
            _add(found, "landline", person.phone, "call")
    if person.email:
        found["email"] = person.email
    if isinstance(person, Coordinator) and person.member is not None:
        number = register.numbers_of.get(person.member)
        if number is not None:
            for kind, address in members_own(register, MemberNumber(number)).items():
                found.setdefault(kind, address)
    return found


def members_own(register: RegisterIndex, number: MemberNumber) -> Mapping[AddressKind, str]:
    columns = zip(ADDRESS_KINDS, register.snapshot.addresses, strict=True)
    return {kind: address for kind, addresses in columns if (address := addresses[number]) is not None}


def mask_of(register: RegisterIndex, contact: Contact) -> int:
    """Return the kinds of address that the contact has, as bits."""
    return address_mask(tuple(addresses_of(register, contact)))


def _add(found: dict[AddressKind, str], kind: AddressKind, phone: str, use: Use) -> None:
    try:
        found[kind] = read_number(phone, use)
    except FieldError:
        return
