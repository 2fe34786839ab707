"""SIP messages as values: octets in, messages out.

Law: whatever comes in, nothing is raised but ProtocolError, and nothing is allocated by a length that came from
outside. Read is what RFC 3261 lets a peer write (folded lines, compact names, blanks before a colon) and bare line
feeds; refused is what leaves in doubt whose message it is or where it ends. Source: RFC 3261, 7, 8.1.1, 18.3; RFC 4475.
"""

from typing import Final

from msgspec import Struct

from klaroen_adapters.voice.sip_headers import BLANK, ProtocolError, Via, read_number, read_tag, read_via

MESSAGE_BYTES_MAX: Final = 65_535
"""What a UDP datagram can hold; over TCP a body may be no longer either."""
LINES_MAX: Final = 256
"""Of headers. A message that crossed eight proxies has some forty."""
SEQUENCE_MAX: Final = 2**31 - 1
"""RFC 3261, 8.1.1.5: a CSeq number is less than 2**31."""
HOPS_MAX: Final = 255
"""RFC 3261, 20.22."""
MAGIC: Final = "z9hG4bK"
"""What a branch begins with that is unique by itself (RFC 3261, 8.1.1.7)."""

_COMPACT: Final = {
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
"""RFC 3261, 7.3.3 and 20. Those of later RFCs name headers that are not read here."""

_NAMES: Final[dict[str, str]] = {
    written: written.lower()
    for written in (
        *("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Record-Route", "Content-Type", "Content-Length", "Allow"),
        *("Max-Forwards", "Server", "User-Agent", "Supported", "Retry-After", "Date", "Require", "Reason", "Accept"),
        *("WWW-Authenticate", "Proxy-Authenticate", "Route", "Warning", "P-Asserted-Identity", "Allow-Events"),
    )
}
"""As names are mostly written: those need no further look [a third of a header's cost]."""

_ONCE: Final = ("call-id", "cseq", "from", "to")
"""What every message has exactly once: said twice, it is unclear which one counts (RFC 4475, 3.3.8)."""
_TOKEN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~")
_VERSION: Final = "SIP/2.0"

Headers = dict[str, list[str]]
"""Names in lower case and long; values in the order in which they came, unfolded and stripped. Text is Latin-1, that is
octets as they are: what a response repeats is what came."""


class Request(Struct, frozen=True):
    """A request that can be told from others and answered. `fault` is what forbids more than a refusal of it."""

    method: str
    uri: str
    headers: Headers
    body: bytes
    sequence: int
    via: Via
    call_id: str
    from_tag: str
    to_tag: str
    fault: tuple[int, str] | None = None
    """(status, words)"""


class Response(Struct, frozen=True):
    """A response, and what it answers."""

    status: int
    reason: str
    headers: Headers
    body: bytes
    sequence: int
    method: str
    via: Via
    call_id: str
    from_tag: str
    to_tag: str


Message = Request | Response
Head = tuple[str, Headers]
"""The start line, and the headers below it."""


def parse(octets: bytes) -> Message:
    """Return the message of a datagram; what follows its body is let be (RFC 3261, 18.3).

    Raises: ProtocolError.
    """
    if len(octets) > MESSAGE_BYTES_MAX:
        raise ProtocolError("longer than a datagram")
    octets = octets.lstrip(b"\r\n")
    head, separator, body = octets.partition(b"\r\n\r\n")
    if not separator:  # lines that end in LF alone: no SIP, but nothing else can be meant
        head, separator, body = octets.replace(b"\r\n", b"\n").partition(b"\n\n")
        if not separator:
            raise ProtocolError("no empty line after the headers")
    start, headers = split_head(head)
    try:
        length = read_length(headers)
    except ProtocolError as error:
        return interpret(start, headers, b"", (400, str(error)))
    if length is None:
        return interpret(start, headers, body)
    if length > len(body):
        return interpret(start, headers, b"", (400, "Content-Length says more than there is"))
    return interpret(start, headers, body[:length])


def split_head(head: bytes) -> Head:
    """Return the start line and the headers of what stands before the empty line."""
    text = head.decode("latin-1").replace("\r\n", "\n")
    if "\r" in text:
        raise ProtocolError("a line that ends in CR alone")
    lines = text.split("\n")
    if len(lines) > LINES_MAX:
        raise ProtocolError("too many headers")
    if "\n " in text or "\n\t" in text:
        lines = _unfold(lines)
    headers: Headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise ProtocolError("a header without a colon")
        known = _NAMES.get(name) or _canonical(name)
        if known in headers:
            headers[known].append(value.strip(BLANK))
        else:
            headers[known] = [value.strip(BLANK)]
    return lines[0], headers


def read_length(headers: Headers) -> int | None:
    """Return Content-Length, None where there is none."""
    values = headers.get("content-length")
    if values is None:
        return None
    if len(set(values)) > 1:
        raise ProtocolError("two values of Content-Length")
    return read_number(values[0], MESSAGE_BYTES_MAX, "a Content-Length")


def interpret(start: str, headers: Headers, body: bytes, fault: tuple[int, str] | None = None) -> Message:
    """Return the message of a head and its body; `fault` is what was found wrong before.

    Raises: ProtocolError for a response with a fault, and for a request that cannot even be told of its own.
    """
    for name in _ONCE:
        if len(headers.get(name, ())) != 1:
            raise ProtocolError(f"no {name}, or more than one")
    if "via" not in headers:
        raise ProtocolError("no via")
    via = read_via(headers["via"][0])
    call_id = headers["call-id"][0]
    digits, _, method = headers["cseq"][0].replace("\t", " ").partition(" ")
    method = method.strip(BLANK)
    if start.startswith("SIP/"):
        if fault is not None:
            raise ProtocolError(fault[1])
        status, reason = _read_status(start)
        sequence = read_number(digits, SEQUENCE_MAX, "a CSeq")
        from_tag, to_tag = read_tag(headers["from"][0]), read_tag(headers["to"][0])
        return Response(status, reason, headers, body, sequence, method, via, call_id, from_tag, to_tag)
    asked, _, rest = start.partition(" ")
    uri, _, version = rest.partition(" ")
    try:
        sequence = read_number(digits, SEQUENCE_MAX, "a CSeq")
        from_tag, to_tag = read_tag(headers["from"][0]), read_tag(headers["to"][0])
    except ProtocolError as error:
        return Request(asked, uri, headers, body, 0, via, call_id, "", "", (400, str(error)))
    fault = fault or _fault(asked, uri, version, method, headers)
    return Request(asked, uri, headers, body, sequence, via, call_id, from_tag, to_tag, fault)


def _read_status(start: str) -> tuple[int, str]:
    version, _, rest = start.partition(" ")
    code, _, reason = rest.partition(" ")
    if version != _VERSION:
        raise ProtocolError("another version of SIP")
    if len(code) != 3 or not "100" <= code <= "699":
        raise ProtocolError("a status that is none")
    return read_number(code, 699, "a status"), reason


def _fault(asked: str, uri: str, version: str, method: str, headers: Headers) -> tuple[int, str] | None:
    """Return what is wrong with a request that can be answered, as far as it matters to whom is asked."""
    if version.upper() != _VERSION:
        is_version = version.upper().startswith("SIP/") and " " not in version
        return (505, "another version of SIP") if is_version else (400, "a request line of other than three words")
    if not asked or not _TOKEN.issuperset(asked):
        return 400, "a method that is no word"
    if asked != method:
        return 400, "a CSeq of another method"
    if not uri or uri[0] in '<"' or ":" not in uri:
        return 400, "a Request-URI that is none"
    if "?" in uri.rpartition("@")[2]:
        return 400, "a Request-URI with headers in it"
    hops = headers.get("max-forwards", ("70",))
    if len(hops) > 1 or not hops[0].isascii() or not hops[0].isdigit() or len(hops[0]) > 9 or int(hops[0]) > HOPS_MAX:
        return 400, "a Max-Forwards that is none"
    return None


def _canonical(name: str) -> str:
    """Return a header's name in lower case, and long."""
    name = name.rstrip(BLANK)
    if not name or not _TOKEN.issuperset(name):
        raise ProtocolError("a header whose name is no word")
    name = name.lower()
    return _COMPACT.get(name, name)


def _unfold(lines: list[str]) -> list[str]:
    """Return the lines with those that go on joined (RFC 3261, 7.3.1)."""
    unfolded: list[str] = []
    for line in lines:
        if line[:1] not in (" ", "\t"):
            unfolded.append(line)
        elif len(unfolded) > 1:
            unfolded[-1] += " " + line.strip(BLANK)
        else:
            raise ProtocolError("a start line that is folded")
    return unfolded
