"""A speaker without a voice: its clips are named by what they would say."""

from hashlib import sha256

import trio

from klaroen.core.errors import UnspeakableError
from klaroen.core.model import ClipId, Language
from klaroen.core.ports import Clip


def clip_id(text: str, language: Language, *, verbatim: bool = False) -> ClipId:
    return ClipId(sha256(f"{language} {verbatim} {text}".encode()).hexdigest())


class FakeSpeaker:
    """Says everything at once, unless told otherwise; `read` is what it was asked for, in order."""

    def __init__(self, *, takes_s: float = 0.0, duration_s: float = 5.0) -> None:
        self.takes_s = takes_s
        self.duration_s = duration_s
        self.read: list[tuple[str, Language, bool]] = []
        self.cannot: tuple[str, ...] = ()
        """Beginnings of texts that it cannot say."""
        self.never: tuple[str, ...] = ()
        """Beginnings of texts over which it falls asleep."""

    async def render(self, text: str, language: Language, *, verbatim: bool) -> Clip:
        self.read.append((text, language, verbatim))
        await trio.sleep(self.takes_s)
        if text.startswith(self.never) and self.never:
            await trio.sleep_forever()
        if text.startswith(self.cannot) and self.cannot:
            raise UnspeakableError("fake: not this")
        return Clip(clip_id(text, language, verbatim=verbatim), self.duration_s, "fake")
