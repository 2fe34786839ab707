"""RTP as a callee needs it (RFC 3550, 4733): the fixed header, the payload of what is not plain, the keys of a phone.

Law: pure.
"""

import struct
from typing import Final

HEADER: Final = struct.Struct(">BBHII")
"""Version and flags, marker and payload type, sequence number, timestamp, source."""
PLAIN: Final = 0x80
"""Version 2, no padding, no extension, no contributors."""
OCTETS: Final = 160
"""Of A-law in 20 ms: the packet that everybody sends."""
TICK_NS: Final = 125_000
"""Of the clock of 8 kHz audio."""
RTCP: Final = range(192, 224)
"""Second octets that are RTCP's (RFC 5761)."""
EVENT: Final = struct.Struct(">BBH")
KEYS: Final = "0123456789*#"
VOLUME: Final = 10
"""-10 dBm0, as phones have it."""
END: Final = 0x80
UPDATE_TICKS: Final = 400
"""50 ms: how often an event says that it lasts (RFC 4733, 2.5.1.2)."""
UPDATES: Final = 3
ENDS: Final = 3
"""The last packet of an event is sent three times (2.5.1.4)."""


def payload_of(packet: bytes) -> bytes | None:
    """Return what a packet carries behind header, contributors and extension, less padding; None if it is broken."""
    if len(packet) < HEADER.size or packet[0] >> 6 != 2:
        return None
    start, end = HEADER.size + 4 * (packet[0] & 0x0F), len(packet)
    if packet[0] & 0x10:
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4])
    if packet[0] & 0x20:
        end -= packet[-1]
    return packet[start:end] if start <= end else None


def key_packets(key: str, payload_type: int, sequence: int, timestamp: int, source: int) -> list[bytes]:
    """Return the packets of one press, in the order and at the pace of `UPDATE_TICKS`, the ends at once."""
    packets = []
    for index in range(UPDATES + ENDS):
        lasted = UPDATE_TICKS * min(index + 1, UPDATES + 1)
        marker = 0x80 if index == 0 else 0
        event = EVENT.pack(KEYS.index(key), VOLUME | (END if index >= UPDATES else 0), lasted)
        packets.append(
            HEADER.pack(PLAIN, marker | payload_type, (sequence + index) & 0xFFFF, timestamp & 0xFFFFFFFF, source)
            + event
        )
    return packets
