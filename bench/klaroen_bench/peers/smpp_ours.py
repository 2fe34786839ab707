"""Our SMPP driver on its own, against an SMSC: submission, answer, receipt and acknowledgement, nothing remembered.

Run: python -m klaroen_bench.peers.smpp_ours --smsc HOST:PORT --count 20000 --json
"""

import tempfile
import time
from collections.abc import Sequence
from typing import Final

import trio

from klaroen.core.model import AttemptId, CarrierName, Content, Instant
from klaroen.core.ports import Accepted, Answer, Envelope, Event, Link, Receipt
from klaroen.settings import Smpp
from klaroen_adapters.sms.smpp import SmppCarrier
from klaroen_bench.peers.smpp_race import FIRST_NUMBER, TEXT, WINDOW, Figures, race

ROOM_MIN: Final = 100
"""Free places in the window that are worth a call, as in dispatch."""


class _Clock:
    def now(self) -> Instant:
        return Instant(int(time.time() * 1000))


class Racer:
    """Hands over while the window has room, and counts what comes."""

    def __init__(self, host: str, port: int, password: str) -> None:
        settings = Smpp(
            name=CarrierName("race"), channels=("sms",), host=host, port=port, system_id="ours", source="8810",
            password_file=password, binds=1, window=WINDOW, rate_per_s=100_000.0,
        )  # fmt: skip
        self.carrier = SmppCarrier(settings, self.emit, _Clock())
        self.answered = self.accepted = self.proved = 0
        self.up = trio.Event()
        self.heard = trio.Event()

    async def emit(self, events: Sequence[Event]) -> None:
        receipts = [event for event in events if isinstance(event, Receipt)]
        answers = [event for event in events if isinstance(event, Answer)]
        self.answered += len(answers)
        self.accepted += sum(isinstance(answer.outcome, Accepted) for answer in answers)
        self.proved += len(receipts)
        if receipts:
            self.carrier.acknowledge(receipts, stored=True)
        if any(isinstance(event, Link) and event.up for event in events):
            self.up.set()
        self.heard.set()
        await trio.lowlevel.checkpoint()

    async def listen(self) -> None:
        """Return when something more has come."""
        await self.heard.wait()
        self.heard = trio.Event()


async def send(host: str, port: int, count: int) -> Figures:
    now = _Clock().now()
    content = Content("sms", "nl", "warm", TEXT, "", Instant(now + 3_600_000))
    with tempfile.NamedTemporaryFile("w") as password:
        password.write("secret")
        password.flush()
        racer = Racer(host, port, password.name)
    sent = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(racer.carrier.run)
        await racer.up.wait()
        started, cpu = time.perf_counter(), time.process_time()
        answered_at = 0.0
        while racer.answered < count or racer.proved < racer.accepted:
            room = min(WINDOW - (sent - racer.answered), count - sent)
            if room >= min(ROOM_MIN, count - sent) and room:
                batch = range(sent, sent + room)
                deadline = Instant(_Clock().now() + 10_000)
                await racer.carrier.hand_over(
                    [
                        Envelope(AttemptId(f"A{i:025d}"), f"+{FIRST_NUMBER + i}", content, deadline, i & 0xFFFF)
                        for i in batch
                    ]
                )
                sent += room
            else:
                await racer.listen()
            if racer.answered == count and not answered_at:
                answered_at = time.perf_counter()
        cpu_s = time.process_time() - cpu
        nursery.cancel_scope.cancel()
    return Figures(count, answered_at - started, cpu_s)


def run(host: str, port: int, count: int) -> Figures:
    return trio.run(send, host, port, count)


if __name__ == "__main__":
    race("smpp_ours", run)
