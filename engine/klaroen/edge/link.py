"""The edge's two connections to dispatch: one for writes and pushes, one for reads that may take their time.

Law: a question is asked once, on a connection that stands, and gets one answer: dispatch's, or the problem
`unavailable`. Nothing is asked again by itself: the caller repeats, with the same idempotency key.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from klaroen.core.calls import (
    CountNetworks,
    FromDispatch,
    ListAlerts,
    ListDeliveries,
    ListNetworks,
    Question,
    ShowAlert,
    ShowDelivery,
    ShowNetwork,
    Told,
)
from klaroen.core.errors import Problem
from klaroen.edge.mirror import Mirror
from klaroen.edge.wire import Wire

GATHER_S: Final = 0.005
"""Design, 2: questions are batched for 5 ms at most, and only while others are under way."""
QUESTIONS_MAX: Final = 1000
"""Under way on one connection: five seconds' worth of the 200 alerts a second that the edge must carry."""
BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
"""Between attempts to connect: dispatch restarts within two seconds, and a local connect costs nothing."""
SETTLED_S: Final = 1.0
"""A connection that held for so long was a good one: the next back-off starts anew."""
READS: Final = (ListAlerts, CountNetworks, ListDeliveries, ShowDelivery, ListNetworks, ShowNetwork, ShowAlert)

AWAY: Final = Problem("unavailable", "dispatch is not running or is starting; nothing was taken")
LOST: Final = Problem("unavailable", "dispatch went away before it answered; repeat with the same Idempotency-Key")
LATE: Final = Problem("unavailable", "dispatch did not answer in time; repeat with the same Idempotency-Key")

log = structlog.get_logger(__name__)


class Link:
    """Both connections, kept up until cancelled."""

    def __init__(self, socket: Path, mirror: Mirror, gather_s: float = GATHER_S) -> None:
        self._socket, self._mirror, self._gather_s = socket, mirror, gather_s
        self._writes = Side(self._push)
        self._reads = Side(self._push)

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(self._writes, pushes=True))
            group.create_task(self._keep(self._reads, pushes=False))

    async def ask(self, principal: str | None, question: Question, timeout_s: float) -> bytes | Problem:
        """Return msgpack of the view that the question names, or the problem that dispatch told, or `unavailable`."""
        side = self._reads if isinstance(question, READS) else self._writes
        try:
            async with asyncio.timeout(timeout_s):
                told = await side.ask(principal, question)
        except TimeoutError:
            return LATE
        if isinstance(told, Problem):
            return told
        return bytes(told.answer) if told.problem is None else told.problem

    def statistics(self) -> dict[str, int]:
        return {"writes": self._writes.count, "reads": self._reads.count}

    def _push(self, message: FromDispatch) -> None:
        assert not isinstance(message, Told)
        self._mirror.take(message)

    async def _connect(self, wire: Wire) -> bool:
        """Say whether dispatch was there; if not, the back-off is for that."""
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: wire, str(self._socket))
        except OSError:
            return False
        return True

    async def _keep(self, side: "Side", *, pushes: bool) -> None:
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            wire = Wire(side.told, self._gather_s)
            since = loop.time()
            if await self._connect(wire):
                if pushes:
                    self._mirror.up()
                log.info("dispatch connected", pushes=pushes)
                try:
                    wire.greet(pushes)
                    side.attach(wire)
                    await wire.wait_closed()
                finally:
                    side.detach(LOST)
                    wire.close()
                    if pushes:
                        self._mirror.down()
                log.warning("dispatch went away", pushes=pushes, words=wire.words)
            if loop.time() - since >= SETTLED_S:
                tries = 0
            await asyncio.sleep(BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
            tries += 1


class Side:
    """The questions of one connection, numbered; it outlives the wire that carries them."""

    def __init__(self, push: Callable[[FromDispatch], None]) -> None:
        self._push = push
        self._wire: Wire | None = None
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Told | Problem]] = {}
        self._room = asyncio.Semaphore(QUESTIONS_MAX)

    @property
    def count(self) -> int:
        return len(self._waiting)

    async def ask(self, principal: str | None, question: Question) -> Told | Problem:
        async with self._room:
            if self._wire is not None:
                await self._wire.wait_writable()
            wire = self._wire
            if wire is None:
                return AWAY
            self._number += 1
            number = self._number
            answer: asyncio.Future[Told | Problem] = asyncio.get_running_loop().create_future()
            self._waiting[number] = answer
            try:
                wire.ask(number, principal, question, alone=len(self._waiting) == 1)
                return await answer
            finally:
                self._waiting.pop(number, None)

    def attach(self, wire: Wire) -> None:
        self._wire = wire

    def detach(self, problem: Problem) -> None:
        """The wire is gone: whoever waits is told so."""
        self._wire = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(problem)

    def told(self, message: FromDispatch) -> None:
        if isinstance(message, Told):
            answer = self._waiting.get(message.number)
            if answer is not None and not answer.done():  # else nobody waits for it any more
                answer.set_result(message)
        else:
            self._push(message)
