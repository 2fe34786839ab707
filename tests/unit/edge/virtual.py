"""An asyncio loop whose time jumps to the next timer as soon as nothing else is left to do.

Sockets within the process work as ever: what one end wrote is there before the clock moves.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

P = ParamSpec("P")

STUCK_S = 5.0
"""Of real time, when neither a socket nor a timer is left: the test would wait for ever."""


class _Selector(selectors.EpollSelector):
    """Looks at the sockets; if nothing came, time passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else STUCK_S)
        if not ready:
            assert timeout is not None, "nothing is left that could wake this test"
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now_s

    def run_in_executor(self, _executor: Any, work: Callable[..., Any], *arguments: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """Do at once what a thread would do: time would pass meanwhile."""
        done = self.create_future()
        try:
            done.set_result(work(*arguments))
        except Exception as error:
            done.set_exception(error)
        return done


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on a loop of its own, in virtual time."""

    @functools.wraps(test)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*arguments, **named))

    return run


async def until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    """Let time pass until the condition holds."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event, and this time is virtual
            await asyncio.sleep(0.001)
