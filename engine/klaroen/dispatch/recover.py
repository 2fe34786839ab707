"""After a restart: everything open, as the store has it.

Law: what stands below a durable cursor without an outcome may have left, and is `Unknown`; what stands above it has
not. Both are said in the journal, like everything else that happens, before anything flies.
"""

from collections import defaultdict

import structlog
from msgspec.structs import replace

from klaroen.core.account import Account
from klaroen.core.audience import Audience
from klaroen.core.ids import attempt_ids, free_reference
from klaroen.core.model import WAITING, Alert, AttemptId, BatchId, Token
from klaroen.core.records import AlertRow, BatchRow, Standing
from klaroen.core.sheet import Sheet
from klaroen.core.snapshot import Snapshot
from klaroen.core.state import UNKNOWN
from klaroen.dispatch import ability, barring, closing, levels, quieting
from klaroen.dispatch.answering import planner_of
from klaroen.dispatch.decrees import watch_ends
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.kept import Backlog, read_kept
from klaroen.dispatch.leaving import bar_leavers_since_acceptance
from klaroen.dispatch.leftovers import ground, look_soon
from klaroen.dispatch.lifecycle import open_alert, take_in
from klaroen.dispatch.lines import redial
from klaroen.dispatch.mandates import Mandates
from klaroen.dispatch.open_alert import OpenAlert, make_planner
from klaroen.dispatch.page import Page
from klaroen.dispatch.quiet import QuietMembers
from klaroen.dispatch.station import Station

log = structlog.get_logger()


def load_register(desk: Desk) -> None:
    """Take the register in force, if there is one."""
    desk.mandates = Mandates.load(desk.store)
    desk.quiet = QuietMembers.load(desk.store)
    snapshot = desk.book.snapshot()
    if snapshot is not None:
        desk.take_register(snapshot)


def load_tokens(desk: Desk) -> None:
    tokens: dict[str, Token] = {token.name: token for token in desk.store.tokens()}
    desk.tokens = tokens


def recover(desk: Desk, standing: Standing) -> None:
    """Build every open alert, and settle what a crash has left in doubt."""
    desk.last_batch = standing.last_batch
    if standing.alerts:
        desk.heard_from = desk.clock.now()
    for references in desk.store.references():
        closing.remember(desk, references)
    tails: dict[BatchId, list[bytes]] = defaultdict(list)
    for batch, blob in standing.journal:
        tails[batch].append(blob)
    rows: dict[str, list[BatchRow]] = defaultdict(list)
    for row in standing.batches:
        rows[row.batch.alert].append(row)
    for alert_row in standing.alerts:
        _reopen(desk, alert_row, rows[alert_row.alert.id], tails, alert_row.sequence <= standing.restored)
    for inbox in standing.inbox:
        station = desk.stations.get(inbox.carrier) or desk.drills.get(inbox.carrier)
        if station is None:
            desk.drained.append(inbox.id)  # a carrier that is configured no more: its receipts say nothing to us
            continue
        desk.backlog.append(Backlog(station, inbox.id, read_kept(inbox.rows), inbox.at))
    for row_id, orphan in standing.orphans:
        station = desk.stations.get(orphan.carrier)
        if station is not None:
            closing.hold_orphans(desk, station, read_kept(orphan.rows), row_id, orphan.at)
    for station in desk.all_stations():
        station.next_reference = free_reference(station.unsettled)  # what is in doubt is known by its own
    barring.enforce(desk)
    quieting.enforce_standing(desk, desk.alerts.values())
    watch_ends(desk)
    bar_leavers_since_acceptance(desk)
    desk.drain_bell.ring()
    desk.commit_bell.ring()
    log.info("recovered", alerts=len(standing.alerts), batches=len(standing.batches), inbox=len(standing.inbox))


def _reopen(
    desk: Desk, row: AlertRow, batches: list[BatchRow], tails: dict[BatchId, list[bytes]], restored: bool
) -> None:
    alert = row.alert
    audience = Audience.decode(desk.store.audience(alert.id))
    drill = alert.mode == "drill"
    unable = ability.unable(ability.faults(tuple(desk.fleet(drill).values()), alert.content), alert.content)
    if alert.origin == "reply":
        planner = planner_of(alert)
    else:
        planner = make_planner(alert, _snapshot_of(desk, alert), desk.channels(drill), unable)
    sheets = {one.batch.id: Sheet.thaw(one.batch, one.snapshot, tails.get(one.batch.id, ())) for one in batches}
    account = Account.rebuild(audience, sheets.values())
    steps = getattr(desk.settings.steps, alert.alert_class)
    opened = OpenAlert(alert, audience, account, planner, steps, row.state)
    opened.sequence = row.sequence
    if restored:
        opened.cargo = replace(opened.cargo, restored=True)
    opened.expanded = row.expanded
    if alert.authority in WAITING:
        opened.begun_at = max(row.changed_at, alert.accepted_at)
    opened.expired = desk.clock.now() >= alert.expires_at
    if opened.state == "accepted" and opened.first_handover_seen:
        opened.state = "sending"
    open_alert(desk, opened)
    for one in batches:
        page = Page(opened, sheets[one.batch.id], one.state, one.epoch)
        page.cursor, page.reference = one.cursor, one.reference
        opened.add_page(page)
        if one.state != "ready" and one.carrier is not None:
            page.station = desk.fleet(drill).get(one.carrier)
            if page.sheet.carrier is None:  # the claim is durable, and nothing that followed it
                station = page.station
                page.price(one.carrier, station.cost_eur if station else 0.0, station.rule if station else "all")
        _resume(desk, page)
    levels.watch(desk, opened)
    closing.close_if_over(desk, opened)


def _snapshot_of(desk: Desk, alert: Alert) -> Snapshot:
    """Return the register that still holds the alert's networks and plan versions."""
    current = desk.register.snapshot
    if alert.register_version == current.version:
        return current
    for name, version in zip(alert.networks, alert.plan_versions, strict=True):
        network = current.networks.get(name)
        if network is None or all(plan.version != version for plan in network.plans):
            return desk.book.places(alert.register_version)
    return current


def _resume(desk: Desk, page: Page) -> None:
    """Go on with one batch where the last commit left it."""
    now = desk.clock.now()
    page.closed = page.state == "done"
    if page.station is not None:
        _relearn(page, page.station)
        if page.is_call and not page.closed:
            redial(desk, page.station, page)
    if page.state == "ready":
        if page.opened.cargo.restored and not page.batch.possible_duplicate and page.opened.ending is None:
            ground(desk, page)  # it may have flown since the backup: its successors say so
        else:
            take_in(desk, page)
    elif page.state == "leased":
        _doubt(desk, page)
        ground(desk, page)
    elif page.state == "proving":
        page.grounded = True
        look_soon(desk, page, now)


def _doubt(desk: Desk, page: Page) -> None:
    """What may have left without an outcome is unknown."""
    sheet, ms, station = page.sheet, page.opened.ms(desk.clock.now()), page.station
    doubtful = sheet.doubtful(page.cursor)
    if page.cursor > sheet.sent:
        page.fly(sheet.sent, page.cursor - sheet.sent, ms)
    for index in doubtful:
        page.answer(index, UNKNOWN, ms, "", "in doubt after a restart")
        if station is not None:
            station.unsettled[(page.reference + index) & 0xFFFF].append((page, index))
    if station is not None and station.knows(page):
        known = attempt_ids(page.batch, station.name, [sheet.deliveries[index] for index in doubtful])
        station.attempts.update((attempt, (page, index)) for attempt, index in zip(known, doubtful, strict=True))
    if doubtful:
        log.warning("in doubt after a restart", batch=page.batch.id, count=len(doubtful))
    page.cursor = sheet.sent
    desk.exposed += len(doubtful)  # until the commit that says so
    desk.touch(page)


def _relearn(page: Page, station: Station) -> None:
    """Remember the ids by which receipts will name these attempts."""
    sheet = page.sheet
    for index, refs in enumerate(sheet.refs):
        if refs:
            station.learn((page, index), refs)
        if sheet.states[index] == UNKNOWN:
            station.unsettled[(page.reference + index) & 0xFFFF].append((page, index))
    if station.knows(page):
        for index, attempt in enumerate(attempt_ids(page.batch, station.name, sheet.deliveries)):
            if sheet.states[index] >= UNKNOWN:
                station.attempts[AttemptId(attempt)] = (page, index)
