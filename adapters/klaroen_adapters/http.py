"""HTTP out: httpx's interface over our own transport on trio and httptools. The one importer of httpx.

Law: a request and a response are each one value, wholly in memory and bounded; so a connection is either idle in the
pool or inside one call, and a call that fails or is cancelled closes its connection and gives back its place in
`finally`. A request is sent at most once: a stale connection is found before the first byte, or not replayed at all.
httpx's own pool wedges under cancellation and scans all connections for each request (docs/decisions.md).
"""

import functools
import logging
import math
import re
import ssl
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Protocol

import httpx
import trio
from msgspec import Struct

from klaroen.core.ports import Unknown, Unsent
from klaroen_adapters.http_wire import LocalFaultError, RemoteFaultError, ResponseReader, encode_request

Client = httpx.AsyncClient
TransportError = httpx.TransportError

CONNECTIONS_MAX: Final = 16
IDLE_S: Final = 4.0
"""Below the shortest keep-alive in wide use (uvicorn, Apache and Node: 5 s), so that we close first."""
RESPONSE_BYTES_MAX: Final = 8 * 1024 * 1024
"""Ten thousand answers of 800 bytes; anything more is not an answer of a carrier."""
CONNECT_S: Final = 2.0
"""A carrier that does not answer is left after two seconds."""
RECEIVE_BYTES: Final = 65_536
SEND_AHEAD_BYTES: Final = 16_384
"""What any kernel buffers unread [Linux: 87 KiB and more]: above it we read while we write, since a peer may answer
early and stop reading."""

# What the network says, by the phase in which it says it, in httpx's words. The first match counts.
_FAULTS: Final[Mapping[str, tuple[tuple[type[BaseException], type[httpx.TransportError]], ...]]] = {
    "pool": ((trio.TooSlowError, httpx.PoolTimeout),),
    "connect": (
        (trio.TooSlowError, httpx.ConnectTimeout),
        (trio.BrokenResourceError, httpx.ConnectError),
        (trio.ClosedResourceError, httpx.ConnectError),
        (OSError, httpx.ConnectError),  # refused, unreachable, no such name, and ssl.SSLError
    ),
    "write": (
        (trio.TooSlowError, httpx.WriteTimeout),
        (trio.BrokenResourceError, httpx.WriteError),
        (trio.ClosedResourceError, httpx.WriteError),
        (LocalFaultError, httpx.LocalProtocolError),
    ),
    "read": (
        (trio.TooSlowError, httpx.ReadTimeout),
        (trio.BrokenResourceError, httpx.ReadError),
        (trio.ClosedResourceError, httpx.ReadError),
        (RemoteFaultError, httpx.RemoteProtocolError),
    ),
}

# What may be tried elsewhere at once, because nothing was written. Everything else may have been processed (law 6).
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError)

_Origin = tuple[str, str, int]


class Connect(Protocol):
    """The network's seam: the one thing that a simulated world replaces."""

    async def __call__(self, host: str, port: int, tls: ssl.SSLContext | None) -> trio.abc.Stream: ...


async def connect_tcp(host: str, port: int, tls: ssl.SSLContext | None) -> trio.abc.Stream:
    stream = await trio.open_tcp_stream(host, port)
    if tls is None:
        return stream
    secured = trio.SSLStream(stream, tls, server_hostname=host, https_compatible=True)
    try:
        await secured.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(secured)
        raise
    return secured


@functools.cache
def shared_tls() -> ssl.SSLContext:
    """One for the whole process: reading the system's authorities takes 57 ms."""
    return ssl.create_default_context()


_KEEP_ALIVE: Final = re.compile(rb"timeout=(\d{1,6})")


class _Phase:
    """Bounds one phase in time, and says its failures in httpx's words."""

    __slots__ = ("_name", "_scope")

    def __init__(self, name: str, seconds: float | None) -> None:
        self._name = name
        self._scope = None if seconds is None else trio.CancelScope(deadline=trio.current_time() + seconds)

    def __enter__(self) -> None:
        if self._scope is not None:
            self._scope.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._scope is not None:
            self._scope.__exit__(kind, error, tb)
            if self._scope.cancelled_caught:
                error = trio.TooSlowError()
        if error is not None:
            for ours, theirs in _FAULTS[self._name]:
                if isinstance(error, ours):
                    raise theirs(f"{self._name}: {type(error).__name__}") from error


class _Connection:
    __slots__ = ("idle_until", "origin", "stream")

    def __init__(self, origin: _Origin, stream: trio.abc.Stream) -> None:
        self.origin = origin
        self.stream = stream
        self.idle_until = -math.inf

    def stale(self, now: float) -> bool:
        """Whether it has expired, or the peer has ended it or spoken out of turn: found without a system wait."""
        return now >= self.idle_until or readable(self.stream)

    async def close(self) -> None:
        # Forcefully: a graceful end (TLS close_notify) would wait for a peer that may be why we are closing.
        await trio.aclose_forcefully(self.stream)


class PoolStatistics(Struct, frozen=True):
    in_use: int
    idle: int
    waiting: int


def readable(stream: trio.abc.Stream) -> bool:
    """Whether the socket below has something to read, its end included; a stream without a socket never has."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return isinstance(stream, trio.SocketStream) and stream.socket.is_readable()


class Transport(httpx.AsyncBaseTransport):
    """A bounded pool of keep-alive connections; waiting for a place is first come, first served."""

    def __init__(
        self,
        *,
        connect: Connect = connect_tcp,
        tls: ssl.SSLContext | None = None,
        connections_max: int = CONNECTIONS_MAX,
        idle_s: float = IDLE_S,
        response_bytes_max: int = RESPONSE_BYTES_MAX,
    ) -> None:
        self._connect = connect
        self._tls = tls
        self._idle_s = idle_s
        self._response_bytes_max = response_bytes_max
        self._places = trio.Semaphore(connections_max, max_value=connections_max)
        self._connections_max = connections_max
        self._idle: dict[_Origin, deque[_Connection]] = {}
        """By origin, the latest used last. Whoever holds a place may open a connection if in use + idle allow it."""
        self._idle_count = 0
        self._closed = False

    def statistics(self) -> PoolStatistics:
        places = self._places
        return PoolStatistics(self._connections_max - places.value, self._idle_count, places.statistics().tasks_waiting)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return its whole response.

        Raises httpx.TransportError by the table above, and nothing else of the network's making.
        """
        limits: Mapping[str, float | None] = request.extensions.get("timeout", {})
        with _Phase("pool", limits.get("pool")):
            await self._places.acquire()
        try:
            with _Phase("write", None):
                wire = encode_request(
                    request.method.encode("ascii"), request.url.raw_path, request.headers.raw, await request.aread()
                )
            connection = await self._take(request.url, limits)
            kept = False
            try:
                reader = await self._exchange(connection, wire, limits, headless=request.method == "HEAD")
                kept = self._keep(connection, request, reader)
            finally:
                if not kept:
                    await connection.close()
        finally:
            self._places.release()
        return httpx.Response(
            reader.status,
            headers=reader.headers,
            stream=httpx.ByteStream(reader.body),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        """Close what is idle, and take no more; requests under way end by themselves."""
        self._closed = True
        while self._idle_count:
            await self._pop_any().close()

    # --- the pool ---------------------------------------------------------------------------------------------------

    async def _take(self, url: httpx.URL, limits: Mapping[str, float | None]) -> _Connection:
        secure = url.scheme == "https"
        origin = (url.scheme, url.raw_host.decode("ascii"), url.port or (443 if secure else 80))
        while idle := self._idle.get(origin):
            connection = idle.pop()
            self._idle_count -= 1
            if not idle:
                del self._idle[origin]
            if not connection.stale(trio.current_time()):
                return connection
            await connection.close()
        # We hold a place, so at most `connections_max - 1` others are in use: if the sum is at its bound, one is idle.
        while self._idle_count and self._idle_count + self.statistics().in_use > self._connections_max:
            await self._pop_any().close()
        with _Phase("connect", limits.get("connect")):
            tls = (self._tls or shared_tls()) if secure else None
            return _Connection(origin, await self._connect(origin[1], origin[2], tls))

    def _keep(self, connection: _Connection, request: httpx.Request, reader: ResponseReader) -> bool:
        if not reader.reusable or self._closed or "close" in request.headers.get("connection", "").lower():
            return False
        idle_s = self._idle_s
        for name, value in reader.headers:
            if name.lower() == b"keep-alive" and (match := _KEEP_ALIVE.search(value)):
                idle_s = min(idle_s, int(match[1]) - 1.0)
        connection.idle_until = trio.current_time() + idle_s
        self._idle.setdefault(connection.origin, deque()).append(connection)
        self._idle_count += 1
        return True

    def _pop_any(self) -> _Connection:
        """The longest idle of the origin that has had some for the longest time."""
        origin, idle = next(iter(self._idle.items()))
        connection = idle.popleft()
        self._idle_count -= 1
        if not idle:
            del self._idle[origin]
        return connection

    # --- one exchange -----------------------------------------------------------------------------------------------

    async def _exchange(
        self, connection: _Connection, wire: bytes, limits: Mapping[str, float | None], *, headless: bool
    ) -> ResponseReader:
        """Write and read. If writing fails, what the peer said before it closed is the answer, if it is whole."""
        reader = ResponseReader(bytes_max=self._response_bytes_max, headless=headless)
        writing, reading = trio.CancelScope(), trio.CancelScope()
        unwritten: httpx.TransportError | None = None
        unread: httpx.TransportError | None = None

        async def write() -> None:
            nonlocal unwritten
            try:
                with writing, _Phase("write", limits.get("write")):
                    await connection.stream.send_all(wire)
            except httpx.WriteError as error:
                unwritten = error
            except httpx.WriteTimeout as error:
                unwritten = error
                reading.cancel()

        async def read() -> None:
            nonlocal unread
            try:
                with reading:
                    await _read_whole(connection.stream, reader, limits.get("read"))
            except httpx.TransportError as error:
                unread = error
            writing.cancel()

        if len(wire) <= SEND_AHEAD_BYTES:
            await write()
            await read()
        else:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write)
                await read()
        if not reader.complete:
            raise unwritten or unread or httpx.ReadError("read: ended")
        reader.excess |= unwritten is not None or writing.cancelled_caught
        return reader


async def _read_whole(stream: trio.abc.Stream, reader: ResponseReader, seconds: float | None) -> None:
    while not reader.complete:
        with _Phase("read", seconds):
            chunk = await stream.receive_some(RECEIVE_BYTES)
            if chunk:
                reader.feed(chunk)
            else:
                reader.end()


# --- what adapters use ----------------------------------------------------------------------------------------------


class Reply(Struct, frozen=True):
    """A whole response; header names in lower case, repeated ones joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def make_client(
    *,
    connect: Connect = connect_tcp,
    tls: ssl.SSLContext | None = None,
    connections_max: int = CONNECTIONS_MAX,
    connect_s: float = CONNECT_S,
    idle_s: float = IDLE_S,
    response_bytes_max: int = RESPONSE_BYTES_MAX,
) -> Client:
    """Return a client that follows nothing, reads no environment, and waits for ever but to connect.

    Bound the whole request with `exchange`, or with `trio.fail_after` around it.
    """
    # httpx logs each URL at INFO; a URL is the carrier's business and may name a number.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return httpx.AsyncClient(
        transport=Transport(
            connect=connect,
            tls=tls,
            connections_max=connections_max,
            idle_s=idle_s,
            response_bytes_max=response_bytes_max,
        ),
        headers={"accept-encoding": "identity", "user-agent": "klaroen"},
        timeout=httpx.Timeout(None, connect=connect_s),
        trust_env=False,
        follow_redirects=False,
        http2=False,
    )


async def exchange(
    client: Client, method: str, url: str, *, headers: Mapping[str, str], body: bytes, seconds: float
) -> Reply | Unsent | Unknown:
    """Make one request within `seconds`, and return what came of it as a value.

    `Unsent` only where certainly nothing was written. When the time is up a connection was there already (it has less
    time of its own), so the request may have been processed.
    """
    with trio.move_on_after(seconds):
        try:
            response = await client.request(method, url, headers=headers, content=body)
        except _UNSENT as error:
            return Unsent(_reason(error))
        except TransportError as error:
            return Unknown(_reason(error))
        return Reply(response.status_code, dict(response.headers), response.content)
    return Unknown("no answer in time")


def _reason(error: TransportError) -> str:
    """A bounded word for a label, never the peer's or the request's own: `connect_timeout`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
