"""HTTP out: the pool, one exchange, and what failures are called."""

import gc
import logging
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trio
from tests.fakes.http_peer import Got, HttpPeer, Stream, read_request, response
from trio.testing import MockClock

from klaroen.core.ports import Refused, Unknown, Unsent
from klaroen_adapters.http import (
    NO_ANSWER_IN_TIME,
    NO_CONNECTION_IN_TIME,
    Client,
    Reply,
    Transport,
    exchange,
    make_client,
    reachable,
)
from klaroen_adapters.http_pool import WRITE_FIRST_BYTES_MAX, PoolStatistics
from klaroen_adapters.http_wire import ResponseReader
from klaroen_adapters.tcp import ConnectError, tls_context

URL = "http://carrier.test/send"
LARGE = b"x" * (WRITE_FIRST_BYTES_MAX + 1)


async def ok(got: Got) -> bytes:
    return response(200, got.body or b"ok")


def statistics(client: Client) -> PoolStatistics:
    transport = client._transport
    assert isinstance(transport, Transport)
    return transport.statistics()


async def post(client: Client, body: bytes = b"", *, seconds: float = 60.0, url: str = URL) -> object:
    return await exchange(client, "POST", url, headers={}, body=body, seconds=seconds)


def status_of(reply: object) -> int:
    assert isinstance(reply, Reply), reply
    return reply.status


# --- requests and responses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", LARGE], ids=["small", "large"])
async def test_a_call_leaves_nothing_to_a_collection(nursery: trio.Nursery, body: bytes) -> None:
    """Dispatch collects rarely: ten thousand requests would fill its memory until then."""
    client = make_client(connect=HttpPeer(nursery, answer=ok).connect)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            assert 200 == status_of(await post(client, body))
        left = [one for one in gc.get_objects() if isinstance(one, httpx.Request | httpx.Response | ResponseReader)]
    finally:
        gc.enable()
    assert [] == left


async def test_a_call_gives_the_whole_response(nursery: trio.Nursery) -> None:
    async def answer(got: Got) -> bytes:
        return response(201, b"made", X_One="1")

    peer = HttpPeer(nursery, answer=answer)
    reply = await exchange(
        make_client(connect=peer.connect), "PUT", URL + "?a=b", headers={"x-ours": "y"}, body=b"body", seconds=1
    )
    assert isinstance(reply, Reply)
    assert (201, b"made", "1") == (reply.status, reply.body, reply.headers["x-one"])
    (got,) = peer.got
    assert ("PUT", "/send?a=b", b"body", "y") == (got.method, got.target, got.body, got.headers["x-ours"])
    assert ("carrier.test", "identity", "4") == tuple(
        got.headers[name] for name in ("host", "accept-encoding", "content-length")
    )


async def test_head_leaves_the_connection_for_the_next(nursery: trio.Nursery) -> None:
    """The length that HEAD announces belongs to no body."""

    async def answer(got: Got) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + (b"" if got.method == "HEAD" else b"hello")

    peer = HttpPeer(nursery, answer=answer)
    client = make_client(connect=peer.connect)
    assert b"" == (await client.head(URL)).content
    assert b"hello" == (await client.get(URL)).content
    assert 1 == peer.connections


async def test_a_streamed_body_leaves_whole(nursery: trio.Nursery) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one,"
        yield b"two"

    peer = HttpPeer(nursery, answer=ok)
    assert b"one,two" == (await make_client(connect=peer.connect).post(URL, content=pieces())).content


@pytest.mark.parametrize("size", [1, WRITE_FIRST_BYTES_MAX, 3_000_000])
async def test_bodies_of_any_size_come_back_whole(nursery: trio.Nursery, size: int) -> None:
    peer = HttpPeer(nursery, answer=ok)
    assert b"z" * size == (await make_client(connect=peer.connect).post(URL, content=b"z" * size)).content


async def test_redirects_are_not_followed_and_the_environment_is_not_read(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member's number must not go where a carrier or a variable points."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:1")

    async def answer(got: Got) -> bytes:
        return response(302, Location="http://elsewhere.test/")

    peer = HttpPeer(nursery, answer=answer)
    assert 302 == status_of(await post(make_client(connect=peer.connect)))
    assert 1 == len(peer.got)


async def test_no_url_is_logged(nursery: trio.Nursery, caplog: pytest.LogCaptureFixture) -> None:
    """A carrier's URL may hold a number or a secret."""
    caplog.set_level(logging.DEBUG)
    await post(make_client(connect=HttpPeer(nursery, answer=ok).connect), url="http://carrier.test/?to=32470000000")
    assert "32470000000" not in caplog.text


# --- the pool -------------------------------------------------------------------------------------------------------


async def test_a_connection_is_kept_for_the_next_call(nursery: trio.Nursery) -> None:
    peer = HttpPeer(nursery, answer=ok)
    client = make_client(connect=peer.connect)
    for _ in range(5):
        assert 200 == status_of(await post(client))
    assert 1 == peer.connections
    assert PoolStatistics(in_use=0, idle=1, waiting=0) == statistics(client)


async def test_no_more_connections_than_the_bound_whatever_the_origins(nursery: trio.Nursery) -> None:
    """An idle connection of another origin makes room."""
    peer = HttpPeer(nursery, answer=ok)
    client = make_client(connect=peer.connect, connections_max=3)
    async with trio.open_nursery() as callers:
        for turn in range(60):
            callers.start_soon(lambda turn=turn: post(client, url=f"http://carrier{turn % 7}.test/"))
    assert 60 == len(peer.got)
    assert peer.open_max <= 3
    pool = statistics(client)
    assert (0, 0) == (pool.in_use, pool.waiting)
    assert pool.idle <= 3


async def test_the_peers_wish_to_close_is_heeded_and_so_is_ours(nursery: trio.Nursery) -> None:
    async def answer(got: Got) -> bytes:
        return response(200, Connection="close")

    closing = HttpPeer(nursery, answer=answer)
    client = make_client(connect=closing.connect)
    assert 200 == status_of(await post(client))
    assert 0 == statistics(client).idle
    keeping = HttpPeer(nursery, answer=ok)
    client = make_client(connect=keeping.connect)
    await client.get(URL, headers={"connection": "close"})
    assert 0 == statistics(client).idle


@pytest.mark.parametrize(("keep_alive", "pause_s", "connections"), [("", 3.9, 1), ("", 4.1, 2), ("timeout=3", 2.1, 2)])
async def test_an_idle_connection_expires_before_the_peers_patience(
    nursery: trio.Nursery, autojump_clock: MockClock, keep_alive: str, pause_s: float, connections: int
) -> None:
    async def answer(got: Got) -> bytes:
        return response(200, Keep_Alive=keep_alive)

    peer = HttpPeer(nursery, answer=answer)
    client = make_client(connect=peer.connect)
    await post(client)
    await trio.sleep(pause_s)
    await post(client)
    assert connections == peer.connections


async def test_a_connection_that_the_peer_closed_is_found_before_the_first_byte(nursery: trio.Nursery) -> None:
    """Servers close idle connections: the next call opens another one, and each request arrives once."""
    arrived = 0
    closed = trio.Event()

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal arrived
        got = await read_request(stream)
        arrived += got is not None
        await stream.send_all(response(200))
        await stream.aclose()
        closed.set()

    listeners = await nursery.start(trio.serve_tcp, serve, 0)
    client = make_client()
    url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"
    for turn in (1, 2, 3):
        closed = trio.Event()
        assert 200 == status_of(await post(client, url=url))
        assert turn == arrived
        await closed.wait()
        await trio.testing.wait_all_tasks_blocked()
    await client.aclose()


async def test_aclose_closes_what_is_idle_and_keeps_nothing_more(nursery: trio.Nursery) -> None:
    go = trio.Event()

    async def answer(got: Got) -> bytes:
        if got.target == "/slow":
            await go.wait()
        return response(200)

    peer = HttpPeer(nursery, answer=answer)
    client = make_client(connect=peer.connect)
    async with trio.open_nursery() as callers:
        callers.start_soon(lambda: post(client, url="http://carrier.test/slow"))
        await trio.testing.wait_all_tasks_blocked()
        await post(client)
        assert 1 == statistics(client).idle
        await client.aclose()
        go.set()
    await trio.testing.wait_all_tasks_blocked()
    assert PoolStatistics(0, 0, 0) == statistics(client)
    assert 0 == peer.open


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", LARGE], ids=["small", "large"])
async def test_a_written_request_is_never_replayed(nursery: trio.Nursery, body: bytes) -> None:
    """The peer read it and hung up: it may have been processed, so it is Unknown and was sent once."""
    arrived = 0

    async def serve(stream: Stream) -> None:
        nonlocal arrived
        arrived += (await read_request(stream)) is not None

    client = make_client(connect=HttpPeer(nursery, serve=serve).connect)
    assert Unknown("remote_protocol_error") == await post(client, body)
    assert 1 == arrived
    assert PoolStatistics(0, 0, 0) == statistics(client)


@pytest.mark.parametrize("body", [b"", LARGE], ids=["small", "large"])
async def test_a_refusal_that_comes_before_the_body_was_read_is_the_answer(nursery: trio.Nursery, body: bytes) -> None:
    """A server may answer 413 and close, or stop reading (RFC 9112, 9.3)."""

    async def serve(stream: Stream) -> None:
        await stream.receive_some(10)
        await stream.send_all(response(413, b"too much"))
        await trio.sleep_forever()

    client = make_client(connect=HttpPeer(nursery, serve=serve).connect)
    assert 413 == status_of(await post(client, body))


async def test_an_answer_while_the_body_is_stuck_does_not_wait_for_it(nursery: trio.Nursery) -> None:
    """On a real socket whose buffers are full; the half-written connection is not used again."""

    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some(10)
        await stream.send_all(response(503, retry_after="3"))
        await trio.sleep_forever()

    listeners = await nursery.start(trio.serve_tcp, serve, 0)
    client = make_client()
    url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"
    assert 503 == status_of(await post(client, b"x" * 20_000_000, url=url))
    assert PoolStatistics(0, 0, 0) == statistics(client)


async def test_a_peer_that_answers_and_closes_while_we_write_is_heard(nursery: trio.Nursery) -> None:
    """Writing fails, and yet the answer is there."""

    async def serve(stream: Stream) -> None:
        await stream.send_all(response(401))
        await stream.aclose()

    peer = HttpPeer(nursery, serve=serve)

    async def connect(host: str, port: int) -> trio.abc.Stream:
        stream = await peer.connect(host, port)
        await trio.testing.wait_all_tasks_blocked()
        return stream

    client = make_client(connect=connect)
    assert 401 == status_of(await post(client))
    assert 0 == statistics(client).idle


async def test_a_write_that_fails_without_an_answer_is_unknown(nursery: trio.Nursery) -> None:
    async def serve(stream: Stream) -> None:
        await stream.aclose()

    peer = HttpPeer(nursery, serve=serve)

    async def connect(host: str, port: int) -> trio.abc.Stream:
        stream = await peer.connect(host, port)
        await trio.testing.wait_all_tasks_blocked()
        return stream

    client = make_client(connect=connect)
    assert Unknown("write_error") == await post(client)


async def test_a_reset_while_reading_is_unknown(nursery: trio.Nursery) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await read_request(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Le")
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close by RST
        await stream.aclose()

    listeners = await nursery.start(trio.serve_tcp, serve, 0)
    url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"
    assert Unknown("read_error") == await post(make_client(), url=url)


async def test_an_answer_beyond_the_limit_is_unknown_and_closes(nursery: trio.Nursery) -> None:
    async def answer(got: Got) -> bytes:
        return response(200, b"x" * 5000)

    client = make_client(connect=HttpPeer(nursery, answer=answer).connect, response_bytes_max=4000)
    assert Unknown("remote_protocol_error") == await post(client)
    assert PoolStatistics(0, 0, 0) == statistics(client)


async def test_no_connection_is_unsent(nursery: trio.Nursery) -> None:
    peer = HttpPeer(nursery, answer=ok)
    peer.away = True
    client = make_client(connect=peer.connect)
    assert Unsent("connect_error") == await post(client)
    assert not await reachable(URL, connect=peer.connect)
    peer.away = False
    assert 200 == status_of(await post(client))
    assert await reachable(URL, connect=peer.connect)


async def test_a_refused_port_and_a_name_that_does_not_exist_are_unsent() -> None:
    async with make_client() as client:
        assert Unsent("connect_error") == await post(client, url="http://127.0.0.1:1/")
        assert Unsent("connect_error") == await post(client, url="http://nobody.invalid/")
    assert not await reachable("http://127.0.0.1:1/")


async def _never(host: str, port: int) -> trio.abc.Stream:
    await trio.sleep_forever()
    raise ConnectError("unreachable")


async def test_a_peer_that_does_not_answer_is_left_after_two_seconds(autojump_clock: MockClock) -> None:
    """Unsent, so that the message can go elsewhere at once; `reachable` gives up as soon."""
    started_at = trio.current_time()
    assert Unsent("connect_timeout") == await post(make_client(connect=_never))
    assert 2.0 == pytest.approx(trio.current_time() - started_at)
    assert not await reachable(URL, connect=_never)


async def test_the_callers_time_tells_unsent_from_unknown(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Time up while connecting: unsent. Time up after writing: unknown."""

    async def answer(got: Got) -> None:
        return None

    assert NO_CONNECTION_IN_TIME is await post(make_client(connect=_never), seconds=1)
    client = make_client(connect=HttpPeer(nursery, answer=answer).connect)
    assert NO_ANSWER_IN_TIME is await post(client, seconds=1)
    assert PoolStatistics(0, 0, 0) == statistics(client)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"pool": 1.0}, httpx.PoolTimeout),
        ({"read": 1.0}, httpx.ReadTimeout),
        ({"write": 1.0}, httpx.WriteTimeout),
    ],
)
async def test_limits_of_single_operations_are_httpxs(
    nursery: trio.Nursery, autojump_clock: MockClock, limits: dict[str, float], expected: type[Exception]
) -> None:
    """A client that sets httpx's own timeouts gets httpx's own errors."""

    async def serve(stream: Stream) -> None:
        await trio.sleep_forever()

    async def connect(host: str, port: int) -> trio.abc.Stream:
        stream = await HttpPeer(nursery, serve=serve).connect(host, port)
        if "write" in limits:
            assert isinstance(stream, trio.StapledStream)
            stream.send_stream.send_all_hook = trio.sleep_forever
        return stream

    client = make_client(connect=connect, connections_max=1)
    timeout = httpx.Timeout(None, **limits)
    if "pool" in limits:
        nursery.start_soon(lambda: client.get(URL))
        await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(expected):
        await client.post(URL, content=LARGE if "write" in limits else b"", timeout=timeout)


@pytest.mark.parametrize(
    ("url", "headers"), [(URL, {"x": "a\r\ny: b"}), ("ftp://carrier.test/", {})], ids=["header", "scheme"]
)
async def test_what_http_cannot_say_is_refused_before_any_connection(
    nursery: trio.Nursery, url: str, headers: dict[str, str]
) -> None:
    peer = HttpPeer(nursery, answer=ok)
    reply = await exchange(make_client(connect=peer.connect), "GET", url, headers=headers, body=b"", seconds=1)
    assert isinstance(reply, Refused)
    assert 0 == peer.connections


# --- cancellation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", LARGE], ids=["small", "large"])
async def test_a_cancelled_call_closes_its_connection_and_gives_back_its_place(
    nursery: trio.Nursery, autojump_clock: MockClock, body: bytes
) -> None:
    silent = True

    async def answer(got: Got) -> bytes | None:
        return None if silent else response(200)

    peer = HttpPeer(nursery, answer=answer)
    client = make_client(connect=peer.connect, connections_max=2)
    with trio.move_on_after(1):
        async with trio.open_nursery() as callers:
            for _ in range(5):
                callers.start_soon(lambda: client.post(URL, content=body))
    assert PoolStatistics(0, 0, 0) == statistics(client)
    assert 2 == peer.connections
    silent = False
    assert 200 == status_of(await post(client, body))


# --- TLS ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost with its key, in one file."""
    path = tmp_path / "localhost.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    extension = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        ["openssl", *words.split(), *extension, "-keyout", path, "-out", tmp_path / "c.pem"],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + (tmp_path / "c.pem").read_bytes())
    return path


async def test_tls_is_verified_and_kept_alive(nursery: trio.Nursery, certificate: Path) -> None:
    """A certificate that we trust serves several calls on one connection; one that we don't is unsent."""
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(certificate)
    connections = 0

    async def serve(stream: "trio.SSLStream[trio.SocketStream]") -> None:
        nonlocal connections
        connections += 1
        try:
            while await read_request(stream) is not None:
                await stream.send_all(response(200, b"sealed"))
        except trio.BrokenResourceError:
            return  # the handshake of the one who does not trust us

    async def listen(task_status: trio.TaskStatus[list[trio.SSLListener[trio.SocketStream]]]) -> None:
        await trio.serve_ssl_over_tcp(
            serve, 0, theirs, host="127.0.0.1", https_compatible=True, task_status=task_status
        )

    listeners = await nursery.start(listen)
    url = f"https://localhost:{listeners[0].transport_listener.socket.getsockname()[1]}/"
    trusting = tls_context(str(certificate), None, None)
    async with make_client(tls=trusting) as client:
        for _ in range(3):
            assert 200 == status_of(await post(client, url=url))
    assert 1 == connections
    assert await reachable(url, tls=trusting)
    async with make_client() as stranger:
        assert Unsent("connect_error") == await post(stranger, url=url)
    assert not await reachable(url)
