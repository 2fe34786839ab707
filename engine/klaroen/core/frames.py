"""The frames between dispatch and whoever asks it.

Law: a frame is a 4-byte big-endian length and that many bytes of msgpack; longer than `FRAME_BYTES_MAX` ends the
connection.
"""

from typing import Final

import msgspec

from klaroen.core.calls import FromClient, FromDispatch

FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
"""A body of 1 MiB, or a page of 1,000 deliveries, many times over."""

_from_client: msgspec.msgpack.Decoder[FromClient] = msgspec.msgpack.Decoder(FromClient)
_from_dispatch: msgspec.msgpack.Decoder[FromDispatch] = msgspec.msgpack.Decoder(FromDispatch)
_encoder = msgspec.msgpack.Encoder()

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises at bytes that are not MessagePack, not UTF-8, or nested without end."""


def frame(message: FromClient | FromDispatch) -> bytes:
    """Return the message as one frame."""
    body = _encoder.encode(message)
    assert len(body) <= FRAME_BYTES_MAX, f"a frame of {len(body)} bytes"
    return len(body).to_bytes(4, "big") + body


class FrameError(Exception):
    """The other side sent a frame that is too long or that says nothing: the connection ends."""


class Frames:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes) -> list[bytes]:
        """Return the bodies that are complete now.

        Raises FrameError at a length over `FRAME_BYTES_MAX`, before any of it is kept.
        """
        buffer = self._buffer
        buffer += received
        bodies = []
        start = 0
        while len(buffer) - start >= 4:
            size = int.from_bytes(buffer[start : start + 4], "big")
            if size > FRAME_BYTES_MAX:
                raise FrameError(f"a frame of {size} bytes")
            if len(buffer) - start - 4 < size:
                break
            bodies.append(bytes(buffer[start + 4 : start + 4 + size]))
            start += 4 + size
        del buffer[:start]
        return bodies


def read_from_client(body: bytes) -> FromClient:
    """Raises FrameError."""
    try:
        return _from_client.decode(body)
    except UNREADABLE as error:
        raise FrameError(str(error)) from error


def read_from_dispatch(body: bytes) -> FromDispatch:
    """Raises FrameError."""
    try:
        return _from_dispatch.decode(body)
    except UNREADABLE as error:
        raise FrameError(str(error)) from error
