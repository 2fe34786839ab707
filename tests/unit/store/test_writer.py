"""The one thread that writes: what it groups, whom it lets past, and whom it tells what."""

import threading
from collections.abc import Callable
from functools import partial

import pytest

from klaroen.core.errors import StoreUnavailableError
from klaroen.store.errors import StoreCorruptError
from klaroen.store.writer import BULK_MAX, BULK_S, BULK_WAITING_MAX, URGENT_MAX, URGENT_WAITING_MAX, Writer, transact

PATIENCE_S = 10.0


class FakeStore:
    """Keeps, transaction by transaction, what works wrote into it. `gate` holds up each `begin`."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()
        self.fails: dict[str, Exception] = {}
        self._open: list[str] = []
        self._mark = 0

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fails:
            raise self.fails[name]

    def begin(self) -> None:
        self.begun.set()
        assert self.gate.wait(PATIENCE_S)
        self._open, self._mark = [], 0
        self._call("begin")

    def mark(self) -> None:
        self._call("mark")
        self._mark = len(self._open)

    def undo(self) -> None:
        self._call("undo")
        del self._open[self._mark :]

    def commit(self) -> None:
        self._call("commit")
        self.commits.append(self._open)

    def rollback(self) -> None:
        self._call("rollback")
        self._open = []

    def write(self, name: str, error: Exception | None = None) -> str:
        self._open.append(name)
        if error is not None:
            raise error
        return name


class Answers:
    """Collects what each work was told, in order."""

    def __init__(self) -> None:
        self.told: dict[str, object] = {}
        self._more = threading.Condition()

    def to(self, name: str) -> Callable[[object], None]:
        def done(result: object) -> None:
            with self._more:
                self.told[name] = result
                self._more.notify_all()

        return done

    def wait(self, name: str) -> None:
        with self._more:
            assert self._more.wait_for(lambda: name in self.told, PATIENCE_S)


class Held:
    """A writer whose thread stands before a `begin` while works are queued, so that their order is known."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.answers = Answers()
        self.seconds: list[float] = []
        self.now = 0.0
        self.writer = Writer(self.store, on_commit=self.seconds.append, clock=lambda: self.now)
        self.store.gate.clear()

    def submit(self, name: str, *, urgent: bool = False, error: Exception | None = None) -> None:
        self.writer.submit(partial(self.store.write, name, error), self.answers.to(name), urgent=urgent)

    def hold(self) -> None:
        """Queue one bulk work and wait until the thread has seen it and stands before its transaction."""
        self.submit("first")
        assert self.store.begun.wait(PATIENCE_S)

    def release(self) -> None:
        self.store.gate.set()
        self.writer.close()


@pytest.fixture
def held() -> Held:
    return Held()


def test_what_waits_is_committed_together(held: Held) -> None:
    """Group commit: one fsync for all that had gathered; each is told its own result, once it is durable."""
    held.hold()
    held.submit("a")
    held.submit("b")
    assert held.writer.statistics().bulk_waiting == 3
    held.release()
    assert held.store.commits == [["first", "a", "b"]]
    assert held.answers.told == {"first": "first", "a": "a", "b": "b"}
    assert len(held.seconds) == 1
    assert held.writer.statistics().bulk_waiting == 0


def test_urgent_work_overtakes_bulk(held: Held) -> None:
    """An accept does not wait for the bulk that came before it; bulk waits for the next transaction."""
    held.hold()
    held.submit("bulk")
    held.submit("accept", urgent=True)
    assert held.writer.statistics().urgent_waiting == 1
    held.release()
    assert held.store.commits == [["accept"], ["first", "bulk"]]


def test_bulk_is_passed_over_once_only(held: Held) -> None:
    """Where accepts never end, bulk still gets its turn: one work in every other transaction."""
    numbers = iter(range(6))

    def accept(_: object) -> None:
        number = next(numbers, None)
        if number is not None:
            done = accept if number < 5 else held.answers.to("last")
            held.writer.submit(partial(held.store.write, f"accept{number}"), done, urgent=True)

    held.hold()
    held.submit("bulk")
    accept(None)
    held.store.gate.set()
    held.answers.wait("last")
    held.release()
    assert held.store.commits == [
        ["accept0"],
        ["accept1", "first"],
        ["accept2"],
        ["accept3", "bulk"],
        ["accept4"],
        ["accept5"],
    ]


def test_urgent_work_that_comes_during_bulk_ends_it(held: Held) -> None:
    """An accept that arrives in the midst of a transaction is in it, and the commit follows at once."""
    held.hold()
    held.writer.submit(lambda: held.submit("accept", urgent=True) or held.store.write("a"), held.answers.to("a"))
    held.submit("b")
    held.store.gate.set()
    held.answers.wait("accept")
    held.release()
    assert held.store.commits == [["first", "a", "accept"], ["b"]]


def test_a_transaction_takes_only_so_much(held: Held) -> None:
    """Bulk and urgent work are each bounded, so that the commit comes soon, whatever comes."""
    held.hold()
    for number in range(BULK_MAX + 5):
        held.submit(f"b{number}")
    for number in range(URGENT_MAX + 5):
        held.submit(f"u{number}", urgent=True)
    held.release()
    sizes = [len(commit) for commit in held.store.commits]
    assert sizes[0] == URGENT_MAX
    assert max(sizes[1:]) <= BULK_MAX
    assert sum(sizes) == BULK_MAX + URGENT_MAX + 11


def test_bulk_work_that_takes_long_is_the_last(held: Held) -> None:
    """However much waits, the commit follows soon."""

    def slow() -> None:
        held.now += BULK_S
        held.store.write("slow")

    held.hold()
    held.writer.submit(slow, held.answers.to("slow"))
    held.submit("later")
    held.release()
    assert held.store.commits == [["first", "slow"], ["later"]]


def test_a_work_that_raises_falls_alone(held: Held) -> None:
    """It is undone and told why; the others are committed."""
    error = AssertionError("ours")
    held.hold()
    held.submit("bad", error=error)
    held.submit("good")
    held.release()
    assert held.store.commits == [["first", "good"]]
    assert held.answers.told == {"first": "first", "bad": error, "good": "good"}


def test_the_first_work_that_raises_falls_alone(held: Held) -> None:
    error = AssertionError("ours")
    held.submit("bad", error=error)
    assert held.store.begun.wait(PATIENCE_S)
    held.submit("good")
    held.release()
    assert held.store.commits == [["good"]]
    assert held.answers.told == {"bad": error, "good": "good"}


@pytest.mark.parametrize("error", [StoreUnavailableError("full"), StoreCorruptError("damaged")])
def test_a_disk_that_fails_takes_the_whole_transaction(held: Held, error: Exception) -> None:
    """No work of it is told success, and what waits behind it gets its own try."""
    held.hold()
    held.submit("bad", error=error)
    for number in range(BULK_MAX):
        held.submit(f"later{number}")
    held.release()
    told = held.answers.told
    assert (type(error), type(error)) == (type(told["first"]), type(told["bad"]))
    assert told["later0"] == "later0"
    assert "rollback" in held.store.calls
    assert len(held.seconds) == len(held.store.commits)


def test_a_commit_that_fails_has_kept_nothing(held: Held) -> None:
    """Every work of that transaction gets the error, each its own instance; a later one is written."""
    held.hold()
    held.submit("a")
    held.store.fails["commit"] = StoreUnavailableError("no room")
    held.release()
    first, second = held.answers.told["first"], held.answers.told["a"]
    assert isinstance(first, StoreUnavailableError)
    assert isinstance(second, StoreUnavailableError)
    assert first is not second
    assert held.store.commits == []


def test_the_store_heals(held: Held) -> None:
    held.store.fails["commit"] = StoreUnavailableError("no room")
    held.submit("a")
    held.store.gate.set()
    held.answers.wait("a")
    del held.store.fails["commit"]
    held.submit("b")
    held.release()
    assert held.answers.told["b"] == "b"


def test_where_no_transaction_can_begin_everybody_is_told(held: Held) -> None:
    """Nobody waits for one time-out after another."""
    held.store.fails["begin"] = StoreUnavailableError("locked")
    held.hold()
    held.submit("a")
    held.submit("b", urgent=True)
    held.release()
    assert all(isinstance(told, StoreUnavailableError) for told in held.answers.told.values())
    assert len(held.answers.told) == 3
    assert held.store.calls.count("begin") == 1


@pytest.mark.parametrize(("urgent", "waiting_max"), [(False, BULK_WAITING_MAX), (True, URGENT_WAITING_MAX)])
def test_too_much_is_told_not_now(held: Held, urgent: bool, waiting_max: int) -> None:
    """The queue is bounded; what is beyond it was not taken."""
    for number in range(waiting_max):
        held.submit(f"{number}", urgent=urgent)
    with pytest.raises(StoreUnavailableError):
        held.submit("one more", urgent=urgent)
    held.release()
    assert len(held.answers.told) == waiting_max
    assert "one more" not in held.answers.told


def test_closing_writes_what_is_queued(held: Held) -> None:
    held.hold()
    held.submit("a")
    held.release()
    assert held.answers.told["a"] == "a"
    held.writer.close()
    with pytest.raises(AssertionError):
        held.submit("late")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_done_that_raises_leaves_nobody_waiting(held: Held) -> None:
    """It broke its promise, and the thread ends: whoever waits hears it, and so does whoever comes."""
    held.writer.submit(partial(held.store.write, "x"), lambda _: 1 / 0, urgent=True)  # type: ignore[arg-type,return-value]
    assert held.store.begun.wait(PATIENCE_S)
    held.submit("a")
    held.release()
    assert isinstance(held.answers.told["a"], ZeroDivisionError)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_broken_writer_takes_nothing() -> None:
    store, answers = FakeStore(), Answers()
    writer = Writer(store)
    writer.submit(partial(store.write, "x"), lambda _: 1 / 0)  # type: ignore[arg-type,return-value]
    writer._thread.join(PATIENCE_S)
    with pytest.raises(AssertionError, match="has broken") as caught:
        writer.submit(partial(store.write, "y"), answers.to("y"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    writer.close()
    assert answers.told == {}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("moment", ["mark", "rollback"])
def test_a_transaction_that_breaks_anywhere_is_told(held: Held, moment: str) -> None:
    """Whatever the store raises and whenever, no work is left without an answer, and none is told success."""
    held.store.fails[moment] = StoreUnavailableError("failing")
    held.store.fails["commit"] = StoreUnavailableError("failing")
    held.hold()
    held.submit("a")
    held.release()
    assert {"first", "a"} == set(held.answers.told)
    assert all(isinstance(told, StoreUnavailableError) for told in held.answers.told.values())


def test_without_a_metric_commits_are_not_timed() -> None:
    store, answers = FakeStore(), Answers()
    writer = Writer(store)
    writer.submit(partial(store.write, "x"), answers.to("x"))
    writer.close()
    assert answers.told == {"x": "x"}


def test_one_work_alone_is_all_or_nothing() -> None:
    """`transact` is the writer for one work in one thread."""
    store = FakeStore()
    assert transact(store, partial(store.write, "x")) == "x"
    with pytest.raises(AssertionError):
        transact(store, partial(store.write, "y", AssertionError("ours")))
    assert store.commits == [["x"]]
    assert store.calls == ["begin", "commit", "begin", "rollback"]
