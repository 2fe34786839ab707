"""SIP as a trunk needs it (RFC 3261): reading what a caller sends, writing answers and requests.

Law: bytes in, values out, no I/O. Nothing is allocated by a length that came from outside, and what cannot be read is
a `MalformedError`, never a guess. Headers have their long names in lower case; their values are as they came.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

MESSAGE_BYTES_MAX: Final = 65535
"""A datagram holds no more, and no caller of ours has more to say over TCP."""
HEADERS_MAX: Final = 200
COMPACT: Final = {
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "s": "subject",
    "t": "to",
    "v": "via",
}
REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    410: "Gone",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    504: "Server Time-out",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    608: "Rejected",
}
METHODS: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS"
_REQUEST: Final = re.compile(r"([A-Z]{1,20}) (\S{1,1024}) SIP/2\.0")
_STATUS: Final = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: .*)?")
_FOLDED: Final = re.compile(r"\r?\n[ \t]+")
_TAG: Final = re.compile(r";\s*tag\s*=\s*([^\s;,>]+)", re.IGNORECASE)
_BRANCH: Final = re.compile(r";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)
_RPORT: Final = re.compile(r";\s*rport\s*(?=;|,|$)", re.IGNORECASE)
_SENT_BY: Final = re.compile(r"SIP\s*/\s*2\.0\s*/\s*\w+\s+([^\s;,]+)", re.IGNORECASE)
_URI: Final = re.compile(r"<\s*(sips?:[^>]+)>|(sips?:[^\s;,<>]+)", re.IGNORECASE)
_PLACE: Final = re.compile(r"sips?:(?:([^@]*)@)?([^:;?@\s]+)(?::(\d{1,5}))?", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"(?:^|\n)(?:content-length|l)[ \t]*:[ \t]*(\d{1,6})[ \t]*\r?\n", re.IGNORECASE)


class MalformedError(ValueError):
    """What came is not SIP, or lacks what every message must have."""


class Request(Struct, frozen=True, gc=False):
    method: str
    uri: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: bytes

    def header(self, name: str) -> str:
        """Return the first of this name, "" without one."""
        return next((value for known, value in self.headers if known == name), "")

    def every(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]


class Status(Struct, frozen=True, gc=False):
    """An answer, of which a trunk wants to know no more than what it answers."""

    code: int
    call_id: str
    cseq: str
    to_tag: str


def read_message(raw: bytes) -> Request | Status:
    """Raises MalformedError."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    if not blank or len(raw) > MESSAGE_BYTES_MAX:
        raise MalformedError("a message ends its headers by an empty line, and fits a datagram")
    first, _, rest = _FOLDED.sub(" ", head.decode("latin-1").lstrip("\r\n")).partition("\r\n")
    lines = rest.split("\r\n")
    if len(lines) > HEADERS_MAX:
        raise MalformedError("too many headers")
    headers = tuple(_header(line) for line in lines)
    status = _STATUS.fullmatch(first)
    found = dict(reversed(headers))
    if status is not None:
        return Status(int(status[1]), found.get("call-id", ""), found.get("cseq", ""), tag_of(found.get("to", "")))
    start = _REQUEST.fullmatch(first)
    if start is None or not all(found.get(name) for name in ("via", "from", "to", "call-id", "cseq")):
        raise MalformedError("a request has a start line, Via, From, To, Call-ID and CSeq")
    length = found.get("content-length", str(len(body)))
    if not length.isdecimal() or int(length) > len(body):
        raise MalformedError("the body is shorter than Content-Length")
    return Request(start[1], start[2], headers, body[: int(length)], raw)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise MalformedError("a header has a colon")
    name = name.strip().lower()
    return COMPACT.get(name, name), value.strip()


def split_stream(held: bytes) -> tuple[list[bytes], bytes]:
    """Return the whole messages at the start of what TCP brought, and the rest.

    Raises MalformedError if the rest can never become one.
    """
    messages: list[bytes] = []
    held = held.lstrip(b"\r\n")
    while True:
        end = held.find(b"\r\n\r\n")
        if end < 0:
            break
        length = _LENGTH.search(held, 0, end + 2)
        size = end + 4 + (int(length[1]) if length else 0)
        if size > MESSAGE_BYTES_MAX:
            raise MalformedError("too long a message")
        if len(held) < size:
            break
        messages.append(held[:size])
        held = held[size:].lstrip(b"\r\n")
    if len(held) > MESSAGE_BYTES_MAX:
        raise MalformedError("too long a message")
    return messages, held


def tag_of(value: str) -> str:
    """Return the tag of a From or To, "" without one."""
    found = _TAG.search(value)
    return found[1] if found else ""


def transaction_of(request: Request) -> str:
    """Return what names a request's transaction, less its method: branch and sent-by of the topmost Via."""
    via = request.header("via")
    branch, sent_by = _BRANCH.search(via), _SENT_BY.search(via)
    return f"{branch[1] if branch else request.header('cseq')} {sent_by[1] if sent_by else ''}"


def uri_of(value: str) -> str:
    """Return the URI in a From, To, Contact or P-Asserted-Identity, "" without one."""
    found = _URI.search(value)
    return (found[1] or found[2]).strip() if found else ""


def user_of(uri: str) -> str:
    """Return the user of a URI, without its parameters."""
    place = _PLACE.match(uri)
    return (place[1] or "").partition(";")[0] if place else ""


def address_of(uri: str) -> tuple[str, int] | None:
    """Return host and port of a URI, 5060 where it names none; None if it is no URI of SIP."""
    place = _PLACE.match(uri)
    return None if place is None else (place[2], int(place[3] or 5060))


def write_answer(
    request: Request,
    code: int,
    *,
    tag: str = "",
    source: tuple[str, int] | None = None,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> bytes:
    """Return an answer. `tag` goes to a To that has none; `source` is where the request came from (RFC 3581)."""
    lines = [f"SIP/2.0 {code} {REASONS[code]}"]
    vias = request.every("via")
    if source is not None:
        vias[0] = _RPORT.sub(f";received={source[0]};rport={source[1]}", vias[0], count=1)
    lines += [f"Via: {via}" for via in vias]
    if 100 < code < 300:
        lines += [f"Record-Route: {route}" for route in request.every("record-route")]
    to = request.header("to")
    lines += [
        f"From: {request.header('from')}",
        f"To: {to};tag={tag}" if tag and code > 100 and not tag_of(to) else f"To: {to}",
        f"Call-ID: {request.header('call-id')}",
        f"CSeq: {request.header('cseq')}",
        *(f"{name}: {value}" for name, value in headers),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def write_bye(invite: Request, tag: str, *, via: str, contact: str) -> bytes:
    """Return the BYE of the callee: the invitation's To is its From; it goes along the invitation's Record-Route."""
    target = uri_of(invite.header("contact")) or uri_of(invite.header("from"))
    lines = [
        f"BYE {target} SIP/2.0",
        f"Via: {via}",
        "Max-Forwards: 70",
        *(f"Route: {route}" for route in invite.every("record-route")),
        f"From: {invite.header('to')};tag={tag}",
        f"To: {invite.header('from')}",
        f"Call-ID: {invite.header('call-id')}",
        "CSeq: 1 BYE",
        f"Contact: <{contact}>",
        "Content-Length: 0",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
