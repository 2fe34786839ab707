"""What a competent engineer would write in an afternoon: asyncio and httpx, one request a member.

Law: 8 clients of 16 connections, each with 16 workers, so that nothing queues inside httpx. It keeps no journal,
retries nothing and does not wait for receipts: all that it has over an engine is its brevity.
Run: python -m klaroen_bench.peers.script --url http://HOST:PORT/ --count 10000 --json
"""

import asyncio
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import msgspec
import uvloop

from klaroen_bench.carriers.conditions import read_secret
from klaroen_bench.carriers.control import say

CLIENTS: Final = 8
CONNECTIONS: Final = 16
FIRST_NUMBER: Final = 32_470_000_000
TEXT: Final = "Inbraak bezig in de Kerkstraat. Let op een witte bestelwagen. Bel 101."


async def _work(client: httpx.AsyncClient, url: str, members: Iterator[int]) -> int:
    accepted = 0
    for member in members:
        order = {
            "batch": "script",
            "sender": "8810",
            "text": TEXT,
            "validity_s": 3600,
            "to": [{"number": f"+{FIRST_NUMBER + member}", "ref": f"script{member}"}],
        }
        response = await client.post(url, json=order)
        response.raise_for_status()
        accepted += response.json()["items"][0]["status"] == "accepted"
    return accepted


async def script(url: str, count: int, token: str | None) -> dict[str, object]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    clients = [httpx.AsyncClient(limits=limits, headers=headers, timeout=30.0, trust_env=False) for _ in range(CLIENTS)]
    members = iter(range(count))
    started, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(_work(client, url, members)) for client in clients for _ in range(CONNECTIONS)]
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    for client in clients:
        await client.aclose()
    return {
        "name": "script",
        "count": count,
        "accepted": sum(worker.result() for worker in workers),
        "handed_over_s": round(wall_s, 4),
        "per_s": round(count / wall_s),
        "cpu_us_per_message": round(cpu_s / count * 1e6, 2),
    }


def main() -> None:
    parser = ArgumentParser(prog="klaroen_bench.peers.script")
    parser.add_argument("--url", required=True)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--token-file", type=Path, default=None)
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    options = parser.parse_args()
    token = read_secret(options.token_file)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(script(options.url, options.count, token))
    if options.json:
        say(msgspec.json.encode(figures) + b"\n")
    else:
        say("".join(f"{name:20} {figure}\n" for name, figure in figures.items()).encode())


if __name__ == "__main__":
    main()
