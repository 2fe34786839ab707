"""A simulated mail relay: SMTP with pipelining, which queues whatever it is given, with the latency of a good one.

Law: a mail is in the ledger before its answer leaves. Commands are answered in the order in which they came, and what
comes while a mail is being queued waits for it, as at a real relay.
Source: RFC 5321, 2920 (pipelining).
Run: python -m klaroen_bench.carriers.relay --listen 127.0.0.1:0 --ledger FILE; one line of JSON says it is ready.
"""

import asyncio
import gc
import time
from argparse import ArgumentParser
from collections import Counter
from typing import Final, cast

from klaroen_bench.carriers.conditions import Conditions, add_conditions, read_conditions
from klaroen_bench.carriers.control import Manner
from klaroen_bench.carriers.fate import Fates
from klaroen_bench.carriers.ledger import ACCEPTED, Heading, LedgerWriter
from klaroen_bench.carriers.serve import TcpListener, serve

MAIL_MAX: Final = 1 << 20
"""Octets."""
END: Final = b"\r\n.\r\n"
GREETING: Final = b"220 relay.example ESMTP\r\n"
EXTENSIONS: Final = b"250-relay.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-DSN\r\n250 SIZE %d\r\n" % MAIL_MAX
ANSWERS: Final = {
    b"MAIL": b"250 2.1.0 ok\r\n",
    b"RSET": b"250 2.0.0 ok\r\n",
    b"NOOP": b"250 2.0.0 ok\r\n",
    b"DATA": b"354 go ahead\r\n",
}


class Relay:
    def __init__(self, conditions: Conditions) -> None:
        self._loop = asyncio.get_running_loop()
        self._fates = Fates(conditions.seed, conditions.odds, conditions.latency_ms / 1000.0)
        self._ledger = LedgerWriter(conditions.ledger, Heading(conditions.name, "email", "smtp"))
        self._slow = 1.0
        self.frozen = False
        self.counts: Counter[str] = Counter()
        self.connections: set[SmtpConnection] = set()

    def session(self) -> "SmtpConnection":
        return SmtpConnection(self)

    def knows(self, mailbox: bytes) -> bool:
        """Whether there is such a mailbox; of the others the relay says so at once."""
        refused = self._fates.of(mailbox).refused
        self.counts["refused"] += refused
        return not refused

    def queue(self, mailbox: bytes, mail: bytes) -> float:
        """Take a mail; return when its answer is due, in seconds of the loop's clock."""
        self.counts["accepted"] += 1
        self._ledger.write(time.time_ns(), ACCEPTED, mailbox[:255], mail)
        return self._loop.time() + self._fates.of(mailbox).answer_s * self._slow

    # --- what it is commanded ---

    def freeze(self, *, frozen: bool, seconds: float) -> None:
        """Stop (or resume) reading and answering; connections stay open."""
        del seconds
        self.frozen = frozen
        for connection in self.connections:
            connection.freeze(frozen=frozen)

    def drop(self) -> None:
        for connection in tuple(self.connections):
            connection.abort()

    def brownout(self, factor: float) -> None:
        self._slow = factor

    def withhold(self, *, withheld: bool) -> None:
        """It sends no reports: there is nothing to keep back."""

    def behave(self, manner: Manner) -> bool:
        """It does its work and nothing else."""
        return manner == "work"

    def counters(self) -> dict[str, int]:
        return dict(self.counts) | {"connections": len(self.connections)}

    def flush(self) -> None:
        self._ledger.flush()

    def close(self) -> None:
        self.drop()
        self._ledger.close()


class SmtpConnection(asyncio.Protocol):
    """One connection: octets gather, and lines or a whole mail are taken from their front."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._octets = bytearray()
        self._mailbox = b""
        self._in_mail = False
        self._queueing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio's, not the class.
        self._transport = cast("asyncio.Transport", transport)
        self._relay.connections.add(self)
        self._transport.write(GREETING)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._relay.connections.discard(self)
        if self._queueing is not None:
            self._queueing.cancel()

    def data_received(self, data: bytes) -> None:
        self._octets += data
        if len(self._octets) > MAIL_MAX:
            self.abort()
        else:
            self._go_on()

    def freeze(self, *, frozen: bool) -> None:
        if self._transport is not None:
            if frozen:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()
                self._go_on()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _go_on(self) -> None:
        """Take what is whole, until a mail is being queued or nothing is whole any more; answer it all at once."""
        answers: list[bytes] = []
        while self._queueing is None and not self._relay.frozen:
            piece = self._piece(END if self._in_mail else b"\r\n")
            if piece is None:
                break
            if self._in_mail:
                self._in_mail = False
                due = self._relay.queue(self._mailbox, piece)
                self._mailbox = b""
                self._queueing = self._loop.call_at(due, self._queued)
            else:
                answers.append(self._answer(piece))
        if answers and self._transport is not None:
            self._transport.write(b"".join(answers))

    def _piece(self, end: bytes) -> bytes | None:
        at = self._octets.find(end)
        if at < 0:
            return None
        piece = bytes(self._octets[:at])
        del self._octets[: at + len(end)]
        return piece

    def _queued(self) -> None:
        self._queueing = None
        if self._transport is not None:
            self._transport.write(b"250 2.0.0 queued\r\n")
        self._go_on()

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return EXTENSIONS
        if verb == b"RCPT":
            mailbox = line[line.find(b"<") + 1 : line.find(b">")]
            if not self._relay.knows(mailbox):
                return b"550 5.1.1 no such mailbox\r\n"
            self._mailbox = mailbox
            return b"250 2.1.5 ok\r\n"
        if verb == b"QUIT":
            if self._transport is not None:
                self._loop.call_soon(self._transport.close)
            return b"221 2.0.0 bye\r\n"
        if verb == b"DATA":
            if not self._mailbox:
                return b"503 5.5.1 for whom?\r\n"
            self._in_mail = True
        return ANSWERS.get(verb, b"500 5.5.1 what?\r\n")


def main() -> None:
    parser = ArgumentParser(prog="klaroen_bench.carriers.relay")
    add_conditions(parser)
    conditions = read_conditions(parser.parse_args())
    gc.set_threshold(100_000, 50, 100)
    serve(conditions, lambda: Relay(conditions), lambda relay: TcpListener(relay.session))


if __name__ == "__main__":
    main()
