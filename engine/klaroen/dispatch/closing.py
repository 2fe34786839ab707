"""The end of an alert: its account is closed, and late proof still finds it for four days.

Law: an alert is closed when all of it is expanded and none of its batches waits for anything; what is known of it then
is in the store alone.
"""

import hashlib
from array import array
from collections import deque
from collections.abc import Sequence
from typing import Final

import trio

from klaroen.core import audit, journal
from klaroen.core.account import STATES
from klaroen.core.ids import attempt_ids
from klaroen.core.model import AlertState, Instant
from klaroen.core.records import References
from klaroen.core.sheet import WHOLE
from klaroen.core.state import UNKNOWN
from klaroen.dispatch import counting, settle
from klaroen.dispatch.amending import amend, next_late
from klaroen.dispatch.booking import open_ledger
from klaroen.dispatch.closed_ids import Closed, ClosedIds
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.kept import Kept
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.orphans import Orphan
from klaroen.dispatch.page import Page
from klaroen.dispatch.station import Station
from klaroen.store.sweep import CARRIER_IDS_KEPT_MS

HASH_BYTES: Final = 8
LATE_SHARE: Final = 0.2
"""Of the time at most, so that late proof gathers meanwhile [of a country 20 ms each, one by one]."""


def close_if_over(desk: Desk, opened: OpenAlert) -> None:
    """Have the alert closed if nothing of it waits for anything."""
    if opened.fully_expanded and opened.open_pages == 0 and not opened.closing:
        opened.closing = True
        desk.over.append(opened)
        desk.over_bell.ring()


def final_state(opened: OpenAlert) -> AlertState:
    """A cancelled alert stays so; else it expired if nobody was handed it."""
    if opened.final:
        return opened.state
    return "done" if opened.account.handed_over_ever else "expired"


async def close_forever(desk: Desk) -> None:
    """Close the accounts of alerts that are over, and apply late proof to them: one alert after the other."""
    resume_at = 0.0
    while True:
        await desk.over_bell.wait()
        while desk.over or desk.late:
            if desk.over:
                await close(desk, desk.over.popleft())
                continue
            started = trio.current_time()
            if started < resume_at:
                await desk.over_bell.wait(resume_at - started)
                continue
            await amend(desk, next_late(desk))
            ended = trio.current_time()
            resume_at = ended + (ended - started) * (1 / LATE_SHARE - 1)


async def close(desk: Desk, opened: OpenAlert) -> None:
    """Forget the alert page by page, then write its closing account: proof that comes meanwhile amends it afterwards.

    A page is some milliseconds of work, and a country has a hundred: others have their turn between two. What the
    journal does not hold yet is waited for, so that the account never knows more than the journal.
    """
    references: list[References] = []
    ledger = open_ledger(desk, opened.alert, opened.audience)
    for page in opened.pages.values():
        if ledger is not None:
            ledger.add(page.sheet)
        found = references_of(desk, page)
        if found is not None:
            references.append(found)
            remember(desk, found)
        forget(page)
        await trio.lowlevel.checkpoint()
    for station in desk.all_stations():
        station.served[opened.alert.alert_class].pop(opened.alert.id, None)
    while any(page.opened is opened for page in (*desk.queue, *desk.writing)):
        await desk.commits.park()
    state = final_state(opened)
    now, account = desk.clock.now(), opened.account
    books = [] if ledger is None else ledger.close(account.states)
    deed = audit.closed(opened.alert, state, dict(zip(STATES, account.counts, strict=True)), now)
    await desk.insist(desk.store.close, opened.alert.id, state, account.close(), references, now, deed, books)
    opened.state = state
    opened.closed = True
    counting.deliveries(desk, opened)
    desk.changed.add(opened.alert.id)
    desk.push_bell.ring()


def references_of(desk: Desk, page: Page) -> References | None:
    """Return the carrier ids and keys of a batch, as hashes, with where they lead.

    Of an attempt whose answer never came no id is known: its reference and handset stand for it.
    """
    sheet, station = page.sheet, page.station
    if sheet.carrier is None:
        return None
    rows = []
    for index, refs in enumerate(sheet.refs):
        rows += [(hash_ref(ref), index << 8 | part) for part, ref in enumerate(refs.split(journal.REF_JOINT)) if ref]
    if station is not None and station.knows(page):
        ids = attempt_ids(page.batch, station.name, sheet.deliveries)
        rows += [(hash_ref(attempt), index << 8 | WHOLE) for index, attempt in enumerate(ids)]
    for index, state in enumerate(sheet.states):
        if state == UNKNOWN:
            name = adrift_name(
                (page.reference + index) & 0xFFFF,
                settle.hashed_address(desk, page.opened.alert, page.opened.audience, sheet, index),
            )
            rows.append((hash_ref(name), index << 8 | WHOLE))
    rows.sort()
    if not rows:
        return None
    hashes = b"".join(digest for digest, _ in rows)
    places = array("I", [row for _, row in rows]).tobytes()
    return References(page.batch.id, page.opened.alert.id, sheet.carrier, hashes, places)


def forget(page: Page) -> None:
    """Take the attempts of a closed alert out of the carrier's look-up tables."""
    station = page.station
    if station is None:
        return
    for refs in page.sheet.refs:
        for ref in refs.split(journal.REF_JOINT):
            station.refs.pop(ref, None)
    if station.knows(page):
        for attempt in attempt_ids(page.batch, station.name, page.sheet.deliveries):
            station.attempts.pop(attempt, None)
    for index in range(len(page.sheet)):
        reference = (page.reference + index) & 0xFFFF
        if reference in station.unsettled:
            left = [one for one in station.unsettled[reference] if one[0] is not page]
            if left:
                station.unsettled[reference] = left
            else:
                del station.unsettled[reference]


def adrift_name(reference: int, address: bytes) -> str:
    """Return how an attempt without an id is known: by what we gave it and where it went."""
    return f"{reference}\0{address.hex()}"


def hash_ref(ref: str) -> bytes:
    return hashlib.blake2b(ref.encode(), digest_size=HASH_BYTES).digest()


# --- receipts that match nothing open -------------------------------------------------------------------------------


def hold_orphans(desk: Desk, station: Station, kept: Sequence[Kept], row: int, at: Instant) -> None:
    """Durable orphans: some belong to a closed alert, the others wait for an answer that is still to come."""
    held, closed = station.orphans.open_row(row, at, len(kept)), desk.closed.get(station.name)
    for one in kept:
        orphan = Orphan(one, held)
        answered = settle.find(desk, station, one)
        if answered is not None:  # its answer came while it was being written
            settle.apply(desk, *answered, one, desk.clock.now())
            orphan.match(desk)
            continue
        found = None if closed is None else find_closed(closed, one)
        if found is not None:
            desk.late.setdefault(found.alert, deque()).append((found, orphan))
            desk.over_bell.ring()
        elif (crowded := station.orphans.hold(orphan, held)) is not None:
            drop_orphan(desk, station, crowded)
    forget_orphans(desk, station)


def forget_orphans(desk: Desk, station: Station) -> None:
    """Wait no longer for the answers of those that are too old for any, or too many."""
    for orphan in station.orphans.overdue(Instant(desk.clock.now() - CARRIER_IDS_KEPT_MS)):
        drop_orphan(desk, station, orphan)


def drop_orphan(desk: Desk, station: Station, orphan: Orphan) -> None:
    if not orphan.matched:
        counting.orphan_dropped(desk, station)
        orphan.match(desk)


def remember(desk: Desk, references: References) -> None:
    """Keep the carrier ids of a closed batch for late proof."""
    desk.closed.setdefault(references.carrier, ClosedIds()).add(references, desk.clock.now())


def forget_closed(desk: Desk) -> None:
    """Forget what is too old for any carrier to speak of, as the store does."""
    for station in desk.all_stations():
        forget_orphans(desk, station)
    before = Instant(desk.clock.now() - CARRIER_IDS_KEPT_MS)
    for closed in desk.closed.values():
        closed.forget(before)


def find_closed(closed: ClosedIds, one: Kept) -> Closed | None:
    """Return the closed batch and the row that a receipt speaks of."""
    adrift = None
    if one.reference is not None and one.address is not None:
        adrift = adrift_name(one.reference, one.address)
    names = (name for name in (one.ref, one.alias, one.attempt, adrift) if name is not None)
    return next((found for name in names if (found := closed.find(hash_ref(name))) is not None), None)
