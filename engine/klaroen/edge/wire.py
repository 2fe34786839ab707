"""One connection to dispatch's socket: frames out, gathered; frames in, cut and read.

Law: a question asked alone leaves at once; one asked while others are under way waits for company until an answer
comes or 5 ms have passed. A frame that cannot be read ends the connection.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from klaroen.core.calls import Ask, FromDispatch, Greet, Question
from klaroen.core.frames import FrameError, Frames, frame, read_from_dispatch

UNSENT_BYTES_MAX: Final = 4 * 1024 * 1024
"""Written and not yet taken by dispatch: four of the largest alerts; beyond it questions wait at the door."""


class Wire(asyncio.Protocol):
    """Made by `create_unix_connection`; its life is one connection's."""

    def __init__(self, told: Callable[[FromDispatch], None], gather_s: float) -> None:
        self._told, self._gather_s = told, gather_s
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._gathered: list[bytes] = []
        self._flush: asyncio.TimerHandle | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed = asyncio.Event()
        self.words = "the connection was closed"
        """Why it ended."""

    # --- what the link does ------------------------------------------------------------------------------------------

    def greet(self, pushes: bool) -> None:
        self._write(frame(Greet(process="edge", pushes=pushes)))

    def ask(self, number: int, principal: str | None, question: Question, *, alone: bool) -> None:
        """Send the question now, if it is alone, or soon."""
        self._gathered.append(frame(Ask(number, principal, question)))
        if alone:
            self._send_gathered()
        elif self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(self._gather_s, self._send_gathered)

    async def wait_writable(self) -> None:
        await self._writable.wait()

    async def wait_closed(self) -> None:
        await self._closed.wait()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- what the loop calls -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvloop's is none by type
        self._transport = transport
        transport.set_write_buffer_limits(high=UNSENT_BYTES_MAX)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._frames.feed(data):
                self._told(read_from_dispatch(body))
        except FrameError as error:
            self.words = str(error)
            self.close()
        if self._gathered:
            self._send_gathered()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self.words = type(exc).__name__
        if self._flush is not None:
            self._flush.cancel()
        self._writable.set()
        self._closed.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _send_gathered(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        gathered, self._gathered = self._gathered, []
        self._write(b"".join(gathered))

    def _write(self, octets: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(octets)
