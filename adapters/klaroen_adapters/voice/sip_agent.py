"""The SIP user agent client of one trunk, for many calls, without a socket: octets and instants in, events out.

Law: no clock, no I/O, no chance. After each call to a method that takes `now`, the owner writes what `take` returns and
sleeps until `next_at` at most, then calls `tick`.
"""

from typing import Protocol

from klaroen.core.model import Instant
from klaroen_adapters.voice.sip_terms import Address, CallName, Datagram, SipEvent


class UserAgent(Protocol):
    """One trunk's calls; see the module's law. Made by `UserAgent(terms, draw)`.

    `draw: Callable[[], str]` returns 16 or more unguessable characters of A-Z a-z 0-9, new each time: tags, branches
    and cnonces.
    """

    @property
    def next_at(self) -> Instant | None:
        """When `tick` has something to do at the earliest; None while nothing waits for time."""

    @property
    def calls_count(self) -> int:
        """Calls that have not had their last event."""

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

    def hang_up(self, call: CallName, now: Instant) -> None:
        """End a call: by BYE once it is answered, by CANCEL before. Its last event follows.

        A call that is unknown or over is let be.
        """

    def probe(self, now: Instant, within_s: float = 4.0) -> None:
        """Ask the trunk for a sign of life (OPTIONS); `Probed` follows."""

    def receive(self, octets: bytes, source: Address, now: Instant) -> list[SipEvent]:
        """Return what a datagram means, or over TCP a piece of the stream from `source`. Never raises.

        Over TCP a peer that speaks no SIP is told as `Fault`, and `is_broken(source)` is true: close the connection.
        """

    def is_broken(self, source: Address) -> bool:
        """The stream from there can't be read on."""

    def tick(self, now: Instant) -> list[SipEvent]:
        """Return what time alone brings: repeats, deadlines."""

    def lose(self, source: Address, now: Instant) -> list[SipEvent]:
        """Return what becomes of calls now that the TCP connection to `source` is gone: `Lost` without an answer."""

    def move(self, local: Address) -> None:
        """Say from now on that we hear here: a new connection has another address. Answered calls go on over it."""

    def take(self) -> list[Datagram]:
        """Return what to write now, in this order."""
