"""What one call hears, tick by tick, and what its keys change.

    lead -> clip -> rest -> clip -> rest ... over        or, with a prompt: clip -> prompt -> wait -> clip ...

Law: pure. The clip counts as heard (`reached`) when four fifths of one play have really left. Key 1 confirms what was
heard, where there is a prompt: at once, or, pressed sooner, when that much was played. The first other key brings the
reply (R17), and then what was not heard again, else the question; later keys bring nothing.
"""

import sys
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from klaroen_adapters.voice.rtp_packet import TICK_S

PROOF_PERCENT: Final = 80
"""Of the clip: so much proves arrival (R15)."""
LEAD_TICKS: Final = round(0.5 / TICK_S)
"""Until the telephone is at the ear."""
REST_TICKS: Final = round(1.0 / TICK_S)
"""After each play: the second is heard to be one, and before the end the last words still travel."""
WAIT_TICKS: Final = round(4.0 / TICK_S)
"""After the prompt: as long as people need to take the telephone from the ear and press."""
CONFIRM: Final = "1"

News = Literal["reached", "confirmed", "replied", "over"]
Stage = Literal["lead", "clip", "reply", "prompt", "rest", "wait", "over"]
Payloads = Sequence[bytes]


class Sounds(Struct, frozen=True, gc=False):
    """What a script plays, as payloads; the same object for all calls of a script that take the same codec."""

    clip: Payloads
    plays: int
    prompt: Payloads = ()
    reply: Payloads = ()


class Playback:
    """One call's; see the module's law."""

    __slots__ = (
        *(
            "_at",
            "_heard",
            "_lost",
            "_play",
            "_pressed",
            "_proof",
            "_replied",
            "_sounds",
            "_speech",
            "_stage",
            "_until",
        ),
        *("key", "news", "reached"),
    )

    def __init__(self, sounds: Sounds) -> None:
        assert sounds.clip, "a call has something to say"
        self._sounds = sounds
        self._proof = -(-PROOF_PERCENT * len(sounds.clip) // 100)
        self._play = 1
        self._heard = self._lost = 0
        """Ticks of the clip: in the play that brought most of it, and not sent in this one."""
        self._pressed = self._replied = False
        self.reached = False
        self.key = ""
        """The first that was no confirmation."""
        self.news: list[News] = []
        """What has come about since the owner emptied this."""
        self._stage: Stage = "lead"
        self._speech: Payloads = ()
        self._at = 0
        self._until = LEAD_TICKS
        """The tick of this stage at which something changes."""

    @property
    def heard_percent(self) -> int:
        """How much of the clip one play brought at the most."""
        playing = self._at - self._lost if self._stage == "clip" else 0
        return 100 * max(self._heard, playing) // len(self._sounds.clip)

    def tick(self) -> bytes | None:
        """Return what leaves in these 20 ms, None for nothing."""
        if self._at >= self._until:
            self._go_on()
        at = self._at
        self._at = at + 1
        return self._speech[at] if at < len(self._speech) else None

    def lose(self) -> None:
        """What the last tick brought could not be sent: it does not count as heard."""
        if self._stage == "clip":
            self._lost += 1
            self._until = min(self._until + 1, len(self._speech))

    def press(self, key: str) -> None:
        """The callee pressed a key."""
        if self._stage == "over" or self._pressed:
            return
        if key == CONFIRM and self._sounds.prompt:
            self._pressed = True
            if self.reached:
                self.news.append("confirmed")
                self._end()
        elif not self._replied:
            self._replied, self.key = True, key
            self.news.append("replied")
            if self._sounds.reply:
                self._begin("reply", self._sounds.reply)

    def _go_on(self) -> None:
        """A stage is at its end, or the clip at the point from which it counts as heard."""
        match self._stage:
            case "clip":
                if self._at - self._lost >= self._proof:
                    self._prove()
                if self._at < len(self._speech):
                    self._until = len(self._speech)
                else:
                    self._ask()
            case "reply" if self.reached:
                self._ask()
            case "lead" | "reply":
                self._say()
            case "prompt":
                self._begin("wait", (), WAIT_TICKS)
            case _ if self._play < self._sounds.plays:
                self._play += 1
                self._say()
            case _:
                self._end()

    def _say(self) -> None:
        clip, self._lost = self._sounds.clip, 0
        self._begin("clip", clip, len(clip) if self.reached else self._proof)

    def _prove(self) -> None:
        if self.reached:
            return
        self.reached = True
        self.news.append("reached")
        if self._pressed:
            self.news.append("confirmed")

    def _ask(self) -> None:
        """The clip was played: ask for the key, or rest."""
        if self._pressed:
            self._end()
        elif self._sounds.prompt:
            self._begin("prompt", self._sounds.prompt)
        else:
            self._begin("rest", (), REST_TICKS)

    def _end(self) -> None:
        self._begin("over", (), sys.maxsize)
        self.news.append("over")

    def _begin(self, stage: Stage, speech: Payloads, ticks: int = 0) -> None:
        if self._stage == "clip":
            self._heard = max(self._heard, self._at - self._lost)
        self._stage, self._speech, self._at, self._until = stage, speech, 0, ticks or len(speech)
