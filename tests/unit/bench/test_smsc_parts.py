"""The SMSC's reading of a submit_sm, its phones, and its receipts that are repeated until somebody has them."""

from collections import Counter, deque

import pytest

from klaroen_bench.carriers.account import ACKNOWLEDGE_S, RECEIPT_WINDOW, Account, Receipt
from klaroen_bench.carriers.handsets import Handsets
from klaroen_bench.carriers.pdu import MalformedError, Part, read_submit

REFERENCE = (0x0204, b"\x12\x34")


def udh(reference: int, total: int, index: int) -> bytes:
    return bytes((5, 0, 3, reference, total, index))


def sar(reference: int, total: int, index: int) -> tuple[tuple[int, bytes], ...]:
    return ((0x020C, reference.to_bytes(2)), (0x020E, bytes((total,))), (0x020F, bytes((index,))))


def test_a_submission_says_whose_it_is_and_what_to_echo(submit) -> None:
    read = read_submit(submit(tlvs=(REFERENCE,)), {})
    assert (b"32470000001", b"\x00\x018810", b"\x02\x04\x00\x02\x12\x34", 1, None) == (
        read.number,
        read.source,
        read.reference,
        read.tail.registered,
        read.tail.part,
    )


def test_a_text_is_read_once_for_all_its_recipients(submit) -> None:
    tails = {}
    for n in range(100):
        pdu = submit(f"3247{n:07}", tlvs=((0x0204, n.to_bytes(2)),))
        assert read_submit(pdu, tails).reference[-2:] == n.to_bytes(2)
    assert len(tails) == 1


@pytest.mark.parametrize("tlvs", [(), ((0x1400, b"x"), (0x1401, b""))])
def test_nothing_is_echoed_that_was_not_sent(submit, tlvs) -> None:
    assert read_submit(submit(tlvs=tlvs), {}).reference == b""


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"esm_class": 0x40, "text": udh(7, 3, 2) + b"x"}, Part(7, 3, 2)),
        ({"esm_class": 0x40, "text": bytes((6, 8, 4, 1, 2, 3, 1)) + b"x"}, Part(258, 3, 1)),
        ({"esm_class": 0x40, "text": bytes((2, 0x24, 0)) + b"x"}, None),
        ({"tlvs": (*sar(9, 2, 1), REFERENCE)}, Part(9, 2, 1)),
        ({"tlvs": sar(9, 2, 1)[:2]}, None),
    ],
)
def test_a_part_knows_its_place(submit, arguments, part) -> None:
    assert read_submit(submit(**arguments), {}).tail.part == part


def test_what_does_not_fit_is_malformed(submit) -> None:
    pdu = submit()
    for length in range(16, len(pdu)):
        with pytest.raises(MalformedError):
            read_submit(pdu[:length], {})


def test_a_long_message_is_on_the_phone_when_all_its_parts_are(submit) -> None:
    handsets = Handsets()
    pdus = [submit(esm_class=0x40, text=udh(7, 3, index) + b"x") for index in (3, 1, 1, 2)]
    arrived = [handsets.arrive(read_submit(pdu, {}), pdu) for pdu in pdus]
    assert arrived == [None, None, None, pdus[0] + pdus[1] + pdus[3]]
    assert handsets.incomplete == 0


def test_parts_of_two_senders_are_two_messages(submit) -> None:
    handsets = Handsets()
    one = submit(esm_class=0x40, text=udh(7, 2, 1) + b"x")
    other = submit(esm_class=0x40, text=udh(7, 2, 2) + b"x", source="8811")
    assert [handsets.arrive(read_submit(pdu, {}), pdu) for pdu in (one, other)] == [None, None]
    assert handsets.incomplete == 2


class Bind:
    def __init__(self) -> None:
        self.unacknowledged: dict[int, tuple[Receipt, float]] = {}
        self.writable = True
        self.got: list[bytes] = []

    def deliver(self, receipts: list[Receipt], now: float) -> None:
        for receipt in receipts:
            self.got.append(receipt.body)
            self.unacknowledged[len(self.got)] = (receipt, now)


class Loop:
    """Timers in order, fired by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: deque = deque()

    def time(self) -> float:
        return self.now

    def call_at(self, at, call, *arguments) -> None:
        self.calls.append((at, call, arguments))

    def call_later(self, delay, call, *arguments) -> None:
        self.call_at(self.now + delay, call, *arguments)

    def move_to(self, now: float) -> None:
        while self.calls and min(self.calls, key=lambda due: due[0])[0] <= now:
            due = min(self.calls, key=lambda due: due[0])
            self.calls.remove(due)
            self.now = max(self.now, due[0])
            due[1](*due[2])
        self.now = now


@pytest.fixture
def account() -> Account:
    return Account("klaroen", Loop(), Counter())


def receipts(count: int) -> list[Receipt]:
    return [Receipt(b"%d" % n) for n in range(count)]


def test_receipts_wait_for_a_bind(account: Account) -> None:
    """A carrier keeps what it could not prove while nobody was there."""
    account.offer(receipts(3))
    assert account.pending == 3
    bind = Bind()
    account.join(bind)
    assert (bind.got, account.pending, account.unacknowledged) == ([b"0", b"1", b"2"], 0, 3)


def test_receipts_go_to_every_bind_and_never_beyond_its_window(account: Account) -> None:
    binds = [Bind(), Bind()]
    for bind in binds:
        account.join(bind)
    account.offer(receipts(2 * RECEIPT_WINDOW + 10))
    assert [len(bind.got) for bind in binds] == [RECEIPT_WINDOW, RECEIPT_WINDOW]
    assert account.pending == 10


def test_a_bind_that_cannot_be_written_to_is_passed_by(account: Account) -> None:
    stuck, free = Bind(), Bind()
    stuck.writable = False
    account.join(stuck)
    account.join(free)
    account.offer(receipts(300))
    assert (len(stuck.got), len(free.got)) == (0, 300)


@pytest.mark.parametrize("status", [0x08, 0x14, 0x58, 0x64])
def test_a_receipt_that_could_not_be_stored_comes_again(account: Account, status: int) -> None:
    bind = Bind()
    account.join(bind)
    account.offer(receipts(1))
    account.refused(bind.unacknowledged.pop(1)[0], status)
    assert bind.got == [b"0"]
    account._loop.move_to(0.6)
    assert bind.got == [b"0", b"0"]


def test_a_receipt_that_was_refused_for_good_does_not(account: Account) -> None:
    bind = Bind()
    account.join(bind)
    account.offer(receipts(1))
    account.refused(bind.unacknowledged.pop(1)[0], 0x0B)
    account._loop.move_to(60.0)
    assert bind.got == [b"0"]


def test_a_receipt_that_nobody_answers_comes_again(account: Account) -> None:
    bind = Bind()
    account.join(bind)
    account.offer(receipts(2))
    del bind.unacknowledged[1]
    account._loop.move_to(ACKNOWLEDGE_S + 2.0)
    assert bind.got == [b"0", b"1", b"1"]


def test_a_receipt_survives_its_connection(account: Account) -> None:
    """To any bind of the account that is up, also after a reconnect."""
    lost, next_one = Bind(), Bind()
    account.join(lost)
    account.offer(receipts(1))
    account.leave(lost)
    account.leave(lost)
    account.join(next_one)
    account._loop.move_to(1.0)
    assert (lost.got, next_one.got) == ([b"0"], [b"0"])


def test_a_frozen_account_sends_nothing(account: Account) -> None:
    bind = Bind()
    account.join(bind)
    account.freeze(frozen=True)
    account.offer(receipts(1))
    account._loop.move_to(60.0)
    assert bind.got == []
    account.freeze(frozen=False)
    assert bind.got == [b"0"]
