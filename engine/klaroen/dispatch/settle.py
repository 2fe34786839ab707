"""What carriers said becomes what is known: answers at once, receipts once they are durable.

Law: an answer moves its page in the same breath in which it is taken in; a receipt is acknowledged after it is on disk
and applied afterwards, exactly once as far as anybody can see (the joins forgive repeats).
"""

from collections.abc import Iterable, Sequence
from typing import Final, assert_never

from klaroen.core import pace as paces
from klaroen.core.model import ADDRESS_KINDS, AttemptId, Instant
from klaroen.core.ports import (
    Accepted,
    Answer,
    Delivered,
    Event,
    Fault,
    Link,
    Outcome,
    Receipt,
    Refused,
    Unknown,
    Unsent,
)
from klaroen.core.sheet import WHOLE
from klaroen.core.state import FAILED, HANDED_OVER, PROOFS, REACHED, REFUSED, UNKNOWN, UNSENT
from klaroen.dispatch import counting
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.kept import Kept, hash_address
from klaroen.dispatch.leftovers import LOOK_MS, ground_station, look_soon
from klaroen.dispatch.page import Page, Unsentness
from klaroen.dispatch.station import CALL_CHANNELS, Station
from klaroen.telemetry.dispatch import OutcomeLabel

_LABELS: Final[dict[type[Outcome], OutcomeLabel]] = {
    Accepted: "accepted",
    Delivered: "delivered",
    Refused: "refused",
    Unsent: "unsent",
    Unknown: "unknown",
}


# --- events ---------------------------------------------------------------------------------------------------------


def take_events(desk: Desk, station: Station, events: Sequence[Event]) -> None:
    """Take in what a carrier says, in the order in which it said it."""
    answers: list[Answer] = []
    for event in events:
        if isinstance(event, Answer):
            answers.append(event)
        elif isinstance(event, Receipt):
            station.received.append(event)
        elif isinstance(event, Link):
            _take_link(desk, station, event)
        elif isinstance(event, Fault):
            counting.fault(station, event.words, event.count)
        else:
            assert_never(event)
    if answers:
        settle_answers(desk, station, answers)
    if station.received:
        desk.commit_bell.ring()


def _take_link(desk: Desk, station: Station, link: Link) -> None:
    now = desk.clock.now()
    station.link_up, station.words = link.up, link.words
    station.pace = paces.link(paces.refill(station.pace, now), link.up, link.window, now)
    if not link.up:
        ground_station(desk, station)
    desk.ring_stations()


def settle_answers(desk: Desk, station: Station, answers: Iterable[Answer]) -> None:
    """Book the one answer of each envelope."""
    now = desk.clock.now()
    segments = troubled = strays = 0
    outcomes = station.outcomes
    for answer in answers:
        flown = station.in_flight.pop(answer.attempt, None)
        if flown is None:
            strays += 1
            continue
        page, index = flown
        parts = page.batch.parts
        segments += parts
        troubled += parts * _settle(desk, station, page, index, answer, now)
        outcomes[page.batch.step.channel, _LABELS[type(answer.outcome)]] += 1
        if not page.queued:
            desk.touch(page)
    station.answered(segments, troubled, now)
    if strays:
        counting.fault(station, "an answer to nothing", strays)


def _settle(desk: Desk, station: Station, page: Page, index: int, answer: Answer, now: Instant) -> bool:
    """Book one answer; True where it condemns the carrier."""
    outcome, ms = answer.outcome, page.opened.ms(now)
    if isinstance(outcome, Accepted | Delivered):
        state = HANDED_OVER if isinstance(outcome, Accepted) else REACHED
        page.answer(index, state, ms, " ".join(outcome.refs), "")
        channel, price_eur = page.batch.step.channel, page.sheet.price_eur
        station.euros[channel] = station.euros.get(channel, 0.0) + price_eur
        _register_refs(desk, station, page, index, outcome.refs)
        if station.keyed:
            station.attempts[answer.attempt] = (page, index)
        if page.look_at is None:
            look_soon(desk, page, Instant(now + int(page.batch.wait_s * 1000)))
        return False
    if page.batch.step.channel in CALL_CHANNELS:
        station.pace = paces.hang_up(station.pace, 1)
    if isinstance(outcome, Refused):
        page.answer(index, REFUSED, ms, "", f"{outcome.scope} {outcome.code}")
        look_soon(desk, page, Instant(now + LOOK_MS))
        return outcome.scope == "carrier"
    if isinstance(outcome, Unsent):
        page.answer(index, UNSENT, ms, "", outcome.reason)
        page.unsent[index] = Unsentness(outcome.retry_after_s, outcome.throttled)
        if outcome.throttled:
            station.pace = paces.throttle(station.pace, outcome.retry_after_s, now)
        look_soon(desk, page, Instant(now + LOOK_MS))
        return not outcome.throttled
    assert isinstance(outcome, Unknown)
    page.answer(index, UNKNOWN, ms, "", outcome.reason)
    station.unsettled[(page.reference + index) & 0xFFFF].append((page, index))
    look_soon(desk, page, Instant(now + int(page.opened.patience.grace_s * 1000)))
    return True


def _register_refs(desk: Desk, station: Station, page: Page, index: int, refs: Sequence[str]) -> None:
    """Remember the carrier's ids; receipts that came before them are applied now."""
    for part, ref in enumerate(refs):
        station.refs[ref] = (page, index << 8 | part)
        waiting = station.orphans.pop(ref, None) if station.orphans else None
        for orphan in waiting or ():
            apply(desk, station, page, index, part, orphan.receipt, desk.clock.now())
            orphan.match(desk)


# --- receipts -------------------------------------------------------------------------------------------------------


def keep(desk: Desk, station: Station, receipts: Sequence[Receipt]) -> list[Kept]:
    """Return receipts as the inbox keeps them. The address is hashed only where it may be needed."""
    rows = []
    for one in receipts:
        needs = one.address is not None and one.reference is not None and one.ref not in station.refs
        address = hash_address(desk.address_key, one.address) if needs and one.address is not None else None
        rows.append(
            Kept(one.state, one.code, one.at, one.ref, one.alias, one.attempt, one.reference, address, one.part)
        )
    return rows


def drain(desk: Desk, station: Station, receipts: Sequence[Kept], now: Instant) -> list[Kept]:
    """Apply durable receipts to their attempts; return those that match nothing."""
    orphans = []
    states = station.states
    for one in receipts:
        found = find(desk, station, one)
        states[one.state] += 1
        if found is None:
            orphans.append(one)
            continue
        page, index, part = found
        apply(desk, station, page, index, part, one, now)
    return orphans


def find(desk: Desk, station: Station, one: Kept) -> tuple[Page, int, int] | None:
    """Return the attempt (and part) that a receipt speaks of: by its id, by our key, or by reference and address."""
    hit = None
    if one.ref is not None:
        hit = station.refs.get(one.ref) or (station.refs.get(one.alias) if one.alias is not None else None)
    if hit is not None:
        return hit[0], hit[1] >> 8, hit[1] & 0xFF
    if one.attempt is not None and (known := station.attempts.get(AttemptId(one.attempt))) is not None:
        return known[0], known[1], WHOLE if one.part is None else one.part
    if one.attempt is not None and (known := station.in_flight.get(AttemptId(one.attempt))) is not None:
        return known[0], known[1], WHOLE if one.part is None else one.part
    if one.reference is None or one.address is None:
        return None
    for page, index in station.unsettled.get(one.reference, ()):
        if hash_address(desk.address_key, _address(desk, page, index)) == one.address:
            return page, index, WHOLE
    return None


def _address(desk: Desk, page: Page, index: int) -> str:
    numbers = desk.register.snapshot.addresses[ADDRESS_KINDS.index(page.batch.step.address)]
    return numbers[page.opened.audience.members[page.sheet.deliveries[index]]] or ""


def apply(desk: Desk, station: Station, page: Page, index: int, part: int, one: Kept, now: Instant) -> None:
    """One receipt moves one attempt."""
    if one.state == "confirmed":
        page.confirm(index)
    elif one.state != "buffered":
        at = min(one.at, now) if one.at is not None else now
        opened = page.opened
        before = page.sheet.states[index]
        page.prove(index, part if page.batch.parts > 1 else WHOLE, PROOFS[one.state], opened.ms(Instant(at)), one.code)
        after = page.sheet.states[index]
        if after == before:
            return
        if after == FAILED:
            look_soon(desk, page, Instant(now + LOOK_MS))
        if page.batch.step.channel in CALL_CHANNELS and after in (FAILED, REACHED):
            station.pace = paces.hang_up(station.pace, 1)
            station.bell.ring()
    if not page.queued:
        desk.touch(page)
