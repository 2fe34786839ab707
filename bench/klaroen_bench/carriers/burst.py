"""Many datagrams by one system call (recvmmsg), each with the instant at which the kernel had it.

Law: a socket is not watched; its packets wait in the kernel, stamped, and are taken some times a second. So a packet
costs the receiver a microsecond and its sender no wake-up, and lateness is the kernel's word, not ours. [1.1 us a
packet, which costs its sender 3.2]
"""

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from typing import Final

from klaroen_bench.carriers.rtp import HEADER, OCTETS

DATAGRAMS: Final = 64
"""1.3 s of a call."""
REST_BYTES: Final = 1328
"""What a datagram may hold beyond a plain packet: together an Ethernet frame's 1,500."""
WAITING_BYTES: Final = 1 << 20
"""Of the kernel's memory for what is not yet taken: 13 s of a call [a packet takes 768]."""
TIMESTAMPNS: Final = 35
"""SO_TIMESTAMPNS, which Python does not name; the same for its control message."""
_CONTROL: Final = struct.Struct("<QiiQQ")
_MMSGHDR: Final = struct.Struct("<56xI4x")


class _Iovec(ctypes.Structure):
    _fields_ = (("at", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_bytes", ctypes.c_uint),
        ("iovecs", ctypes.c_void_p),
        ("iovec_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_bytes", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("header", _Msghdr), ("size", ctypes.c_uint))


class Burst:
    """Room for one call's packets; what it holds is good until the next `take`."""

    def __init__(self) -> None:
        self._places = [ctypes.create_string_buffer(size * DATAGRAMS) for size in (HEADER.size, OCTETS, REST_BYTES)]
        self._controls = ctypes.create_string_buffer(_CONTROL.size * DATAGRAMS)
        self._iovecs = (_Iovec * (3 * DATAGRAMS))()
        self._messages = (_Mmsghdr * DATAGRAMS)()
        sizes = (HEADER.size, OCTETS, REST_BYTES)
        for index, message in enumerate(self._messages):
            for place, (buffer, size) in enumerate(zip(self._places, sizes, strict=True)):
                iovec = self._iovecs[3 * index + place]
                iovec.at, iovec.size = ctypes.addressof(buffer) + size * index, size
            header = message.header
            header.iovecs = ctypes.addressof(self._iovecs) + 3 * index * ctypes.sizeof(_Iovec)
            header.iovec_count = 3
            header.control = ctypes.addressof(self._controls) + _CONTROL.size * index
            header.control_bytes = _CONTROL.size
        self._at = ctypes.addressof(self._messages)
        self._fresh = bytes(self._messages)
        # The kernel writes into these: views see it without a copy.
        self._heads, self._octets, self._rests = (memoryview(buffer).cast("B") for buffer in self._places)
        self._stamps = memoryview(self._controls).cast("B")
        self._sizes = memoryview(self._messages).cast("B")
        self._recvmmsg = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
        self.count = 0

    def take(self, descriptor: int) -> int:
        """Take what waits at a socket, at most `DATAGRAMS`; return how many.

        Raises OSError.
        """
        ctypes.memmove(self._at, self._fresh, len(self._fresh))
        count: int = self._recvmmsg(descriptor, self._at, DATAGRAMS, socket.MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            if number not in (11, 4, 111):  # EAGAIN, EINTR, and ECONNREFUSED for what was sent to a closed port
                raise OSError(number, os.strerror(number))
            count = 0
        self.count = count
        return count

    def heads(self) -> Iterator[tuple[int, int, int, int, int]]:
        return HEADER.iter_unpack(self._heads[: HEADER.size * self.count])

    def stamps(self) -> Iterator[tuple[int, int, int, int, int]]:
        """Yield the control message of each: the last two fields are seconds and nanoseconds since 1970."""
        return _CONTROL.iter_unpack(self._stamps[: _CONTROL.size * self.count])

    def sizes(self) -> list[int]:
        return [size for (size,) in _MMSGHDR.iter_unpack(self._sizes[: _MMSGHDR.size * self.count])]

    def octets(self) -> bytes:
        """Return the octets behind all headers, `OCTETS` each: those of plain packets one after the other."""
        return bytes(self._octets[: OCTETS * self.count])

    def packet(self, index: int, size: int) -> bytes:
        """Return one packet whole."""
        head = self._heads[HEADER.size * index : HEADER.size * (index + 1)]
        octets = self._octets[OCTETS * index : OCTETS * (index + 1)]
        rest = self._rests[REST_BYTES * index : REST_BYTES * (index + 1)]
        return b"".join((head, octets, rest))[:size]


def open_ear(host: str) -> socket.socket:
    """Return a socket at a port of its own, whose packets are stamped."""
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.setblocking(False)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WAITING_BYTES)
    ear.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)
    ear.bind((host, 0))
    return ear
