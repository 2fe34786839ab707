"""SDP as a callee needs it (RFC 4566, 3264): where the caller wants its audio, and what it can hear.

Law: pure. Only A-law or mu-law, and telephone-events are spoken here; who offers none of both over plain RTP gets no
answer.
"""

import re
from typing import Final

from msgspec import Struct

PCMA: Final = 8
PCMU: Final = 0
NAMES: Final = {PCMA: "PCMA", PCMU: "PCMU"}
EVENT: Final = 101
"""The payload type of telephone-events where the caller has not chosen one."""
_ADDRESS: Final = re.compile(r"c=IN IP4 (\d{1,3}(?:\.\d{1,3}){3})\s*")
_AUDIO: Final = re.compile(r"m=audio (\d{1,5})(?:/\d+)? RTP/AVP((?: \d{1,3})+)\s*")
_EVENT: Final = re.compile(r"a=rtpmap:(\d{1,3}) telephone-event/8000\s*", re.IGNORECASE)


class Offer(Struct, frozen=True, gc=False):
    host: str
    port: int
    event: int | None
    """The payload type of telephone-events; None if the caller cannot hear keys."""
    codecs: frozenset[int] = frozenset({PCMA})
    """Which of `NAMES` the caller speaks."""


def read_offer(body: bytes) -> Offer | None:
    """Return the offer; None if it has no audio that we speak."""
    host, port, payloads, event = "", 0, tuple[int, ...](), None
    ours = True
    for line in body.decode("latin-1").splitlines():
        if line.startswith("m="):
            if port:
                break  # what follows belongs to another medium
            audio = _AUDIO.fullmatch(line)
            ours = audio is not None
            if audio is not None:
                port, payloads = int(audio[1]), tuple(map(int, audio[2].split()))
        elif ours and (address := _ADDRESS.fullmatch(line)):
            host = address[1]
        elif ours and (mapped := _EVENT.fullmatch(line)) and int(mapped[1]) in payloads:
            event = int(mapped[1])
    codecs = frozenset(NAMES).intersection(payloads)
    return Offer(host, port, event, codecs) if host and port and codecs else None


def write_answer(host: str, port: int, event: int | None, session: int, codec: int = PCMA) -> bytes:
    """Return the answer: one codec, and telephone-events where the caller offered them."""
    lines = [
        "v=0",
        f"o=trunk {session} {session} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {codec}" + ("" if event is None else f" {event}"),
        f"a=rtpmap:{codec} {NAMES[codec]}/8000",
    ]
    if event is not None:
        lines += [f"a=rtpmap:{event} telephone-event/8000", f"a=fmtp:{event} 0-15"]
    return "\r\n".join([*lines, "a=ptime:20", "a=sendrecv", ""]).encode()
