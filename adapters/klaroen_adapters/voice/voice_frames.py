"""What dispatch and a voice process say to each other over its Unix socket.

Law: pure; frames as on dispatch's own socket: 4 bytes of length, then MessagePack. The client names its trunk first.
Instants don't travel, only what is left of them, since the two clocks may differ. In `Told` a call's answer stands
before its `answered`, that before its receipts, and those before its `ended`.
"""

from collections.abc import Iterator, Sequence
from typing import Final, assert_never

import msgspec
from msgspec import Struct, field

from klaroen.core.frames import FRAME_BYTES_MAX, UNREADABLE, FrameError
from klaroen.core.model import AttemptId, CarrierName
from klaroen.core.ports import Answer, Call, Event, Fault, Link, Receipt, Reply, Script

CALLS_MAX: Final = 1_000
"""In one frame: a batch."""


class Hello(Struct, frozen=True, tag=True, array_like=True):
    """Whose calls this connection is about."""

    trunk: CarrierName


class Place(Struct, frozen=True, gc=False, array_like=True):
    """One call to make: it must ring within `answer_s`, and be answered within `expire_s`."""

    attempt: AttemptId
    number: str
    answer_s: float


class Dial(Struct, frozen=True, tag=True, array_like=True):
    """Calls of one script."""

    script: Script
    expire_s: float
    calls: tuple[Place, ...]


class Told(Struct, frozen=True, tag=True, array_like=True):
    """What has come about, of many calls."""

    answers: list[Answer] = field(default_factory=list)
    answered: list[Call] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    ended: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    link: Link | None = None


FromClient = Hello | Dial

_from_client: msgspec.msgpack.Decoder[FromClient] = msgspec.msgpack.Decoder(FromClient)
_from_voice: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)
_encoder = msgspec.msgpack.Encoder()


def frame(message: FromClient | Told) -> bytes:
    body = _encoder.encode(message)
    assert len(body) <= FRAME_BYTES_MAX, f"a frame of {len(body)} bytes"
    return len(body).to_bytes(4, "big") + body


def read_from_client(body: bytes) -> FromClient:
    """Raises FrameError."""
    try:
        return _from_client.decode(body)
    except UNREADABLE as error:
        raise FrameError(str(error)) from error


def read_from_voice(body: bytes) -> Told:
    """Raises FrameError."""
    try:
        return _from_voice.decode(body)
    except UNREADABLE as error:
        raise FrameError(str(error)) from error


def pack(events: Sequence[Event]) -> Told:
    """Return events as one frame's; of several `Link` the last."""
    told = Told()
    link: Link | None = None
    for event in events:
        match event:
            case Answer():
                told.answers.append(event)
            case Receipt():
                told.receipts.append(event)
            case Call():
                (told.ended if event.phase == "ended" else told.answered).append(event)
            case Fault():
                told.faults.append(event)
            case Link():
                link = event
            case Reply():
                raise AssertionError("nobody writes to a telephone call")
            case _:
                assert_never(event)
    return msgspec.structs.replace(told, link=link) if link is not None else told


def unpack(told: Told) -> Iterator[Event]:
    """Yield them in an order in which they may have come about; the link is the reader's own affair."""
    yield from told.answers
    yield from told.answered
    yield from told.receipts
    yield from told.ended
    yield from told.faults
