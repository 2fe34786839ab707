"""The simulated HTTP gateway as a process: the generic profile, over raw sockets; and the two baselines."""

import hashlib
import hmac
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from klaroen_bench.carriers.ledger import ACCEPTED, LedgerReader
from klaroen_bench.copies import read_copies
from klaroen_bench.processes import CarrierProcess, start_gateway, start_smsc

PERFECT = ("--latency-ms=2", "--receipts-missing=0", "--refused=0", "--repeated=0", "--late=0")
DEADLINE_S = 20.0
SECRET, TOKEN = "secret", "token"


class Hook:
    """Where receipts are posted to; each POST is answered as the test says."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(DEADLINE_S)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/v1/receipts/cm?a=b"
        self._connection: socket.socket | None = None

    def take(self, status: int) -> tuple[str, dict[str, str], bytes]:
        """Return request line, headers and body of the next POST, and answer it."""
        if self._connection is None:
            self._connection, _ = self._server.accept()
            self._connection.settimeout(DEADLINE_S)
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += self._receive()
        head, _, body = raw.partition(b"\r\n\r\n")
        request, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        while len(body) < int(headers["content-length"]):
            body += self._receive()
        self._connection.sendall(b"HTTP/1.1 %d Whatever\r\ncontent-length: 0\r\n\r\n" % status)
        return request, headers, body

    def _receive(self) -> bytes:
        assert self._connection is not None
        chunk = self._connection.recv(65536)
        assert chunk, "the gateway hung up"
        return chunk

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._server.close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., CarrierProcess]]:
    running: list[CarrierProcess] = []

    def start(*arguments: str) -> CarrierProcess:
        for name, secret in (("token", TOKEN), ("secret", SECRET)):
            (tmp_path / name).write_text(secret)
        files = (f"--token-file={tmp_path / 'token'}", f"--receipt-secret-file={tmp_path / 'secret'}")
        running.append(start_gateway(tmp_path / "gateway", "--name=cm", *PERFECT, *files, *arguments))
        return running[-1]

    yield start
    for carrier in running:
        carrier.stop()


def post(
    carrier: CarrierProcess, body: Any, token: str = TOKEN, method: str = "POST"
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", carrier.port, timeout=DEADLINE_S)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, "/send", raw, {"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    connection.close()
    return answer


def order(count: int, receipts: str | None = None, first: int = 0) -> dict[str, Any]:
    to = [{"number": f"+3247{n:07}", "ref": f"ref{n}"} for n in range(first, first + count)]
    return {"batch": "b1", "sender": "8810", "text": "Bel 101. €", "validity_s": 60, "receipts": receipts, "to": to}


def test_a_batch_is_taken_proved_and_signed(start, hook: Hook, tmp_path: Path) -> None:
    """Receipts come again, the same, until they are answered 2xx."""
    carrier = start()
    status, _, body = post(carrier, order(3, hook.url))
    items = json.loads(body)["items"]
    assert (status, [(item["ref"], item["status"]) for item in items]) == (
        200,
        [("ref0", "accepted"), ("ref1", "accepted"), ("ref2", "accepted")],
    )
    states: dict[str, str] = {}
    for answer in (503, 204, 204, 204):
        request, headers, raw = hook.take(answer)
        stamp = headers["x-klaroen-timestamp"]
        assert request == "POST /v1/receipts/cm?a=b HTTP/1.1"
        assert abs(int(stamp) - time.time()) < 60
        expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
        assert headers["x-klaroen-signature"] == expected
        if answer == 204:
            states |= {receipt["ref"]: receipt["state"] for receipt in json.loads(raw)}
        if len(states) == 3:
            break
    assert states == {"ref0": "delivered", "ref1": "delivered", "ref2": "delivered"}
    carrier.stop()
    copies, _ = read_copies(tmp_path / "gateway")
    assert sorted((copy.number, copy.text) for copy in copies) == [(f"3247{n:07}", "Bel 101. €") for n in range(3)]


def test_a_reference_is_sent_once_however_often_it_is_asked(start, tmp_path: Path) -> None:
    carrier = start()
    first, again = (post(carrier, order(2))[2] for _ in range(2))
    assert first == again
    carrier.stop()
    assert sum(entry.kind == ACCEPTED for entry in LedgerReader(tmp_path / "gateway")) == 2


@pytest.mark.parametrize(
    ("arguments", "status"), [(("--throttle-per-s=1",), 429), (("--drain-per-s=1", "--queue-max=3"), 503)]
)
def test_a_batch_that_comes_too_soon_is_refused_whole_and_told_when(start, arguments, status, tmp_path: Path) -> None:
    carrier = start(*arguments)
    assert post(carrier, order(3))[0] == 200
    refused = post(carrier, order(3, first=3))
    assert (refused[0], refused[1]["retry-after"]) == (status, "1")
    carrier.stop()
    assert sum(entry.kind == ACCEPTED for entry in LedgerReader(tmp_path / "gateway")) == 3


def test_what_is_not_the_profile_is_refused(start, hook: Hook) -> None:
    carrier = start("--refused=1")
    huge = order(1) | {"text": "x" * (1 << 20)}
    asked = [
        post(carrier, order(1), token="other"),
        post(carrier, b"{"),
        post(carrier, b'{"text": "\xff", "to": []}'),
        post(carrier, order(1, "ftp://127.0.0.1/")),
        post(carrier, b"", method="GET"),
        post(carrier, order(1001)),
        post(carrier, huge),
    ]
    assert [status for status, _, _ in asked] == [401, 400, 400, 400, 405, 413, 413]
    assert json.loads(post(carrier, order(1))[2])["items"] == [
        {"ref": "ref0", "id": None, "status": "refused", "code": "invalid_number"}
    ]


def test_pipelined_requests_are_answered_in_their_order(start) -> None:
    """Each has its own latency; nobody gets another's answer."""
    carrier = start("--latency-ms=20")
    requests = []
    for n in range(10):
        body = json.dumps(order(1, first=n)).encode()
        head = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
        requests.append(head.encode() + body)
    with socket.create_connection(("127.0.0.1", carrier.port), timeout=DEADLINE_S) as peer:
        peer.sendall(b"".join(requests))
        raw = b""
        while raw.count(b'"ref":') < 10:
            chunk = peer.recv(65536)
            assert chunk
            raw += chunk
    refs = [part.split(b'"')[0].decode() for part in raw.split(b'"ref":"')[1:]]
    assert refs == [f"ref{n}" for n in range(10)]


def test_a_blackout_is_mute_and_what_is_not_http_is_turned_away(start) -> None:
    carrier = start()
    begun = time.monotonic()
    carrier.command({"do": "blackout", "seconds": 0.5})
    assert post(carrier, order(1))[0] == 200
    assert time.monotonic() - begun >= 0.45
    with socket.create_connection(("127.0.0.1", carrier.port), timeout=DEADLINE_S) as peer:
        peer.sendall(b"\x00\x00\x00\x10\x00\x00\x00\x15\x00\x00\x00\x00\x00\x00\x00\x01")
        assert peer.recv(4096).startswith(b"HTTP/1.1 400 ")


def baseline(module: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"klaroen_bench.peers.{module}", "--json", *arguments]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def test_the_flood_hands_over_every_number_once(tmp_path: Path) -> None:
    """Two SMSCs, four binds each; every receipt is acknowledged."""
    with start_smsc(tmp_path / "a", *PERFECT) as one, start_smsc(tmp_path / "b", *PERFECT) as other:
        smscs = [argument for smsc in (one, other) for argument in ("--smsc", f"127.0.0.1:{smsc.port}")]
        figures = baseline("flood", *smscs, "--count=5000")
    copies = [copy.number for name in ("a", "b") for copy in read_copies(tmp_path / name)[0]]
    assert (figures["count"], figures["refused"], figures["receipts"]) == (5000, 0, 5000)
    assert sorted(copies) == [str(32_470_000_000 + n) for n in range(5000)]
    assert figures["per_s"] > 0
    assert figures["cpu_us_per_message"] > 0


def test_the_script_hands_over_every_member_once(start, tmp_path: Path) -> None:
    carrier = start()
    figures = baseline(
        "script", f"--url=http://127.0.0.1:{carrier.port}/", f"--token-file={tmp_path / 'token'}", "--count=300"
    )
    carrier.stop()
    assert (figures["count"], figures["accepted"]) == (300, 300)
    assert len({copy.number for copy in read_copies(tmp_path / "gateway")[0]}) == 300
