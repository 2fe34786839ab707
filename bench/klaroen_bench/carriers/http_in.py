"""HTTP/1.1 as a simulated gateway serves it: httptools over a transport, answers in the order of their requests.

Law: a request is bounded before it is read whole; an answer may be given later, and waits for those before it.
"""

import asyncio
from collections import deque
from typing import Final, Protocol, cast

import httptools

BODY_BYTES_MAX: Final = 1 << 20
"""1,000 recipients of 40 bytes and a text of 2,000 characters are about 100 KB."""
HEADERS_MAX: Final = 100
PIPELINED_MAX: Final = 64
"""Requests of one connection that wait for their answer."""

REASONS: Final = {
    200: b"OK",
    204: b"No Content",
    400: b"Bad Request",
    401: b"Unauthorized",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Content Too Large",
    429: b"Too Many Requests",
    503: b"Service Unavailable",
}


class Exchange:
    """One request and the place of its answer."""

    def __init__(self, connection: "HttpConnection", method: bytes, path: bytes, authorization: bytes, body: bytes):
        self._connection = connection
        self.method = method
        self.path = path
        self.authorization = authorization
        self.body = body
        self.response: bytes | None = None
        self.closes = False

    def answer(self, status: int, body: bytes = b"", *, retry_after_s: int | None = None) -> None:
        self.closes = status == 413
        head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % (
            status,
            REASONS[status],
            len(body),
        )
        if retry_after_s is not None:
            head += b"retry-after: %d\r\n" % retry_after_s
        if self.closes:
            head += b"connection: close\r\n"
        self.response = head + b"\r\n" + body
        self._connection.write_ready()


class Served(Protocol):
    """What a connection needs of the gateway."""

    connections: set["HttpConnection"]

    @property
    def frozen(self) -> bool: ...
    def request(self, exchange: Exchange) -> None: ...


class HttpConnection(asyncio.Protocol):
    def __init__(self, gateway: Served) -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._exchanges: deque[Exchange] = deque()
        self._path = b""
        self._authorization = b""
        self._headers = 0
        self._body: list[bytes] = []
        self._body_bytes = 0

    # --- the transport's calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._gateway.connections.add(self)
        if self._gateway.frozen:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._gateway.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(400)
        except httptools.HttpParserUpgrade:
            self._refuse(400)
        if self._body_bytes > BODY_BYTES_MAX or self._headers > HEADERS_MAX:
            self._refuse(413)
        if len(self._exchanges) > PIPELINED_MAX and self._transport is not None:
            self._transport.pause_reading()

    # --- the parser's calls ---

    def on_message_begin(self) -> None:
        self._path = self._authorization = b""
        self._headers = self._body_bytes = 0
        self._body = []

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers += 1
        if name.lower() == b"authorization":
            self._authorization = value

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes <= BODY_BYTES_MAX:
            self._body.append(body)

    def on_message_complete(self) -> None:
        exchange = Exchange(self, self._parser.get_method(), self._path, self._authorization, b"".join(self._body))
        self._exchanges.append(exchange)
        if self._body_bytes > BODY_BYTES_MAX:
            exchange.answer(413)
        else:
            self._gateway.request(exchange)

    # --- the gateway's calls ---

    def write_ready(self) -> None:
        """Write the answers that are ready, up to the first that is not."""
        ready = []
        while self._exchanges and self._exchanges[0].response is not None:
            exchange = self._exchanges.popleft()
            assert exchange.response is not None
            ready.append(exchange.response)
            if exchange.closes:
                self._exchanges.clear()
                self._close(b"".join(ready))
                return
        if ready and self._transport is not None:
            self._transport.write(b"".join(ready))
            if not self._gateway.frozen:
                self._transport.resume_reading()

    def freeze(self, *, frozen: bool) -> None:
        if self._transport is None:
            return
        if frozen:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self, status: int) -> None:
        self._close(b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, REASONS[status]))

    def _close(self, last: bytes) -> None:
        if self._transport is not None:
            self._transport.write(last)
            self._transport.close()
