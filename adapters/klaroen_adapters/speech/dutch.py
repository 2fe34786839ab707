"""Dutch for a German voice: what espeak-ng pronounces, in the phonemes that Pico has.

Law: pure. Nothing of a text reaches Pico but phonemes of this table; a sound that it has not is left out.
Source: eSpeak NG's IPA for nl; the German inventory of SVOX Pico, which drops in silence what it does not know (so each
of these was heard to add its length to a word).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

PHONEMES: Final[Mapping[str, str]] = {
    # diphthongs and long vowels, which go before their first halves
    "ɛɪ": "aI", "œy": "OY", "ʌʊ": "aU", "ɑu": "aU", "ɔʊ": "aU", "ʌu": "aU",
    "aː": "a:", "eː": "e:", "oː": "o:", "øː": "2:", "iː": "i:", "yː": "y:", "uː": "u:", "ɔː": "O", "ɛː": "E:",
    "œː": "9", "tʃ": "tS", "dʒ": "dZ",
    # short vowels
    "ɑ": "a", "a": "a", "ɛ": "E", "e": "e:", "ɪ": "I", "i": "i:", "ɔ": "O", "o": "o:", "ʏ": "Y", "ɵ": "Y", "y": "y:",
    "ø": "2:", "œ": "9", "ə": "@", "u": "u:", "ʊ": "U", "ʌ": "a",
    # consonants; Pico's r is written R
    "ɣ": "x", "x": "x", "ʋ": "v", "v": "v", "w": "v", "r": "R", "ɾ": "R", "ʁ": "R", "ŋ": "N", "ʃ": "S", "ʒ": "Z",
    "j": "j", "h": "h", "ɦ": "h", "ç": "C", "ɲ": "n j", "ɡ": "g", "g": "g", "b": "b", "d": "d", "f": "f", "k": "k",
    "l": "l", "m": "m", "n": "n", "p": "p", "s": "s", "t": "t", "z": "z",
    # stress, before its syllable
    "ˈ": '"', "ˌ": "%",
}  # fmt: skip
SWITCH: Final = re.compile(r"\([a-z-]+\)")
"""espeak-ng tells where it speaks another language: `(en)`."""
SOUND: Final = re.compile("|".join(sorted(PHONEMES, key=len, reverse=True)))


WORDS_MAX: Final = 24
"""In one sentence: of 180 Pico never comes to the end, and people do not either."""


WHOLE: Final = 0.9
"""Seen in a hundred sentences: 1.0 and more."""


def spell(clauses: Iterable[str]) -> list[str]:
    """Return clauses of IPA as sentences for Pico, with a tag for each word; a long clause is several."""
    sentences = []
    for clause in clauses:
        tags = [tag for word in SWITCH.sub("", clause).split() if (tag := _tag(word))]
        sentences += [" ".join(tags[at : at + WORDS_MAX]) + "." for at in range(0, len(tags), WORDS_MAX)]
    return sentences


def is_whole(text: str, clauses: Iterable[str]) -> bool:
    """Tell whether each word was pronounced: espeak-ng's buffers end in silence at clauses that are all sound.

    A few words may be drawn together, as "in de" is by some; numbers become more words than they were.
    """
    written = sum(any(map(str.isalnum, word)) for word in text.split())
    return sum(len(clause.split()) for clause in clauses) >= WHOLE * written


def _tag(word: str) -> str:
    sounds = " ".join(PHONEMES[sound] for sound in SOUND.findall(word))
    return f"<phoneme ph='{sounds}'/>".replace('" ', '"').replace("% ", "%") if sounds else ""
