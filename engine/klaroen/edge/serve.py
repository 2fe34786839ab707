"""The edge as a process: one loop that serves, keeps the link, and stops when it is told to.

Law: on SIGTERM no new alert is taken (503) while dispatch hands over no more but still wants receipts and answers
reads; then streams end, requests under way are finished, and the process exits 0.
"""

import asyncio
import resource
import signal
import socket
import time
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import structlog
import uvicorn
import uvloop

from klaroen.core.model import Instant
from klaroen.edge.app import Edge
from klaroen.edge.desk import Desk
from klaroen.edge.door import CONNECTIONS_MAX, KEEP_ALIVE_S, make_door
from klaroen.edge.link import Link
from klaroen.edge.mirror import Mirror
from klaroen.edge.pages import make_pages
from klaroen.edge.receipts import read_webhooks
from klaroen.edge.recordings import clear_spool
from klaroen.edge.tls import LOOK_S, Tls
from klaroen.rundir import SOCKET, run_dir, write_pid, write_port
from klaroen.settings import Settings
from klaroen.systemd import SILENT, Unit
from klaroen.telemetry import EdgeMetrics, configure_logging, serve_metrics
from klaroen.telemetry.vitals import BEAT_S

BACKLOG: Final = 2048
FILES_BESIDE: Final = 256
"""Beside the callers': modules, logs, the socket to dispatch, scrapes, recordings."""
GRACE_S: Final = 0.3
"""After SIGTERM, until dispatch has said whether it stops as well."""
FINISH_S: Final = 5
"""For requests under way: an answer takes 25 ms, and streams have ended before."""

log = structlog.get_logger(__name__)


def run_edge(settings: Settings, unit: Unit = SILENT) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    configure_logging("edge")
    allow_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, unit))


def allow_files() -> None:
    """Raise the soft limit of open files to what all callers need: a shell's is 1,024, and a caller is a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, CONNECTIONS_MAX + FILES_BESIDE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < CONNECTIONS_MAX + FILES_BESIDE:
        log.warning("fewer files are allowed than callers may be", files=wanted, callers=CONNECTIONS_MAX)


async def _run(settings: Settings, unit: Unit) -> int:
    stop = stop_signal()
    data_dir = Path(settings.data_dir)
    tls = Tls.of(settings.edge)
    metrics = EdgeMetrics(None if tls is None else tls.expires_at)
    mirror = Mirror(counter=time.time_ns() // 1_000_000)
    link = Link(run_dir(data_dir) / SOCKET, mirror)
    webhooks = read_webhooks(settings)
    desk = Desk(settings, link, mirror, metrics, webhooks, make_pages(), utc_now, time.monotonic)
    clear_spool(desk.spool)
    write_pid(data_dir, "edge")
    with listening(settings.edge.listen) as door:
        write_port(data_dir, "metrics_edge", serve_metrics(metrics.registry, settings.metrics.edge))
        write_port(data_dir, "edge", door.getsockname()[1])
        async with _beside(link, metrics, unit, tls):
            unit.ready()  # the door is open: callers queue there until the server takes them
            await serve(server_config(tls, Edge(desk)), desk, door, stop, settings.dispatch.drain_s)
            unit.stopping()
    log.info("the edge has stopped")
    return 0


def stop_signal() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def serve(config: uvicorn.Config, desk: Desk, door: socket.socket, stop: asyncio.Event, drain_s: float) -> None:
    """Serve on the door until told to stop; then drain, finish what is under way, and return."""
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[door]))
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        await drain(desk, drain_s)
    waiting.cancel()
    server.should_exit = True
    await serving


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: stopping has an order here."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def server_config(tls: Tls | None, app: Edge) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=make_door(),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=FINISH_S,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls.context,
    )


@contextmanager
def listening(listen: str) -> Generator[socket.socket, None, None]:
    """Yield a socket that listens at `host:port`; port 0 picks one."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, int(port)), family=family, backlog=BACKLOG) as door:
        yield door


async def drain(desk: Desk, drain_s: float) -> None:
    """Refuse new alerts and end streams; stay for receipts and reads while dispatch itself drains."""
    desk.drain()
    loop = asyncio.get_running_loop()
    until = loop.time() + drain_s
    await asyncio.sleep(GRACE_S)
    while desk.mirror.connected and desk.mirror.readiness.draining and loop.time() < until:  # noqa: ASYNC110
        await asyncio.sleep(GRACE_S)


@asynccontextmanager
async def _beside(link: Link, metrics: EdgeMetrics, unit: Unit, tls: Tls | None) -> AsyncIterator[None]:
    """Keep the link, the heartbeat and the certificate while the body runs."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(link.run()), group.create_task(_beat(metrics, unit))]
        if tls is not None:
            tasks.append(group.create_task(_renew(tls, metrics)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _beat(metrics: EdgeMetrics, unit: Unit) -> None:
    while True:
        metrics.vitals.beat()
        unit.alive()
        await asyncio.sleep(BEAT_S)


async def _renew(tls: Tls, metrics: EdgeMetrics) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        if tls.renew():
            metrics.certificate_renewed(tls.expires_at)


def utc_now() -> Instant:
    return Instant(time.time_ns() // 1_000_000)
