"""What we say on one trunk: requests and responses as octets, each from one template.

Law: numbers and names that come from outside are looked at before they stand in a line; what a peer said is repeated
as it said it. Source: RFC 3261, 8.1.1, 9.1, 12.2.1.1, 13.2, 17.1.1.3; RFC 3581.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote as escape

from klaroen_adapters.voice.sip_call import Call, Invite, Leg
from klaroen_adapters.voice.sip_headers import in_uri, split_list
from klaroen_adapters.voice.sip_message import Request
from klaroen_adapters.voice.sip_terms import Address, Datagram, Terms

METHODS: Final = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS")
ALLOW: Final = f"Allow: {', '.join(METHODS)}"
ACCEPT: Final = "Accept: application/sdp"
_DIGITS: Final = frozenset("0123456789")
_NAME: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
NUMBER_MAX: Final = 32
"""Digits; E.164 has fifteen at most, and a trunk may want a prefix."""
NAME_MAX: Final = 40

REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    405: "Method Not Allowed",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    481: "Call/Transaction Does Not Exist",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    505: "Version Not Supported",
}


def is_number(text: str) -> bool:
    """A telephone number as it may stand in a URI."""
    digits = text.removeprefix("+")
    return 0 < len(digits) <= NUMBER_MAX and _DIGITS.issuperset(digits)


def is_name(text: str) -> bool:
    """A name that may be a Call-ID."""
    return 0 < len(text) <= NAME_MAX and _NAME.issuperset(text)


class Lines:
    """The templates of one trunk."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._own = escape(terms.user, safe="+-_.!~*'()") or "klaroen"
        self.move(terms.local)

    def move(self, local: Address) -> None:
        """Say from now on that we hear here."""
        host, port = local
        where = f"{in_uri(host)}:{port}"
        transport = self._terms.transport
        self._via = f"Via: SIP/2.0/{transport.upper()} {where};rport;branch="
        self._contact = f"Contact: <sip:{self._own}@{where}{';transport=tcp' if transport == 'tcp' else ''}>"
        self._common = f"{self._contact}\r\n{ALLOW}\r\n"

    def uri(self, number: str) -> str:
        return f"sip:{number}@{self._terms.domain}"

    def said_from(self, caller_id: str, tag: str) -> str:
        return f"From: <sip:{caller_id or self._own}@{self._terms.domain}>;tag={tag}"

    def invite(self, call: Call, branch: str, auth: str) -> Datagram:
        octets = (
            f"INVITE {call.uri} SIP/2.0\r\n{self._via}{branch}\r\nMax-Forwards: 70\r\n{call.said_from}\r\n"
            f"To: <{call.uri}>\r\nCall-ID: {call.name}\r\nCSeq: {call.sequence} INVITE\r\n{self._common}{auth}"
            f"Content-Type: application/sdp\r\nContent-Length: {len(call.offer)}\r\n\r\n"
        ).encode("latin-1")
        return octets + call.offer, self._terms.trunk

    def cancel(self, invite: Invite) -> Datagram:
        """Return the CANCEL of an INVITE: the same but for its method."""
        return self._alike(invite, "CANCEL", f"To: <{invite.call.uri}>"), invite.sent[1]

    def ack_refusal(self, invite: Invite, to: str) -> Datagram:
        """Return the ACK of what is no 2xx; it belongs to the INVITE's transaction."""
        return self._alike(invite, "ACK", f"To: {to}"), invite.sent[1]

    def ack(self, invite: Invite, leg: Leg, branch: str) -> Datagram:
        """Return the ACK of a 2xx: a transaction of its own."""
        return self._within(leg, branch, "ACK", invite.sequence, invite.auth), leg.to

    def bye(self, leg: Leg, branch: str, auth: str) -> Datagram:
        return self._within(leg, branch, "BYE", leg.call.sequence, auth), leg.to

    def options(self, branch: str, tag: str, name: str) -> Datagram:
        uri = f"sip:{self._terms.domain}"
        octets = (
            f"OPTIONS {uri} SIP/2.0\r\n{self._via}{branch}\r\nMax-Forwards: 70\r\n{self.said_from('', tag)}\r\n"
            f"To: <{uri}>\r\nCall-ID: {name}\r\nCSeq: 1 OPTIONS\r\n{self._contact}\r\n{ACCEPT}\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode("latin-1")
        return octets, self._terms.trunk

    def respond(
        self,
        request: Request,
        source: Address,
        status: int,
        tag: str,
        extra: Iterable[str] = (),
        body: bytes = b"",
    ) -> Datagram:
        """Return a response; `tag` is ours, for a request that has none of ours yet.

        It goes back where the request came from; over UDP to the port that its Via names, unless that asks otherwise.
        """
        headers, via = request.headers, request.via
        top, *rest = split_list(headers["via"][0])
        if via.rport:
            kept = [one for one in top.split(";") if one.partition("=")[0].strip().lower() != "rport"]
            top = f"{';'.join(kept)};rport={source[1]};received={source[0]}"
        elif via.host != source[0]:
            top = f"{top};received={source[0]}"
        to = headers["to"][0]
        lines = (
            f"SIP/2.0 {status} {REASONS[status]}",
            *(f"Via: {value}" for value in (top, *rest, *headers["via"][1:])),
            f"From: {headers['from'][0]}",
            f"To: {to if request.to_tag else f'{to};tag={tag}'}",
            f"Call-ID: {request.call_id}",
            f"CSeq: {headers['cseq'][0]}",
            *extra,
            f"Content-Length: {len(body)}",
        )
        octets = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        by_port = self._terms.transport == "udp" and not via.rport
        return octets, (source[0], via.port) if by_port else source

    def answer_lines(self) -> tuple[str, ...]:
        """Return what a 200 to an INVITE says besides."""
        return self._contact, ALLOW, "Content-Type: application/sdp"

    def _alike(self, invite: Invite, method: str, to: str) -> bytes:
        call = invite.call
        via = invite.sent[0].split(b"\r\n", 2)[1].decode("latin-1")
        return (
            f"{method} {call.uri} SIP/2.0\r\n{via}\r\nMax-Forwards: 70\r\n{call.said_from}\r\n{to}\r\n"
            f"Call-ID: {call.name}\r\nCSeq: {invite.sequence} {method}\r\n"
            f"{invite.auth if method == 'ACK' else ''}Content-Length: 0\r\n\r\n"
        ).encode("latin-1")

    def _within(self, leg: Leg, branch: str, method: str, sequence: int, auth: str) -> bytes:
        call = leg.call
        routes = "".join([f"Route: {route}\r\n" for route in leg.routes])
        to = f"To: <{call.uri}>;tag={leg.tag}" if leg.tag else f"To: <{call.uri}>"
        return (
            f"{method} {leg.target} SIP/2.0\r\n{self._via}{branch}\r\nMax-Forwards: 70\r\n{routes}{call.said_from}\r\n"
            f"{to}\r\nCall-ID: {call.name}\r\nCSeq: {sequence} {method}\r\n{auth}Content-Length: 0\r\n\r\n"
        ).encode("latin-1")
