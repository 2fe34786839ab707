"""RTP of all calls of a process: one socket a call, one loop that plays, one that hears keys.

Law: the player waits for nothing but its next tick. A tick that comes late is measured, and made up for at once; after
a stop of a fifth of a second (a machine that slept) all go on from where they were. Nobody is heard but the address
that the call's SDP named.
"""

import errno
import random
import secrets
import select
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import trio

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
TRIES_MAX: Final = 16
"""Ports of ours that others have taken, one after the other."""
BUFFER_BYTES: Final = 8_192
"""Of what a call hears, which is keys alone: half a second of packets of a key."""

PLAIN_EVENTS: Final = Filter({EVENTS})


class NoPortError(Exception):
    """All RTP ports are taken."""


class Line:
    """The media of one call."""

    __slots__ = ("_events", "_packets", "keys", "playback", "port", "said", "socket", "to")

    def __init__(self, sock: socket.socket, port: int, said: Callable[["Line"], None]) -> None:
        self.socket = sock
        self.port = port
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
    """The lines of a process, its player and its ear.

    `ports` are even. They are given out in turn, from an order of chance: what is still sent to the calls of a process
    that died, or to another one's, seldom meets a call of ours.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self.lateness = Lateness()
        self.late: Callable[[float], None] = _unheard
        """Told of each tick."""
        self.unsent = 0
        """Packets that the kernel did not take."""
        self._free = deque(random.sample(ports, len(ports)))
        self._wheel: Wheel[Line] = Wheel()
        self._poll = select.epoll()
        self._lines: dict[int, Line] = {}
        self._joined = trio.Event()

    def __len__(self) -> int:
        return len(self._lines)

    def open(self, host: str, said: Callable[[Line], None]) -> Line:
        """Return a line whose socket hears at `host`. Raises NoPortError."""
        for _ in range(min(TRIES_MAX, len(self._free))):
            port = self._free.popleft()
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
            try:
                sock.setblocking(False)
                PLAIN_EVENTS.attach(sock)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
                sock.bind((host, port))
            except OSError as error:
                sock.close()
                self._free.append(port)
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            line = Line(sock, port, said)
            self._lines[sock.fileno()] = line
            return line
        raise NoPortError

    def start(self, line: Line) -> None:
        """Let an answered line speak and listen."""
        self._poll.register(line.socket.fileno(), select.EPOLLIN)
        self._wheel.join(line)
        self._joined.set()

    def hush(self, line: Line) -> None:
        """The line has said all: it only waits for its end."""
        self._wheel.leave(line)

    def close(self, line: Line) -> None:
        """The call is over. The kernel forgets the closed socket by itself."""
        self._wheel.leave(line)
        if self._lines.pop(line.socket.fileno(), None) is not None:
            line.socket.close()
            self._free.append(line.port)

    def end(self) -> None:
        """The process ends: so do all lines."""
        for line in list(self._lines.values()):
            self.close(line)
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
                except OSError:  # full, or no way there: telephones bear the loss of a packet
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
