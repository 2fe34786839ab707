"""Receipts into dispatch, as fast as it drains them and in a thousand orders.

Law: orders are seeded; each is played to a fresh alert of the same making, and what users would be told at the end is
compared, octet by octet, with the end of the first order. Through the store, the journal must tell the same end too.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio
import trio.testing
from msgspec import Struct

from klaroen.core.ports import Event
from klaroen.core.sheet import Sheet
from klaroen.dispatch.commit import commit_forever, drain_forever
from klaroen.dispatch.settle import take_events
from klaroen.store import open_store
from klaroen.store.trio_writer import InlineWriter, TrioWriter
from klaroen.store.writer import Writer
from klaroen_bench.direct import Direct, Flown

CHUNK: Final = 200
"""Receipts in one read of a busy bind."""
UNDRAINED_MAX: Final = 8_000
"""What two SMSCs of four binds each leave unacknowledged."""
PAUSE_S: Final = 0.001
QUIET_ROUNDS: Final = 3
"""One for the commit of receipts, one for that of what they changed, and one to be sure."""


class Drained(Struct, frozen=True):
    receipts: int
    wall_s: float
    cpu_s: float


def shuffle(directory: Path, deliveries: int, shuffles: int, seed: int) -> bool:
    """Play answers and receipts in so many orders; return whether all end the same."""

    async def play() -> bool:
        store = open_store("sqlite", directory)
        direct = Direct(directory, store, InlineWriter(store))
        first: tuple[object, ...] | None = None
        same = True
        for turn in range(shuffles):
            flown = await direct.hand_over(deliveries, durable=False)
            events = flown.answers() + flown.receipts(seed)
            random.Random(seed + turn).shuffle(events)
            for event in events:
                direct.apply(event)
            first = first or flown.standing()
            same = same and flown.standing() == first
            direct.forget(flown)
        store.close_connections()
        return same

    return trio.run(play)


def drain_durably(directory: Path, deliveries: int, shuffles: int, seed: int) -> tuple[bool, list[Drained]]:
    """Drain the receipts of so many alerts through the store, each in an order of its own.

    Returns whether all end the same, in memory and in the journal, and how long each took.
    """

    async def play() -> tuple[bool, list[Drained]]:
        store = open_store("sqlite", directory)
        writer = TrioWriter(Writer(store))
        direct = Direct(directory, store, writer)
        ends: list[tuple[object, ...]] = []
        runs: list[Drained] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(commit_forever, direct.desk)
            nursery.start_soon(drain_forever, direct.desk)
            for turn in range(shuffles):
                flown = await direct.hand_over(deliveries, durable=True)
                take_events(direct.desk, direct.station, flown.answers())
                await _all_drained(direct)
                events = flown.receipts(seed)
                random.Random(seed + turn).shuffle(events)
                runs.append(await _drain(direct, events))
                ends += [flown.standing(), _told(direct, flown)]
                direct.forget(flown)
            nursery.cancel_scope.cancel()
        await writer.aclose()
        store.close_connections()
        return all(end == ends[0] for end in ends[::2]) and all(end == ends[1] for end in ends[1::2]), runs

    return trio.run(play)


async def _drain(direct: Direct, events: Sequence[Event]) -> Drained:
    started, cpu = time.perf_counter(), time.process_time()
    for at in range(0, len(events), CHUNK):
        take_events(direct.desk, direct.station, events[at : at + CHUNK])
        await trio.lowlevel.checkpoint()
        while _undrained(direct) > UNDRAINED_MAX:  # noqa: ASYNC110 - dispatch rings no bell for an onlooker
            await trio.sleep(PAUSE_S)
    await _all_drained(direct)
    return Drained(len(events), time.perf_counter() - started, time.process_time() - cpu)


def _undrained(direct: Direct) -> int:
    return sum(len(one.rows) for one in direct.desk.backlog) + len(direct.station.received)


async def _all_drained(direct: Direct) -> None:
    """Wait until everything that came is applied, and what it changed is durable.

    A commit brings receipts to be drained, and draining brings a commit: each round waits for one that is under way.
    """
    desk, writer = direct.desk, direct.desk.writer
    quiet = 0
    while quiet < QUIET_ROUNDS:
        await writer.write(desk.store.append, (), (), (), desk.clock.now())
        await trio.testing.wait_all_tasks_blocked()
        quiet = 0 if _undrained(direct) or desk.something_to_write else quiet + 1


def _told(direct: Direct, flown: Flown) -> tuple[object, ...]:
    """Return what a restart would find in the journal, which must be what stands in memory."""
    batches, journal = direct.desk.store.history(flown.opened.alert.id)
    ends = []
    for page in flown.pages:
        row = next(one for one in batches if one.batch.id == page.batch.id)
        sheet = Sheet.thaw(row.batch, None, [blob for batch, blob in journal if batch == page.batch.id])
        assert bytes(sheet.states) == bytes(page.sheet.states), "memory and journal disagree"
        ends.append((bytes(sheet.states), sheet.open, row.state))
    return tuple(ends)
