"""What a driver has to tell the engine, on its way there.

Law: events leave in the order in which they were said, in lists as large as the engine is slow, and none is lost to a
cancellation. Saying never waits; who reads from a carrier looks first at how many wait, and so passes the pressure on.
"""

from collections.abc import Sequence

import trio

from klaroen.core.ports import Emit, Event


class Outlet:
    """The events of one carrier; `run` gives them to the engine."""

    def __init__(self, emit: Emit, first: Event) -> None:
        self._emit = emit
        self._events: list[Event] = [first]
        self._is_emitting = False
        self._said = trio.lowlevel.ParkingLot()
        self._heard = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        """Events that the engine has not begun to take."""
        return len(self._events)

    @property
    def is_silent(self) -> bool:
        """Everything that was said has been taken."""
        return not self._events and not self._is_emitting

    def say(self, events: Sequence[Event]) -> None:
        if events:
            self._events += events
            self._said.unpark_all()

    async def heard(self) -> None:
        """Wait until the engine has taken some."""
        await self._heard.park()

    async def run(self) -> None:
        """Give the engine what is said, until cancelled."""
        while True:
            if self._events:
                await self.flush()
            else:
                await self._said.park()

    async def flush(self) -> None:
        """Give the engine what there is to say now; awaiting it is the back-pressure."""
        while self._events:
            events, self._events = self._events, []
            self._is_emitting = True
            try:
                await self._emit(events)
            except trio.Cancelled:
                self._events = events + self._events  # who was cancelled in taking them took none
                raise
            finally:
                self._is_emitting = False
            self._heard.unpark_all()
