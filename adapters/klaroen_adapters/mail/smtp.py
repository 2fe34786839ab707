"""One account at a mail relay, on trio: its connections, kept up, fed and read.

Law: what no connection has taken is certainly unsent; one that is lost answers for what it held at once. Nothing of a
member stands in any word that is told: an address goes into the relay's connection, and nowhere else.
"""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio

from klaroen.core.errors import CarrierDownError
from klaroen.core.ports import Answer, Clock, Emit, Envelope, Link, Receipt, Refused, Unsent
from klaroen.setting_mail import Smtp
from klaroen_adapters.mail.mail_dkim import Signer, read_signer
from klaroen_adapters.mail.mail_message import Letterhead, Letters
from klaroen_adapters.mail.smtp_opening import Ending, Terms
from klaroen_adapters.mail.smtp_session import TOO_SLOW, Mail, Session
from klaroen_adapters.outlet import Outlet
from klaroen_adapters.tcp import (
    FAREWELL_S,
    READ_ERRORS,
    Connect,
    ConnectError,
    Secure,
    connector,
    part,
    securer,
    tls_context,
)

READ_BYTES: Final = 16 * 1024
WAITING_EACH: Final = 8
"""Mails that may wait for each connection: at 100 ms a mail the last of them waits a second."""
TICK_S: Final = 0.25
BACK_OFF_S: Final = 0.5
BACK_OFF_S_MAX: Final = 30.0
REFUSED_S: Final = 300.0
"""After a refused password every connection waits: relays lock accounts that insist."""
OPENING_S: Final = 30.0
"""From the greeting to the last of AUTH; a relay that looks up who calls takes some seconds."""


class _Line:
    """One connection's place; `session` while there is one."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.renewing = False
        """We ended the last session after so many mails, and the next one is on its way."""
        self.life = trio.CancelScope()
        self.writer = trio.lowlevel.ParkingLot()


class SmtpCarrier:
    """klaroen.core.ports.Carrier over SMTP submission."""

    def __init__(
        self,
        settings: Smtp,
        terms: Terms,
        emit: Emit,
        clock: Clock,
        connect: Connect | None = None,
        secure: Secure | None = None,
    ) -> None:
        """Read the certificates and the key. Raises OSError, ValueError: a fault of the configuration."""
        self.name = settings.name
        self._settings, self._terms, self._clock = settings, terms, clock
        context = tls_context(settings.tls_ca, None, None) if settings.tls != "none" else None
        self._connect = connect or connector(context if settings.tls == "implicit" else None)
        self._secure = secure or (securer(context) if context is not None else None)
        self._letters = Letters(letterhead(settings), signer_of(settings))
        self._lines = [_Line() for _ in range(settings.connections)]
        self._waiting: deque[Mail] = deque()
        self._window = settings.connections * WAITING_EACH
        self._link = Link(up=False, window=0, words="connecting")
        self._outlet = Outlet(emit, self._link)
        self._is_draining = False
        self._held_until = 0.0

    # --- the port -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the connections up until cancelled; then take leave and give out what is left to say."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._outlet.run)
                nursery.start_soon(self._tick)
                for line in self._lines:
                    nursery.start_soon(self._keep, line)
        finally:
            with trio.move_on_after(FAREWELL_S, shield=True):
                self._withdraw("stopped")
                await self._outlet.flush()

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        """Write mails and queue them: it never waits for a socket."""
        await trio.lowlevel.checkpoint()  # first: a cancelled call has handed over nothing
        if self._is_draining or not self._alive():
            raise CarrierDownError("no connection is up")
        now = self._clock.now()
        for envelope in envelopes:
            mail = self._letters.make(envelope, now)
            if mail is None:
                self._outlet.say([Answer(envelope.attempt, Refused("no address", "address"))])
            else:
                self._waiting.append(mail)
        self._place()

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        """Nothing to do: reports come by the edge, which answers after the commit."""

    async def drain(self, seconds: float) -> None:
        """Submit nothing more; return when every mail has its answer, or after so many seconds."""
        self._is_draining = True
        self._withdraw("draining")
        with trio.move_on_after(seconds):
            while not self._outlet.is_silent or any(session.unanswered for session in self._sessions()):
                await self._outlet.heard()  # an answer is an event, so that the last one wakes us

    # --- the life of a connection -------------------------------------------------------------------------------------

    async def _keep(self, line: _Line) -> None:
        back_off_s = BACK_OFF_S
        while True:
            await trio.sleep_until(self._held_until)
            was_ready, ending = await self._live(line)
            line.renewing = was_ready and ending.retry == "at_once"
            if not self._alive():
                self._withdraw("no connection is up")
            self._relink(ending.words)
            if line.renewing:
                continue
            if ending.retry == "refused":
                self._held_until = trio.current_time() + REFUSED_S
            back_off_s = BACK_OFF_S if was_ready else min(BACK_OFF_S_MAX, 2 * back_off_s)
            await trio.sleep(back_off_s)

    async def _live(self, line: _Line) -> tuple[bool, Ending]:
        """Connect and serve one session; return whether it ever was ready, and why it ended."""
        host = self._settings.host
        try:
            stream = await self._connect(host, self._settings.port)
        except ConnectError as error:
            return False, Ending(str(error))
        session = line.session = Session(self._terms, self._clock.now())
        was_ready, words = False, "connection lost"
        try:
            with trio.fail_after(OPENING_S):
                stream = await self._open(session, stream, host)
            was_ready, line.renewing = session.state == "ready", False
            async with trio.open_nursery() as nursery:
                line.life = nursery.cancel_scope
                nursery.start_soon(self._write, line, session, stream)
                if was_ready:
                    self._relink()
                self._place()
                await self._read(session, stream)
                nursery.cancel_scope.cancel()
        except ConnectError as error:
            words = str(error)
        except READ_ERRORS:
            words = "connection lost"
        except trio.TooSlowError:
            words = "no answer in time"
        finally:
            line.session = None
            session.quit()
            farewell = session.take()
            self._outlet.say(session.lose(words))
            line.renewing = was_ready and session.is_spent
            await part(stream, farewell)
        assert session.ending is not None, "a lost session knows why"
        return was_ready, session.ending

    async def _open(self, session: Session, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        """Talk until the session is ready or closed; go on over TLS where it asks for it.

        Raises ConnectError, or one of READ_ERRORS.
        """
        while session.state not in ("ready", "closed"):
            if session.state == "securing":
                assert self._secure is not None, "STARTTLS without a context"
                stream = await self._secure(stream, host)
                session.secured(self._clock.now())
            if session.has_octets:
                await stream.send_all(session.take())
            chunk = await stream.receive_some(READ_BYTES)
            if not chunk:
                raise ConnectError("connection lost")
            self._outlet.say(session.receive(bytes(chunk), self._clock.now()))
        return stream

    async def _read(self, session: Session, stream: trio.abc.Stream) -> None:
        while session.state != "closed":
            try:
                chunk = await stream.receive_some(READ_BYTES)
            except READ_ERRORS:
                return
            if not chunk:
                return
            self._outlet.say(session.receive(bytes(chunk), self._clock.now()))
            self._place()

    async def _write(self, line: _Line, session: Session, stream: trio.abc.Stream) -> None:
        """Write whatever there is to write; a connection that breaks ends the session's life."""
        while True:
            if not session.has_octets:
                await line.writer.park()
                continue
            try:
                await stream.send_all(session.take())
            except READ_ERRORS:
                line.life.cancel()
                return

    async def _tick(self) -> None:
        """Let time pass: deadlines, and connections that owe a reply."""
        while True:
            await trio.sleep(TICK_S)
            now = self._clock.now()
            for session in self._sessions():
                self._outlet.say(session.tick(now))
            late = [mail for mail in self._waiting if mail.deadline_at <= now]
            if late:
                self._waiting = deque(mail for mail in self._waiting if mail.deadline_at > now)
                self._outlet.say([Answer(mail.attempt, TOO_SLOW) for mail in late])
            self._place()

    # --- what all of them use -----------------------------------------------------------------------------------------

    def _sessions(self) -> list[Session]:
        return [line.session for line in self._lines if line.session is not None]

    def _ready(self) -> list[Session]:
        return [session for session in self._sessions() if session.state == "ready"]

    def _alive(self) -> bool:
        """Whether what is queued will find a connection."""
        spent = any(session.is_spent for session in self._sessions())
        return spent or bool(self._ready()) or any(line.renewing for line in self._lines)

    def _place(self) -> None:
        """Give what waits to the connections with the least to do, and rouse their writers."""
        while self._waiting:
            session = max(self._ready(), key=lambda one: one.room, default=None)
            if session is None or session.room == 0:
                break
            self._outlet.say(session.offer(self._waiting.popleft()))
        for line in self._lines:
            if line.session is not None and line.session.state == "closed":
                line.life.cancel()
            elif line.session is not None and line.session.has_octets:
                line.writer.unpark_all()

    def _withdraw(self, words: str) -> None:
        """Nothing that waits is sent."""
        late, self._waiting = self._waiting, deque()
        self._outlet.say([Answer(mail.attempt, Unsent(words)) for mail in late])

    def _relink(self, words: str = "") -> None:
        """Say how the link stands, if that has changed."""
        up = self._alive()
        told = "connected" if up else words
        if up != self._link.up or told != self._link.words:
            self._link = Link(up=up, window=self._window if up else 0, words=told)
            self._outlet.say([self._link])


def letterhead(settings: Smtp) -> Letterhead:
    return Letterhead(
        settings.sender, settings.sender_name, settings.subjects, settings.bounces, settings.unsubscribe_url
    )


def signer_of(settings: Smtp) -> Signer | None:
    """Return what signs mails; None where the relay does. Raises OSError, ValueError."""
    if settings.dkim_key_file is None or settings.dkim_selector is None:
        return None
    domain = settings.sender.rpartition("@")[2]
    return read_signer(domain, settings.dkim_selector, Path(settings.dkim_key_file).read_bytes())


def terms_of(settings: Smtp) -> Terms:
    """Return what is agreed with the relay, its password read. Raises OSError, ValueError."""
    path = settings.password_file
    password = "" if path is None else Path(path).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    return Terms(
        settings.hostname or settings.sender.rpartition("@")[2],
        settings.tls,
        settings.user,
        password,
        settings.mails_per_connection,
        settings.reports == "all",
    )


def build(settings: Smtp, emit: Emit, clock: Clock) -> SmtpCarrier:
    """Return the carrier that `settings` describe: the entry point of kind `smtp`."""
    return SmtpCarrier(settings, terms_of(settings), emit, clock)
