"""How one carrier is fed: whose turn it is, how much, durable first, then out.

Law: every hand-over is covered by a durable lease and cursor before it leaves; each turn is as small as 100 ms of work,
so that who is more urgent, who pauses and who cancels never waits longer. One carrier, one flight.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import trio

from klaroen.core import health as healths
from klaroen.core import pace as paces
from klaroen.core.errors import CarrierDownError, StoreUnavailableError
from klaroen.core.ids import attempt_ids
from klaroen.core.lanes import allowance, book_turn, choose_alert, choose_lane, newcomer, serve, turn_max
from klaroen.core.model import AlertClass, AlertId, BatchId, CarrierName, Instant
from klaroen.core.ports import Answer, Envelope, Unsent
from klaroen.core.records import Entry, Store
from klaroen.core.state import BARRED, ENDED, NETWORKS_BARRED, NO_ADDRESS, REACHED_BEFORE
from klaroen.dispatch import counting, lines
from klaroen.dispatch.choice import fits, has_better, has_calmer, is_ours, may_try
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.directory import column
from klaroen.dispatch.leftovers import ground
from klaroen.dispatch.lifecycle import expire
from klaroen.dispatch.page import Page
from klaroen.dispatch.quieting import farewell_of, is_cold, unwanted
from klaroen.dispatch.scripts import clip_of, script_of
from klaroen.dispatch.settle import settle_answers
from klaroen.dispatch.station import ANSWER_MS, SLICE_MIN, Station

SLICE_MAX: Final = 250
"""Envelopes of one turn: beyond it nothing is gained, and a pause would wait for it [1 ms of work]."""
IDLE_S: Final = 0.25
"""How long a flight sleeps at most: every change rings its bell, and this only backs that up."""


Leg = tuple[Page, int]
"""What of a page leaves in one turn: its next so many."""


async def fly(desk: Desk, station: Station) -> None:
    """Feed one carrier for ever."""
    while True:
        now = desk.clock.now()
        station.pace = paces.refill(station.pace, now)
        legs = next_turn(desk, station, now)
        if not legs:
            await station.bell.wait(_pause_s(station, now) if desk.alerts else None)
            continue
        on_trial = healths.trial_is_due(station.health, now)
        if on_trial:
            station.health = healths.begin_trial(station.health, now)
        try:
            await _cover(desk, station, legs)
            for page, count in legs:
                await _hand_over(desk, station, page, count)
                if on_trial and has_better(desk, page.batch, station):
                    ground(desk, page)
        except StoreUnavailableError:
            await trio.sleep(0.2)  # the commit task says so and retries; nothing may leave meanwhile


def next_turn(desk: Desk, station: Station, now: Instant) -> list[Leg]:
    """Return what flies next, in the order in which it leaves; nothing where nothing may.

    Each alert is in it once: streets go together, and a floor or a country's first telephones cost no turn of their
    own, for each turn waits for the disk [one to a turn, fifty alerts a second to a street each were more than a busy
    machine could write; ended by what leaves a rest, streets waited two seconds behind a floor of one message a turn].
    """
    if not station.usable or not station.is_roomy or desk.draining or not desk.store_works:
        return []
    waiting = {lane: alerts for lane in station.lanes if (alerts := dict(_waiting(desk, station, lane)))}
    falters, is_trial = station.falters(now), healths.trial_is_due(station.health, now)
    tries = is_trial or station.pace.breaker == "half_open"
    kept: set[AlertClass] = set()  # lanes of which something stays for the next turn
    legs: list[Leg] = []
    pace, left, uncovered = station.pace, SLICE_MAX, 0
    while waiting:
        beginning = [lane for lane, alerts in waiting.items() if newcomer(station.served[lane], alerts)]
        lane = choose_lane(station.turns, waiting, kept, beginning)
        if lane is None:
            break
        due = kept | waiting.keys()
        alert = choose_alert(station.served[lane], waiting[lane])
        page = waiting[lane][alert]
        parts = page.batch.parts
        granted = paces.grant(pace, parts, now)
        served, members = station.served[lane], len(page.opened.audience)
        segments = turn_max(served, alert, members, allowance(station.turns, lane, due, granted * parts))
        covered = page.cursor - page.sheet.sent
        room = desk.room(station) - uncovered + covered
        if page.state != "ready":
            room += desk.booked  # its cursor goes on in the very commit that makes these durable
        count = min(granted, max(1, segments // parts), page.sheet.left, left, room)
        if tries or falters:
            count = min(count, _trial_max(desk, station, page, falters, now))
        if count <= 0 or (room < min(SLICE_MIN, page.sheet.left) and station.in_flight and not tries):
            break
        if page.state != "ready" or is_trial or is_ours(desk, station, page):
            if count < page.sheet.left or _has_more(desk, station, page):
                kept.add(lane)
            station.turns = serve(station.turns, lane, count * parts, due)
            served[alert] = book_turn(served, alert, members, count * parts, waiting[lane])
            legs.append((page, count))
            if tries or falters:
                break
            pace = paces.spend(pace, count, parts, count if page.is_call else 0, now)
            left -= count
            uncovered += max(0, count - covered)
        del waiting[lane][alert]
        if not waiting[lane]:
            del waiting[lane]
    return legs


def _trial_max(desk: Desk, station: Station, page: Page, falters: bool, now: Instant) -> int:
    """Return how many of a batch may go to a carrier that is on trial, or that falters, while others do better."""
    if healths.trial_is_due(station.health, now) and has_better(desk, page.batch, station):
        return healths.TRIAL
    if falters and has_calmer(desk, page.batch, station, now):
        return 0 if station.in_flight else healths.TRIAL
    return SLICE_MAX


def _has_more(desk: Desk, station: Station, page: Page) -> bool:
    """Whether the alert has another batch for this carrier: of each alert it flies one at a time."""
    batch = page.batch
    queues = (desk.agenda.queue(station.drill, channel, batch.alert_class) for channel in station.channels)
    return any(other is not page for queue in queues for other in queue.get(batch.alert, ()))


def _waiting(desk: Desk, station: Station, lane: AlertClass) -> Iterator[tuple[AlertId, Page]]:
    """Yield the alerts of a lane that have something for this carrier, in order of arrival, and what."""
    for alert, page in station.held.items():
        if page.batch.alert_class == lane and page.opened.may_fly and page.sheet.left and not page.grounded:
            yield alert, page
    on_trial = healths.trial_is_due(station.health, desk.clock.now())
    for channel in station.channels:
        for alert, pages in desk.agenda.queue(station.drill, channel, lane).items():
            if alert in station.held:
                continue
            for page in pages:
                if page.opened.may_fly and (fits(desk, page, station) or (on_trial and may_try(page, station))):
                    yield alert, page
                    break


def _pause_s(station: Station, now: Instant) -> float:
    """Return how long to wait for a bell: as long as the pace says, where time alone will let something leave."""
    if paces.grant(station.pace, station.worth_a_turn, now):
        return IDLE_S
    wait = paces.wait_ms(station.pace, station.worth_a_turn, now)
    return IDLE_S if wait is None else min(wait / 1000, IDLE_S)


async def _cover(desk: Desk, station: Station, legs: Sequence[Leg]) -> None:
    """Make the leases and cursors durable that cover these. Raises StoreUnavailableError."""
    commit = desk.gathered + 1
    claimed = [leg for leg in legs if leg[0].state == "ready"]
    going_on = [(page, page.sheet.sent + count) for page, count in legs if page.state != "ready"]
    uncovered = [(page, cursor) for page, cursor in going_on if cursor > page.cursor]
    for page, cursor in uncovered:
        desk.exposed += cursor - page.cursor
        page.cursor = cursor
        desk.touch(page)
    if claimed:
        await _claim(desk, station, claimed)
    if uncovered:
        await desk.durable(commit)


async def _claim(desk: Desk, station: Station, legs: Sequence[Leg]) -> None:
    now = desk.clock.now()
    claims = []
    for page, count in legs:
        batch = page.batch
        reference, epoch = station.take_references(batch.count), page.epoch
        desk.agenda.remove(page)
        page.take(station, reference, clip_of(page) or "")
        page.cursor = page.sheet.sent + count
        desk.exposed += page.cursor
        station.held[batch.alert] = page
        page.claiming = True
        well = max(healths.GOOD_MIN, station.health.good)
        station.taken += batch.count * batch.parts / (station.settings.weight * well)
        priced = page.priced() if page.is_call else None
        claims.append((priced, batch.id, epoch, desk.owner, station.name, page.cursor, reference, now))
    try:
        granted = await desk.writer.write(write_claims, desk.store, claims, urgent=True)
    except StoreUnavailableError:
        for page, _ in legs:
            desk.exposed -= page.cursor
            page.ungrasp()
            station.held.pop(page.batch.alert, None)
            if not page.grounded:  # else it is looked at as a batch that nobody claimed
                desk.agenda.add(page)
        raise
    finally:
        for page, _ in legs:
            page.claiming = False
    for (page, _), is_ours_now in zip(legs, granted, strict=True):
        assert is_ours_now, f"batch {page.batch.id} was claimed by somebody else on our own data"
        if page.batch.possible_duplicate:
            counting.possible_duplicates(desk, station, page.batch.count)
        desk.touch(page)


Claim = tuple[bytes | None, BatchId, int, str, CarrierName, int, int, Instant]
"""What its calls play, where it is calls; then what `Store.claim` takes."""


def write_claims(store: Store, claims: Sequence[Claim]) -> list[bool]:
    """In the writer's transaction: of calls also what they play, which the report owes whoever is rung next."""
    granted = []
    for priced, batch, epoch, owner, carrier, cursor, reference, now in claims:
        granted.append(store.claim(batch, epoch, owner, carrier, cursor, reference, now))
        if priced is not None and granted[-1]:
            store.append([Entry(batch, epoch + 1, cursor, "leased", priced)], (), (), now)
    return granted


async def _hand_over(desk: Desk, station: Station, page: Page, count: int) -> None:
    """Let the next `count` leave, if the alert still may."""
    opened, sheet, batch = page.opened, page.sheet, page.batch
    first = sheet.sent
    now = desk.clock.now()
    if now >= opened.alert.expires_at and not opened.expired:
        expire(desk, opened)  # the timer that says so is late, or comes in this very instant
    if not opened.may_fly or page.grounded or desk.draining or first + count > page.cursor:
        desk.touch(page)  # what it covers beyond what left is given back
        return
    ms = opened.ms(now)
    page.fly(first, count, ms)
    up = len(station.calls)
    envelopes = list(_envelopes(desk, station, page, first, count, ms, now))
    filled = paces.refill(station.pace, now)  # what came in while the cursor was written is of before they left
    station.pace = paces.spend(filled, len(envelopes), batch.parts, len(station.calls) - up, now)
    desk.touch(page)
    if not opened.first_handover_seen and envelopes:
        opened.first_handover_seen = True
        desk.metrics.first_handover[batch.alert_class].observe((now - opened.alert.accepted_at) / 1000)
    if opened.state == "accepted":
        opened.state = "sending"
    if sheet.left == 0:
        station.held.pop(batch.alert, None)
    elif sheet.exhausted:
        ground(desk, page)  # all the others were barred before: it may be done before it would have its next turn
    if refused := unwanted(desk, station, page, envelopes):
        out = {one.attempt for one in refused}
        envelopes = [one for one in envelopes if one.attempt not in out]
        settle_answers(desk, station, refused)
    try:
        await station.carrier.hand_over(envelopes)
    except CarrierDownError:
        unsent = Unsent("carrier down")
        settle_answers(desk, station, [Answer(envelope.attempt, unsent) for envelope in envelopes])


def _envelopes(
    desk: Desk, station: Station, page: Page, first: int, count: int, ms: int, now: Instant
) -> Iterator[Envelope]:
    """Yield an envelope for each who still has to be warned; the others' obligation ends here."""
    opened, batch = page.opened, page.batch
    deliveries = page.sheet.deliveries[first : first + count]
    reached, members = opened.account.reached, opened.audience.members
    numbers = column(desk, opened.alert, batch.step.address)
    content = opened.content(batch.step.channel, batch.language)
    deadline = Instant(now + ANSWER_MS)
    in_flight, reference, is_call = station.in_flight, page.reference, page.is_call
    barred, farewells = opened.barred, batch.step.channel == "email" and is_cold(opened.alert)
    for index, (attempt, delivery) in enumerate(
        zip(attempt_ids(batch, station.name, deliveries), deliveries, strict=True), first
    ):
        address = numbers[members[delivery]]
        if barred is not None and barred[delivery]:
            page.withdraw(index, ms, NETWORKS_BARRED, BARRED)
            continue
        if reached[delivery] or address is None:
            page.withdraw(index, ms, REACHED_BEFORE if reached[delivery] else NO_ADDRESS, ENDED)
            continue
        in_flight[attempt] = (page, index)
        script = None
        if is_call:
            lines.dial(desk, station, attempt, page, index)
            script = script_of(desk, page, delivery)
        bye = farewell_of(desk, members[delivery]) if farewells else ""
        yield Envelope(attempt, address, content, deadline, (reference + index) & 0xFFFF, script, bye)
