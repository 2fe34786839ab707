"""Networks with two levels (R11): their coordinators are warned first, and members directly if that comes to nothing.

Law: members of such a network wait for the step's time and no longer. What lets them be is told by the coordinators'
own deliveries: confirmed, where the message is urgent; handed over, where it is not. *(reading)*
"""

from collections.abc import Iterator, Sequence
from functools import partial

from klaroen.core.account import HANDED, REACHED_STATE
from klaroen.core.contacts import CALLS_FIRST, Reachable, coordinators_of
from klaroen.core.expand import CONTACTS_FIRST
from klaroen.core.intake import AlertRequest
from klaroen.core.model import CALL_CHANNELS, Instant, MemberId, Network, NetworkId
from klaroen.core.plan import CompiledPlan, Offer, ladder, local_minute
from klaroen.dispatch.barring import bar
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.directory import mask_of
from klaroen.dispatch.open_alert import OpenAlert


def first_level(
    desk: Desk, request: AlertRequest, networks: Sequence[NetworkId], offer: Offer, now: Instant
) -> list[Reachable]:
    """Return the coordinators who are warned before their members.

    A crisis message has one level always. A network none of whose coordinators could answer has one, too: those of an
    urgent message must be called to confirm it, and waiting for what cannot come would only lose time.
    """
    if request.alert_class == "crisis":
        return []
    found = []
    plans = desk.register.plans_at(now)
    for name in networks:
        network = desk.register.snapshot.networks[name]
        if (network.levels.urgent if request.is_urgent else network.levels.non_urgent) == 2:
            found += _coordinators(desk, network, plans[name], request.is_urgent, offer, now)
    return found


def _coordinators(
    desk: Desk, network: Network, plan: CompiledPlan, urgent: bool, offer: Offer, now: Instant
) -> list[Reachable]:
    order = plan.order(urgent, local_minute(now))
    preference = CALLS_FIRST if urgent else ()
    people = []
    for contact in coordinators_of(network):
        addresses = mask_of(desk.register, contact)
        steps = ladder((order,), preference, addresses, offer.channels)
        if steps and (not urgent or steps[0].channel in CALL_CHANNELS):
            people.append(Reachable(contact, (network.id,), addresses, preference))
    return people


def hold_s(desk: Desk, request: AlertRequest, people: Sequence[Reachable]) -> float:
    """Return how long members wait: an urgent message's call, or the step that takes longest to prove."""
    if not people:
        return 0.0
    steps = getattr(desk.settings.steps, request.alert_class)
    return float(steps.call_s if request.is_urgent else max(steps.sms_s, steps.email_s))


def members_among(desk: Desk, people: Sequence[Reachable]) -> frozenset[int]:
    """Return the members' numbers of coordinators who are members: they are warned once, as coordinators (R5)."""
    networks, numbers = desk.register.snapshot.networks, desk.register.numbers_of
    members: Iterator[MemberId | None] = (
        coordinator.member
        for one in people
        for coordinator in networks[one.contact.network].coordinators
        if coordinator.id == one.contact.id
    )
    return frozenset(numbers[member] for member in members if member is not None and member in numbers)


# --- while it is sent -----------------------------------------------------------------------------------------------


def watch(desk: Desk, opened: OpenAlert) -> None:
    """Members of networks with two levels are let go, or warned, when the time is over."""
    if opened.alert.through and opened.may_expand:
        due = Instant(opened.begun_at + int(opened.alert.hold_s * 1000))
        desk.call_while_open(opened.alert.id, due, partial(spare, desk))
        heed(desk, opened)


def heed(desk: Desk, opened: OpenAlert) -> None:
    """Somebody confirmed: of an urgent message that is the coordinator's word."""
    if opened.alert.through and opened.alert.urgent:
        spare(desk, opened)


def spare(desk: Desk, opened: OpenAlert) -> None:
    """Members all of whose networks are told through a coordinator get nothing more directly."""
    told = told_through(opened)
    if told - opened.told:
        opened.told |= told
        members, shut = opened.audience.members, opened.shut | opened.told
        bar(desk, opened, [span for span in opened.audience.within(shut) if members[span[0]] < CONTACTS_FIRST])


def told_through(opened: OpenAlert) -> frozenset[int]:
    """Return the networks, by index, that a coordinator is known to have the message for."""
    audience, states = opened.audience, opened.account.states
    if opened.alert.urgent:
        confirmed = (page.sheet.deliveries[index] for page in opened.pages.values() for index in page.sheet.confirmed)
        heard = {delivery for delivery in confirmed if audience.members[delivery] >= CONTACTS_FIRST}
    else:
        contacts = (delivery for delivery, number in enumerate(audience.members) if number >= CONTACTS_FIRST)
        heard = {delivery for delivery in contacts if states[delivery] in (HANDED, REACHED_STATE)}
    through = {opened.alert.networks.index(name) for name in opened.alert.through}
    return frozenset(index for delivery in heard for index in audience.group(delivery).networks) & through
