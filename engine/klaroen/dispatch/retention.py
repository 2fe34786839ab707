"""What has had its time is forgotten (R22): texts of alerts that are over, addresses that nobody has any more, entries.

Law: ids, hashes and counts stay, each for its years, so that the audit trail holds and the books balance. Each slice is
one small commit, and each is overwritten on the disk; a restart goes on where this one ended.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final

import structlog
import trio
from msgspec.structs import replace

from klaroen.core import audit
from klaroen.core.audit import Deed, Link
from klaroen.core.model import Alert, Instant, Network
from klaroen.core.register_rows import RegisterRow, RegisterVersion
from klaroen.core.snapshot import Snapshot
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.persons import Erasure, scrub, write_erasure
from klaroen.dispatch.versions import take
from klaroen.register import sealing
from klaroen.register.book import Book
from klaroen.register.keys import KeyFault
from klaroen.register.snapshot import edited, snapshot_bytes

log = structlog.get_logger()

DAY_MS: Final = 86_400_000
YEAR_MS: Final = 365.25 * DAY_MS
BOOKS_MAX: Final = 2_000
"""Counts of alerts that go in one commit: a national one has 1,240."""
TEXTS_MAX: Final = 200
"""Alerts whose texts go in one commit: a few kilobytes each."""
ROWS_MAX: Final = 500
"""Rows of the register that are emptied in one commit."""
ENTRIES_MAX: Final = 2_000
"""Of the audit trail that are forgotten in one commit."""
HEAD_AND_ELDEST: Final = 2
"""Links of the trail: what stays of those that went, and the eldest entry."""
RETENTION: Final = "retention"
"""Who does it, in the trail and among the register's versions."""


async def forget(desk: Desk) -> None:
    """Forget everything that is too old now."""
    now, keep = desk.clock.now(), desk.settings.retention
    forgotten = 0
    while texts := await forget_texts(desk, Instant(now - keep.texts_days * DAY_MS)):
        forgotten += texts
    try:
        while addresses := await forget_addresses(desk, Instant(now - keep.addresses_days * DAY_MS)):
            forgotten += addresses
    except KeyFault as fault:  # somebody must look at it; warning people goes on
        log.warning("a row of the register cannot be opened, and is not forgotten", words=str(fault))
    counted_from = Instant(int(now - keep.counts_years * YEAR_MS))
    while await desk.insist(desk.store.books.forget, counted_from, BOOKS_MAX, now) == BOOKS_MAX:
        await trio.lowlevel.checkpoint()
    await shorten_trail(desk, Instant(int(now - keep.audit_years * YEAR_MS)))
    if forgotten:
        await scrub(desk.book.rows, desk.insist)


# --- the audit trail --------------------------------------------------------------------------------------------------


async def shorten_trail(desk: Desk, before: Instant) -> None:
    """Forget entries that are older, a day of them or more at a time: each time is an entry of its own."""
    while any(deed.at < before - DAY_MS for _, deed in _deeds(desk.store.trail(0, HEAD_AND_ELDEST))):
        links = await trio.to_thread.run_sync(desk.store.trail, 0, ENTRIES_MAX)
        *_, last = takewhile(lambda one: one[1].at < before, _deeds(links))
        deed = audit.shortened(audit.head_of(last[0].number, last[0].digest), before, desk.clock.now())
        await desk.insist(desk.store.shorten, last[0].number, deed)


def _deeds(links: Iterable[Link]) -> Iterator[tuple[Link, Deed]]:
    """Yield the links that hold an entry, with what it tells, up to one that can never have been: it stays as proof."""
    for link in filter(lambda one: one.entry, links):
        deed = audit.decode(link.entry)
        if deed is None:
            return
        yield link, deed


# --- texts ------------------------------------------------------------------------------------------------------------


async def forget_texts(desk: Desk, before: Instant) -> int:
    """Forget the texts of the oldest alerts that still have some, in order; return of how many."""
    if not any(row.alert.accepted_at < before for row in desk.store.texts.oldest(1)):
        return 0
    rows = await trio.to_thread.run_sync(desk.store.texts.oldest, TEXTS_MAX)
    old = list(takewhile(lambda row: row.alert.accepted_at < before and row.final is not None, rows))
    if old:
        await desk.insist(desk.store.texts.forget, [(row.sequence, without_texts(row.alert)) for row in old])
    return len(old)


def without_texts(alert: Alert) -> Alert:
    """Return the alert with the hashes of its texts in their place, and without what its author may have written."""
    return replace(alert, content={}, texts_sha256=audit.text_hashes(alert))


# --- addresses --------------------------------------------------------------------------------------------------------


async def forget_addresses(desk: Desk, before: Instant) -> int:
    """Empty what was superseded, and persons who left every network, before that; return how many rows."""
    old = max((one.number for one in desk.book.rows.versions() if one.at < before), default=0)
    if old == 0:
        return 0
    async with desk.enrolling:
        now = desk.clock.now()
        erasure = await trio.to_thread.run_sync(prepare, desk.book, desk.imported, old, now)
        if erasure is None or erasure.snapshot is None:
            return 0
        await desk.insist(write_erasure, desk.book.rows, erasure)
        take(desk, erasure.snapshot, [posting.row for posting in erasure.gone])
    return len(erasure.emptied)


def prepare(book: Book, current: Snapshot, old: int, now: Instant) -> Erasure | None:
    """Return what is to be emptied, None where nothing is. Call it from a thread. Raises KeyFault.

    `old` is the latest version that has had its time: what another was in the place of then has had it too.
    """
    superseded = list(book.rows.superseded("member", old, ROWS_MAX))
    left = [row for row in book.rows.rows(current.version, ("member",)) if row.since <= old and _has_left(row)]
    left = left[: ROWS_MAX - len(superseded)]
    networks = list(_without_contacts(book, book.rows.superseded("network", old, -1)))[:ROWS_MAX]
    if not (superseded or left or networks):
        return None
    made = RegisterVersion(current.version + 1, now, RETENTION, RETENTION)
    numbers = {sealing.number_of(row): None for row in left}
    snapshot = edited(current, made.number, numbers)
    return Erasure(
        made=made,
        emptied=[*map(sealing.erased, (*superseded, *left)), *networks],
        digests=sorted(_digests(book, superseded, left)),
        gone=[sealing.seal_gone("member", row.name, made.number, row.number) for row in left],
        start=sealing.seal_start(book.keys, made.number, snapshot_bytes(snapshot)),
        snapshot=snapshot,
        networks=len({row.name for row in networks}),
        deed=audit.forgotten(len(left), made.number, now),
    )


def _has_left(row: RegisterRow) -> bool:
    memberships = sealing.memberships_of(row)
    return row.sealed is not None and all(status == "removed" for _, status, _ in memberships)


def _digests(book: Book, superseded: Sequence[RegisterRow], left: Sequence[RegisterRow]) -> set[tuple[bytes, str]]:
    """Return what nobody is found by any more: an address that its owner still has stays."""
    kept = {row.name: row for row in book.rows.members(book.version(), [row.name for row in superseded])}
    gone = {row.name for row in left}
    found: set[tuple[bytes, str]] = set()
    for row in (*superseded, *left):
        latest = None if row.name in gone else kept.get(row.name)
        now = set() if latest is None or latest.sealed is None else _addresses(book, latest)
        for address in _addresses(book, row) - now:
            found |= {(digest, row.name) for digest in book.keys.digests(address)}
    return found


def _addresses(book: Book, row: RegisterRow) -> set[str]:
    return set(sealing.addresses_of(sealing.open_member(book.keys, row)))


def _without_contacts(book: Book, rows: Sequence[RegisterRow]) -> Iterator[RegisterRow]:
    """Yield earlier versions of networks that still hold numbers and addresses, without them."""
    for row in rows:
        network = sealing.open_network(book.keys, row)
        bare = _bare(network)
        if bare != network:
            yield sealing.seal_network(book.keys, bare, row.since).row


def _bare(network: Network) -> Network:
    return replace(
        network,
        coordinators=tuple(replace(one, phone=None, email=None) for one in network.coordinators),
        officers=tuple(replace(one, phone=None, email=None) for one in network.officers),
    )
