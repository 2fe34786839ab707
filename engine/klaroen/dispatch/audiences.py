"""Whom an alert goes to, as the register stands when it is accepted.

Law: nothing of this is asked again later: the audience is frozen in the commit that accepts the alert.
"""

from collections.abc import Sequence
from typing import NamedTuple

from klaroen.core import follow_up
from klaroen.core.audience import Audience, Region, gather, territories
from klaroen.core.expand import Planner
from klaroen.core.intake import AlertRequest
from klaroen.core.model import AlertId, Instant, NetworkId
from klaroen.core.plan import Offer
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.quieting import without_quiet


class Following(NamedTuple):
    """What an alert follows or extends, and the members whom it alone goes to, or whom it leaves out."""

    alert: AlertId
    members: frozenset[int]
    extends: bool = False


def find_audience(
    desk: Desk,
    request: AlertRequest,
    networks: Sequence[NetworkId],
    offer: Offer,
    following: Following | None,
    now: Instant,
) -> tuple[Audience, Planner]:
    """Return everybody whom these networks' plans concern, and how their steps are chosen."""
    plans = desk.register.plans_at(now)
    regions: Sequence[Region] = desk.register.regions_of(networks)
    if following is not None:
        without = following.extends
        regions = [follow_up.narrowed(region, following.members, without=without) for region in regions]
    if request.alert_class == "cold":
        regions = without_quiet(desk, regions)
    audience = gather(
        desk.register.regions.kinds,
        regions,
        territories(networks, desk.register.snapshot.networks, plans),
        request.languages,
        offer,
        request.is_urgent,
        now,
    )
    in_order = tuple(plans[name] for name in networks)
    return audience, Planner(in_order, offer.channels, request.is_urgent, offer.allowed & offer.content)
