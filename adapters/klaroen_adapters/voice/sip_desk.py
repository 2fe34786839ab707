"""What the halves of one agent share: the trunk's terms, its templates, its deadlines, and what is to leave.

Law: no decisions. Client and server write their datagrams and events here; the agent hands them out.
"""

from collections.abc import Callable

from klaroen.core.ports import Fault
from klaroen_adapters.voice.sip_call import Ask, Call, Invite, Served
from klaroen_adapters.voice.sip_digest import Keyring
from klaroen_adapters.voice.sip_lines import Lines
from klaroen_adapters.voice.sip_message import MAGIC
from klaroen_adapters.voice.sip_terms import Datagram, SipEvent, Terms
from klaroen_adapters.voice.sip_timers import Deadlines


class Desk:
    """One agent's; see the module's law."""

    def __init__(self, terms: Terms, draw: Callable[[], str]) -> None:
        self.terms = terms
        self.draw = draw
        self.lines = Lines(terms)
        self.keyring = Keyring(terms.user, terms.password, draw)
        self.deadlines: Deadlines[Call | Invite | Ask | Served] = Deadlines()
        self.outbox: list[Datagram] = []
        self.events: list[SipEvent] = []

    @property
    def repeats(self) -> bool:
        """Datagrams get lost, so they are repeated; and each goes to its own address."""
        return self.terms.transport == "udp"

    def branch(self) -> str:
        return MAGIC + self.draw()

    def tell(self, words: str) -> None:
        """Count something odd that cost nothing."""
        self.events.append(Fault(words))
