"""A phrase in the four languages in which Klaroen speaks to people."""

from collections.abc import Mapping

from msgspec import Struct

from klaroen.core.rules import WordsLanguage


class Phrase(Struct, frozen=True):
    """`rule` is the one of the circular that it rests on. Words hold the same `{fields}` in each language."""

    rule: str | None
    words: Mapping[WordsLanguage, str]


def phrase(rule: str | None, *, nl: str, fr: str, de: str, en: str) -> Phrase:
    return Phrase(rule, {"nl": nl, "fr": fr, "de": de, "en": en})
