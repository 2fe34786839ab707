"""Texts that something on the way would like to change: made from a seed, in four languages.

Law: a text is what the authority means, letter for letter; nothing here is normalised, and none repeats.
"""

import random
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

CHARACTERS_MAX: Final = 2_000
"""The contract's: more is refused."""

SENTENCES: Final = (
    "Sluit ramen en deuren. Schuil binnen, geen paniek: één sirene volstaat.",
    "Fermez portes et fenêtres ; abritez-vous à l’intérieur. Œuvrez ensemble, ça ira.",
    "Schließen Sie Türen und Fenster. Bleiben Sie drinnen – größere Straßen meiden!",
    "Close all doors and windows. Go in, stay in, tune in. Don't call 112 for information.",
)
EXTENSION: Final = "^{}\\[~]|€"
BASIC: Final = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ÄÖÑÜ§¿äöñüà"
EMOJI: Final = (
    "🚨",
    "🌊🔥",
    "👩🏽\u200d🚒",
    "🇧🇪",
    "👨\u200d👩\u200d👧\u200d👦",
    "☎️",
    "1️⃣",
    "𝔄𝔩𝔞𝔯𝔪",
    "🏴\U000e0067\U000e0062\U000e007f",
)
DIRECTED: Final = ("ابق في المنزل", "הישארו בבית", "\u202eabc\u202c", "\u2066x\u2069", "\u200fend", "\u061c1")
BLANKS: Final = (" ", "   ", "\u00a0", "\u2009", "\u200b", "\ufeff", "\u2060", "\u00ad", "\u3000", "\t")
LINE_ENDS: Final = ("\n", "\r", "\r\n", "\n\r", "\u2028", "\u2029", "\n\n\n")
MARKUP: Final = (
    "<b>&amp;</b>",
    "]]>",
    "<!-- -->",
    "%s {number} {{1}}",
    "\\n\\u0041",
    "\"'`",
    "*x* _y_ ~z~",
    "=?utf-8?q?x?=",
    "\r\n.\r\n",
    "From ",
    "STOP",
)
FORBIDDEN: Final = ("\x00", "\x07", "\x1b", "\x7f", "\x85", "\x9f", "\x0b")
"""Control characters, which no channel carries exactly: a text that holds one is refused before it is accepted."""
NO_XML: Final = ("\ufffe", "\uffff")
"""Letters that JSON can say and XML cannot."""
PLANES: Final = ((0xA0, 0xD800), (0xE000, 0xFFFE), (0x10000, 0x20000))
LENGTHS: Final = (1, 69, 70, 71, 134, 135, 159, 160, 161, 306, 307, 1_999, 2_000)


def _sentence(chance: random.Random) -> str:
    return chance.choice(SENTENCES)


def _decomposed(chance: random.Random) -> str:
    return unicodedata.normalize(chance.choice(("NFD", "NFKD", "NFC")), chance.choice(SENTENCES))


def _letters(alphabet: str) -> Callable[[random.Random], str]:
    return lambda chance: "".join(chance.choices(alphabet, k=chance.randint(1, 40)))


def _one_of(*choices: str) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(choices)


def _any_letter(chance: random.Random) -> str:
    """Return some letters from anywhere in Unicode that are letters at all."""
    found = ""
    while len(found) < 8:
        letter = chr(
            chance.choice(
                (chance.randrange(0xA0, 0xD7FF), chance.randrange(0xE000, 0xFFFD), chance.randrange(0x10000, 0x1FFFF))
            )
        )
        found += letter if unicodedata.category(letter) not in ("Cs", "Cn", "Cc") else ""
    return found


PIECES: Final = (
    _sentence, _sentence, _decomposed, _letters(BASIC), _letters(EXTENSION), _one_of(*EMOJI), _one_of(*DIRECTED),
    _one_of(*BLANKS), _one_of(*LINE_ENDS), _one_of(*MARKUP), _any_letter,
)  # fmt: skip


def texts(seed: int) -> Iterator[str]:
    """Yield texts for ever, each once; one in fifty holds what must be refused."""
    chance, seen = random.Random(seed), set[str]()
    while True:
        text = _text(chance)
        if text and text not in seen:
            seen.add(text)
            yield text


def _text(chance: random.Random) -> str:
    pieces = [chance.choice(PIECES)(chance) for _ in range(chance.randint(1, 6))]
    if chance.random() < 0.02:
        pieces.insert(chance.randrange(len(pieces) + 1), chance.choice(FORBIDDEN + NO_XML))
    if chance.random() < 0.3:
        pieces += [chance.choice(BLANKS + LINE_ENDS)]
    text = "".join(pieces)
    if chance.random() < 0.15:
        length = chance.choice(LENGTHS)
        text = (text * (length // len(text) + 1))[:length]
    return text[:CHARACTERS_MAX]


def must_be_refused(text: str, *, xml: bool) -> bool:
    """Tell whether no channel can carry the text exactly, by the letters that it holds."""
    controls = any(unicodedata.category(letter) == "Cc" and letter not in "\t\n\r" for letter in text)
    return controls or (xml and any(letter in text for letter in NO_XML))
