"""What is to be done when: ready batches by lane, and everything that waits for an instant.

Law: a batch stands here from the commit that inserted it until a carrier claims it or its alert is over; it is found by
its lane and alert, and never before it is due.
"""

from collections import deque
from collections.abc import Callable, Iterator
from heapq import heappop, heappush

from klaroen.core.model import AlertClass, AlertId, Channel, Instant
from klaroen.dispatch.page import Page

Queue = dict[AlertId, deque[Page]]


class Agenda:
    """`fleet` is "live" or "drill": the two never meet."""

    def __init__(self) -> None:
        self._ready: dict[tuple[bool, Channel, AlertClass], Queue] = {}
        self._timers: list[tuple[Instant, int, Callable[[], None]]] = []
        self._count = 0

    # --- timers -----------------------------------------------------------------------------------------------------

    def call_at(self, at: Instant, what: Callable[[], None]) -> None:
        """Have `what` called at that instant, or soon after."""
        self._count += 1
        heappush(self._timers, (at, self._count, what))

    def next_at(self) -> Instant | None:
        return self._timers[0][0] if self._timers else None

    def run_due(self, now: Instant) -> None:
        while self._timers and self._timers[0][0] <= now:
            heappop(self._timers)[2]()

    # --- ready batches ----------------------------------------------------------------------------------------------

    def add(self, page: Page) -> None:
        """A batch is due now."""
        batch = page.batch
        queue = self._ready.setdefault((batch.mode == "drill", batch.step.channel, batch.alert_class), {})
        queue.setdefault(batch.alert, deque()).append(page)

    def queue(self, drill: bool, channel: Channel, lane: AlertClass) -> Queue:
        return self._ready.get((drill, channel, lane), {})

    def remove(self, page: Page) -> None:
        """Somebody claimed it, or it needs no carrier any more."""
        batch = page.batch
        queue = self.queue(batch.mode == "drill", batch.step.channel, batch.alert_class)
        pages = queue.get(batch.alert)
        if pages is not None and page in pages:
            pages.remove(page)
            if not pages:
                del queue[batch.alert]

    def ready(self) -> Iterator[Page]:
        """Yield every batch that is due and unclaimed."""
        for queue in self._ready.values():
            for pages in queue.values():
                yield from pages
