"""The way to a trunk: datagrams by UDP, or one connection by TCP that is opened again when it goes.

Law: what is written is written at once or not at all: SIP repeats over UDP what matters, and over TCP the agent asks
again on the next connection. `heard` gets small pieces, so that the player is not kept waiting for its next tick.
"""

import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import trio

from klaroen_adapters.tcp import READ_ERRORS, Connect, ConnectError
from klaroen_adapters.voice.sip_terms import Address, Datagram

DATAGRAM_BYTES: Final = 65_535
DATAGRAMS_AT_ONCE: Final = 4
"""Between two looks at the clock: a message takes a tenth of a millisecond."""
BUFFER_BYTES: Final = 4 * 1024 * 1024
"""2,000 messages wait for us in the kernel rather than be lost while we are held up."""
CHUNK_BYTES: Final = 8_192
OUTBOX_BYTES_MAX: Final = 4 * 1024 * 1024
RECONNECT_S: Final = 1.0

Heard = Callable[[bytes, Address], None]


class Way(Protocol):
    """How octets go to a trunk and come from it."""

    local: Address

    async def run(self) -> None:
        """Carry what comes, for ever."""

    def write(self, datagrams: Iterable[Datagram]) -> None: ...
    def close(self) -> None: ...


class UdpWay:
    """One socket."""

    def __init__(self, local: Address, heard: Heard) -> None:
        family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self._socket.bind(local)
        self.local: Address = self._socket.getsockname()[:2]
        self._heard = heard
        self.unsent = 0

    async def run(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            for _ in range(DATAGRAMS_AT_ONCE):
                try:
                    octets, source = self._socket.recvfrom(DATAGRAM_BYTES)
                except BlockingIOError:
                    break
                except OSError:
                    continue  # an ICMP message about what we sent
                self._heard(octets, source[:2])

    def write(self, datagrams: Iterable[Datagram]) -> None:
        for octets, to in datagrams:
            try:
                self._socket.sendto(octets, to)
            except OSError:  # full, or no way there: SIP repeats what is not answered
                self.unsent += 1

    def close(self) -> None:
        self._socket.close()


class TcpWay:
    """One connection at a time; `opened` and `lost` tell of each."""

    def __init__(
        self,
        trunk: Address,
        heard: Heard,
        opened: Callable[[Address], None],
        lost: Callable[[], None],
        connect: Connect,
    ) -> None:
        self._trunk = trunk
        self._heard = heard
        self._opened = opened
        self._lost = lost
        self._connect = connect
        self._outbox = bytearray()
        self._written = trio.Event()
        self._is_open = False
        self.local: Address = ("", 0)

    async def run(self) -> None:
        while True:
            try:
                stream = await self._connect(*self._trunk)
            except ConnectError:
                await trio.sleep(RECONNECT_S)
                continue
            try:
                await self._carry(stream)
            finally:
                self._is_open = False
                self._outbox.clear()
                await trio.aclose_forcefully(stream)
            self._lost()
            await trio.sleep(RECONNECT_S)

    def write(self, datagrams: Iterable[Datagram]) -> None:
        if not self._is_open:
            return
        for octets, _ in datagrams:
            self._outbox += octets
        self._written.set()

    def close(self) -> None:
        """The connection goes with its task."""

    def cut(self) -> None:
        """The peer speaks no SIP: end the connection."""
        self._is_open = False
        self._written.set()

    async def _carry(self, stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream), "a way without TLS"
        self._is_open, self._written = True, trio.Event()
        self.local = stream.socket.getsockname()[:2]
        self._opened(self.local)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write_forever, stream, nursery.cancel_scope)
            with contextlib.suppress(*READ_ERRORS):  # gone, as an end would say
                while self._is_open and (chunk := await stream.receive_some(CHUNK_BYTES)):
                    self._heard(chunk, self._trunk)
            nursery.cancel_scope.cancel()

    async def _write_forever(self, stream: trio.abc.Stream, scope: trio.CancelScope) -> None:
        with contextlib.suppress(*READ_ERRORS):  # gone, as an end would say
            while self._is_open and len(self._outbox) < OUTBOX_BYTES_MAX:
                await self._written.wait()
                self._written = trio.Event()
                while self._outbox:
                    chunk, self._outbox = bytes(self._outbox), bytearray()
                    await stream.send_all(chunk)
        scope.cancel()
