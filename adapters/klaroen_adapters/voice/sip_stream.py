"""SIP over TCP: octets split anywhere become messages, each where Content-Length says that it ends.

Law: the messages do not depend on the cuts. A message that is refused for what it says does not cost the connection;
one whose end cannot be told does, and nothing is read after it. Source: RFC 3261, 7.5 and 18.3.
"""

from typing import Final

from klaroen_adapters.voice.sip_headers import ProtocolError
from klaroen_adapters.voice.sip_message import Head, Message, interpret, read_length, split_head

HEAD_BYTES_MAX: Final = 16_384
"""Start line and headers; the longest of RFC 4475 has 3,500."""


class Stream:
    """What one connection brings."""

    def __init__(self) -> None:
        self.is_broken = False
        self._unread = b""
        self._head: Head | None = None
        self._length = 0

    def feed(self, chunk: bytes) -> list[Message | ProtocolError]:
        """Return the messages that `chunk` completes, with the faults where they stood; after `is_broken` nothing."""
        if self.is_broken:
            return []
        self._unread += chunk
        found: list[Message | ProtocolError] = []
        try:
            while self._has_whole():
                found.append(self._take())
        except ProtocolError as error:
            self.is_broken = True
            self._unread = b""
            found.append(error)
        return found

    def _has_whole(self) -> bool:
        """A whole message stands at the front; its head is read as soon as it is there."""
        if self._head is None:
            self._unread = self._unread.lstrip(b"\r\n")  # keep-alives
            end = self._unread.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX + 4)
            if end < 0:
                if len(self._unread) >= HEAD_BYTES_MAX + 4:
                    raise ProtocolError("headers without end")
                return False
            self._head = split_head(self._unread[:end])
            self._length = read_length(self._head[1]) or 0
            self._unread = self._unread[end + 4 :]
        return len(self._unread) >= self._length

    def _take(self) -> Message | ProtocolError:
        assert self._head is not None, "a whole message has a head"
        (start, headers), self._head = self._head, None
        body, self._unread = self._unread[: self._length], self._unread[self._length :]
        try:
            return interpret(start, headers, body)
        except ProtocolError as error:
            return error
