"""What Klaroen tells people, by code: refusals, warnings, how attempts stand, what a list lacks.

Law: whoever decides names a code and what it is about; the words stand in these tables alone, each in all four
languages, and are put together for whoever reads them. Faults in the shape of a request are for who builds the calling
system: those are told in English, by field (docs/decisions.md, 59).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from klaroen.core.errors import Saying
from klaroen.core.phrases.attempts import ATTEMPTS
from klaroen.core.phrases.findings import FINDINGS
from klaroen.core.phrases.lists import LISTS
from klaroen.core.phrases.phrase import Phrase
from klaroen.core.phrases.refusals import REFUSALS
from klaroen.core.phrases.titles import TITLES
from klaroen.core.phrases.warnings import WARNINGS
from klaroen.core.rules import WordsLanguage

TABLES: Final[Sequence[Mapping[str, Phrase]]] = (REFUSALS, LISTS, WARNINGS, ATTEMPTS, FINDINGS, TITLES)
PHRASES: Final[Mapping[str, Phrase]] = {code: row for table in TABLES for code, row in table.items()}


def say(sayings: Sequence[Saying], language: WordsLanguage = "en") -> str:
    return " ".join(PHRASES[one.code].words[language].format_map(one.about) for one in sayings)


def word(code: str, language: WordsLanguage = "en", **about: str) -> str:
    """Return one phrase."""
    return say((Saying(code, about),), language)


def rule_of(code: str) -> str | None:
    return PHRASES[code].rule
