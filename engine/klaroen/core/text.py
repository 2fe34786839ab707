"""The exact text of an SMS: GSM 03.38 where every letter is in it, else UCS-2, never a letter less.

Law: nothing is transliterated, trimmed or substituted; the parts joined are the text (law 8). A part never ends inside
an escape pair or a surrogate pair. What cannot be sent exactly is a `ValueError`, which never quotes the text.
Source: 3GPP TS 23.038 (alphabet, 6.2.1) and TS 23.040 (concatenation, 9.2.3.24.1).
"""

import re
from typing import Final, Literal

from msgspec import Struct

Alphabet = Literal["gsm7", "ucs2"]

GSM7_SINGLE: Final = 160
"""Septets of a message in one part: 140 octets."""
GSM7_PART: Final = 153
"""Septets of one part of several: 140 octets less a header of six, with its fill bit."""
UCS2_SINGLE: Final = 70
"""UTF-16 units of a message in one part."""
UCS2_PART: Final = 67
"""UTF-16 units of one part of several."""
PARTS_MAX: Final = 255
"""The concatenation header counts parts in one octet."""

ESCAPE: Final = 0x1B
BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet: the index of a letter is its septet; 0x1B is no letter but the escape."""
EXTENSION: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
"""After an escape: septet -> letter."""

_SEPTETS: Final = {ord(letter): chr(septet) for septet, letter in enumerate(BASIC) if septet != ESCAPE} | {
    ord(letter): chr(ESCAPE) + chr(septet) for septet, letter in EXTENSION.items()
}
_IS_GSM7: Final = re.compile("[" + re.escape("".join(map(chr, _SEPTETS))) + "]*").fullmatch
_PAIR: Final = re.compile(r"\x1b(.?)", re.DOTALL)


class SmsText(Struct, frozen=True, gc=False):
    """A text as handsets will get it: one part, or several that the handset joins."""

    alphabet: Alphabet
    parts: tuple[str, ...]


def is_gsm7(text: str) -> bool:
    """Tell whether every letter is in GSM 03.38, extension table included."""
    return _IS_GSM7(text) is not None


def split_sms(text: str) -> SmsText:
    """Return the alphabet and the parts in which `text` leaves, exactly.

    Raises: ValueError for a lone surrogate, and for a text of more than PARTS_MAX parts.
    """
    if is_gsm7(text):
        parts = _gsm7_parts(text)
        alphabet: Alphabet = "gsm7"
    else:
        parts = _ucs2_parts(text)
        alphabet = "ucs2"
    return SmsText(alphabet, _joinable(parts))


def split_ucs2(text: str) -> SmsText:
    """Return the parts for a carrier that has no GSM 03.38: as `split_sms`, in UCS-2 whatever the text holds."""
    return SmsText("ucs2", _joinable(_ucs2_parts(text)))


def gsm7_encode(text: str) -> bytes:
    """Return the septets of `text`, one to an octet (unpacked, as SMPP wants them).

    Raises: ValueError if a letter is not in the alphabet.
    """
    if not is_gsm7(text):
        raise ValueError("not in GSM 03.38")
    return text.translate(_SEPTETS).encode("ascii")


def gsm7_decode(septets: bytes) -> str:
    """Return the letters of unpacked septets, as a handset shows them.

    An escape before a septet that the extension table lacks shows that septet's basic letter; an escape before an
    escape, or at the end, shows a space (TS 23.038, 6.2.1.1).
    Raises: ValueError for an octet above 0x7F.
    """
    if not septets.isascii():
        raise ValueError("an octet above 0x7F is no septet")
    pieces = []
    at = 0
    for pair in _PAIR.finditer(septets.decode("ascii")):
        pieces.append(septets[at : pair.start()].decode("ascii").translate(BASIC))
        at = pair.end()
        escaped = pair[1]
        pieces.append(_escaped(ord(escaped)) if escaped else " ")
    pieces.append(septets[at:].decode("ascii").translate(BASIC))
    return "".join(pieces)


def ucs2_encode(text: str) -> bytes:
    """Return UTF-16BE, which is UCS-2 wherever UCS-2 can say it.

    Raises: ValueError for a lone surrogate.
    """
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate is no text") from None


def _joinable(parts: list[str]) -> tuple[str, ...]:
    if len(parts) > PARTS_MAX:
        raise ValueError(f"a text of {len(parts)} parts: no more than {PARTS_MAX} can be joined")
    return tuple(parts)


def _escaped(septet: int) -> str:
    return " " if septet == ESCAPE else EXTENSION.get(septet, BASIC[septet])


def _gsm7_parts(text: str) -> list[str]:
    septets = text.translate(_SEPTETS)
    if len(septets) <= GSM7_SINGLE:
        return [text]
    parts = []
    escape = chr(ESCAPE)
    at = letters = 0
    while at < len(septets):
        end = at + GSM7_PART
        if septets[end - 1 : end] == escape:
            end -= 1
        chunk = septets[at:end]
        count = len(chunk) - chunk.count(escape)
        parts.append(text[letters : letters + count])
        letters += count
        at = end
    return parts


def _ucs2_parts(text: str) -> list[str]:
    units = ucs2_encode(text)
    if len(units) <= 2 * UCS2_SINGLE:
        return [text]
    parts = []
    at = 0
    while at < len(units):
        end = at + 2 * UCS2_PART
        if 0xD8 <= units[min(end, len(units)) - 2] <= 0xDB:  # the first half of a pair
            end -= 2
        parts.append(units[at:end].decode("utf-16-be"))
        at = end
    return parts
