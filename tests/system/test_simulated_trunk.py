"""The simulated trunk as a process, in conversation with raw messages and real RTP."""

import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.fakes.sip_caller import DEADLINE_S, OFFER, RTP, Caller, proof, read, request

from klaroen_bench.carriers.call import Record
from klaroen_bench.carriers.ledger import ACCEPTED, CALL, SOUND, LedgerReader
from klaroen_bench.processes import CarrierProcess, ProcessError, start_trunk

ANSWERED = (
    *("--busy=0", "--no-answer=0", "--rejected=0", "--invalid=0", "--fault=0", "--key=0", "--other-key=0"),
    *("--hang-up=0", "--repeated=0", "--talking=0", "--ring-s=0.01", "--latency-ms=1"),
)
CLIP = bytes(index * index % 251 for index in range(16_000))


def until(trunk: CarrierProcess, true: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Ask for the counters until they say so."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        counters = trunk.counters()
        if true(counters):
            return counters
    raise TimeoutError(counters)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., CarrierProcess]]:
    """Start a trunk where everybody answers at once, unless told otherwise; its ledger is `tmp_path`/trunk."""
    running: list[CarrierProcess] = []

    def start(*arguments: str) -> CarrierProcess:
        running.append(start_trunk(tmp_path / "trunk", *ANSWERED, *arguments))
        return running[-1]

    yield start
    for trunk in running:
        trunk.stop()


@pytest.fixture
def calling() -> Iterator[Callable[..., Caller]]:
    callers: list[Caller] = []

    def calling(trunk: CarrierProcess, **fields) -> Caller:
        callers.append(Caller(trunk.port, **fields))
        return callers[-1]

    yield calling
    for caller in callers:
        caller.close()


def records(ledger: Path) -> list[Record]:
    return [msgspec.json.decode(entry.body, type=Record) for entry in LedgerReader(ledger) if entry.kind == CALL]


def octets(ledger: Path, record: Record) -> bytes:
    """Return what a call heard, put together from the sounds of a ledger."""
    sounds: dict[int, bytes] = {}
    for entry in LedgerReader(ledger):
        if entry.kind == SOUND:
            sound = int.from_bytes(entry.body[:4], "little")
            sounds[sound] = sounds.get(sound, b"") + entry.body[4:]
    return b"".join(sounds[sound][at : at + size] for sound, at, size in record.stretches)


def test_what_is_played_is_in_the_ledger_octet_for_octet(start, calling, tmp_path: Path) -> None:
    """With the raw invitation before it, and its sounds kept once for all who hear them."""
    trunk = start("--name=belgacom")
    for index in range(3):
        caller = calling(trunk, number=f"3247000000{index}", call=f"call-{index}")
        caller.talk_to()
        caller.play(CLIP)
        caller.send("BYE", cseq=2)
        caller.hear(200)
    trunk.stop()
    reader = LedgerReader(tmp_path / "trunk")
    entries = list(reader)
    assert ("belgacom", "call", "sip") == (reader.heading.carrier, reader.heading.channel, reader.heading.protocol)
    invitations = [entry for entry in entries if entry.kind == ACCEPTED]
    assert [b"32470000000", b"32470000001", b"32470000002"] == [entry.number for entry in invitations]
    assert all(entry.body.startswith(b"INVITE sip:+3247000000") for entry in invitations)
    assert len(CLIP) == sum(len(entry.body) - 4 for entry in entries if entry.kind == SOUND)
    for record in records(tmp_path / "trunk"):
        assert ("caller hung up", "caller", 100, 0) == (record.end, record.by, record.packets, record.missing)
        assert CLIP == octets(tmp_path / "trunk", record)


def test_a_key_is_pressed_as_a_telephone_does(start, calling, tmp_path: Path) -> None:
    """RFC 4733, from the port to which the clip goes."""
    caller = calling(start("--key=1", "--key-s=0.05"))
    caller.rtp.settimeout(DEADLINE_S)
    caller.talk_to()
    packets = [caller.rtp.recvfrom(2048) for _ in range(6)]
    assert {caller.hears_at} == {source for _, source in packets}
    assert 1 == len({RTP.unpack_from(packet)[3] for packet, _ in packets})
    assert [(1, 0)] * 3 + [(1, 0x80)] * 3 == [(packet[12], packet[13] & 0x80) for packet, _ in packets]
    caller.send("BYE", cseq=2)
    caller.hear(200)
    (record,) = wait_for_records(tmp_path / "trunk", 1)
    assert "1" == record.keys


def wait_for_records(ledger: Path, count: int) -> list[Record]:
    deadline = time.monotonic() + DEADLINE_S
    while len(found := records(ledger)) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_a_callee_hangs_up_half_way(start, calling, tmp_path: Path) -> None:
    caller = calling(start("--hang-up=1", "--hang-up-s=0.05"))
    caller.talk_to()
    caller.play(CLIP[:4_800])
    caller.answer(caller.hear("BYE"))
    (record,) = wait_for_records(tmp_path / "trunk", 1)
    assert ("hung up", "callee") == (record.end, record.by)
    assert record.heard in range(0, 4_801, 160)


def test_a_callee_who_speaks_sends_audio(start, calling) -> None:
    caller = calling(start("--talking=1"))
    caller.rtp.settimeout(DEADLINE_S)
    caller.talk_to()
    stamps = [RTP.unpack_from(caller.rtp.recv(2048))[2:4] for _ in range(3)]
    assert [160, 160] == [stamps[index + 1][1] - stamps[index][1] for index in range(2)]


@pytest.mark.parametrize(
    ("odds", "statuses"),
    [
        ("--busy=1", {486, 600}),
        ("--rejected=1", {603, 608}),
        ("--invalid=1", {404, 410, 484, 604}),
        ("--fault=1", {503, 500, 504}),
    ],
)
def test_calls_fail_as_they_do(start, calling, odds: str, statuses: set[int]) -> None:
    """Each number has one of the statuses, and hears it again until it acknowledges."""
    trunk = start(odds)
    for index in range(5):
        caller = calling(trunk, number=f"3247000000{index}", call=f"call-{index}")
        caller.invite()
        while (said := read(caller.socket.recv(65536)).status) < 200:
            assert said in (100, 180)
        assert said in statuses
        assert said == caller.hear(said).status
        caller.send("ACK")


def test_a_caller_gives_up(start, calling, tmp_path: Path) -> None:
    """200 to the CANCEL, 487 to the invitation; a CANCEL of nothing is 481."""
    caller = calling(start("--ring-s=60"))
    caller.invite()
    caller.hear(180)
    caller.send("CANCEL", branch="z9hG4bKother")
    caller.hear(481)
    caller.send("CANCEL", to_tag="")
    said = {caller.hear(status).status for status in (200, 487)}
    assert {200, 487} == said
    caller.send("ACK")
    (record,) = wait_for_records(tmp_path / "trunk", 1)
    assert ("cancelled", 0) == (record.end, record.answered_at)


@pytest.mark.parametrize(("challenge", "name"), [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")])
def test_a_trunk_asks_for_a_password(start, calling, tmp_path: Path, challenge: int, name: str) -> None:
    (tmp_path / "password").write_text("secret\n")
    trunk = start(f"--challenge={challenge}", f"--password-file={tmp_path / 'password'}", "--algorithm=SHA-256")
    answer_name = "Authorization" if challenge == 401 else "Proxy-Authorization"
    for password, expected in (("wrong", 403), ("secret", 200)):
        caller = calling(trunk, call=password)
        caller.invite()
        asked = caller.hear(challenge).headers[name]
        caller.send("ACK")
        caller.to_tag = ""
        caller.invite(branch="z9hG4bK2", cseq=2, more=(f"{answer_name}: {proof(asked, 'klaroen', password)}",))
        assert expected == caller.hear(expected).status
    assert {"calls": 1, "challenged": 2, "not_authorized": 1}.items() <= trunk.counters().items()


def test_over_tcp_a_call_is_the_same(start, calling, tmp_path: Path) -> None:
    """In pieces, on the same port; the callee's BYE comes along the connection."""
    trunk = start("--hang-up=1", "--hang-up-s=0.05")
    caller = calling(trunk)
    body = OFFER.format(port=caller.rtp.getsockname()[1])
    with socket.create_connection(("127.0.0.1", trunk.port), timeout=DEADLINE_S) as stream:
        invite = request("INVITE", "32470000001", transport="TCP", body=body)
        for at in range(0, len(invite), 100):
            stream.sendall(invite[at : at + 100])
        said = b""
        while b"SIP/2.0 200" not in said:
            said += stream.recv(65536)
        tag = re.findall(rb"To: .*;tag=(\w+)", said)[-1].decode()
        stream.sendall(b"\r\n\r\n" + request("ACK", "32470000001", transport="TCP", to_tag=tag))
        while b"BYE sip:klaroen@" not in said:
            said += stream.recv(65536)
    (record,) = wait_for_records(tmp_path / "trunk", 1)
    assert "hung up" == record.end


def test_a_connection_that_brings_no_sip_is_ended(start) -> None:
    trunk = start()
    with socket.create_connection(("127.0.0.1", trunk.port), timeout=DEADLINE_S) as stream:
        stream.sendall(b"x" * 70_000)
        with contextlib.suppress(ConnectionResetError):  # it may come as an end, too
            assert b"" == stream.recv(65536)
    until(trunk, lambda counters: counters.get("malformed", 0) == 1)


def test_other_requests_have_an_answer(start, calling) -> None:
    caller = calling(start())
    caller.send("OPTIONS")
    assert "INVITE" in caller.hear(200).headers["Allow"]
    caller.send("REGISTER")
    caller.hear(405)
    caller.send("BYE", call="of nobody")
    caller.hear(481)
    caller.socket.sendto(b"nonsense", caller.trunk)
    caller.socket.sendto(b"\r\n\r\n", caller.trunk)
    caller.number = "x"
    caller.invite()
    caller.hear(404)


def test_a_trunk_has_so_many_lines_and_takes_so_many_calls(start, calling) -> None:
    """503 with Retry-After beyond, and room again when a call has ended."""
    trunk = start("--lines=1")
    first, second = calling(trunk), calling(trunk, number="32470000002", call="call-2")
    first.talk_to()
    second.invite()
    assert "1" == second.hear(503).headers["Retry-After"]
    second.to_tag = ""
    first.send("BYE", cseq=2)
    first.hear(200)
    second.invite(branch="z9hG4bK2", cseq=2)
    second.hear(200)
    assert {"lines_full": 1, "answered": 2, "up": 1}.items() <= trunk.counters().items()


def test_a_trunk_throttles_who_calls_too_fast(start, calling) -> None:
    trunk = start("--calls-per-s=0.001")
    for index, status in ((1, 200), (2, 503)):
        caller = calling(trunk, call=f"call-{index}")
        caller.invite()
        caller.hear(status)


def test_in_the_dark_nothing_is_heard_and_calls_go_on_afterwards(start, calling, tmp_path: Path) -> None:
    """What was played meanwhile is a gap; what was asked meanwhile was not heard."""
    trunk = start()
    caller = calling(trunk)
    caller.talk_to()
    until(trunk, lambda counters: counters["up"] == 1)
    caller.play(CLIP[:8_000])
    until(trunk, lambda counters: counters["packets"] == 50)
    trunk.command({"do": "blackout", "seconds": 0.5})
    caller.play(CLIP[8_000:9_600])
    caller.send("OPTIONS")
    until(trunk, lambda counters: not counters["dark"])
    caller.play(CLIP[9_600:])
    caller.send("BYE", cseq=2)
    assert "2 BYE" == caller.hear(200).headers["CSeq"]
    (record,) = wait_for_records(tmp_path / "trunk", 1)
    assert (10, 90) == (record.missing, record.packets)
    assert [-1, 0, 10] in record.stretches


def test_a_trunk_that_falls_forgets_its_calls(start, calling, tmp_path: Path) -> None:
    """Reset: its calls are gone, and after it has risen it takes new ones at the same port."""
    trunk = start()
    calling(trunk).talk_to()
    trunk.command({"do": "blackout", "seconds": 0.2, "mode": "reset"})
    (record,) = wait_for_records(tmp_path / "trunk", 1)
    assert "trunk gone" == record.end
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        caller = calling(trunk, call=f"call-{time.monotonic_ns()}")
        caller.socket.settimeout(0.2)
        try:
            caller.invite()
            caller.socket.recv(65536)
        except (TimeoutError, ConnectionRefusedError):
            continue
        break
    caller.hear(200)


def test_a_trunk_can_keep_everybody_waiting(start, calling) -> None:
    trunk = start()
    trunk.command({"do": "withhold"})
    caller = calling(trunk)
    caller.invite()
    caller.hear(180)
    until(trunk, lambda counters: counters["ringing"] == 1)
    trunk.command({"do": "brownout", "factor": 2})
    trunk.command({"do": "release"})
    caller.hear(200)


def test_a_listening_address_is_host_and_port(tmp_path: Path) -> None:
    with pytest.raises(ProcessError):
        start_trunk(tmp_path / "trunk", "--listen=nowhere", log=tmp_path / "log")
    assert "HOST:PORT" in (tmp_path / "log").read_text()


def test_who_takes_mu_law_alone_hears_mu_law(start, calling, tmp_path: Path) -> None:
    """And says so in the record; who cannot speak it is not understood."""
    trunk = start("--mu-law=1")
    caller = calling(trunk, call="mu")
    port = caller.rtp.getsockname()[1]
    caller.talk_to(body=OFFER.format(port=port).replace("RTP/AVP 8", "RTP/AVP 0 8"))
    caller.play(CLIP, codec=0)
    caller.play(CLIP[:160], codec=8)
    caller.send("BYE", cseq=2)
    caller.hear(200)
    other = calling(trunk, call="a")
    other.invite()
    other.hear(488)
    trunk.stop()
    heard = {record.call: record for record in records(tmp_path / "trunk")}
    assert (True, 100, 1) == (heard["mu"].mu_law, heard["mu"].packets, heard["mu"].foreign)
    assert CLIP == octets(tmp_path / "trunk", heard["mu"])
    assert 488 == heard["a"].status
