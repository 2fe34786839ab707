"""`members.csv`: one row a membership becomes members, or every fault by line (R4).

Law: rows of one member agree on everything but the membership; what cannot be read is a fault and never half a member.
A row is one line: a line break inside quotes has no place in these fields.
"""

import csv
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Final, NamedTuple

from klaroen.core.model import (
    CHANNELS,
    LANGUAGES,
    Channel,
    Language,
    Member,
    MemberId,
    MemberNumber,
    MembershipState,
    NetworkId,
)
from klaroen.register.entries import read_id
from klaroen.register.lines import Source, numbered_lines
from klaroen.register.model import Faults, FieldError
from klaroen.register.numbers import Use, read_number

LINE_BYTES_MAX: Final = 4_096
"""Twelve fields of which the longest, a mail address, has 254 characters."""
NAME_CHARS_MAX: Final = 200
EMAIL_CHARS_MAX: Final = 254  # RFC 5321's path of 256, less its angle brackets

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_EMAIL: Final = re.compile(r'[^\s@<>(),;:"\\]{1,64}@(?:[^\s@<>(),;:"\\.]{1,63}\.)+[^\s@<>(),;:"\\.]{2,63}')
_STATES: Final[dict[str, MembershipState]] = {"active": "active", "suspended": "suspended", "removed": "removed"}
_TRUTHS: Final = {"true": True, "false": False}
_LANGUAGES: Final[dict[str, Language | None]] = {
    **{language: language for language in LANGUAGES if language != "mul"},
    "": None,
}
_CHANNELS: Final[dict[str, Channel]] = {channel: channel for channel in CHANNELS}


REQUIRED: Final = ("member_id", "network_id", "status", "adult")
"""Columns that must be there; another that is left out is empty for everybody."""


class Person(NamedTuple):
    """What all rows of one member agree on."""

    name: str
    language: Language | None
    mobile: str | None
    landline: str | None
    email: str | None
    whatsapp: str | None
    preference: tuple[Channel, ...]
    adult: bool


Membership = tuple[NetworkId, MembershipState, bool]


class _Known(NamedTuple):
    """A member so far: where first read, what was read, and the memberships by network."""

    line_no: int
    person: Person
    memberships: dict[str, Membership]


def read_members(
    source: Source, networks: Collection[str], faults: Faults, only: Collection[str] | None = None
) -> tuple[Member, ...]:
    """Return the members in the order in which they first stand, numbered from 0.

    `networks` are the ids in the networks file, faulty entries included. With `only`, rows of others are not judged.
    """
    lines = numbered_lines(source, LINE_BYTES_MAX, faults)
    line_no, header = next(lines, (0, ""))
    try:
        pick = read_header(header)
    except FieldError as error:
        faults.add(source.name, line_no, "header", error.words)
        return ()
    known: dict[str, _Known] = {}
    for line_no, line in lines:
        add = partial(faults.add, source.name, line_no)
        try:
            texts = pick(line)
        except FieldError as error:
            add("line", error.words)
            continue
        if only is not None and texts[1] not in only:
            continue
        if (person := _read_person(texts, add)) is not None:
            if texts[1] not in networks:
                add("network_id", "is not a network of the networks file")
            _enter(known, line_no, texts, person, add)
    return tuple(
        Member(MemberNumber(number), MemberId(member), *entry.person, tuple(sorted(entry.memberships.values())))
        for number, (member, entry) in enumerate(known.items())
    )


def _read_person(texts: Sequence[str], add: Callable[..., None]) -> Person | None:
    """Return what a row says of its person, or None after adding every fault of the row."""
    try:
        values = [read(text) for read, text in zip(_READERS, texts, strict=True)]
    except FieldError:
        for (column, read), text in zip(COLUMNS.items(), texts, strict=True):
            try:
                read(text)
            except FieldError as error:
                add(column, error.words, error.rule)
        return None
    return Person._make(values[4:])


def _enter(
    known: dict[str, _Known], line_no: int, texts: Sequence[str], person: Person, add: Callable[..., None]
) -> None:
    """Put one row's membership to its member, or add what stands against it."""
    member, network, status, house_rules = texts[:4]
    entry = known.setdefault(member, _Known(line_no, person, {}))
    if entry.person is not person and entry.person != person:
        for column, first, here in zip(Person._fields, entry.person, person, strict=True):
            if first != here:
                add(column, f"differs from line {entry.line_no}, a row of the same member")
    if network in entry.memberships:
        add("member_id", "stands on an earlier line with the same network already")
    if status == "active" and not person.adult:
        add("adult", "is false: active members are adults", "R4")
    entry.memberships[network] = (NetworkId(network), _STATES[status], house_rules == "true")


# --- rows -----------------------------------------------------------------------------------------------------------


def read_header(line: str) -> Callable[[str], Sequence[str]]:
    """Return what picks a row's fields in the order of `COLUMNS`. Raises FieldError for a header that is not one."""
    header = [name.strip() for name in split_row(line)]
    if unknown := sum(name not in COLUMNS for name in header):
        raise FieldError(f"names {unknown} columns that this file does not have; it has {', '.join(COLUMNS)}")
    if len(set(header)) != len(header):
        raise FieldError("names a column twice")
    if missing := [name for name in REQUIRED if name not in header]:
        raise FieldError(f"lacks {', '.join(missing)}")
    width = len(header)
    choose = itemgetter(*(header.index(name) if name in header else width for name in COLUMNS))

    def pick(line: str) -> Sequence[str]:
        row = [field.strip() for field in split_row(line)]
        if len(row) != width:
            raise FieldError(f"has {len(row)} fields where the header has {width}")
        row.append("")  # what every column that was left out holds
        fields: tuple[str, ...] = choose(row)
        return fields

    return pick


def split_row(line: str) -> list[str]:
    """Return a row's fields by RFC 4180. Raises FieldError where its quotes do not pair up."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        raise FieldError("has quotes that do not pair up on this line") from None


# --- fields ---------------------------------------------------------------------------------------------------------


def _read_name(text: str) -> str:
    if len(text) > NAME_CHARS_MAX:
        raise FieldError(f"is longer than {NAME_CHARS_MAX} characters")
    if not text.isprintable() and _CONTROL.search(text):
        raise FieldError("holds a control character")
    return text


def _read_address(text: str, use: Use) -> str | None:
    return read_number(text, use) if text else None


def _read_email(text: str) -> str | None:
    if text and (len(text) > EMAIL_CHARS_MAX or not _EMAIL.fullmatch(text) or not text.isprintable()):
        raise FieldError("is not a mail address")
    return text or None


@lru_cache(maxsize=1_024)  # there are 326 preferences over five channels
def _read_preference(text: str) -> tuple[Channel, ...]:
    names = [name.strip() for name in text.split(">")] if text else []
    if any(name not in _CHANNELS for name in names):
        raise FieldError(f"is not written like tts>sms, of {', '.join(_CHANNELS)}", "R14")
    if len(set(names)) != len(names):
        raise FieldError("names a channel twice", "R14")
    return tuple(_CHANNELS[name] for name in names)


def _one_of(allowed: Mapping[str, object], rule: str | None, text: str) -> object:
    try:
        return allowed[text]
    except KeyError:
        raise FieldError(f"is none of {', '.join(name or '(empty)' for name in allowed)}", rule) from None


COLUMNS: Final[dict[str, Callable[[str], object]]] = {
    "member_id": read_id,
    "network_id": read_id,
    "status": partial(_one_of, _STATES, "R4"),
    "house_rules": partial(_one_of, {**_TRUTHS, "": False}, "R4"),
    "name": _read_name,
    "language": partial(_one_of, _LANGUAGES, "R16"),
    "mobile": partial(_read_address, use="sms"),
    "landline": partial(_read_address, use="call"),
    "email": _read_email,
    "whatsapp": partial(_read_address, use="call"),
    "preference": _read_preference,
    "adult": partial(_one_of, _TRUTHS, "R4"),
}
"""How each column is read: first those of the membership, then those of `Person`, in its order."""

_READERS: Final = tuple(COLUMNS.values())
