"""Frames between dispatch and those who ask it: cut anywhere, of any content, bounded."""

import msgspec
import pytest

from klaroen.core import frames
from klaroen.core.calls import Act, Ask, Greet, Readiness, ShowAlert, Tokens, Told
from klaroen.core.errors import Problem
from klaroen.core.frames import FRAME_BYTES_MAX, FrameError, Frames, frame, read_from_client, read_from_dispatch
from klaroen.core.model import AlertId, Token

ASK = Ask(7, "zone", Act(AlertId("A"), "pause"))
DEEP = 200_000
"""Far beyond what any decoder follows."""


def length(size: int) -> bytes:
    return size.to_bytes(4, "big")


# --- framing ---------------------------------------------------------------------------------------------------------


def test_a_frame_is_its_length_and_its_body() -> None:
    raw = frame(ASK)
    assert length(len(raw) - 4) == raw[:4]
    assert [raw[4:]] == Frames().feed(raw)


def test_a_frame_may_come_byte_by_byte() -> None:
    frames, raw = Frames(), frame(ASK) + frame(Greet("edge", pushes=True))
    bodies = [body for at in range(len(raw)) for body in frames.feed(raw[at : at + 1])]
    assert [ASK, Greet("edge", pushes=True)] == [read_from_client(body) for body in bodies]


def test_frames_come_in_any_number_at_once() -> None:
    """The last one may be half there."""
    frames, raw = Frames(), frame(ASK)
    assert [raw[4:], raw[4:]] == frames.feed(raw * 2 + raw[:5])
    assert [raw[4:]] == frames.feed(raw[5:])
    assert [] == frames.feed(b"")


def test_an_empty_frame_is_a_frame_that_says_nothing() -> None:
    (body,) = Frames().feed(length(0))
    with pytest.raises(FrameError):
        read_from_client(body)


def test_a_frame_may_be_as_long_as_the_limit() -> None:
    frames = Frames()
    assert [] == frames.feed(length(FRAME_BYTES_MAX))
    assert [bytes(FRAME_BYTES_MAX)] == frames.feed(bytes(FRAME_BYTES_MAX))


@pytest.mark.parametrize("size", [FRAME_BYTES_MAX + 1, 0xFFFFFFFF, int.from_bytes(b"GET ", "big")])
def test_a_frame_that_is_too_long_ends_the_connection_at_once(size: int) -> None:
    """Its length alone is enough: nothing of it is waited for; somebody who speaks HTTP ends here too."""
    with pytest.raises(FrameError, match=f"{size} bytes"):
        Frames().feed(length(size))


def test_we_never_write_a_frame_that_we_would_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAME_BYTES_MAX", 8)
    with pytest.raises(AssertionError):
        frame(ASK)


# --- bodies ----------------------------------------------------------------------------------------------------------


GARBAGE = [
    b"",
    b"\xc1",  # a byte that MessagePack never uses
    b"\x91\x01",  # not a map
    msgspec.msgpack.encode({"type": "nobody"}),
    msgspec.msgpack.encode({"type": "ask", "number": "seven", "principal": None, "question": {}}),
    msgspec.msgpack.encode({"type": "ask", "number": 1, "principal": None, "question": {"type": "Reboot"}}),
    msgspec.msgpack.encode({"type": "told"}) + b"\x00",  # something after the end
    msgspec.msgpack.encode({"type": "ask", "number": 1, "principal": "?"})[:-1] + b"\xff",  # not UTF-8
    b"\x81\xa1a" + b"\x91" * DEEP + b"\x01",  # deeper than anybody reads
]


@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_ends_the_connection_and_nothing_else(body: bytes) -> None:
    """Whatever the bytes are, one kind of error comes of them."""
    with pytest.raises(FrameError):
        read_from_client(body)
    with pytest.raises(FrameError):
        read_from_dispatch(body)


@pytest.mark.parametrize(
    "message", [Greet("edge", pushes=True), ASK, Ask(1, None, ShowAlert(AlertId("A")))], ids=["greet", "ask", "local"]
)
def test_what_a_client_says_arrives(message: Greet | Ask) -> None:
    (body,) = Frames().feed(frame(message))
    assert message == read_from_client(body)


@pytest.mark.parametrize(
    "message",
    [
        Readiness(ready=True, draining=False, words=""),
        Tokens((Token("zone", b"\x00\xff", "police", zones=("Z1",)),)),
        Told(7, msgspec.Raw(msgspec.msgpack.encode([1, "ä"]))),
        Told(8, problem=Problem("state", "it is over"), faults=("members.csv:3",)),
    ],
    ids=["readiness", "tokens", "told", "problem"],
)
def test_what_dispatch_says_arrives(message: Readiness | Tokens | Told) -> None:
    (body,) = Frames().feed(frame(message))
    read = read_from_dispatch(body)
    assert type(message) is type(read)
    assert msgspec.msgpack.encode(message) == msgspec.msgpack.encode(read)
