"""A timer wheel: one timer for all that falls due in the same two milliseconds, never one for each message.

Law: what is added for an instant is handed to `fire` not before it, in lists. A held wheel fires nothing; released,
everything on it is due as much later as it was held.
"""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

SLOTS_PER_S: Final = 500
"""2 ms: a twentieth of the median latency, and at 100,000 messages a second 200 of them share a timer."""


class Wheel(Generic[T]):
    def __init__(self, loop: AbstractEventLoop, fire: Callable[[list[T]], None]) -> None:
        self._loop = loop
        self._fire = fire
        self._slots: dict[int, list[T]] = {}
        self._timers: dict[int, TimerHandle] = {}
        self._held_at: float | None = None
        self.count = 0
        """Items that wait."""

    def add(self, due: float, item: T) -> None:
        """Let `item` be fired at `due`, in seconds of the loop's clock."""
        self.count += 1
        slot = int(due * SLOTS_PER_S) + 1
        items = self._slots.get(slot)
        if items is not None:
            items.append(item)
            return
        self._slots[slot] = [item]
        if self._held_at is None:
            self._arm(slot)

    def hold(self) -> None:
        """Fire nothing until `release`."""
        if self._held_at is not None:
            return
        self._held_at = self._loop.time()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def release(self) -> None:
        if self._held_at is None:
            return
        shift = int((self._loop.time() - self._held_at) * SLOTS_PER_S)
        self._held_at = None
        self._slots = {slot + shift: items for slot, items in self._slots.items()}
        for slot in self._slots:
            self._arm(slot)

    def _arm(self, slot: int) -> None:
        self._timers[slot] = self._loop.call_at(slot / SLOTS_PER_S, self._due, slot)

    def _due(self, slot: int) -> None:
        del self._timers[slot]
        items = self._slots.pop(slot)
        self.count -= len(items)
        self._fire(items)
