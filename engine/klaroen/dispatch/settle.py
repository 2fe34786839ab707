"""What carriers said becomes what is known: answers at once, receipts once they are durable.

Law: an answer moves its page in the same breath in which it is taken in; a receipt is acknowledged after it is on disk
and applied afterwards, exactly once as far as anybody can see (the joins forgive repeats).
"""

from collections.abc import Iterable, Sequence
from typing import Final, assert_never

from klaroen.core import health as healths
from klaroen.core import pace as paces
from klaroen.core.audience import Audience
from klaroen.core.discreet import discreet
from klaroen.core.journal import REF_JOINT
from klaroen.core.model import Alert, AttemptId, Channel, Instant
from klaroen.core.phases import NOTE_CHARS_MAX, outcome_of
from klaroen.core.ports import (
    Accepted,
    Answer,
    Call,
    Delivered,
    Event,
    Fault,
    Link,
    Outcome,
    Receipt,
    Refused,
    Reply,
    Unknown,
    Unsent,
)
from klaroen.core.sheet import WHOLE, Sheet
from klaroen.core.state import FAILED, NETWORK, PROOFS, REACHED, REFUSED, UNKNOWN, UNSENT
from klaroen.dispatch import counting, hearing, levels, lines
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.directory import column
from klaroen.dispatch.kept import Kept, hash_address
from klaroen.dispatch.leftovers import LOOK_MS, ground_station, look_soon
from klaroen.dispatch.page import Flown, Page, Unsentness
from klaroen.dispatch.station import Station
from klaroen.telemetry.dispatch import OutcomeLabel

_LABELS: Final[dict[type[Outcome], OutcomeLabel]] = {
    Accepted: "accepted",
    Delivered: "delivered",
    Refused: "refused",
    Unsent: "unsent",
    Unknown: "unknown",
}

PROVED_CHANNELS: Final[frozenset[Channel]] = frozenset({"sms", "whatsapp"})
"""Of calls we know ourselves what became of them, and of most mails nobody tells that they arrived."""


# --- events ---------------------------------------------------------------------------------------------------------


def take_events(desk: Desk, station: Station, events: Sequence[Event]) -> None:
    """Take in what a carrier says, in the order in which it said it."""
    answers: list[Answer] = []
    for event in events:
        if isinstance(event, Answer):
            answers.append(event)
        elif isinstance(event, Receipt):
            station.received.append(event)
        elif isinstance(event, Reply):
            hearing.take(desk, station, event)
        elif isinstance(event, Call):
            lines.take_call(desk, station, event)
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
    desk.push_bell.ring()


def settle_answers(desk: Desk, station: Station, answers: Iterable[Answer]) -> None:
    """Book the one answer of each envelope: those that were taken page by page, the others one by one."""
    now = desk.clock.now()
    segments = troubled = strays = took = 0
    throttled = False
    taken: dict[Page, tuple[list[Flown], list[str]]] = {}
    in_flight, named = station.in_flight, station.names_attempts
    for answer in answers:
        flown = in_flight.pop(answer.attempt, None)
        if flown is None:
            strays += 1
            continue
        page, index = flown
        segments += page.parts
        if type(answer.outcome) is Accepted:
            refs = answer.outcome.refs
            rows = taken.get(page)
            if rows is None:
                rows = taken[page] = ([], [])
            rows[0].append(flown)
            rows[1].append(refs[0] if len(refs) == 1 else REF_JOINT.join(refs))
            if named or page.is_call:
                station.attempts[answer.attempt] = flown
        else:
            throttled |= isinstance(answer.outcome, Unsent) and answer.outcome.throttled
            took += isinstance(answer.outcome, Delivered)
            troubled += page.parts * _settle(desk, station, page, index, answer, now)
            station.outcomes[page.batch.step.channel, _LABELS[type(answer.outcome)]] += 1
            desk.touch(page)
    for page, (attempts, references) in taken.items():
        took += len(attempts)
        _take(desk, station, page, attempts, references, now)
        if not page.is_call:  # one that answers a call is a person
            waited_ms = page.opened.ms(now) - page.sheet.flown_ms[attempts[0][1]]
            station.health = healths.timed(station.health, waited_ms, now)
    station.answered(segments, troubled, took, throttled=throttled, now=now)
    if strays:
        counting.fault(station, "an answer to nothing", strays)


def _take(desk: Desk, station: Station, page: Page, taken: list[Flown], references: list[str], now: Instant) -> None:
    """The carrier took these attempts of one page."""
    page.accept([index for _, index in taken], references, page.opened.ms(now))
    channel = page.batch.step.channel
    station.outcomes[channel, "accepted"] += len(taken)
    station.euros[channel] = station.euros.get(channel, 0.0) + page.sheet.price_eur * len(taken)
    station.experience[channel].taken += len(taken)
    if channel in PROVED_CHANNELS:
        station.health = healths.taken(station.health, _flown_at(page, taken[0][1]), len(taken))
    if page.parts == 1:
        station.refs.update(zip(references, taken, strict=True))
        station.refs.pop("", None)  # of those that got no id
    else:
        for flown in taken:
            station.learn(flown, page.sheet.refs[flown[1]])
    if station.orphans.by_ref:
        _match_orphans(desk, station, references, now)
    if page.look_at is None:
        look_soon(desk, page, Instant(now + int(page.batch.wait_s * 1000)))
    desk.touch(page)


def _flown_at(page: Page, index: int) -> Instant:
    return page.opened.at(page.sheet.flown_ms[index])


def _proved(station: Station, page: Page, index: int, count: int) -> None:
    """Receipts show that these arrived, or that the network has them."""
    sheet = page.sheet
    if sheet.states[index] == REACHED:
        waited_ms = max(0, sheet.proved_ms[index] - sheet.flown_ms[index])
        station.experience[page.batch.step.channel].prove(count, waited_ms)
    if page.batch.step.channel in PROVED_CHANNELS:
        station.health = healths.proved(station.health, _flown_at(page, index), count)


def _match_orphans(desk: Desk, station: Station, references: list[str], now: Instant) -> None:
    """Receipts that came before the answer are applied now."""
    for refs in references:
        for ref in refs.split(REF_JOINT):
            for orphan in station.orphans.by_ref.pop(ref, ()) if ref else ():
                page, index = station.refs[ref]
                apply(desk, page, index, page.sheet.part_of(index, ref), orphan.receipt, now)
                orphan.match(desk)


def _settle(desk: Desk, station: Station, page: Page, index: int, answer: Answer, now: Instant) -> bool:
    """Book one answer that is not a plain acceptance; True where it condemns the carrier."""
    outcome, ms = answer.outcome, page.opened.ms(now)
    if isinstance(outcome, Delivered):
        _take(desk, station, page, [(page, index)], [REF_JOINT.join(outcome.refs)], now)
        page.prove(index, WHOLE, REACHED, ms, "")
        _proved(station, page, index, 1)
        return False
    if page.is_call:
        lines.drop(station, answer.attempt)
    if isinstance(outcome, Refused):
        page.answer(index, REFUSED, ms, "", f"{outcome.scope} {discreet(outcome.code)}")
        if page.is_call and outcome.scope == "address":
            counting.call_ended(desk, station, outcome_of(REFUSED, outcome.code), 0)
        look_soon(desk, page, Instant(now + LOOK_MS))
        return outcome.scope == "carrier"
    if isinstance(outcome, Unsent):
        page.answer(index, UNSENT, ms, "", discreet(outcome.reason))
        page.unsent[index] = Unsentness(outcome.retry_after_s, outcome.throttled)
        if outcome.throttled:
            station.pace = paces.throttle(station.pace, outcome.retry_after_s, now)
        look_soon(desk, page, Instant(now + LOOK_MS))
        return not outcome.throttled
    assert isinstance(outcome, Unknown)
    page.answer(index, UNKNOWN, ms, "", discreet(outcome.reason))
    if station.knows(page):
        station.attempts[answer.attempt] = (page, index)
    station.unsettled[(page.reference + index) & 0xFFFF].append((page, index))
    look_soon(desk, page, Instant(now + int(page.opened.patience.grace_s * 1000)))
    _hear_adrift(desk, station, page, index, now)
    return True


def _hear_adrift(desk: Desk, station: Station, page: Page, index: int, now: Instant) -> None:
    """Receipts that came while the answer was still awaited name the attempt by reference and handset."""
    waiting = station.orphans.adrift.get((page.reference + index) & 0xFFFF)
    if not waiting:
        return
    address = hashed_address(desk, page.opened.alert, page.opened.audience, page.sheet, index)
    for orphan in tuple(waiting):  # those that match leave it
        if orphan.receipt.address == address and not orphan.matched:
            apply(desk, page, index, WHOLE, orphan.receipt, now)
            orphan.match(desk)


# --- receipts -------------------------------------------------------------------------------------------------------


def keep(desk: Desk, station: Station, receipts: Sequence[Receipt]) -> list[Kept]:
    """Return receipts as the inbox keeps them. The address is hashed only where it may be needed."""
    rows = []
    for one in receipts:
        needs = one.address is not None and one.reference is not None and one.ref not in station.refs
        address = hash_address(desk.address_key, one.address) if needs and one.address is not None else None
        rows.append(
            Kept(
                one.state, discreet(one.code), one.at, one.ref, one.alias, one.attempt, one.reference, address, one.part
            )
        )
    return rows


def drain(desk: Desk, station: Station, receipts: Sequence[Kept], now: Instant) -> list[Kept]:
    """Apply durable receipts to their attempts: proofs page by page; return those that match nothing."""
    orphans: list[Kept] = []
    proofs: dict[Page, list[int]] = {}
    known = station.refs
    for one in receipts:
        station.states[one.state] += 1
        flown = known.get(one.ref or "") if one.state == "reached" and one.at is None else None
        if flown is not None and flown[0].parts == 1 and not flown[0].is_call:
            page, index = flown
            rows = proofs.get(page)
            if rows is None:
                rows = proofs[page] = []
            rows.append(index)
        elif (found := find(desk, station, one)) is not None:
            apply(desk, *found, one, now)
        else:
            orphans.append(one)
    for page, indexes in proofs.items():
        page.reach(indexes, page.opened.ms(now))
        _proved(station, page, indexes[0], len(indexes))
        desk.touch(page)
    return orphans


def find(desk: Desk, station: Station, one: Kept) -> tuple[Page, int, int] | None:
    """Return the attempt (and part) that a receipt speaks of: by its id, by our key, or by reference and address."""
    for ref in (one.ref, one.alias):
        if ref is not None and (known := station.refs.get(ref)) is not None:
            return known[0], known[1], known[0].sheet.part_of(known[1], ref)
    if one.attempt is not None and (known := station.attempts.get(AttemptId(one.attempt))) is not None:
        return known[0], known[1], WHOLE if one.part is None else one.part
    if one.attempt is not None and (known := station.in_flight.get(AttemptId(one.attempt))) is not None:
        return known[0], known[1], WHOLE if one.part is None else one.part
    if one.reference is None or one.address is None:
        return None
    for page, index in station.unsettled.get(one.reference, ()):
        if hashed_address(desk, page.opened.alert, page.opened.audience, page.sheet, index) == one.address:
            return page, index, WHOLE
    return None


def hashed_address(desk: Desk, alert: Alert, audience: Audience, sheet: Sheet, index: int) -> bytes:
    """Return the handset of one attempt, as receipts are kept."""
    numbers = column(desk, alert, sheet.batch.step.address)
    return hash_address(desk.address_key, numbers[audience.members[sheet.deliveries[index]]] or "")


def apply(desk: Desk, page: Page, index: int, part: int, one: Kept, now: Instant) -> None:
    """One receipt says something of one attempt, which goes into the commit that takes the receipt out of the inbox."""
    if one.state == "confirmed":
        page.confirm(index)
        levels.heed(desk, page.opened)
    elif one.state == "buffered":
        if page.is_call:
            page.note(index, one.code[:NOTE_CHARS_MAX])
            hearing.press(desk, page, index, one.code)
    else:
        at = min(one.at, now) if one.at is not None else now
        opened = page.opened
        before = page.sheet.states[index]
        piece = part if page.batch.parts > 1 else WHOLE
        if not page.prove(index, piece, PROOFS[one.state], opened.ms(Instant(at)), one.code):
            return
        if page.sheet.states[index] != before:
            _moved(desk, page, index, now)
    if not page.queued:
        desk.touch(page)


def _moved(desk: Desk, page: Page, index: int, now: Instant) -> None:
    """A receipt moved the attempt, and not just a part of it that decides nothing yet."""
    state = page.sheet.states[index]
    if state in (NETWORK, REACHED) and page.station is not None:
        _proved(page.station, page, index, 1)
    if state == FAILED:
        look_soon(desk, page, Instant(now + LOOK_MS))
