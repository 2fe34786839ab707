"""The RTP sockets of a process: opened ahead of the calls, and used again.

Law: a socket hears telephone-events alone, and is given out in turn, so that it rests as long as there are others.
Opening one sometimes holds the whole process for 10 ms (the kernel compiles the filter): that is done before the calls.
"""

import errno
import random
import socket
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Final

import trio

from klaroen_adapters.voice.rtp_filter import Filter
from klaroen_adapters.voice.sip_sdp import EVENTS

AHEAD_MAX: Final = 2_000
"""Sockets opened ahead, at most: what one process plays to."""
OPENED_AT_ONCE: Final = 8
TRIES_MAX: Final = 16
"""Ports of ours that others have taken, one after the other."""
BUFFER_BYTES: Final = 8_192
"""Of what a call hears, which is keys alone: half a second of packets of a key."""

KEYS_ALONE: Final = Filter({EVENTS})


class NoPortError(Exception):
    """All RTP ports are taken."""


class MediaPorts:
    """Sockets at even ports.

    They come from an order of chance: what is still sent to the calls of a process that died, or to another one's,
    seldom meets a call of ours.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = deque(random.sample(ports, len(ports)))
        self._rested: defaultdict[str, deque[socket.socket]] = defaultdict(deque)

    async def open_ahead(self, host: str, count: int) -> None:
        """Open so many at `host`, as far as there are ports."""
        rested = self._rested[host]
        for index in range(min(count, AHEAD_MAX, len(self._ports)) - len(rested)):
            try:
                rested.append(self._open(host))
            except NoPortError:
                return
            if index % OPENED_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()

    def take(self, host: str) -> socket.socket:
        """Return a socket that hears at `host`.

        Raises: NoPortError; OSError, where the process may open no more.
        """
        rested = self._rested[host]
        return rested.popleft() if rested else self._open(host)

    def give_back(self, host: str, sock: socket.socket) -> None:
        self._rested[host].append(sock)

    def close(self) -> None:
        """Close what rests."""
        for rested in self._rested.values():
            while rested:
                rested.pop().close()

    def _open(self, host: str) -> socket.socket:
        for _ in range(min(TRIES_MAX, len(self._ports))):
            port = self._ports.popleft()
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
            try:
                sock.setblocking(False)
                KEYS_ALONE.attach(sock)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
                sock.bind((host, port))
            except OSError as error:
                sock.close()
                self._ports.append(port)
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return sock
        raise NoPortError
