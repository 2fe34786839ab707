"""Clips at hand: read from the clip store once, cut into payloads once a codec.

Law: what is read is what its name promises, or it is not there. Disk is read in a thread, so that no call waits for it.
"""

from collections import OrderedDict
from typing import Final

import trio
from msgspec import Struct

from klaroen.clips import ClipStore
from klaroen.core.model import ClipId
from klaroen.core.ports import Script
from klaroen_adapters.voice.rtp_packet import Codec, cut
from klaroen_adapters.voice.rtp_playback import Payloads, Sounds

CLIPS_MAX: Final = 64
"""At hand; each takes at most 2.4 MB (five minutes), and twice that as payloads."""
SCRIPTS_MAX: Final = 256


class Heard(Struct, frozen=True):
    """One script, as each codec plays it."""

    a_law: Sounds
    mu_law: Sounds

    def of(self, codec: Codec) -> Sounds:
        return self.a_law if codec == "PCMA" else self.mu_law


class ClipShelf:
    """One process's; `at_once` reads without a thread, for worlds whose time is virtual and waits for none."""

    def __init__(self, store: ClipStore, *, at_once: bool = False) -> None:
        self._store = store
        self._at_once = at_once
        self._clips: OrderedDict[ClipId, Cut] = OrderedDict()
        self._scripts: OrderedDict[Script, Heard] = OrderedDict()

    async def find(self, script: Script) -> Heard | None:
        """Return what a script plays; None where its clip cannot be read.

        A prompt or a reply that cannot be read is left out: it must not keep a call from being made.
        """
        found = self._scripts.get(script)
        if found is None:
            clip = await self._cut(script.clip)
            if clip is None:
                return None
            prompt, reply = await self._cut(script.prompt), await self._cut(script.reply)
            found = self._scripts[script] = Heard(
                Sounds(clip.a_law, script.plays, prompt.a_law if prompt else (), reply.a_law if reply else ()),
                Sounds(clip.mu_law, script.plays, prompt.mu_law if prompt else (), reply.mu_law if reply else ()),
            )
            while len(self._scripts) > SCRIPTS_MAX:
                self._scripts.popitem(last=False)
        return found

    async def _cut(self, clip: ClipId | None) -> "Cut | None":
        if clip is None:
            return None
        found = self._clips.get(clip)
        if found is None:
            try:
                if self._at_once:
                    found = _read(self._store, clip)
                else:
                    found = await trio.to_thread.run_sync(_read, self._store, clip)
            except (OSError, ValueError):
                return None
            self._clips[clip] = found
            while len(self._clips) > CLIPS_MAX:
                self._clips.popitem(last=False)
        return found


class Cut(Struct, frozen=True):
    """A clip as payloads."""

    a_law: Payloads
    mu_law: Payloads


def _read(store: ClipStore, clip: ClipId) -> Cut:
    """Raises OSError, ValueError."""
    octets = store.read(clip)
    if not octets:
        raise ValueError("an empty clip")
    return Cut(cut(octets, "PCMA"), cut(octets, "PCMU"))
