"""RTP out of one call: clips as payloads of 20 ms, and the packets that carry them.

Law: octets leave as they stand in the clip, or, where the callee takes only mu-law, each by one table; the last packet
of a clip is as short as the clip makes it. Nothing is sent in a pause; the time stamps go on, and the first packet
after it is marked. Source: RFC 3550, 5.1; RFC 3551, 4.1 and 4.5.14; ITU-T G.711.
"""

import struct
from typing import Final, Literal

Codec = Literal["PCMA", "PCMU"]

OCTETS: Final = 160
"""20 ms of 8 kHz: what every gateway takes (RFC 3551, 4.2)."""
TICK_S: Final = 0.02
MARKED: Final = 0x80
_VERSION: Final = 0x80
_HEADER: Final = struct.Struct(">BBHII")


def cut(octets: bytes, codec: Codec) -> tuple[bytes, ...]:
    """Return a clip (A-law) as the payloads of its packets."""
    if codec == "PCMU":
        octets = octets.translate(TO_MU_LAW)
    return tuple([octets[at : at + OCTETS] for at in range(0, len(octets), OCTETS)])


class Packets:
    """The packets of one call, one tick after the other; `sequence` and `stamp` begin where chance puts them."""

    __slots__ = ("_marked", "_payload_type", "_sequence", "_source", "_stamp")

    def __init__(self, payload_type: int, source: int, sequence: int, stamp: int) -> None:
        self._payload_type = payload_type
        self._source = source
        self._sequence = sequence & 0xFFFF
        self._stamp = stamp & 0xFFFF_FFFF
        self._marked = MARKED

    def speak(self, payload: bytes) -> bytes:
        """Return the packet of this tick."""
        kind = self._payload_type | self._marked
        packet = _HEADER.pack(_VERSION, kind, self._sequence, self._stamp, self._source) + payload
        self._marked = 0
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._stamp = (self._stamp + OCTETS) & 0xFFFF_FFFF
        return packet

    def pause(self) -> None:
        """Nothing is sent in this tick."""
        self._marked = MARKED
        self._stamp = (self._stamp + OCTETS) & 0xFFFF_FFFF


def _linear(octet: int) -> int:
    """Return the 13-bit amplitude that an A-law octet stands for, scaled to 16."""
    octet ^= 0x55
    segment, step = (octet >> 4) & 7, octet & 15
    size = (step << 4) + 8 if segment == 0 else ((step << 4) + 0x108) << (segment - 1)
    return size if octet & 0x80 else -size


def _mu_law(sample: int) -> int:
    """Return the mu-law octet nearest to a 16-bit sample."""
    size = min(abs(sample), 32_635) + 0x84
    segment = size.bit_length() - 8
    octet = ~((segment << 4) | (size >> (segment + 3) & 15)) & 0xFF
    return octet if sample >= 0 else octet & 0x7F


TO_MU_LAW: Final = bytes(_mu_law(_linear(octet)) for octet in range(256))
