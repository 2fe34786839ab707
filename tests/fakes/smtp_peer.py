"""A mail relay in a hundred lines, on memory streams: it keeps what it takes, and behaves as it is told."""

import base64
import re
from email import policy
from email.parser import BytesParser

import trio
from tests.fakes.carrier_peers import StreamPeer

from klaroen.testing import Copy


class SmtpPeer(StreamPeer):
    """Speaks PIPELINING, DSN, SMTPUTF8 and AUTH; silent and cut behind the content, where doubt begins."""

    def __init__(self, nursery: trio.Nursery, *, extensions: str = "PIPELINING DSN SMTPUTF8 AUTH=PLAIN,LOGIN") -> None:
        super().__init__(nursery)
        self.extensions = [word.replace("=", " ").replace(",", " ") for word in extensions.split()]
        self.commands: list[str] = []
        self.mails: list[bytes] = []
        self.refused: dict[str, str] = {}
        """Recipient -> the reply to its RCPT."""
        self.sessions = 0

    async def serve(self, stream: trio.abc.Stream) -> None:
        self.sessions += 1
        lines = Lines(stream)
        await stream.send_all(b"220 relay.test ESMTP\r\n")
        to: list[str] = []
        while (line := await lines.next()) is not None:
            self.commands.append(line)
            word = line.split(" ")[0].upper()
            if word == "EHLO":
                names = ["250-relay.test", *(f"250-{name}" for name in self.extensions), "250 OK"]
                await stream.send_all("\r\n".join([*names, ""]).encode())
            elif word == "AUTH":
                await self._authenticate(stream, lines, line.split(" ")[1])
            elif word == "MAIL":
                to = []
                await stream.send_all(b"250 2.1.0 Ok\r\n")
            elif word == "RCPT":
                (address,) = re.findall(r"<(.*?)>", line)
                reply = self.refused.get(address, "550 5.1.1 No such user" if self.manner == "refuse" else None)
                to += [address] if reply is None else []
                await stream.send_all((reply or "250 2.1.5 Ok").encode() + b"\r\n")
            elif word == "DATA":
                await stream.send_all(b"354 Go ahead\r\n" if to else b"554 5.5.1 No valid recipients\r\n")
                if to and not await self._take(stream, lines, to):
                    return
            elif word == "QUIT":
                await stream.send_all(b"221 2.0.0 Bye\r\n")
                return
            else:
                await stream.send_all(b"250 2.0.0 Ok\r\n")

    async def _authenticate(self, stream: trio.abc.Stream, lines: "Lines", mechanism: str) -> None:
        for _ in range(1 if mechanism == "PLAIN" else 2):
            await stream.send_all(b"334 \r\n")
            self.commands.append(base64.b64decode(await lines.next() or "").decode())
        known = b"535 5.7.8 Unknown" if self.manner == "refuse" else b"235 2.7.0 Welcome"
        await stream.send_all(known + b"\r\n")

    async def _take(self, stream: trio.abc.Stream, lines: "Lines", to: list[str]) -> bool:
        """Whether the connection goes on."""
        content = []
        while (line := await lines.next()) not in (".", None):
            content.append(line.removeprefix(".") if line.startswith(".") else line)
        octets = "\r\n".join([*content, ""]).encode()
        self.mails.append(octets)
        self.copies += [Copy(address, text_of(octets)) for address in to]
        if self.manner == "silence":
            await trio.sleep_forever()
        if self.manner != "cut":
            await stream.send_all(b"250 2.0.0 Queued\r\n")
        return self.manner != "cut"


def text_of(octets: bytes) -> str:
    """Return the text as a mail program reads it."""
    body = BytesParser(policy=policy.default).parsebytes(octets).get_payload(decode=True)
    assert isinstance(body, bytes)
    return body.decode()


class Lines:
    """A stream, line by line."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._held = b""

    async def next(self) -> str | None:
        while b"\r\n" not in self._held:
            chunk = await self._stream.receive_some()
            if not chunk:
                return None
            self._held += chunk
        line, _, self._held = self._held.partition(b"\r\n")
        return line.decode()
