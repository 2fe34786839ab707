"""The speaker: each text once, by the best voice that can say it.

Law: a text is read once, whoever asks and however often, and what two ask for at once is read once for both. The voices
are asked in order until one says something that can be the text; crisis texts have turns of their own.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import trio

from klaroen.clips import ClipStore
from klaroen.core.errors import UnspeakableError
from klaroen.core.model import Language
from klaroen.core.ports import Clip
from klaroen.settings import Speech
from klaroen_adapters.speech.frames import Failed, Said
from klaroen_adapters.speech.judge import fault
from klaroen_adapters.speech.lexicon import say_numbers
from klaroen_adapters.speech.shelf import Entry, Shelf, name_of
from klaroen_adapters.speech.tongues import cut
from klaroen_adapters.speech.voices import Voice
from klaroen_adapters.speech.workers import Crew, Workers

WAITING_MAX: Final = 500
"""Texts, of crisis and of the others each; with one voice and 0.2 s a text the last one waits for two minutes."""
LENGTH: Final = 250
"""Characters that the deadline is meant for; a longer text has as much more."""
GREETINGS: Final[Mapping[Language, str]] = {"nl": "Goedendag.", "fr": "Bonjour.", "de": "Guten Tag.", "en": "Hello."}


class Queue(NamedTuple):
    """Texts that are being read, and those that wait for their turn."""

    reading: int
    waiting: int


class CascadeSpeaker:
    """A `Speaker` over engines in worker processes."""

    def __init__(
        self,
        settings: Speech,
        voices: Mapping[Language, Sequence[Voice]],
        clips: ClipStore,
        crew: Crew | None = None,
    ) -> None:
        self.voices: Final = voices
        self.heard: Final[dict[Language, str]] = {language: own[0].engine for language, own in voices.items() if own}
        """The engine that read each language last, or would be asked first."""
        self._deadline_s = settings.deadline_s
        self._mul: Language = settings.mul
        self._clips = clips
        self._shelf = Shelf(clips)
        self._crew = crew or Workers()
        self._turns = {verbatim: trio.CapacityLimiter(settings.workers) for verbatim in (False, True)}
        self._reading: dict[str, trio.Lock] = {}

    async def render(self, text: str, language: Language, *, verbatim: bool) -> Clip:
        """Return the clip, which lies in the clip store; at once where it was made before.

        Raises UnspeakableError where no voice can say it, or where too many texts wait.
        """
        if language == "mul":
            return await self._render_pieces(cut(text, self._mul) or [(self._mul, text)], verbatim=verbatim)
        said = text if verbatim else say_numbers(text, language)
        name = name_of(said, language, self.voices[language])
        async with self._alone(name):
            known = await trio.to_thread.run_sync(self._shelf.find, name)
            if known is not None:
                return known
            turns = self._turns[verbatim]
            if turns.statistics().tasks_waiting >= WAITING_MAX:
                raise UnspeakableError("too many texts wait for a voice")
            async with turns:
                return await self._read(said, language, name)

    def statistics(self) -> Queue:
        turns = [one.statistics() for one in self._turns.values()]
        return Queue(sum(one.borrowed_tokens for one in turns), sum(one.tasks_waiting for one in turns))

    def close(self) -> None:
        """End the workers, within trio's run."""
        self._crew.close()

    async def _render_pieces(self, pieces: Sequence[tuple[Language, str]], *, verbatim: bool) -> Clip:
        """Return each piece by a voice of its language, one after the other."""
        clips = [await self.render(piece, language, verbatim=verbatim) for language, piece in pieces]
        if len(clips) == 1:
            return clips[0]
        return await trio.to_thread.run_sync(self._join, clips)

    def _join(self, clips: Sequence[Clip]) -> Clip:
        octets = b"".join(self._clips.read(clip.id) for clip in clips)
        return Clip(self._clips.put(octets), sum(clip.duration_s for clip in clips), clips[0].engine)

    async def warm_up(self) -> None:
        """Let the first voice of each language read a word: the next text finds it ready, and its state is known."""
        for language, voices in self.voices.items():
            for voice in voices:
                said = await self._crew.ask(voice.engine, voice.name, GREETINGS[language], self._deadline_s)
                if isinstance(said, Said) and fault(said, GREETINGS[language]) is None:
                    self.heard[language] = voice.engine
                    break

    async def _read(self, text: str, language: Language, name: str) -> Clip:
        failures: list[str] = []
        deadline_s = self._deadline_s * max(1.0, len(text) / LENGTH)
        for voice in self.voices[language]:
            if not voice.can_read(text):
                failures.append(f"{voice.engine}: not as it stands")
                continue
            said = await self._crew.ask(voice.engine, voice.name, text, deadline_s)
            words = said.words if isinstance(said, Failed) else fault(said, text)
            if words is None:
                assert isinstance(said, Said)
                self.heard[language] = voice.engine
                return await trio.to_thread.run_sync(self._keep, said, voice, name, bool(failures))
            failures.append(f"{voice.engine}: {words}")
        raise UnspeakableError("; ".join(failures) or f"no voice reads {language}")

    def _keep(self, said: Said, voice: Voice, name: str, lesser: bool) -> Clip:
        clip = Clip(self._clips.put(said.octets), said.duration_s, voice.engine)
        self._shelf.put(name, Entry(clip, lesser))
        return clip

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """Let one read a text while those who want the same wait; if it gives up, the next of them reads it."""
        lock = self._reading.setdefault(name, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._reading.pop(name, None)
