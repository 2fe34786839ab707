"""JSON as it was posted: read strictly, and given its type with every fault told by path.

Law: a reader never sees what two readers could read differently (a name twice, half a surrogate pair, NaN), and an
error never quotes a value: it may be the text of an alert. The only names that it repeats look like names.
"""

import json
import re
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

import msgspec
from msgspec import inspect

from klaroen.core.errors import InputError

NESTING_MAX: Final = 32
"""The contract's. The deepest body that means something, a polygon, nests six deep."""

T = TypeVar("T")


def read_json(body: bytes) -> object:
    """Return the value that the body holds.

    Raises InputError `malformed`: not UTF-8, not JSON, a name repeated within an object, a lone surrogate, or nested
    deeper than `NESTING_MAX`.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("malformed", f"The body is not UTF-8 at byte {error.start}.") from None
    try:
        value: object = _decoder.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError("malformed", f"The body is not JSON: it cannot be read at {where}.") from None
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise InputError("malformed", "The body holds a number that is too long.") from None
    except RecursionError:
        raise _too_deep() from None
    if _nests_too_deep(value):
        raise _too_deep()
    if "\\u" in text:
        _refuse_lone_surrogates(value)
    return value


def shaped(value: object, as_type: type[T]) -> T:
    """Return the value as that type.

    Raises InputError `invalid` that says what is wrong, and where.
    """
    try:
        return msgspec.convert(value, as_type)
    except msgspec.ValidationError as error:
        _explain(str(error), as_type)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise InputError("malformed", "The body repeats a name within an object.")
    return names


def _refuse_constant(_: str) -> NoReturn:
    raise InputError("malformed", "The body holds NaN or Infinity, which are not JSON.")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _too_deep() -> InputError:
    return InputError("malformed", f"The body nests deeper than {NESTING_MAX}.")


def _nests_too_deep(value: object) -> bool:
    """Go down level by level: no recursion, and each container is looked at once."""
    level: list[dict[str, object] | list[object]] = [value] if isinstance(value, dict | list) else []
    for _ in range(NESTING_MAX):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
    return bool(level)


def _refuse_lone_surrogates(value: object) -> None:
    """UTF-8 cannot hold one, so that it can only have come as an escape."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InputError("malformed", "The body holds half a surrogate pair, which is no character.") from None


# --- msgspec's words, made a caller's -------------------------------------------------------------------------------

_PATH = re.compile(r"\$(?:\.[A-Za-z_]\w*|\[\d+\])*")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_TYPES: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_BOUNDS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def _bound_words(found: re.Match[str]) -> str:
    return f"must be {_BOUNDS[found[1]]} {found[2].removesuffix('.0')}"


def _length_words(found: re.Match[str]) -> str:
    if found.group(2, 3) == (">=", "1"):
        return "must not be empty"
    things = "characters" if found[1] == "str" else "items"
    return f"must have {_BOUNDS[found[2]]} {found[3]} {things}"


def _type_words(found: re.Match[str]) -> str:
    wanted = _TYPES[found[1].removesuffix(" | null")]
    got = "a decimal number" if found[2] == "float" else _TYPES[found[2]]
    return f"must be {wanted}, not {got}"


_WORDS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"Expected `(str|array)` of length ([<>]=) (\d+)"), _length_words),
    (re.compile(r"Expected `array` of length (\d+)"), lambda found: f"must have exactly {found[1]} items"),
    (re.compile(r"Expected `(?:int|float)` ([<>]=?) (\S+)"), _bound_words),
    (
        re.compile(r"Expected `str` matching regex"),
        lambda _: "holds a control character that cannot be carried exactly",
    ),
    (re.compile(r"Expected `([^`]+)`, got `(\w+)`"), _type_words),
)


def _explain(message: str, as_type: object) -> NoReturn:
    """Raise msgspec's fault in our words. Its message may quote a value: nothing of it is passed on unread."""
    what, _, tail = message.rpartition(" - at `")
    at = tail.removesuffix("`")
    if not what or not _PATH.fullmatch(at):
        what, at = message, "$"
    if found := re.match(r"Object (contains unknown|missing required) field `(.*)`", what, re.DOTALL):
        if not _NAME.fullmatch(found[2]):
            raise InputError("invalid", f"{_subject(at)} holds a name that is not known here.", at=at)
        at = f"{at}.{found[2]}"
        words = "must be given" if found[1] == "missing required" else "is not known here"
        raise InputError("invalid", f"{_subject(at)} {words}.", at=at)
    if what.startswith("Invalid"):
        words = "must be " + _choice_words(at, inspect.type_info(as_type))
    else:
        words = next(say(found) for pattern, say in _WORDS if (found := pattern.match(what)))
    raise InputError("invalid", f"{_subject(at)} {words}.", at=at)


def _subject(at: str) -> str:
    return at.removeprefix("$.") if at != "$" else "The body"


def _choice_words(at: str, node: inspect.Type) -> str:
    """Return what may stand at this path, read off the type itself."""
    for name, _ in _STEP.findall(at):
        node = _inner(node)
        if isinstance(node, inspect.StructType):
            node = next(one.type for one in node.fields if one.encode_name == name)
        else:
            assert isinstance(node, inspect.VarTupleType), "choices stand in records and lists only"
            node = node.item_type
    node = _inner(node)
    assert isinstance(node, inspect.LiteralType), "msgspec says `Invalid` of choices only"
    values = ["true" if value is True else str(value) for value in node.values]
    return values[0] if len(values) == 1 else f"one of {', '.join(values)}"


def _inner(node: inspect.Type) -> inspect.Type:
    if isinstance(node, inspect.Metadata):
        return _inner(node.type)
    if isinstance(node, inspect.UnionType):
        return _inner(next(one for one in node.types if not isinstance(one, inspect.NoneType)))
    return node
