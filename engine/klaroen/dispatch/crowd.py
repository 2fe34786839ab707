"""Whether one more alert has room beside those that are open.

Law: asked before anything is written; who is refused is told when to come again, by the carriers' rates as they are.
"""

from klaroen.core import crowd
from klaroen.core.errors import InputError, Problem, ProblemName
from klaroen.core.intake import AlertRequest
from klaroen.core.model import Instant, NetworkId
from klaroen.dispatch.desk import Desk


def check_door(desk: Desk, request: AlertRequest) -> None:
    """As `check_room`, before a network is looked at, where not even one delivery has room.

    Who is refused shall cost next to nothing [1,500 alerts to a country within ten seconds took dispatch 35 s of CPU,
    and warm ones beside them waited; 12 to 16 s since]. How many it would be is told from the targets as they stand.
    """
    register, targets = desk.register, request.targets
    if crowd.excess(request.alert_class, _open_count(desk), 1, desk.settings.dispatch.deliveries_max):
        named = (register.members(NetworkId(network)) for network in targets.networks)
        check_room(desk, request, len(register.snapshot.member_ids) if targets.all else max(1, sum(named)))


def check_ground(desk: Desk, request: AlertRequest, networks: tuple[NetworkId, ...], now: Instant) -> None:
    """As `check_room`, before it is asked how each of the networks' people is told: of what can wait.

    A country's ground lies there; an audience takes its time [made for each refusal, streets beside waited 10 to 21 ms
    for their 202, and 7 to 8 since, median]. Shape: nobody is left out of it but who wants no cold messages.
    """
    if request.alert_class in crowd.PATIENT:
        quiet = len(desk.quiet.everywhere()) if request.alert_class == "cold" else 0
        check_room(desk, request, max(1, len(desk.register.ground_of(networks, now).layout.members) - quiet))


def check_room(desk: Desk, request: AlertRequest, count: int) -> None:
    """Raises InputError: `too-many-requests` for what can wait, `unavailable` for what cannot."""
    alert_class = request.alert_class
    most = desk.settings.dispatch.deliveries_max
    open_count = _open_count(desk)
    too_many = crowd.excess(alert_class, open_count, count, most)
    if not too_many:
        return
    per_s = sum(station.pace.allowed_per_s for station in desk.stations.values() if station.usable)
    retry_after_s = crowd.wait_s(too_many, per_s)
    words = f"{open_count} deliveries are open, and {count} more are too many for an alert of class {alert_class}."
    name: ProblemName = "too-many-requests" if alert_class in crowd.PATIENT else "unavailable"
    raise InputError.of(Problem(name, words, retry_after_s=retry_after_s))


def _open_count(desk: Desk) -> int:
    return sum(len(opened.audience) for opened in desk.alerts.values())
