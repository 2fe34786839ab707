"""One bind from its first octet to its last, without a socket: octets and instants in, events and octets out.

    binding -> bound -> leaving -> closed        (and from each of them straight to closed)

Law: submissions leave in `bound` alone. What the peer asks is answered whatever the window or the buffer holds, but a
receipt only once it is stored. Every message submitted gets one Answer: from the peer, at its deadline, or at the end,
where what was never handed out for writing is Unsent and all else Unknown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from msgspec import Struct

from klaroen.core.model import Instant
from klaroen.core.ports import Accepted, Answer, Envelope, Event, Fault, Outcome, Receipt, Reply, Unknown, Unsent
from klaroen_adapters.sms import smpp_pdu as pdu
from klaroen_adapters.sms.smpp_outbox import Chunk, Outbox
from klaroen_adapters.sms.smpp_receipt import canonical, is_receipt
from klaroen_adapters.sms.smpp_reply import read_reply
from klaroen_adapters.sms.smpp_status import (
    CREDENTIALS,
    ESME_RALYBND,
    ESME_RINVBNDSTS,
    ESME_RINVCMDID,
    ESME_RMSGQFUL,
    ESME_ROK,
    ESME_RX_R_APPN,
    code_of,
)
from klaroen_adapters.sms.smpp_submit import Draw, encode_run
from klaroen_adapters.sms.smpp_terms import Ending, Terms
from klaroen_adapters.sms.smpp_throttle import Throttle
from klaroen_adapters.sms.smpp_window import Window, settle

State = Literal["binding", "bound", "leaving", "closed"]

ENQUIRE_ANSWER_MS: Final = 10_000
"""A peer that is silent so long after our enquire_link is gone: TCP itself would need minutes to say so."""

_LATE: Final = Unknown("no answer in time")
_STUCK: Final = Unsent("not written in time")
_LOST: Final = Unknown("connection lost")
_UNWRITTEN: Final = Unsent("connection lost")
_LEFT: Final = Unsent("the peer unbound")
_NAMELESS: Final = Accepted()


class Ticket(Struct, frozen=True, gc=False):
    """Which request of which session a receipt came in: what its acknowledgement needs."""

    session: "Session"
    response: int
    sequence: int


class Session:
    """One bind; see the module's law."""

    def __init__(self, terms: Terms, now: Instant) -> None:
        self.state: State = "binding"
        self.ending: Ending | None = None
        self.bound_at: Instant | None = None
        self._terms = terms
        self._decoder = pdu.Decoder()
        self._window = Window(terms.first_sequence)
        self._throttle = Throttle(terms.rate_per_s)
        self._outbox = Outbox()
        self._read_receipt = terms.receipts.read
        self._read_arrival = terms.receipts.read_arrival
        self._heard_at = now
        self._enquired_at: Instant | None = None
        self._is_left = False  # the peer has unbound
        self._faults: Counter[str] = Counter()
        self._bind_sequence = self._window.draw()
        self._answer(pdu.encode_bind(self._bind_sequence, terms.system_id, terms.password, terms.system_type))
        self._reactions: dict[int, Callable[[pdu.Frame, Instant], Event | None]] = {
            pdu.GENERIC_NACK: self._on_nack,
            pdu.BIND_TRANSCEIVER_RESP: self._on_bind_answer,
            pdu.UNBIND: self._on_unbind,
            pdu.UNBIND_RESP: self._on_unbind_answer,
            pdu.ENQUIRE_LINK: self._on_enquiry,
            pdu.ENQUIRE_LINK_RESP: self._on_nothing,
            pdu.ALERT_NOTIFICATION: self._on_nothing,  # the one request that has no response
            pdu.DATA_SM: self._on_data,
            pdu.DELIVER_SM: self._on_deliver,
            pdu.SUBMIT_SM_RESP: self._on_answer,
        }

    # --- what may leave ---

    @property
    def unanswered(self) -> int:
        return len(self._window)

    @property
    def has_octets(self) -> bool:
        """`take` would return something."""
        return self._outbox.has_octets(submissions=self.state == "bound")

    @property
    def window(self) -> int:
        """Submissions that may be unanswered: the configured window, less while the carrier complains; 0 unbound."""
        if self.state != "bound":
            return 0
        return max(1, int(self._terms.window * self._throttle.share))

    @property
    def is_throttled(self) -> bool:
        return self._throttle.is_active

    def room(self, parts: int, now: Instant) -> int:
        """Return how many messages of so many parts may be submitted now.

        A message of more parts than the window holds leaves when nothing else is in flight, for it must leave whole.
        """
        if self.state != "bound" or self._outbox.is_full:
            return 0
        self._throttle.refill(now)
        permits = self._throttle.permits
        room = min(self.window - len(self._window), permits) // parts
        if room <= 0 and permits > 0 and not self._window.slots:
            return 1
        return max(0, room)

    def submit(
        self, run: Sequence[Envelope], parts: Sequence[pdu.Submit], draw: Draw, due_at: Instant, now: Instant
    ) -> None:
        """Queue messages of one content: at most `room`, to numbers that are digits after a "+".

        What is unanswered at `due_at`, or after the carrier's response time, is Unknown.
        """
        assert self.state == "bound", "submissions leave a bound session alone"
        sequences = self._window.draw_many(len(run) * len(parts))
        octets, slots = encode_run(run, parts, sequences, draw)
        due_at = min(due_at, Instant(now + self._terms.response_ms))
        self._window.open(sequences, slots, due_at)
        self._outbox.submit(Chunk(octets, sequences, due_at))
        self._throttle.spend(len(sequences))

    def acknowledge(self, response: int, sequences: Iterable[int], *, stored: bool) -> None:
        """Answer receipts: they are durable, or the peer shall repeat them."""
        if self.state != "closed":
            status = ESME_ROK if stored else ESME_RMSGQFUL
            self._answer(pdu.encode_acknowledgements(response, status, sequences))

    def unbind(self) -> None:
        """Take leave; nothing more is submitted."""
        if self.state == "bound":
            self.state = "leaving"
            self._answer(pdu.encode(pdu.UNBIND, 0, self._window.draw()))

    def take(self) -> bytes:
        """Return what to write now, answers to the peer first. What is taken counts as written from here on."""
        return self._outbox.take(submissions=self.state == "bound")

    # --- what comes ---

    def receive(self, chunk: bytes, now: Instant) -> list[Event]:
        """Return what octets from the peer mean. Never raises: a peer that speaks no SMPP ends the session."""
        self._heard_at = now
        self._enquired_at = None
        fault = None
        try:
            frames = self._decoder.feed(chunk)
        except pdu.ProtocolError as error:
            frames, fault = error.before, str(error)
        events: list[Event] = []
        reactions, unknown = self._reactions, self._on_unknown
        for frame in frames:
            event = reactions.get(frame[0], unknown)(frame, now)
            if event is not None:
                events.append(event)
        if fault is not None:
            self._close(Ending(fault))
        return events + self._withdrawn() + self._counted()

    def tick(self, now: Instant) -> list[Event]:
        """Return what time alone brings: deadlines, and the peer's silence."""
        events = self._settled(self._outbox.withdraw(due_by=now), _STUCK)
        events += self._settled(self._window.overdue(now), _LATE)
        self._throttle.refill(now)
        silent_ms = now - self._heard_at
        if self.state == "binding" and silent_ms >= self._terms.response_ms:
            self._close(Ending("no answer to the bind"))
        elif self._enquired_at is not None and now - self._enquired_at >= ENQUIRE_ANSWER_MS:
            self._close(Ending("the peer fell silent"))
        elif self.state == "bound" and self._enquired_at is None and silent_ms >= self._terms.enquire_ms:
            self._enquired_at = now
            self._answer(pdu.encode(pdu.ENQUIRE_LINK, 0, self._window.draw()))
        return events + self._withdrawn() + self._counted()

    def lose(self, words: str) -> list[Event]:
        """Return what becomes of everything in flight, now that the connection is gone."""
        self._close(Ending(words))
        return self._settled(self._outbox.withdraw(), _UNWRITTEN) + self._settled(list(self._window.slots), _LOST)

    # --- reactions, one a command ---

    def _on_answer(self, frame: pdu.Frame, now: Instant) -> Answer | None:
        _, status, sequence, body = frame
        slot = self._window.slots.pop(sequence, None)
        if slot is None:
            self._faults["an answer to nothing in flight"] += 1
            return None
        outcome = self._accepted(body) if status == ESME_ROK else self._outcome(status, body, now)
        return Answer(slot, outcome) if isinstance(slot, str) else settle(slot, outcome)

    def _accepted(self, body: bytes) -> Accepted:
        name = pdu.parse_message_id(body)
        if not name:
            return _NAMELESS
        form = self._terms.id_form
        return Accepted((name if form == "opaque" else canonical(name, form) or name,))

    def _outcome(self, status: int, body: bytes, now: Instant) -> Outcome:
        if self._terms.statuses.is_accepted(status):
            return self._accepted(body)
        outcome = self._terms.statuses.outcome(status)
        if isinstance(outcome, Unsent) and outcome.throttled:
            self._throttle.complain(now)
        return outcome

    def _on_nack(self, frame: pdu.Frame, now: Instant) -> Answer | None:
        command, status, sequence, _ = frame
        if self._terms.statuses.is_accepted(status):  # a nack is a no, whatever status it carries
            status = ESME_RINVCMDID
        if self.state == "binding" and sequence == self._bind_sequence:
            self._on_bind_answer((command, status, sequence, b""), now)
            return None
        if sequence in self._window.slots:
            return self._on_answer((command, status, sequence, b""), now)
        self._faults["a generic_nack to nothing in flight"] += 1
        return None

    def _on_bind_answer(self, frame: pdu.Frame, now: Instant) -> None:
        status = frame[1]
        if self.state != "binding":
            self._faults["a second answer to the bind"] += 1
        elif status == ESME_ROK:
            self.state = "bound"
            self.bound_at = now
        elif status in CREDENTIALS:
            self._close(Ending(f"bind refused: {CREDENTIALS[status]}", "refused"))
        elif status == ESME_RALYBND:
            self._close(Ending("bind refused: a former session is still bound", "ghost"))
        else:
            self._close(Ending(f"bind refused: {code_of(status)}"))

    def _on_unbind(self, frame: pdu.Frame, now: Instant) -> None:  # noqa: ARG002
        self._answer(pdu.encode(pdu.UNBIND_RESP, ESME_ROK, frame[2]))
        self._is_left = True
        if self.state != "closed":
            self.state = "leaving"

    def _on_unbind_answer(self, frame: pdu.Frame, now: Instant) -> None:  # noqa: ARG002
        if self.state == "leaving":
            self._close(Ending("unbound"))

    def _on_enquiry(self, frame: pdu.Frame, now: Instant) -> None:  # noqa: ARG002
        self._answer(pdu.encode(pdu.ENQUIRE_LINK_RESP, ESME_ROK, frame[2]))

    def _on_nothing(self, frame: pdu.Frame, now: Instant) -> None:
        pass

    def _on_unknown(self, frame: pdu.Frame, now: Instant) -> None:  # noqa: ARG002
        command, _, sequence, _ = frame
        if command & pdu.RESPONSE_BIT:
            self._faults["an unknown response"] += 1
            return
        self._faults["an unknown request"] += 1
        self._answer(pdu.encode(pdu.GENERIC_NACK, ESME_RINVCMDID, sequence))

    def _on_deliver(self, frame: pdu.Frame, now: Instant) -> Receipt | Reply | None:  # noqa: ARG002
        if self.state != "binding":
            arrival = self._read_arrival(frame[3], Ticket(self, pdu.DELIVER_SM_RESP, frame[2]))
            if arrival is not None:
                return arrival
        return self._on_message(pdu.parse_deliver(frame[3]), pdu.DELIVER_SM_RESP, frame[2])

    def _on_data(self, frame: pdu.Frame, now: Instant) -> Receipt | Reply | None:  # noqa: ARG002
        return self._on_message(pdu.parse_data(frame[3]), pdu.DATA_SM_RESP, frame[2])

    def _on_message(self, inbound: pdu.Inbound | None, response: int, sequence: int) -> Receipt | Reply | None:
        """Return a receipt or a reply, to be acknowledged when it is stored; answer all else at once."""
        if inbound is None:
            status, words = ESME_RX_R_APPN, "an unreadable message"
        elif self.state == "binding":
            status, words = ESME_RINVBNDSTS, "a message before the bind"
        elif is_receipt(inbound):
            receipt = self._read_receipt(inbound, Ticket(self, response, sequence))
            if receipt is not None:
                return receipt
            status, words = ESME_ROK, "a receipt that names no message"
        else:
            reply = read_reply(inbound, Ticket(self, response, sequence))
            if reply is not None:
                return reply
            status, words = ESME_ROK, "a message from nobody"
        self._faults[words] += 1
        self._answer(pdu.encode_acknowledgements(response, status, (sequence,)))
        return None

    # --- what all of them use ---

    def _settled(self, sequences: Iterable[int], outcome: Outcome) -> list[Event]:
        """Give back these slots, as far as they are still in flight, and return the answers that this completes."""
        taken = (self._window.slots.pop(sequence, None) for sequence in sequences)
        answers = (settle(slot, outcome) for slot in taken if slot is not None)
        return [answer for answer in answers if answer is not None]

    def _withdrawn(self) -> list[Event]:
        """Return the answers of what a peer that unbound will not get, and close once the rest is answered."""
        if self.state != "leaving" or not self._is_left:
            return []
        answers = self._settled(self._outbox.withdraw(), _LEFT)
        if not self._window.slots:
            self._close(Ending("the peer unbound"))
        return answers

    def _counted(self) -> list[Event]:
        if not self._faults:
            return []
        counted: list[Event] = [Fault(words, count) for words, count in self._faults.items()]
        self._faults.clear()
        return counted

    def _answer(self, octets: bytes) -> None:
        self._outbox.answer(octets)
        if self._outbox.is_choked:
            self._close(Ending("the peer does not read"))

    def _close(self, ending: Ending) -> None:
        self.state = "closed"
        self.ending = self.ending or ending
