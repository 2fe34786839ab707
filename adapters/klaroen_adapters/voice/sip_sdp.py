"""SDP as far as a call needs it that speaks and listens for keys: our offer, and what the answer makes of it.

Law: an answer is understood or it is an SdpError with words; linear in its length. Only literal addresses are played
to: a name would have to be looked up in the midst of a call. Source: RFC 3264, RFC 4566, RFC 4733.
"""

from itertools import pairwise
from typing import Final, Literal

from klaroen_adapters.voice.sip_headers import ProtocolError, is_address, read_parameters
from klaroen_adapters.voice.sip_message import Message
from klaroen_adapters.voice.sip_terms import Address, Media

Codec = Literal["PCMA", "PCMU"]

EVENTS: Final = 101
"""Our payload type of telephone-events; what most others use, too."""
PTIME_MS: Final = 20
_PTIME_MAX: Final = 200
_PORT_MAX: Final = 65_535
_STATIC: Final[dict[str, Codec]] = {"0": "PCMU", "8": "PCMA"}
"""RFC 3551, 6."""
_ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - what RFC 2543 wrote for "on hold"
_DEAF: Final = ("a=sendonly", "a=inactive")
_DIRECTIONS: Final = (*_DEAF, "a=sendrecv", "a=recvonly")


class SdpError(Exception):
    """An SDP that we cannot play to, in words that hold nothing of it."""


def make_offer(media: Address, session: int, events: int = EVENTS) -> str:
    """Return what we offer: A-law or mu-law both ways, and keys (RFC 4733, 2.4). It also answers a later offer."""
    host, port = media
    family = "IP6" if ":" in host else "IP4"
    return (
        f"v=0\r\no=- {session} {session} IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8 0 {events}\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
        f"a=rtpmap:{events} telephone-event/8000\r\na=fmtp:{events} 0-15\r\na=ptime:{PTIME_MS}\r\na=sendrecv\r\n"
    )


def find_sdp(message: Message) -> bytes:
    """Return the SDP of a message's body, empty if there is none; it may be one part of several (RFC 5621)."""
    body = message.body
    if not body:
        return b""
    kind, _, parameters = message.headers.get("content-type", ("",))[0].partition(";")
    kind = kind.strip().lower()
    if kind == "application/sdp" or (not kind and body.startswith(b"v=")):
        return body
    if not kind.startswith("multipart/"):
        return b""
    try:
        boundary = read_parameters(parameters).get("boundary", "").encode("latin-1")
    except ProtocolError:
        return b""
    if not boundary:
        return b""
    for part in body.split(b"--" + boundary):
        head, _, sdp = part.partition(b"\r\n\r\n")
        if b"application/sdp" in head.lower():
            return sdp
    return b""


def read_answer(body: bytes) -> Media:
    """Return where and how to play, by the first audio that is not refused.

    Raises: SdpError.
    """
    shared, sections = _split(body)
    for section in sections:
        kind, port, protocol, formats = _read_media(section[0])
        if kind != "audio" or port == 0:
            continue
        if protocol != "RTP/AVP":
            raise SdpError("audio by other than RTP/AVP")
        if _is_deaf(section) or (not _has_direction(section) and _is_deaf(shared)):
            raise SdpError("an audio that takes nothing")
        codec, payload, events = _choose(formats, _values(section, "a=rtpmap:"))
        return Media(_read_address(section, shared), port, codec, payload, _read_ptime(section), events)
    raise SdpError("no audio that is not refused")


def is_same(media: Media, offered: bytes) -> bool:
    """A later offer of the peer's leaves everything where it is, and adds nothing."""
    try:
        later = read_answer(offered)
    except SdpError:
        return False
    if offered.count(b"\nm=") > 1:
        return False
    return (later.address, later.port, later.codec, later.payload) == (
        media.address,
        media.port,
        media.codec,
        media.payload,
    )


def _split(body: bytes) -> tuple[list[str], list[list[str]]]:
    """Return the lines of the session, and those of each medium."""
    lines = [line.rstrip("\r \t") for line in body.decode("latin-1").split("\n")]
    if lines[0] != "v=0":
        raise SdpError("no SDP")
    begins = [at for at, line in enumerate(lines) if line.startswith("m=")]
    shared, *sections = [lines[begin:end] for begin, end in pairwise((0, *begins, len(lines)))]
    return shared, sections


def _read_media(line: str) -> tuple[str, int, str, list[str]]:
    kind, port, protocol, *formats = [*line[2:].split(), "", "", ""]
    digits = port.partition("/")[0]
    number = _number(digits, _PORT_MAX)
    if number is None:
        raise SdpError("a port that is no number")
    return kind, number, protocol, [one for one in formats if one]


def _choose(formats: list[str], maps: list[str]) -> tuple[Codec, int, int | None]:
    """Return the codec to play in, its payload type and that of the events."""
    payloads: dict[str, str] = dict(_STATIC)
    for mapped in maps:
        payload, _, encoding = mapped.partition(" ")
        payloads[payload] = encoding.strip().upper()
    taken: dict[str, int] = {}
    for one in formats:
        name = payloads.get(one, "").removesuffix("/1").removesuffix("/8000")
        payload_type = _number(one, 127)
        if payload_type is not None:
            taken.setdefault(name, payload_type)
    events = taken.get("TELEPHONE-EVENT")
    if "PCMA" in taken:
        return "PCMA", taken["PCMA"], events
    if "PCMU" in taken:
        return "PCMU", taken["PCMU"], events
    raise SdpError("no codec that we offered")


def _read_address(section: list[str], shared: list[str]) -> str:
    lines = _values(section, "c=") or _values(shared, "c=")
    if not lines:
        raise SdpError("no address")
    network, _, rest = lines[0].partition(" ")
    family, _, host = rest.partition(" ")
    host = host.strip()
    if network != "IN" or family not in ("IP4", "IP6") or not is_address(host):
        raise SdpError("an address that is none")
    if host in _ANYWHERE:
        raise SdpError("an audio that takes nothing")
    return host


def _read_ptime(section: list[str]) -> int:
    """Return what the peer would like; a wish that cannot be met is none."""
    for wish in _values(section, "a=ptime:"):
        return _number(wish.strip(), _PTIME_MAX) or PTIME_MS
    return PTIME_MS


def _has_direction(lines: list[str]) -> bool:
    return any(line in _DIRECTIONS for line in lines)


def _is_deaf(lines: list[str]) -> bool:
    return any(line in _DEAF for line in lines)


def _values(lines: list[str], prefix: str) -> list[str]:
    return [line[len(prefix) :] for line in lines if line.startswith(prefix)]


def _number(digits: str, maximum: int) -> int | None:
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9 or int(digits) > maximum:
        return None
    return int(digits)
