"""A call as the agent keeps it: where it stands, its legs, and the transactions that carry it.

    calling -> ringing -> talking -> hanging -> over
    calling | ringing -> cancelling -> over        (and from each of them straight to over)

Law: state and nothing else; `sip_calls` moves it. A call that is over is remembered while somebody may repeat himself.
"""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct, field

from klaroen.core.model import Instant
from klaroen_adapters.voice.sip_digest import Door
from klaroen_adapters.voice.sip_headers import BLANK, ProtocolError, is_address, read_uri, split_address, split_list
from klaroen_adapters.voice.sip_message import Response
from klaroen_adapters.voice.sip_terms import Address, CallName, Datagram, Media

State = Literal["calling", "ringing", "cancelling", "talking", "hanging", "over"]

LEGS_MAX: Final = 8
"""Telephones that answer one call; a trunk that forks to more is broken."""
ROUTES_MAX: Final = 16


class Call(Struct):
    """One call, over all its transactions."""

    name: CallName
    tag: str
    uri: str
    said_from: str
    """The line "From: ..." with our tag."""
    local: Address
    """Where our RTP socket hears."""
    offer: bytes
    session: int
    ring_ms: int
    sequence: int = 1
    """CSeq of our last request."""
    state: State = "calling"
    rang: bool = False
    challenges: dict[Door, int] = field(default_factory=dict)
    """How often each door asked for credentials."""
    early: tuple[str, bytes] = ("", b"")
    """(tag, SDP) of a provisional answer, for trunks that do not say it again in the 200."""
    legs: dict[str, "Leg"] = field(default_factory=dict)
    """By the peer's tag; more than one where a call was forked."""
    gone: set[str] = field(default_factory=set)
    """Tags of those who hung up before their 200 reached us."""
    invite: "Invite | None" = None
    """Its last one: another follows a challenge."""
    talking: "Leg | None" = None
    media: Media | None = None
    due_at: Instant | None = None
    """When it has rung long enough, must be rung, or may be forgotten."""

    def forget(self) -> None:
        """Let go of what refers back to it, so that it goes without Python's collector, which would stop all calls."""
        self.invite = self.talking = None
        self.legs.clear()


class Invite(Struct):
    """A client INVITE transaction (RFC 3261, 17.1.1; RFC 6026)."""

    call: Call
    branch: str
    sequence: int
    sent: Datagram
    auth: str
    """The credentials that it carries; an ACK repeats them (RFC 3261, 22.1)."""
    give_up_at: Instant
    interval_ms: int
    state: Literal["calling", "proceeding", "accepted", "completed"] = "calling"
    cancelled: bool = False
    """CANCEL has been sent."""
    ack: Datagram | None = None
    """Of what is no 2xx."""
    due_at: Instant | None = None


class Ask(Struct):
    """A client transaction of another method (RFC 3261, 17.1.2): BYE, CANCEL or OPTIONS."""

    branch: str
    method: str
    sent: Datagram
    give_up_at: Instant
    interval_ms: int
    leg: "Leg | None" = None
    """Of a BYE."""
    challenged: bool = False
    """It repeats one that was refused for want of credentials."""
    due_at: Instant | None = None


class Served(Struct):
    """A server transaction: our final answer, kept for those who ask again (RFC 3261, 17.2)."""

    key: tuple[str | int, ...]
    number: tuple[str, int]
    """Call-ID and CSeq: what an ACK of it says."""
    sent: Datagram
    give_up_at: Instant
    interval_ms: int = 0
    """Of its repeats, where an ACK is waited for."""
    due_at: Instant | None = None


class Leg(Struct):
    """A dialog (RFC 3261, 12): one telephone that answered."""

    call: Call
    tag: str
    target: str
    """The Request-URI of what we send."""
    routes: Sequence[str]
    """Values of Route."""
    to: Address
    ack: Datagram = (b"", ("", 0))
    heard: int = -1
    """CSeq of the peer's last request."""


def make_leg(call: Call, response: Response, trunk: Address, *, by_address: bool) -> tuple[Leg, str]:
    """Return the dialog that a 2xx opens, and what was wrong with it, if anything.

    A peer whose Contact or Record-Route leads nowhere is answered by way of the trunk: an ACK that is not sent leaves a
    telephone off the hook. Over TCP, and where a host is a name, all goes by way of the trunk (`by_address`).
    """
    try:
        target, routes = _read_target(response, call.uri), _read_routes(response)
        first = read_uri(split_address(routes[0])[0]) if routes else read_uri(target)
    except ProtocolError as error:
        return Leg(call, response.to_tag, call.uri, (), trunk), str(error)
    if routes and not first.loose:  # a strict router finds itself in the Request-URI (RFC 3261, 12.2.1.1)
        target, routes = split_address(routes[0])[0], [*routes[1:], f"<{target}>"]
    to = (first.host, first.port) if by_address and is_address(first.host) else trunk
    return Leg(call, response.to_tag, target, routes, to), ""


def _read_target(response: Response, default: str) -> str:
    contacts = split_list(response.headers.get("contact", ("",))[0])
    if not contacts or not contacts[0]:
        return default
    target = split_address(contacts[0])[0]
    if any(sign in target for sign in BLANK + '<>"'):
        raise ProtocolError("a Contact with blanks in it")
    return target


def _read_routes(response: Response) -> list[str]:
    values = response.headers.get("record-route", ())
    routes = [route for value in values for route in split_list(value)]
    if len(routes) > ROUTES_MAX:
        raise ProtocolError("a Record-Route too long")
    return routes[::-1]
