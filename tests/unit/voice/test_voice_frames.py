"""Dispatch and voice understand each other, and nobody else."""

import msgspec
import pytest

from klaroen.core.frames import FrameError, Frames
from klaroen.core.model import AttemptId, CarrierName, ClipId
from klaroen.core.ports import Accepted, Answer, Call, Fault, Link, Receipt, Reply, Script, Unsent
from klaroen_adapters.voice.voice_frames import (
    Dial,
    Hello,
    Place,
    Told,
    frame,
    pack,
    read_from_client,
    read_from_voice,
    unpack,
)

A, B = AttemptId("A"), AttemptId("B")
SCRIPT = Script(ClipId("c" * 64), 30.0, 2, "+3221234567", ClipId("p" * 64))


@pytest.mark.parametrize(
    "message", [Hello(CarrierName("trunk")), Dial(SCRIPT, 3600.0, (Place(A, "+32470000001", 9.5),))]
)
def test_what_dispatch_says_arrives(message: Hello | Dial) -> None:
    """As it was said."""
    (body,) = Frames().feed(frame(message))
    assert message == read_from_client(body)


def test_events_arrive_in_an_order_in_which_they_may_have_come_about() -> None:
    """Answers, then answered, receipts, ends; faults and the last link beside them."""
    events = [
        Answer(A, Accepted(("A",))),
        Call(A, "answered", 1.0),
        Link(True, 5, "up"),
        Receipt("reached", "played 80 %", attempt=A),
        Call(A, "ended", 2.0),
        Answer(B, Unsent("trunk down")),
        Fault("odd", 2),
        Link(False, 0, "down"),
    ]
    (body,) = Frames().feed(frame(pack(events)))
    told = read_from_voice(body)
    assert Link(False, 0, "down") == told.link
    assert [events[0], events[5], events[1], events[3], events[4], events[6]] == list(unpack(told))


def test_nothing_new_about_the_link_says_nothing() -> None:
    """An empty frame is one."""
    assert Told() == pack([])


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x91\xa5Hello", msgspec.msgpack.encode(["Dial", 1])])
def test_nonsense_is_refused(body: bytes) -> None:
    """From either side."""
    with pytest.raises(FrameError):
        read_from_client(body)
    with pytest.raises(FrameError):
        read_from_voice(body)


def test_nobody_writes_to_a_telephone_call() -> None:
    with pytest.raises(AssertionError):
        pack([Reply("+32470000001", "x")])
