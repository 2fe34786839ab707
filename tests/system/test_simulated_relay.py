"""The simulated mail relay as a process, over raw sockets."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from klaroen_bench.carriers.ledger import ACCEPTED, LedgerReader
from klaroen_bench.processes import CarrierProcess, start_relay

DEADLINE_S = 20.0


class Caller:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def say(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def codes(self, count: int) -> list[int]:
        """Return the codes of so many replies."""
        found = []
        while len(found) < count:
            line = self._file.readline()
            assert line, "the relay hung up"
            if line[3:4] == b" ":
                found.append(int(line[:3]))
        return found


def start(ledger: Path, refused: float) -> CarrierProcess:
    return start_relay(ledger, "--latency-ms=2", f"--refused={refused}")


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "mail.ledger"


@pytest.fixture
def relay(ledger: Path) -> Iterator[CarrierProcess]:
    with start(ledger, 0.0) as process:
        yield process


def mail(mailbox: bytes, text: bytes) -> bytes:
    return b"MAIL FROM:<a@b.example>\r\nRCPT TO:<" + mailbox + b">\r\nDATA\r\n" + text + b"\r\n.\r\n"


def test_pipelined_mails_are_taken_in_order_and_kept(relay: CarrierProcess, ledger: Path) -> None:
    with Caller(relay.port) as caller:
        caller.say(b"EHLO here\r\n" + mail(b"x@c.example", b"first") + mail(b"y@c.example", b"second") + b"QUIT\r\n")
        assert caller.codes(11) == [220, 250, 250, 250, 354, 250, 250, 250, 354, 250, 221]

    relay.command({"do": "flush"})
    kept = [(entry.kind, entry.number, entry.body) for entry in LedgerReader(ledger)]
    assert kept == [(ACCEPTED, b"x@c.example", b"first"), (ACCEPTED, b"y@c.example", b"second")]


def test_an_unknown_mailbox_is_refused_and_gets_nothing(ledger: Path) -> None:
    with start(ledger, 1.0) as relay, Caller(relay.port) as caller:
        caller.say(b"EHLO here\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@c.example>\r\nDATA\r\nRSET\r\nHUH?\r\n")

        assert caller.codes(7) == [220, 250, 250, 550, 503, 250, 500]
        assert relay.counters()["refused"] == 1
    assert not list(LedgerReader(ledger))


def test_a_mail_without_an_end_is_not_kept_for_ever(relay: CarrierProcess) -> None:
    with Caller(relay.port) as caller:
        caller.say(b"EHLO here\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@c.example>\r\nDATA\r\n")
        assert caller.codes(5) == [220, 250, 250, 250, 354]

        with pytest.raises(ConnectionError):
            caller.say(b"x" * (16 << 20))
