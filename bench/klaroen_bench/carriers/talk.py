"""What goes on between the answer and the end of a call: listening, a key, talk.

Law: it looks at its packets some times a second, and once more as it ends; so all that came before the end is heard.
"""

import secrets
from collections.abc import Callable
from typing import Final, Protocol

from klaroen_bench.carriers.burst import Burst, open_ear
from klaroen_bench.carriers.callfate import CallFate
from klaroen_bench.carriers.ear import Ear, Lateness
from klaroen_bench.carriers.mouth import Mouth
from klaroen_bench.carriers.rtp import ENDS
from klaroen_bench.carriers.sdp import PCMA, PCMU, Offer
from klaroen_bench.carriers.sounds import Sounds

LISTEN_S: Final = 0.5
"""Between two looks at a call's packets: 25 of them, and the kernel holds 13 s."""
SILENCE_S: Final = 15.0
"""No packet for so long: the caller is gone, and the trunk hangs up."""
TALK_S_MAX: Final = 600.0
KEY_STEP_S: Final = 0.05
"""Between two packets of a key."""
TALK_STEP_S: Final = 0.02


class Exchange(Protocol):
    """What a talk needs of its trunk."""

    sounds: Sounds
    lateness: Lateness
    burst: Burst

    @property
    def now(self) -> float: ...
    @property
    def host(self) -> str: ...
    def after(self, seconds: float, act: Callable[[], None]) -> None: ...


class Talk:
    def __init__(self, exchange: Exchange, offer: Offer, fate: CallFate, end: Callable[[str], None]) -> None:
        """`end` is called, with why, when nothing has come for too long, or the talk has no end."""
        self._exchange = exchange
        self._fate = fate
        self._end = end
        self._socket = open_ear(exchange.host)
        self.codec = PCMU if fate.mu_law else PCMA
        self._mouth = Mouth(self._socket, offer, secrets.randbits(31), self.codec)
        self._event = offer.event
        self._open = True
        self._began_at = self._heard_at = 0.0
        self.ear = Ear(exchange.sounds, exchange.lateness, self.codec)
        self.port: int = self._socket.getsockname()[1]
        self.keys = ""
        """That were pressed."""

    def start(self) -> None:
        """The call stands: what its fate holds in store begins to count."""
        exchange, fate = self._exchange, self._fate
        self._began_at = self._heard_at = exchange.now
        exchange.after(LISTEN_S, self._listen)
        if fate.key and self._event is not None:
            exchange.after(fate.key_s, self._press)
        if fate.talks:
            self._talk()

    def close(self) -> None:
        """Hear what is left; then the port is closed."""
        if self._open:
            self._open = False
            self.ear.listen(self._exchange.burst, self._socket.fileno())
            self._socket.close()

    def skip(self) -> None:
        """Forget unheard what has come since the last look."""
        while self._exchange.burst.take(self._socket.fileno()):
            pass

    def _listen(self) -> None:
        if not self._open:
            return
        now = self._exchange.now
        if self.ear.listen(self._exchange.burst, self._socket.fileno()):
            self._heard_at = now
        if now - self._heard_at > SILENCE_S:
            self._end("silence")
        elif now - self._began_at > TALK_S_MAX:
            self._end("too long")
        if self._open:
            self._exchange.after(LISTEN_S, self._listen)

    def _press(self) -> None:
        if self._open:
            self.keys += self._fate.key
            self._press_on(self._mouth.press(self._fate.key))

    def _press_on(self, packets: list[bytes]) -> None:
        """Send the next packet of a key; the last ones, which say that it has ended, at once."""
        if not self._open:
            return
        now, later = (packets, []) if len(packets) <= ENDS else (packets[:1], packets[1:])
        for packet in now:
            self._mouth.send(packet)
        if later:
            self._exchange.after(KEY_STEP_S, lambda: self._press_on(later))

    def _talk(self) -> None:
        if self._open:
            self._mouth.talk()
            self._exchange.after(TALK_STEP_S, self._talk)
