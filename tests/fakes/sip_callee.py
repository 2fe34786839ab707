"""A SIP trunk of few words, in this process: it rings, answers and listens as told. It shares nothing with ours."""

import re
import socket
from collections.abc import Collection

import trio

from klaroen.testing import Copy, Manner

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
WORDS = {180: "Ringing", 200: "OK", 486: "Busy Here", 487: "Request Terminated", 503: "Service Unavailable"}


class SipPeer:
    """A trunk on UDP."""

    manners: Collection[Manner] = ("accept", "refuse", "silence", "away", "ring")

    def __init__(self, nursery: trio.Nursery) -> None:
        self.copies: list[Copy] = []
        self.heard = 0
        """Octets of speech, of all calls."""
        self.options = 200
        """What it says to OPTIONS; 0 for nothing."""
        self.sources: set[object] = set()
        """From where it was asked."""
        self._manner: Manner = "accept"
        self._invites: dict[str, str] = {}
        self._socket: trio.socket.SocketType
        self._ear: trio.socket.SocketType
        self._nursery = nursery

    async def open(self) -> int:
        """Begin to listen, and return the port."""
        self._socket, self._ear = (trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self._socket, self._ear):
            await one.bind(("127.0.0.1", 0))
        self._nursery.start_soon(self._serve)
        self._nursery.start_soon(self._listen)
        port: int = self._socket.getsockname()[1]
        return port

    async def behave(self, manner: Manner) -> None:
        self._manner = manner

    async def _listen(self) -> None:
        with self._ear:
            while True:
                self.heard += len(await self._ear.recv(2000)) - 12

    async def _serve(self) -> None:
        with self._socket:
            while True:
                octets, source = await self._socket.recvfrom(65_535)
                said = octets.decode()
                if self._manner == "away" or said.startswith("SIP/2.0"):
                    continue
                self.sources.add(source)
                for asked, status in self._decide(said.split(" ", 1)[0], said):
                    await self._socket.sendto(self._answer(asked, status).encode(), source)

    def _decide(self, method: str, said: str) -> list[tuple[str, int]]:
        call = _header(said, "Call-ID")
        if method == "CANCEL":
            return [(said, 200), (self._invites[call], 487)]
        if method == "OPTIONS":
            return [(said, self.options)] if self.options else []
        if method != "INVITE":
            return [] if method == "ACK" else [(said, 200)]
        if self._manner == "silence":
            return []
        if self._manner == "refuse":
            return [(said, 486)]
        if call in self._invites:
            return []
        self._invites[call] = said
        if self._manner == "ring":
            return [(said, 180)]
        number = re.search(r"^INVITE sip:([^@]+)@", said)
        assert number is not None
        self.copies.append(Copy(number[1], ""))
        return [(said, 180), (said, 200)]

    def _answer(self, said: str, status: int) -> str:
        port = self._socket.getsockname()[1]
        body = SDP.format(port=self._ear.getsockname()[1]) if status == 200 and said.startswith("INVITE") else ""
        return answer(said, status, f"Contact: <sip:callee@127.0.0.1:{port}>", body=body)


def answer(said: str, status: int, *more: str, body: str = "") -> str:
    """Return an answer to a request."""
    lines = [f"{name}: {_header(said, name)}" for name in ("Via", "From", "To", "Call-ID", "CSeq")]
    if ";tag=" not in lines[2]:
        lines[2] += ";tag=callee"
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([f"SIP/2.0 {status} {WORDS[status]}", *lines, *more, f"Content-Length: {len(body)}", "", body])


def _header(said: str, name: str) -> str:
    found = re.search(rf"(?im)^{name}: (.*)\r$", said)
    assert found is not None
    return found[1]
