"""What an SMTP server says: replies cut out of octets, and what a refusal means.

Law: a reply is a code, an enhanced code and keywords; its words may quote an address, so that nothing else of it leaves
this module. What is no reply ends the connection.
Source: RFC 5321, 4.2; RFC 3463; RFC 2034.
"""

import re
from typing import Final, Literal

from msgspec import Struct

from klaroen.core.ports import Refused, Unsent

LINE_BYTES_MAX: Final = 4096
"""RFC 5321 allows 512; some servers explain themselves at length."""
LINES_MAX: Final = 128
"""Of one reply: an EHLO names some twenty extensions."""
BUSY_S: Final = 5.0
"""A server that says that it is too busy is left alone for so long, and then asked at half the rate."""

Stage = Literal["mail", "rcpt", "data", "end"]
_LINE: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED: Final = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |\Z)")
_DENIED: Final = frozenset({530, 534, 535, 538})
"""Authentication is missing or was not enough (RFC 4954, 6): a fault of the account, whoever is written to."""


class ReplyError(Exception):
    """The server does not speak SMTP."""


class Reply(Struct, frozen=True, gc=False):
    code: int
    enhanced: str | None
    lines: tuple[str, ...]

    @property
    def code_words(self) -> str:
        """Return what may be told and counted: digits."""
        return f"{self.code} {self.enhanced}" if self.enhanced else str(self.code)

    def keywords(self) -> dict[str, str]:
        """Return an EHLO's extensions, in capitals, with their parameters."""
        pairs = (line.strip().partition(" ") for line in self.lines[1:])
        return {name.upper(): rest.upper() for name, _, rest in pairs}


class Replies:
    """Cuts octets into replies."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._code: int | None = None

    @property
    def has_rest(self) -> bool:
        """Whether anything lies here that no reply was made of yet."""
        return bool(self._buffer or self._lines)

    def feed(self, octets: bytes) -> list[Reply]:
        """Return the replies that are whole now. Raises ReplyError."""
        buffer = self._buffer
        buffer += octets
        replies = []
        start = 0
        while (end := buffer.find(b"\n", start)) >= 0:
            reply = self._line(bytes(buffer[start:end]).removesuffix(b"\r"))
            start = end + 1
            if reply is not None:
                replies.append(reply)
        del buffer[:start]
        if len(buffer) > LINE_BYTES_MAX:
            raise ReplyError("a line without end")
        return replies

    def _line(self, line: bytes) -> Reply | None:
        found = _LINE.fullmatch(line)
        if found is None or len(line) > LINE_BYTES_MAX:
            raise ReplyError("a line that is no reply")
        code = int(found[1])
        if self._code not in (None, code) or len(self._lines) >= LINES_MAX:
            raise ReplyError("a reply of several codes, or of too many lines")
        self._code = code
        self._lines.append((found[3] or b"").decode("latin-1"))
        if found[2] == b"-":
            return None
        lines, self._lines, self._code = tuple(self._lines), [], None
        enhanced = _ENHANCED.match(lines[-1])
        return Reply(code, enhanced[1] if enhanced else None, lines)


def refusal(stage: Stage, reply: Reply) -> Refused | Unsent:
    """Return what a negative reply means for one message. Codes of 400 mean: not now; of 500: never like this."""
    enhanced = reply.enhanced or ""
    if reply.code < 500:
        busy = reply.code == 421 or enhanced.startswith(("4.7.", "4.3.2"))
        return Unsent(f"smtp {reply.code_words}", retry_after_s=BUSY_S if busy else None, throttled=busy)
    if stage == "end" and reply.code not in _DENIED:
        return Refused(reply.code_words, "content")
    if stage == "rcpt" and reply.code not in _DENIED and not enhanced.startswith("5.7."):
        return Refused(reply.code_words, "address")
    return Refused(reply.code_words, "carrier")
