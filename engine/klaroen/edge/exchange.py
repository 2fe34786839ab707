"""One request and its one reply, in the terms of ASGI.

Law: nothing is read from a caller without a bound: a body has a size, the bodies of all callers have one together,
and a header that matters may come once only.
"""

from collections.abc import AsyncIterator
from typing import Final

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from klaroen.core.errors import InputError
from klaroen.core.model import Token
from klaroen.edge.languages import Spoken, read_language

BODY_BYTES_MAX: Final = 1024 * 1024
"""The contract's bound for an alert in JSON; 10,000 receipts of the generic gateway take about as much."""
BODIES_BYTES_MAX: Final = 64 * 1024 * 1024
"""All bodies that are held at once: with the edge's own 60 MB it stays well inside a small machine."""
CERTIFICATE: Final = "klaroen.certificate"
"""The extension of the ASGI scope in which the server tells the client certificate's common name."""
JSON: Final = b"application/json"

Headers = tuple[tuple[bytes, bytes], ...]


class CallerGoneError(Exception):
    """The connection ended before the request was whole: there is nobody to answer."""


class Reply(Struct, frozen=True):
    status: int
    body: bytes = b""
    media: bytes = JSON
    headers: Headers = ()


class Stream(Struct, frozen=True):
    """A reply that goes on: each chunk is sent as it comes, until the iterator ends or the caller goes."""

    chunks: AsyncIterator[bytes]
    media: bytes
    headers: Headers = ()
    status: int = 200


class Bodies:
    """Counts the bytes of all bodies that are held, so that many callers together are bounded too."""

    def __init__(self, bytes_max: int = BODIES_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self.held_bytes = 0

    def hold(self, size: int) -> None:
        """Raises InputError (503) where there is no room for so many bytes more."""
        if self.held_bytes + size > self.bytes_max:
            raise InputError("unavailable", "too many large requests at once")
        self.held_bytes += size

    def release(self, size: int) -> None:
        self.held_bytes -= size


class Call:
    """A request as an endpoint sees it."""

    __slots__ = ("_bodies", "_held_bytes", "_receive", "_scope", "_token", "parameters")

    def __init__(self, scope: Scope, receive: Receive, bodies: Bodies) -> None:
        self._scope, self._receive, self._bodies = scope, receive, bodies
        self._held_bytes = 0
        self._token: Token | None = None
        self.parameters: dict[str, str] = scope.get("path_params", {})

    @property
    def token(self) -> Token:
        """Who calls; only endpoints that ask for a token may ask for it."""
        assert self._token is not None, "an endpoint without security asks who calls"
        return self._token

    @token.setter
    def token(self, token: Token) -> None:
        self._token = token

    @property
    def method(self) -> str:
        return str(self._scope["method"])

    @property
    def path(self) -> str:
        return str(self._scope["path"])

    @property
    def language(self) -> Spoken:
        """The caller's language among ours, by Accept-Language."""
        return read_language(self._first(b"accept-language"))

    def _first(self, name: bytes) -> str | None:
        return next((value.decode("latin-1") for key, value in self._scope["headers"] if key == name), None)

    @property
    def query(self) -> bytes:
        return bytes(self._scope["query_string"])

    @property
    def certified(self) -> str | None:
        """The common name of the client's certificate, which the server has verified."""
        extensions: dict[str, dict[str, str]] = self._scope.get("extensions") or {}
        return extensions.get(CERTIFICATE, {}).get("name")

    def header(self, name: bytes) -> str | None:
        """Return the header's value, without the blanks around it.

        Raises InputError where it came twice: two readers of the request could take different ones.
        """
        values = [value for key, value in self._scope["headers"] if key == name]
        if len(values) > 1:
            raise InputError("malformed", f"the header {name.decode()} came {len(values)} times")
        return values[0].decode("latin-1").strip() if values else None

    async def body(self, bytes_max: int = BODY_BYTES_MAX) -> bytes:
        """Return the whole body.

        Raises InputError: 413 as soon as it is known to be too large, 503 where all bodies together are;
        CallerGoneError.
        """
        declared = self.header(b"content-length")
        if declared is not None and declared.isascii() and declared.isdigit() and int(declared) > bytes_max:
            raise InputError("too-large", f"a body of {declared} bytes; {bytes_max} are taken")
        whole = bytearray()  # one buffer: a million chunks of one byte must not become a million objects
        while True:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise CallerGoneError
            chunk: bytes = event.get("body", b"")
            if len(whole) + len(chunk) > bytes_max:
                raise InputError("too-large", f"a body of more than {bytes_max} bytes")
            self._bodies.hold(len(chunk))
            self._held_bytes += len(chunk)
            if not event.get("more_body", False):
                return bytes(whole) + chunk if whole else chunk
            whole += chunk

    async def chunks(self, bytes_max: int) -> AsyncIterator[bytes]:
        """Yield the body as it comes, for who keeps none of it in memory.

        Raises InputError: 413 as soon as it is known to be too large; CallerGoneError.
        """
        declared = self.header(b"content-length")
        if declared is not None and declared.isascii() and declared.isdigit() and int(declared) > bytes_max:
            raise InputError("too-large", f"a body of {declared} bytes; {bytes_max} are taken")
        count, more = 0, True
        while more:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise CallerGoneError
            chunk: bytes = event.get("body", b"")
            count += len(chunk)
            if count > bytes_max:
                raise InputError("too-large", f"a body of more than {bytes_max} bytes")
            yield chunk
            more = event.get("more_body", False)

    async def gone(self) -> None:
        """Return when the caller has gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def hold(self, size: int) -> None:
        """Count so many bytes of an answer like those of a body. Raises InputError (503)."""
        self._bodies.hold(size)
        self._held_bytes += size

    def close(self) -> None:
        """Give back what the body held."""
        self._bodies.release(self._held_bytes)
        self._held_bytes = 0


ALWAYS: Final[list[tuple[bytes, bytes]]] = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
"""Answers hold what one token may see, at one instant; and a browser takes no text for a script."""


async def send_reply(reply: Reply, send: Send) -> None:
    own = {name for name, _ in reply.headers}
    headers = [*((name, value) for name, value in ALWAYS if name not in own), *reply.headers]
    if reply.status != 204:
        headers += [(b"content-type", reply.media), (b"content-length", str(len(reply.body)).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
