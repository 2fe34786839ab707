"""An HTTP peer on memory streams, for tests that must not depend on a network or a clock."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httptools
import trio
from trio.testing import MemorySendStream, memory_stream_pair

from klaroen_adapters.tcp import ConnectError

Stream = trio.StapledStream[MemorySendStream, trio.testing.MemoryReceiveStream]


@dataclass
class Got:
    """One request as it came."""

    method: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Reader:
    def __init__(self) -> None:
        self.got = Got()
        self.complete = False
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, chunk: bytes) -> None:
        self._parser.feed_data(chunk)

    def on_url(self, url: bytes) -> None:
        self.got.target += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.got.headers[name.decode().lower()] = value.decode("utf-8")

    def on_body(self, chunk: bytes) -> None:
        self.got.body += chunk

    def on_message_complete(self) -> None:
        self.got.method = self._parser.get_method().decode()
        self.complete = True


async def read_request(stream: trio.abc.Stream) -> Got | None:
    """The next request, or None at the end; a client that vanishes is an end."""
    reader = _Reader()
    while not reader.complete:
        try:
            chunk = await stream.receive_some()
        except trio.BrokenResourceError:
            return None
        if not chunk:
            return None
        reader.feed(chunk)
    return reader.got


def response(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Words", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class HttpPeer:
    """Serves each connection by `serve`, or answers each request by `answer` (None: never)."""

    def __init__(
        self,
        nursery: trio.Nursery,
        *,
        answer: Callable[[Got], Awaitable[bytes | None]] | None = None,
        serve: Callable[[Stream], Awaitable[None]] | None = None,
    ) -> None:
        self._nursery = nursery
        self._answer = answer
        self._script = serve
        self.away = False
        self.connections = 0
        self.open = 0
        self.open_max = 0
        self.got: list[Got] = []

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise ConnectError("refused")
        ours, theirs = memory_stream_pair()
        self.connections += 1
        self._nursery.start_soon(self._serve, theirs)
        return ours

    async def _serve(self, stream: Stream) -> None:
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        try:
            await (self._script or self._answer_all)(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the client closed: as clients may
        finally:
            self.open -= 1
            await trio.aclose_forcefully(stream)

    async def _answer_all(self, stream: Stream) -> None:
        assert self._answer is not None
        while (got := await read_request(stream)) is not None:
            self.got.append(got)
            answer = await self._answer(got)
            if answer is None:
                await trio.sleep_forever()
            else:
                await stream.send_all(answer)
