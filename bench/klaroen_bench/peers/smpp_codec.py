"""What one SMS costs us by SMPP, in CPU: submission, response, receipt and acknowledgement, driver included.

The peer is a stream in this process; its time, and that of looking at the events, is taken off.
Run it as `python -m klaroen_bench.peers.smpp_codec`.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from struct import Struct as Layout

import trio
import trio.testing

from klaroen.core.model import AttemptId, CarrierName, Content, Instant
from klaroen.core.ports import Answer, Envelope, Event, Link, Receipt
from klaroen.settings import Smpp
from klaroen_adapters.sms.smpp import SmppCarrier

MESSAGES = 100_000
BATCH = 500
_HEADER = Layout(">IIII")
_TEXT = "Inbraak bezig in de Kerkstraat. Let op een witte bestelwagen. Bel 101."


class Peer(trio.abc.Stream):
    """An SMSC as a stream: answers each submit_sm, then sends its receipt; `spent_s` is its own CPU time."""

    def __init__(self) -> None:
        self.spent_s = 0.0
        self._unread: list[bytes] = []
        self._readers = trio.lowlevel.ParkingLot()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        began = time.process_time()
        octets = bytes(data)
        answers = []
        at = 0
        while at < len(octets):
            length, command, _, sequence = _HEADER.unpack_from(octets, at)
            at += length
            if command == 0x09:
                answers.append(_HEADER.pack(17, 0x80000009, 0, sequence) + b"\0")
            elif command == 0x04:
                name = b"%010d" % sequence
                answers.append(_HEADER.pack(27, 0x80000004, 0, sequence) + name + b"\0")
                answers.append(_deliver(name, sequence))
        if answers:
            self._unread.append(b"".join(answers))
            self._readers.unpark_all()
        self.spent_s += time.process_time() - began
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002
        while not self._unread:
            await self._readers.park()
        octets, self._unread = b"".join(self._unread), []
        await trio.lowlevel.checkpoint()
        return octets

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


def _deliver(name: bytes, sequence: int) -> bytes:
    text = (
        b"id:%b sub:001 dlvrd:001 submit date:2611211200 done date:2611211201 stat:DELIVRD err:000 text:Inbraak" % name
    )
    body = b"".join(
        (
            b"\0\x01\x0132470%06d\0" % (sequence % 1_000_000),
            b"\0\x008810\0",
            b"\x04\0\0\0\0\0\0\0\0",
            bytes((len(text),)),
        )
    )
    return _HEADER.pack(16 + len(body) + len(text), 0x05, 0, sequence) + body + text


class _Clock:
    def now(self) -> Instant:
        return Instant(int(time.time() * 1000))


async def measure(messages: int = MESSAGES, batch: int = BATCH) -> float:
    """Return microseconds of CPU a message, the making of envelopes not counted."""
    peer = Peer()
    answered = proved = 0
    turned = trio.lowlevel.ParkingLot()

    async def emit(events: Sequence[Event]) -> None:
        nonlocal answered, proved
        began = time.process_time()
        receipts = [event for event in events if isinstance(event, Receipt)]
        answered += sum(isinstance(event, Answer) for event in events)
        peer.spent_s += time.process_time() - began
        carrier.acknowledge(receipts, stored=True)
        proved += len(receipts)
        if receipts or any(isinstance(event, Link) for event in events):
            turned.unpark_all()
        await trio.lowlevel.checkpoint()

    async def connect(host: str, port: int) -> Peer:  # noqa: ARG001
        await trio.lowlevel.checkpoint()
        return peer

    with tempfile.NamedTemporaryFile("w") as password:
        password.write("secret")
        password.flush()
        settings = Smpp(
            name=CarrierName("bench"),
            channels=("sms",),
            host="127.0.0.1",
            system_id="klaroen",
            password_file=password.name,
            source="8810",
            binds=1,
            window=batch,
        )
        carrier = SmppCarrier(settings, emit, _Clock(), connect)
    now = _Clock().now()
    content = Content("sms", "nl", "warm", _TEXT, "", Instant(now + 3_600_000))
    envelopes = [
        Envelope(AttemptId(f"A{at:025d}"), f"+32470{at:06d}", content, Instant(now + 600_000), at & 0xFFFF)
        for at in range(messages)
    ]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.run)
        await turned.park()
        await trio.testing.wait_all_tasks_blocked()
        peer.spent_s = 0.0
        began = time.process_time()
        for at in range(0, messages, batch):
            await carrier.hand_over(envelopes[at : at + batch])
            while proved < min(at + batch, messages):
                await turned.park()
        spent_s = time.process_time() - began - peer.spent_s
        assert answered == proved == messages
        nursery.cancel_scope.cancel()
    return spent_s / messages * 1e6


def main() -> None:
    """Print the median of three."""
    runs = sorted(trio.run(measure) for _ in range(3))
    sys.stdout.write(
        json.dumps({"messages": MESSAGES, "batch": BATCH, "runs": runs, "cpu_us_per_message": runs[1]}) + "\n"
    )


if __name__ == "__main__":
    main()
