"""The floor: SMPP at full speed without an engine: no register, no journal, no retry, nothing remembered.

Law: each bind keeps `--window` submissions unanswered, acknowledges every receipt at once, and knows of a message only
its sequence number. What an engine costs beyond this is what it does for its members.
Run: python -m klaroen_bench.peers.flood --smsc HOST:PORT --smsc HOST:PORT --count 100000 --json
"""

import asyncio
import struct
import time
from argparse import ArgumentParser
from typing import Final, cast

import msgspec
import uvloop

from klaroen_bench.carriers.control import say

HEADER: Final = struct.Struct(">IIII")
BIND_TRANSCEIVER: Final = 0x09
SUBMIT_SM: Final = 0x04
SUBMIT_SM_RESP: Final = 0x80000004
DELIVER_SM: Final = 0x05
DELIVER_SM_RESP: Final = 0x80000005
BIND_TRANSCEIVER_RESP: Final = 0x80000009
DELIVER_OK: Final = HEADER.pack(17, DELIVER_SM_RESP, 0, 0)[:12]
TEXT: Final = b"Inbraak bezig in de Kerkstraat. Let op een witte bestelwagen. Bel 101."
FIRST_NUMBER: Final = 32_470_000_000
QUIET_S: Final = 0.5
"""No receipt for so long after the last answer: those that never come are not waited for."""


class Flood:
    """Numbers yet to send, shared by all binds, and what came of them."""

    def __init__(self, count: int, window: int, *, receipts: bool) -> None:
        self.window = window
        self.next = 0
        self.count = count
        self.answered = 0
        self.refused = 0
        self.receipts = 0
        self.done = asyncio.Event()
        self.done_at = 0.0
        tail = b"\0\x00\0\0\0\0%c\0\0\0%c%b\x02\x04\x00\x02" % (1 if receipts else 0, len(TEXT), TEXT)
        self.before = b"\0\x00\x018810\0\x01\x01"
        self.after = tail
        self.submit_bytes = 16 + len(self.before) + 11 + len(tail) + 2

    def chunk(self, sequence: int, room: int) -> tuple[bytes, int]:
        """Return the next submissions for a bind, at most `room`, and how many they are."""
        first = self.next
        last = min(first + room, self.count)
        self.next = last
        pack, length, before, after = HEADER.pack, self.submit_bytes, self.before, self.after
        return b"".join(
            [
                b"%b%b%d%b%b"
                % (
                    pack(length, SUBMIT_SM, 0, sequence + i - first),
                    before,
                    FIRST_NUMBER + i,
                    after,
                    (i & 0xFFFF).to_bytes(2),
                )
                for i in range(first, last)
            ]
        ), last - first

    def count_answers(self, answered: int, refused: int) -> None:
        self.answered += answered
        self.refused += refused
        if self.answered == self.count:
            self.done_at = time.perf_counter()
            self.done.set()


class Bind(asyncio.Protocol):
    def __init__(self, flood: Flood) -> None:
        self._flood = flood
        self._rest = b""
        self._sequence = 2
        self._unanswered = 0
        self._started = False
        self._transport: asyncio.Transport | None = None
        self.bound = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        body = b"flood\0secret\0\0\x34\0\0\0"
        self._transport.write(HEADER.pack(16 + len(body), BIND_TRANSCEIVER, 0, 1) + body)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.bound.done():
            self.bound.set_exception(exc or ConnectionError("closed before the bind was answered"))

    def start(self) -> None:
        self._started = True
        self._fill([])

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        answered = refused = receipts = 0
        out: list[bytes] = []
        while end - at >= 16:
            length, command, status, sequence = HEADER.unpack_from(data, at)
            if end - at < length:
                break
            if command == SUBMIT_SM_RESP:
                answered += 1
                refused += status != 0
            elif command == DELIVER_SM:
                receipts += 1
                out.append(b"%b%b\0" % (DELIVER_OK, sequence.to_bytes(4)))
            elif command == BIND_TRANSCEIVER_RESP:
                self._bound(status)
            at += length
        self._rest = data[at:]
        self._flood.receipts += receipts
        self._unanswered -= answered
        if answered:
            self._flood.count_answers(answered, refused)
        self._fill(out)

    def _bound(self, status: int) -> None:
        if status:
            self.bound.set_exception(ConnectionError(f"bind refused: {status:#x}"))
        else:
            self.bound.set_result(None)

    def _fill(self, out: list[bytes]) -> None:
        flood = self._flood
        room = flood.window - self._unanswered
        if self._started and room > 0 and flood.next < flood.count:
            pdus, count = flood.chunk(self._sequence, room)
            self._sequence += count
            self._unanswered += count
            out.append(pdus)
        if out and self._transport is not None:
            self._transport.write(b"".join(out))


async def flood(
    addresses: list[tuple[str, int]], count: int, binds: int, window: int, *, receipts: bool
) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    world = Flood(count, window, receipts=receipts)
    sessions: list[Bind] = []
    for host, port in addresses:
        for _ in range(binds):
            _, bind = await loop.create_connection(lambda: Bind(world), host, port)
            await bind.bound
            sessions.append(bind)
    started, cpu = time.perf_counter(), time.process_time()
    for bind in sessions:
        bind.start()
    await world.done.wait()
    seen = -1
    while receipts and seen != world.receipts:
        seen = world.receipts
        await asyncio.sleep(QUIET_S)
    cpu_s = time.process_time() - cpu
    for bind in sessions:
        bind.close()
    wall_s = world.done_at - started
    return {
        "name": "flood",
        "count": count,
        "refused": world.refused,
        "receipts": world.receipts,
        "handed_over_s": round(wall_s, 4),
        "per_s": round(count / wall_s),
        "cpu_us_per_message": round(cpu_s / count * 1e6, 2),
    }


def main() -> None:
    parser = ArgumentParser(prog="klaroen_bench.peers.flood")
    parser.add_argument("--smsc", action="append", required=True, metavar="HOST:PORT")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--binds", type=int, default=4, help="per SMSC")
    parser.add_argument("--window", type=int, default=250, help="unanswered per bind")
    parser.add_argument("--no-receipts", action="store_true")
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    options = parser.parse_args()
    addresses = [(host, int(port)) for host, _, port in (smsc.rpartition(":") for smsc in options.smsc)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(
            flood(addresses, options.count, options.binds, options.window, receipts=not options.no_receipts)
        )
    if options.json:
        say(msgspec.json.encode(figures) + b"\n")
    else:
        say("".join(f"{name:20} {figure}\n" for name, figure in figures.items()).encode())


if __name__ == "__main__":
    main()
