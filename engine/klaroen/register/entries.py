"""One JSON object a line becomes a Struct, or every fault of that line.

Law: nothing is guessed and nothing dropped: unknown names, names that stand twice, and missing ones are faults. Each
field is read by itself, so that one fault does not hide the next; no value is ever repeated in the words.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable
from typing import Final, NoReturn, TypeVar

import msgspec
from msgspec.structs import fields

from klaroen.register.lines import Source, numbered_lines
from klaroen.register.model import Faults, FieldError

LINE_BYTES_MAX: Final = 1024 * 1024
"""A polygon of 10,000 points takes some 400 kB."""
STRING_CHARS_MAX: Final = 2_000
"""The longest text that a zone's reply may have; names and streets are far shorter."""
DEPTH_MAX: Final = 32
"""As for an alert's body; the deepest field, a polygon's point, lies at 5."""

_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
_FIELD_NAME: Final = re.compile(r"[a-z_]{1,40}", re.ASCII)
_AT: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")

Entry = TypeVar("Entry", bound=msgspec.Struct)
Told = tuple[str, str, str | None]
"""(field, words, rule)"""
Judge = Callable[[Entry], Iterable[Told]]
"""Yields what a well-formed entry breaks."""


def read_id(text: str) -> str:
    """Return the id. Raises FieldError if it is not one."""
    if not _ID.fullmatch(text):
        raise FieldError("is not an id: 1 to 40 letters, digits, hyphens, dots or underscores")
    return text


def read_entries(
    source: Source,
    entry_type: type[Entry],
    judge: Judge[Entry],
    faults: Faults,
    *,
    named_by: tuple[str, Collection[str]],
    only: Collection[str] | None = None,
) -> dict[str, Entry | None]:
    """Return the entries by id, None for one that has faults, so that what refers to it is not faulted as well.

    `named_by` is the rule that names required fields, with those fields. With `only`, the others are not judged.
    """
    entries: dict[str, Entry | None] = {}
    for line_no, line in numbered_lines(source, LINE_BYTES_MAX, faults):
        before = len(faults)
        try:
            names = parse_object(line)
        except FieldError as error:
            faults.add(source.name, line_no, "line", error.words)
            continue
        entry_id = names.get("id")
        if isinstance(entry_id, str):
            if only is not None and entry_id not in only:
                continue
            if entry_id in entries:
                faults.add(source.name, line_no, "id", "stands on an earlier line already")
        entry, told = convert(names, entry_type, named_by)
        for field, words, rule in judge(entry) if entry is not None else told:
            faults.add(source.name, line_no, field, words, rule)
        if isinstance(entry_id, str):
            entries[entry_id] = entry if before == len(faults) else None
    return entries


def parse_object(line: str) -> dict[str, object]:
    """Return the one JSON object of a line. Raises FieldError if it is not exactly that."""
    try:
        names = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_constant)
    except FieldError:
        raise
    except ValueError:  # its words would quote the line
        raise FieldError("is not JSON") from None
    except RecursionError:
        raise FieldError(f"is nested deeper than {DEPTH_MAX}") from None
    if not isinstance(names, dict):
        raise FieldError("is not a JSON object")
    _bound(names, DEPTH_MAX)
    return names


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise FieldError("repeats a name within an object")
    return names


def _no_constant(_: str) -> NoReturn:
    raise FieldError("holds a number that JSON does not have")


def _bound(value: object, depth: int) -> None:
    """Raise FieldError for nesting, strings or surrogates beyond the limits."""
    if depth == 0:
        raise FieldError(f"is nested deeper than {DEPTH_MAX}")
    if isinstance(value, str):
        if len(value) > STRING_CHARS_MAX:
            raise FieldError(f"holds a text of more than {STRING_CHARS_MAX} characters")
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise FieldError("holds half of a surrogate pair")
    elif isinstance(value, dict):
        for name, item in value.items():
            _bound(name, depth - 1)
            _bound(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _bound(item, depth - 1)


def convert(
    names: dict[str, object], entry_type: type[Entry], named_by: tuple[str, Collection[str]]
) -> tuple[Entry | None, list[Told]]:
    """Return the entry, or None and what each field breaks."""
    rule, ruled = named_by
    known = {field.encode_name: field for field in fields(entry_type)}
    told: list[Told] = [
        (name if _FIELD_NAME.fullmatch(name) else "line", "is not a field of this file", None)
        for name in names
        if name not in known
    ]
    values: dict[str, object] = {}
    for name, field in known.items():
        value = names.get(name)
        if value is None and field.required:
            told.append((name, "is missing", rule if name in ruled else None))
        elif name in names:
            try:
                values[field.name] = msgspec.convert(value, field.type, strict=True)
            except msgspec.ValidationError as error:
                told.append(_place_and_words(name, str(error)))
    return (None if told else entry_type(**values)), told


def _place_and_words(field: str, words: str) -> Told:
    """Return where within the field, and msgspec's words without any value that they quote."""
    match = _AT.search(words)
    place = field + match["path"] if match else field
    words = _AT.sub("", words)
    return place, "is none of the values allowed" if words.startswith("Invalid enum value") else words, None
