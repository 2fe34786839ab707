"""Which voices there are, in the order in which they are asked.

Law: what is not installed is not named, so that no alert waits for it; and a voice is given no text that it would not
read as it stands (R10): neither what it takes for markup, nor letters that it passes over in silence.
"""

import re
import unicodedata
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from typing import Final, Literal

from msgspec import Struct

from klaroen.core.model import Language
from klaroen.settings import Speech
from klaroen_adapters.speech.frames import EngineName

Tongue = Literal["nl", "fr", "de", "en"]
SPOKEN: Final[tuple[Tongue, ...]] = ("nl", "fr", "de", "en")
PICO: Final[Mapping[Tongue, str]] = {"fr": "fr-FR", "de": "de-DE", "en": "en-GB"}
MBROLA: Final[Mapping[Tongue, str]] = {"nl": "nl2", "fr": "fr1", "de": "de6", "en": "en1"}
ESPEAK: Final[Mapping[Tongue, str]] = {"nl": "nl", "fr": "fr", "de": "de", "en": "en"}
ESPEAK_PICO: Final[Mapping[Tongue, str]] = {"nl": "nl de-DE"}
"""Who pronounces, and who reads that: 0.56 of the words go wrong where espeak-ng alone has 0.95 (eight sentences)."""
MBROLA_VOICES: Final = Path("/usr/share/mbrola")
"""Where Debian keeps them."""
MARKUP: Final[Mapping[EngineName, re.Pattern[str]]] = {
    "piper": re.compile(r"\[\["),  # phonemes
    "pico": re.compile(r"<"),  # tags, of which some play and write files
    "mbrola": re.compile(r"\[\["),
}
CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""No alert holds one; espeak-ng would obey 0x01."""


class Voice(Struct, frozen=True):
    engine: EngineName
    name: str
    version: str
    """With another version a text is read anew."""

    def can_read(self, text: str) -> bool:
        markup = MARKUP.get(self.engine)
        if CONTROLS.search(text) or (markup and markup.search(text)):
            return False
        return self.engine == "espeak-ng" or is_latin(text)


def find_voices(settings: Speech) -> dict[Language, tuple[Voice, ...]]:
    """Return each language's voices, best first."""
    return {language: _voices(language, settings) for language in SPOKEN}


def find_lacking(settings: Speech) -> str | None:
    """Return what an operator has configured and not installed, in words."""
    if settings.piper and not _installed("piper-tts"):
        return "speech.piper names voices, but piper-tts is not installed: other voices read in their place"
    return None


def _voices(language: Tongue, settings: Speech) -> tuple[Voice, ...]:
    voices = []
    if (path := settings.piper.get(language)) and (piper := _installed("piper-tts")):
        voices.append(Voice("piper", path, f"{piper} {Path(path).stat().st_mtime_ns}"))
    espeak, pico = _installed("espeakng-loader"), _installed("py-nanotts")
    if pico and language in PICO:
        voices.append(Voice("pico", PICO[language], pico))
    name = MBROLA[language]
    if which("espeak-ng") and which("mbrola") and (MBROLA_VOICES / name / name).exists():
        voices.append(Voice("mbrola", f"mb-{name}", ""))
    if espeak and pico and language in ESPEAK_PICO:
        voices.append(Voice("espeak-pico", ESPEAK_PICO[language], f"{espeak} {pico}"))
    if espeak:
        voices.append(Voice("espeak-ng", ESPEAK[language], espeak))
    return tuple(voices)


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def is_latin(text: str) -> bool:
    """Tell whether its letters and digits are ours: voices that know one language pass over others in silence."""
    return all(
        character.isascii() or not character.isalnum() or unicodedata.name(character, "").startswith("LATIN")
        for character in text
    )
