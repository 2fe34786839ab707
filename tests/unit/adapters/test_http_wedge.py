"""The pool under cancellation: what wedged httpx's own pool must not wedge ours.

Twenty workers share ten connections to a healthy server, each call with a deadline of 0 to 10 ms. httpx 0.28.1 stops
for ever after some dozens of requests (httpcore issue 1093).
"""

import random
from dataclasses import dataclass

import httpx
import pytest
import trio
from tests.fakes.http_peer import Got, HttpPeer, read_request, response
from trio.testing import MockClock

from klaroen_adapters.http import Transport, make_client
from klaroen_adapters.http_pool import PoolStatistics

WORKERS = 20
CONNECTIONS = 10
DEADLINE_S = 0.010


async def serve(stream: trio.SocketStream) -> None:
    """A healthy server: every request is answered at once."""
    try:
        while await read_request(stream) is not None:
            await stream.send_all(response(200, b"ok"))
    except trio.BrokenResourceError:
        return  # clients that run out of time close


async def storm(
    client: httpx.AsyncClient, url: str, seconds: float, seed: int, deadline_s: float = DEADLINE_S
) -> tuple[int, int]:
    """Let the workers call for so long; return how many calls were answered, and how many ran out of time."""
    draws = random.Random(seed)
    answered = expired = 0

    async def work() -> None:
        nonlocal answered, expired
        while True:
            with trio.move_on_after(draws.uniform(0, deadline_s)) as scope:
                await client.get(url)
                answered += 1
            expired += scope.cancelled_caught

    with trio.move_on_after(seconds):
        async with trio.open_nursery() as workers:
            for _ in range(WORKERS):
                workers.start_soon(work)
    return answered, expired


async def listening(nursery: trio.Nursery) -> str:
    listeners = await nursery.start(trio.serve_tcp, serve, 0)
    return f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"


def statistics(client: httpx.AsyncClient) -> PoolStatistics:
    transport = client._transport
    assert isinstance(transport, Transport)
    return transport.statistics()


class Counted(trio.abc.Stream):
    """Streams that are counted while they are open."""

    def __init__(self, stream: trio.abc.Stream, ledger: "Count") -> None:
        self._stream = stream
        self._ledger = ledger
        ledger.open += 1
        ledger.open_max = max(ledger.open_max, ledger.open)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        self._ledger.open -= 1
        await self._stream.aclose()


@dataclass
class Count:
    open: int = 0
    open_max: int = 0


@pytest.mark.parametrize("seed", range(3))
async def test_the_pool_goes_on_under_a_storm_of_cancellations(
    nursery: trio.Nursery, autojump_clock: MockClock, seed: int
) -> None:
    """In virtual time, where the server takes 0 to 4 ms: many calls run out of time at any point of their way, the
    others are answered to the end, no place is lost and no connection is one too many."""
    draws = random.Random(seed)

    async def answer(got: Got) -> bytes:
        await trio.sleep(draws.uniform(0, 0.004))
        return response(200, b"ok")

    count = Count()
    peer = HttpPeer(nursery, answer=answer)

    async def connect(host: str, port: int) -> trio.abc.Stream:
        return Counted(await peer.connect(host, port), count)

    client = make_client(connect=connect, connections_max=CONNECTIONS)
    for turn in range(3):
        answered, expired = await storm(client, "http://carrier.test/", 0.1, seed * 3 + turn)
        assert answered > 100
        assert expired > 50
        pool = statistics(client)
        assert (0, 0) == (pool.in_use, pool.waiting)
        assert pool.idle == count.open
    assert count.open_max <= CONNECTIONS


async def test_the_pool_goes_on_under_the_storm_on_real_sockets(nursery: trio.Nursery) -> None:
    """The same with a kernel between; deadlines are measured in calls, since machines differ."""
    url = await listening(nursery)
    async with make_client(connections_max=CONNECTIONS) as client:
        started_at = trio.current_time()
        for _ in range(20):
            await client.get(url)
        call_s = (trio.current_time() - started_at) / 20
        answered, expired = await storm(client, url, 1, 1, max(DEADLINE_S, 3 * WORKERS * call_s))
        assert answered > WORKERS
        assert expired > WORKERS
        pool = statistics(client)
        assert (0, 0) == (pool.in_use, pool.waiting)
        with trio.fail_after(10):
            async with trio.open_nursery() as callers:
                for _ in range(WORKERS):
                    callers.start_soon(client.get, url)


@pytest.mark.slow
async def test_httpxs_own_pool_wedges_under_the_same_storm(nursery: trio.Nursery) -> None:
    """The reason why we have our own: if this fails one day, httpx has healed, and ours may go."""
    url = await listening(nursery)
    limits = httpx.Limits(max_connections=CONNECTIONS)
    client = httpx.AsyncClient(limits=limits, trust_env=False, timeout=httpx.Timeout(5, pool=1))
    await storm(client, url, 5, 1)
    with pytest.raises(httpx.PoolTimeout):
        await client.get(url)
    # Not closed: closing a wedged pool raises.
