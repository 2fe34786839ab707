"""Keys that the callee presses, as they come in RTP.

Law: an event is one key however often its packets come: it is told at its first packet with the end bit, or, where all
of those were lost, when the next one begins. What is no telephone-event is nothing. Source: RFC 4733, 2.3 and 2.5.
"""

from collections import deque
from collections.abc import Set as AbstractSet
from typing import Final

KEYS: Final = "0123456789*#ABCD"
REMEMBERED: Final = 8
"""Events whose packets may still come late."""
_FIXED_BYTES: Final = 12
_EVENT_BYTES: Final = 4


class Keys:
    """The keys of one call."""

    __slots__ = ("_begun", "_told")

    def __init__(self) -> None:
        self._begun: tuple[int, str] | None = None
        """Time stamp and key of the event that has begun and not ended."""
        self._told: deque[int] = deque(maxlen=REMEMBERED)

    def feed(self, packet: bytes, payload_types: AbstractSet[int]) -> str:
        """Return the keys that this packet completes: none, one, or two where the first one's end was lost."""
        event = _read(packet, payload_types)
        if event is None:
            return ""
        stamp, key, is_end = event
        if stamp in self._told:
            return ""
        pressed = ""
        if self._begun is not None and self._begun[0] != stamp:
            pressed = self._tell(*self._begun)
        self._begun = stamp, key
        return pressed + self._tell(stamp, key) if is_end else pressed

    def _tell(self, stamp: int, key: str) -> str:
        self._told.append(stamp)
        self._begun = None
        return key


def _read(packet: bytes, payload_types: AbstractSet[int]) -> tuple[int, str, bool] | None:
    """Return (time stamp, key, end bit), None for what is no key."""
    if len(packet) < _FIXED_BYTES or packet[0] >> 6 != 2 or packet[1] & 0x7F not in payload_types:
        return None
    at = _FIXED_BYTES + 4 * (packet[0] & 15)
    if packet[0] & 0x10:  # a header extension, as long as it says (RFC 3550, 5.3.1)
        at += 4 + 4 * int.from_bytes(packet[at + 2 : at + 4])
    if len(packet) < at + _EVENT_BYTES or packet[at] >= len(KEYS):
        return None
    return int.from_bytes(packet[4:8]), KEYS[packet[at]], bool(packet[at + 1] & 0x80)
