"""A trunk for tests: it reads what an agent sends, answers as the test says, and lets time pass. It shares no template
with the agent.
"""

from itertools import count
from typing import Any, TypeVar

from klaroen.core.model import Instant
from klaroen_adapters.voice.sip_agent import UserAgent
from klaroen_adapters.voice.sip_message import Message, Request, Response, parse
from klaroen_adapters.voice.sip_terms import Address, Media, SipEvent, Terms

M = TypeVar("M", Request, Response)

NOW = Instant(1_800_000_000_000)
HOUR_MS = 3_600_000
TRUNK: Address = ("192.0.2.1", 5060)
LOCAL: Address = ("192.0.2.9", 5062)
MEDIA: Address = ("192.0.2.9", 40_000)
NUMBER, CALLER = "+32470000001", "+3225550100"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8 101\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
TALK = Media("198.51.100.7", 6000, "PCMA", 8, 20, 101)
"""What `SDP` means."""
CONTACT = "Contact: <sip:phone@198.51.100.7:5070>"


def terms(**changes: Any) -> Terms:
    return Terms(**{"domain": "trunk.example.net", "trunk": TRUNK, "local": LOCAL, **changes})


def response(
    request: Request, status: int, tag: str = "peer", *lines: str, body: str = "", reason: str = "Words"
) -> bytes:
    """Return a response to what the agent sent."""
    to = request.headers["to"][0]
    if tag and not request.to_tag and status > 100:
        to += f";tag={tag}"
    head = [
        f"SIP/2.0 {status} {reason}",
        *(f"Via: {via}" for via in request.headers["via"]),
        f"From: {request.headers['from'][0]}",
        f"To: {to}",
        f"Call-ID: {request.call_id}",
        f"CSeq: {request.headers['cseq'][0]}",
        *lines,
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", body]).encode()


def request(
    method: str,
    invite: Request,
    *lines: str,
    tag: str = "peer",
    sequence: int = 1,
    branch: str = "z9hG4bKpeer",
    body: str = "",
    via: str = "192.0.2.1:5060",
    uri: str = "sip:klaroen@192.0.2.9:5062",
) -> bytes:
    """Return what the peer asks within the call that `invite` began."""
    head = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {via};branch={branch}",
        "Max-Forwards: 70",
        f"From: {invite.headers['to'][0]};tag={tag}",
        f"To: {invite.headers['from'][0]}",
        f"Call-ID: {invite.call_id}",
        f"CSeq: {sequence} {method}",
        *lines,
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", body]).encode()


class World:
    """One agent, its trunk, and time."""

    def __init__(self, **changes: Any) -> None:
        self.now = NOW
        numbers = count(1)
        self.agent = UserAgent(terms(**changes), lambda: f"draw{next(numbers):012d}")
        self.went: list[Address] = []
        """Where the datagrams of the last `sent` went."""

    def call(self, name: str = "A1", caller: str = CALLER, ring_s: float = 30.0, ring_by_ms: int = HOUR_MS) -> Request:
        """Call, and return the INVITE."""
        by_at = Instant(self.now + ring_by_ms)
        self.agent.invite(name, NUMBER, caller, MEDIA, ring_s=ring_s, ring_by_at=by_at, now=self.now)
        return self.one(Request)

    def call_many(self, *names: str) -> list[Request]:
        """Call several, and return their INVITEs."""
        self.sent()
        return [self.call(name) for name in names]

    def answered(self, name: str = "A1", *lines: str) -> Request:
        """Return the INVITE of a call that is being talked in."""
        invite = self.call(name)
        self.hear(response(invite, 180))
        self.hear(response(invite, 200, "peer", *(lines or (CONTACT,)), body=SDP))
        self.sent()
        return invite

    def hear(self, octets: bytes, source: Address = TRUNK) -> list[SipEvent]:
        return self.agent.receive(octets, source, self.now)

    def sent(self) -> list[Message]:
        """Return what the agent sends now, parsed."""
        taken = self.agent.take()
        self.went = [to for _, to in taken]
        return [parse(octets) for octets, _ in taken]

    def one(self, kind: type[M]) -> M:
        """Return the only message that the agent sends now."""
        (message,) = self.sent()
        assert isinstance(message, kind)
        return message

    def lines(self) -> list[str]:
        """Return what the agent sends now, in short: the method, or the status and what it answers."""
        return [one.method if isinstance(one, Request) else f"{one.status} {one.method}" for one in self.sent()]

    def after(self, ms: int) -> list[SipEvent]:
        """Let time pass, waking the agent when it wants to be woken."""
        end, events = self.now + ms, list[SipEvent]()
        while (at := self.agent.next_at) is not None and at <= end:
            self.now = max(self.now, at)
            events += self.agent.tick(self.now)
        self.now = Instant(end)
        return events
