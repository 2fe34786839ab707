"""The worker processes: kept warm, asked one thing at a time, and killed when they do not answer.

Law: nobody waits longer than the deadline, whatever an engine does; a worker that failed in any way but by its own word
is never asked again. They end when this process does, however it ends: their stdin is then at its end.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Final, Protocol

import msgspec
import trio

from klaroen_adapters.speech.frames import (
    FRAME_BYTES_MAX,
    HEAD_BYTES,
    Answer,
    Decode,
    Decoded,
    EngineName,
    Failed,
    Question,
    Said,
    Say,
    answer,
    frame,
)

LINE: Final = (sys.executable, "-P", "-m", "klaroen_adapters.speech.worker")
READ_BYTES: Final = 65_536
ASKED_MAX: Final = 200
"""Questions after which a worker is replaced: what an engine leaks ends with it."""
IDLE_MAX: Final = 2
"""Kept warm of each engine [40 MB with Pico]; more of them end when they have answered."""
PATIENCE: Final = 3.0
"""Deadlines after which a worker ends itself: nobody who asked is left."""
REAP_S: Final = 0.5
"""A killed process is gone in a millisecond; one that the kernel holds for longer is left to it."""


class Crew(Protocol):
    """Whoever reads texts aloud."""

    async def ask(self, engine: EngineName, voice: str, text: str, deadline_s: float) -> Said | Failed: ...

    def close(self) -> None: ...


class Workers:
    """Processes, one for each engine and question under way."""

    def __init__(self, line: tuple[str, ...] = LINE) -> None:
        self._line = line
        self._idle: dict[str, list[Worker]] = {}

    async def ask(self, engine: EngineName, voice: str, text: str, deadline_s: float) -> Said | Failed:
        """Return what a worker answered, or the words for what became of it."""
        told = await self._ask(engine, Say(engine, voice, text, deadline_s * PATIENCE), deadline_s)
        assert not isinstance(told, Decoded)
        return told

    async def decode(self, path: str, deadline_s: float) -> Decoded | Failed:
        """Return the clips of a recording, or why there are none."""
        told = await self._ask("recordings", Decode(path, deadline_s * PATIENCE), deadline_s)
        assert not isinstance(told, Said)
        return told

    async def _ask(self, kind: str, asked: Question, deadline_s: float) -> Answer:
        idle = self._idle.setdefault(kind, [])
        try:
            worker = idle.pop() if idle else Worker(self._line)
        except OSError:  # no process, no file to be had: the machine's fault, and no reason to end
            return Failed("cannot be started")
        well = False
        try:
            with trio.fail_after(deadline_s):
                answered = await worker.ask(asked)
            well = worker.asked_count < ASKED_MAX and len(idle) < IDLE_MAX
        except trio.TooSlowError:
            return Failed("took too long")
        except (EOFError, OSError, trio.BrokenResourceError, msgspec.DecodeError):
            return Failed("crashed")
        finally:
            if well:
                idle.append(worker)
            else:
                worker.kill()
        return answered

    def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().kill()


class Worker:
    """One process, at the other end of a socket that is its stdin and stdout."""

    def __init__(self, line: tuple[str, ...]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            end = theirs.fileno()
            try:
                self._process = subprocess.Popen(
                    line, env=alone, stdin=end, stdout=end, stderr=subprocess.DEVNULL, process_group=0
                )
            except OSError:
                ours.close()
                raise
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        self.asked_count = 0

    async def ask(self, asked: Question) -> Answer:
        """Raises EOFError, trio.BrokenResourceError or msgspec.DecodeError where the process went astray."""
        self.asked_count += 1
        await self._stream.send_all(frame(asked))
        size = int.from_bytes(await self._read(HEAD_BYTES), "big")
        if size > FRAME_BYTES_MAX:
            raise EOFError
        return answer(await self._read(size))

    async def _read(self, size: int) -> bytes:
        read = bytearray()
        while len(read) < size:
            chunk = await self._stream.receive_some(min(READ_BYTES, size - len(read)))
            if not chunk:
                raise EOFError
            read += chunk
        return bytes(read)

    def kill(self) -> None:
        self._stream.socket.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # with what it has started (mbrola)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(REAP_S)
