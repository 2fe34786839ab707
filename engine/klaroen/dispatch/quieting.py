"""Cold messages and those who want none (R17): left out of audiences, stopped under way, refused on one channel.

Law: STOP holds from the moment in which it is durable: what has not left to that member does not leave.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

from klaroen.core.errors import Saying
from klaroen.core.expand import CONTACTS_FIRST
from klaroen.core.ground import Ground
from klaroen.core.intake import AlertRequest
from klaroen.core.model import Alert, Instant, MemberId, NetworkId
from klaroen.core.ports import Answer, Envelope, Refused
from klaroen.core.replies import Quiet
from klaroen.dispatch.barring import bar
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.open_alert import OpenAlert
from klaroen.dispatch.page import Page
from klaroen.dispatch.station import Station

FAREWELL_BYTES: Final = 16
"""Nobody tries 2^128 links."""
UNWANTED: Final = Refused("unsubscribed", "address")
"""The plan's next channel follows: it was this one alone that was not wanted."""


def is_cold(alert: Alert) -> bool:
    """Whether quiet members are left out: of what is answered to them they are not."""
    return alert.alert_class == "cold" and alert.origin == "posted"


def without_quiet(desk: Desk, ground: Ground) -> Ground:
    """Return the ground without those who want no cold messages."""
    quiet = _quiet_numbers(desk)
    return ground.among(quiet, without=True) if quiet else ground


def left_out(desk: Desk, request: AlertRequest, networks: Sequence[NetworkId], now: Instant) -> tuple[Saying, ...]:
    """Return what the sender is told of those who want no cold messages."""
    if request.alert_class != "cold":
        return ()
    quiet = _quiet_numbers(desk)
    count = len(quiet.intersection(desk.register.ground_of(tuple(networks), now).layout.members))
    return (Saying("cold_ended", {"count": str(count)}),) if count else ()


def _quiet_numbers(desk: Desk) -> frozenset[int]:
    numbers = desk.register.numbers_of
    return frozenset(numbers[member] for member in desk.quiet.everywhere() if member in numbers)


def enforce(desk: Desk, quiets: Iterable[Quiet]) -> None:
    """Hand over no cold message any more to who has just become quiet on all channels."""
    numbers = desk.register.numbers_of
    people = frozenset(numbers[one.member] for one in quiets if one.channel is None and one.member in numbers)
    if people:
        _bar(desk, desk.alerts.values(), people)
        desk.push_bell.ring()


def enforce_standing(desk: Desk, alerts: Iterable[OpenAlert]) -> None:
    """Hand nothing of these over to who is quiet by now: after a start, or since they were judged."""
    _bar(desk, alerts, _quiet_numbers(desk))


def _bar(desk: Desk, alerts: Iterable[OpenAlert], people: frozenset[int]) -> None:
    for opened in tuple(alerts):
        if is_cold(opened.alert) and not opened.final and not people.isdisjoint(opened.audience.members):
            places = [place for place, member in enumerate(opened.audience.members) if member in people]
            bar(desk, opened, [(place, place + 1) for place in places])


def unwanted(desk: Desk, station: Station, page: Page, envelopes: Sequence[Envelope]) -> list[Answer]:
    """Return the answers to those who want no cold message by this channel: the carrier never sees them."""
    channel = page.batch.step.channel
    if not is_cold(page.opened.alert) or not desk.quiet.on_channel(channel):
        return []
    members, ids, sheet = page.opened.audience.members, desk.register.snapshot.member_ids, page.sheet
    places = {one.attempt: sheet.deliveries[station.in_flight[one.attempt][1]] for one in envelopes}
    return [
        Answer(attempt, UNWANTED)
        for attempt, place in places.items()
        if members[place] < CONTACTS_FIRST and desk.quiet.wants_none(ids[members[place]], channel)
    ]


# --- the link in a mail (RFC 8058) ------------------------------------------------------------------------------------


def farewell_of(desk: Desk, member: int) -> str:
    """Return what the member's link holds: a keyed hash, which nobody can guess and which names nobody."""
    if member >= CONTACTS_FIRST:
        return ""
    name = desk.register.snapshot.member_ids[member].encode()
    return hashlib.blake2b(name, key=desk.address_key, digest_size=FAREWELL_BYTES, person=b"farewell").hexdigest()


def member_of(desk: Desk, farewell: str) -> MemberId | None:
    """Return whose link it is, looked for among all members [0.1 s for a country]; None where it is nobody's."""
    ids = desk.register.snapshot.member_ids
    return next((ids[one] for one in range(len(ids)) if hmac.compare_digest(farewell_of(desk, one), farewell)), None)
