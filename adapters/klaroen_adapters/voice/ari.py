"""The driver of kind `asterisk`: calls by one Asterisk's REST interface (ARI), on trio.

Law: each order is written at most once. Requests go over the WebSocket that brings the events (Asterisk 22.5 and
later), or over HTTP where that is not answered. What calls do is decided in `ari_agent`, what callers hear in
`ari_central`.
"""

import base64
import contextlib
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import trio
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)
from websockets.trio.client import ClientConnection, connect

from klaroen.clips import RATE, ClipStore
from klaroen.core.errors import CarrierDownError
from klaroen.core.model import CarrierName, ClipId
from klaroen.core.ports import (
    Answer,
    Central,
    Clock,
    Emit,
    Envelope,
    Event,
    Fault,
    Link,
    Outcome,
    Receipt,
    Refused,
    Unsent,
)
from klaroen.settings import Asterisk
from klaroen_adapters.tcp import READ_ERRORS, Connect, ConnectError, connector, tls_context
from klaroen_adapters.voice import ari_wire
from klaroen_adapters.voice.ari_agent import AriAgent
from klaroen_adapters.voice.ari_call import Dial, Terms
from klaroen_adapters.voice.ari_central import Question
from klaroen_adapters.voice.asks import Asks
from klaroen_adapters.voice.inbound import Inbound

MESSAGE_BYTES_MAX: Final = 32 * 1024 * 1024
"""A list of 10,000 channels, of some 700 bytes each, several times over."""
SETTLE_S: Final = 5.0
"""Asterisk lists its channels in milliseconds; who takes longer is not fit for calls."""
BY_SOCKET_S: Final = 2.0
"""An Asterisk that knows no requests over the WebSocket is silent."""
PING_S: Final = 10.0
"""An idle connection is tried so often, and is given up after as long without an answer."""
RETRY_FIRST_S: Final = 0.5
RETRY_MAX_S: Final = 15.0
"""An Asterisk that restarts is ready in seconds."""

_FRAMES: Final = logging.getLogger("klaroen_adapters.voice.ari.frames")
"""websockets writes what it sends and gets to its log, and that holds numbers: each carrier turns it off."""


class AriCarrier:
    """One Asterisk."""

    def __init__(
        self, settings: Asterisk, password: str, emit: Emit, clock: Clock, connect: Connect | None = None
    ) -> None:
        self.name: CarrierName = settings.name
        _FRAMES.disabled = True
        self._settings = settings
        self._emit = emit
        self._clock = clock
        self._clips = ClipStore(settings.data_dir or ".")
        parts = urlsplit(settings.url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        tls = tls_context(settings.tls_ca, None, None) if parts.scheme == "https" else None
        self._connect = connect or connector(tls)
        secret = base64.b64encode(f"{settings.user}:{password}".encode()).decode()
        self._authorization = f"Basic {secret}"
        clips = settings.clips or str(self._clips.path(ClipId("")).parent.absolute())
        context = settings.amd_context if settings.amd else None
        terms = Terms(settings.app, settings.endpoint, clips.rstrip("/"), settings.caller_id, context)
        self._agent = AriAgent(terms)
        self._asks = Asks(settings.url, self._authorization, self._connect, self._hear)
        self._inbound = Inbound(settings.app, terms.clips, clock, self._asks.exchange)
        self._socket: ClientConnection | None = None
        self._by_http = False
        self._nursery: trio.Nursery | None = None
        self._telling = trio.Lock()
        self._turn = trio.Event()
        self._up: bool | None = None
        self._draining = False
        self._changed = trio.lowlevel.ParkingLot()

    # --- the port -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the connection up, with back-off, until cancelled."""
        pause_s = 0.0
        try:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self._keep_time)
                self._nursery.start_soon(self._inbound.prepare)
                while True:
                    await trio.sleep(pause_s)
                    words = await self._live()
                    pause_s = RETRY_FIRST_S if self._up else min(max(2 * pause_s, RETRY_FIRST_S), RETRY_MAX_S)
                    await self._down(words)
        finally:
            self._nursery, self._up = None, None
            self._agent.abandon(self._clock.now())
            events, _ = self._agent.take()
            with trio.CancelScope(shield=True):
                if events:
                    await self._emit(events)
                await self._asks.aclose()

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        """Order a call for each of these.

        Raises CarrierDownError while the connection is away or the carrier drains.
        """
        await trio.lowlevel.checkpoint()  # before anything is begun: a cancelled call has handed over nothing
        if not self._agent.ready or self._draining:
            raise CarrierDownError(self.name)
        now = self._clock.now()
        refused: list[Event] = []
        for envelope in envelopes:
            dial = self._dial(envelope)
            if isinstance(dial, Dial):
                self._agent.dial(dial, now)
            else:
                refused.append(Answer(envelope.attempt, dial))
        if refused:
            await self._emit(refused)
        await self._flush()

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        """Nothing to do: Asterisk says everything once."""

    def serve(self, central: Central) -> None:
        """Callers are answered in the language that the settings name; without one nobody is."""
        if self._settings.central_language is not None:
            self._inbound.serve(central, self._settings.central_language)

    async def drain(self, seconds: float) -> None:
        """Take nothing more; wait for the answers that are due, and for the calls that stand."""
        self._draining = True
        with trio.move_on_after(seconds):
            while self._agent.standing:
                await self._changed.park()
            await self._flush()  # whoever is telling the last end has told it then

    def _dial(self, envelope: Envelope) -> Dial | Outcome:
        script = envelope.script
        if script is None:
            return Refused("no clip", "content")
        if envelope.deadline_at <= self._clock.now():
            return Unsent("deadline passed")
        path = self._clips.path(script.clip)
        if not path.exists():
            return Refused("clip missing", "content")
        clip_ms = path.stat().st_size * 1000 // RATE
        deadline_at, expires_at = envelope.deadline_at, envelope.content.expires_at
        return Dial(envelope.attempt, envelope.address, script, clip_ms, deadline_at, expires_at)

    # --- the connection -----------------------------------------------------------------------------------------------

    async def _live(self) -> str:
        """Connect and read until it is over; return why."""
        try:
            stream = await self._connect(self._host, self._port)
        except ConnectError as error:
            return str(error)
        path = f"{urlsplit(self._settings.url).path.rstrip('/')}/events?app={self._settings.app}"
        socket = connect(
            f"ws://{self._netloc}{path}",  # whoever opened the stream has seen to TLS
            stream=stream,
            proxy=None,
            compression=None,
            additional_headers={"authorization": self._authorization},
            user_agent_header="klaroen",
            open_timeout=SETTLE_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=1.0,
            max_size=MESSAGE_BYTES_MAX,
            logger=_FRAMES,
        )
        try:
            async with socket as self._socket:
                return await self._serve(self._socket)
        except InvalidStatus as error:
            return f"http {error.response.status_code}"
        except InvalidHandshake:
            return "no WebSocket there"
        except (WebSocketException, TimeoutError, *READ_ERRORS):
            return "connection lost"
        finally:
            self._socket = None
            await trio.aclose_forcefully(stream)

    @property
    def _netloc(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    async def _serve(self, socket: ClientConnection) -> str:
        """Settle what stood before, say that we are up, and read."""
        self._by_http = self._by_http or self._settings.rest == "http"  # who took no requests once takes none later
        self._agent.connected()
        words = "no word of its channels"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._settle, nursery.cancel_scope)
            await self._flush()
            words = await self._read(socket)
            nursery.cancel_scope.cancel()
        return words

    async def _read(self, socket: ClientConnection) -> str:
        try:
            while True:
                await self._hear(ari_wire.read(await socket.recv(decode=False)))
        except ConnectionClosedOK:
            return "closed by Asterisk"
        except ConnectionClosed:
            return "connection lost"

    async def _settle(self, serving: trio.CancelScope) -> None:
        """Wait until it is known what stands; over HTTP where the WebSocket is not answered."""
        if not self._by_http:
            with trio.move_on_after(BY_SOCKET_S):
                await self._settled()
                return
            if self._settings.rest == "auto":
                self._by_http = True
                self._agent.connected()
                await self._flush()
        with trio.move_on_after(SETTLE_S):
            await self._settled()
            return
        serving.cancel()

    async def _settled(self) -> None:
        while not self._agent.ready:
            await self._turn.wait()

    async def _down(self, words: str) -> None:
        self._asks.drop()
        self._inbound.lost()
        self._agent.lost(self._clock.now())
        await self._flush()
        if self._up is not False:
            self._up = False
            await self._emit([Link(False, 0, words)])

    # --- what is to be told and asked ---------------------------------------------------------------------------------

    async def _flush(self) -> None:
        """Tell and ask what the agent has to tell and to ask; everybody who changed something comes by here."""
        async with self._telling:  # in order: what is taken later is told later
            events, requests = self._agent.take()
            odd, answers, questions = self._inbound.take()
            events += odd
            if self._agent.ready and not self._up:
                self._up = True
                events.insert(0, Link(True, self._settings.lines, "connected"))
            if events:
                await self._emit(events)
            for request in (*requests, *answers):
                await self._ask(request)
            for question in questions:
                if self._nursery is not None:
                    self._nursery.start_soon(self._answer, question)
        self._turn.set()
        self._turn = trio.Event()
        self._changed.unpark_all()

    async def _ask(self, request: ari_wire.Request) -> None:
        if self._by_http and self._nursery is not None:
            self._asks.begin(self._nursery, request)
        elif self._socket is not None:
            with contextlib.suppress(ConnectionClosed):  # whoever reads is told so too
                await self._socket.send(ari_wire.encode(request))

    async def _hear(self, message: ari_wire.Message | Fault | None) -> None:
        """Take one message, wherever it came from: what is about no call of ours is about somebody who calls us."""
        other = self._agent.receive(message, self._clock.now())
        if other is not None:
            self._inbound.receive(other)
        await self._flush()

    async def _answer(self, question: Question) -> None:
        await self._inbound.answer(question)
        await self._flush()

    async def _keep_time(self) -> None:
        """Do what falls due, when it does."""
        while True:
            turn, dues = self._turn, (self._agent.next_at, self._inbound.next_at)
            due_at = min((due for due in dues if due is not None), default=None)
            with trio.move_on_after(math.inf if due_at is None else max(0.0, (due_at - self._clock.now()) / 1000)):
                await turn.wait()
            if due_at is not None and self._clock.now() >= due_at:
                self._agent.tick(self._clock.now())
                self._inbound.tick()
                await self._flush()


def build(settings: Asterisk, emit: Emit, clock: Clock) -> AriCarrier:
    """Return the carrier with its secret read.

    Raises OSError for a file that cannot be read.
    """
    password = Path(settings.password_file).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    return AriCarrier(settings, password, emit, clock)
