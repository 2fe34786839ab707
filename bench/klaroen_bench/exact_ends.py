"""Far ends on streams of memory, which keep the hash of each text that a handset or a mailbox would show.

Law: they decode with tables of their own, and import nothing of the engine. What befalls a message is drawn from a
seed: an SMSC that is busy, or proves nothing; a gateway that is away; connections that end.
"""

import base64
import json
import random
from collections import defaultdict
from email import policy
from email.parser import BytesParser
from hashlib import sha256
from typing import Final

import httptools
import trio
from trio.testing import memory_stream_pair

from klaroen_bench.carriers import pdu
from klaroen_bench.carriers.handsets import Handsets
from klaroen_bench.copies import PduDecoder

BUSY, MUTE, UNPROVED, AWAY, CUT = 0.10, 0.02, 0.05, 0.05, 0.02
"""Shares of messages: refused for now, never answered, never proved; of requests: 503, and answered by a cut."""
DATES: Final = b"submit date:2611211200 done date:2611211201"

Stream = trio.abc.Stream


class Received:
    """By address: SHA-256 of each text as it was shown."""

    def __init__(self) -> None:
        self.hashes: dict[str, set[str]] = defaultdict(set)
        self.copies = 0
        self.unreadable = 0

    def show(self, address: str, text: str | None) -> None:
        self.copies += 1
        if text is None:
            self.unreadable += 1
        else:
            self.hashes[address].add(sha256(text.encode("utf-8", "surrogatepass")).hexdigest())


class End:
    """Something that listens; `serve` is one connection."""

    def __init__(self, nursery: trio.Nursery, seed: int) -> None:
        self._nursery = nursery
        self.chance = random.Random(seed)
        self.received = Received()

    async def connect(self, host: str, port: int) -> Stream:  # noqa: ARG002 - there is one
        await trio.lowlevel.checkpoint()
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._serve, theirs)
        return ours

    async def _serve(self, stream: Stream) -> None:
        try:
            await self.serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # whoever called has gone
        finally:
            await trio.aclose_forcefully(stream)

    async def serve(self, stream: Stream) -> None:
        raise NotImplementedError


class SmscEnd(End):
    """An SMSC with one account, and the handsets behind it."""

    def __init__(self, nursery: trio.Nursery, seed: int) -> None:
        super().__init__(nursery, seed)
        self._handsets, self._decoder, self._ids, self._sequence = Handsets(), PduDecoder("gsm7"), 0, 0
        self._tails: dict[bytes, pdu.Tail] = {}
        self._fates: dict[tuple[bytes, int, int], tuple[int, float]] = {}
        """Of messages of which parts are still to come: how many, and the draw."""

    async def serve(self, stream: Stream) -> None:
        held = b""
        while chunk := await stream.receive_some(65_536):
            held += chunk
            answers = b""
            while len(held) >= 16 and len(held) >= (size := int.from_bytes(held[:4])):
                one, held = held[:size], held[size:]
                answers += self._answer(one)
            if answers:
                await stream.send_all(answers)

    def _answer(self, one: bytes) -> bytes:
        _, command, _, sequence = pdu.HEADER.unpack_from(one)
        if command in pdu.BINDS:
            return pdu.answer_bind(command, sequence, pdu.ROK, b"exact")
        if command == pdu.SUBMIT_SM:
            return self._take(one, sequence)
        if command in (pdu.ENQUIRE_LINK, pdu.UNBIND):
            return pdu.HEADER.pack(16, command | pdu.ANSWER, 0, sequence)
        return b""

    def _take(self, one: bytes, sequence: int) -> bytes:
        submit = pdu.read_submit(one, self._tails)
        draw = self._fate(submit)
        if draw < BUSY:
            return pdu.answer_submit(sequence, self.chance.choice((pdu.RTHROTTLED, pdu.RMSGQFUL, 0x64)), b"")
        whole = self._handsets.arrive(submit, one)
        if whole is not None:
            self.received.show("+" + submit.number.decode(), self._decoder.text(whole))
        if draw < BUSY + MUTE:
            return b""
        self._ids += 1
        name = b"%016d" % self._ids
        answer = pdu.answer_submit(sequence, 0, name)
        if draw < BUSY + MUTE + UNPROVED:
            return answer
        self._sequence += 1
        proof = pdu.receipt_body(submit, name, pdu.DELIVERED, DATES)
        return answer + pdu.HEADER.pack(16 + len(proof), pdu.DELIVER_SM, 0, self._sequence) + proof

    def _fate(self, submit: pdu.Submit) -> float:
        """Return a draw, the same for all parts of a message."""
        part = submit.tail.part
        if part is None:
            return self.chance.random()
        key = (submit.number, part.reference, part.total)
        left, draw = self._fates.pop(key, (part.total, self.chance.random()))
        if left > 1:
            self._fates[key] = (left - 1, draw)
        return draw


class GatewayEnd(End):
    """An HTTP gateway of the generic profile, which proves nothing."""

    async def serve(self, stream: Stream) -> None:
        while (body := await read_body(stream)) is not None:
            draw = self.chance.random()
            if draw < AWAY:
                await stream.send_all(b"HTTP/1.1 503 Away\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n")
                continue
            message = json.loads(body)
            for to in message["to"]:
                self.received.show(to["number"], message["text"])
            if draw < AWAY + CUT:
                return
            items = [{"ref": to["ref"], "id": to["ref"], "status": "accepted"} for to in message["to"]]
            answer = json.dumps({"items": items}).encode()
            await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer))


class _Body:
    def __init__(self) -> None:
        self.octets, self.whole = b"", False

    def on_body(self, octets: bytes) -> None:
        self.octets += octets

    def on_message_complete(self) -> None:
        self.whole = True


async def read_body(stream: Stream) -> bytes | None:
    """Return the next request's body; None at the end."""
    body = _Body()
    parser = httptools.HttpRequestParser(body)
    while not body.whole:
        chunk = await stream.receive_some(65_536)
        if not chunk:
            return None
        parser.feed_data(chunk)
    return body.octets


class MailEnd(End):
    """A relay that delivers into mailboxes, read by the standard library's parser."""

    async def serve(self, stream: Stream) -> None:
        lines = Lines(stream)
        await stream.send_all(b"220 exact ESMTP\r\n")
        to = ""
        while (line := await lines.next()) is not None:
            word = line[:4].upper()
            if word == b"DATA":
                await stream.send_all(b"354 Go ahead\r\n")
                self.received.show(to, mail_text(await lines.until_dot()))
                await stream.send_all(b"250 2.0.0 Ok\r\n")
            elif word == b"QUIT":
                await stream.send_all(b"221 2.0.0 Bye\r\n")
                return
            else:
                to = line.partition(b"<")[2].partition(b">")[0].decode() if word == b"RCPT" else to
                await stream.send_all(b"250-exact\r\n250 PIPELINING\r\n" if word == b"EHLO" else b"250 2.0.0 Ok\r\n")


class Lines:
    """A stream, line by line."""

    def __init__(self, stream: Stream) -> None:
        self._stream, self._held = stream, b""

    async def next(self) -> bytes | None:
        while b"\r\n" not in self._held:
            chunk = await self._stream.receive_some(65_536)
            if not chunk:
                return None
            self._held += chunk
        line, self._held = self._held.split(b"\r\n", 1)
        return line

    async def until_dot(self) -> bytes:
        lines = []
        while (line := await self.next()) is not None and line != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"\r\n".join([*lines, b""])


def mail_text(octets: bytes) -> str | None:
    """Return the text of a mail, exactly; None where it is none."""
    message = BytesParser(policy=policy.SMTP).parsebytes(octets)
    if message["content-transfer-encoding"] != "base64" or message.get_content_charset() != "utf-8":
        return None
    return base64.b64decode(octets.split(b"\r\n\r\n", 1)[1]).decode()
