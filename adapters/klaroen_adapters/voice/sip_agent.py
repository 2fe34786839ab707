"""The SIP user agent client of one trunk, for many calls, without a socket: octets and instants in, events out.

Law: no clock, no I/O, no chance. After each call to a method that takes `now`, the owner writes what `take` returns and
sleeps until `next_at` at most, then calls `tick`.
"""

from collections.abc import Callable

from klaroen.core.model import Instant
from klaroen_adapters.voice.sip_call import Ask, Call, Invite
from klaroen_adapters.voice.sip_calls import Calls
from klaroen_adapters.voice.sip_desk import Desk
from klaroen_adapters.voice.sip_headers import ProtocolError
from klaroen_adapters.voice.sip_message import Message, Response, parse
from klaroen_adapters.voice.sip_server import Server
from klaroen_adapters.voice.sip_stream import Stream
from klaroen_adapters.voice.sip_terms import Address, CallName, Datagram, SipEvent, Terms

_KEEP_ALIVE = b"\r\n\0 "
"""What a datagram may consist of that only keeps a way open."""


class UserAgent:
    """One trunk's calls; see the module's law.

    `draw` returns 16 or more unguessable characters of A-Z a-z 0-9, new each time: tags, branches and cnonces.
    """

    def __init__(self, terms: Terms, draw: Callable[[], str]) -> None:
        self._desk = Desk(terms, draw)
        self._calls = Calls(self._desk)
        self._server = Server(self._desk, self._calls)
        self._streams: dict[Address, Stream] = {}

    @property
    def next_at(self) -> Instant | None:
        """When `tick` has something to do at the earliest; None while nothing waits for time."""
        return self._desk.deadlines.next_at

    @property
    def calls_count(self) -> int:
        """Calls that have not had their last event."""
        return len(self._calls)

    def invite(
        self,
        call: CallName,
        number: str,
        caller_id: str,
        media: Address,
        *,
        ring_s: float,
        ring_by_at: Instant,
        now: Instant,
    ) -> None:
        """Call a number ("+" and digits, or digits) from `caller_id` (likewise, or empty for the trunk's own).

        `media` is where our RTP socket hears. A call that does not ring by `ring_by_at` is given up: cancelled where
        the trunk took it (`Rejected`, 487), else `Lost`. One that rings is cancelled after `ring_s` of it.
        """
        ring_ms = int(ring_s * 1000)
        self._calls.invite(call, number, caller_id, media, ring_ms=ring_ms, ring_by_at=ring_by_at, now=now)

    def hang_up(self, call: CallName, now: Instant) -> None:
        """End a call: by BYE once it is answered, by CANCEL before. Its last event follows, at the next tick or later.

        A call that is unknown or over is let be.
        """
        self._calls.hang_up(call, now)

    def probe(self, now: Instant, within_s: float = 4.0) -> None:
        """Ask the trunk for a sign of life (OPTIONS); `Probed` follows."""
        self._calls.probe(now, int(within_s * 1000))

    def receive(self, octets: bytes, source: Address, now: Instant) -> list[SipEvent]:
        """Return what a datagram means, or over TCP a piece of the stream from `source`. Never raises.

        Over TCP a peer that speaks no SIP is told as `Fault`, and `is_broken(source)` is true: close the connection.
        """
        if not self._desk.repeats:
            for found in self._streams.setdefault(source, Stream()).feed(octets):
                if isinstance(found, ProtocolError):
                    self._desk.tell(str(found))
                else:
                    self._take(found, source, now)
        elif octets.strip(_KEEP_ALIVE):
            try:
                self._take(parse(octets), source, now)
            except ProtocolError as error:
                self._desk.tell(str(error))
        return self._told()

    def is_broken(self, source: Address) -> bool:
        """The stream from there can't be read on."""
        stream = self._streams.get(source)
        return stream is not None and stream.is_broken

    def tick(self, now: Instant) -> list[SipEvent]:
        """Return what time alone brings: repeats, deadlines."""
        for what in self._desk.deadlines.due(now):
            if isinstance(what, Invite):
                self._calls.on_invite_due(what, now)
            elif isinstance(what, Call):
                self._calls.on_call_due(what, now)
            elif isinstance(what, Ask):
                self._calls.asks.on_due(what, now)
            else:
                self._server.on_due(what, now)
        return self._told()

    def lose(self, source: Address, now: Instant) -> list[SipEvent]:
        """Return what becomes of calls now that the TCP connection to `source` is gone.

        Where it was the trunk's, calls without an answer are `Lost`; what was asked is asked again by the next `take`.
        """
        self._streams.pop(source, None)
        if source == self._desk.terms.trunk:
            self._calls.lose(now)
        return self._told()

    def move(self, local: Address) -> None:
        """Say from now on that we hear here: a new connection has another address. Answered calls go on over it."""
        self._desk.lines.move(local)

    def take(self) -> list[Datagram]:
        """Return what to write now, in this order."""
        taken, self._desk.outbox = self._desk.outbox, []
        return taken

    def _take(self, message: Message, source: Address, now: Instant) -> None:
        if isinstance(message, Response):
            self._calls.on_response(message, now)
        else:
            self._server.serve(message, source, now)

    def _told(self) -> list[SipEvent]:
        told, self._desk.events = self._desk.events, []
        return told
