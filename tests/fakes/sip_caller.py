"""A SIP caller of raw messages, for tests of the simulated trunk: as a person would write them, from RFC 3261."""

import hashlib
import re
import select
import socket
import struct
import time
from typing import NamedTuple

DEADLINE_S = 30.0
OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)
RTP = struct.Struct(">BBHII")


class Said(NamedTuple):
    """A message that came."""

    first: str
    headers: dict[str, str]
    body: str

    @property
    def status(self) -> int:
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0


def request(
    method: str,
    number: str,
    *,
    at: tuple[str, int] = ("127.0.0.1", 5060),
    me: tuple[str, int] = ("127.0.0.1", 5061),
    call: str = "call-1",
    branch: str = "z9hG4bK1",
    to_tag: str = "",
    cseq: int = 1,
    transport: str = "UDP",
    more: tuple[str, ...] = (),
    body: str = "",
) -> bytes:
    """Return a request of one caller."""
    lines = [
        f"{method} sip:+{number}@{at[0]}:{at[1]} SIP/2.0",
        f"Via: SIP/2.0/{transport} {me[0]}:{me[1]};branch={branch};rport",
        "Max-Forwards: 70",
        f"From: <sip:+3225550101@{me[0]}>;tag=caller-{call}",
        f"To: <sip:+{number}@{at[0]}>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call}",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:klaroen@{me[0]}:{me[1]}>",
        *more,
        *(("Content-Type: application/sdp",) if body else ()),
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def read(raw: bytes) -> Said:
    head, _, body = raw.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return Said(first, dict(line.split(": ", 1) for line in reversed(lines)), body)


def proof(challenge: str, user: str, password: str, *, qop: bool = True) -> str:
    """Return the header of a caller who was challenged (RFC 7616, 3.4.1)."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    digest = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[fields["algorithm"]]

    def hashed(words: str) -> str:
        return digest(words.encode()).hexdigest()

    own, asked = hashed(f"{user}:{fields['realm']}:{password}"), hashed("INVITE:sip:a@b")
    middle = ":00000001:abc:auth" if qop else ""
    response = hashed(f"{own}:{fields['nonce']}{middle}:{asked}")
    words = f'Digest username="{user}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", uri="sip:a@b"'
    return words + f', response="{response}"' + (', qop=auth, nc=00000001, cnonce="abc"' if qop else "")


class Caller:
    """One user agent with one call at a time, and its RTP."""

    def __init__(self, port: int, number: str = "32470000001", call: str = "call-1") -> None:
        self.trunk = ("127.0.0.1", port)
        self.number, self.call = number, call
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.to_tag = ""
        self.hears_at: tuple[str, int] | None = None
        self._sequence = 7

    @property
    def me(self) -> tuple[str, int]:
        return self.socket.getsockname()

    def send(self, method: str, **fields) -> None:
        named = {"at": self.trunk, "me": self.me, "call": self.call, "to_tag": self.to_tag} | fields
        self.socket.sendto(request(method, self.number, **named), self.trunk)

    def invite(self, **fields) -> None:
        self.send("INVITE", **{"body": OFFER.format(port=self.rtp.getsockname()[1]), "to_tag": ""} | fields)

    def hear(self, status: int | str) -> Said:
        """Return the next message with this status or of this method; what comes before it is let go."""
        until = time.monotonic() + DEADLINE_S
        while select.select([self.socket], [], [], max(0.0, until - time.monotonic()))[0]:
            said = read(self.socket.recv(65536))
            if status in (said.status, said.first.split()[0]):
                if tag := re.search(r";tag=(\S+)", said.headers["To"]):
                    self.to_tag = self.to_tag or tag[1]
                if port := re.search(r"m=audio (\d+)", said.body):
                    self.hears_at = ("127.0.0.1", int(port[1]))
                return said
        raise TimeoutError(f"{status} did not come")

    def talk_to(self, **fields) -> None:
        """Invite, and acknowledge the answer."""
        self.invite(**fields)
        self.hear(200)
        self.send("ACK")

    def answer(self, asked: Said, status: str = "200 OK") -> None:
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        lines = [f"SIP/2.0 {status}", *(f"{name}: {asked.headers[name]}" for name in names), "Content-Length: 0"]
        self.socket.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), self.trunk)

    def play(self, octets: bytes, skip: int = 0, codec: int = 8) -> None:
        """Send octets at once, 160 a packet; `skip` sequence numbers are left out before."""
        self._sequence += skip
        for at in range(0, len(octets), 160):
            head = RTP.pack(0x80, codec, self._sequence & 0xFFFF, self._sequence * 160, 4711)
            self.rtp.sendto(head + octets[at : at + 160], self.hears_at)
            self._sequence += 1

    def close(self) -> None:
        self.socket.close()
        self.rtp.close()
