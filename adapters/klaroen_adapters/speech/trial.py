"""Every voice tried, so that an operator knows before an alert does."""

import time
from collections.abc import Mapping, Sequence

from msgspec import Struct

from klaroen.core.model import Language
from klaroen.settings import Speech
from klaroen_adapters.speech.frames import EngineName, Failed
from klaroen_adapters.speech.judge import fault
from klaroen_adapters.speech.voices import Voice
from klaroen_adapters.speech.workers import Crew, Workers


class Tried(Struct, frozen=True):
    """How one voice read a sentence; `fault` is None where it can be heard."""

    language: Language
    engine: EngineName
    seconds: float
    fault: str | None


async def try_voices(
    settings: Speech,
    voices: Mapping[Language, Sequence[Voice]],
    samples: Mapping[Language, str],
    crew: Crew | None = None,
) -> list[Tried]:
    """Let each voice of these languages read its sentence, within the time that an alert would give it."""
    crew = crew or Workers()
    tried = []
    for language, text in samples.items():
        for voice in voices[language]:
            began = time.monotonic()
            said = await crew.ask(voice.engine, voice.name, text, settings.deadline_s)
            words = said.words if isinstance(said, Failed) else fault(said, text)
            tried.append(Tried(language, voice.engine, round(time.monotonic() - began, 3), words))
    crew.close()
    return tried
