"""The life of a simulated carrier's process: listen, say so, obey, flush, leave.

Law: one line {"port", "control", "conditions"} on standard output when it can be used; it ends on "stop", SIGTERM,
SIGINT and the end of its standard input, with its ledger flushed.
"""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import uvloop

from klaroen_bench.carriers.control import Control, Manner, listen_for_commands, say
from klaroen_bench.carriers.ledger import FLUSH_S


class Terms(Protocol):
    """What a carrier's command line says, as far as it matters here."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def control(self) -> Path | None: ...
    def as_dict(self) -> dict[str, object]: ...


class Listener(Protocol):
    """Where a carrier is reached."""

    async def open(self, host: str, port: int) -> int:
        """Listen; return the port, which may have been 0."""

    def close(self) -> None:
        """Take nobody new."""


class TcpListener:
    """A carrier that is reached by connections."""

    def __init__(self, session: Callable[[], asyncio.Protocol]) -> None:
        self._session = session
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> int:
        self._server = await asyncio.get_running_loop().create_server(self._session, host, port, backlog=512)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


class Carrier(Protocol):
    def freeze(self, *, frozen: bool, seconds: float) -> None: ...
    def drop(self) -> None: ...
    def brownout(self, factor: float) -> None: ...
    def withhold(self, *, withheld: bool) -> None: ...
    def behave(self, manner: Manner) -> bool: ...
    def counters(self) -> dict[str, int]: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class Station:
    """A carrier at its listening address: what a blackout does to both."""

    def __init__(self, carrier: Carrier, listener: Listener, terms: Terms) -> None:
        self._carrier = carrier
        self._listener = listener
        self._host, self.port = terms.host, terms.port
        self._loop = asyncio.get_running_loop()
        self._dark = False
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self.port = await self._listener.open(self._host, self.port)

    def blackout(self, seconds: float, *, reset: bool) -> None:
        """Go dark for so long: mute with connections open, or with connections reset and new ones refused."""
        if self._dark:
            return
        self._dark = True
        if reset:
            self._listener.close()
            self._carrier.drop()
            self._loop.call_later(seconds, self._reopen)
        else:
            self._carrier.freeze(frozen=True, seconds=0.0)
            self._loop.call_later(seconds, self._thaw, seconds)

    def _thaw(self, seconds: float) -> None:
        self._dark = False
        self._carrier.freeze(frozen=False, seconds=seconds)

    def _reopen(self) -> None:
        self._dark = False
        self._opening = self._loop.create_task(self.open())

    def brownout(self, factor: float) -> None:
        self._carrier.brownout(factor)

    def withhold(self, *, withheld: bool) -> None:
        self._carrier.withhold(withheld=withheld)

    def behave(self, manner: Manner) -> bool:
        return self._carrier.behave(manner)

    def counters(self) -> dict[str, int]:
        return self._carrier.counters()

    def flush(self) -> None:
        self._carrier.flush()

    def tick(self) -> None:
        """Flush the ledger, for ever, every `FLUSH_S`."""
        self._carrier.flush()
        self._loop.call_later(FLUSH_S, self.tick)


C = TypeVar("C", bound=Carrier)


def serve(terms: Terms, make: Callable[[], C], listen: Callable[[C], Listener]) -> None:
    """Run a carrier until it is told to stop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(terms, make, listen))


async def _serve(terms: Terms, make: Callable[[], C], listen: Callable[[C], Listener]) -> None:
    carrier = make()
    try:
        station = Station(carrier, listen(carrier), terms)
        await station.open()
        station.tick()
        control = Control(station)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, control.stopped.set)
        await listen_for_commands(control, terms.control)
        ready = {
            "port": station.port,
            "control": None if terms.control is None else str(terms.control),
            "conditions": terms.as_dict(),
        }
        say(msgspec.json.encode(ready) + b"\n")
        await control.stopped.wait()
    finally:
        carrier.close()
