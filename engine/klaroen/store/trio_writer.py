"""The writer as trio's tasks see it, and its twin for virtual time.

Law: a write that was asked for is done, whatever becomes of the task that waits for it: cancelling the task gives up
the answer, not the write. This is the store's only module that knows trio.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar, TypeVarTuple

import trio

from klaroen.store.writer import Transactional, Writer, transact

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class AsyncWriter(Protocol):
    """What dispatch writes through."""

    async def write(self, method: Callable[[*Ts], T], *args: *Ts, urgent: bool = False) -> T:
        """Call a write method of the store within the writer's transaction; return its result once it is durable.

        Raises what the method raises, and StoreUnavailableError where nothing was written.
        """
        ...


class TrioWriter:
    """A bridge to the writer's thread. Made inside the trio run whose tasks use it; dispatch owns the `Writer`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._trio = trio.lowlevel.current_trio_token()

    async def write(self, method: Callable[[*Ts], T], *args: *Ts, urgent: bool = False) -> T:
        answered = trio.Event()
        answers: list[T | BaseException] = []

        def answer(result: T | BaseException) -> None:
            answers.append(result)
            answered.set()

        def done(result: T | BaseException) -> None:
            try:
                self._trio.run_sync_soon(answer, result)
            except trio.RunFinishedError:
                return  # everybody who could have waited has gone; the write stands

        self._writer.submit(partial(method, *args), done, urgent=urgent)
        await answered.wait()
        (result,) = answers
        if isinstance(result, BaseException):
            raise result
        return result

    async def aclose(self) -> None:
        """Write what is queued, even where this task is cancelled, and end the thread."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._writer.close)


class InlineWriter:
    """Writes at once, in this thread: under `trio.testing.MockClock` a disk takes no time and its order is fixed."""

    def __init__(self, store: Transactional) -> None:
        self._store = store

    async def write(self, method: Callable[[*Ts], T], *args: *Ts, urgent: bool = False) -> T:  # noqa: ARG002
        result = transact(self._store, partial(method, *args))
        await trio.lowlevel.checkpoint()
        return result

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
