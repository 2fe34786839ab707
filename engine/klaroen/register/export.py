"""The register as the three files that would import it again.

Law: importing what was exported gives the same register: nothing is added, dropped or put in another order.
"""

import csv
import io
from collections.abc import Iterable, Iterator

import msgspec

from klaroen.core.model import Member
from klaroen.register.members import COLUMNS
from klaroen.register.model import Register


def export_register(register: Register) -> tuple[bytes, bytes, bytes]:
    """Return zones.jsonl, networks.jsonl and members.csv."""
    return _lines(register.zones), _lines(register.networks), _members(register.members)


def _lines(entries: Iterable[msgspec.Struct]) -> bytes:
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)


def _members(members: Iterable[Member]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)  # RFC 4180: CR LF, quotes where they are needed
    writer.writerow(COLUMNS)
    for member in members:
        writer.writerows(_rows(member))
    return text.getvalue().encode()


def _rows(member: Member) -> Iterator[tuple[str | None, ...]]:
    """Yield a row a membership, its fields in the order of COLUMNS."""
    person = (
        member.name,
        member.language,
        member.mobile,
        member.landline,
        member.email,
        member.whatsapp,
        ">".join(member.preference),
        _truth(member.adult),
    )
    for network, status, house_rules in member.memberships:
        yield member.id, network, status, _truth(house_rules), *person


def _truth(value: bool) -> str:
    return "true" if value else "false"
