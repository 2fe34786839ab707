"""The one path to the disk: what happened since the last commit goes into the next.

Law: one commit is under way at a time, and while it is, the next one fills; so the batch of a commit is as large as
the disk is slow. What could not be written stays and is tried again: nothing that happened is forgotten.
"""

from collections.abc import Sequence
from typing import Final

import structlog
import trio
from msgspec import Struct

from klaroen.core.errors import StoreUnavailableError
from klaroen.core.model import Batch, Instant
from klaroen.core.ports import Receipt
from klaroen.core.records import Entry, Orphan
from klaroen.core.sheet import Sheet
from klaroen.dispatch import closing
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.kept import Backlog, Kept, Phased, write_kept
from klaroen.dispatch.lifecycle import take_in
from klaroen.dispatch.lines import book_all
from klaroen.dispatch.page import Page
from klaroen.dispatch.settle import drain, keep
from klaroen.dispatch.station import SLICE_MIN, Station

log = structlog.get_logger()

GATHER_S: Final = 0.008
"""Pause between two commits, in which the next one fills [some 100 a second instead of 1,600 at national load]."""
RETRY_S: Final = 0.2
"""Pause after a commit that failed: the disk may have room again at any moment, and receipts wait at the carriers."""
DRAIN_MAX: Final = 500
"""Receipts drained between two looks at the clock: some 2 ms of work."""
DRAIN_S: Final = 0.005
"""How long draining goes on before other tasks have their turn."""
DRAIN_SHARE: Final = 0.2
"""While a lane has due work, draining gets at most this share of the time (design 2)."""


class Commit(Struct):
    """What goes to the disk at once."""

    pages: list[Page]
    entries: list[Entry]
    successors: list[tuple[Page, tuple[Batch, ...]]]
    settled: int
    inbox: list[tuple[Station, list[Receipt], list[Kept], list[Phased]]]
    drained: list[int]
    orphans: list[tuple[Station, list[Kept]]]
    matched: list[int]


async def commit_forever(desk: Desk) -> None:
    """Write what is queued, again and again."""
    while True:
        await desk.commit_bell.wait()
        while desk.something_to_write:
            await write_once(desk)
            await trio.sleep(GATHER_S)


async def write_once(desk: Desk) -> None:
    """Write everything that is queued now, however long it takes."""
    if desk.booked:
        _offer_room(desk, desk.booked)
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()  # a flight that was rung has had its turn: its cursor goes with this commit
    commit = _gather(desk)
    desk.writing = commit.pages
    while True:
        try:
            inbox, orphans = await desk.writer.write(write_commit, desk, commit, desk.clock.now())
        except StoreUnavailableError as error:
            _refuse(desk, commit, error)
            await trio.sleep(RETRY_S)
            continue
        break
    if not desk.store_works:
        desk.store_works = True
        log.info("store works again")
        desk.push_bell.ring()
    _committed(desk, commit, inbox, orphans)


def _offer_room(desk: Desk, booked: int = 0) -> None:
    """Wake those who can use what answers have freed, or will have with the next commit."""
    for station in desk.all_stations():
        is_worth_it = desk.has_work(station) and station.is_roomy
        if is_worth_it and (desk.room(station) + booked >= SLICE_MIN or not station.in_flight):
            station.bell.ring()


def _gather(desk: Desk) -> Commit:
    now = desk.clock.now()
    desk.gathered += 1
    pages, desk.queue = desk.queue, []
    commit = Commit(pages, [], [], 0, [], desk.drained, desk.orphans, desk.matched)
    desk.drained, desk.orphans, desk.matched = [], [], []
    for page in pages:
        freed = page.retract()
        entry, successors, settled = page.entry(page.opened.ms(now))
        commit.entries.append(entry)
        commit.settled += settled + freed
        if successors:
            commit.successors.append((page, successors))
    if not desk.hears:
        _turn_away(desk)
    for station in desk.all_stations():
        if station.received:
            receipts, station.received = station.received, []
            phased, station.phased = station.phased, []
            commit.inbox.append((station, receipts, keep(desk, station, receipts), phased))
    return commit


def write_commit(desk: Desk, commit: Commit, now: Instant) -> tuple[list[int], list[int]]:
    """In the writer's transaction: receipts first, then everything else; return the rows of inbox and orphans."""
    store = desk.store
    inbox = [store.receive(station.name, write_kept(rows), now) for station, _, rows, _ in commit.inbox]
    orphans = [store.put_orphan(Orphan(station.name, now, write_kept(rows))) for station, rows in commit.orphans]
    fenced = store.append(commit.entries, commit.drained, commit.matched, now)
    assert not fenced, f"batches {sorted(fenced)} were fenced off on our own data"
    return inbox, orphans


def _refuse(desk: Desk, commit: Commit, error: StoreUnavailableError) -> None:
    """The disk does not take it: receipts go back to their carriers, everything else waits here."""
    desk.store_fails(error)
    for station, receipts, _, phased in commit.inbox:
        station.carrier.acknowledge(receipts, stored=False)
        book_all(desk, station, phased)
    commit.inbox.clear()
    _turn_away(desk)


def _turn_away(desk: Desk) -> None:
    """Ask for what has just come again: a carrier repeats what it is not acknowledged."""
    for station in desk.all_stations():
        if station.received:
            refused, station.received = station.received, []
            station.carrier.acknowledge(refused, stored=False)
            phased, station.phased = station.phased, []
            book_all(desk, station, phased)


def _committed(desk: Desk, commit: Commit, inbox: Sequence[int], orphan_rows: Sequence[int]) -> None:
    """All of it is durable: say so, and go on with what follows."""
    now = desk.clock.now()
    desk.writing = ()
    for (station, receipts, rows, phased), row in zip(commit.inbox, inbox, strict=True):
        station.carrier.acknowledge(receipts, stored=True)
        backlog = Backlog(station, row, rows, now)
        backlog.phased += phased
        desk.backlog.append(backlog)
    if commit.inbox:
        desk.drain_bell.ring()
    for (station, kept), row in zip(commit.orphans, orphan_rows, strict=True):
        closing.hold_orphans(desk, station, kept, row, now)
    for page, successors in commit.successors:
        for new in page.opened.plan_batches([Sheet(batch) for batch in successors]):
            take_in(desk, new)
    for page in commit.pages:
        if page.state == "done" and not page.closed:
            page.closed = True
            page.opened.open_pages -= 1
    if commit.settled:
        desk.exposed -= commit.settled
        _offer_room(desk)
    for opened in {id(page.opened): page.opened for page in commit.pages}.values():
        closing.close_if_over(desk, opened)
    desk.committed = desk.gathered
    desk.commits.unpark_all()


async def drain_forever(desk: Desk) -> None:
    """Apply durable receipts, at most a fifth of the time while something waits to leave."""
    while True:
        await desk.drain_bell.wait()
        while desk.backlog:
            started = trio.current_time()
            spent = 0.0
            while desk.backlog and spent < DRAIN_S:
                _drain_some(desk)
                spent = trio.current_time() - started
            pause = spent * (1 / DRAIN_SHARE - 1) if desk.lanes_waiting() else 0.0
            await trio.sleep(pause)


def _drain_some(desk: Desk) -> None:
    one = desk.backlog[0]
    now = desk.clock.now()
    receipts, one.rows = one.rows[:DRAIN_MAX], one.rows[DRAIN_MAX:]
    orphans = drain(desk, one.station, receipts, now)
    if orphans:
        one.orphans += orphans
    if not one.rows:
        desk.backlog.popleft()
        desk.drained.append(one.row)
        book_all(desk, one.station, one.phased)
        if one.orphans:
            desk.orphans.append((one.station, one.orphans))
        desk.commit_bell.ring()
