"""RTP of all calls of a process: one socket a call, one loop that plays, one that hears keys.

Law: the player waits for nothing but its next tick. A tick that comes late is measured, and made up for at once; after
a stop of a fifth of a second (a machine that slept) all go on from where they were. Nobody is heard but the address
that the call's SDP named.
"""

import secrets
import select
import socket
from collections.abc import Callable
from typing import Final

import trio

from klaroen_adapters.voice.media_ports import KEYS_ALONE, MediaPorts
from klaroen_adapters.voice.rtp_events import Keys
from klaroen_adapters.voice.rtp_filter import Filter
from klaroen_adapters.voice.rtp_lateness import Lateness
from klaroen_adapters.voice.rtp_packet import Packets
from klaroen_adapters.voice.rtp_playback import Playback
from klaroen_adapters.voice.rtp_wheel import PHASE_S, Wheel
from klaroen_adapters.voice.sip_sdp import EVENTS
from klaroen_adapters.voice.sip_terms import Address, Media

STOPPED_S: Final = 0.2
"""Ticks that are later than this are not made up for: a burst of ten packets a call is all that a telephone keeps."""
PACKET_BYTES: Final = 256
READ_MAX: Final = 64
"""Packets read from one call at once: a key comes in ten."""


class Line:
    """The media of one call."""

    __slots__ = ("_events", "_packets", "host", "keys", "playback", "port", "said", "socket", "to")

    def __init__(self, host: str, sock: socket.socket, said: Callable[["Line"], None]) -> None:
        self.host = host
        self.socket = sock
        self.port: int = sock.getsockname()[1]
        self.keys = Keys()
        self.said = said
        """Called when `playback` has news."""
        self.playback: Playback | None = None
        self._packets: Packets
        self._events: frozenset[int] = frozenset({EVENTS})
        self.to: Address = ("", 0)

    def answer(self, media: Media, playback: Playback) -> None:
        """The callee has answered: from here on the line speaks and listens."""
        self.to = (media.address, media.port)
        self.playback = playback
        self._packets = Packets(media.payload, secrets.randbits(32), secrets.randbits(16), secrets.randbits(32))
        if media.events not in (None, EVENTS):
            self._events = frozenset({EVENTS, media.events or EVENTS})
            Filter(self._events).attach(self.socket)
        self.hear()  # what came before the answer was for the socket's last call

    def rest(self) -> None:
        """The call is over: the socket is as it was."""
        if self._events != {EVENTS}:
            KEYS_ALONE.attach(self.socket)

    def speak(self, playback: Playback) -> None:
        """Send what this tick brings."""
        payload = playback.tick()
        if payload is None:
            self._packets.pause()
        else:
            self.socket.sendto(self._packets.speak(payload), self.to)

    def hear(self) -> str:
        """Return the keys that have come."""
        pressed = ""
        for _ in range(READ_MAX):
            try:
                packet, source = self.socket.recvfrom(PACKET_BYTES)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP message about what we sent
            if source[0] == self.to[0]:
                pressed += self.keys.feed(packet, self._events)
        return pressed


class MediaRoom:
    """The lines of a process, its player and its ear."""

    def __init__(self, ports: MediaPorts) -> None:
        self.ports = ports
        self.lateness = Lateness()
        self.late: Callable[[float], None] = _unheard
        """Told of each tick."""
        self.unsent = 0
        """Packets that the kernel did not take."""
        self._wheel: Wheel[Line] = Wheel()
        self._poll = select.epoll()
        self._lines: dict[int, Line] = {}
        self._joined = trio.Event()

    def __len__(self) -> int:
        return len(self._lines)

    def open(self, host: str, said: Callable[[Line], None]) -> Line:
        """Return a line that hears at `host`.

        Raises: NoPortError; OSError, where the process may open no more.
        """
        line = Line(host, self.ports.take(host), said)
        self._lines[line.socket.fileno()] = line
        return line

    def start(self, line: Line) -> None:
        """Let an answered line speak and listen."""
        self._poll.register(line.socket.fileno(), select.EPOLLIN)
        self._wheel.join(line)
        self._joined.set()

    def hush(self, line: Line) -> None:
        """The line has said all: it only waits for its end."""
        self._wheel.leave(line)

    def close(self, line: Line) -> None:
        """The call is over."""
        self._wheel.leave(line)
        descriptor = line.socket.fileno()
        if self._lines.pop(descriptor, None) is None:
            return
        if line.playback is not None:
            self._poll.unregister(descriptor)
        line.rest()
        self.ports.give_back(line.host, line.socket)

    def end(self) -> None:
        """The process ends: so do all lines."""
        for line in list(self._lines.values()):
            self.close(line)
        self.ports.close()
        self._poll.close()

    async def play(self) -> None:
        """Turn the wheel for ever."""
        while True:
            if not len(self._wheel):
                self.lateness = Lateness()
                self._joined = trio.Event()
                await self._joined.wait()
            await self._turn()

    async def _turn(self) -> None:
        """Tick as long as anybody speaks, and no tick was missed for too long."""
        due, tick = trio.current_time(), 0
        while len(self._wheel):
            await trio.sleep_until(due)
            late = trio.current_time() - due
            self.lateness.note(late)
            self.late(late)
            for line in self._wheel.turn(tick):
                playback = line.playback
                assert playback is not None, "who turns has answered"
                try:
                    line.speak(playback)
                except OSError:  # full, or no way there
                    playback.lose()
                    self.unsent += 1
                if playback.news:
                    line.said(line)
            if late > STOPPED_S:
                return
            due, tick = due + PHASE_S, tick + 1

    async def listen(self) -> None:
        """Hear keys for ever."""
        while True:
            await trio.lowlevel.wait_readable(self._poll.fileno())
            for descriptor, _ in self._poll.poll(0):
                line = self._lines.get(descriptor)
                if line is None or line.playback is None:
                    continue
                for key in line.hear():
                    line.playback.press(key)
                if line.playback.news:
                    line.said(line)


def _unheard(_late_s: float) -> None:
    """Nobody measures."""
