"""A stream of frames, however it is cut and whatever stands in it."""

from contextlib import suppress
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from klaroen.core.frames import FrameError, Frames, read_from_client, read_from_dispatch


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
def test_frames_do_not_depend_on_how_the_stream_is_cut(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    frames = Frames()
    assert bodies == [
        body for start, end in pairwise([0, *cuts, len(stream)]) for body in frames.feed(stream[start:end])
    ]


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_body_does_more_than_end_the_connection(body: bytes) -> None:
    for read in (read_from_client, read_from_dispatch):
        with suppress(FrameError):  # the one error that a body may cause
            read(body)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30), max_size=6))
def test_no_stream_does_more_than_end_the_connection(pieces: list[bytes]) -> None:
    frames = Frames()
    with suppress(FrameError):  # a length beyond the limit
        for piece in pieces:
            frames.feed(piece)
