"""Cold messages and those who want none (R17): left out of audiences, stopped under way, refused on one channel.

Law: STOP holds from the moment in which it is durable: what has not left to that member does not leave.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final

from klaroen.core.audience import Region
from klaroen.core.follow_up import narrowed
from klaroen.core.intake import AlertRequest
from klaroen.core.model import Alert, NetworkId
from klaroen.core.ports import Answer, Envelope, Refused
from klaroen.core.replies import Quiet
from klaroen.dispatch.barring import bar
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.page import Page
from klaroen.dispatch.station import Station

UNWANTED: Final = Refused("unsubscribed", "address")
"""The plan's next channel follows: it was this one alone that was not wanted."""


def is_cold(alert: Alert) -> bool:
    """Whether quiet members are left out: of what is answered to them they are not."""
    return alert.alert_class == "cold" and alert.origin == "posted"


def without_quiet(desk: Desk, regions: Sequence[Region]) -> Sequence[Region]:
    """Return the regions without those who want no cold messages."""
    quiet = _quiet_numbers(desk)
    return [narrowed(region, quiet, without=True) for region in regions] if quiet else regions


def left_out(desk: Desk, request: AlertRequest, networks: Sequence[NetworkId]) -> tuple[str, ...]:
    """Return what the sender is told of those who want no cold messages."""
    if request.alert_class != "cold":
        return ()
    quiet = _quiet_numbers(desk)
    regions = desk.register.regions_of(networks) if quiet else ()
    count = sum(member in quiet for region in regions for member in array("I", region.members))
    return (f"{count} members have ended cold messages and are left out (R17).",) if count else ()


def _quiet_numbers(desk: Desk) -> frozenset[int]:
    numbers = desk.register.numbers_of
    return frozenset(numbers[member] for member in desk.quiet.everywhere() if member in numbers)


def enforce(desk: Desk, quiets: Iterable[Quiet]) -> None:
    """Hand over no cold message any more to who has just become quiet on all channels."""
    numbers = desk.register.numbers_of
    people = {numbers[one.member] for one in quiets if one.channel is None and one.member in numbers}
    if not people:
        return
    for opened in tuple(desk.alerts.values()):
        if is_cold(opened.alert) and not opened.final:
            places = [place for place, member in enumerate(opened.audience.members) if member in people]
            if places:
                bar(desk, opened, [(place, place + 1) for place in places])
    desk.push_bell.ring()


def unwanted(desk: Desk, station: Station, page: Page, envelopes: Sequence[Envelope]) -> list[Answer]:
    """Return the answers to those who want no cold message by this channel: the carrier never sees them."""
    channel = page.batch.step.channel
    if not is_cold(page.opened.alert) or not desk.quiet.on_channel(channel):
        return []
    members, ids, sheet = page.opened.audience.members, desk.register.snapshot.member_ids, page.sheet
    return [
        Answer(one.attempt, UNWANTED)
        for one in envelopes
        if desk.quiet.wants_none(ids[members[sheet.deliveries[station.in_flight[one.attempt][1]]]], channel)
    ]
