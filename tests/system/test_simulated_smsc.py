"""The simulated SMSC as a process, in conversation with a client that we did not write, and with raw bytes."""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import smpplib.client
import smpplib.consts
import smpplib.exceptions

from klaroen_bench.carriers.ledger import ACCEPTED, HANDSET, LedgerReader
from klaroen_bench.copies import read_copies
from klaroen_bench.processes import CarrierProcess, ProcessError, start_smsc

PERFECT = ("--latency-ms=2", "--receipts-missing=0", "--refused=0", "--repeated=0", "--late=0")
DEADLINE_S = 20.0


def until(carrier: CarrierProcess, true: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Ask for the counters until they say so."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        counters = carrier.counters()
        if true(counters):
            return counters
    raise TimeoutError(counters)


class Peer:
    """An SMPP client of raw bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.rest = b""

    def send(self, command: int, sequence: int, body: bytes = b"", status: int = 0) -> None:
        self.socket.sendall(struct.pack(">IIII", 16 + len(body), command, status, sequence) + body)

    def read(self) -> tuple[int, int, int, bytes]:
        """Return command, status, sequence and body of the next PDU."""
        while len(self.rest) < 16 or len(self.rest) < int.from_bytes(self.rest[:4]):
            chunk = self.socket.recv(65536)
            if not chunk:
                raise ConnectionResetError
            self.rest += chunk
        length, command, status, sequence = struct.unpack_from(">IIII", self.rest)
        body, self.rest = self.rest[16:length], self.rest[length:]
        return command, status, sequence, body

    def bind(self, system_id: str = "klaroen", password: str = "secret", command: int = 9) -> int:
        self.send(command, 1, f"{system_id}\0{password}\0\0".encode() + b"\x34\0\0\0")
        answered, status, sequence, _ = self.read()
        assert (answered, sequence) == (command | 0x80000000, 1)
        return status

    def submit(self, number: str, sequence: int, text: bytes = b"Bel 101.", esm_class: int = 0) -> None:
        body = b"\0\x00\x018810\0\x01\x01" + number.encode() + b"\0" + bytes((esm_class, 0, 0)) + b"\0\0"
        body += bytes((1, 0, 0, 0, len(text))) + text + b"\x02\x04\x00\x02" + (sequence & 0xFFFF).to_bytes(2)
        self.send(4, sequence, body)

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., CarrierProcess]]:
    """Start an SMSC whose ledger is `tmp_path`/smsc."""
    running: list[CarrierProcess] = []

    def start(*arguments: str) -> CarrierProcess:
        running.append(start_smsc(tmp_path / "smsc", *arguments))
        return running[-1]

    yield start
    for carrier in running:
        carrier.stop()


@pytest.fixture
def connect() -> Iterator[Callable[[CarrierProcess], Peer]]:
    peers: list[Peer] = []

    def connect(carrier: CarrierProcess) -> Peer:
        peers.append(Peer(carrier.port))
        return peers[-1]

    yield connect
    for peer in peers:
        peer.close()


@pytest.mark.peer
def test_a_client_that_we_did_not_write_binds_submits_and_is_told_of_delivery(start, tmp_path: Path) -> None:
    """smpplib's own codec agrees on bind, answer and receipt; the ledger holds what it sent, raw."""
    carrier = start("--name=proximus", *PERFECT)
    client = smpplib.client.Client("127.0.0.1", carrier.port, timeout=DEADLINE_S, allow_unknown_opt_params=True)
    sent: list[Any] = []
    received: list[Any] = []
    client.set_message_sent_handler(lambda pdu: sent.append(pdu))
    client.set_message_received_handler(lambda pdu: received.append(pdu))
    client.connect()
    client.bind_transceiver(system_id="klaroen", password="secret")
    client.send_message(
        source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
        source_addr="8810",
        dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
        dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
        destination_addr="32470000001",
        short_message=b"Bel 101.",
        registered_delivery=True,
        user_message_reference=4711,
    )
    while not received:
        client.read_once()
    client.unbind()
    client.disconnect()
    (answer,), (receipt,) = sent, received
    assert receipt.receipted_message_id == answer.message_id
    assert (receipt.message_state, receipt.user_message_reference) == (
        smpplib.consts.SMPP_MESSAGE_STATE_DELIVERED,
        4711,
    )
    assert (receipt.source_addr, receipt.destination_addr, receipt.esm_class) == (b"32470000001", b"8810", 4)
    assert b"stat:DELIVRD" in receipt.short_message
    assert b"id:" + answer.message_id in receipt.short_message
    carrier.stop()
    entries = list(LedgerReader(tmp_path / "smsc"))
    assert [(entry.kind, entry.number) for entry in entries] == [(kind, b"32470000001") for kind in (ACCEPTED, HANDSET)]
    assert entries[0].body == entries[1].body
    (copy,), truncated_bytes = read_copies(tmp_path / "smsc")
    assert (copy.text, copy.carrier, truncated_bytes) == ("Bel 101.", "proximus", 0)


@pytest.mark.peer
def test_a_wrong_password_does_not_bind(start, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    carrier = start("--system-id=klaroen", f"--password-file={tmp_path / 'password'}", *PERFECT)
    client = smpplib.client.Client("127.0.0.1", carrier.port, timeout=DEADLINE_S, allow_unknown_opt_params=True)
    client.connect()
    with pytest.raises(smpplib.exceptions.PDUError, match="Password"):
        client.bind_transceiver(system_id="klaroen", password="other")
    client.disconnect()


def test_sessions_are_answered_whatever_they_ask(start, connect) -> None:
    """Links, unknown requests, submissions out of place, a second bind; HTTP on the port loses its connection."""
    peer = connect(start(*PERFECT))
    peer.submit("32470000001", 5)
    assert peer.read()[:3] == (0x80000004, 4, 5)
    assert peer.bind(command=1) == 0
    peer.submit("32470000001", 6)
    assert peer.read()[:3] == (0x80000004, 4, 6)
    for command, expected in ((0x15, (0x80000015, 0, 7)), (0x99, (0x80000000, 3, 7)), (9, (0x80000009, 2, 7))):
        peer.send(command, 7)
        assert peer.read()[:3] == expected
    peer.send(6, 8)
    assert peer.read()[:3] == (0x80000006, 0, 8)
    assert peer.socket.recv(1) == b""
    web = connect(start(*PERFECT))
    web.socket.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        web.read()


def test_a_receipt_comes_again_until_it_is_acknowledged_on_any_bind(start, connect) -> None:
    """Also after the connection that submitted it is gone."""
    carrier = start(*PERFECT)
    first = connect(carrier)
    first.bind()
    first.submit("32470000001", 2)
    assert [first.read()[0], first.read()[0]] == [0x80000004, 5]
    first.close()
    second = connect(carrier)
    second.bind()
    command, _, sequence, body = second.read()
    assert (command, b"stat:DELIVRD" in body) == (5, True)
    second.send(0x80000005, sequence, b"\0", status=0x14)
    command, _, sequence, again = second.read()
    assert (command, again) == (5, body)
    second.send(0x80000005, sequence, b"\0")
    counters = until(carrier, lambda counters: counters.get("receipts_acknowledged") == 1)
    assert (counters["receipts_pending"], counters["receipts_unacknowledged"], counters["receipts_repeated"]) == (
        0,
        0,
        2,
    )


def test_an_early_receipt_comes_before_its_answer(start, connect) -> None:
    peer = connect(start("--latency-ms=200", *PERFECT[1:], "--early=1"))
    peer.bind()
    peer.submit("32470000001", 2)
    assert [peer.read()[0], peer.read()[0]] == [5, 0x80000004]


def test_a_blackout_is_mute_and_then_everything_is_answered(start, connect) -> None:
    """Connections stay open; what was sent meanwhile is read after it."""
    carrier = start(*PERFECT)
    peer = connect(carrier)
    peer.bind()
    begun = time.monotonic()
    carrier.command({"do": "blackout", "seconds": 0.5})
    peer.send(0x15, 2)
    assert peer.read()[0] == 0x80000015
    assert time.monotonic() - begun >= 0.45


def test_who_connects_in_a_blackout_waits_until_it_ends(start, connect) -> None:
    """A dark SMSC binds nobody: its kernel accepts the connection, and that is all."""
    carrier = start(*PERFECT)
    carrier.command({"do": "blackout", "seconds": 0.5})
    begun = time.monotonic()
    assert connect(carrier).bind() == 0
    assert time.monotonic() - begun >= 0.45


def test_a_reset_drops_connections_and_refuses_new_ones_for_its_time(start, connect) -> None:
    carrier = start(*PERFECT)
    peer = connect(carrier)
    peer.bind()
    carrier.command({"do": "blackout", "seconds": 0.5, "mode": "reset"})
    with pytest.raises(ConnectionResetError):
        peer.read()
    with pytest.raises(ConnectionRefusedError):
        connect(carrier)
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            assert connect(carrier).bind() == 0
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline


def test_a_brownout_slows_every_answer(start, connect) -> None:
    carrier = start("--latency-ms=10", *PERFECT[1:])
    peer = connect(carrier)
    peer.bind()
    carrier.command({"do": "brownout", "factor": 40})
    begun = time.monotonic()
    peer.submit("32470000001", 2)
    assert peer.read()[0] == 0x80000004
    assert time.monotonic() - begun > 0.1


def test_a_liar_takes_everything_and_delivers_nothing_and_a_throttler_takes_nothing(start, connect) -> None:
    """Until it is told to work again."""
    carrier = start(*PERFECT)
    peer = connect(carrier)
    peer.bind()
    for manner, status in (("lie", 0), ("throttle", 0x58), ("work", 0)):
        carrier.command({"do": manner})
        peer.submit("32470000001", 7)
        assert (0x80000004, status) == peer.read()[:2]
    counters = until(carrier, lambda counters: counters.get("on_handset", 0) + counters.get("lost", 0) == 2)
    assert (2, 1, 1) == (counters["accepted"], counters["throttled"], counters["lost"])


@pytest.mark.parametrize(
    ("arguments", "statuses"),
    [
        (("--drain-per-s=1", "--queue-max=3"), {0: 3, 0x14: 7}),
        (("--throttle-per-s=10",), {0: 1, 0x58: 9}),
        (("--refused=1",), {0x0B: 10}),
    ],
)
def test_a_full_queue_a_throttle_and_a_refusal_are_told_apart(start, connect, arguments, statuses) -> None:
    peer = connect(start(*PERFECT, *arguments))
    peer.bind()
    for sequence in range(2, 12):
        peer.submit(f"3247000000{sequence - 2}", sequence)
    got: dict[int, int] = {}
    while sum(got.values()) < 10:
        command, status, _, _ = peer.read()
        if command == 0x80000004:
            got[status] = got.get(status, 0) + 1
    assert got == statuses


def test_the_door_holds_back_the_handset_and_only_if_asked_the_answer(start, connect, tmp_path: Path) -> None:
    """First in, first out, at the rate."""
    for option, answered_within_s in ((), 0.4), (("--answer-when-drained",), 1.0):
        carrier = start(*PERFECT, "--drain-per-s=20", *option)
        peer = connect(carrier)
        peer.bind()
        begun = time.monotonic()
        for sequence in range(2, 12):
            peer.submit(f"3247000000{sequence - 2}", sequence)
        answers = 0
        while answers < 10:
            answers += peer.read()[0] == 0x80000004
        answered_s = time.monotonic() - begun
        assert answered_s < answered_within_s if not option else answered_s >= 0.45
        until(carrier, lambda counters: counters.get("on_handset") == 10)
        assert time.monotonic() - begun >= 0.45
        carrier.stop()
        copies, _ = read_copies(tmp_path / "smsc")
        assert copies[-1].at_ms - copies[0].at_ms >= 400


def test_parts_make_one_copy_and_a_lost_message_none(start, connect, tmp_path: Path) -> None:
    carrier = start(*PERFECT)
    peer = connect(carrier)
    peer.bind()
    for index, sequence in ((2, 2), (1, 3)):
        peer.submit("32470000001", sequence, bytes((5, 0, 3, 9, 2, index)) + b"part %d " % index, esm_class=0x40)
    until(carrier, lambda counters: counters["receipts_unacknowledged"] == 2)
    carrier.stop()
    copies, _ = read_copies(tmp_path / "smsc")
    assert [copy.text for copy in copies] == ["part 1 part 2 "]
    lossy = start(*PERFECT, "--lost=1")
    other = connect(lossy)
    other.bind()
    for sequence in range(2, 22):
        other.submit(f"324700000{sequence:02}", sequence)
    until(lossy, lambda counters: counters.get("lost") == 20)
    lossy.stop()
    assert read_copies(tmp_path / "smsc") == ([], 0)


def test_it_ends_with_its_parent_and_its_ledger_is_whole(start, connect, tmp_path: Path) -> None:
    """The end of standard input is the end of the process."""
    carrier = start(*PERFECT)
    peer = connect(carrier)
    peer.bind()
    peer.submit("32470000001", 2)
    peer.read()
    carrier._popen.stdin.close()
    assert carrier._popen.wait(DEADLINE_S) == 0
    assert len(list(LedgerReader(tmp_path / "smsc"))) >= 1


def test_commands_are_obeyed_on_a_socket_too_and_nonsense_is_refused(start, tmp_path: Path) -> None:
    carrier = start(*PERFECT, f"--control={tmp_path / 'control'}")
    assert carrier.ready["control"] == str(tmp_path / "control")
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(carrier.ready["control"])
        control.sendall(b'{"do": "flush"}\n{"do": "explode"}\n')
        with control.makefile("rb") as lines:
            assert [b'"do":"flush"' in lines.readline(), b"error" in lines.readline()] == [True, True]
    for nonsense in ({"do": "blackout", "seconds": -1}, {"do": "brownout", "factor": 0}, {}):
        with pytest.raises(ProcessError):
            carrier.command(nonsense)


def test_what_a_process_used_is_measured_and_its_end_is_noticed(start) -> None:
    carrier = start(*PERFECT)
    assert carrier.cpu_s() > 0.0
    assert carrier.peak_rss_mb() > 10.0
    last = carrier.stop()
    assert last is not None
    assert last["cpu_s"] > 0.0
    assert carrier.stop() is None
    with pytest.raises(ProcessLookupError):
        carrier.cpu_s()
    with pytest.raises(ProcessLookupError):
        carrier.peak_rss_mb()
    with pytest.raises(ProcessError):
        start("--no-such-option")
