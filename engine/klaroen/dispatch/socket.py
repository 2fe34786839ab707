"""Dispatch's Unix socket: questions in, answers and pushes out.

Law: only this user (and root) may connect, checked by the kernel's word; a client has a bounded number of questions
under way, and what it does not read it does not get: a slow client is cut off, never waited for. What it has asked is
done even if it goes meanwhile: what is on the disk must be known here too.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Final

import msgspec
import structlog
import trio

from klaroen.core.calls import Alerts, Ask, FromDispatch, Greet, Readiness, Seen, Tokens, Told
from klaroen.core.errors import InputError
from klaroen.core.frames import FRAME_BYTES_MAX, FrameError, Frames, frame, read_from_client
from klaroen.core.model import FINAL_STATES
from klaroen.core.policy import may_see
from klaroen.dispatch import readings
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.office import Office
from klaroen.dispatch.offline import told_faults
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.register.model import RegisterFaults
from klaroen_adapters.local import is_trusted, serve_socket

log = structlog.get_logger()

READ_BYTES: Final = 65_536
QUESTIONS_MAX: Final = 2_000
"""Under way for one client: twice what the edge allows itself."""
OUTBOX_BYTES_MAX: Final = 4 * FRAME_BYTES_MAX
"""What may wait for a client that reads slowly."""
PUSHED_MAX: Final = 50
"""Alerts in one frame: 60 kB, and some milliseconds of work."""
PUSH_S: Final = 0.25
"""Statuses are pushed at most four times a second (contract)."""


class Client:
    """One connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.wants_pushes = False
        self.turns = trio.Semaphore(QUESTIONS_MAX)
        self.scope = trio.CancelScope()
        """Cancelled to cut it off."""
        self.gone = False
        self._outbox = bytearray()
        self._written = trio.Event()

    def tell(self, message: FromDispatch) -> None:
        """Queue a frame. Raises trio.BrokenResourceError for a client that does not read."""
        self._outbox += frame(message)
        if len(self._outbox) > OUTBOX_BYTES_MAX:
            raise trio.BrokenResourceError("the client does not read")
        self._written.set()

    async def write_forever(self) -> None:
        while True:
            await self._written.wait()
            self._written = trio.Event()
            while self._outbox:
                chunk, self._outbox = bytes(self._outbox), bytearray()
                await self.stream.send_all(chunk)


class Counter:
    """The clients, their questions and the pushes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._office = Office(desk)
        self._clients: set[Client] = set()
        self._ready: Readiness | None = None

    async def serve(self, listener: trio.SocketListener) -> None:
        async with trio.open_nursery() as answering:
            await serve_socket(listener, partial(self._serve_client, answering))

    async def _serve_client(self, answering: trio.Nursery, stream: trio.SocketStream) -> None:
        if not is_trusted(stream.socket):
            log.warning("a stranger at the socket")
            return
        client = Client(stream)
        try:
            with client.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(client.write_forever)
                    await self._read(client, answering)
                    nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            log.info("a client went away")
        except* FrameError as group:
            log.warning("a client sent nonsense", words=str(group.exceptions[0]))
        finally:
            client.gone = True
            self._clients.discard(client)

    async def _read(self, client: Client, answering: trio.Nursery) -> None:
        frames = Frames()
        async for received in _chunks(client.stream):
            for body in frames.feed(received):
                message = read_from_client(body)
                if isinstance(message, Greet):
                    client.wants_pushes = message.pushes
                    if message.pushes:
                        self._clients.add(client)
                        self._greet(client)
                else:
                    await client.turns.acquire()  # back-pressure: nothing more is read from who asks too much
                    answering.start_soon(self._answer, client, message)

    async def _answer(self, client: Client, ask: Ask) -> None:
        try:
            told = Told(ask.number, msgspec.Raw(await self._office.answer(ask.principal, ask.question)))
        except InputError as error:
            told = Told(ask.number, problem=error.problem)
        except RegisterFaults as error:
            told = told_faults(ask.number, error)
        client.turns.release()
        self._push_tokens()  # first: whoever has made one may use it as soon as he is told
        if client.gone:
            return
        try:
            client.tell(told)
        except trio.BrokenResourceError:
            client.scope.cancel()

    # --- pushes -----------------------------------------------------------------------------------------------------

    def _greet(self, client: Client) -> None:
        desk = self._desk
        client.tell(Tokens(tuple(desk.tokens.values())))
        backlog = readings.count_backlog(desk)
        for some in in_pieces(list(desk.alerts.values())):
            client.tell(Alerts(tuple(self._seen(opened, backlog) for opened in some)))
        client.tell(readiness(desk))

    def _seen(self, opened: OpenAlert, backlog: readings.Backlog) -> Seen:
        desk = self._desk
        tokens = [name for name, token in desk.tokens.items() if may_see(token, opened.alert, desk.register.snapshot)]
        return Seen(readings.status(desk, opened, backlog), frozenset(tokens))

    async def push_forever(self) -> None:
        """Tell the edges what changed, at most four times a second; readiness and tokens at once."""
        desk = self._desk
        while True:
            await desk.push_bell.wait(None if desk.at_rest else PUSH_S)
            messages: list[FromDispatch] = []
            self._push_tokens()
            changed, desk.changed = desk.changed, set()
            backlog = readings.count_backlog(desk)
            told_to_the_end: list[OpenAlert] = []
            for some in in_pieces([desk.alerts[alert] for alert in changed if alert in desk.alerts]):
                seen = tuple(self._seen(opened, backlog) for opened in some)
                messages.append(Alerts(seen))
                ends = [opened for opened, one in zip(some, seen, strict=True) if one.status.state in FINAL_STATES]
                told_to_the_end += [opened for opened in ends if opened.closed]  # who closes later is told of again
                await trio.lowlevel.checkpoint()
            for opened in told_to_the_end:
                desk.alerts.pop(opened.alert.id).pages.clear()  # else only a collection frees them
            ready = readiness(desk)
            if ready != self._ready:
                self._ready = ready
                messages.append(ready)
            self._push(messages)
            await trio.sleep(PUSH_S / 2)

    def _push_tokens(self) -> None:
        if self._desk.tokens_changed:
            self._desk.tokens_changed = False
            self._push([Tokens(tuple(self._desk.tokens.values()))])

    def _push(self, messages: Sequence[FromDispatch]) -> None:
        for client in list(self._clients):
            try:
                for message in messages:
                    client.tell(message)
            except trio.BrokenResourceError:
                self._clients.discard(client)


def in_pieces(alerts: Sequence[OpenAlert]) -> Iterator[Sequence[OpenAlert]]:
    """Yield the alerts so many at a time as one frame and one turn of the loop take."""
    for start in range(0, len(alerts), PUSHED_MAX):
        yield alerts[start : start + PUSHED_MAX]


def readiness(desk: Desk) -> Readiness:
    """Ready: an alert would be accepted, and of each configured channel a carrier is up or in back-off."""
    missing = []
    if not desk.store_works:
        missing.append("the store cannot write")
    if not desk.register.snapshot.networks:
        missing.append("no register has been imported")
    for channel in sorted({channel for station in desk.stations.values() for channel in station.channels}):
        stations = [one for one in desk.stations.values() if channel in one.channels]
        if not any(one.link_up or one.pace.breaker != "closed" for one in stations):
            missing.append(f"no carrier for {channel} is up")
    ready = not missing and not desk.draining
    words = "; ".join(missing) or "ready"
    if checks := sorted({check for check, _ in desk.findings}):
        words += f"; does not add up, see the log: {', '.join(checks)}"
    return Readiness(ready, desk.draining, words)


async def _chunks(stream: trio.SocketStream) -> AsyncIterator[bytes]:
    while received := await stream.receive_some(READ_BYTES):
        yield received
