"""What an auditor looks at: alerts, batches, carriers and the store, each in the terms of `core/selfaudit`.

Law: a look is done between two checkpoints and changes nothing; it tells of every check that it made, found or not.
"""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from klaroen.core import audit, selfaudit
from klaroen.core.model import BatchId, Instant
from klaroen.core.selfaudit import Check
from klaroen.core.sheet import Sheet
from klaroen.core.state import OPEN, REACHED, UNKNOWN
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.page import Page
from klaroen.dispatch.station import Station

LATE_MS: Final = 30_000
"""How late something that is due may be: a loop that is stuck for longer is told of by its heartbeat."""
LINKS: Final = 20
"""Entries of the audit trail followed in one look: a national alert's has 15 kB."""
ORPHANS_MS_MAX: Final = 5 * 86_400_000
"""Receipts that match nothing are forgotten after four days, once an hour."""


class Seen(NamedTuple):
    """A check that was made: `found` in words what does not add up; `at_once` where it can not be so for a moment."""

    check: Check
    subject: str
    found: str | None
    at_once: bool = True


def look_at_alert(desk: Desk, opened: OpenAlert) -> Iterator[Seen]:
    """Whether it is counted right, and is what was accepted."""
    subject = f"alert {opened.alert.id}"
    yield Seen("sums", subject, selfaudit.sums(opened.account, len(opened.audience)))
    yield Seen("tallies", subject, selfaudit.tallies(opened.account, (page.sheet for page in opened.pages.values())))
    row = desk.store.alert(opened.alert.id)
    found = "it is not in the store" if row is None else selfaudit.content(opened.alert, row.alert, opened.contents)
    yield Seen("content", subject, found)


def look_at_batches(desk: Desk, opened: OpenAlert) -> Iterator[Seen]:
    """Whether each batch that is not done goes on some time, and is in the hands that it says."""
    now, ready = desk.clock.now(), {page.batch.id for page in desk.agenda.ready()}
    for page in opened.pages.values():
        if page.state != "done" and not is_under_way(desk, page):
            subject = name_of(page)
            yield Seen("due", subject, _stuck(page, ready, now), at_once=False)
            yield Seen("leases", subject, _unheld(desk, page), at_once=False)


def name_of(page: Page) -> str:
    return f"batch {page.batch.id} of alert {page.batch.alert}"


def is_under_way(desk: Desk, page: Page) -> bool:
    """Say whether a commit or a claim of it is being written: then memory knows more than the disk."""
    return page.queued or page.claiming or page in desk.writing


def _stuck(page: Page, ready: Collection[BatchId], now: Instant) -> str | None:
    """Every obligation that is open waits for something: its turn, its hour, an answer, a clip, a judgement."""
    if page.look_at is not None:
        return "its judgement is overdue" if now - page.look_at > LATE_MS else None
    if page.state == "ready" and not page.grounded:
        clips = page.opened.unread.get(page.batch.language, ())
        waits = page.batch.id in ready or page.batch.due_at > now or page in clips
        return None if waits else "it is due and nobody may claim it"
    if page.sheet.unanswered or page.calls_up:
        return None
    if page.state == "leased" and page.sheet.left and not page.grounded:
        return None  # its flight has it: see `_unheld`
    rows = zip(page.sheet.fates, page.sheet.states, strict=True)
    waiting = sum(fate == OPEN and state not in (REACHED, UNKNOWN) for fate, state in rows)
    return f"{waiting} deliveries wait for nothing" if waiting else None


def _unheld(desk: Desk, page: Page) -> str | None:
    """A lease belongs to a carrier that flies it."""
    if page.state != "leased" or page.grounded or not page.sheet.left:
        return None
    station = page.station
    if station is None or desk.fleet(station.drill).get(station.name) is not station:
        return "it is leased to a carrier that is not there"
    return None if station.held.get(page.batch.alert) is page else f"{station.name} does not know that it flies it"


def look_at_carrier(station: Station) -> Iterator[Seen]:
    """Whether what it holds is its own, and of alerts that are open."""
    subject = f"carrier {station.name}"
    strange = sum(
        page.station is not station or page.batch.alert != alert or page.opened.closed
        for alert, page in station.held.items()
    )
    yield Seen("leases", subject, f"it holds {strange} batches of others" if strange else None, at_once=False)
    lost = sum(page.opened.closed for page, _ in station.in_flight.values())
    yield Seen("due", subject, f"it has {lost} answers of closed alerts to come" if lost else None, at_once=False)


def look_at_doubt(desk: Desk) -> Iterator[Seen]:
    """What a crash would leave in doubt is within its bound, and nothing where nothing is under way."""
    most = desk.settings.dispatch.unjournaled_max
    found = None if 0 <= desk.exposed <= most else f"{desk.exposed} submissions would be in doubt; {most} may"
    idle = not (desk.something_to_write or desk.writing or any(one.in_flight for one in desk.all_stations()))
    if found is None and idle and desk.exposed and not any(one.held for one in desk.all_stations()):
        found = f"{desk.exposed} submissions count as in doubt, and nothing is under way"
    yield Seen("exposed", "all carriers", found, at_once=False)


def look_at_journal(desk: Desk, page: Page) -> Iterator[Seen]:
    """Whether one batch is what its journal makes."""
    kept = desk.store.batch(page.batch.id)
    subject = name_of(page)
    if kept is None:
        yield Seen("fold", subject, "it is not in the store")
        return
    row, journal = kept
    found = selfaudit.fold(page.sheet, Sheet.thaw(row.batch, None, journal))
    if found is None and (row.state, row.epoch) != (page.state, page.epoch):
        found = f"it is {page.state} in epoch {page.epoch}, and {row.state} in epoch {row.epoch} on disk"
    yield Seen("fold", subject, found)


def look_at_orphans(desk: Desk) -> Iterator[Seen]:
    """Whether receipts that match nothing are forgotten in their time."""
    oldest = desk.store.oldest_orphan()
    too_old = oldest is not None and desk.clock.now() - oldest > ORPHANS_MS_MAX
    yield Seen("orphans", "all carriers", "some are older than they may be" if too_old else None)


class Trail:
    """The audit trail, followed from its first entry to its last, again and again."""

    def __init__(self) -> None:
        self._number, self._digest = 0, audit.ORIGIN
        self._highest = 0

    def look(self, desk: Desk) -> Iterator[Seen]:
        links = desk.store.trail(self._number, LINKS)
        self._number, self._digest, found = audit.first_fault(links, self._number, self._digest)
        if found is None and not links:
            if self._number < self._highest:
                found = f"it ends at entry {self._number}, and had {self._highest}"
            self._highest = max(self._highest, self._number)
        if found is not None or not links:
            self._number, self._digest = 0, audit.ORIGIN
        yield Seen("trail", "audit trail", found)
