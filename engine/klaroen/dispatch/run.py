"""The dispatch process: one nursery, on one screen.

Law: whatever crashes here crashes all of it, and leases make that safe: the supervisor starts it again, and what was in
flight is settled from the journal and the receipts.
"""

import gc
import os
import signal
import socket as sockets
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import structlog
import trio

from klaroen.core import audit
from klaroen.core.intake import LIFE_S_MAX
from klaroen.core.model import CALL_CHANNELS, Instant, Language
from klaroen.dispatch import counting
from klaroen.dispatch.answering import answer_forever
from klaroen.dispatch.auditor import Auditor
from klaroen.dispatch.central import open_central
from klaroen.dispatch.clock import SystemClock
from klaroen.dispatch.closing import close_forever, forget_closed
from klaroen.dispatch.commit import commit_forever, drain_forever
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.feed import feed_forever
from klaroen.dispatch.feedback import overdue
from klaroen.dispatch.fleet import WATCH_S, EmitFor, build_fleet, run_carrier, watch
from klaroen.dispatch.flight import fly
from klaroen.dispatch.hearing import hear_forever
from klaroen.dispatch.recover import load_register, load_tokens, recover
from klaroen.dispatch.retention import forget
from klaroen.dispatch.socket import Counter
from klaroen.recordings import Recordings
from klaroen.register.book import Book
from klaroen.register.opening import keys_path, open_book
from klaroen.rundir import SOCKET, run_dir, write_pid, write_port
from klaroen.seal import load_seal
from klaroen.settings import Settings
from klaroen.store import open_store
from klaroen.store.errors import StoreCorruptError
from klaroen.store.trio_writer import TrioWriter
from klaroen.store.writer import SWITCH_S, WritableStore, Writer, transact
from klaroen.systemd import SILENT, Unit
from klaroen.telemetry import Depths, DispatchMetrics, configure_logging, serve_metrics
from klaroen.telemetry.speech import SpeechEngines
from klaroen.telemetry.vitals import BEAT_S
from klaroen_adapters.local import open_socket
from klaroen_adapters.speech import build_recorder, build_speaker
from klaroen_adapters.speech.cascade import CascadeSpeaker
from klaroen_adapters.speech.voices import SPOKEN, find_lacking

log = structlog.get_logger()

COLLECT_AFTER = (50_000, 20, 50)
"""A full collection walks every open alert [200 ms for some hundreds]: what is over is freed without one, so rarely."""
DAY_S = 86_400.0
SWEEP_S = 3_600.0
"""What is too old goes once an hour."""
FORGET_MAX = 500
"""Replies whose words are forgotten by one commit."""
CALLS_S = 60.0
"""As long as calls that stand are waited for at a stop: ringing and two plays of a message; the supervisor knows."""
WARM_S = 2.0
"""A start has more urgent work: what is pending leaves within two seconds."""
DEPTHS_S = 0.5
"""How fresh the depths are that a scrape reads."""


def run_dispatch(settings: Settings, unit: Unit = SILENT) -> int:
    """Run until SIGTERM; return the exit status."""
    configure_logging("dispatch")
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(*COLLECT_AFTER)
    store = open_store(settings.store, Path(settings.data_dir))
    try:
        path = keys_path(Path(settings.data_dir), settings.register.keys_file)
        book = open_book(store.register, path, partial(transact, store))
        trio.run(serve, settings, store, book, unit)
    except BaseExceptionGroup as group:
        raise _damage(group) or group from None
    finally:
        store.close_connections()
    return 0


def _damage(error: BaseException) -> StoreCorruptError | None:
    """Return the damage to the store that a nursery's end tells of, if it is that."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_damage, error.exceptions)), None)
    return error if isinstance(error, StoreCorruptError) else None


async def serve(settings: Settings, store: WritableStore, book: Book, unit: Unit) -> None:
    """Open everything, then run the nursery tree."""
    depths = [Depths()]
    metrics = DispatchMetrics(settings, lambda: depths[0])
    writer = TrioWriter(Writer(store, on_commit=metrics.store_commit.observe))
    standing = store.standing()
    clock = SystemClock(standing.last_instant)
    recordings = Recordings(settings.data_dir)
    speaker, recorder = build_speaker(settings.speech, recordings.clips), build_recorder(recordings)
    key = address_key(Path(settings.data_dir))
    desk = Desk(settings, store, writer, clock, metrics, owner(), key, book, speaker)
    tell_voices(speaker.heard, find_lacking(settings.speech), metrics)
    load_register(desk)
    load_tokens(desk)
    desk.recorder, desk.sealer = recorder, load_seal(Path(settings.data_dir), settings.audit.key_file)
    build_fleet(desk, EmitFor(desk))
    open_central(desk, speaker, recordings)
    recover(desk, standing)
    if CALL_CHANNELS & desk.channels(drill=False):
        desk.narrator.rehearse()
    gc.freeze()  # the register stays: no collection need walk it
    counter = Counter(desk)
    listener = await open_socket(trio.Path(run_dir(settings.data_dir) / SOCKET))
    write_pid(settings.data_dir, "dispatch")
    write_port(settings.data_dir, "metrics_dispatch", serve_metrics(metrics.registry, settings.metrics.dispatch))
    try:
        async with trio.open_nursery() as nursery:
            start_work(nursery, desk, counter)
            nursery.start_soon(check_forever, store)
            nursery.start_soon(measure_forever, desk, depths)
            nursery.start_soon(counter.serve, listener)
            nursery.start_soon(beat_forever, metrics, unit)
            nursery.start_soon(forget_sounds_forever, desk, recordings)
            nursery.start_soon(warm_voices, desk, speaker)
            unit.ready()
            await wait_for_stop()
            unit.stopping()
            await drain(desk)
            nursery.cancel_scope.cancel()
    finally:
        speaker.close()
        recorder.close()
        await writer.aclose()


def start_work(nursery: trio.Nursery, desk: Desk, counter: Counter) -> None:
    """Start everything that dispatch does unasked; it needs no process of its own, so that a test can run it too."""
    for station in desk.all_stations():
        nursery.start_soon(run_carrier, desk, station)
        nursery.start_soon(watch, desk, station)
        nursery.start_soon(fly, desk, station)
    nursery.start_soon(feed_forever, desk)
    nursery.start_soon(commit_forever, desk)
    nursery.start_soon(drain_forever, desk)
    nursery.start_soon(hear_forever, desk)
    nursery.start_soon(answer_forever, desk)
    if desk.narrator.speaks:
        nursery.start_soon(desk.narrator.run)
    nursery.start_soon(close_forever, desk)
    nursery.start_soon(keep_time, desk)
    nursery.start_soon(sweep_forever, desk)
    nursery.start_soon(Auditor(desk).run)
    nursery.start_soon(counter.push_forever)


def tell_voices(heard: Mapping[Language, str], lacking: str | None, metrics: DispatchMetrics) -> None:
    """Show who reads texts aloud, and warn where it is the voice that is hardly understood, or nobody."""
    metrics.registry.register(SpeechEngines(heard))
    if lacking is not None:
        log.warning(lacking)
    for language in SPOKEN:
        if language not in heard:
            log.warning("no voice reads a language: calls in it need a recording", language=language)
    if heard.get("nl") == "espeak-ng":
        log.warning("Dutch is read by espeak-ng, which is hard to understand: see docs/speech.md")


async def warm_voices(desk: Desk, speaker: CascadeSpeaker) -> None:
    """Have voices ready where calls can be made, once the start is over."""
    if any(not {"voice", "tts"}.isdisjoint(station.channels) for station in desk.stations.values()):
        await trio.sleep(WARM_S)
        await speaker.warm_up()
        log.info("voices are ready")


async def keep_time(desk: Desk) -> None:
    """Do what falls due; while alerts are open look at the clock often: who stood still must know before that."""
    while True:
        now = desk.clock.now()
        desk.agenda.run_due(now)
        tick = Instant(now + int(WATCH_S * 1000)) if desk.alerts else None
        due = min((at for at in (desk.agenda.next_at(), tick) if at is not None), default=None)
        await desk.timer_bell.wait(None if due is None else max(0.0, (due - now) / 1000))
        if due is not None:
            desk.heed_standstill(due)


async def seal(desk: Desk) -> None:
    """Sign the audit trail as it stands, unless nothing was entered since the last time."""
    if desk.sealer is not None:
        now = desk.clock.now()
        await desk.insist(desk.store.checkpoint, partial(audit.checkpoint, desk.sealer, now), now)


async def check_forever(store: WritableStore) -> None:
    """Read the whole store at the start and once a day: damage is told before somebody needs what it hit.

    Beside everything else: 100 MB are read in 0.1 s, before a carrier has connected; a GB takes a second or more.
    """
    while True:
        await trio.to_thread.run_sync(store.check, abandon_on_cancel=True)
        await trio.sleep(DAY_S)


async def sweep_forever(desk: Desk) -> None:
    """Forget what is too old, and be ready for the day."""
    while True:
        now = desk.clock.now()
        desk.register.prepare(now)
        await desk.insist(desk.store.sweep, now)
        kept_ms = int(desk.settings.retention.replies_days * DAY_S * 1000)
        while await desk.insist(desk.store.replies.forget, Instant(now - kept_ms), FORGET_MAX, now) == FORGET_MAX:
            await trio.lowlevel.checkpoint()
        forget_closed(desk)
        await seal(desk)
        desk.without_feedback = len(overdue(desk.store.books, desk.clock.now()))
        await forget(desk)
        await trio.sleep(SWEEP_S)


async def forget_sounds_forever(desk: Desk, recordings: Recordings) -> None:
    """Forget recordings, and the clips that nobody has asked for as long as an alert may live beyond that."""
    keep_s = desk.settings.retention.recordings_days * DAY_S
    while True:
        before_s = desk.clock.now() / 1000 - keep_s
        for clip in desk.narrator.kept():
            recordings.clips.touch(clip)
        await trio.to_thread.run_sync(recordings.sweep, before_s)
        await trio.to_thread.run_sync(recordings.clips.sweep, before_s - LIFE_S_MAX)
        await trio.sleep(SWEEP_S)


async def beat_forever(metrics: DispatchMetrics, unit: Unit) -> None:
    """Show that the loop turns."""
    while True:
        metrics.vitals.beat()
        unit.alive()
        await trio.sleep(BEAT_S)


async def measure_forever(desk: Desk, depths: list[Depths]) -> None:
    while True:
        depths[0] = counting.depths(desk)
        for station in desk.all_stations():
            counting.carrier(desk, station)
        for opened in desk.alerts.values():
            counting.deliveries(desk, opened)
        await trio.sleep(DEPTHS_S)


async def wait_for_stop() -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            log.info("stopping", signal=signal.Signals(number).name)
            return


async def drain(desk: Desk) -> None:
    """Hand over nothing more, wait for answers and for the calls that stand, and journal what came."""
    desk.draining = True
    desk.push_bell.ring()
    seconds = desk.settings.dispatch.drain_s
    async with trio.open_nursery() as nursery:
        for station in desk.all_stations():
            nursery.start_soon(station.carrier.drain, max(seconds, CALLS_S) if station.calls else seconds)
    with trio.move_on_after(seconds):
        while desk.something_to_write:
            await desk.commits.park()
    log.info("drained", unanswered=sum(len(station.in_flight) for station in desk.all_stations()))


def owner() -> str:
    """Name this process in leases."""
    return f"{sockets.gethostname()}:{os.getpid()}"


def address_key(data_dir: Path) -> bytes:
    """Return the key under which addresses are hashed, made on the first start; it never leaves the machine."""
    path = data_dir / "address.key"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
    key = path.read_bytes()
    assert len(key) == 32, f"{path} does not hold a key of 32 bytes"
    return key
