"""The profile `kannel` against Kannel itself: bearerbox and smsbox, by SMPP to an SMSC of ours that reads raw PDUs."""

import hmac
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace
from tests.fakes.carrier_peers import GSM, GSM_EXTENDED, SmscPeer
from tests.fakes.http_peer import read_request
from tests.wire.ports import free_port

from klaroen.core.model import CarrierName, Instant
from klaroen.core.ports import Accepted, Clock, Emit, Envelope, Receipt, Refused, Reply, Unknown
from klaroen.settings import SmsHttp
from klaroen.testing import TEXTS, CarrierRig
from klaroen_adapters.http_carrier import HttpCarrier
from klaroen_adapters.sms import gateway, sms_http

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(shutil.which("bearerbox", path="/usr/sbin:/usr/bin") is None, reason="Kannel is not installed"),
]

SECRET = b"receipts of Kannel"
CONF = """
group = core
admin-port = {admin}
admin-password = x
smsbox-port = {box}
box-allow-ip = 127.0.0.1
dlr-storage = internal
log-file = {directory}/bearerbox.log

group = smsc
smsc = smpp
host = 127.0.0.1
port = {smsc}
smsc-username = k
smsc-password = k
system-type = ""
transceiver-mode = true
allowed-prefix = "+32;32;0032"

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
log-file = {directory}/smsbox.log
http-request-retry = 50
http-queue-delay = 1

group = sms-service
keyword = default
catch-all = true
max-messages = 0
send-sender = true
post-url = "{replies}"

group = sendsms-user
username = klaroen
password = s3cret
max-messages = 20
concatenation = true
"""


class Smsc(SmscPeer):
    """Sends a receipt for each part, unless the number is one that never gets anything."""

    UNDELIVERABLE = "32470000001"

    def __init__(self, nursery: trio.Nursery) -> None:
        super().__init__(nursery)
        self.bound = trio.Event()
        self.link: trio.SocketStream

    async def accept(self, stream: trio.SocketStream) -> None:
        self.link = stream
        await self.serve(stream)

    async def bring(self, sequence: int, number: bytes, octets: bytes, *, coding: int = 0, esm_class: int = 0) -> None:
        """A handset writes to us."""
        pdu = b"\0\1\1%b\0\0\0008810\0%c\0\0\0\0\0\0%c\0%c%b" % (number, esm_class, coding, len(octets), octets)
        await self.link.send_all(struct.pack(">IIII", 16 + len(pdu), 0x05, 0, sequence) + pdu)

    async def _say(self, stream: trio.abc.Stream, command: int, status: int, sequence: int, body: bytes) -> None:
        await super()._say(stream, command, status, sequence, body)
        if command in self.BINDS:
            self.bound.set()

    async def _submit(self, stream: trio.abc.Stream, sequence: int, body: bytes) -> bool:
        goes_on = await super()._submit(stream, sequence, body)
        service_end = body.index(0) + 1
        source_end = body.index(0, service_end + 2)
        source = body[service_end + 2 : source_end]
        number = body[source_end + 3 : body.index(0, source_end + 3)]
        stat = b"UNDELIV" if number.decode() == self.UNDELIVERABLE else b"DELIVRD"
        text = b"id:%d sub:001 dlvrd:001 submit date:2611212315 done date:2611212315 stat:%b err:000 text:" % (
            self._count,
            stat,
        )
        pdu = b"\0\1\1%b\0\0\0%b\0\4\0\0\0\0\0\0\0\0%c%b" % (number, source, len(text), text)
        await stream.send_all(struct.pack(">IIII", 16 + len(pdu), 0x05, 0, 0x1000 + self._count) + pdu)
        return goes_on


class Kannel:
    """A running Kannel, its SMSC, and the receipts that it brings us."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.smsc = Smsc(nursery)
        self.url = ""
        self.receipt_url = ""
        self.receipts: list[Receipt] = []
        self.came = trio.Event()
        self.replies: list[Reply] = []
        self.away = 0
        """So many times more we cannot keep a reply."""

    async def take_receipts(self, stream: trio.SocketStream) -> None:
        while (got := await read_request(stream)) is not None:
            query = got.target.partition("?")[2].encode()
            assert gateway.authentic("kannel", SECRET, query, got.headers, got.body, Instant(0))
            if got.target.startswith("/v1/replies/"):
                await stream.send_all(
                    b"HTTP/1.1 %d \r\ncontent-length: 0\r\n\r\n" % self._reply(query, got.headers, got.body)
                )
                continue
            self.receipts += gateway.parse_receipts("kannel", got.method, query, got.headers, got.body)
            self.came.set()
            self.came = trio.Event()
            await stream.send_all(b"HTTP/1.1 204 No Content\r\n\r\n")

    def _reply(self, query: bytes, headers: Mapping[str, str], body: bytes) -> int:
        if self.away:
            self.away -= 1
            return 503
        self.replies += gateway.parse_replies("kannel", query, headers, body)
        self.came.set()
        self.came = trio.Event()
        return gateway.PROFILES["kannel"].taken

    async def wait_replies(self, count: int) -> list[tuple[str, str]]:
        with trio.fail_after(20):
            while len(self.replies) < count:
                await self.came.wait()
        return sorted((one.address, one.text) for one in self.replies)

    async def wait_receipts(self, count: int) -> list[Receipt]:
        with trio.fail_after(20):
            while len(self.receipts) < count:
                await self.came.wait()
        return self.receipts

    def rig(self, nursery: trio.Nursery, *, password: str = "s3cret") -> CarrierRig:
        settings = SmsHttp(CarrierName("kannel"), ("sms",), url=self.url, profile="kannel", requests_max=4)
        account = gateway.Account(self.url, "8810", password, "klaroen", self.receipt_url, SECRET)

        def make(emit: Emit, clock: Clock) -> HttpCarrier:
            return sms_http.make(settings, account, emit, clock)

        return CarrierRig(make, self.smsc, "sms")


def port_of(listeners: list[trio.SocketListener]) -> int:
    port: int = listeners[0].socket.getsockname()[1]
    return port


async def wait_open(port: int) -> None:
    with trio.fail_after(20):
        while True:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(0.05)
            else:
                await stream.aclose()
                return


@pytest.fixture
async def kannel(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator[Kannel]:
    running = Kannel(nursery)
    smsc = await nursery.start(trio.serve_tcp, running.smsc.accept, 0)
    receipts = await nursery.start(trio.serve_tcp, running.take_receipts, 0)
    ports = {name: free_port() for name in ("admin", "box", "sendsms")}
    running.url = f"http://127.0.0.1:{ports['sendsms']}/cgi-bin/sendsms"
    running.receipt_url = f"http://127.0.0.1:{port_of(receipts)}/v1/receipts/kannel"
    conf = tmp_path / "kannel.conf"
    key = hmac.new(SECRET, b"replies", "sha256").hexdigest()[:32]
    service = f"http://127.0.0.1:{port_of(receipts)}/v1/replies/kannel?for=replies&key={key}"
    conf.write_text(CONF.format(directory=tmp_path, smsc=port_of(smsc), replies=service, **ports))
    boxes: list[subprocess.Popen[bytes]] = []
    try:
        for program, port in (("/usr/sbin/bearerbox", ports["box"]), ("/usr/sbin/smsbox", ports["sendsms"])):
            with (tmp_path / f"{Path(program).name}.out").open("wb") as out:
                boxes.append(subprocess.Popen([program, str(conf)], stdout=out, stderr=out, cwd=tmp_path))  # noqa: ASYNC220
            await wait_open(port)
        with trio.fail_after(20):
            await running.smsc.bound.wait()
        yield running
    finally:
        for box in boxes:
            box.kill()  # a graceful end waits for our SMSC, and there is nothing to save
            box.wait()


BOUNDARY = "🚨" * 33 + "é" + "🚨" * 40
"""A pair of surrogates stands across each boundary of 67 units, one way or the other."""
EXACT = (
    *TEXTS,
    GSM.replace("\x1b", ""),
    "".join(GSM_EXTENDED.values()),
    " \r\n spaces around \r\n ",
    "a+b & c=d; 100 % # ?",
    "€" * 200,
    "Dag " * 100,
    "België " * 60,
    BOUNDARY,
    "\u0000 ZWJ \u200d NFD e\u0301 \u202e",
)


async def test_every_text_arrives_exactly(nursery: trio.Nursery, kannel: Kannel) -> None:
    """In GSM 03.38 or UCS-2, in one part or several: what the SMSC joins is what was handed over."""
    rig = kannel.rig(nursery)
    async with rig.running():
        for text in EXACT:
            await rig.carrier.hand_over(rig.envelopes(2, text))
        assert {Accepted()} == set(await rig.wait_answers(rig.offered))
        await rig.wait_copies(2 * len(EXACT))
    expected = sorted((envelope.address, envelope.content.text) for envelope in rig.offered)
    assert expected == sorted((copy.address, copy.text) for copy in kannel.smsc.copies)


async def test_receipts_name_the_attempt_whatever_the_batch(nursery: trio.Nursery, kannel: Kannel) -> None:
    """One request of twenty and one of five, and each receipt is of its own attempt, with the SMSC's code."""
    rig = kannel.rig(nursery)
    async with rig.running():
        envelopes = rig.envelopes(25)
        await rig.carrier.hand_over(envelopes)
        await rig.wait_answers(envelopes)
        receipts = await kannel.wait_receipts(25)
    assert {envelope.attempt for envelope in envelopes} == {receipt.attempt for receipt in receipts}
    failed = [receipt for receipt in receipts if receipt.state == "failed"]
    assert [(envelopes[1].attempt, "UNDELIV")] == [(receipt.attempt, receipt.code) for receipt in failed]
    assert 24 == sum(receipt.state == "reached" and receipt.code == "DELIVRD" for receipt in receipts)
    assert all(receipt.at is not None for receipt in receipts)


async def test_what_kannel_will_not_take(nursery: trio.Nursery, kannel: Kannel) -> None:
    """A wrong password; a number without route alone, and one beside another, which the SMSC gets all the same."""
    stranger = kannel.rig(nursery, password="wrong")
    async with stranger.running():
        await stranger.carrier.hand_over(stranger.envelopes(2))
        assert {Refused("authorization", "carrier")} == set(await stranger.wait_answers(stranger.offered))
    rig = kannel.rig(nursery)
    async with rig.running():
        (alone,) = abroad(rig.envelopes(1))
        await rig.carrier.hand_over([alone])
        assert [Refused("not-routable", "carrier")] == await rig.wait_answers([alone])
        first, second = rig.envelopes(2)
        (first,) = abroad([first])
        await rig.carrier.hand_over([first, second])
        assert {Unknown("refused one of several")} == set(await rig.wait_answers([first, second]))
        receipts = await kannel.wait_receipts(3)
    states = {receipt.attempt: (receipt.state, receipt.code) for receipt in receipts}
    assert {
        alone.attempt: ("failed", "no SMSC"),
        first.attempt: ("failed", "no SMSC"),
        second.attempt: ("reached", "DELIVRD"),
    } == states


async def test_R17_what_handsets_write_comes_as_they_wrote_it(nursery: trio.Nursery, kannel: Kannel) -> None:
    """In either alphabet; again while we cannot keep it; and never a part of one sender within another's reply."""
    kannel.away = 2
    await kannel.smsc.bring(1, b"32470000003", b"Ik zie een \x1be teken \x1b(")
    assert [("+32470000003", "Ik zie een € teken {")] == await kannel.wait_replies(1)
    await kannel.smsc.bring(2, b"32470000003", "Rue de l’Église 🚨".encode("utf-16-be"), coding=8)
    long = [(b"32470000003", 1, b"Witte wagen, "), (b"32470000004", 1, b"Twee man, "),
            (b"32470000004", 2, b"te voet."), (b"32470000003", 2, b"naar links.")]  # fmt: skip
    for sequence, (number, part, octets) in enumerate(long, 3):
        await kannel.smsc.bring(sequence, number, bytes((5, 0, 3, 77, 2, part)) + octets, esm_class=0x40)
    assert [
        ("+32470000003", "Ik zie een € teken {"),
        ("+32470000003", "Rue de l’Église 🚨"),
        ("+32470000003", "Witte wagen, naar links."),
        ("+32470000004", "Twee man, te voet."),
    ] == await kannel.wait_replies(4)


def abroad(envelopes: list[Envelope]) -> list[Envelope]:
    """To numbers for which this Kannel has no route."""
    return [replace(envelope, address=envelope.address.replace("+32", "+33")) for envelope in envelopes]
