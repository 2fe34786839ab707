"""How a trunk is reached: one port of UDP and of TCP.

Law: a path hands whole messages in, and takes whole messages out. What does not hold together ends its connection.
"""

import asyncio
import socket
from typing import Final, Protocol, cast

from klaroen_bench.carriers.sip import MalformedError, split_stream

WAITING_BYTES: Final = 4 << 20
"""Messages that wait in the kernel: 300 calls a second are 1 MB."""
PATHS_MAX: Final = 10_000
PORTS_TRIED: Final = 20
"""A free port of TCP is nearly always one of UDP as well."""


class Taker(Protocol):
    """What becomes of messages."""

    @property
    def frozen(self) -> bool: ...
    def take(self, path: "UdpPath | TcpPath", raw: bytes) -> None: ...
    def malformed(self) -> None: ...


class UdpPath:
    """One peer's address."""

    reliable = False

    def __init__(self, transport: asyncio.DatagramTransport, source: tuple[str, int]) -> None:
        self._transport = transport
        self.source = source

    def send(self, raw: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(raw, self.source)


class TcpPath(asyncio.Protocol):
    """One connection."""

    reliable = True

    def __init__(self, taker: Taker, open_paths: "set[TcpPath]") -> None:
        self._taker = taker
        self._open_paths = open_paths
        self._held = b""
        self._transport: asyncio.Transport | None = None
        self.source = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio's, not the class.
        self._transport = cast("asyncio.Transport", transport)
        self.source = self._transport.get_extra_info("peername")[:2]
        self._open_paths.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._open_paths.discard(self)

    def data_received(self, data: bytes) -> None:
        self._held += data
        if self._taker.frozen:
            return
        try:
            messages, self._held = split_stream(self._held)
        except MalformedError:
            self._taker.malformed()
            self.abort()
            return
        for raw in messages:
            self._taker.take(self, raw)

    def send(self, raw: bytes) -> None:
        if self._transport is not None:
            self._transport.write(raw)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Paths(asyncio.DatagramProtocol):
    """Both doors, and who stands at them."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._connections: set[TcpPath] = set()
        self._peers: dict[tuple[str, int], UdpPath] = {}
        self._server: asyncio.Server | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self.address = ("", 0)

    async def open(self, host: str, port: int) -> int:
        """Raises OSError if there is no such port."""
        loop = asyncio.get_running_loop()
        for left in range(PORTS_TRIED, 0, -1):
            door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            door.setblocking(False)
            door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WAITING_BYTES)
            server = await loop.create_server(lambda: TcpPath(self._taker, self._connections), host, port)
            self.address = (host, server.sockets[0].getsockname()[1])
            try:
                door.bind(self.address)
            except OSError:
                door.close()
                server.close()
                if port or left == 1:
                    raise
                continue
            self._server = server
            await loop.create_datagram_endpoint(lambda: self, sock=door)
            break
        return self.address[1]

    def close(self) -> None:
        """Both doors close, and the connections with them."""
        if self._server is not None:
            self._server.close()
        if self._transport is not None:
            self._transport.close()
        self._peers.clear()
        for connection in tuple(self._connections):
            connection.abort()

    def thaw(self) -> None:
        """Read what connections brought in the dark; of what came by UDP there is nothing."""
        for connection in tuple(self._connections):
            connection.data_received(b"")

    def to(self, address: tuple[str, int]) -> UdpPath | None:
        """Return the path to an address; None while the door is closed."""
        if self._transport is None:
            return None
        path = self._peers.get(address)
        if path is None:
            if len(self._peers) >= PATHS_MAX:
                self._peers.clear()
            path = self._peers[address] = UdpPath(self._transport, address)
        return path

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        path = None if self._taker.frozen else self.to(addr)
        if path is not None:
            self._taker.take(path, data)
