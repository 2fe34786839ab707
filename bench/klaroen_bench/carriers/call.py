"""One call as its callee has it: rings, answers or not, is ended by either side; all by its fate.

Law: the states are trying → ringing → answered → talking → over, and → declined from the first two. A final answer is
repeated until it is acknowledged, a BYE until it is answered. What became of the call is booked once, as it ends.
"""

import secrets
import time
from collections import Counter
from typing import Final, Literal, Protocol

import msgspec

from klaroen_bench.carriers.callfate import CallFate
from klaroen_bench.carriers.sdp import PCMA, PCMU, Offer, read_offer
from klaroen_bench.carriers.sdp import write_answer as write_media
from klaroen_bench.carriers.sip import (
    METHODS,
    Request,
    tag_of,
    transaction_of,
    uri_of,
    user_of,
    write_answer,
    write_bye,
)
from klaroen_bench.carriers.talk import Exchange, Talk

T1_S: Final = 0.5
T2_S: Final = 4.0
"""Between two repetitions of what is not acknowledged: from T1, doubling, to T2 (RFC 3261, 13.3.1.4)."""
UNACKNOWLEDGED_S: Final = 32.0
"""64 T1: then it is given up."""
RING_S_MAX: Final = 180.0
"""Whoever rings for longer has forgotten the call (RFC 3261, timer C)."""

State = Literal["trying", "ringing", "answered", "talking", "declined", "over"]
Party = Literal["caller", "callee", "trunk"]
Headers = tuple[tuple[str, str], ...]


class Path(Protocol):
    """Where the messages of a caller come from, and answers go."""

    reliable: bool

    @property
    def source(self) -> tuple[str, int]: ...
    def send(self, raw: bytes) -> None: ...


class Switch(Exchange, Protocol):
    """What a call needs of its trunk."""

    counts: Counter[str]
    states: Counter[str]
    """How many calls are in each state."""
    slow: float
    """How many times as long as usual everything takes."""

    @property
    def contact(self) -> str: ...
    def withholds(self, call: "Call") -> bool: ...
    def send_bye(self, call: "Call", raw: bytes) -> None: ...
    def book(self, call: "Call", record: bytes) -> None: ...


class Record(msgspec.Struct, frozen=True):
    """What became of a call: the body of its record in the ledger. Instants in ns since 1970, 0 for never."""

    call: str
    """Its Call-ID."""
    caller: str
    """The user of P-Asserted-Identity, else of From."""
    invited_at: int
    rang_at: int
    answered_at: int
    ended_at: int
    end: str
    by: Party
    """Who ended it."""
    status: int
    """The final answer; 0 if there was none."""
    keys: str
    packets: int
    missing: int
    again: int
    foreign: int
    heard: int
    """Octets of A-law, or of mu-law ..."""
    sha256: str
    """... whose hash this is ..."""
    stretches: list[list[int]]
    """... and of which sounds they are made ..."""
    kept: bool
    """... if these are all of them."""
    mu_law: bool = False
    """Which of both."""


class Call:
    def __init__(self, switch: Switch, path: Path, invite: Request, number: bytes, fate: CallFate) -> None:
        self._switch = switch
        self.path = path
        self.invite = invite
        self.transaction = transaction_of(invite)
        self.number = number
        self.tag = secrets.token_hex(6)
        self.state: State = "trying"
        self._fate = fate
        self._offer: Offer | None = None
        self._talk: Talk | None = None
        self._last = b""
        """The last answer to the invitation."""
        self._status = 0
        self._bye_waits = False
        self._invited_at = time.time_ns()
        self._rang_at = 0
        self._answered_at = 0

    @property
    def is_live(self) -> bool:
        return self.state in ("trying", "ringing", "answered", "talking")

    @property
    def is_up(self) -> bool:
        return self.state in ("answered", "talking")

    # --- before the answer ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self._switch.states[self.state] += 1
        self._say(100)
        self._offer = read_offer(self.invite.body)
        if self._offer is None or (PCMU if self._fate.mu_law else PCMA) not in self._offer.codecs:
            self._decline(488, "no audio that we speak", "trunk")
        else:
            self._switch.after(self._fate.first_s * self._switch.slow, self._first)

    def _first(self) -> None:
        """Say the first word of consequence."""
        fate = self._fate
        if self.state != "trying":
            return
        if fate.fault:
            self._decline(fate.fault, "fault", "trunk", (("Retry-After", "1"),) if fate.fault == 503 else ())
        elif not fate.rings:
            self._decline(fate.status, fate.end, "trunk" if fate.end == "number invalid" else "callee")
        else:
            self._enter("ringing")
            self._rang_at = time.time_ns()
            self._switch.counts["rang"] += 1
            self._say(180)
            self._switch.after(fate.ring_s * self._switch.slow, self.decide)
            if fate.end == "no answer" and not fate.status:
                self._switch.after(RING_S_MAX, self._forgotten)

    def decide(self) -> None:
        """It has rung for as long as its fate says."""
        if self.state != "ringing" or self._switch.withholds(self):
            return
        if self._fate.end == "answer":
            self._answer()
        elif self._fate.status:
            self._decline(self._fate.status, self._fate.end, "callee")

    def _forgotten(self) -> None:
        if self.state == "ringing":
            self._decline(480, "no answer", "trunk")

    def cancel(self) -> None:
        """The caller gives up."""
        if self.state in ("trying", "ringing"):
            self._decline(487, "cancelled", "caller")

    def _decline(self, status: int, end: str, by: Party, headers: Headers = ()) -> None:
        self._enter("declined")
        self._say(status, headers)
        self._book(end, by)
        if not self.path.reliable:
            self._repeat(T1_S, self._switch.now)

    # --- the answer -------------------------------------------------------------------------------------------------

    def _answer(self) -> None:
        assert self._offer is not None
        self._talk = Talk(self._switch, self._offer, self._fate, lambda end: self._hang_up(end, "trunk"))
        self._enter("answered")
        self._answered_at = time.time_ns()
        self._switch.counts["answered"] += 1
        self._say(200, *self._media())
        self._repeat(T1_S, self._switch.now)

    def _media(self) -> tuple[Headers, bytes]:
        """Return headers and body of a 200 that says where this callee listens."""
        assert self._talk is not None
        assert self._offer is not None
        contact, allow = ("Contact", f"<{self._switch.contact}>"), ("Allow", METHODS)
        session = self._invited_at // 1_000_000
        body = write_media(self._switch.host, self._talk.port, self._offer.event, session, self._talk.codec)
        return (contact, allow, ("Content-Type", "application/sdp")), body

    def acknowledge(self) -> None:
        if self.state == "declined":
            self._enter("over")
        elif self.state == "answered" and self._talk is not None:
            self._enter("talking")
            self._talk.start()
            if self._fate.hang_up_s:
                self._switch.after(self._fate.hang_up_s, lambda: self._hang_up("hung up", "callee"))

    def invited_again(self, request: Request) -> None:
        """The invitation came again, or another within the call: hold, resume, or a session that is refreshed."""
        if transaction_of(request) == self.transaction:
            self.path.send(self._last)
        elif not tag_of(request.header("to")):
            self._answer_again(request, 482)
        elif not self.is_up:
            self._answer_again(request, 481)
        elif request.body and read_offer(request.body) is None:
            self._answer_again(request, 488)
        else:
            self._answer_again(request, 200, *self._media())

    def _answer_again(self, request: Request, status: int, headers: Headers = (), body: bytes = b"") -> None:
        source = self.path.source
        self.path.send(write_answer(request, status, tag=self.tag, source=source, headers=headers, body=body))

    # --- the end ----------------------------------------------------------------------------------------------------

    def bye(self) -> None:
        """The caller has ended it."""
        if self.is_up:
            self._part("caller hung up", "caller")

    def _hang_up(self, end: str, by: Party) -> None:
        if not self.is_up:
            return
        self._part(end, by)
        self._bye_waits = True
        transport = "TCP" if self.path.reliable else "UDP"
        via = f"SIP/2.0/{transport} {self._switch.contact.partition('@')[2]};branch=z9hG4bK{self.tag}"
        raw = write_bye(self.invite, self.tag, via=via, contact=self._switch.contact)
        self._repeat_bye(raw, T1_S, self._switch.now)

    def _repeat_bye(self, raw: bytes, interval_s: float, since: float) -> None:
        if not self._bye_waits or self._switch.now - since > UNACKNOWLEDGED_S:
            return
        self._switch.send_bye(self, raw)
        if not self.path.reliable:
            self._switch.after(interval_s, lambda: self._repeat_bye(raw, min(2 * interval_s, T2_S), since))

    def bye_answered(self) -> None:
        self._bye_waits = False

    def skip(self) -> None:
        """What has come so far is lost."""
        if self._talk is not None:
            self._talk.skip()

    def drop(self, end: str) -> None:
        """The trunk itself goes down: nobody is told."""
        if self.is_up:
            self._part(end, "trunk")
        elif self.is_live:
            self._enter("over")
            self._book(end, "trunk")

    def _part(self, end: str, by: Party) -> None:
        """Hear what is left, and book it."""
        assert self._talk is not None
        self._talk.close()
        self._enter("over")
        self._book(end, by)
        self._talk = None

    def _book(self, end: str, by: Party) -> None:
        self._switch.counts[f"ended_{end.replace(' ', '_')}"] += 1
        talk = self._talk
        ear = None if talk is None else talk.ear
        record = Record(
            call=self.invite.header("call-id"),
            caller=user_of(uri_of(self.invite.header("p-asserted-identity") or self.invite.header("from"))),
            invited_at=self._invited_at,
            rang_at=self._rang_at,
            answered_at=self._answered_at,
            ended_at=time.time_ns(),
            end=end,
            by=by,
            status=self._status,
            keys="" if talk is None else talk.keys,
            packets=0 if ear is None else ear.packets,
            missing=0 if ear is None else ear.missing,
            again=0 if ear is None else ear.again,
            foreign=0 if ear is None else ear.foreign,
            heard=0 if ear is None else ear.heard,
            sha256="" if ear is None else ear.sha256,
            stretches=[] if ear is None else ear.stretches,
            kept=ear is None or ear.kept,
            mu_law=self._fate.mu_law,
        )
        self._switch.book(self, msgspec.json.encode(record))

    def _enter(self, state: State) -> None:
        self._switch.states[self.state] -= 1
        self._switch.states[state] += 1
        self.state = state

    # --- answers ----------------------------------------------------------------------------------------------------

    def _say(self, status: int, headers: Headers = (), body: bytes = b"") -> None:
        """Answer the invitation."""
        source = self.path.source
        self._last = write_answer(self.invite, status, tag=self.tag, source=source, headers=headers, body=body)
        self._status = status if status >= 200 else 0
        self.path.send(self._last)
        if self._fate.repeated and status > 100:
            self.path.send(self._last)

    def _repeat(self, interval_s: float, since: float) -> None:
        """Repeat the final answer until it is acknowledged, or too old."""

        def again() -> None:
            if self.state not in ("answered", "declined"):
                return
            if self._switch.now - since > UNACKNOWLEDGED_S:
                self._hang_up("not acknowledged", "trunk")
                self._enter("over")
                return
            self._switch.counts["answers_repeated"] += 1
            self.path.send(self._last)
            self._repeat(min(2 * interval_s, T2_S), since)

        self._switch.after(interval_s, again)
