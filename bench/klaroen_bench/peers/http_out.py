"""HTTP out: requests per CPU second of our client and of stock httpx, side by side in one run.

Law: the server is another process, so that only the client's CPU counts; both clients are the same `httpx.AsyncClient`
on trio and differ in their transport alone. Rounds alternate, and the median of each is what is said.
"""

import argparse
import json
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Final

import httpx
import trio
from msgspec import Struct
from msgspec.structs import asdict

from klaroen_adapters.http import Client, make_client

WIDTHS: Final = (1, 32, 128)
"""Requests in flight: one, a carrier's usual, and a crowd."""
ROUNDS: Final = 3
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
BODY: Final = b'{"to":[{"number":"+32470000000","ref":"0123456789abcdefghijklmnop"}]}'


class Row(Struct, frozen=True):
    name: str
    in_flight: int
    per_s: float
    per_cpu_s: float


def serve(ports: Connection) -> None:
    """A server that answers each request once it is whole: it measures nothing but its peer."""

    async def answer(stream: trio.SocketStream) -> None:
        held = b""
        try:
            while came := await stream.receive_some(65_536):
                held += came
                while (head := held.find(b"\r\n\r\n")) >= 0 and len(held) >= head + 4 + len(BODY):
                    held = held[head + 4 + len(BODY) :]
                    await stream.send_all(ANSWER)
        except trio.BrokenResourceError:
            return  # the client closed

    async def listen() -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        ports.send(listeners[0].socket.getsockname()[1])
        await trio.serve_listeners(answer, listeners)

    trio.run(listen)


async def measure(name: str, client: Client, url: str, in_flight: int, seconds: float) -> Row:
    """Keep so many requests in flight for so long."""
    answered = 0

    async def work() -> None:
        nonlocal answered
        while trio.current_time() < until:  # by the clock, since stock httpx breaks when it is cancelled
            (await client.post(url, content=BODY)).raise_for_status()
            answered += 1

    async with client:
        await client.post(url, content=BODY)
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        until = trio.current_time() + seconds
        async with trio.open_nursery() as workers:
            for _ in range(in_flight):
                workers.start_soon(work)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    return Row(name, in_flight, answered / wall_s, answered / cpu_s)


def stock(in_flight: int) -> Client:
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    return httpx.AsyncClient(limits=limits, trust_env=False, timeout=httpx.Timeout(None))


async def compare(url: str, seconds: float) -> list[Row]:
    """Return the median row of each client at each width."""
    rows: list[Row] = []
    for in_flight in WIDTHS:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(await measure("klaroen", make_client(connections_max=in_flight), url, in_flight, seconds))
            theirs.append(await measure(f"httpx {httpx.__version__}", stock(in_flight), url, in_flight, seconds))
        rows += [sorted(runs, key=lambda row: row.per_cpu_s)[ROUNDS // 2] for runs in (ours, theirs)]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="a round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ports, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        rows = trio.run(compare, f"http://127.0.0.1:{ports.recv()}/", options.seconds)
    finally:
        server.terminate()
        server.join()
    pairs = list(zip(rows[::2], rows[1::2], strict=True))
    ratios = {str(ours.in_flight): ours.per_cpu_s / other.per_cpu_s for ours, other in pairs}
    if options.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "ratio_to_httpx": ratios}))  # noqa: T201
        return
    for row in rows:
        words = f"{row.name:14} {row.in_flight:4} in flight {row.per_s:8.0f} /s {row.per_cpu_s:8.0f} per CPU second"
        print(words)  # noqa: T201
    print("ratio", {width: round(ratio, 1) for width, ratio in ratios.items()})  # noqa: T201


if __name__ == "__main__":
    main()
