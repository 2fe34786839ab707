"""Far ends of carriers that behave as the conformance kit tells them to, on memory streams."""

import json
import struct
from collections.abc import Collection, Sequence
from pathlib import Path

import trio
from tests.fakes.http_peer import Stream, read_request, response
from trio.testing import memory_stream_pair

from klaroen.testing import Copy, Manner
from klaroen_adapters.tcp import ConnectError


class StreamPeer:
    """What every far end on streams does: listens, and cuts all connections when it goes away."""

    manners: Collection[Manner] = ("accept", "refuse", "silence", "cut", "away")

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._streams: set[Stream] = set()
        self.manner: Manner = "accept"
        self.copies: list[Copy] = []

    async def behave(self, manner: Manner) -> None:
        self.manner = manner
        if manner == "away":
            for stream in self._streams:
                stream.send_stream.close()
                stream.receive_stream.close()

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if self.manner == "away":
            raise ConnectError("refused")
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._serve, theirs)
        return ours

    async def _serve(self, stream: Stream) -> None:
        self._streams.add(stream)
        try:
            await self.serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # cut, by whichever side
        finally:
            self._streams.discard(stream)
            await trio.aclose_forcefully(stream)

    async def serve(self, stream: Stream) -> None:
        raise NotImplementedError


class HttpGatewayPeer(StreamPeer):
    """An HTTP gateway: subclasses read and write its profile's shapes."""

    def take(self, headers: dict[str, str], body: bytes) -> list[tuple[str, Copy]]:
        raise NotImplementedError

    def answer(self, refs: Sequence[str]) -> bytes:
        raise NotImplementedError

    async def serve(self, stream: Stream) -> None:
        while (got := await read_request(stream)) is not None:
            taken = self.take(got.headers, got.body)
            if self.manner != "refuse":
                self.copies += [copy for _, copy in taken]
            if self.manner == "cut":
                return
            if self.manner == "silence":
                await trio.sleep_forever()
            await stream.send_all(self.answer([ref for ref, _ in taken]))


class GenericPeer(HttpGatewayPeer):
    def take(self, headers: dict[str, str], body: bytes) -> list[tuple[str, Copy]]:
        message = json.loads(body)
        return [(to["ref"], Copy(to["number"], message["text"])) for to in message["to"]]

    def answer(self, refs: Sequence[str]) -> bytes:
        word = "refused" if self.manner == "refuse" else "accepted"
        return response(
            200, json.dumps({"items": [{"ref": ref, "id": f"g-{ref}", "status": word} for ref in refs]}).encode()
        )


class KannelPeer(HttpGatewayPeer):
    def take(self, headers: dict[str, str], body: bytes) -> list[tuple[str, Copy]]:
        return [("", Copy(number, body.decode())) for number in headers["x-kannel-to"].split(" ")]

    def answer(self, refs: Sequence[str]) -> bytes:
        if self.manner == "refuse":
            return response(403, b"Authorization failed for sendsms")
        return response(202, b"0: Accepted for delivery")


class SimPeer:
    """The handsets of a `SimCarrier`, as its ledger tells them: they can only accept."""

    manners: Collection[Manner] = ("accept",)

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    @property
    def copies(self) -> list[Copy]:
        if not self._ledger.exists():
            return []
        lines = [json.loads(line) for line in self._ledger.read_text("utf-8").splitlines()]
        return [Copy(line["number"], line["text"]) for line in lines]

    async def behave(self, manner: Manner) -> None:
        assert manner == "accept"


class SmscPeer(StreamPeer):
    """An SMSC in fifty lines: GSM 03.38 or UCS-2, UDH joined by reference, one id a part."""

    SUBMIT, ENQUIRE, UNBIND = 0x04, 0x15, 0x06
    BINDS = (0x01, 0x02, 0x09)

    def __init__(self, nursery: trio.Nursery) -> None:
        super().__init__(nursery)
        self._parts: dict[tuple[str, int], dict[int, bytes]] = {}
        self._count = 0

    async def serve(self, stream: trio.abc.Stream) -> None:
        held = b""
        while chunk := await stream.receive_some():
            held += chunk
            while len(held) >= 4 and len(held) >= (size := int.from_bytes(held[:4])):
                pdu, held = held[:size], held[size:]
                _, command, _, sequence = struct.unpack(">IIII", pdu[:16])
                if command in self.BINDS:
                    await self._say(stream, command, 0, sequence, b"fake\0")
                elif command in (self.ENQUIRE, self.UNBIND):
                    await self._say(stream, command, 0, sequence, b"")
                elif command == self.SUBMIT and not await self._submit(stream, sequence, pdu[16:]):
                    return

    async def _submit(self, stream: trio.abc.Stream, sequence: int, body: bytes) -> bool:
        """Whether the connection goes on."""
        if self.manner == "refuse":
            await self._say(stream, self.SUBMIT, 0x0B, sequence, b"")
            return True
        self._take(body)
        if self.manner == "accept":
            self._count += 1
            await self._say(stream, self.SUBMIT, 0, sequence, b"%d\0" % self._count)
        return self.manner != "cut"

    async def _say(self, stream: trio.abc.Stream, command: int, status: int, sequence: int, body: bytes) -> None:
        await stream.send_all(struct.pack(">IIII", 16 + len(body), 0x80000000 | command, status, sequence) + body)

    def _take(self, body: bytes) -> None:
        service_end = body.index(0) + 1
        source_end = body.index(0, service_end + 2) + 1
        number_end = body.index(0, source_end + 2)
        number = "+" + body[source_end + 2 : number_end].decode()
        esm_class = body[number_end + 1]
        schedule_end = body.index(0, number_end + 4) + 1
        validity_end = body.index(0, schedule_end) + 1
        coding, size = body[validity_end + 2], body[validity_end + 4]
        octets = body[validity_end + 5 : validity_end + 5 + size]
        if not esm_class & 0x40:
            self.copies.append(Copy(number, decode(octets, coding)))
            return
        reference, count, part = octets[3], octets[4], octets[5]
        parts = self._parts.setdefault((number, reference), {})
        parts[part] = octets[6:]
        if len(parts) == count:
            del self._parts[number, reference]
            self.copies.append(Copy(number, decode(b"".join(parts[index] for index in sorted(parts)), coding)))


GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = dict(zip(b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65", "\f^{}\\[~]|€", strict=True))


def decode(octets: bytes, coding: int) -> str:
    if coding == 8:
        return octets.decode("utf-16-be")
    assert coding == 0
    text, septets = "", iter(octets)
    for septet in septets:
        text += GSM_EXTENDED[next(septets)] if septet == 0x1B else GSM[septet]
    return text
