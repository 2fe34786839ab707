"""A response is the same however the network cuts it."""

from hypothesis import given
from hypothesis import strategies as st

from klaroen_adapters.http_wire import RemoteFaultError, ResponseReader


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, int, bytes]:
    """A whole response on the wire, with its status and body."""
    status = draw(st.sampled_from([200, 201, 400, 429, 503]))
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    body = b"".join(pieces)
    head = b"HTTP/1.1 100 Continue\r\n\r\n" * draw(st.integers(0, 2)) + b"HTTP/1.1 %d Words\r\n" % status
    if draw(st.booleans()):
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n", status, body
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body, status, body


@given(responses(), st.data())
def test_chunk_boundaries_do_not_matter(response: tuple[bytes, int, bytes], data: st.DataObject) -> None:
    """Fed in any pieces, a response gives the same status, body and verdict on the connection."""
    wire, status, body = response
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=10)))
    reader = ResponseReader(bytes_max=100_000)
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        if start < end:
            assert not reader.complete
            reader.feed(wire[start:end])
    assert reader.complete
    assert (status, body, True) == (reader.status, reader.body, reader.reusable)


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail))
def test_nothing_but_a_remote_fault_comes_of_garbage(wire: bytes) -> None:
    """Whatever the peer sends is a response, the wait for more, or a RemoteFaultError."""
    reader = ResponseReader(bytes_max=1000)
    try:
        reader.feed(wire)
        reader.end()
    except RemoteFaultError:
        return
    assert reader.complete
