"""One table of the file against one `Section`: what can be used of it, and every fault.

Law: each key is judged by itself, so that one fault hides no other. A table that overrides some keys of a default
(`[steps.crisis]`) keeps the rest of that default.
"""

import collections.abc
import difflib
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct, structs

from klaroen.configuration.checks import CHECKS
from klaroen.setting_kinds import Section

Tree = dict[str, object]
"""The keys of a table with what they mean, a table within as a tree of its own, and `FAULTY` for what means nothing."""

S = TypeVar("S", bound=Section)

FAULTY: Final = object()
"""Stands in a tree for a value that is there and cannot be used."""


class Fault(Struct, frozen=True):
    """One thing that is wrong, by its key."""

    key: str
    words: str


def read_table(raw: Mapping[str, object], kind: type[Section], at: str, faults: list[Fault]) -> Tree:
    """Return what a table means, and add to `faults` what cannot be used; `at` is the table's own key."""
    fields = {field.encode_name: field for field in structs.fields(kind)}
    faults += [Fault(_join(at, key), f"there is no such key{closest(key, fields)}") for key in raw if key not in fields]
    tree: Tree = {}
    for name, field in fields.items():
        key = _join(at, name)
        if name in raw:
            tree[name] = _read(raw[name], field.type, key, faults)
        elif field.required:
            faults.append(Fault(key, "is required"))
    return tree


def build(kind: type[S], tree: Tree, default: S | None = None) -> S:
    """Return the section that a tree without faults describes, over its default."""
    values = dict(tree)
    for field in structs.fields(kind):
        if field.encode_name in tree and _section(field.type) is not None:
            start = None if field.default is NODEFAULT else field.default
            values[field.encode_name] = build(field.type, tree[field.encode_name], start)  # type: ignore[arg-type]
    return kind(**values) if default is None else structs.replace(default, **values)


def closest(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?" where something known is near, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _read(raw: object, type_: Any, at: str, faults: list[Fault]) -> object:
    section = _section(type_)
    if section is not None:
        if isinstance(raw, dict):
            return read_table(raw, section, at, faults)
        faults.append(Fault(at, "expected a table"))
        return FAULTY
    for option in _options(type_):
        if isinstance(raw, list) and get_origin(option) is tuple:
            items = [_read(item, get_args(option)[0], f"{at}[{index}]", faults) for index, item in enumerate(raw)]
            return FAULTY if FAULTY in items else tuple(items)
        if isinstance(raw, dict) and get_origin(option) is collections.abc.Mapping:
            key_type, value_type = get_args(option)
            pairs = {
                _read(key, key_type, _join(at, key), faults): _read(value, value_type, _join(at, key), faults)
                for key, value in raw.items()
            }
            return FAULTY if FAULTY in {*pairs, *pairs.values()} else pairs
    return _single(raw, type_, at, faults)


def _single(raw: object, type_: Any, at: str, faults: list[Fault]) -> object:
    try:
        value: object = msgspec.convert(raw, type_)
    except msgspec.ValidationError as error:
        faults.append(Fault(at, _words(str(error), raw, type_)))
        return FAULTY
    for meta in _metas(type_):
        if meta.extra is not None and isinstance(value, str):
            words = CHECKS[meta.extra["check"]](value)
            if words is not None:
                faults.append(Fault(at, words))
                return FAULTY
    return value


def _words(error: str, raw: object, type_: Any) -> str:
    for option in _options(type_):
        if get_origin(option) is Literal:
            allowed = [str(choice) for choice in get_args(option)]
            near = closest(raw, allowed) if isinstance(raw, str) else ""
            return f"expected one of {', '.join(allowed)}{near}"
    if "regex" in error:
        for meta in _metas(type_):
            if meta.description is not None:
                return f"expected {meta.description}"
    words = error.partition(" - at ")[0].replace("`", "").replace("Expected", "expected")
    return f"{words}, got {raw}" if isinstance(raw, int | float) and " got " not in words else words


def _section(type_: Any) -> type[Section] | None:
    return type_ if isinstance(type_, type) and issubclass(type_, Section) else None


def _options(type_: Any) -> Iterator[Any]:
    """Yield the alternatives of a type, without annotations."""
    if get_origin(type_) is Annotated:
        yield from _options(get_args(type_)[0])
    elif get_origin(type_) in (Union, UnionType):
        for option in get_args(type_):
            yield from _options(option)
    else:
        yield type_


def _metas(type_: Any) -> Iterator[Meta]:
    if get_origin(type_) is Annotated:
        yield from (meta for meta in get_args(type_)[1:] if isinstance(meta, Meta))
    elif get_origin(type_) in (Union, UnionType):
        for option in get_args(type_):
            yield from _metas(option)


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key
