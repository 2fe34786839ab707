"""One SMPP account on trio: its binds, kept up, fed and read.

Law: nothing is done per message here; octets go in and out in chunks, events in lists. A bind that is lost answers for
what it held at once. Reading never waits for writing, so that the peer's questions are answered whatever is stuck.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio

from klaroen.core.errors import CarrierDownError
from klaroen.core.ports import Clock, Emit, Envelope, Link, Receipt, Reply
from klaroen.settings import Smpp
from klaroen_adapters.outlet import Outlet
from klaroen_adapters.sms.smpp_content import Concatenations, Contents
from klaroen_adapters.sms.smpp_session import Session, Ticket
from klaroen_adapters.sms.smpp_spread import Spread
from klaroen_adapters.sms.smpp_terms import Ending, make_terms
from klaroen_adapters.tcp import FAREWELL_S, READ_ERRORS, Connect, ConnectError, connector, part, tls_context

READ_BYTES: Final = 256 * 1024
"""One read takes what thousands of answers need; a checkpoint costs as much as parsing five of them."""
BUSY_BYTES: Final = 256
GATHER_S: Final = 0.008
"""After a read of so many bytes (a dozen answers) the next waits so long: PDUs gather in the kernel meanwhile, and one
wake-up serves many [a wake-up costs as much as ten PDUs]. A lone message never waits."""
EVENTS_MAX: Final = 20_000
"""Events not yet taken by the engine; above it nothing is read, and TCP slows the carrier down."""
TICK_S: Final = 0.1
BACK_OFF_S: Final = 0.5
BACK_OFF_S_MAX: Final = 30.0
LIVED_S: Final = 10.0
"""A bind that lived so long resets the back-off."""
GHOST_S: Final = 30.0
"""The SMSC still holds our former session (ESME_RALYBND): it needs its own time-out to see that."""
REFUSED_S: Final = 300.0
"""After a refused password every bind waits: SMSCs lock accounts that insist."""


class Bind:
    """One connection's place; `session` while there is one."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.writer = trio.lowlevel.ParkingLot()
        self.life = trio.CancelScope()
        self.is_writing = False
        self.lived_s = 0.0
        """How long the last session was bound."""


class SmppCarrier:
    """klaroen.core.ports.Carrier over SMPP 3.4."""

    def __init__(self, settings: Smpp, emit: Emit, clock: Clock, connect: Connect | None = None) -> None:
        """Read the password and the certificates.

        Raises: OSError, ValueError: faults of the configuration.
        """
        self.name = settings.name
        self._settings = settings
        self._clock = clock
        password = Path(settings.password_file).read_text(encoding="ascii").rstrip("\r\n")
        self._terms = make_terms(settings, password)
        if connect is None:
            tls = (
                tls_context(settings.tls_ca, settings.tls_certificate, settings.tls_key_file) if settings.tls else None
            )
            connect = connector(tls)
        self._connect = connect
        self._spread = Spread(Contents(settings), Concatenations(secrets.randbelow(256)).draw)
        self._binds = [Bind() for _ in range(settings.binds)]
        self._held_until = 0.0
        self._is_draining = False
        self._link = Link(up=False, window=0, words="connecting")
        self._gathering: trio.Event | None = None
        self._outlet = Outlet(emit, self._link)

    # --- the port ---

    async def run(self) -> None:
        """Keep the binds up until cancelled; then take leave and give out what is left to say."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._outlet.run)
                nursery.start_soon(self._tick)
                for bind in self._binds:
                    nursery.start_soon(self._keep, bind)
        finally:
            with trio.move_on_after(FAREWELL_S, shield=True):
                self._outlet.say(self._spread.withdraw("stopped"))
                await self._outlet.flush()

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        """Encode and queue these: it never waits for a socket; what finds no room soon is answered Unsent."""
        if self._is_draining or not self._bound():
            raise CarrierDownError("no bind is up")
        now = self._clock.now()
        self._outlet.say(self._spread.add(envelopes, now))
        self._place()
        await trio.lowlevel.checkpoint()

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        """Answer these receipts on the binds they came by; a bind that is gone will see them repeated."""
        self._acknowledge([receipt.ticket for receipt in receipts], stored=stored)

    def acknowledge_replies(self, replies: Sequence[Reply], *, stored: bool) -> None:
        """Answer these in the same way."""
        self._acknowledge([reply.ticket for reply in replies], stored=stored)

    def _acknowledge(self, tickets: Sequence[object], *, stored: bool) -> None:
        session: Session | None = None
        response = 0
        sequences: list[int] = []
        for ticket in tickets:
            assert isinstance(ticket, Ticket), "what came is given back as it came"
            if ticket.session is not session or ticket.response != response:
                if session is not None:
                    session.acknowledge(response, sequences, stored=stored)
                session, response, sequences = ticket.session, ticket.response, []
            sequences.append(ticket.sequence)
        if session is not None:
            session.acknowledge(response, sequences, stored=stored)
        self._wake()

    async def drain(self, seconds: float) -> None:
        """Submit nothing more; return when every message has its answer and every event is taken, or after a time."""
        self._is_draining = True
        self._outlet.say(self._spread.withdraw("draining"))
        with trio.move_on_after(seconds):
            while not self._outlet.is_silent or any(session.unanswered for session in self._open()):
                await self._outlet.heard()  # an answer is an event, so that the last one wakes us

    # --- the life of a bind ---

    async def _keep(self, bind: Bind) -> None:
        back_off_s = BACK_OFF_S
        while True:
            await trio.sleep_until(self._held_until)
            ending = await self._live(bind)
            if bind.lived_s >= LIVED_S:
                back_off_s = BACK_OFF_S
            self._relink(ending.words)
            match ending.retry:
                case "refused":
                    self._held_until = trio.current_time() + REFUSED_S
                case "ghost":
                    await trio.sleep(GHOST_S)
                case "back_off":
                    await trio.sleep(back_off_s)
                    back_off_s = min(BACK_OFF_S_MAX, 2 * back_off_s)

    async def _live(self, bind: Bind) -> Ending:
        """Connect, bind and serve one session; return why it ended."""
        bind.lived_s = 0.0
        try:
            stream = await self._connect(self._settings.host, self._settings.port)
        except ConnectError as error:
            return Ending(str(error))
        session = bind.session = Session(self._terms, self._clock.now())
        try:
            async with trio.open_nursery() as nursery:
                bind.life = nursery.cancel_scope
                nursery.start_soon(self._write, bind, session, stream)
                await self._read(session, stream)
                nursery.cancel_scope.cancel()
        finally:
            bind.session = None
            session.unbind()
            octets = b"" if bind.is_writing else session.take()  # behind a PDU cut in two nothing can follow
            bind.is_writing = False
            ending = self._bury(bind, session)
            await part(stream, octets)
        return ending

    def _bury(self, bind: Bind, session: Session) -> Ending:
        """Give the answers of what a lost session held, at once; return why it ended."""
        if session.bound_at is not None:
            bind.lived_s = (self._clock.now() - session.bound_at) / 1000
        self._outlet.say(session.lose("connection lost"))
        if not self._bound():
            self._outlet.say(self._spread.withdraw("no bind is up"))
        assert session.ending is not None, "a lost session knows why"
        self._relink(session.ending.words)
        return session.ending

    async def _read(self, session: Session, stream: trio.abc.Stream) -> None:
        """Read until the session or the connection ends."""
        while session.state != "closed":
            try:
                chunk = await stream.receive_some(READ_BYTES)
            except READ_ERRORS:
                return
            if not chunk:
                return
            before = (session.state, session.window)
            self._outlet.say(session.receive(bytes(chunk), self._clock.now()))
            if before != (session.state, session.window):
                self._relink()
            self._place()
            while len(self._outlet) > EVENTS_MAX:
                await self._outlet.heard()
            if len(chunk) >= BUSY_BYTES:
                await self._gather()

    async def _gather(self) -> None:
        """Pause before reading on; all busy binds together, so that one timer and one turn serve them all."""
        if self._gathering is not None:
            await self._gathering.wait()
            return
        self._gathering = gathered = trio.Event()
        try:
            await trio.sleep(GATHER_S)
        finally:
            self._gathering = None
            gathered.set()

    async def _write(self, bind: Bind, session: Session, stream: trio.abc.Stream) -> None:
        """Write whatever there is to write; a connection that breaks ends the session's life."""
        while True:
            octets = session.take()
            if not octets:
                await bind.writer.park()
                continue
            bind.is_writing = True
            try:
                await stream.send_all(octets)
            except READ_ERRORS:
                bind.life.cancel()
                return
            bind.is_writing = False

    async def _tick(self) -> None:
        """Let time pass for all binds: deadlines, enquiries, what waits too long."""
        while True:
            await trio.sleep(TICK_S)
            now = self._clock.now()
            sessions = self._open()
            for session in sessions:
                self._outlet.say(session.tick(now))
            if self._spread:
                self._place()
                throttled = any(session.is_throttled for session in sessions)
                self._outlet.say(self._spread.overdue(now, throttled=throttled))
            self._relink()
            self._wake()

    # --- what all of them use ---

    def _open(self) -> list[Session]:
        return [bind.session for bind in self._binds if bind.session is not None]

    def _bound(self) -> list[Session]:
        return [session for session in self._open() if session.state == "bound"]

    def _place(self) -> None:
        if self._spread:
            self._spread.place(self._bound(), self._clock.now())
        self._wake()

    def _wake(self) -> None:
        """Rouse the writers that have something to do, and end what is over, however its writer is stuck."""
        for bind in self._binds:
            if bind.session is None:
                continue
            if bind.session.state == "closed":
                bind.life.cancel()
            elif bind.session.has_octets:
                bind.writer.unpark_all()

    def _relink(self, words: str | None = None) -> None:
        """Say how the link stands, if that has changed."""
        bound = self._bound()
        window = sum(session.window for session in bound)
        was = self._link
        if words is None:
            endings = [session.ending.words for session in self._open() if session.ending is not None]
            if bound:
                words = f"{len(bound)} of {len(self._binds)} binds"
            else:
                words = endings[0] if endings else "no bind is up" if was.up else was.words
        if (bool(bound), window) != (was.up, was.window) or (not bound and words != was.words):
            self._link = Link(up=bool(bound), window=window, words=words)
            self._outlet.say([self._link])


def build(settings: Smpp, emit: Emit, clock: Clock) -> SmppCarrier:
    """Return the carrier that `settings` describe: the entry point of kind `smpp`."""
    return SmppCarrier(settings, emit, clock)
