"""The language in which a caller is answered, by Accept-Language (RFC 9110, 12.5.4).

Law: a header that cannot be read asks for nothing; English is what is left.
"""

import re
from typing import Final, Literal, get_args

Spoken = Literal["nl", "fr", "de", "en"]
SPOKEN: Final[tuple[Spoken, ...]] = get_args(Spoken)
_RANGE: Final = re.compile(r"([A-Za-z]{2})(?:-[A-Za-z0-9-]{1,30})?(?:\s*;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?))?")
_RANGES_MAX: Final = 20
"""Browsers send five or six."""


def read_language(header: str | None) -> Spoken:
    """Return the language of ours that an Accept-Language prefers; English if it names none of them."""
    best, weight = SPOKEN[-1], 0.0
    for part in (header or "").split(",")[:_RANGES_MAX]:
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            continue
        quality = float(found[2]) if found[2] else 1.0
        for language in SPOKEN:
            if language == found[1].lower() and quality > weight:
                best, weight = language, quality
    return best
