"""Numbers that people know by another reading than a machine gives them.

Law: pure; for warm and other texts only, never for crisis, which engines get to the letter (R10). What it does not know
stays as it stands.
"""

import re
from collections.abc import Mapping
from typing import Final

from klaroen.core.model import Language

READ: Final[Mapping[Language, Mapping[str, str]]] = {
    "nl": {"101": "honderd en een", "112": "honderd en twaalf", "1722": "zeventien tweeëntwintig"},
    "fr": {"101": "cent un", "112": "cent douze", "1722": "dix-sept vingt-deux"},
    "de": {"101": "eins null eins", "112": "eins eins zwei", "1722": "siebzehn zweiundzwanzig"},
    "en": {"101": "one oh one", "112": "one one two", "1722": "seventeen twenty-two"},
}
"""The police, every emergency, and the fire brigade's number for storm damage."""
NUMBER: Final = re.compile(r"(?<![\w.,:/+-])(101|112|1722)(?![\w/:-]|[.,]\d)")
"""By itself: no part of a date, an amount, a telephone number or a plate."""


def say_numbers(text: str, language: Language) -> str:
    """Return the text as it is to be read aloud. A text of several languages stays as it is."""
    readings = READ.get(language, {})
    return NUMBER.sub(lambda found: readings.get(found[1], found[1]), text)
