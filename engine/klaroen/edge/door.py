"""uvicorn's protocol with the bounds that it lacks: the size of a head, the time a request may take, how many callers.

Law: a caller costs a bounded number of bytes for a bounded time before its request is whole, and a bounded time while
it does not read its answer; where there are too many, who lets us wait makes room for who comes. It also tells the
application the name in the client's certificate.
(Written against uvicorn 0.54; tests/unit/edge/test_door.py holds each bound.)
"""

import asyncio
import ssl
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from klaroen.core.errors import Problem
from klaroen.edge.exchange import BODY_BYTES_MAX, CERTIFICATE
from klaroen.edge.problems import problem_reply

CONNECTIONS_MAX: Final = 2000
"""Half for streams, half for requests; each costs some 20 kB, and the usual limit of files is above it."""
HEAD_BYTES_MAX: Final = 16 * 1024
"""As nginx and h11; ours need less than one."""
MESSAGE_BYTES_MAX: Final = 8 * BODY_BYTES_MAX
"""With the frames of chunks, trailers, and what of a body is read on after it was refused."""
REQUEST_S_MAX: Final = 20.0
"""From the first octet to the last: 1 MiB in it asks for half a megabit a second."""
RECORDINGS: Final = b"/v1/recordings"
"""Whoever posts there has more of both: a file goes to disk as it comes."""
RECORDING_BYTES_MAX: Final = 72 * 1024 * 1024
"""The 60 MiB that are taken, and the frames of chunks."""
RECORDING_S_MAX: Final = 120.0
"""60 MiB in it ask for four megabits a second."""
STALL_S_MAX: Final = 30.0
"""While nothing of an answer is taken."""
KEEP_ALIVE_S: Final = 30
"""Between requests."""

TOO_LARGE: Final = Problem("too-large", f"a head of more than {HEAD_BYTES_MAX} bytes")
MALFORMED: Final = Problem("malformed", "this is not HTTP")
TOO_MANY: Final = Problem("unavailable", "too many connections")


class Head:
    """A head that has begun and not ended."""

    __slots__ = ("size_bytes",)

    def __init__(self) -> None:
        self.size_bytes = 0


class Lobby:
    """Connections that let us wait, as they came: those that never sent a whole request, and those between two."""

    def __init__(self) -> None:
        self._strangers: dict[Door, None] = {}
        self._known: dict[Door, None] = {}

    def enter(self, door: "Door", *, known: bool) -> None:
        (self._known if known else self._strangers)[door] = None

    def leave(self, door: "Door") -> None:
        """It sent a whole request, or went."""
        self._strangers.pop(door, None)
        self._known.pop(door, None)

    def next_to_go(self) -> "Door | None":
        """Return who is to make room: the stranger that has let us wait longest, else whoever has."""
        return next(iter(self._strangers), None) or next(iter(self._known), None)


class Door(HttpToolsProtocol):
    """One connection. Those of one server share a lobby: see `make_door`."""

    lobby = Lobby()
    connections_max = CONNECTIONS_MAX
    request_s_max = REQUEST_S_MAX
    stall_s_max = STALL_S_MAX
    recording_s_max = RECORDING_S_MAX

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head: Head | None = None
        self._message_bytes, self._message_bytes_max = 0, MESSAGE_BYTES_MAX
        self._problem = MALFORMED
        self._request_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._certified: str | None = None

    # --- the connection ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._certified = certified_name(transport.get_extra_info("ssl_object"))
        if len(self.connections) > self.connections_max:
            slow = self.lobby.next_to_go()
            if slow is None:
                self._refuse(TOO_MANY)
                return
            self.lobby.leave(slow)
            slow.transport.abort()
        self.lobby.enter(self, known=False)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop(self._request_timer)
        self._stop(self._stall_timer)
        self.lobby.leave(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall_timer = self.loop.call_later(self.stall_s_max, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop(self._stall_timer)
        super().resume_writing()

    # --- the request -------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        head = self._head  # the same afterwards: all of `data` belongs to one head that has not ended
        self._message_bytes += len(data)
        self._expect_request()  # even for what is none yet: the parser skips blank lines before a request
        super().data_received(data)
        if self.transport.is_closing():
            return
        if head is not None and head is self._head:
            head.size_bytes += len(data)
            if head.size_bytes > HEAD_BYTES_MAX:
                self._refuse(TOO_LARGE)
        if self._message_bytes > self._message_bytes_max:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head, self._message_bytes, self._message_bytes_max = Head(), 0, MESSAGE_BYTES_MAX
        self._expect_request()
        if self._certified is not None:
            self.scope["extensions"] = {CERTIFICATE: {"name": self._certified}}

    def on_headers_complete(self) -> None:
        self._head = None
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES_MAX:
            self._problem = TOO_LARGE
            raise ValueError("a head that is too large")  # the parser stops, and send_400_response says why
        if self.url.partition(b"?")[0] == RECORDINGS and self.parser.get_method() == b"POST":
            self._stop(self._request_timer)
            self.lobby.leave(self)  # who may post there is known before anything of the file is read
            self._message_bytes_max = RECORDING_BYTES_MAX
            self._request_timer = self.loop.call_later(self.recording_s_max, self.transport.abort)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop(self._request_timer)
        self._request_timer = None
        if not self.cycle.response_complete:
            self.lobby.leave(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self.lobby.enter(self, known=True)  # until the next request is whole

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - ours says it in the shape of a problem
        self._refuse(self._problem)

    def _expect_request(self) -> None:
        if self._request_timer is None:
            self._request_timer = self.loop.call_later(self.request_s_max, self.transport.abort)

    def _refuse(self, problem: Problem) -> None:
        """Answer before there is a request that the application could see, and close."""
        reply = problem_reply(problem)
        lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}".encode(), b"connection: close"]
        headers = (*reply.headers, (b"content-type", reply.media), (b"content-length", b"%d" % len(reply.body)))
        lines += [name + b": " + value for name, value in headers]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + reply.body)
        self.transport.close()

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def make_door() -> type[Door]:
    """Return the protocol of one server, with a lobby of its own."""

    class Own(Door):
        lobby = Lobby()

    return Own


def certified_name(tls: ssl.SSLObject | None) -> str | None:
    """Return the common name of the certificate that the client showed and the context verified, if it has one."""
    certificate = tls.getpeercert() if tls is not None else None
    subject: Any = (certificate or {}).get("subject", ())
    names = [value for relative in subject for key, value in relative if key == "commonName"]
    return names[0] if len(names) == 1 else None
