"""The carrier in virtual time, over streams in memory, against an SMSC that does what the test says."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from tests.unit.sms.smpp_kit import (
    BIND,
    BIND_RESP,
    DELIVER_RESP,
    ENQUIRE,
    ENQUIRE_RESP,
    NOW,
    SUBMIT,
    SUBMIT_RESP,
    UNBIND,
    UNBIND_RESP,
    answers,
    content,
    envelopes,
    heads,
    pdu,
    receipt,
    sequences,
    settings,
)
from trio.testing import MemoryReceiveStream, MemorySendStream, MockClock, memory_stream_pair, wait_all_tasks_blocked

from klaroen.core.errors import CarrierDownError
from klaroen.core.model import Instant
from klaroen.core.ports import Accepted, Answer, Event, Fault, Link, Receipt, Unknown, Unsent
from klaroen.settings import SmppProfile
from klaroen_adapters.sms import smpp
from klaroen_adapters.sms.smpp import SmppCarrier, build
from klaroen_adapters.tcp import ConnectError

ONE = content()
Staple = trio.StapledStream[MemorySendStream, MemoryReceiveStream]


class Time:
    """The engine's clock, tied to trio's."""

    def now(self) -> Instant:
        return Instant(NOW + round(trio.current_time() * 1000))


class Smsc:
    """Takes connections; each one is a stream that the test reads and writes."""

    def __init__(self) -> None:
        self.connected: list[tuple[float, Staple]] = []
        self.ours: list[Staple] = []
        self.arrived = trio.Event()
        self.refuses = False

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        assert ("smsc.test", 2775) == (host, port)
        await trio.lowlevel.checkpoint()
        if self.refuses:
            raise ConnectError("Connection refused")
        ours, theirs = memory_stream_pair()
        self.ours.append(ours)
        self.arrived.set()
        self.connected.append((trio.current_time(), theirs))
        return ours

    async def next(self) -> None:
        """Wait for one more connection."""
        self.arrived = trio.Event()
        await self.arrived.wait()

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.connected]

    async def read(self, bind: int = -1) -> bytes:
        await wait_all_tasks_blocked()
        return bytes(await self.connected[bind][1].receive_some(1 << 20))

    async def write(self, octets: bytes, bind: int = -1) -> None:
        await self.connected[bind][1].send_all(octets)
        await wait_all_tasks_blocked()

    async def accept(self, bind: int = -1) -> None:
        """Answer the bind."""
        assert BIND == heads(await self.read(bind))[0][0]
        await self.write(pdu(BIND_RESP, 0, 1, b"SMSC\0"), bind)

    def stick(self, bind: int = -1) -> trio.Event:
        """Take nothing more, until the event."""
        event = trio.Event()
        stream = self.ours[bind].send_stream
        pump = stream.send_all_hook
        assert pump is not None

        async def wait() -> None:
            await event.wait()
            await pump()

        stream.send_all_hook = wait
        return event

    def close(self, bind: int = -1) -> None:
        self.connected[bind][1].send_stream.close()
        self.connected[bind][1].receive_stream.close()


class World:
    def __init__(self, carrier: SmppCarrier, smsc: Smsc, said: list[Event]) -> None:
        self.carrier, self.smsc, self.said = carrier, smsc, said

    def heard(self) -> list[Event]:
        """Return what was said since the last time."""
        heard = self.said[:]
        self.said.clear()
        return heard

    async def hand_over(self, count: int, first: int = 0) -> None:
        await self.carrier.hand_over(envelopes(count, ONE, first))
        await wait_all_tasks_blocked()


@asynccontextmanager
async def world(tmp_path: Path, profile: SmppProfile | None = None, **changes: Any) -> AsyncIterator[World]:
    password = tmp_path / "password"
    password.write_text("secret\n")
    smsc = Smsc()
    said: list[Event] = []

    async def emit(events: Sequence[Event]) -> None:
        await trio.lowlevel.checkpoint()
        said.extend(events)

    carrier = SmppCarrier(settings(str(password), profile, **changes), emit, Time(), smsc.connect)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.run)
        await wait_all_tasks_blocked()
        yield World(carrier, smsc, said)
        nursery.cancel_scope.cancel()


def answer(number: int, outcome: Any) -> Answer:
    return Answer(envelopes(1, ONE, number)[0].attempt, outcome)


def links(events: Sequence[Event]) -> list[tuple[bool, int]]:
    return [(event.up, event.window) for event in events if isinstance(event, Link)]


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


async def test_a_message_from_hand_over_to_its_receipt(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Bind, link up, submit, answer, receipt, and the acknowledgement only after it is stored."""
    async with world(tmp_path) as it:
        await it.smsc.accept()
        assert [
            Link(up=False, window=0, words="connecting"),
            Link(up=True, window=10, words="1 of 1 binds"),
        ] == it.heard()
        await it.hand_over(2)
        written = await it.smsc.read()
        assert [(SUBMIT, 0, 2), (SUBMIT, 0, 3)] == heads(written)
        assert b"\x01\x0132470000000\0" in written
        await it.smsc.write(answers([2, 3]) + receipt("m2", 70) + receipt("m3", 71))
        *accepted, first, second = it.heard()
        assert [answer(0, Accepted(("m2",))), answer(1, Accepted(("m3",)))] == accepted
        assert isinstance(first, Receipt)
        assert isinstance(second, Receipt)
        assert ("m2", "reached") == (first.ref, first.state)
        it.carrier.acknowledge([first], stored=True)
        it.carrier.acknowledge([second], stored=False)
        it.carrier.acknowledge([], stored=True)
        assert [(DELIVER_RESP, 0, 70), (DELIVER_RESP, 0x14, 71)] == heads(await it.smsc.read())


async def test_receipts_of_several_binds_are_acknowledged_each_on_its_own(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Ids belong to the carrier, but sequence numbers to the bind."""
    async with world(tmp_path, binds=2) as it:
        for bind in (0, 1):
            await it.smsc.accept(bind)
        assert [(False, 0), (True, 10), (True, 20)] == links(it.heard())
        await it.smsc.write(receipt("a", 7), 0)
        await it.smsc.write(receipt("b", 7) + receipt("c", 8), 1)
        receipts = [event for event in it.heard() if isinstance(event, Receipt)]
        it.carrier.acknowledge(receipts, stored=True)
        assert [(DELIVER_RESP, 0, 7)] == heads(await it.smsc.read(0))
        assert [(DELIVER_RESP, 0, 7), (DELIVER_RESP, 0, 8)] == heads(await it.smsc.read(1))


async def test_without_a_bind_nothing_is_taken(tmp_path: Path, autojump_clock: MockClock) -> None:
    """CarrierDownError: every envelope of that call is unsent."""
    async with world(tmp_path) as it:
        with pytest.raises(CarrierDownError):
            await it.carrier.hand_over(envelopes(1, ONE))


async def test_a_lost_response_is_unknown_and_its_slot_free(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Point 15."""
    async with world(tmp_path, window=1) as it:
        await it.smsc.accept()
        await it.hand_over(1)
        it.heard()
        await trio.sleep(10.3)
        assert [answer(0, Unknown("no answer in time"))] == it.heard()
        await it.hand_over(1, first=1)
        assert [2, 3] == sequences(await it.smsc.read())


async def test_a_lost_connection_answers_at_once_and_comes_back(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Unknown for what was written; link down; 0.5 s doubling; a bind that lived 10 s begins anew."""
    async with world(tmp_path) as it:
        await it.smsc.accept()
        await it.hand_over(1)
        it.heard()
        it.smsc.close()
        await wait_all_tasks_blocked()
        assert [answer(0, Unknown("connection lost")), Link(up=False, window=0, words="connection lost")] == it.heard()
        for _ in range(4):
            await it.smsc.next()
            it.smsc.close()
        await it.smsc.next()
        gaps = [after - before for before, after in pairwise(it.smsc.times)]
        assert [0.5, 1.0, 2.0, 4.0, 8.0] == pytest.approx(gaps)
        await it.smsc.accept()
        await trio.sleep(10)
        it.smsc.close()
        lost_at = trio.current_time()
        await it.smsc.next()
        assert lost_at + 0.5 == pytest.approx(it.smsc.times[-1])


async def test_back_off_doubles_to_thirty_seconds(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Point 17, with a peer that takes no connection."""
    async with world(tmp_path) as it:
        it.smsc.close()
        it.smsc.refuses = True
        await trio.sleep(0.4)
        assert "connection lost" == it.heard()[-1].words  # type: ignore[union-attr]
        await trio.sleep(120)
        assert [Link(up=False, window=0, words="Connection refused")] == it.heard()
        it.smsc.refuses = False
        await trio.sleep(30)
        assert 2 == len(it.smsc.connected)
        # 0 + 0.5, 1, 2, 4, 8, 16, 30, 30, 30…
        assert 121.5 == round(it.smsc.times[1], 1)


@pytest.mark.parametrize(
    ("status", "words", "wait_s"),
    [
        (0x0E, "bind refused: the password is refused", 300.0),
        (0x05, "bind refused: a former session is still bound", 30.0),
        (0x0D, "bind refused: 0x000D", 0.5),
    ],
)
async def test_a_refused_bind_waits_by_its_reason(
    tmp_path: Path, autojump_clock: MockClock, status: int, words: str, wait_s: float
) -> None:
    """Point 20: a wrong password is said loudly and tried again after minutes; a ghost session after 30 s."""
    async with world(tmp_path) as it:
        await it.smsc.read()
        await it.smsc.write(pdu(BIND_RESP, status, 1))
        assert Link(up=False, window=0, words=words) == it.heard()[-1]
        await trio.sleep(wait_s + 1)
        assert [0.0, wait_s] == [round(at, 1) for at in it.smsc.times]


async def test_a_refused_password_holds_every_bind(tmp_path: Path, autojump_clock: MockClock) -> None:
    """SMSCs lock accounts that insist."""
    async with world(tmp_path, binds=2) as it:
        await it.smsc.read(0)
        await it.smsc.write(pdu(BIND_RESP, 0x0E, 1), 0)
        it.smsc.close(1)
        await trio.sleep(299)
        assert 2 == len(it.smsc.connected)
        await trio.sleep(2)
        assert 4 == len(it.smsc.connected)


async def test_what_speaks_no_smpp_is_left_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Point 17: HTTP on the port; closed within 2 s, and tried again with back-off."""
    async with world(tmp_path) as it:
        await it.smsc.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert Link(up=False, window=0, words="a length that no SMPP PDU has") == it.heard()[-1]
        await it.smsc.read()
        assert b"" == await it.smsc.read(), "closed"
        await trio.sleep(0.6)
        assert 2 == len(it.smsc.connected)


async def test_pdus_may_come_octet_by_octet(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Point 17: half PDUs."""
    async with world(tmp_path) as it:
        await it.smsc.accept()
        await it.hand_over(1)
        it.heard()
        for octet in answers([2]) + receipt("m2", 70):
            await it.smsc.write(bytes((octet,)))
        accepted, proof = it.heard()
        assert answer(0, Accepted(("m2",))) == accepted
        assert isinstance(proof, Receipt)


async def test_a_throttled_message_goes_back_and_the_window_shrinks(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Point 13: said with the answer; the other bind goes on; the window grows again by itself."""
    async with world(tmp_path, binds=2) as it:
        for bind in (0, 1):
            await it.smsc.accept(bind)
        it.heard()
        await it.hand_over(2)
        numbers = sequences(await it.smsc.read(0))
        await it.smsc.write(b"".join(pdu(SUBMIT_RESP, 0x58, number) for number in numbers), 0)
        throttled, link = it.heard()
        assert isinstance(throttled, Answer)
        assert Unsent("throttled", throttled=True) == throttled.outcome
        assert Link(up=True, window=15, words="2 of 2 binds") == link
        await trio.sleep(25)
        assert (True, 20) == links(it.heard())[-1]


async def test_a_repeated_receipt_is_said_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Point 10: until it is acknowledged, and after a reconnect too."""
    async with world(tmp_path) as it:
        await it.smsc.accept()
        it.heard()
        await it.smsc.write(receipt("m1", 5))
        (first,) = it.heard()
        it.smsc.close()
        await trio.sleep(1)
        await it.smsc.accept()
        assert isinstance(first, Receipt)
        it.carrier.acknowledge([first], stored=True)  # too late: its bind is gone
        await it.smsc.write(receipt("m1", 5))
        second = it.heard()[-1]
        assert isinstance(second, Receipt)
        it.carrier.acknowledge([second], stored=True)
        assert [(DELIVER_RESP, 0, 5)] == heads(await it.smsc.read())


async def test_the_peers_unbind(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Point 20: answered, link down, what is in flight still answered, then a new bind."""
    async with world(tmp_path) as it:
        await it.smsc.accept()
        await it.hand_over(1)
        await it.smsc.read()
        it.heard()
        await it.smsc.write(pdu(UNBIND, 0, 9))
        assert [(UNBIND_RESP, 0, 9)] == heads(await it.smsc.read())
        assert [(False, 0)] == links(it.heard())
        with pytest.raises(CarrierDownError):
            await it.carrier.hand_over(envelopes(1, ONE))
        await it.smsc.write(answers([2]))
        assert answer(0, Accepted(("m2",))) in it.heard()
        await trio.sleep(0.6)
        assert 2 == len(it.smsc.connected)


async def test_an_enquiry_is_answered_though_the_socket_takes_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Point 19: reading goes on while a write is stuck, and the answer goes before the submissions that wait."""
    async with world(tmp_path) as it:
        await it.smsc.accept()
        taken = it.smsc.stick()
        await it.hand_over(1)  # the write that sticks
        await it.hand_over(5, first=1)
        await it.smsc.write(pdu(ENQUIRE, 0, 77) + receipt("m1", 5))
        assert isinstance(it.heard()[-1], Receipt), "read though nothing can be written"
        taken.set()
        assert [(SUBMIT, 0, 2), (ENQUIRE_RESP, 0, 77), (SUBMIT, 0, 3)] == heads(await it.smsc.read())[:3]


async def test_messages_that_find_no_room_go_back_unsent(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Within 200 ms, so that a stopped alert stops here too; and sooner they leave as answers come."""
    async with world(tmp_path, window=1) as it:
        await it.smsc.accept()
        it.heard()
        await it.hand_over(3)
        assert [2] == sequences(await it.smsc.read())
        await it.smsc.write(answers([2]))
        assert [3] == sequences(await it.smsc.read())
        await trio.sleep(0.25)
        assert [answer(0, Accepted(("m2",))), answer(2, Unsent("no free window"))] == it.heard()


async def test_what_waits_for_room_is_unsent_when_the_last_bind_goes(tmp_path: Path, autojump_clock: MockClock) -> None:
    """At once: another carrier may take it."""
    async with world(tmp_path, window=1) as it:
        await it.smsc.accept()
        await it.hand_over(2)
        it.heard()
        it.smsc.close()
        await wait_all_tasks_blocked()
        assert {answer(0, Unknown("connection lost")), answer(1, Unsent("no bind is up"))} <= set(it.heard())


async def test_drain_waits_for_the_last_answer(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Nothing more is taken; it returns as soon as nothing is unanswered, or after its time."""
    async with world(tmp_path) as it:
        await it.smsc.accept()
        await it.hand_over(1)
        began = trio.current_time()
        await it.carrier.drain(3)
        assert 3.0 == round(trio.current_time() - began, 1)
        with pytest.raises(CarrierDownError):
            await it.carrier.hand_over(envelopes(1, ONE))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(it.carrier.drain, 60)
            await it.smsc.write(answers([2]))
        assert 3.0 == round(trio.current_time() - began, 1)
        assert answer(0, Accepted(("m2",))) in it.heard()


async def test_the_end_is_an_unbind_and_an_answer_for_everything(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Cancelled: the peer is told, and the engine hears what is left to say."""
    async with world(tmp_path, window=1) as it:
        await it.smsc.accept()
        await it.hand_over(2)
        await it.smsc.read()
        it.heard()
    assert UNBIND == heads(await it.smsc.read())[0][0]
    assert {answer(0, Unknown("connection lost")), answer(1, Unsent("no bind is up"))} <= set(it.heard())


async def test_events_not_taken_stop_the_reading(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back-pressure reaches the carrier; nothing is lost when the engine takes them again."""
    monkeypatch.setattr(smpp, "EVENTS_MAX", 2)
    password = tmp_path / "password"
    password.write_text("secret")
    smsc, said, gate = Smsc(), [], trio.Event()

    async def emit(events: Sequence[Event]) -> None:
        await gate.wait()
        said.extend(events)

    carrier = SmppCarrier(settings(str(password)), emit, Time(), smsc.connect)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.run)
        await wait_all_tasks_blocked()
        await smsc.accept()
        for number in range(5):
            await smsc.write(receipt(f"m{number}", number))
        assert 3 == len(carrier._outlet)
        gate.set()
        await wait_all_tasks_blocked()
        assert [f"m{number}" for number in range(5)] == [event.ref for event in said if isinstance(event, Receipt)]
        nursery.cancel_scope.cancel()


async def test_what_the_engine_was_cancelled_in_taking_is_told_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The end comes in the middle of an emit: nothing is lost, nothing is told twice."""
    password = tmp_path / "password"
    password.write_text("secret")
    smsc, said, closing = Smsc(), [], trio.Event()

    async def emit(events: Sequence[Event]) -> None:
        if not closing.is_set():
            await trio.sleep_forever()
        said.extend(events)

    carrier = SmppCarrier(settings(str(password)), emit, Time(), smsc.connect)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.run)
        await wait_all_tasks_blocked()
        await smsc.accept()
        closing.set()
        nursery.cancel_scope.cancel()
    assert [(False, 0), (True, 10), (False, 0)] == links(said)


async def test_a_reset_connection_is_a_lost_one(tmp_path: Path, autojump_clock: MockClock) -> None:
    """However the system words it."""
    async with world(tmp_path) as it:
        await it.smsc.accept()

        async def reset() -> None:
            raise trio.BrokenResourceError

        it.smsc.ours[0].receive_stream.receive_some_hook = reset
        await it.smsc.write(pdu(ENQUIRE, 0, 1))
        assert Link(up=False, window=0, words="connection lost") == it.heard()[-1]


async def test_a_peer_that_falls_silent_is_left(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Point 19: 30 s idle, an enquiry, 10 s, and a new bind."""
    async with world(tmp_path) as it:
        await it.smsc.accept()
        await trio.sleep(29)
        it.heard()
        await trio.sleep(1.5)
        assert ENQUIRE == heads(await it.smsc.read())[0][0]
        await trio.sleep(10.5)
        assert [Link(up=False, window=0, words="the peer fell silent")] == it.heard()
        await trio.sleep(0.5)
        assert 2 == len(it.smsc.connected)


async def test_a_peer_that_neither_reads_nor_speaks_is_left(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A write that never ends does not keep a dead bind; what was written is Unknown, what was not is Unsent."""
    async with world(tmp_path) as it:
        await it.smsc.accept()
        it.smsc.stick()
        await it.hand_over(1)  # the write that sticks
        await it.hand_over(1, first=1)
        it.heard()
        await trio.sleep(41)
        late = [answer(1, Unsent("not written in time")), answer(0, Unknown("no answer in time"))]
        assert [*late, Link(up=False, window=0, words="the peer fell silent")] == it.heard()
        await trio.sleep(0.5)
        assert 2 == len(it.smsc.connected)


async def test_odd_things_are_counted(tmp_path: Path, autojump_clock: MockClock) -> None:
    """By words that name no member."""
    async with world(tmp_path) as it:
        await it.smsc.accept()
        it.heard()
        await it.smsc.write(answers([99, 98]))
        assert [Fault("an answer to nothing in flight", 2)] == it.heard()


def test_the_password_is_read_when_the_carrier_is_built(tmp_path: Path) -> None:
    """A missing file is a fault of the configuration, not of an alert."""

    async def emit(events: Sequence[Event]) -> None:
        raise AssertionError

    with pytest.raises(FileNotFoundError):
        build(settings(str(tmp_path / "none")), emit, Time())
    (tmp_path / "password").write_text("secret\n")
    assert "proximus" == build(settings(str(tmp_path / "password")), emit, Time()).name
