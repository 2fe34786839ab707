"""The lines of a carrier: which call holds one, when it is free, and what became of each call.

Law: a line is free from the carrier's word that the call has ended, or from the moment when nobody will ever say so,
and once. What a call was is journaled after what it proved: its phases wait for the receipts said before them.
"""

from collections.abc import Sequence
from typing import Final

from klaroen.core import pace as paces
from klaroen.core.call_rows import cost_eur
from klaroen.core.ids import attempt_ids
from klaroen.core.model import AttemptId, Instant
from klaroen.core.phases import ANSWERED, ENDED, LOST, minutes, outcome_of
from klaroen.core.ports import Call
from klaroen.core.state import HANDED_OVER, NETWORK, REACHED
from klaroen.dispatch import counting
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.kept import Phased
from klaroen.dispatch.leftovers import look_soon
from klaroen.dispatch.page import Page
from klaroen.dispatch.scripts import want_clip
from klaroen.dispatch.station import Station

OVERTIME_MS: Final = 30_000
"""How long past its longest course a call may stand before its driver is held to have forgotten it."""


def dial(desk: Desk, station: Station, attempt: AttemptId, page: Page, index: int) -> None:
    """A call leaves: it holds a line; one that is repeated under its own key goes on holding it."""
    before = station.calls.get(attempt)
    if before is not None:
        before[0].calls_up -= 1
        desk.touch(before[0])
    station.calls[attempt] = (page, index)
    page.calls_up += 1


def redial(desk: Desk, station: Station, page: Page) -> None:
    """After a restart: calls that stood are held to stand until they are said to have ended, or must have.

    Where they ended with the process that made them, they are lost at once.
    """
    sheet = page.sheet
    standing = [
        index
        for index, state in enumerate(sheet.states)
        if state in (HANDED_OVER, NETWORK, REACHED) and index not in sheet.calls.ends
    ]
    if not station.settings.calls_outlive_us:
        ms = page.opened.ms(desk.clock.now())
        book_all(desk, station, [Phased(page, index, LOST, ms, 0, held=False) for index in standing])
        return
    attempts = attempt_ids(page.batch, station.name, [sheet.deliveries[index] for index in standing])
    for attempt, index in zip(attempts, standing, strict=True):
        dial(desk, station, attempt, page, index)
    if standing:
        station.pace = paces.spend(station.pace, 0, 1, len(standing), desk.clock.now())
        want_clip(desk, page.opened, page.batch.language)


def drop(station: Station, attempt: AttemptId) -> None:
    """It never was a call, or nobody knows: its line is free."""
    flown = station.hang_up(attempt)
    if flown is not None:
        flown[0].calls_up -= 1


def lose(desk: Desk, station: Station, attempt: AttemptId) -> None:
    """Nobody will say any more how this call ended."""
    flown = station.hang_up(attempt)
    if flown is not None:
        page, index = flown
        book(desk, station, Phased(page, index, LOST, page.opened.ms(desk.clock.now()), 0, held=True))


def take_call(desk: Desk, station: Station, call: Call) -> None:
    """A call was answered, or has ended."""
    held = station.hang_up(call.attempt) if call.phase == "ended" else station.calls.get(call.attempt)
    flown = held or station.attempts.get(call.attempt)
    if flown is None:
        return  # of an alert that is over, or of before our last start
    page, index = flown
    phase, lasted_ms = (ANSWERED if call.phase == "answered" else ENDED), round(call.seconds * 1000)
    told = Phased(
        page, index, phase, page.opened.ms(desk.clock.now()), lasted_ms, held=held is not None and phase == ENDED
    )
    if station.received:
        station.phased.append(told)
        return
    waiting = next((one for one in reversed(desk.backlog) if one.station is station), None)
    if waiting is not None:
        waiting.phased.append(told)
    else:
        book(desk, station, told)


def book_all(desk: Desk, station: Station, phased: Sequence[Phased]) -> None:
    for one in phased:
        book(desk, station, one)


def book(desk: Desk, station: Station, told: Phased) -> None:
    """Write down a phase, and what it cost; a call that is over without proof is judged soon."""
    page, index = told.page, told.index
    if told.held:
        page.calls_up -= 1
    if page.call(index, told.phase, told.ms, told.lasted_ms):
        sheet = page.sheet
        if told.phase == ANSWERED:
            counting.call_answered(desk, station, told.lasted_ms / 1000)
        else:
            outcome = outcome_of(sheet.states[index], sheet.codes.get(index, ""), lost=told.phase == LOST)
            counting.call_ended(desk, station, outcome, minutes(sheet.calls.ends[index]))
            channel = page.batch.step.channel
            station.euros[channel] = station.euros.get(channel, 0.0) + cost_eur(sheet, index)
            grace_ms = int(1000 * page.opened.patience.grace_s)
            look_soon(desk, page, Instant(desk.clock.now() + grace_ms))
    desk.touch(page)


def expire(desk: Desk, station: Station) -> None:
    """A driver ends every call that it took; one that forgets is a fault, and must not keep the line for ever."""
    now = desk.clock.now()
    while station.calls:
        attempt, (page, index) = next(iter(station.calls.items()))
        waits = page.opened.call_waits(page.batch)
        stood_ms = page.opened.ms(now) - page.sheet.flown_ms[index]
        if stood_ms < max(waits.wait_ms, waits.hold_ms) + OVERTIME_MS:
            break  # in the order of hand-over
        counting.fault(station, "a call without an end", 1)
        lose(desk, station, attempt)
