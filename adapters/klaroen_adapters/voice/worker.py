"""`klaroen voice`: one process that makes the calls of all trunks of kind `sip`.

Law: it holds nothing that must outlive it, and goes on without dispatch: calls that stand are played to their end, and
what is told of them waits for the next connection. SIGTERM: no new calls; those that stand have a minute.
"""

import contextlib
import gc
import os
import resource
import signal
import sys
from functools import partial
from time import CLOCK_BOOTTIME, clock_gettime, time
from typing import Final

import structlog
import trio

from klaroen.clips import ClipStore
from klaroen.core.frames import FrameError, Frames
from klaroen.core.model import CarrierName, Instant
from klaroen.core.ports import Clock
from klaroen.rundir import hold, join_pids, voice_socket, write_port
from klaroen.settings import Settings, Sip
from klaroen.systemd import SILENT, Unit
from klaroen.telemetry import configure_logging, serve_metrics
from klaroen.telemetry.vitals import BEAT_S
from klaroen.telemetry.voice import VoiceMetrics
from klaroen_adapters.local import is_trusted, open_socket, serve_socket
from klaroen_adapters.voice.clip_shelf import ClipShelf
from klaroen_adapters.voice.media import MediaRoom
from klaroen_adapters.voice.media_ports import MediaPorts
from klaroen_adapters.voice.trunk import Trunk
from klaroen_adapters.voice.voice_frames import Dial, Hello, Told, frame, pack, read_from_client

log = structlog.get_logger()

READ_BYTES: Final = 65_536
CALLS_S: Final = 60.0
"""The contract's: so long, a stopping process waits for calls that are being played."""
HANG_UP_S: Final = 3.0
"""For the answers to the BYEs that end what is left."""
COLLECT_AFTER: Final = (500_000, 50, 1_000)
"""A collection stops the player [14 ms for 50,000 things]; what a call leaves behind is freed without one. More things
than this are never alive: 2,000 calls have some 100,000."""
TIDY_S: Final = 30.0
"""How often a process without calls collects what it would not otherwise."""
SWITCH_S: Final = 0.0005
"""After so long a thread that reads a clip or answers a scrape lets the player go on."""
PRIORITY: Final = 1
"""Of a real-time process, the lowest: beside six busy processes on two cores 99.9 of 100 ticks were within 5 ms so, and
99 of 100 within 10 otherwise, with calls refused for it. The kernel keeps a twentieth of each core for the others."""
PAUSE_S: Final = 0.005
"""Events that come within it travel in one frame."""
EVENTS_AT_ONCE: Final = 500
"""In one frame: it takes a millisecond to write."""
STEP_S: Final = 0.05


def run_voice(settings: Settings, worker: int, unit: Unit = SILENT) -> int:
    """Run until SIGTERM; return the exit status.

    Raises: HeldError, where this worker runs already; OSError, where its metrics cannot be listened for.
    """
    configure_logging("voice")
    with hold(settings.data_dir, f"voice-{worker}"):
        return _run(settings, worker, unit)


def _run(settings: Settings, worker: int, unit: Unit) -> int:
    sys.setswitchinterval(SWITCH_S)
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))  # a socket a call
    gc.set_threshold(*COLLECT_AFTER)
    with contextlib.suppress(PermissionError):  # who may not is as urgent as everybody else
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    trio.run(partial(serve, settings, worker, unit), restrict_keyboard_interrupt_to_checkpoints=True)
    return 0


class Voice:
    """One process: its trunks, and who listens to each."""

    def __init__(self, settings: Settings, worker: int, shelf: ClipShelf, clock: Clock, unit: Unit = SILENT) -> None:
        voice, self._unit = settings.voice, unit
        even = range(voice.rtp_first + voice.rtp_first % 2, voice.rtp_last + 1, 2)
        share = len(even) // voice.workers
        self.room = MediaRoom(MediaPorts(even[worker * share : (worker + 1) * share]))
        self.metrics = VoiceMetrics(
            lambda: {name: len(trunk) for name, trunk in self.trunks.items()}, lambda: self.room.lateness.p99_s
        )
        self.room.late = self.metrics.late.observe
        self.trunks: dict[CarrierName, Trunk] = {
            one.name: Trunk(one, self.room, shelf, self.metrics.trunk(one.name), clock.now)
            for one in settings.carrier
            if isinstance(one, Sip)
        }
        self._clients: dict[CarrierName, trio.CancelScope] = {}

    async def run(self, listener: trio.SocketListener) -> None:
        """Carry everything, until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.room.play)
                nursery.start_soon(self.room.listen)
                nursery.start_soon(self._beat)
                nursery.start_soon(self._tidy)
                for trunk in self.trunks.values():
                    nursery.start_soon(trunk.run)
                nursery.start_soon(serve_socket, listener, self._serve_client)
        finally:
            self.room.end()

    async def drain(self, seconds: float) -> None:
        """Take no new calls, wait for those that stand, and end what is left."""
        trunks = self.trunks.values()
        for trunk in trunks:
            trunk.draining = True
        for patience_s in (seconds, HANG_UP_S):
            with trio.move_on_after(patience_s):
                while any(len(trunk) for trunk in trunks):  # noqa: ASYNC110  no event tells of all trunks
                    await trio.sleep(STEP_S)
            for trunk in trunks:
                trunk.hang_up_all()
        with trio.move_on_after(HANG_UP_S):
            while self._clients and any(trunk.outbox for trunk in trunks):  # noqa: ASYNC110
                await trio.sleep(STEP_S)

    async def _beat(self) -> None:
        while True:
            self.metrics.vitals.beat()
            self._unit.alive()
            await trio.sleep(BEAT_S)

    async def _tidy(self) -> None:
        while True:
            await trio.sleep(TIDY_S)
            if not len(self.room):
                gc.collect()

    async def _serve_client(self, stream: trio.SocketStream) -> None:
        if not is_trusted(stream.socket):
            log.warning("a stranger at the socket")
            return
        try:
            async with trio.open_nursery() as nursery:
                await self._read(stream, nursery)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            log.info("dispatch went away")
        except* FrameError as group:
            log.warning("a client sent nonsense", words=str(group.exceptions[0]))

    async def _read(self, stream: trio.SocketStream, nursery: trio.Nursery) -> None:
        frames, trunk = Frames(), None
        while received := await stream.receive_some(READ_BYTES):
            for body in frames.feed(received):
                message = read_from_client(body)
                match message:
                    case Hello(name) if trunk is None and name in self.trunks:
                        trunk = self.trunks[name]
                        self._replace_client(name, nursery.cancel_scope)
                        trunk.tell_again()
                        nursery.start_soon(self._tell, stream, trunk)
                    case Dial() if trunk is not None:
                        await trunk.place(message)
                    case _:
                        raise FrameError("a trunk that is none of ours")

    def _replace_client(self, name: CarrierName, scope: trio.CancelScope) -> None:
        """A trunk has one listener: the last that came."""
        before = self._clients.get(name)
        if before is not None:
            before.cancel()
        self._clients[name] = scope

    async def _tell(self, stream: trio.SocketStream, trunk: Trunk) -> None:
        """Write how the trunk is, then what comes about, and now and then that there is nothing.

        What could not be written waits for the next connection.
        """
        await stream.send_all(frame(Told(link=trunk.link)))
        while True:
            with trio.move_on_after(BEAT_S) as patience:
                await trunk.told.wait()
            if patience.cancelled_caught:
                await stream.send_all(frame(Told()))
            trunk.told = trio.Event()
            outbox = trunk.outbox
            while outbox:
                events = outbox[:EVENTS_AT_ONCE]
                await stream.send_all(frame(pack(events)))
                del outbox[: len(events)]
            await trio.sleep(PAUSE_S)


async def serve(settings: Settings, worker: int, unit: Unit) -> None:
    """Open everything, then run until told to stop."""
    voice = Voice(settings, worker, ClipShelf(ClipStore(settings.data_dir)), Elapsed(), unit)
    path = trio.Path(voice_socket(settings.data_dir, worker))
    listener = await open_socket(path)
    gc.freeze()
    name = f"metrics_voice{f'_{worker}' if worker else ''}"
    port = serve_metrics(voice.metrics.registry, metrics_listen(settings, worker))
    join_pids(settings.data_dir, "voice")
    write_port(settings.data_dir, name, port)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(voice.run, listener)
        unit.ready()
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for number in signals:
                log.info("stopping", signal=signal.Signals(number).name)
                break
        unit.stopping()
        await voice.drain(CALLS_S)
        nursery.cancel_scope.cancel()
    await path.unlink(missing_ok=True)


def metrics_listen(settings: Settings, worker: int) -> str:
    """Return where a worker's metrics are: each one port after the one before it; port 0 picks for each."""
    host, _, port = settings.metrics.voice.rpartition(":")
    return f"{host}:{int(port) + worker if int(port) else 0}"


class Elapsed:
    """UTC at the start, and what has gone by since: nothing of it travels, so that it may differ from dispatch's."""

    def __init__(self) -> None:
        self._start_ms = int(time() * 1000) - int(clock_gettime(CLOCK_BOOTTIME) * 1000)

    def now(self) -> Instant:
        return Instant(self._start_ms + int(clock_gettime(CLOCK_BOOTTIME) * 1000))
