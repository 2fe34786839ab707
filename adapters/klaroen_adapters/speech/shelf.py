"""What was read aloud before: which clip says a text, kept beside the clips.

Law: it only spares work. A text is named by its hash, together with the voices that could have read it; what is lost or
damaged here is read anew, and a clip that a lesser voice had to read is tried again after an hour.
"""

import hashlib
import os
import time
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from klaroen.clips import SPOKEN, ClipStore
from klaroen.core.model import Language
from klaroen.core.ports import Clip
from klaroen_adapters.speech.voices import Voice

ENTRY_BYTES_MAX: Final = 4096
LESSER_S: Final = 3_600.0
"""Long enough that an alert says the same from start to end, short enough that an engine mended is heard."""


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    clip: Clip
    lesser: bool
    """A better voice was asked, and failed."""


class Shelf:
    """`data_dir/clips/spoken`: small files, one a text."""

    def __init__(self, clips: ClipStore) -> None:
        self._clips = clips
        self._directory = clips.directory / SPOKEN

    def find(self, name: str) -> Clip | None:
        path = self._directory / name
        try:
            with path.open("rb") as file:
                entry = msgspec.json.decode(file.read(ENTRY_BYTES_MAX), type=Entry)
            age_s = time.time() - path.stat().st_mtime
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        if (entry.lesser and age_s > LESSER_S) or not self._clips.touch(entry.clip.id):
            return None
        return entry.clip

    def put(self, name: str, entry: Entry) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._directory / f".{name}.{os.getpid()}"
        beside.write_bytes(msgspec.json.encode(entry))
        beside.replace(self._directory / name)


def name_of(text: str, language: Language, voices: Sequence[Voice]) -> str:
    """Return the name of a text as these voices would read it."""
    said = msgspec.json.encode([text, language, voices])
    return hashlib.sha256(said).hexdigest()
