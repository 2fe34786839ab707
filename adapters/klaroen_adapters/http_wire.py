"""HTTP/1.1 as a client speaks it: values to bytes, bytes to one whole response.

Law: no I/O. A request is encoded whole; a response is collected whole, within `bytes_max` on the wire, framing and
trailers included, so that neither an endless body nor an endless head can fill memory. The peer's faults are
`RemoteFaultError`, ours are `LocalFaultError`; nothing else comes out of here.
"""

import re
from collections.abc import Sequence
from typing import Final

import httptools

HEAD_BYTES_MAX: Final = 65_536
"""Status line and headers, interim responses included: eight times what nginx and Apache send by default."""

Headers = list[tuple[bytes, bytes]]

_ILLEGAL_IN_VALUE: Final = re.compile(rb"[\x00\r\n]")
_ILLEGAL_IN_NAME: Final = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_ILLEGAL_IN_TARGET: Final = re.compile(rb"[\x00-\x20\x7f]")
_NO_BODY: Final = frozenset({204, 304})


class LocalFaultError(Exception):
    """We were asked to send something that is not HTTP/1.1; nothing of it has been written."""


class RemoteFaultError(Exception):
    """The peer did not speak HTTP/1.1, or more of it than we take."""


def encode_request(method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Return the bytes of one request.

    The headers come with their framing; a body that was announced as chunked leaves as a single chunk.

    Raises LocalFaultError if any part would break out of its place, or the body is not as long as was announced.
    """
    if not method or _ILLEGAL_IN_NAME.search(method) or not target or _ILLEGAL_IN_TARGET.search(target):
        raise LocalFaultError("illegal request line")
    lines = [b"%b %b HTTP/1.1" % (method, target)]
    chunked, announced = False, 0
    for name, value in headers:
        if not name or _ILLEGAL_IN_NAME.search(name) or _ILLEGAL_IN_VALUE.search(value):
            raise LocalFaultError("illegal header")
        lowered = name.lower()
        if lowered == b"transfer-encoding":
            chunked = True
        elif lowered == b"content-length":
            announced = int(value) if value.isdigit() else -1
        lines.append(b"%b: %b" % (name, value))
    if chunked:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif announced != len(body):
        raise LocalFaultError("content-length differs from the body")
    lines += (b"", body)
    return b"\r\n".join(lines)


class ResponseReader:
    """Collects one response. Feed it until it is `complete`, and tell it when the peer has ended."""

    __slots__ = (
        "_bytes_left",
        "_chunks",
        "_fault",
        "_framed",
        "_head_bytes_left",
        "_headless",
        "_keep_alive",
        "_parser",
        "_started",
        "complete",
        "excess",
        "headers",
        "status",
    )

    def __init__(self, *, bytes_max: int, headless: bool = False) -> None:
        """`headless`: the answer to HEAD, which announces a body that never comes."""
        self.status = 0
        self.headers: Headers = []
        self.complete = False
        self.excess = False
        """More came than the response: the connection is not to be trusted with another request."""
        self._headless = headless
        self._bytes_left = bytes_max
        self._head_bytes_left = HEAD_BYTES_MAX
        self._chunks: list[bytes] = []
        self._fault: str | None = None
        self._started = False
        self._framed = False
        self._keep_alive = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def body(self) -> bytes:
        return b"".join(self._chunks)

    @property
    def reusable(self) -> bool:
        """Another request may follow on this connection."""
        return self.complete and self._keep_alive and not self.excess

    def feed(self, chunk: bytes | bytearray) -> None:
        """Take what the peer sent.

        Raises RemoteFaultError.
        """
        if not self._started:
            self._head_bytes_left -= len(chunk)
        self._bytes_left -= len(chunk)
        try:
            self._parser.feed_data(chunk)
        except httptools.HttpParserUpgrade:
            self._fault = self._fault or "upgrade"
        except httptools.HttpParserError as error:
            if not self.complete:
                raise RemoteFaultError("not HTTP/1.1") from error
            self.excess = True
        if self._fault is not None:
            raise RemoteFaultError(self._fault)
        if self._bytes_left < 0 or (not self._started and self._head_bytes_left < 0):
            raise RemoteFaultError("response too large")

    def end(self) -> None:
        """The peer has ended its side: complete a body that only the end delimits.

        Raises RemoteFaultError if the response was still owed.
        """
        if self.complete:
            return
        if not self._started or self._framed:
            raise RemoteFaultError("closed before the response was complete")
        self.complete = True

    def close(self) -> None:
        """Nothing more is fed; what was read stays. Parser and reader hold each other: only a collection frees both."""
        del self._parser

    # httptools' side; an exception in here would lose its type, so a fault is noted and raised by `feed`.

    def on_message_begin(self) -> None:
        if self.complete:
            self.excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._started:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        status = self._parser.get_status_code()
        if self._parser.get_http_version() not in ("1.1", "1.0"):
            self._fault = "not HTTP/1.1"
        elif status == 101:
            self._fault = "upgrade"
        elif status < 100:
            self._fault = "not a status"
        elif status < 200:
            self.headers.clear()
        else:
            self._begin(status)

    def _begin(self, status: int) -> None:
        self.status = status
        self._started = True
        names = {name.lower(): value.strip().lower() for name, value in self.headers}
        if names.get(b"content-encoding", b"identity") not in (b"identity", b""):
            # We ask for identity. A peer that compresses all the same could unfold beyond any limit.
            self._fault = "content-encoding that was not asked for"
        self._framed = b"content-length" in names or names.get(b"transfer-encoding", b"").endswith(b"chunked")
        self._keep_alive = self._parser.should_keep_alive()
        if self._headless or status in _NO_BODY:
            self.complete = True

    def on_body(self, chunk: bytes) -> None:
        if self.complete:
            self.excess = True
        else:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        if self._started:
            self.complete = True
