"""Writes as trio's tasks see them."""

import threading
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from klaroen.core.model import CarrierName, Instant
from klaroen.store.sqlite import SqliteStore
from klaroen.store.trio_writer import InlineWriter, TrioWriter
from klaroen.store.writer import Writer

SMSC = CarrierName("smsc")


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore.open(tmp_path, synchronous="OFF")


async def test_a_write_answers_when_it_is_durable(store: SqliteStore) -> None:
    writer = TrioWriter(Writer(store))
    number = await writer.write(store.receive, SMSC, b"r", Instant(1))
    assert [(row.id, row.rows) for row in store.standing().inbox] == [(number, b"r")]
    await writer.write(store.receive, SMSC, b"s", Instant(1), urgent=True)
    await writer.aclose()
    store.close_connections()


async def test_what_a_write_raises_reaches_its_task(store: SqliteStore) -> None:
    writer = TrioWriter(Writer(store))
    with pytest.raises(AssertionError):
        await writer.write(store.change, "none", "paused", Instant(1))  # type: ignore[arg-type]
    await writer.aclose()
    store.close_connections()


async def test_a_cancelled_task_gives_up_the_answer_not_the_write(store: SqliteStore) -> None:
    writer = TrioWriter(Writer(store))
    with trio.CancelScope() as scope:
        scope.cancel()
        await writer.write(store.receive, SMSC, b"r", Instant(1))
    assert scope.cancelled_caught
    with trio.CancelScope() as scope:
        scope.cancel()
        await writer.aclose()
    assert [row.rows for row in store.standing().inbox] == [b"r"]
    store.close_connections()


def test_a_write_outlives_the_run_that_asked_for_it(store: SqliteStore) -> None:
    """The last answers of a dispatch that ends find nobody; they are written all the same."""
    writer = Writer(store)
    gate = threading.Event()

    async def ask() -> None:
        bridge = TrioWriter(writer)
        writer.submit(partial(gate.wait, 10), lambda _: None)
        with trio.CancelScope() as scope:
            scope.cancel()
            await bridge.write(store.receive, SMSC, b"r", Instant(1))

    trio.run(ask)
    gate.set()
    writer.close()
    assert [row.rows for row in store.standing().inbox] == [b"r"]
    store.close_connections()


async def test_inline_writes_take_no_virtual_time(store: SqliteStore, autojump_clock: trio.testing.MockClock) -> None:
    """The twin writes at once, is cancelled no earlier than the write, and raises what the write raises."""
    writer = InlineWriter(store)
    before = trio.current_time()
    await writer.write(store.receive, SMSC, b"r", Instant(1), urgent=True)
    with trio.CancelScope() as scope:
        scope.cancel()
        await writer.write(store.receive, SMSC, b"s", Instant(1))
    assert scope.cancelled_caught
    with pytest.raises(AssertionError):
        await writer.write(store.change, "none", "paused", Instant(1))  # type: ignore[arg-type]
    assert trio.current_time() == before
    assert [row.rows for row in store.standing().inbox] == [b"r", b"s"]
    await writer.aclose()
    store.close_connections()
