"""node-smpp as an SMSC in a process of its own, and a Connect that keeps what we wrote, for other dissectors."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from klaroen_adapters.tcp import connector

PEERS = Path(__file__).parent / "peers"
WAIT_S = 10.0

needs_node_smpp = pytest.mark.skipif(
    shutil.which("node") is None or not (PEERS / "node_modules" / "smpp").is_dir(),
    reason="peer not installed: node-smpp (tests/peers.sh)",
)
needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None or shutil.which("text2pcap") is None,
    reason="peer not installed: tshark (tests/peers.sh)",
)


class NodeSmsc:
    """What node-smpp said, in its order."""

    def __init__(self, stdout: trio.abc.ReceiveStream) -> None:
        self._stdout = stdout
        self._unread = b""
        self.port = 0

    async def next(self) -> dict[str, Any]:
        with trio.fail_after(WAIT_S):
            while b"\n" not in self._unread:
                chunk = await self._stdout.receive_some()
                assert chunk, "node-smpp ended"
                self._unread += bytes(chunk)
        line, _, self._unread = self._unread.partition(b"\n")
        said: dict[str, Any] = json.loads(line)
        return said

    async def next_submission(self) -> dict[str, Any]:
        while "destination" not in (said := await self.next()):
            pass
        return said

    async def next_answer(self) -> dict[str, Any]:
        while "answered" not in (said := await self.next()):
            pass
        return said


@asynccontextmanager
async def node_smsc() -> AsyncIterator[NodeSmsc]:
    """Run the SMSC; it ends when its input does."""
    process = await trio.lowlevel.open_process(["node", str(PEERS / "smsc.mjs")], stdin=-1, stdout=-1, cwd=PEERS)
    assert process.stdin is not None
    assert process.stdout is not None
    smsc = NodeSmsc(process.stdout)
    try:
        smsc.port = (await smsc.next())["port"]
        yield smsc
    finally:
        with trio.CancelScope(shield=True):
            await process.stdin.aclose()
            with trio.move_on_after(WAIT_S):
                await process.wait()
            process.kill()
            await process.wait()
            await process.stdout.aclose()


class Recorder(trio.abc.Stream):
    """A stream that keeps each write."""

    def __init__(self, stream: trio.abc.Stream, written: list[bytes]) -> None:
        self._stream, self._written = stream, written

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._written.append(bytes(data))
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


class Recording:
    """A Connect over TCP; `written` is what we sent, write by write."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self._connect = connector()

    async def __call__(self, host: str, port: int) -> trio.abc.Stream:
        return Recorder(await self._connect(host, port), self.written)
