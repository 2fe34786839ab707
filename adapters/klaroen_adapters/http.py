"""HTTP out: httpx's interface over our own pool. The one importer of httpx.

Law: what a call met is said in httpx's words by the table below, and to carriers as a value: `Unsent` only where
certainly nothing was written (law 6). Nothing is followed, retried or read from the environment. httpx's own pool
wedges under cancellation and scans every connection for each request, hence this one (tests/unit/test_http_wedge.py).
"""

import functools
import logging
import re
import ssl
from collections.abc import Mapping
from typing import Final, Literal

import httpx
import trio
from msgspec import Struct

from klaroen.core.ports import Refused, Unknown, Unsent
from klaroen_adapters.http_pool import (
    Kind,
    Limits,
    NetworkFaultError,
    Origin,
    Phase,
    Pool,
    PoolStatistics,
    Progress,
    bounded,
)
from klaroen_adapters.http_wire import LocalFaultError, encode_request
from klaroen_adapters.tcp import Connect, connector, tls_context

Client = httpx.AsyncClient

CONNECTIONS_MAX: Final = 16
IDLE_S: Final = 4.0
"""Below the shortest keep-alive in wide use (uvicorn, Apache and Node: 5 s), so that we close first."""
RESPONSE_BYTES_MAX: Final = 8 * 1024 * 1024
"""Ten thousand answers of 800 bytes; anything more is not an answer of a carrier."""
CONNECT_S: Final = 2.0
"""A carrier that does not answer is left after two seconds."""

FAULTS: Final[Mapping[tuple[Phase, Kind], type[httpx.TransportError]]] = {
    ("pool", "time"): httpx.PoolTimeout,
    ("connect", "time"): httpx.ConnectTimeout,
    ("connect", "broken"): httpx.ConnectError,
    ("write", "time"): httpx.WriteTimeout,
    ("write", "broken"): httpx.WriteError,
    ("read", "time"): httpx.ReadTimeout,
    ("read", "broken"): httpx.ReadError,
    ("read", "protocol"): httpx.RemoteProtocolError,
}
"""Every way in which the network can fail a call. What we were asked wrongly is `httpx.LocalProtocolError`."""

NO_CONNECTION_IN_TIME: Final = Unsent("no connection in time")
NO_ANSWER_IN_TIME: Final = Unknown("no answer in time")
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_REFUSED: Final = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)


_READ: Final = httpx.ByteStream(b"")


class Reply(Struct, frozen=True):
    """A whole response; header names in lower case, repeated ones joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(httpx.AsyncBaseTransport):
    """httpx's seam: one request value in, one response value out."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def statistics(self) -> PoolStatistics:
        return self._pool.statistics()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, its body whole, and return its whole response.

        Raises httpx.TransportError, by `FAULTS`.
        """
        body = await request.aread()
        try:
            wire = encode_request(request.method.encode(), request.url.raw_path, request.headers.raw, body)
        except LocalFaultError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        seconds = request.extensions.get("timeout", {})
        try:
            reader = await self._pool.call(
                _origin(request.url),
                wire,
                Limits(seconds.get("pool"), seconds.get("connect"), seconds.get("write"), seconds.get("read")),
                request.extensions.get("progress") or Progress(),
                headless=request.method == "HEAD",
                last="close" in request.headers.get("connection", "").lower(),
            )
        except NetworkFaultError as error:
            raise FAULTS[error.phase, error.kind](str(error)) from error
        return httpx.Response(
            reader.status,
            headers=reader.headers,
            stream=httpx.ByteStream(reader.body),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


def connects(connect: Connect | None = None, tls: ssl.SSLContext | None = None) -> Mapping[str, Connect]:
    """Return how each scheme opens a stream; `connect`, where given, serves them all (a simulated network)."""
    if connect is not None:
        return {"http": connect, "https": connect}
    return {"http": connector(), "https": _connect_shared if tls is None else connector(tls)}


async def _connect_shared(host: str, port: int) -> trio.abc.Stream:
    return await connector(_shared_tls())(host, port)


@functools.cache
def _shared_tls() -> ssl.SSLContext:
    """One for the whole process: reading the system's authorities takes 57 ms."""
    return tls_context(None, None, None)


def make_client(
    *,
    connect: Connect | None = None,
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
    pool = Pool(
        connects(connect, tls), connections_max=connections_max, idle_s=idle_s, response_bytes_max=response_bytes_max
    )
    return httpx.AsyncClient(
        transport=Transport(pool),
        headers={"accept-encoding": "identity", "user-agent": "klaroen"},
        timeout=httpx.Timeout(None, connect=connect_s),
        trust_env=False,
        follow_redirects=False,
        http2=False,
    )


async def exchange(
    client: Client, method: str, url: str, *, headers: Mapping[str, str], body: bytes, seconds: float
) -> Reply | Unsent | Unknown | Refused:
    """Make one request within `seconds`, and return what came of it as a value.

    `Unsent` only where there was no connection to write on; `Refused` if HTTP/1.1 cannot say it.
    """
    progress = Progress()
    with trio.move_on_after(seconds):
        try:
            response = await client.request(
                method, url, headers=headers, content=body, extensions={"progress": progress}
            )
        except _UNSENT as error:
            return Unsent(_reason(error))
        except _REFUSED as error:
            return Refused(_reason(error), "carrier")
        except httpx.TransportError as error:
            return Unknown(_reason(error))
        response.stream = _READ  # the client's own stream holds the response: only a collection would free the two
        return Reply(response.status_code, dict(response.headers), response.content)
    return NO_ANSWER_IN_TIME if progress.written else NO_CONNECTION_IN_TIME


async def reachable(url: str, *, connect: Connect | None = None, tls: ssl.SSLContext | None = None) -> bool:
    """Tell whether a connection to the URL's host can be opened, TLS included, within CONNECT_S."""
    origin = _origin(httpx.URL(url))
    try:
        with bounded("connect", CONNECT_S):
            stream = await connects(connect, tls)[origin.scheme](origin.host, origin.port)
    except NetworkFaultError:
        return False
    await trio.aclose_forcefully(stream)
    return True


def _origin(url: httpx.URL) -> Origin:
    """Raises httpx.UnsupportedProtocol for anything but http and https."""
    scheme: Literal["http", "https"]
    if url.scheme == "https":
        scheme = "https"
    elif url.scheme == "http":
        scheme = "http"
    else:
        raise httpx.UnsupportedProtocol("neither http nor https")
    return Origin(scheme, url.raw_host.decode("ascii"), url.port or (443 if scheme == "https" else 80))


def _reason(error: httpx.TransportError) -> str:
    """A bounded word for a label, never the peer's or the request's own: `connect_timeout`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
