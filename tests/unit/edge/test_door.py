"""What a caller can cost before its request is whole, and while it does not read: bytes, time, connections."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.unit.edge import samples
from tests.unit.edge.fake_dispatch import SILENCE
from tests.unit.edge.virtual import in_virtual_time, until
from tests.unit.edge.world import World, edge_world

from klaroen.core.calls import ListDeliveries, ListNetworks, Readiness, Seen, Submit
from klaroen.core.views import DeliveryPage
from klaroen.edge.door import HEAD_BYTES_MAX, MESSAGE_BYTES_MAX, Door
from klaroen.edge.serve import listening, serve, server_config

BEARER = f"Authorization: Bearer {samples.SECRET}\r\n".encode()
GET = b"GET /v1/networks HTTP/1.1\r\nHost: edge\r\n" + BEARER + b"\r\n"


class Caller:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def write(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def status(self) -> int:
        return int((await self.head()).split()[1])

    async def rest(self) -> bytes:
        """Until the server closes."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""


class Served:
    def __init__(self, world: World, door: socket.socket, stop: asyncio.Event) -> None:
        self.world, self.stop = world, stop
        self._address = door.getsockname()

    @asynccontextmanager
    async def caller(self) -> AsyncIterator[Caller]:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            yield Caller(reader, writer)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def served(drain_s: float = 5.0) -> AsyncIterator[Served]:
    async with edge_world() as world:
        with listening("127.0.0.1:0") as door:
            config = server_config(None, world.app)
            stop = asyncio.Event()
            serving = asyncio.create_task(serve(config, world.desk, door, stop, drain_s))
            try:
                yield Served(world, door, stop)
            finally:
                stop.set()
                await serving


def now_s() -> float:
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_requests_follow_each_other_on_one_connection() -> None:
    async with served() as edge, edge.caller() as caller:
        caller.write(GET + GET)
        for _ in range(2):
            head = await caller.head()
            assert head.startswith(b"HTTP/1.1 200")
            await caller.reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))


@pytest.mark.parametrize("octets", [b"\x16\x03\x01\x02\x00", b"GET /\xff HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n"])
@in_virtual_time
async def test_what_is_no_http_is_a_problem_and_the_end(octets: bytes) -> None:
    async with served() as edge, edge.caller() as caller:
        caller.write(octets)
        assert await caller.status() == 400
        assert b'"type":"/problems/malformed"' in await caller.rest()


@pytest.mark.parametrize("pieces", [1, 40])
@in_virtual_time
async def test_a_head_is_bounded_however_it_comes(pieces: int) -> None:
    """One header that never ends, or one that ends too late: 413, and no more is read."""
    async with served() as edge, edge.caller() as caller:
        head = b"GET /healthz HTTP/1.1\r\nX: " + b"a" * (HEAD_BYTES_MAX + 1000)
        size = len(head) // pieces
        status = asyncio.create_task(caller.status())
        for at in range(0, len(head), size):
            if not status.done():
                caller.write(head[at : at + size])
                await asyncio.sleep(0.01)
        if pieces == 1:
            caller.write(b"\r\n\r\n")
        assert await status == 413
        assert b'"type":"/problems/too-large"' in await caller.rest()


@in_virtual_time
async def test_a_long_head_within_the_bound_is_read() -> None:
    async with served() as edge, edge.caller() as caller:
        caller.write(b"GET /healthz HTTP/1.1\r\nX: " + b"a" * (HEAD_BYTES_MAX - 200) + b"\r\n\r\n")
        assert await caller.status() == 200


@pytest.mark.parametrize("size", [20_000, 200_000, 1024 * 1024])
@in_virtual_time
async def test_a_body_is_no_head_however_it_comes(size: int) -> None:
    """Twice on one connection, head and body in one piece: 202."""
    async with served() as edge, edge.caller() as caller:
        body = samples.ALERT_BODY.ljust(size)
        for key in (b"k1", b"k2"):
            caller.write(
                b"POST /v1/alerts HTTP/1.1\r\nContent-Type: application/json\r\nIdempotency-Key: %b\r\n"
                b"Content-Length: %d\r\n" % (key, size) + BEARER + b"\r\n" + body
            )
            head = await caller.head()
            assert head.startswith(b"HTTP/1.1 202")
            await caller.reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))


@in_virtual_time
async def test_blank_lines_keep_no_connection() -> None:
    """The parser skips them before a request: they count as a request that does not come."""
    async with served() as edge, edge.caller() as caller:
        caller.write(GET)
        assert await caller.status() == 200
        rest, started_s = asyncio.create_task(caller.rest()), now_s()
        while not rest.done():
            caller.write(b"\r\n")
            await asyncio.sleep(1)
        assert now_s() - started_s == pytest.approx(Door.request_s_max, abs=1.1)


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"POST /v1/alerts HTTP/1.1\r\nContent-Length: 10\r\n"])
@in_virtual_time
async def test_a_caller_that_dawdles_is_left(sent: bytes) -> None:
    """However it keeps the connection warm, a request is whole within 20 s."""
    async with served() as edge, edge.caller() as caller:
        caller.write(sent)
        started_s = now_s()
        assert await caller.rest() == b""
        assert now_s() - started_s == pytest.approx(Door.request_s_max, abs=0.2)


@in_virtual_time
async def test_a_body_that_dribbles_is_left_and_asks_nothing() -> None:
    async with served() as edge, edge.caller() as caller:
        caller.write(
            b"POST /v1/alerts HTTP/1.1\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\n"
            b"Content-Length: 1000\r\n" + BEARER + b"\r\n"
        )
        rest = asyncio.create_task(caller.rest())
        started_s = now_s()
        while not rest.done():
            caller.write(b" ")
            await asyncio.sleep(0.5)
        assert now_s() - started_s == pytest.approx(Door.request_s_max, abs=1)
        await until(lambda: edge.world.desk.bodies.held_bytes == 0)
        assert edge.world.dispatch.asked(Submit) == []


@in_virtual_time
async def test_a_refused_body_is_read_on_so_that_its_sender_hears_why_but_not_for_ever() -> None:
    """413 comes before the body is read; then so much of it is thrown away, and the connection ends."""
    async with served() as edge, edge.caller() as caller:
        caller.write(
            b"POST /v1/alerts HTTP/1.1\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\n"
            b"Content-Length: 1000000000\r\n" + BEARER + b"\r\n"
        )
        assert await caller.status() == 413
        rest, written = asyncio.create_task(caller.rest()), 0
        while not rest.done():
            caller.write(b" " * 65_536)
            written += 65_536
            await asyncio.sleep(0.01)
        assert MESSAGE_BYTES_MAX <= written <= 2 * MESSAGE_BYTES_MAX


@in_virtual_time
async def test_an_idle_connection_is_closed() -> None:
    async with served() as edge, edge.caller() as caller:
        caller.write(GET)
        assert await caller.status() == 200
        started_s = now_s()
        await caller.rest()
        assert now_s() - started_s == pytest.approx(30, abs=1)


@in_virtual_time
async def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody lets us wait, the one too many is told to come back."""
    monkeypatch.setattr(Door, "connections_max", 1)
    async with served() as edge, edge.caller() as first:
        edge.world.dispatch.show(Seen(samples.status(), frozenset({"police"})))
        first.write(GET.replace(b"networks", b"alerts/A1/events"))
        assert await first.status() == 200
        async with edge.caller() as second:
            head = await second.head()
            assert head.startswith(b"HTTP/1.1 503")
            assert b"retry-after: 1" in head
            assert b'"type":"/problems/unavailable"' in await second.rest()


SLOW = (b"", b"POST /v1/al", b"POST /v1/receipts/proximus HTTP/1.1\r\nContent-Length: 100\r\n\r\n[", GET[:-2])


@in_virtual_time
async def test_who_lets_us_wait_makes_room_for_who_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers first, the oldest of them first; who has asked before next; never a request that is whole."""
    monkeypatch.setattr(Door, "connections_max", 6)
    async with served() as edge, AsyncExitStack() as stack:
        world = edge.world
        world.dispatch.answers[ListDeliveries] = SILENCE
        busy, idle = [await stack.enter_async_context(edge.caller()) for _ in range(2)]
        busy.write(GET.replace(b"networks", b"alerts/A1/deliveries"))
        idle.write(GET)
        assert await idle.status() == 200
        slow = []
        for octets in SLOW:
            slow.append(await stack.enter_async_context(edge.caller()))
            slow[-1].write(octets)
            await asyncio.sleep(0.1)
        for place, oldest in enumerate([*slow, idle]):
            fresh = await stack.enter_async_context(edge.caller())
            world.dispatch.answers[ListNetworks] = SILENCE  # each of them is busy from now on
            fresh.write(GET)
            await until(lambda count=place + 1: len(world.dispatch.asked(ListNetworks)) == 1 + count)
            await oldest.rest()
        async with edge.caller() as late:
            assert await late.status() == 503
        asked = next(ask for ask in world.dispatch.asks if isinstance(ask.question, ListDeliveries))
        world.dispatch.tell(asked, samples.DELIVERIES)
        assert await busy.status() == 200


@in_virtual_time
async def test_a_caller_that_does_not_read_is_left() -> None:
    """An answer that nobody takes holds memory for 30 s and no longer."""
    async with served() as edge, edge.caller() as caller:
        page = DeliveryPage((samples.DELIVERY,) * 30_000, None)
        edge.world.dispatch.answers[ListDeliveries] = page
        caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
        caller.write(GET.replace(b"networks", b"alerts/A1/deliveries"))
        await until(lambda: len(edge.world.dispatch.asks) == 1)
        await asyncio.sleep(Door.stall_s_max + 1)
        caller.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await caller.rest()) < len(samples.DELIVERY.member) * 30_000 * 200


@in_virtual_time
async def test_a_reader_of_events_that_goes_is_noticed() -> None:
    async with served() as edge:
        edge.world.dispatch.show(Seen(samples.status(), frozenset({"police"})))
        async with edge.caller() as caller:
            caller.write(GET.replace(b"networks", b"alerts/A1/events"))
            assert await caller.status() == 200
            await until(lambda: edge.world.desk.streams.total() == 1)
        await until(lambda: edge.world.desk.streams.total() == 0)


@in_virtual_time
async def test_stopping_ends_streams_finishes_requests_and_closes() -> None:
    async with served() as edge, edge.caller() as streaming, edge.caller() as asking:
        world = edge.world
        world.dispatch.show(Seen(samples.status(), frozenset({"police"})))
        streaming.write(GET.replace(b"networks", b"alerts/A1/events"))
        assert await streaming.status() == 200
        world.dispatch.answers[ListDeliveries] = SILENCE
        asking.write(GET.replace(b"networks", b"alerts/A1/deliveries"))
        await until(lambda: len(world.dispatch.asked(ListDeliveries)) == 1)
        edge.stop.set()
        assert b"event: snapshot" in await streaming.rest()
        world.dispatch.tell(world.dispatch.asks[-1], samples.DELIVERIES)
        head = await asking.head()
        assert head.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in head


@in_virtual_time
async def test_while_dispatch_drains_new_alerts_are_503_and_reads_go_on() -> None:
    """SIGTERM: 503 for new work, not a refused connection."""
    async with served(drain_s=10) as edge:
        edge.world.dispatch.push(Readiness(ready=False, draining=True, words="stopping"))
        await until(lambda: edge.world.desk.mirror.readiness.draining)
        edge.stop.set()
        await asyncio.sleep(5)
        async with edge.caller() as caller:
            caller.write(b"POST /v1/alerts HTTP/1.1\r\nContent-Length: 0\r\n" + BEARER + b"\r\n")
            assert await caller.status() == 503
        async with edge.caller() as caller:
            caller.write(GET)
            assert await caller.status() == 200
        await asyncio.sleep(6)
        with pytest.raises(ConnectionRefusedError):
            async with edge.caller():
                pass
