"""Receipts of a gateway on their way to a client's URL: signed, in batches, again until the client says 2xx.

Law: a batch is sent as it is until it is taken; batches of one URL go one after the other; nothing is forgotten but
beyond `PENDING_MAX`, and that is counted.
"""

import asyncio
import hmac
import time
from collections import Counter, deque
from collections.abc import Iterable
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

import httptools

BATCH_MAX: Final = 10_000
"""Of the generic profile."""
EVERY_S: Final = 0.05
REPEAT_S: Final = 0.5
REPEAT_S_MAX: Final = 10.0
ANSWER_S: Final = 10.0
PENDING_MAX: Final = 2_000_000
READ_BYTES: Final = 65536


class Webhook:
    """The receipts for one URL."""

    def __init__(self, url: str, secret: bytes, token: str | None, counts: Counter[str]) -> None:
        """Raises ValueError if the URL is not plain HTTP."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("receipts go to an http:// URL")
        self._host, self._port = parts.hostname, parts.port or 80
        self._secret = secret
        bearer = "" if token is None else f"Authorization: Bearer {token}\r\n"
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        self._head = f"POST {target or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n{bearer}".encode()
        self._counts = counts
        self._pending: deque[bytes] = deque()
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def pending(self) -> int:
        return len(self._pending)

    def offer(self, receipts: Iterable[bytes]) -> None:
        """Add receipts, each a JSON object."""
        for receipt in receipts:
            if len(self._pending) < PENDING_MAX:
                self._pending.append(receipt)
            else:
                self._counts["receipts_dropped"] += 1

    def freeze(self, *, frozen: bool) -> None:
        if frozen:
            self._thawed.clear()
        else:
            self._thawed.set()

    def close(self) -> None:
        self._task.cancel()
        self._hang_up()

    async def _run(self) -> None:
        tries = 0
        while True:
            await asyncio.sleep(min(REPEAT_S * 2.0 ** (tries - 1), REPEAT_S_MAX) if tries else EVERY_S)
            await self._thawed.wait()
            if not self._pending:
                continue
            # A repeated batch may have grown: what it began with is still in front, in its order.
            count = min(len(self._pending), BATCH_MAX)
            status = await self._post(b"[" + b",".join(islice(self._pending, count)) + b"]")
            self._counts["receipts_sent" if not tries else "receipts_repeated"] += count
            if 200 <= status < 300:
                tries = 0
                self._counts["receipts_acknowledged"] += count
                for _ in range(count):
                    self._pending.popleft()
            else:
                tries += 1

    async def _post(self, body: bytes) -> int:
        """Return the status of the answer, 0 if there is none."""
        stamp = str(int(time.time())).encode()
        signature = hmac.new(self._secret, stamp + b"." + body, "sha256").hexdigest().encode()
        request = (
            b"%bContent-Type: application/json\r\nContent-Length: %d\r\n"
            b"X-Klaroen-Timestamp: %b\r\nX-Klaroen-Signature: %b\r\n\r\n%b"
        ) % (self._head, len(body), stamp, signature, body)
        answer = _Answer()
        try:
            async with asyncio.timeout(ANSWER_S):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(self._host, self._port)
                reader, writer = self._streams
                writer.write(request)
                await writer.drain()
                while not answer.complete:
                    chunk = await reader.read(READ_BYTES)
                    if not chunk:
                        raise ConnectionResetError
                    answer.parser.feed_data(chunk)
        except (OSError, TimeoutError, httptools.HttpParserError):
            self._hang_up()
            return 0
        if not answer.keep_alive:
            self._hang_up()
        return answer.parser.get_status_code()

    def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class _Answer:
    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.complete = False
        self.keep_alive = False

    def on_message_complete(self) -> None:
        # Only here does the parser still know: afterwards it is ready for the next answer.
        self.keep_alive = self.parser.should_keep_alive()
        self.complete = True
