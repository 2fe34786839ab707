"""A text that holds several languages, cut into pieces of one each (R16: `mul`).

Law: pure, and nothing is changed: the pieces, put together, are the text, to the letter. A sentence that tells nothing
of its language goes with the one before it.
"""

import re
from collections.abc import Mapping
from itertools import groupby
from typing import Final

from klaroen.core.model import Language

SENTENCE: Final = re.compile(r".+?(?:[.!?…](?=\s)|[\n/|]|\Z)\s*", re.DOTALL)
"""Up to its end, with the blanks behind it; a line, a slash and a bar part languages as well."""
WORD: Final = re.compile(r"[^\W\d_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KNOWN: Final[Mapping[Language, frozenset[str]]] = {
    "nl": _words("""
        aan al als altijd bel ben bent bij binnen blijf brand daar dan dat de deuren deze die dit door een
        en er geen gaat gebruik hebben heeft het hij houd huis hun iets ik in is je kan kijk komt let maar
        mee meer met na naar niet nog nu of om ons ook op over politie ramen samen sinds sluit straat te
        tegen toe tot u uit uw van vandaag vanaf verdachte vermijd volg voor wacht wagen wat we weg wel werd
        wie wij wordt ze zich zie zij zijn zonder
    """),
    "fr": _words("""
        à appelez après au aucun aujourd aux avec car ce cela ces cette chez d dans de depuis des deux du
        elle en est et évitez fenêtres fermez feu hui il ils incendie jusqu l la le les leur maison mais ne
        n nous on ou où par pas plus police portes pour près qu que qui rencontre restez rue s sa sans se
        ses si soyez sont sous suivez sur toujours tout un une utilisez vers voiture vol vos votre vous y
    """),
    "de": _words("""
        ab achten als am an auch auf aus bei beim bitte bleiben brand das dass dem den der des die diese
        doch drinnen durch ein eine einem einen einer er es fahrzeug fenster für gegen haben halten hat haus
        ich ihre im in ist kein keine mit nach nicht noch nur oder ohne polizei rufen schließen seit sich
        sie sind straße türen über um und uns unter vermeiden verdächtiger vom von vor war was wenn werden
        wie wird wir zu zum zur
    """),
    "en": _words("""
        a about after all an and any are as at avoid be been by call close do doors fire follow for from has
        have he house if in inside is it keep no not now of off on or our out police please road she stay
        street that the their there they this to until use was we were what when who will windows with
        without you your
    """),
}
"""Words that carry no meaning of their own, and some of alerts; one that two languages have counts for both."""


def cut(text: str, otherwise: Language) -> list[tuple[Language, str]]:
    """Return the text in pieces, each with its language; `otherwise` where nothing in it tells one."""
    sentences = SENTENCE.findall(text)
    languages = [language_of(sentence) for sentence in sentences]
    first = next((language for language in languages if language), otherwise)
    told: list[tuple[Language, str]] = []
    for language, sentence in zip(languages, sentences, strict=True):
        told.append((language or (told[-1][0] if told else first), sentence))
    grouped = groupby(told, lambda one: one[0])
    return [(language, "".join(sentence for _, sentence in group)) for language, group in grouped]


def language_of(sentence: str) -> Language | None:
    """Return the language of most of the words that are known; None where two have as many, or none has any."""
    words = WORD.findall(sentence.lower())
    counts = sorted(
        ((sum(word in known for word in words), language) for language, known in KNOWN.items()), reverse=True
    )
    (most, language), (second, _) = counts[:2]
    return language if most > second else None
