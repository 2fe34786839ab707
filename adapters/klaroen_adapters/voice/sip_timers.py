"""The timers of SIP, and one heap for all deadlines of an agent: no timer to a call.

Law: what is due is found by its own `due_at`; a deadline that was moved leaves a stale entry behind, which is dropped
when its time comes. Source: RFC 3261, 17.1.1.1 and Table 4.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Final, Generic, Protocol, TypeVar

from klaroen.core.model import Instant

T1_MS: Final = 500
"""What a round trip is taken for: the first repeat."""
T2_MS: Final = 4_000
"""Repeats of what is no INVITE come no further apart."""
TRANSACTION_MS: Final = 64 * T1_MS
"""Timers B, D, F, H, J and M: for so long somebody repeats."""


class Timed(Protocol):
    due_at: Instant | None


Due = TypeVar("Due", bound=Timed)


class Deadlines(Generic[Due]):
    """What is due when; each thing has one deadline at a time."""

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, int, Due]] = []
        self._serial = count()

    @property
    def next_at(self) -> Instant | None:
        """The first deadline that still holds."""
        heap = self._heap
        while heap and heap[0][2].due_at != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def set(self, what: Due, at: int) -> None:
        """Let it be due then, and at no other time."""
        what.due_at = due_at = Instant(at)
        heappush(self._heap, (due_at, next(self._serial), what))

    def due(self, now: Instant) -> Iterator[Due]:
        """Yield what is due, in order; it has no deadline any more."""
        while (at := self.next_at) is not None and at <= now:
            what = heappop(self._heap)[2]
            what.due_at = None
            yield what
