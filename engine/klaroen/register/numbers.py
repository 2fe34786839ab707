"""Telephone numbers: any Belgian or international form in, E.164 out, or why not.

Law: SMS goes to mobiles only, calls to mobile, fixed and VoIP numbers; nobody is ever rung at a premium, shared-cost,
short or emergency number. The words of a fault never hold the number. The short way for plain Belgian numbers uses
phonenumbers' own patterns and agrees with the long way (a property test compares them) [0.7 µs against 39].
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, Literal

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberType

from klaroen.register.model import FieldError

Use = Literal["sms", "call"]

NUMBER_CHARS_MAX: Final = 40
"""E.164 has 15 digits; with every digit spaced out and brackets a written number stays below this."""

REMEMBERED_MAX: Final = 16_384
"""Numbers that take the long way and are read again, such as a firm's exchange shared by its members."""

DENIED: Final = frozenset(
    {
        *("100", "101", "102", "103", "104", "105", "106", "107", "108", "109", "110", "112", "114"),
        *("1207", "1212", "1307", "1313", "1405", "1700", "1712", "1718", "1722", "1733", "1813", "1819"),
        *("116000", "116006", "116111", "116117", "116123"),
    }
)
"""Emergency, help and inquiry numbers of Belgium; phonenumbers' list of emergency numbers lacks 110, 1722, 116000."""

_CALLED: Final = frozenset(
    {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.VOIP}
)
_TEXTED: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
_KINDS: Final[dict[int, str]] = {
    PhoneNumberType.FIXED_LINE: "a fixed number",
    PhoneNumberType.VOIP: "a VoIP number",
    PhoneNumberType.PREMIUM_RATE: "a premium number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.TOLL_FREE: "a freephone number",
    PhoneNumberType.UAN: "a service number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.VOICEMAIL: "a voicemail",
}

_WRITTEN: Final = re.compile(r"[0-9+()./ -]+", re.ASCII)
_SEPARATORS: Final = str.maketrans("", "", " ./-")
_BELGIAN: Final = re.compile(r"(?:\+32|0032|0)([1-9][0-9]{7,8})", re.ASCII)
_DENIED_FORM: Final = re.compile(r"(?:\+32|0032|0)?([1-9][0-9]{2,5})", re.ASCII)


def read_number(text: str, use: Use) -> str:
    """Return the number as E.164. Raises FieldError if it cannot be used so."""
    if len(text) > NUMBER_CHARS_MAX:
        raise FieldError(f"is longer than {NUMBER_CHARS_MAX} characters")
    if plain := read_plain_belgian(text, use):
        return plain
    return read_any(text, use)


def read_plain_belgian(text: str, use: Use) -> str | None:
    """Return E.164 for a Belgian mobile or fixed number in a plain form, or None: then the long way decides."""
    match = _BELGIAN.fullmatch(text.translate(_SEPARATORS))
    if match is None:
        return None
    national = match[1]
    if _is_mobile(national) or (use == "call" and _is_fixed(national)):
        return "+32" + national
    return None


@lru_cache(maxsize=REMEMBERED_MAX)
def read_any(text: str, use: Use) -> str:
    """Return E.164 by phonenumbers; national forms are Belgian. Raises FieldError, its words without the number."""
    written = " ".join(text.split())
    if not _WRITTEN.fullmatch(written):
        raise FieldError("is not a telephone number")
    if (denied := _DENIED_FORM.fullmatch(written.translate(_SEPARATORS))) and denied[1] in DENIED:
        raise FieldError("is an emergency or short number, which is never called or texted")
    try:
        number = phonenumbers.parse(written, "BE")
    except phonenumbers.NumberParseException:
        raise FieldError("is not a telephone number") from None
    if not phonenumbers.is_valid_number(number):
        raise FieldError("is not a number that exists in its country")
    kind = phonenumbers.number_type(number)
    if kind not in (_TEXTED if use == "sms" else _CALLED):
        why = "SMS goes to mobiles only" if use == "sms" else "calls go to mobile, fixed and VoIP numbers only"
        raise FieldError(f"is {_KINDS[kind]}: {why}")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _matcher(kind: Literal["mobile", "fixed_line"]) -> Callable[[str], object]:
    """Return phonenumbers' own test for a Belgian kind of number."""
    described = getattr(PhoneMetadata.metadata_for_region("BE"), kind)
    return re.compile(described.national_number_pattern, re.ASCII).fullmatch


_is_mobile: Final = _matcher("mobile")
_is_fixed: Final = _matcher("fixed_line")
