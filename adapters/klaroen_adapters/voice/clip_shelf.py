"""Clips at hand: read from the clip store once, cut into payloads once a codec.

Law: what is read is what its name promises, or it is not there. Disk is read in a thread, so that no call waits for it.
A clip that nobody has asked for lately goes, and whatever is too much; the calls that play it keep it until they end.
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

OCTETS_MAX: Final = 12_000_000
"""25 minutes of speech: an alert in three languages, and what answers a key in each of the 185 zones. As payloads of
two codecs an octet takes 2.7: 32 MB."""
IDLE_S: Final = 60.0
"""The calls of a batch are asked for within seconds of each other; to read a clip once more takes a millisecond."""


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
        self._clips: OrderedDict[ClipId, tuple[float, Cut]] = OrderedDict()
        """And when each was asked for last: that one stands last."""
        self._octets = 0

    @property
    def octets(self) -> int:
        """At hand."""
        return self._octets

    async def find(self, script: Script) -> Heard | None:
        """Return what a script plays; None where its clip cannot be read.

        A prompt or a reply that cannot be read is left out: it must not keep a call from being made.
        """
        clip = await self._find(script.clip)
        if clip is None:
            return None
        prompt, reply = await self._find(script.prompt), await self._find(script.reply)
        return Heard(
            Sounds(clip.a_law, script.plays, prompt.a_law if prompt else (), reply.a_law if reply else ()),
            Sounds(clip.mu_law, script.plays, prompt.mu_law if prompt else (), reply.mu_law if reply else ()),
        )

    async def _find(self, clip: ClipId | None) -> "Cut | None":
        if clip is None:
            return None
        known = self._clips.pop(clip, None)
        if known is not None:
            self._octets -= known[1].octets
            return self._keep(clip, known[1])
        try:
            if self._at_once:
                return self._keep(clip, _read(self._store, clip))
            return self._keep(clip, await trio.to_thread.run_sync(_read, self._store, clip))
        except (OSError, ValueError):
            return None

    def _keep(self, clip: ClipId, cut: "Cut") -> "Cut":
        """Put it last, and let go of those before it that are idle or too much."""
        clips, now = self._clips, trio.current_time()
        if clip not in clips:  # else who asked at the same time has put it here
            clips[clip] = now, cut
            self._octets += cut.octets
        while len(clips) > 1 and (self._octets > OCTETS_MAX or now - next(iter(clips.values()))[0] > IDLE_S):
            self._octets -= clips.popitem(last=False)[1][1].octets
        return cut


class Cut(Struct, frozen=True):
    """A clip as payloads; `octets` long."""

    a_law: Payloads
    mu_law: Payloads
    octets: int


def _read(store: ClipStore, clip: ClipId) -> Cut:
    """Raises OSError, ValueError."""
    octets = store.read(clip)
    if not octets:
        raise ValueError("an empty clip")
    return Cut(cut(octets, "PCMA"), cut(octets, "PCMU"), len(octets))
