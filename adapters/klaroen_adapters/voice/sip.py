"""The driver of kind `sip` in dispatch: it gives calls to the voice processes, and passes on what they tell.

Law: each envelope gets one `Answer`, and each accepted call one `Call(ended)`, whatever becomes of the process that
makes it: when one goes, calls without an answer are unknown, and accepted ones have failed and ended. An attempt goes
to the process that its name picks, as long as that one runs: who comes again meets the one who knows it.
"""

from collections.abc import Iterator, Sequence
from typing import Final
from zlib import crc32

import trio
from msgspec import Struct

from klaroen.core.errors import CarrierDownError
from klaroen.core.frames import FrameError, Frames
from klaroen.core.model import AttemptId, CarrierName
from klaroen.core.phases import VOICE_GONE
from klaroen.core.ports import Accepted, Answer, Call, Clock, Emit, Envelope, Event, Link, Receipt, Refused, Unknown
from klaroen.settings import Sip
from klaroen_adapters.voice.voice_frames import CALLS_MAX, Dial, Hello, Place, Told, frame, read_from_voice, unpack

RETRY_S: Final = 0.25
RETRY_S_MAX: Final = 2.0
"""A voice process that died is back at once, or is started again ever later: it is looked for often."""
READ_BYTES: Final = 65_536
SILENCE_S: Final = 5.0
"""A voice process that says nothing for so long is stuck, and its calls are silent."""


class Standing(Struct):
    """One call in the hands of a voice process."""

    worker: "Worker"
    accepted: bool = False


class Worker:
    """One voice process, as this trunk sees it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.up = False
        self.words = "no voice process"
        self.standing: set[AttemptId] = set()
        self.is_new = True
        """We have not spoken with it before: it may make calls that were begun before our last start."""
        self._outbox = bytearray()
        self._written = trio.Event()

    def write(self, octets: bytes) -> None:
        self._outbox += octets
        self._written.set()

    async def write_forever(self, stream: trio.SocketStream) -> None:
        while True:
            while self._outbox:
                chunk, self._outbox = bytes(self._outbox), bytearray()
                await stream.send_all(chunk)
            self._written = trio.Event()
            await self._written.wait()

    def reset(self) -> None:
        """The connection is gone, and with it what waited to be written."""
        self.up, self.words = False, "no voice process"
        self._outbox.clear()


class SipCarrier:
    """One trunk, over all voice processes."""

    def __init__(self, settings: Sip, emit: Emit, clock: Clock) -> None:
        self.name: CarrierName = settings.name
        self._settings = settings
        self._emit = emit
        self._clock = clock
        self._workers = [Worker(path) for path in settings.sockets]
        self._calls: dict[AttemptId, Standing] = {}
        self._unanswered = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._link: Link | None = None
        self._draining = False
        self._running = False

    async def run(self) -> None:
        """Keep a connection to each voice process until cancelled."""
        self._running, self._link = True, None
        try:
            async with trio.open_nursery() as nursery:
                for worker in self._workers:
                    nursery.start_soon(self._keep, worker)
        finally:
            self._running = False
            for worker in self._workers:
                worker.reset()
                worker.standing.clear()
                worker.is_new = True
            self._calls.clear()
            self._unanswered = 0

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        """Give each of these to a voice process.

        Raises CarrierDownError while none is there whose trunk is up, or while the carrier drains.
        """
        await trio.lowlevel.checkpoint()  # before anything is begun: a cancelled call has handed over nothing
        up = [worker for worker in self._workers if worker.up]
        if not up or self._draining or not self._running:
            raise CarrierDownError(self.name)
        speechless = [one for one in envelopes if one.script is None]
        self._share(up, [one for one in envelopes if one.script is not None])
        if speechless:
            await self._emit([Answer(one.attempt, Refused("no clip", "content")) for one in speechless])

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        """Nothing to do: a voice process tells once, and dispatch keeps what it was told."""

    async def drain(self, seconds: float) -> None:
        """Take nothing more; wait for the answers that are due, and for the calls that stand."""
        self._draining = True
        with trio.move_on_after(seconds):
            while self._calls:
                await self._changed.park()

    # --- out --------------------------------------------------------------------------------------------------------

    def _share(self, up: Sequence[Worker], envelopes: Sequence[Envelope]) -> None:
        now = self._clock.now()
        shares: dict[tuple[int, int], list[Envelope]] = {}
        for envelope in envelopes:
            chosen = crc32(envelope.attempt.encode()) % len(self._workers)
            worker = self._workers[chosen]
            if not worker.up:
                chosen = self._workers.index(up[chosen % len(up)])
            shares.setdefault((chosen, id(envelope.content)), []).append(envelope)
        for (chosen, _), some in shares.items():
            worker = self._workers[chosen]
            for dial in dials(some, now):
                worker.write(frame(dial))
            for envelope in some:
                self._calls[envelope.attempt] = Standing(worker)
                worker.standing.add(envelope.attempt)

    # --- in ---------------------------------------------------------------------------------------------------------

    async def _keep(self, worker: Worker) -> None:
        pause_s = RETRY_S
        while True:
            await self._say_link()
            try:
                stream = await trio.open_unix_socket(worker.path)
            except OSError:
                await trio.sleep(pause_s)
                pause_s = min(RETRY_S_MAX, pause_s * 2)
                continue
            pause_s = RETRY_S
            async with stream:
                await self._converse(worker, stream)
            worker.reset()
            worker.is_new = False
            await self._emit(self._strand(worker))
            self._changed.unpark_all()

    async def _converse(self, worker: Worker, stream: trio.SocketStream) -> None:
        worker.write(frame(Hello(self.name)))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(worker.write_forever, stream)
                frames = Frames()
                while received := await _receive(stream):
                    for body in frames.feed(received):
                        await self._hear(worker, read_from_voice(body))
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError, FrameError):
            worker.words = VOICE_GONE

    async def _hear(self, worker: Worker, told: Told) -> None:
        if told.link is not None:
            worker.up, worker.words = told.link.up, told.link.words
            await self._say_link()
        events = [event for event in unpack(told) if self._is_news(worker, event)]
        if events:
            await self._emit(events)
            self._changed.unpark_all()

    def _is_news(self, worker: Worker, event: Event) -> bool:
        """Receipts are always; answers and ends only of calls that stand, since each comes once."""
        match event:
            case Answer(attempt, outcome):
                standing = self._calls.get(attempt)
                if standing is None and worker.is_new and isinstance(outcome, Accepted):
                    self._adopt(worker, attempt)
                if standing is None or standing.accepted:
                    return False
                standing.accepted = isinstance(outcome, Accepted)
                if not standing.accepted:
                    self._forget(attempt)
                return True
            case Call(attempt, phase):
                standing = self._calls.get(attempt)
                if standing is None or not standing.accepted:
                    return False
                if phase == "ended":
                    self._forget(attempt)
                return True
            case _:
                return True

    def _adopt(self, worker: Worker, attempt: AttemptId) -> None:
        """A call of before our last start: nobody waits for its answer, and its end frees a line."""
        self._calls[attempt] = Standing(worker, accepted=True)
        worker.standing.add(attempt)

    def _forget(self, attempt: AttemptId) -> None:
        self._calls.pop(attempt).worker.standing.discard(attempt)

    def _strand(self, worker: Worker) -> list[Event]:
        """Return what becomes of a lost process's calls."""
        events: list[Event] = []
        now = self._clock.now()
        for attempt in list(worker.standing):
            if self._calls[attempt].accepted:
                events += [Receipt("failed", VOICE_GONE, at=now, attempt=attempt), Call(attempt, "ended", 0.0)]
            else:
                events.append(Answer(attempt, Unknown(VOICE_GONE)))
            self._forget(attempt)
        return events

    async def _say_link(self) -> None:
        up = [worker for worker in self._workers if worker.up]
        words = (up or self._workers)[0].words if self._workers else "no voice process"
        link = Link(bool(up), self._settings.lines if up else 0, words)
        if link != self._link:
            self._link = link
            await self._emit([link])


async def _receive(stream: trio.SocketStream) -> bytes:
    """Return what comes; nothing at its end.

    Raises trio.TooSlowError for a voice process that is stuck: it says at least every second that it is not.
    """
    with trio.fail_after(SILENCE_S):
        return bytes(await stream.receive_some(READ_BYTES))


def dials(envelopes: Sequence[Envelope], now: int) -> Iterator[Dial]:
    """Yield frames for envelopes of one content: one for each run of the same script."""
    start = 0
    for index in range(1, len(envelopes) + 1):
        first = envelopes[start]
        if index < len(envelopes) and envelopes[index].script is first.script and index - start < CALLS_MAX:
            continue
        assert first.script is not None, "speechless ones are not shared out"
        calls = tuple(Place(one.attempt, one.address, (one.deadline_at - now) / 1000) for one in envelopes[start:index])
        yield Dial(first.script, (first.content.expires_at - now) / 1000, calls)
        start = index


def build(settings: Sip, emit: Emit, clock: Clock) -> SipCarrier:
    """Return the carrier; the configuration loader has filled `sockets`."""
    return SipCarrier(settings, emit, clock)
