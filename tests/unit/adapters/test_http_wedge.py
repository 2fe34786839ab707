"""The pool under cancellation: what wedged httpx's own pool must not wedge ours.

Twenty workers share ten connections to a healthy server, each call with a deadline of 0 to 10 ms. httpx 0.28.1 stops
for ever after some dozens of requests (httpcore issue 1093).
"""

import random

import httpx
import pytest
import trio
from tests.fakes.http_peer import read_request, response

from klaroen_adapters.http import Transport, make_client

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


async def storm(client: httpx.AsyncClient, url: str, seconds: float, seed: int) -> tuple[int, int]:
    """Let the workers call for so long; return how many calls were answered, and how many ran out of time."""
    draws = random.Random(seed)
    answered = expired = 0

    async def work() -> None:
        nonlocal answered, expired
        while True:
            with trio.move_on_after(draws.uniform(0, DEADLINE_S)) as scope:
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


async def test_the_pool_goes_on_under_a_storm_of_cancellations(nursery: trio.Nursery) -> None:
    """Calls are answered throughout, the pool ends empty-handed, and all places serve again."""
    url = await listening(nursery)
    async with make_client(connections_max=CONNECTIONS) as client:
        transport = client._transport
        assert isinstance(transport, Transport)
        for seed in (1, 2, 3):
            answered, expired = await storm(client, url, 0.7, seed)
            assert answered > 50
            assert expired > 50
            pool = transport.statistics()
            assert (0, 0) == (pool.in_use, pool.waiting)
            assert pool.idle <= CONNECTIONS
        with trio.fail_after(5):
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
