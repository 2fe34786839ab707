"""What an answered call hears, and what it proves: clip, prompt, keys and the zone's sentence.

Law: pure. The clip is played `plays` times; where there is a prompt it follows each play, and key 1 confirms what was
heard. A warning is never cut short by a key: any other key is answered once (R17), after the clip or at once if that is
over; key 1 before the clip was heard counts when it has been. Proof is 80 % of a clip in one piece (R15), by our clock.
"""

from typing import Final, Literal

from msgspec import Struct

from klaroen.core.model import ClipId
from klaroen.core.ports import Script

PROOF_SHARE: Final = 0.8
"""Of the clip must have been played (R15)."""
KEY_MS: Final = 4_000
"""After the prompt: as long as people need to take the telephone from the ear and press."""
PAUSE_MS: Final = 1_000
"""Between two plays, so that the second one is heard to be one."""
KEYS_MAX: Final = 10
"""Keys that are told of one call; a child that plays with the telephone presses more."""
OPEN_MS: Final = 100
"""A clip that cannot be opened fails at once; one that fails later was broken off with the call."""
CONFIRM: Final = "1"


class Play(Struct, frozen=True):
    """Play this clip now."""

    clip: ClipId


class Stop(Struct, frozen=True):
    """Stop what is played now."""


class Wait(Struct, frozen=True):
    """Come back (`wake`) after so long."""

    ms: int


class HangUp(Struct, frozen=True):
    """Nothing more is to be said."""


class Proved(Struct, frozen=True):
    """Something is known of the call: words of it, and what they prove."""

    state: Literal["failed", "reached", "confirmed", "buffered"]
    words: str


Act = Play | Stop | Wait | HangUp | Proved
Part = Literal["idle", "clip", "prompt", "reply", "listening", "pausing", "broken", "over"]


class Talk:
    """One answered call."""

    def __init__(self, script: Script, clip_ms: int) -> None:
        self.part: Part = "idle"
        self.reached = False
        self._script = script
        self._clip_ms = max(1, clip_ms)
        self._left = script.plays
        self._began_at: int | None = None
        self._heard = 0.0
        """The largest share of the clip that was heard in one piece."""
        self._opened = True
        self._pressed = False
        self._asked = False
        """Another key was pressed, which the reply has not answered yet."""
        self._replied = script.reply is None
        self._keys = 0

    def start(self) -> list[Act]:
        """The callee listens."""
        assert self.part == "idle"
        return self._play_clip()

    def playing(self, now: int) -> None:
        """What we asked to be played is heard from now on."""
        if self.part == "clip" and self._began_at is None:
            self._began_at = now

    def played(self, now: int, *, whole: bool) -> list[Act]:
        """What was played is over; not `whole` if it could not be played, or broke off because the callee hung up."""
        match self.part:
            case "clip" if not whole:
                self._hear(now)
                self.part, self._opened = "broken", self._heard * self._clip_ms > OPEN_MS
                return [HangUp()]
            case "clip":
                self._began_at, self._heard = None, 1.0
                return [*self._reach(), *self._after_clip()]
            case "reply":
                return self._ask()
            case "prompt":
                return self._listen()
        return []

    def wake(self) -> list[Act]:
        """The time that we waited for has come."""
        match self.part:
            case "listening":
                return self._next()
            case "pausing":
                return self._play_clip()
        return []

    def press(self, digit: str, now: int) -> list[Act]:
        """A key was pressed."""
        if self.part in ("idle", "broken", "over"):
            return []
        self._hear(now)
        if digit == CONFIRM and self._script.prompt is not None:
            if not self._enough:
                self._pressed = True
                return []
            return [*self._stop(), *self._reach(), *self._confirm()]
        self._keys += 1
        told: list[Act] = [Proved("buffered", f"key {digit}")] if self._keys <= KEYS_MAX else []
        if self._replied or self._asked:
            return told
        self._asked = True
        return [*told, *([] if self.part == "clip" else [*self._stop(), *self._reply()])]

    def end(self, now: int, lost: str | None = None) -> list[Act]:
        """The call is over, whoever ended it; `lost` says why nobody knows how it went on."""
        if self.part == "over":
            return []
        self._hear(now)
        self.part = "over"
        if self._enough:
            return self._reach()
        heard = f"hung up at {int(100 * self._heard)} %" if self._opened else "clip not played"
        return [Proved("failed", lost or heard)]

    # --- what follows -------------------------------------------------------------------------------------------------

    @property
    def _enough(self) -> bool:
        return self.reached or self._heard >= PROOF_SHARE

    def _hear(self, now: int) -> None:
        if self._began_at is not None:
            self._heard = max(self._heard, min(1.0, (now - self._began_at) / self._clip_ms))

    def _reach(self) -> list[Act]:
        if self.reached:
            return []
        self.reached = True
        return [Proved("reached", f"played {int(100 * self._heard)} %")]

    def _confirm(self) -> list[Act]:
        self.part = "over"
        return [Proved("confirmed", "key 1"), HangUp()]

    def _stop(self) -> list[Act]:
        return [Stop()] if self.part in ("clip", "prompt", "reply") else []

    def _play_clip(self) -> list[Act]:
        self.part, self._began_at = "clip", None
        self._left -= 1
        return [Play(self._script.clip)]

    def _after_clip(self) -> list[Act]:
        if self._pressed:
            return self._confirm()
        return self._reply() if self._asked and not self._replied else self._ask()

    def _reply(self) -> list[Act]:
        assert self._script.reply is not None
        self.part, self._replied = "reply", True
        return [Play(self._script.reply)]

    def _ask(self) -> list[Act]:
        if self._script.prompt is None:
            return self._next()
        self.part = "prompt"
        return [Play(self._script.prompt)]

    def _listen(self) -> list[Act]:
        self.part = "listening"
        return [Wait(KEY_MS)]

    def _next(self) -> list[Act]:
        if not self._left:
            self.part = "over"
            return [HangUp()]
        self.part = "pausing"
        return [Wait(PAUSE_MS)]
