"""The edge as a real process, beside a fake dispatch that runs on a thread of the test's."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from tests.unit.edge.fake_dispatch import FakeDispatch
from tests.unit.edge.world import settings

from klaroen.rundir import SOCKET, read_ports, run_dir
from klaroen.settings import Settings

START_S = 15.0
RUN_EDGE = """
import sys, msgspec
from klaroen.edge.serve import run_edge
from klaroen.settings import Settings
code = run_edge(msgspec.json.decode(sys.argv[1], type=Settings))
assert "trio" not in sys.modules, "the edge imported trio"
sys.exit(code)
"""


@contextmanager
def dispatch_thread(data_dir: Path) -> Iterator[FakeDispatch]:
    """A fake dispatch that answers as its script says, on a loop of its own."""
    loop = asyncio.new_event_loop()
    dispatch = FakeDispatch(run_dir(data_dir) / SOCKET)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(dispatch.start(), loop).result(START_S)
    try:
        yield dispatch
    finally:
        asyncio.run_coroutine_threadsafe(dispatch.stop(), loop).result(START_S)
        asyncio.run_coroutine_threadsafe(_settle(), loop).result(START_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_S)
        loop.close()


async def _settle() -> None:
    """Let the connections' tasks end, which their hang-up has woken."""
    own = asyncio.current_task()
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not own))


@contextmanager
def edge_process(configured: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The edge, from its start to its end; killed if it does not end by itself."""
    arguments = [sys.executable, "-c", RUN_EDGE, msgspec.json.encode(configured).decode()]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, env=os.environ | {"PYTHONDEVMODE": ""})
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_ports(data_dir: Path, process: subprocess.Popen[bytes]) -> dict[str, int]:
    """Return the ports once the edge has written them."""
    until_s = time.monotonic() + START_S
    while "edge" not in (ports := read_ports(data_dir)):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < until_s, "the edge did not start"
        threading.Event().wait(0.02)
    return ports


def edge_settings(data_dir: Path, requests_per_s: float = 50.0) -> Settings:
    configured = settings(data_dir, requests_per_s)
    return msgspec.structs.replace(configured, metrics=msgspec.structs.replace(configured.metrics, edge="127.0.0.1:0"))
