"""Who has texts read aloud, and what came of it.

Law: a batch of calls waits for its clip and for nothing else; what asks for a key and what answers one are wanted and
never waited for. A text that no voice can say is said once to be so, and its members' next step begins at once. Texts
are read in the order of their class; nothing here outlives this process, for the speaker knows what it has read.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

import structlog
import trio
from msgspec import Struct

from klaroen.core.errors import UnspeakableError
from klaroen.core.model import CLASSES, AlertClass, ClipId, Language
from klaroen.core.ports import Clip, Speaker
from klaroen.core.sentences import usual_sentences
from klaroen.dispatch.bell import Bell

log = structlog.get_logger()

AT_ONCE: Final = 8
"""Texts asked for at once: the speaker has turns of its own, and these keep them filled."""
RENDER_S: Final = 60.0
"""A text that is not read by then is given up: its members have other steps, and a minute is what most of them wait."""
SENTENCES_MAX: Final = 2_000
"""Prompts and replies remembered: 185 zones with a sentence in four languages are some 700."""


class Unspoken(Struct, frozen=True):
    """No voice says it; the words are the voices' own, and tell nothing of the text."""

    words: str


class Line(Struct, frozen=True):
    """A text to be read."""

    text: str
    language: Language
    verbatim: bool = False


Spoken = Clip | Unspoken
Tell = Callable[[Spoken], None]


class Narrator:
    """Asks the speaker, the most urgent first."""

    def __init__(self, speaker: Speaker | None) -> None:
        self._speaker = speaker
        self._wanted: list[tuple[int, int, int, Line, Tell]] = []
        """By class, messages before sentences, then in order."""
        self._serial = 0
        self._bell = Bell()
        self._sentences: dict[Line, Spoken | None] = {}
        """None: asked for."""

    @property
    def speaks(self) -> bool:
        """Without a speaker no call has a script: a real carrier refuses it, and a simulated one needs none."""
        return self._speaker is not None

    def ask(self, line: Line, alert_class: AlertClass, tell: Tell) -> None:
        """Have a message read."""
        self._want(CLASSES.index(alert_class), 0, line, tell)

    def sentence(self, line: Line) -> Spoken | None:
        """Return a sentence as far as it is read; the first who asks has it read, after all messages."""
        if line not in self._sentences:
            if len(self._sentences) >= SENTENCES_MAX:
                del self._sentences[next(iter(self._sentences))]
            self._sentences[line] = None
            self._want(len(CLASSES), 1, line, lambda spoken: self._sentences.__setitem__(line, spoken))
        return self._sentences[line]

    def kept(self) -> list[ClipId]:
        """Return the clips that are remembered here: whoever forgets old ones must leave these."""
        return [spoken.id for spoken in self._sentences.values() if isinstance(spoken, Clip)]

    def rehearse(self) -> None:
        """Have what most calls say besides their message read before the first of them."""
        for text, language in usual_sentences():
            self.sentence(Line(text, language))

    def _want(self, lane: int, kind: int, line: Line, tell: Tell) -> None:
        self._serial += 1
        heappush(self._wanted, (lane, kind, self._serial, line, tell))
        self._bell.ring()

    async def run(self) -> None:
        """Read what is wanted, for ever."""
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(self._read_forever)

    async def _read_forever(self) -> None:
        while True:
            while not self._wanted:
                await self._bell.wait()
            *_, line, tell = heappop(self._wanted)
            tell(await self._render(line))

    async def _render(self, line: Line) -> Spoken:
        assert self._speaker is not None, "nobody asks where nobody speaks"
        try:
            with trio.fail_after(RENDER_S):
                return await self._speaker.render(line.text, line.language, verbatim=line.verbatim)
        except UnspeakableError as error:
            words = str(error)
        except trio.TooSlowError:
            words = "no voice in time"
        except OSError:
            words = "its clip cannot be kept"
        log.warning("a text cannot be read aloud", language=line.language, words=words)
        return Unspoken(words)
