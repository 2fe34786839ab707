"""One SMTP connection without a socket: message after message, once it is open.

Law: until the last octet of a message has been given out it is certainly unsent; from then on only the reply to it
decides. One message is under way at a time; with PIPELINING the next one's envelope travels with its content, so that a
message costs one round trip. Every message that was offered gets exactly one answer.
Source: RFC 5321; RFC 2920 (pipelining), 3461 (DSN), 6531 (SMTPUTF8).
"""

from collections import deque
from typing import Final, Literal

from msgspec import Struct

from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Accepted, Answer, Event, Fault, Outcome, Refused, Unknown, Unsent
from klaroen_adapters.mail.smtp_opening import Ending, Opening, Retry, Terms
from klaroen_adapters.mail.smtp_reply import Replies, Reply, ReplyError, Stage, refusal

DEPTH: Final = 2
"""Messages in a session's hands: one under way, and the one whose envelope goes with its content."""
IDLE_MS: Final = 60_000
"""Then the server is asked whether it is there (NOOP); most close after five minutes."""
NOOP_MS: Final = 10_000
TOO_SLOW: Final = Unsent("deadline passed in the queue", throttled=True)
"""The relay takes longer than we thought: it is offered less, and condemned for nothing."""

State = Literal["opening", "securing", "ready", "quitting", "closed"]


class Mail(Struct, frozen=True, gc=False):
    """One message to one address (R7)."""

    attempt: AttemptId
    return_path: str
    recipient: str
    octets: bytes
    """Header and body with CR LF, the last one included."""
    deadline_at: Instant


class _Transaction:
    """A message under way: `trouble` is its first refusal, `given` whether its last octet has left."""

    __slots__ = ("given", "mail", "trouble")

    def __init__(self, mail: Mail) -> None:
        self.mail = mail
        self.trouble: Outcome | None = None
        self.given = False


class Session:
    """Made when a connection opens; the driver feeds it octets and time, and writes what it takes out."""

    def __init__(self, terms: Terms, now: Instant) -> None:
        self._terms = terms
        self.state: State = "opening"
        self.ending: Ending | None = None
        self._now = now
        self._since = now
        self._replies = Replies()
        self._out = bytearray()
        self._opening = Opening(terms)
        self._waiting: deque[Mail] = deque()
        self._expected: deque[tuple[Stage | Literal["noop", "rset"], _Transaction | None]] = deque()
        """What the server owes a reply to, in order."""
        self._unfinished = False
        """The last message ended between its envelope and its content: the server still holds the envelope."""
        self._begun = 0
        self._events: list[Event] = []

    # --- what the driver asks -----------------------------------------------------------------------------------------

    @property
    def unanswered(self) -> int:
        return len(self._waiting) + len(self._under_way())

    @property
    def room(self) -> int:
        """How many messages it can take now."""
        if self.state != "ready":
            return 0
        return max(0, min(DEPTH, self._terms.messages_max - self._begun) - self.unanswered)

    @property
    def has_octets(self) -> bool:
        return bool(self._out)

    def take(self) -> bytes:
        """Return the octets to write."""
        octets, self._out = bytes(self._out), bytearray()
        return octets

    def offer(self, mail: Mail) -> list[Event]:
        """Take a message, for which there must be room; return its answer where it needs no server."""
        assert self.room > 0, "more than there is room for"
        self._waiting.append(mail)
        self._begin()
        return self._said()

    def receive(self, octets: bytes, now: Instant) -> list[Event]:
        """Return what the server's octets say."""
        if self.ending is not None:
            return []
        self._now = self._since = now
        try:
            for reply in self._replies.feed(octets):
                if self.state == "closed":
                    break
                self._heard(reply)
        except ReplyError as error:
            self._close(f"protocol error: {error}")
            self._events.append(Fault("a reply that is none"))
        if self.state == "securing" and self._replies.has_rest:  # whoever sent it, it was not said in secret
            self._close("protocol error: octets before TLS")
        return self._said()

    def secured(self, now: Instant) -> None:
        """The connection speaks TLS now: whatever was said before does not count."""
        self._now = self._since = now
        self.state = "opening"
        self._out += self._opening.secured()

    def tick(self, now: Instant) -> list[Event]:
        """Let time pass: what is late is answered, and a connection that owes a reply for too long ends."""
        self._now = now
        if self.state == "closed":
            return []
        while self._waiting and self._waiting[0].deadline_at <= now:
            self._answer(self._waiting.popleft(), TOO_SLOW)
        asked = self.state == "quitting" or (bool(self._expected) and self._expected[0][0] == "noop")
        late = any(one.mail.deadline_at <= now for one in self._under_way())
        if late or (asked and now - self._since >= NOOP_MS):
            self._close("no answer in time")
        elif self.state == "ready" and not self._expected and now - self._since >= IDLE_MS:
            self._since = now
            self._write(b"NOOP")
            self._expected.append(("noop", None))
        return self._said()

    def lose(self, words: str) -> list[Event]:
        """The connection is gone."""
        self._close(words)
        return self._said()

    def quit(self) -> None:
        """Say farewell, if the server listens."""
        if self.state == "ready" and not self._expected:
            self._write(b"QUIT")
            self.state = "quitting"

    @property
    def is_spent(self) -> bool:
        """It has carried as many mails as it may, and the next one follows."""
        return self.state == "quitting" or (self.ending is not None and self.ending.retry == "at_once")

    def _heard(self, reply: Reply) -> None:
        if self.state == "ready":
            self._ready(reply)
        elif self.state == "quitting":
            self._close("enough mails on one connection", "at_once")
        else:
            self._out += self._opening.heard(reply)
            ending = self._opening.ending
            if ending is not None:
                self._close(ending.words, ending.retry)
            elif self._opening.state in ("securing", "ready"):
                self.state = "ready" if self._opening.state == "ready" else "securing"

    # --- messages ----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Start the next message, if none is under way; with pipelining also behind one whose content has left."""
        under_way = self._under_way()
        pipelining = "PIPELINING" in self._opening.extensions
        if self.state != "ready" or not self._waiting or len(under_way) > 1:
            return
        if self._expected and not (pipelining and under_way and under_way[0].given):
            return
        if self._unfinished:
            self._unfinished = False
            self._write(b"RSET")
            self._expected.append(("rset", None))
            if not pipelining:
                return
        transaction = _Transaction(self._waiting.popleft())
        mail = transaction.mail
        utf8 = not mail.recipient.isascii()
        if utf8 and "SMTPUTF8" not in self._opening.extensions:
            self._answer(mail, Refused("no smtputf8", "address"))
            self._begin()
            return
        self._begun += 1
        dsn = "DSN" in self._opening.extensions
        line = f"MAIL FROM:<{mail.return_path}>"
        line += f" RET=HDRS ENVID={mail.attempt}" if dsn else ""
        self._write((line + (" SMTPUTF8" if utf8 else "")).encode())
        self._expected.append(("mail", transaction))
        if pipelining:
            self._recipient(transaction)
            self._write(b"DATA")
            self._expected.append(("data", transaction))

    def _recipient(self, transaction: _Transaction) -> None:
        line = f"RCPT TO:<{transaction.mail.recipient}>"
        if "DSN" in self._opening.extensions:
            line += " NOTIFY=SUCCESS,FAILURE" if self._terms.every_report else " NOTIFY=FAILURE"
        self._write(line.encode())
        self._expected.append(("rcpt", transaction))

    def _ready(self, reply: Reply) -> None:
        if not self._expected:
            self._close(f"ended by {reply.code_words}")
            if reply.code != 421:
                self._events.append(Fault("a reply to nothing"))
            return
        stage, transaction = self._expected.popleft()
        if stage == "noop" or stage == "rset" or transaction is None:
            if reply.code == 421:
                self._close("ended by 421")
            self._begin()
            return
        pipelining = "PIPELINING" in self._opening.extensions
        wanted = 354 if stage == "data" else 250
        taken = reply.code == wanted or (stage == "rcpt" and reply.code == 251)
        if not taken and transaction.trouble is None:
            transaction.trouble = (
                refusal(stage, reply) if reply.code >= 400 else Unknown(f"smtp {reply.code_words} out of place")
            )
        match stage:
            case "mail" | "rcpt":
                if not pipelining:
                    self._go_on(stage, transaction)
            case "data" if reply.code == 354:
                self._send_content(transaction)
            case "data":
                self._unfinished = True
                self._end(transaction)
            case _:
                self._end(transaction)
        if reply.code == 421:
            self._close("ended by 421")
        elif reply.code < 400 and not taken:
            self._close("protocol error: a reply out of place")
        self._begin()

    def _go_on(self, stage: Stage, transaction: _Transaction) -> None:
        """Without pipelining: one command after the other."""
        if transaction.trouble is not None:
            self._unfinished = stage == "rcpt"
            self._end(transaction)
        elif stage == "mail":
            self._recipient(transaction)
        else:
            self._write(b"DATA")
            self._expected.append(("data", transaction))

    def _send_content(self, transaction: _Transaction) -> None:
        """Give the content, or none at all where it was refused before: an empty message to nobody is refused too."""
        if transaction.trouble is None:
            octets = transaction.mail.octets
            self._out += (b"." if octets.startswith(b".") else b"") + octets.replace(b"\r\n.", b"\r\n..")
            transaction.given = True
        self._write(b".")
        self._expected.append(("end", transaction))

    def _end(self, transaction: _Transaction) -> None:
        mail = transaction.mail
        self._answer(mail, transaction.trouble or Accepted((mail.attempt,)))
        if self._begun >= self._terms.messages_max and not self._waiting and not self._expected:
            self.quit()

    # --- the end -----------------------------------------------------------------------------------------------------

    def _under_way(self) -> list[_Transaction]:
        """Return the messages whose commands have left, in order."""
        return list(dict.fromkeys(one for _, one in self._expected if one is not None))

    def _close(self, words: str, retry: Retry = "back_off") -> None:
        if self.state == "closed":
            return
        self.state = "closed"
        self.ending = Ending(words, retry)
        for transaction in self._under_way():
            lost: Outcome = Unknown(words) if transaction.given else Unsent(words)
            self._answer(transaction.mail, transaction.trouble or lost)
        self._expected.clear()
        while self._waiting:
            self._answer(self._waiting.popleft(), Unsent(words))

    def _answer(self, mail: Mail, outcome: Outcome) -> None:
        self._events.append(Answer(mail.attempt, outcome))

    def _said(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _write(self, line: bytes) -> None:
        self._out += line + b"\r\n"
