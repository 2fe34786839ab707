"""A bounded pool of keep-alive HTTP/1.1 connections on trio, and one exchange on one of them.

Law: request and response are whole values, so a connection is either idle in the pool or inside one call, and a call
that fails or is cancelled closes its connection and gives back its place in `finally`. A request is sent at most once:
a stale connection is found before the first byte, or the request is not replayed. Picking a connection is O(1).
"""

import math
import re
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Literal

import trio
from msgspec import Struct

from klaroen_adapters.http_wire import RemoteFaultError, ResponseReader
from klaroen_adapters.tcp import READ_ERRORS, Connect, ConnectError

RECEIVE_BYTES: Final = 65_536
WRITE_FIRST_BYTES_MAX: Final = 16_384
"""What any kernel takes unread [Linux: 87 KiB and more]. Above it we read while we write, since a peer may answer
early and stop reading."""

Phase = Literal["pool", "connect", "write", "read"]
Kind = Literal["time", "broken", "protocol"]
_KEEP_ALIVE: Final = re.compile(rb"timeout=(\d{1,6})")


class NetworkFaultError(Exception):
    """What the network did to a call, and in which phase of it."""

    def __init__(self, phase: Phase, kind: Kind) -> None:
        super().__init__(f"{phase}: {kind}")
        self.phase: Phase = phase
        self.kind: Kind = kind


class Origin(Struct, frozen=True):
    scheme: Literal["http", "https"]
    host: str
    port: int


class Limits(Struct, frozen=True):
    """Seconds for each phase; for "write" and "read", of one system operation. None waits for ever."""

    pool_s: float | None = None
    connect_s: float | None = None
    write_s: float | None = None
    read_s: float | None = None


class Progress:
    """Tells the caller of a call that it cut short whether anything may have been written."""

    __slots__ = ("written",)

    def __init__(self) -> None:
        self.written = False


class PoolStatistics(Struct, frozen=True):
    in_use: int
    idle: int
    waiting: int


class bounded:  # noqa: N801  a context manager, used as a word
    """Bound one phase in time, and say its failures as NetworkFaultError."""

    __slots__ = ("_phase", "_scope")

    def __init__(self, phase: Phase, seconds: float | None) -> None:
        self._phase: Phase = phase
        self._scope = None if seconds is None else trio.CancelScope(deadline=trio.current_time() + seconds)

    def __enter__(self) -> None:
        if self._scope is not None:
            self._scope.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._scope is not None:
            self._scope.__exit__(kind, error, tb)
            if self._scope.cancelled_caught:
                raise NetworkFaultError(self._phase, "time") from error
        if isinstance(error, (ConnectError, *READ_ERRORS)):
            raise NetworkFaultError(self._phase, "broken") from error
        if isinstance(error, RemoteFaultError):
            raise NetworkFaultError(self._phase, "protocol") from error


class _Connection:
    __slots__ = ("idle_until", "origin", "stream")

    def __init__(self, origin: Origin, stream: trio.abc.Stream) -> None:
        self.origin = origin
        self.stream = stream
        self.idle_until = -math.inf

    def stale(self) -> bool:
        """Whether it has been idle too long, or the peer has ended it or spoken out of turn."""
        return trio.current_time() >= self.idle_until or _readable(self.stream)

    async def close(self) -> None:
        # Forcefully: a graceful end (TLS close_notify) would wait for a peer that may be why we are closing.
        await trio.aclose_forcefully(self.stream)


def _readable(stream: trio.abc.Stream) -> bool:
    """Whether the socket below has something to read, its end included; a stream without a socket never has."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return isinstance(stream, trio.SocketStream) and stream.socket.is_readable()


class Pool:
    """At most `connections_max` connections, idle ones included; who waits for a place is served in order."""

    def __init__(
        self, connects: Mapping[str, Connect], *, connections_max: int, idle_s: float, response_bytes_max: int
    ) -> None:
        """`connects`: by scheme, how to open a stream."""
        self._connects = connects
        self._connections_max = connections_max
        self._idle_s = idle_s
        self._response_bytes_max = response_bytes_max
        self._places = trio.Semaphore(connections_max, max_value=connections_max)
        self._idle: dict[Origin, deque[_Connection]] = {}
        """No deque is empty; the latest used stands last in its own."""
        self._idle_count = 0
        self._closed = False

    def statistics(self) -> PoolStatistics:
        waiting = self._places.statistics().tasks_waiting
        return PoolStatistics(self._connections_max - self._places.value, self._idle_count, waiting)

    async def call(
        self, origin: Origin, wire: bytes, limits: Limits, progress: Progress, *, headless: bool, last: bool
    ) -> ResponseReader:
        """Send one encoded request and return its whole response.

        `headless` for HEAD; `last` if the connection is not to be kept. Raises NetworkFaultError.
        """
        with bounded("pool", limits.pool_s):
            await self._places.acquire()
        try:
            connection = await self._take(origin, limits)
            kept = False
            try:
                reader = ResponseReader(bytes_max=self._response_bytes_max, headless=headless)
                progress.written = True
                try:
                    await _exchange(connection.stream, wire, reader, limits)
                finally:
                    reader.close()
                kept = not last and self._keep(connection, reader)
            finally:
                if not kept:
                    await connection.close()
        finally:
            self._places.release()
        return reader

    async def aclose(self) -> None:
        """Close what is idle, and keep nothing more; calls under way end by themselves."""
        self._closed = True
        while self._idle:
            await self._pop(*next(iter(self._idle.items())), newest=False).close()

    async def _take(self, origin: Origin, limits: Limits) -> _Connection:
        while idle := self._idle.get(origin):
            connection = self._pop(origin, idle, newest=True)
            if not connection.stale():
                return connection
            await connection.close()
        # Our place counts already, so while the sum is above the bound some idle connection can be closed for ours.
        while self._idle and self._connections_max - self._places.value + self._idle_count > self._connections_max:
            await self._pop(*next(iter(self._idle.items())), newest=False).close()
        with bounded("connect", limits.connect_s):
            return _Connection(origin, await self._connects[origin.scheme](origin.host, origin.port))

    def _keep(self, connection: _Connection, reader: ResponseReader) -> bool:
        if self._closed or not reader.reusable:
            return False
        idle_s = self._idle_s
        for name, value in reader.headers:
            if name.lower() == b"keep-alive" and (match := _KEEP_ALIVE.search(value)):
                idle_s = min(idle_s, int(match[1]) - 1.0)  # a second sooner than the peer
        connection.idle_until = trio.current_time() + idle_s
        self._idle.setdefault(connection.origin, deque()).append(connection)
        self._idle_count += 1
        return True

    def _pop(self, origin: Origin, idle: deque[_Connection], *, newest: bool) -> _Connection:
        connection = idle.pop() if newest else idle.popleft()
        self._idle_count -= 1
        if not idle:
            del self._idle[origin]
        return connection


async def _exchange(stream: trio.abc.Stream, wire: bytes, reader: ResponseReader, limits: Limits) -> None:
    """Write and read. If writing fails, what the peer said before it closed is the answer, if it is whole."""
    writing, reading = trio.CancelScope(), trio.CancelScope()
    unwritten: NetworkFaultError | None = None
    unread: NetworkFaultError | None = None

    async def write() -> None:
        nonlocal unwritten
        try:
            with writing, bounded("write", limits.write_s):
                await stream.send_all(wire)
        except NetworkFaultError as error:
            unwritten = error
            if error.kind == "time":
                reading.cancel()

    async def read() -> None:
        nonlocal unread
        try:
            with reading:
                await _read_whole(stream, reader, limits.read_s)
        except NetworkFaultError as error:
            unread = error
        writing.cancel()

    if len(wire) <= WRITE_FIRST_BYTES_MAX:
        await write()
        await read()
    else:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            await read()
    if unread is not None:
        raise unwritten or unread
    if unwritten is not None and not reader.complete:
        raise unwritten
    reader.excess |= unwritten is not None or writing.cancelled_caught


async def _read_whole(stream: trio.abc.Stream, reader: ResponseReader, seconds: float | None) -> None:
    while not reader.complete:
        with bounded("read", seconds):
            chunk = await stream.receive_some(RECEIVE_BYTES)
            if chunk:
                reader.feed(chunk)
            else:
                reader.end()
