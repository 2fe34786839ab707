"""What carriers say of an attempt, without whom they say it of.

Law: a carrier's code is kept and shown; what looks like a telephone number or a mail address in it is neither (R7).
"""

import re
from typing import Final

TELLING_MIN: Final = 8
"""Digits in a row that make a number: a code of ours or of a standard has five at most, and hexadecimal ones an x."""
_TELLING: Final = re.compile(
    rf"[^\s@<>]+@[^\s@<>]+|(?<![0-9A-Za-z])\+?[0-9](?:[ ()./-]{{0,2}}[0-9]){{{TELLING_MIN - 1},}}"
)


def discreet(code: str) -> str:
    """Return the code without numbers and addresses."""
    return code if len(code) < TELLING_MIN else _TELLING.sub("...", code)
