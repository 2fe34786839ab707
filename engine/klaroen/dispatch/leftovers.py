"""What a batch leaves over goes into successor batches, in the commit that says so.

Law: `core/verdict` judges, the plan is asked anew at the hour when a step falls due, and nobody is in two batches of
one rung. A page is looked at when something in it may have changed, never by polling.
"""

from array import array
from collections.abc import Collection, Sequence
from functools import partial
from typing import Final

from klaroen.core.call_rows import is_lost, quiet_from, restless_calls
from klaroen.core.expand import Route
from klaroen.core.model import BatchId, CarrierName, Instant, Step
from klaroen.core.phases import Waits
from klaroen.core.sheet import Sheet
from klaroen.core.state import BARRED, ENDED, HANDED_OVER, MOVED, NETWORK, NONE, OPEN, REFUSED, UNKNOWN, UNSENT
from klaroen.core.verdict import Again, Attempt, NextStep, Verdict, Wait, judge
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.page import Page, Unsentness
from klaroen.dispatch.station import Station

GRAIN_MS: Final = 250
"""Proof deadlines of one batch are met in steps of this size: its deliveries leave within seconds of each other."""

LOOK_MS: Final = 100
"""Leftovers are gathered this long before they are regrouped: many go into one successor batch."""

_DEFAULT = Unsentness(None, False)


def ground_station(desk: Desk, station: Station) -> None:
    """Nothing more goes to this carrier: what it has not taken yet goes elsewhere at once."""
    for page in list(station.held.values()):
        ground(desk, page)


def ground(desk: Desk, page: Page) -> None:
    """Nothing more of this page leaves: look at what it leaves over."""
    page.grounded = True
    if page.station is not None:
        page.station.held.pop(page.batch.alert, None)
    look_soon(desk, page, desk.clock.now())


def look_soon(desk: Desk, page: Page, at: Instant) -> None:
    """Have the page's leftovers judged at that instant, unless they will be sooner."""
    if page.look_at is not None and page.look_at <= at:
        return
    page.look_at = at
    desk.call_while_open(page.batch.alert, at, partial(_look_at, desk, page.batch.id, at))


def _look_at(desk: Desk, batch: BatchId, at: Instant, opened: OpenAlert) -> None:
    look(desk, opened.pages[batch], at)


def look(desk: Desk, page: Page, at: Instant) -> None:
    """Judge what the page leaves over, and plan its successors."""
    if page.look_at != at:
        return  # an earlier look came between
    page.look_at = None
    if page.state == "done":
        return
    now = desk.clock.now()
    if page.claiming:  # what is said of it must stand under its lease, or under none
        look_soon(desk, page, Instant(now + LOOK_MS))
        return
    if page.opened.barred is not None:
        _bar(desk, page, page.opened.barred)
    routes: dict[Route, array[int]] = {}
    due, wait_until = _restless(page, now)
    others = _others(desk, page)
    for index in due:
        verdict = _judge(desk, page, index, others, now)
        if isinstance(verdict, Wait):
            if verdict.until is not None and (wait_until is None or verdict.until < wait_until):
                wait_until = verdict.until
        else:
            _follow(page, index, verdict, routes, now)
    page.unsent = {index: why for index, why in page.unsent.items() if page.sheet.fates[index] == 0}
    if routes:
        page.succeed(page.opened.cargo.batches(routes, desk.number_batch))
    desk.touch(page)
    if wait_until is not None:
        look_soon(desk, page, Instant(max(wait_until, now + GRAIN_MS)))


def _bar(desk: Desk, page: Page, barred: Sequence[int]) -> None:
    """End what has not left and may leave no more; where nothing else is left, the page needs no carrier."""
    sheet = page.sheet
    for index in range(sheet.sent, len(sheet)):
        if barred[sheet.deliveries[index]] and sheet.fates[index] == OPEN:
            page.leave(index, BARRED)
    if not page.grounded and sheet.left and sheet.exhausted:
        desk.agenda.remove(page)
        ground(desk, page)


def _restless(page: Page, now: Instant) -> tuple[list[int], Instant | None]:
    """Return whom a verdict is due for, and when one will be for the first of the others (None without any)."""
    opened = page.opened
    if page.is_call:
        due, earliest = restless_calls(page.sheet, opened.ms(now), _call_waits(page), grounded=page.grounded)
        return due, None if earliest is None else opened.at(earliest)
    wait_ms = int(page.batch.wait_s * 1000)
    due, earliest = page.sheet.restless(opened.ms(now) - wait_ms, grounded=page.grounded)
    return due, None if earliest is None else opened.at(earliest + wait_ms)


def _call_waits(page: Page) -> Waits:
    return page.opened.call_waits(page.batch, keyed=page.station is not None and page.station.keyed)


def _others(desk: Desk, page: Page) -> list[CarrierName]:
    """Return the carriers that may fly such a batch now, the page's own excepted."""
    fleet = desk.fleet(page.batch.mode == "drill").values()
    return [other.name for other in fleet if other is not page.station and other.usable and other.carries(page.batch)]


def _judge(desk: Desk, page: Page, index: int, others: Collection[CarrierName], now: Instant) -> Verdict:
    """Return the verdict on one unproved attempt; a Wait for ever where only an event will change it."""
    opened, sheet, batch = page.opened, page.sheet, page.batch
    state = sheet.states[index]
    if opened.ending_of(sheet.deliveries[index]) is not None and state not in (HANDED_OVER, NETWORK):
        return NextStep()
    station = page.station
    if sheet.calls.unspoken:
        return NextStep()
    if state == NONE:  # it was never offered to a carrier: nothing speaks against anyone
        stranded = station is None and batch.only is not None
        only = None if stranded else batch.only
        duplicate = stranded or batch.possible_duplicate
        return Again(now, batch.attempt_no, batch.deferrals, batch.passed, only, duplicate)
    why = page.unsent.get(index, _DEFAULT)
    attempt = Attempt(
        state=_known_state(page, index),
        answered_at=opened.at(sheet.answered_ms[index]),
        address_fault=state == REFUSED and not sheet.codes.get(index, "").startswith("carrier"),
        retry_after_s=why.retry_after_s,
        throttled=why.throttled,
        quiet_at=opened.at(quiet_from(sheet, index, _call_waits(page))) if page.is_call else None,
        heard_from=desk.heard_from,
    )
    carrier = sheet.carrier
    assert carrier is not None, "an attempt that no carrier was offered"
    # It may be away, and always is just after a start: who only it may fly is freed once it has been so for the grace.
    keyed = station is not None and station.keyed  # None: it is configured no more
    return judge(attempt, batch, carrier, keyed, others, opened.patience, now, desk.chance.random())


def _follow(page: Page, index: int, verdict: Again | NextStep, routes: "dict[Route, array[int]]", now: Instant) -> None:
    """Move one obligation to its successor route, or end it."""
    opened, batch = page.opened, page.batch
    delivery = page.sheet.deliveries[index]
    ending = opened.ending_of(delivery)
    if ending is not None:
        page.leave(index, _final_fate(page.sheet, index, ending))
        return
    if isinstance(verdict, Again):
        route = Route(
            batch.step, batch.language, verdict.due_at, batch.rung, verdict.attempt_no, verdict.deferrals,
            batch.tried, verdict.passed, verdict.only, verdict.possible_duplicate,
        )  # fmt: skip
    else:
        tried: tuple[Step, ...] = (*batch.tried, batch.step)
        group = opened.audience.group(delivery)
        step = opened.planner.step(group, tried, now)
        if step is None:
            page.leave(index, ENDED)
            return
        repeats = _may_repeat(page, index, step)
        route = Route(step, group.language, now, batch.rung + 1, tried=tried, possible_duplicate=repeats)
    page.leave(index, MOVED)
    routes.setdefault(route, array("I")).append(delivery)


def _known_state(page: Page, index: int) -> int:
    """Return the state of an attempt; nothing is known of one that failed because our side of its call went away."""
    return UNKNOWN if page.is_call and is_lost(page.sheet, index) else page.sheet.states[index]


def _may_repeat(page: Page, index: int, step: Step) -> bool:
    """Say whether a member may have had the alert by the channel of the next step already, at another of the numbers.

    How a step before this one ended, of another channel's between them, is not looked up: it may have.
    """
    batch = page.batch
    if step.channel != batch.step.channel:
        return any(one.channel == step.channel for one in batch.tried)
    return batch.possible_duplicate or _known_state(page, index) in (UNKNOWN, HANDED_OVER, NETWORK)


def _final_fate(sheet: Sheet, index: int, ending: int) -> int:
    """What had failed stays so; what never left, or may not have, expires or is cancelled."""
    return ending if sheet.states[index] in (NONE, UNSENT, UNKNOWN) else ENDED


def free_stranded(desk: Desk, station: Station) -> None:
    """Batches that only this carrier may fly go elsewhere, marked, once it has been away for the class's grace."""
    for page in list(desk.agenda.ready()):
        if page.batch.only == station.name:
            desk.agenda.remove(page)
            ground(desk, page)
