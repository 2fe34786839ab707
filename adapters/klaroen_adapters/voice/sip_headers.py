"""The values of SIP headers: lists, parameters, addresses, URIs and Via, read as far as a user agent needs them.

Law: linear in what came in, and nothing is raised but ProtocolError. Blanks stand wherever RFC 3261 lets them stand,
and are space and tab alone: what else Python calls space may be part of a value. Source: RFC 3261, 19, 20 and 25.
"""

from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from msgspec import Struct

BLANK: Final = " \t"
PORT: Final = 5060
"""Of a URI or a Via that names none (RFC 3261, 19.1.2; 18.2.2)."""
_PORT_MAX: Final = 65_535


class ProtocolError(Exception):
    """What came is no SIP that could be acted upon, in words that hold nothing of it."""


class Uri(Struct, frozen=True, gc=False):
    """Where a SIP URI leads; user, password and headers do not matter to who sends there."""

    host: str
    """A name or an address, IPv6 without brackets."""
    port: int
    loose: bool
    """`lr`: a router that leaves the Request-URI alone."""


class Via(Struct, frozen=True, gc=False):
    """The top Via: whose transaction it is, and where its answer goes."""

    host: str
    port: int
    branch: str
    rport: bool
    """The sender asks for the answer where its request came from (RFC 3581)."""


def split_list(value: str) -> list[str]:
    """Return the elements of a list of addresses or Vias: commas within quotes or angles separate nothing."""
    if "," not in value:
        return [value]
    elements, begin, at, end, in_angles = [], 0, 0, len(value), False
    while at < end:
        sign = value[at]
        if sign == '"':
            at = _after_quotes(value, at)
            continue
        if sign == "," and not in_angles:
            elements.append(value[begin:at].strip(BLANK))
            begin = at + 1
        elif sign == "<":
            in_angles = True
        elif sign == ">":
            in_angles = False
        at += 1
    elements.append(value[begin:].strip(BLANK))
    return [element for element in elements if element] or [""]


def read_parameters(text: str) -> dict[str, str]:
    """Return `;name=value` pairs: names in lower case, values as they are, unquoted; of a repeated name the first."""
    parameters: dict[str, str] = {}
    for piece in text.split(";") if '"' not in text else _split_quoted(text, ";"):
        name, _, value = piece.partition("=")
        name = name.strip(BLANK).lower()
        if name and name not in parameters:
            parameters[name] = unquote(value.strip(BLANK))
    return parameters


def read_pairs(text: str) -> dict[str, str]:
    """Return the comma-separated pairs of a challenge, likewise (RFC 7235, 2.1)."""
    pairs: dict[str, str] = {}
    for piece in _split_quoted(text, ","):
        name, separator, value = piece.partition("=")
        if separator:
            pairs.setdefault(name.strip(BLANK).lower(), unquote(value.strip(BLANK)))
    return pairs


def split_address(value: str) -> tuple[str, str]:
    """Return the URI of a From, To, Contact or route, and the parameters after it.

    Without angles what follows a semicolon belongs to the header (RFC 3261, 20).
    """
    if value.startswith('"'):
        value = value[_after_quotes(value, 0) :]
    _, opening, rest = value.partition("<")
    if not opening:
        uri, _, parameters = value.partition(";")
        return uri.strip(BLANK), parameters
    uri, closing, parameters = rest.partition(">")
    if not closing:
        raise ProtocolError("an address without its closing angle")
    return uri.strip(BLANK), parameters


def read_tag(value: str) -> str:
    """Return the tag of a From or To, empty if it has none."""
    return read_parameters(split_address(value)[1]).get("tag", "")


def read_via(value: str) -> Via:
    """Return what the first element of a Via header says."""
    head, _, text = split_list(value)[0].partition(";")
    protocol = head.split("/")
    if len(protocol) != 3 or protocol[0].strip(BLANK).upper() != "SIP":
        raise ProtocolError("a Via of no SIP")
    sent_by = protocol[2].split(None, 1)
    if len(sent_by) != 2:
        raise ProtocolError("a Via that names no sender")
    host, port = split_host(sent_by[1].strip(BLANK))
    if ";;" in text or text.startswith(";"):
        raise ProtocolError("a Via with nothing between its semicolons")
    parameters = read_parameters(text)
    return Via(host, port, parameters.get("branch", ""), "rport" in parameters)


@lru_cache(maxsize=1024)
def read_uri(uri: str) -> Uri:
    """Return where a SIP URI leads. Those of one trunk are few: read once [5 µs], then remembered."""
    scheme, _, rest = uri.partition(":")
    if scheme.strip(BLANK).lower() not in ("sip", "sips"):
        raise ProtocolError("a URI that is not of SIP")
    where, _, parameters = rest.rpartition("@")[2].partition("?")[0].partition(";")
    host, port = split_host(where.strip(BLANK))
    return Uri(host, port, "lr" in read_parameters(parameters))


def split_host(where: str) -> tuple[str, int]:
    """Return host and port of `host`, `host:port` or `[IPv6]:port`."""
    if where.startswith("["):
        host, closing, rest = where[1:].partition("]")
        if not closing:
            raise ProtocolError("an IPv6 address without its closing bracket")
        _, colon, port = rest.partition(":")
    else:
        host, colon, port = where.partition(":")
    host, port = host.strip(BLANK), port.strip(BLANK)
    if not host:
        raise ProtocolError("no host where one must be")
    if not colon:
        return host, PORT
    return host, read_number(port, _PORT_MAX, "a port") or PORT


def read_number(digits: str, maximum: int, what: str) -> int:
    """Return a number of plain digits; leading zeros are let be."""
    if not digits.isascii() or not digits.isdigit() or len(digits) > 20 or int(digits) > maximum:
        raise ProtocolError(f"{what} that is no number in its bounds")
    return int(digits)


@lru_cache(maxsize=1024)
def is_address(host: str) -> bool:
    """It is an IP address, and no name that would have to be looked up; nor one of a single link."""
    if "%" in host:
        return False
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def in_uri(host: str) -> str:
    """Return a host as it stands in a URI."""
    return f"[{host}]" if ":" in host else host


def unquote(value: str) -> str:
    """Return the text within quotes; a value without them as it is."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    text = value[1:-1]
    if "\\" not in text:
        return text
    pieces = text.split("\\\\")
    return "\\".join(piece.replace("\\", "") for piece in pieces)


def quote(text: str) -> str:
    """Return a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _split_quoted(text: str, separator: str) -> list[str]:
    pieces, begin, at, end = [], 0, 0, len(text)
    while at < end:
        if text[at] == '"':
            at = _after_quotes(text, at)
            continue
        if text[at] == separator:
            pieces.append(text[begin:at])
            begin = at + 1
        at += 1
    pieces.append(text[begin:])
    return pieces


def _after_quotes(text: str, at: int) -> int:
    """Return the place after the quoted string that begins at `at`."""
    end = len(text)
    at += 1
    while at < end:
        if text[at] == '"':
            return at + 1
        at += 2 if text[at] == "\\" else 1
    raise ProtocolError("a quoted string without end")
