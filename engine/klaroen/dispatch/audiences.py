"""Whom an alert goes to, as the register stands when it is accepted.

Law: nothing of this is asked again later: the audience is frozen in the commit that accepts the alert.
"""

from collections.abc import Sequence
from typing import NamedTuple

from klaroen.core import contacts
from klaroen.core.audience import Audience
from klaroen.core.contacts import Reachable
from klaroen.core.expand import Planner
from klaroen.core.ground import Ground, Territory, gather, locate
from klaroen.core.intake import AlertRequest
from klaroen.core.model import AlertId, Contact, Instant, NetworkId
from klaroen.core.plan import Offer
from klaroen.dispatch import levels
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.directory import mask_of
from klaroen.dispatch.quieting import without_quiet


class Following(NamedTuple):
    """What an alert follows or extends, and the members whom it alone goes to, or whom it leaves out."""

    alert: AlertId
    members: frozenset[int]
    extends: bool = False


class Chosen(NamedTuple):
    """Whom an alert goes to, and how; `through` are networks whose coordinators are warned first, for `hold_s`."""

    audience: Audience
    planner: Planner
    contacts: tuple[Contact, ...] = ()
    through: tuple[NetworkId, ...] = ()
    hold_s: float = 0.0


def find_audience(
    desk: Desk,
    request: AlertRequest,
    networks: Sequence[NetworkId],
    offer: Offer,
    following: Following | None,
    now: Instant,
) -> Chosen:
    """Return everybody whom these networks' plans concern, and how their steps are chosen.

    A follow-up goes to those who had the message, whoever told them: it has one level.
    """
    plans = desk.register.plans_at(now)
    ground = desk.register.ground_of(tuple(networks), now)
    if following is not None:
        ground = ground.among(following.members, without=following.extends)
    if request.alert_class == "cold":
        ground = without_quiet(desk, ground)
    people = levels.first_level(desk, request, networks, offer, now) if following is None else []
    if people:
        ground = ground.among(levels.members_among(desk, people), without=True)
        kinds, first = contacts.regions_of(people, ground.kinds)
        ground = ground.behind(kinds, locate(first, networks))
    audience = gather(ground, request.languages, offer, request.is_urgent, now)
    through = tuple(sorted({one.contact.network for one in people}))
    hold_s = levels.hold_s(desk, request, people)
    held = frozenset(networks.index(name) for name in through)
    in_order = tuple(plans[name] for name in networks)
    reserve = offer.allowed & offer.content
    planner = Planner(in_order, offer.channels, request.is_urgent, reserve, held, int(hold_s * 1000))
    return Chosen(audience, planner, tuple(one.contact for one in people), through, hold_s)


def find_officers(
    desk: Desk, request: AlertRequest, networks: Sequence[NetworkId], offer: Offer, now: Instant
) -> Chosen | None:
    """Return the officers of these networks, for their copy (R9); None where none of them can be told."""
    known = desk.register.snapshot.networks
    officers = contacts.officers_of(known[name] for name in networks)
    people = [Reachable(one, names, mask_of(desk.register, one)) for one, names in officers.items()]
    kinds, regions = contacts.regions_of(people, ())
    territories = [Territory.of(known[name], contacts.OFFICERS) for name in networks]
    ground = Ground(kinds, locate(regions, networks), territories)
    audience = gather(ground, request.languages, offer, request.is_urgent, now)
    if sum(audience.unreachable.values()) == len(audience):
        return None
    same = (contacts.OFFICERS,) * len(networks)
    planner = Planner(same, offer.channels, request.is_urgent, offer.allowed & offer.content)
    return Chosen(audience, planner, tuple(one.contact for one in people))
