"""One callee's mouth: keys pressed (RFC 4733), and talk that nobody asked for.

Law: sent to where the caller wants its audio, by one source with one row of sequence numbers. A packet that the kernel
does not take is one that the network lost.
"""

import socket
from typing import Final

from klaroen_bench.carriers.rtp import HEADER, OCTETS, PLAIN, key_packets
from klaroen_bench.carriers.sdp import PCMA, Offer

TALK: Final = bytes(0x55 ^ (0x40 | index % 16) for index in range(OCTETS))
"""20 ms of a buzz."""


class Mouth:
    def __init__(self, at: socket.socket, offer: Offer, source: int, codec: int = PCMA) -> None:
        self._codec = codec
        self._socket = at
        self._to = (offer.host, offer.port)
        self._event = offer.event
        self._source = source
        self._sequence = source & 0x7FFF
        self._stamp = source
        self.lost = 0
        """Packets that the kernel did not take."""

    @property
    def has_keys(self) -> bool:
        return self._event is not None

    def talk(self) -> None:
        """Say 20 ms."""
        head = HEADER.pack(PLAIN, self._codec, self._sequence, self._stamp & 0xFFFFFFFF, self._source)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._stamp += OCTETS
        self.send(head + TALK)

    def press(self, key: str) -> list[bytes]:
        """Return the packets of a press, for `send`, in order."""
        assert self._event is not None
        packets = key_packets(key, self._event, self._sequence, self._stamp, self._source)
        self._sequence = (self._sequence + len(packets)) & 0xFFFF
        self._stamp += OCTETS * len(packets)
        return packets

    def send(self, packet: bytes) -> None:
        try:
            self._socket.sendto(packet, self._to)
        except OSError:
            self.lost += 1
