"""HTTP/1.1 on the wire: requests to bytes, bytes to one whole response."""

import pytest

from klaroen_adapters.http_wire import (
    HEAD_BYTES_MAX,
    LocalFaultError,
    RemoteFaultError,
    ResponseReader,
    encode_request,
)


def read(*chunks: bytes, bytes_max: int = 100_000, headless: bool = False, end: bool = False) -> ResponseReader:
    reader = ResponseReader(bytes_max=bytes_max, headless=headless)
    for chunk in chunks:
        reader.feed(chunk)
    if end:
        reader.end()
    return reader


WHOLE = {
    "content-length": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    "empty": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
        200,
        b"abcde",
        True,
    ),
    "trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-After: 1\r\n\r\n",
        200,
        b"a",
        True,
    ),
    "interim": (
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: <x>\r\n\r\n"
            b"HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx"
        ),
        201,
        b"x",
        True,
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "304 that announces a body": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, b"", True),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "1.0 keep-alive": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    "upgrade not taken": (
        b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        True,
    ),
}


@pytest.mark.parametrize(("wire", "status", "body", "reusable"), WHOLE.values(), ids=WHOLE)
def test_reads_every_framing(wire: bytes, status: int, body: bytes, reusable: bool) -> None:
    """Each way of delimiting a body gives status, body, and whether the connection may be used again."""
    reader = read(wire)
    assert reader.complete
    assert (status, body, reusable) == (reader.status, reader.body, reader.reusable)


@pytest.mark.parametrize("wire", [case[0] for case in WHOLE.values()], ids=WHOLE)
def test_bytes_behind_a_response_condemn_the_connection(wire: bytes) -> None:
    """What nobody asked for could be taken for the next answer."""
    assert not read(wire, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").reusable
    assert not read(wire + b"garbage").reusable


def test_end_delimits_a_body_without_framing() -> None:
    """A body with neither length nor chunks ends with the connection, which is then spent."""
    reader = read(b"HTTP/1.1 200 OK\r\n\r\nab", b"cd", end=True)
    assert (b"abcd", True, False) == (reader.body, reader.complete, reader.reusable)


def test_end_after_completion_changes_nothing() -> None:
    assert read(WHOLE["content-length"][0], end=True).body == b"ok"


@pytest.mark.parametrize(
    "wire",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
)
def test_head_has_no_body_whatever_it_announces(wire: bytes) -> None:
    """The answer to HEAD is complete with its head; a body that comes all the same condemns the connection."""
    assert read(wire, headless=True).reusable
    assert not read(wire + b"5\r\nhello\r\n0\r\n\r\n", headless=True).reusable


def test_interim_headers_are_not_the_responses() -> None:
    assert [(b"A", b"b"), (b"Content-Length", b"0")] == read(
        b"HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n"
    ).headers


def test_trailers_are_not_headers() -> None:
    assert [b"Transfer-Encoding"] == [name for name, _ in read(WHOLE["trailers"][0]).headers]


FAULTS = {
    "garbage": b"SSH-2.0-OpenSSH\r\n\r\n",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "length overflow": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: ws\r\nConnection: upgrade\r\n\r\nxx",
    "status below 100": b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
    "compressed unasked": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("wire", FAULTS.values(), ids=FAULTS)
def test_refuses_what_is_not_a_response(wire: bytes) -> None:
    with pytest.raises(RemoteFaultError):
        read(wire)


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    ],
)
def test_a_response_cut_short_is_a_fault(wire: bytes) -> None:
    with pytest.raises(RemoteFaultError):
        read(wire, end=True)


def test_a_body_beyond_the_limit_is_a_fault() -> None:
    """Counted on the wire, so that chunk framing and trailers count too."""
    with pytest.raises(RemoteFaultError, match="too large"):
        read(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 50] * 20, bytes_max=1000)
    endless_trailers = [b"X: y\r\n"] * 200
    with pytest.raises(RemoteFaultError, match="too large"):
        read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", *endless_trailers, bytes_max=1000)


@pytest.mark.parametrize("piece", [b"HTTP/1.1 102 Wait\r\n\r\n", b"X: " + b"y" * 1000 + b"\r\n"])
def test_an_endless_head_is_a_fault(piece: bytes) -> None:
    """Interim responses count as head: a peer cannot hold us with them."""
    start = [] if piece.startswith(b"HTTP") else [b"HTTP/1.1 200 OK\r\n"]
    with pytest.raises(RemoteFaultError, match="too large"):
        read(*start, *[piece] * (HEAD_BYTES_MAX // len(piece) + 1), bytes_max=10_000_000)


def test_encodes_a_request() -> None:
    assert (
        encode_request(b"POST", b"/a?b", [(b"Host", b"x"), (b"Content-Length", b"2")], b"hi")
        == b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
    )


def test_encodes_an_announced_chunked_body_as_one_chunk() -> None:
    headers = [(b"Host", b"x"), (b"Transfer-Encoding", b"chunked")]
    assert encode_request(b"PUT", b"/", headers, b"0123456789abcdef0").endswith(
        b"\r\n\r\n11\r\n0123456789abcdef0\r\n0\r\n\r\n"
    )
    assert encode_request(b"PUT", b"/", headers, b"").endswith(b"\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        (b"", b"/", [], b""),
        (b"GE T", b"/", [], b""),
        (b"GET", b"", [], b""),
        (b"GET", b"/ HTTP/1.1\r\nX:", [], b""),
        (b"GET", b"/", [(b"", b"a")], b""),
        (b"GET", b"/", [(b"A:", b"a")], b""),
        (b"GET", b"/", [(b"A", b"a\r\nB: c")], b""),
        (b"GET", b"/", [(b"A", b"a\0")], b""),
        (b"GET", b"/", [], b"body that was not announced"),
        (b"GET", b"/", [(b"Content-Length", b"3")], b"four"),
        (b"GET", b"/", [(b"Content-Length", b"x")], b""),
    ],
)
def test_refuses_to_send_what_would_break_out_of_its_place(
    method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    with pytest.raises(LocalFaultError):
        encode_request(method, target, headers, body)
