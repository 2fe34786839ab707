"""How a simulated carrier is commanded: one JSON object a line, on standard input or a unix socket, one line back.

Law: {"do": "blackout", "seconds": 5, "mode": "keep"|"reset"} · {"do": "brownout", "factor": 10} · {"do": "withhold"} ·
{"do": "release"} · {"do": "lie"} · {"do": "throttle"} · {"do": "work"} · {"do": "counters"} · {"do": "flush"} ·
{"do": "stop"}. Receipts that are withheld pile up; released, they leave in any order. A liar takes everything and
delivers nothing, until "work". An answer repeats "do", or is {"error": words}. When standard input ends, the carrier
stops: it never outlives who started it.
"""

import asyncio
import os
import resource
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, Protocol, cast

import msgspec

LINE_BYTES_MAX: Final = 4096
"""A command is some tens of bytes."""
BLACKOUT_S_MAX: Final = 3600.0


Manner = Literal["work", "lie", "throttle"]


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    do: Literal["blackout", "brownout", "withhold", "release", "lie", "throttle", "work", "counters", "flush", "stop"]
    seconds: float = 5.0
    factor: float = 1.0
    mode: Literal["keep", "reset"] = "keep"


class Commanded(Protocol):
    def blackout(self, seconds: float, *, reset: bool) -> None: ...
    def brownout(self, factor: float) -> None: ...
    def withhold(self, *, withheld: bool) -> None: ...
    def behave(self, manner: Manner) -> bool:
        """Return whether this carrier can."""
        ...

    def counters(self) -> dict[str, int]: ...
    def flush(self) -> None: ...


class Control:
    """Carries commands out on one carrier; `stopped` is set by "stop", by the end of input and by signals."""

    def __init__(self, carrier: Commanded) -> None:
        self._carrier = carrier
        self.stopped = asyncio.Event()

    def obey(self, line: bytes) -> bytes:
        """Carry one line out and return the answer's line."""
        try:
            command = msgspec.json.decode(line, type=Command)
            if not 0.0 < command.seconds <= BLACKOUT_S_MAX or command.factor <= 0.0:
                raise msgspec.ValidationError("seconds and factor are positive, seconds at most an hour")
        except msgspec.MsgspecError as fault:
            return msgspec.json.encode({"error": str(fault)}) + b"\n"
        answer: dict[str, object] = {"do": command.do}
        match command.do:
            case "blackout":
                self._carrier.blackout(command.seconds, reset=command.mode == "reset")
            case "brownout":
                self._carrier.brownout(command.factor)
            case "withhold" | "release":
                self._carrier.withhold(withheld=command.do == "withhold")
            case "lie" | "throttle" | "work":
                if not self._carrier.behave(command.do):
                    answer = {"error": f"this carrier does not {command.do}"}
            case "flush":
                self._carrier.flush()
            case "counters":
                answer["counters"] = self._carrier.counters()
            case "stop":
                self._carrier.flush()
                answer["counters"] = self._carrier.counters()
                self.stopped.set()
        used = resource.getrusage(resource.RUSAGE_SELF)
        answer["cpu_s"] = round(used.ru_utime + used.ru_stime, 4)
        answer["peak_rss_mb"] = round(used.ru_maxrss / 1024, 1)
        return msgspec.json.encode(answer) + b"\n"


class _Lines(asyncio.Protocol):
    """Splits what comes into lines, obeys each, and answers in order."""

    def __init__(self, control: Control, answer: Callable[[bytes], None] | None, *, ends: bool) -> None:
        self._control = control
        self._answer = answer
        self._ends = ends
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._answer is None:
            self._answer = cast("asyncio.WriteTransport", transport).write

    def data_received(self, data: bytes) -> None:
        assert self._answer is not None
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._answer(self._control.obey(line))
        if len(self._rest) > LINE_BYTES_MAX:
            self._rest = b""
            self._answer(b'{"error":"a line is at most 4096 bytes"}\n')

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._ends:
            self._control.stopped.set()


async def listen_for_commands(control: Control, socket_path: Path | None) -> None:
    """Obey standard input, if it is a pipe, socket or terminal, and the unix socket, if one is named."""
    loop = asyncio.get_running_loop()
    mode = os.fstat(0).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty():
        await loop.connect_read_pipe(lambda: _Lines(control, say, ends=True), sys.stdin)
    if socket_path is not None:
        await loop.create_unix_server(lambda: _Lines(control, None, ends=False), str(socket_path))
        _keep_to_owner(socket_path)


def _keep_to_owner(socket_path: Path) -> None:
    socket_path.chmod(0o600)


def say(line: bytes) -> None:
    """Write one line to standard output, whole."""
    while line:
        line = line[os.write(1, line) :]
