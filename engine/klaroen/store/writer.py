"""The one thread that writes: group commit, with a way past the queue for what somebody waits for.

Law: a work's `done` is called after the commit that holds it, with its result, or with what it raised. A work that
raises takes nothing with it but itself; a disk that fails takes its whole transaction, and each work is told so.
Urgent work waits at most for the commit under way, one bulk work, and its own commit; bulk is passed over by at most
every other transaction.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from msgspec import Struct

from klaroen.core.errors import StoreUnavailableError
from klaroen.core.records import Store
from klaroen.store.errors import StoreCorruptError

T = TypeVar("T")

BULK_MAX: Final = 32
BULK_S: Final = 0.005
"""A transaction takes up so many bulk works, and no further one after so long: its commit is soon, whatever comes."""
URGENT_MAX: Final = 128
"""Urgent works a transaction: without an end to it, no commit."""
BULK_WAITING_MAX: Final = 1024
"""Thirty-two transactions: what is beyond is told "not now", so that the carrier holds it rather than our memory."""
URGENT_WAITING_MAX: Final = 4096
"""Twenty seconds of 200 alerts a second: who asked has gone by then."""


SWITCH_S: Final = 0.0005
"""For `sys.setswitchinterval` in a process that computes beside its writer. Each step of a statement gives up the
interpreter; at Python's 5 ms, an accept beside a busy loop takes longer by a factor of ten or more [bench store]."""


class Transactional(Protocol):
    """What a store shows to its writer alone."""

    def begin(self) -> None: ...
    def mark(self) -> None:
        """Remember this point of the transaction for `undo`."""
        ...

    def undo(self) -> None:
        """Go back to the latest mark, or to an empty transaction where there is none."""
        ...

    def commit(self) -> None:
        """Durable on return. What raises here has kept nothing."""
        ...

    def rollback(self) -> None:
        """End the transaction, if there is one, without a trace."""
        ...


class WritableStore(Store, Transactional, Protocol):
    """A store with its writer's side."""

    def check(self) -> None:
        """Read everything; from any thread. Raises StoreCorruptError where something is not what was written."""
        ...


class WriterStatistics(Struct, frozen=True):
    """Works that wait for a transaction."""

    urgent_waiting: int
    bulk_waiting: int


class _Work(Struct, frozen=True):
    work: Callable[[], Any]
    done: Callable[[Any], None]
    urgent: bool


def _for_one(error: Exception) -> Exception:
    """Return what one waiter may raise: an exception that several tasks raised would mix up their contexts."""
    return StoreUnavailableError(*error.args) if isinstance(error, StoreUnavailableError) else error


def transact(store: Transactional, work: Callable[[], T]) -> T:
    """Run one work as one transaction, in this thread, which must be the only one to write.

    Raises what the work raises, and StoreUnavailableError or StoreCorruptError from the commit.
    """
    store.begin()
    try:
        result = work()
        store.commit()
    except BaseException:
        store.rollback()
        raise
    return result


class Writer:
    """Owns the store's writing side from construction until `close`.

    `on_commit` gets the seconds of each commit. Neither it nor a `done` may raise or block: they run in this thread.
    """

    def __init__(
        self,
        store: Transactional,
        *,
        on_commit: Callable[[float], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._store = store
        self._on_commit = on_commit
        self._clock = clock
        self._urgent: deque[_Work] = deque()
        self._bulk: deque[_Work] = deque()
        self._bulk_passed_over = False
        self._untold: deque[_Work] = deque()
        """The works of this transaction, until each has heard of it."""
        self._changed = threading.Condition()
        self._closing = False
        self._broken: BaseException | None = None
        # A daemon, so that a process which fails before it can call `close` ends; what was answered is durable anyway.
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T], done: Callable[[T | BaseException], None], *, urgent: bool = False) -> None:
        """Queue a work; `done` is called once, in the writer's thread. From any thread.

        Raises StoreUnavailableError, and takes nothing, where too many wait already.
        """
        queue, waiting_max = (self._urgent, URGENT_WAITING_MAX) if urgent else (self._bulk, BULK_WAITING_MAX)
        with self._changed:
            assert not self._closing, "the writer is closed"
            if self._broken is not None:
                raise AssertionError("the store's writer has broken") from self._broken
            if len(queue) >= waiting_max:
                raise StoreUnavailableError(f"{len(queue)} writes wait for the disk already")
            queue.append(_Work(work, done, urgent))
            self._changed.notify()

    def close(self) -> None:
        """Write what is queued, and end the thread. A second time does nothing."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def statistics(self) -> WriterStatistics:
        return WriterStatistics(urgent_waiting=len(self._urgent), bulk_waiting=len(self._bulk))

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait_work():
                for result in self._transact():
                    self._untold.popleft().done(result)
        except BaseException as error:
            self._give_up(error)
            raise

    def _wait_work(self) -> bool:
        with self._changed:
            while not (self._urgent or self._bulk or self._closing):
                self._changed.wait()
            return bool(self._urgent or self._bulk)

    def _transact(self) -> list[Any]:
        """Take works, write them in one transaction, and return what each of `_untold` is to be told."""
        results: list[Any] = []
        try:
            self._store.begin()
            self._work_off(results)
            started = self._clock()
            self._store.commit()
        except Exception as error:  # each that is concerned hears of it
            self._store.rollback()
            if not self._untold:
                self._take_all()  # no transaction can be begun for any of them
            return [_for_one(error) for _ in self._untold]
        if self._on_commit is not None:
            self._on_commit(self._clock() - started)
        return results

    def _work_off(self, results: list[Any]) -> None:
        """Do what waits, as far as one transaction goes, noting each work in `_untold` and what came of it.

        Raises StoreUnavailableError or StoreCorruptError where the transaction cannot go on.
        """
        bulk_until = self._clock() + BULK_S
        urgent_count = bulk_count = 0
        while True:
            if urgent_count:
                bulk_open = self._bulk_passed_over and bulk_count == 0
            else:
                bulk_open = bulk_count < BULK_MAX and self._clock() < bulk_until
            each = self._take(urgent_open=urgent_count < URGENT_MAX, bulk_open=bulk_open)
            if each is None:
                break
            urgent_count += each.urgent
            bulk_count += not each.urgent
            self._untold.append(each)
            if results:
                self._store.mark()
            try:
                results.append(each.work())
            except (StoreUnavailableError, StoreCorruptError):
                raise
            except Exception as error:  # this one's own
                self._store.undo()
                results.append(error)
        self._bulk_passed_over = bulk_count == 0

    def _take(self, *, urgent_open: bool, bulk_open: bool) -> _Work | None:
        with self._changed:
            if urgent_open and self._urgent:
                return self._urgent.popleft()
            if bulk_open and self._bulk:
                return self._bulk.popleft()
            return None

    def _take_all(self) -> None:
        with self._changed:
            self._untold.extend([*self._urgent, *self._bulk])
            self._urgent.clear()
            self._bulk.clear()

    def _give_up(self, error: BaseException) -> None:
        """We broke a promise of our own: nothing is written any more, and nobody is left waiting."""
        with self._changed:
            self._broken = error
        self._take_all()
        while self._untold:
            self._untold.popleft().done(error)
