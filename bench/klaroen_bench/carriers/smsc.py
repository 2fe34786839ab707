"""A simulated SMSC that speaks SMPP 3.4: faster than any engine, and as unreliable as its seed and options say.

Law: what it accepts it writes to the ledger, raw, before it answers; what a handset gets it writes when the handset
has it. Its luck depends on seed and number alone.
Run: python -m klaroen_bench.carriers.smsc --listen 127.0.0.1:0 --ledger FILE; one line of JSON says that it is ready.
"""

import asyncio
import gc
import time
from argparse import ArgumentParser
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from msgspec import Struct

from klaroen_bench.carriers.account import Account, Receipt
from klaroen_bench.carriers.conditions import Conditions, add_conditions, read_conditions, read_secret
from klaroen_bench.carriers.control import Manner
from klaroen_bench.carriers.door import Door, Throttle
from klaroen_bench.carriers.fate import UNDONE, Fate, Fates
from klaroen_bench.carriers.handsets import Handsets
from klaroen_bench.carriers.ledger import ACCEPTED, HANDSET, Heading, LedgerWriter
from klaroen_bench.carriers.pdu import (
    DELIVERED,
    RINVCMDLEN,
    RINVDSTADR,
    RINVPASWD,
    RINVSYSID,
    RMSGQFUL,
    ROK,
    RTHROTTLED,
    UNDELIVERABLE,
    MalformedError,
    Submit,
    Tail,
    answer_submit,
    read_submit,
    receipt_body,
)
from klaroen_bench.carriers.serve import TcpListener, serve
from klaroen_bench.carriers.session import Session
from klaroen_bench.carriers.wheel import Wheel


class Message(Struct, gc=False):
    """A submission between its coming and its receipt; one that is not accepted has a status and no more."""

    session: Session
    sequence: int
    status: int
    id: bytes = b""
    drained_at: float = 0.0
    pdu: bytes = b""
    submit: Submit | None = None
    fate: Fate | None = None


class Smsc:
    def __init__(self, conditions: Conditions, system_id: str | None, password: str | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._conditions = conditions
        self._system_id = system_id
        self._password = password
        self._fates = Fates(conditions.seed, conditions.odds, conditions.latency_ms / 1000.0)
        self._door = Door(conditions.drain_per_s, conditions.queue_max)
        self._throttle = Throttle(conditions.throttle_per_s)
        self._handsets = Handsets()
        self._ledger = LedgerWriter(conditions.ledger, Heading(conditions.name, "sms", "smpp", conditions.alphabet))
        self._answers: Wheel[Message] = Wheel(self._loop, self._answer)
        self._arrivals: Wheel[Message] = Wheel(self._loop, self._arrive)
        self._late: Wheel[tuple[Account, Receipt]] = Wheel(self._loop, self._prove_late)
        self._accounts: dict[str, Account] = {}
        # Ids differ between two runs of the same carrier, as they would.
        self._id_prefix = b"%08x" % (time.time_ns() >> 20 & 0xFFFFFFFF)
        self._tails: dict[bytes, Tail] = {}
        self._id_count = 0
        self._slow = 1.0
        self._manner: Manner = "work"
        self.frozen = False
        self.counts: Counter[str] = Counter()
        self.sessions: set[Session] = set()

    # --- what a session asks ---

    def session(self) -> Session:
        return Session(self)

    def admit(self, system_id: str, password: str) -> tuple[int, Account | None]:
        if self._system_id is not None and system_id != self._system_id:
            return RINVSYSID, None
        if self._password is not None and password != self._password:
            return RINVPASWD, None
        self.counts["binds"] += 1
        account = self._accounts.get(system_id)
        if account is None:
            account = self._accounts[system_id] = Account(system_id, self._loop, self.counts)
        return ROK, account

    def take(self, session: Session, pdus: list[bytes]) -> None:
        """Accept or refuse a chunk's submissions, in the order in which they came."""
        now, at_ns, slow = self._loop.time(), time.time_ns(), self._slow
        fate_of, tails, answer, record = self._fates.of, self._tails, self._answers.add, self._ledger.write
        door_open, when_drained = self._door.open, self._conditions.answer_when_drained
        accepted = 0
        for pdu in pdus:
            sequence = int.from_bytes(pdu[12:16])
            try:
                submit = read_submit(pdu, tails)
            except MalformedError:
                self._reject("malformed", Message(session, sequence, RINVCMDLEN), now)
                continue
            if self._manner == "throttle" or (not self._throttle.open and not self._throttle.grant(now)):
                self._reject("throttled", Message(session, sequence, RTHROTTLED), now)
                continue
            fate = UNDONE if self._manner == "lie" else fate_of(submit.number)
            answer_at = now + fate.answer_s * slow
            if fate.refused:
                self._reject("refused", Message(session, sequence, RINVDSTADR), answer_at)
                continue
            drained_at = now if door_open else self._door.enter(now, slow)
            if drained_at is None:
                self._reject("queue_full", Message(session, sequence, RMSGQFUL), now)
                continue
            accepted += 1
            record(at_ns, ACCEPTED, submit.number, pdu)
            message_id = b"%b%08x" % (self._id_prefix, self._id_count + accepted)
            if when_drained:
                answer_at = max(answer_at, drained_at)
            message = Message(session, sequence, ROK, message_id, drained_at, pdu, submit, fate)
            if fate.early:
                self._arrivals.add(drained_at, message)
            answer(answer_at, message)
        self._id_count += accepted
        self.counts["accepted"] += accepted
        self.counts["submitted"] += len(pdus)

    def _reject(self, why: str, message: Message, answer_at: float) -> None:
        self.counts[why] += 1
        self._answers.add(answer_at, message)

    # --- what falls due ---

    def _answer(self, messages: list[Message]) -> None:
        now, slow = self._loop.time(), self._slow
        touched: list[Session] = []
        arrive = self._arrivals.add
        for message in messages:
            session = message.session
            if not session.answers:
                touched.append(session)
            session.answers.append(answer_submit(message.sequence, message.status, message.id))
            if message.fate is not None and not message.fate.early:
                arrive(max(now, message.drained_at) + message.fate.arrival_s * slow, message)
        for session in touched:
            answers, session.answers = session.answers, []
            if not session.write(b"".join(answers)):
                self.counts["answers_lost"] += len(answers)
        self.counts["answered"] += len(messages)

    def _arrive(self, messages: list[Message]) -> None:
        now, at_ns, slow = self._loop.time(), time.time_ns(), self._slow
        dates = _dates(at_ns)
        due: dict[Account, list[Receipt]] = {}
        for message in messages:
            submit, fate, account = message.submit, message.fate, message.session.account
            assert submit is not None
            assert fate is not None
            assert account is not None
            state = DELIVERED
            if fate.lost:
                state = UNDELIVERABLE
                self.counts["lost"] += 1
            else:
                copy = self._handsets.arrive(submit, message.pdu)
                if copy is not None:
                    self._ledger.write(at_ns, HANDSET, submit.number, copy)
                    self.counts["on_handset"] += 1
            wanted = submit.tail.registered & 3
            if fate.silent or not wanted or (wanted == 2 and state == DELIVERED):
                continue
            body = receipt_body(submit, message.id, state, dates)
            if fate.late_s:
                self._late.add(now + fate.late_s * slow, (account, Receipt(body)))
            else:
                due.setdefault(account, []).append(Receipt(body))
            if fate.repeated:
                self._late.add(now + (fate.late_s + fate.arrival_s) * slow, (account, Receipt(body)))
        for account, receipts in due.items():
            account.offer(receipts)

    def _prove_late(self, late: list[tuple[Account, Receipt]]) -> None:
        for account, receipt in late:
            account.offer((receipt,))

    # --- what it is commanded ---

    @property
    def _wheels(self) -> tuple[Wheel[Message], Wheel[Message], Wheel[tuple[Account, Receipt]]]:
        return self._answers, self._arrivals, self._late

    def freeze(self, *, frozen: bool, seconds: float) -> None:
        """Stop (or resume) reading, answering, delivering and proving; connections stay open."""
        self.frozen = frozen
        for wheel in self._wheels:
            if frozen:
                wheel.hold()
            else:
                wheel.release()
        for account in self._accounts.values():
            account.freeze(frozen=frozen)
        for session in self.sessions:
            session.freeze(frozen=frozen)
        if not frozen:
            self._door.shift(seconds)

    def drop(self) -> None:
        """Reset every connection. What was accepted still reaches its handset."""
        for session in tuple(self.sessions):
            session.abort()

    def brownout(self, factor: float) -> None:
        self._slow = factor

    def withhold(self, *, withheld: bool) -> None:
        """Let the receipts of the accounts that are bound pile up, or leave."""
        chance = Random(self._conditions.seed)
        for account in self._accounts.values():
            account.withhold(withheld=withheld, chance=chance)

    def behave(self, manner: Manner) -> bool:
        self._manner = manner
        return True

    def counters(self) -> dict[str, int]:
        now = self._loop.time()
        return dict(self.counts) | {
            "sessions": len(self.sessions),
            "queued": self._door.waiting(now),
            "unanswered": self._answers.count,
            "under_way": self._arrivals.count,
            "incomplete": self._handsets.incomplete,
            "receipts_pending": sum(account.pending for account in self._accounts.values()) + self._late.count,
            "receipts_unacknowledged": sum(account.unacknowledged for account in self._accounts.values()),
        }

    def flush(self) -> None:
        self._ledger.flush()

    def close(self) -> None:
        self.drop()
        self._ledger.close()


def _dates(at_ns: int) -> bytes:
    """Return the two dates of a receipt's text form; a prompt receipt's minute of submission is that of its end."""
    minute = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%y%m%d%H%M").encode()
    return b"submit date:" + minute + b" done date:" + minute


def main() -> None:
    parser = ArgumentParser(prog="klaroen_bench.carriers.smsc", description=__doc__.splitlines()[0] if __doc__ else "")
    add_conditions(parser)
    parser.add_argument("--system-id", default=None, help="the only account that may bind; default: any")
    parser.add_argument("--password-file", type=Path, default=None, help="its password; default: any")
    options = parser.parse_args()
    conditions = read_conditions(options)
    password = read_secret(options.password_file)
    # Messages are kept out of the collector's sight (gc=False); what is left is worth looking at rarely.
    gc.set_threshold(100_000, 50, 100)
    serve(
        conditions,
        lambda: Smsc(conditions, options.system_id, password),
        lambda smsc: TcpListener(smsc.session),
    )


if __name__ == "__main__":
    main()
