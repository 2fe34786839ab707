"""What a well-formed network must fulfil before it is part of the register (R2, R3, R6, R14, R21).

Law: `judge_network` yields every fault of one entry, each with its field and rule. A network that breaks R2 is refused;
a member whom its plan cannot reach is reported by `check` and refused nowhere.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final

from klaroen.core.model import Coordinator, CostShare, Network, Officer, Plan, Window
from klaroen.core.plan import DAY_MINUTES, DAYS, compile_hours
from klaroen.register.entries import Told
from klaroen.register.zones import is_date, judge_id

NAMED_BY_R2: Final = frozenset(
    {
        *("name", "zone", "municipality", "area", "coordinators", "officers", "mayor", "members_at_signing"),
        *("levels", "plans", "evaluation_months", "recognised_on"),
    }
)
EVALUATION_MONTHS_MAX: Final = 36
WINDOWS_MAX: Final = 96
"""A window for every half hour of a weekday and of a weekend day is the finest plan that makes sense."""
POLYGON_POINTS_MAX: Final = 10_000
"""As for the area of an alert."""
LON_BOUNDS: Final = (2.3, 6.6)
LAT_BOUNDS: Final = (49.3, 51.7)
"""Belgium and some ten kilometres around it: what lies outside has its axes exchanged or is another country."""
SHARE_TOLERANCE: Final = 1e-5
"""Thirds written with six digits sum to 0.999999."""


def judge_network(network: Network, zones: Collection[str]) -> Iterator[Told]:
    yield from judge_id("id", network.id)
    for field in ("name", "municipality", "mayor"):
        if not getattr(network, field).strip():
            yield field, "is empty", "R2"
    for field in ("province", "region"):
        if not getattr(network, field).strip():
            yield field, "is empty", None
    if network.zone not in zones:
        yield "zone", "is not a zone of the zones file", "R2"
    if not is_date(network.recognised_on):
        yield "recognised_on", "is not a date, YYYY-MM-DD", "R2"
    if network.members_at_signing < 0:
        yield "members_at_signing", "is below 0", "R2"
    if not 1 <= network.evaluation_months <= EVALUATION_MONTHS_MAX:
        yield "evaluation_months", f"lies outside 1 to {EVALUATION_MONTHS_MAX}", "R2"
    yield from _judge_languages(network)
    yield from _judge_people(network)
    yield from _judge_area(network)
    yield from _judge_plans(network.plans)
    if network.cost_share is not None:
        yield from _judge_shares(network.cost_share)


def _judge_languages(network: Network) -> Iterator[Told]:
    if not network.languages:
        yield "languages", "names no language", "R16"
    if "mul" in network.languages:
        yield "languages", "names mul, which is a kind of text and no language of a municipality", "R16"
    if len(set(network.languages)) != len(network.languages):
        yield "languages", "names a language twice", "R16"


def _judge_people(network: Network) -> Iterator[Told]:
    groups: tuple[tuple[str, Sequence[Coordinator | Officer]], ...] = (
        ("coordinators", network.coordinators),
        ("officers", network.officers),
    )
    for field, people in groups:
        if not people:
            yield field, "names nobody", "R2"
        for index, person in enumerate(people):
            yield from judge_id(f"{field}[{index}].id", person.id)
        if len({person.id for person in people}) != len(people):
            yield field, "names somebody twice", "R2"


def _judge_area(network: Network) -> Iterator[Told]:
    if not network.area.streets and not network.area.quarters:
        yield "area", "names no street and no quarter", "R2"
    ring = network.area.polygon
    if ring is not None:
        if len(ring) < 4 or ring[0] != ring[-1]:
            yield "area.polygon", "is not a closed ring of four points or more", "R2"
        if len(ring) > POLYGON_POINTS_MAX:
            yield "area.polygon", f"has more than {POLYGON_POINTS_MAX} points", "R2"
        if not all(map(_within_belgium, ring)):
            yield "area.polygon", "leaves Belgium (points are [lon, lat])", "R2"
    if network.centroid is not None and not _within_belgium(network.centroid):
        yield "centroid", "lies outside Belgium (a point is [lon, lat])", None


def _within_belgium(point: tuple[float, float]) -> bool:
    lon, lat = point
    return LON_BOUNDS[0] <= lon <= LON_BOUNDS[1] and LAT_BOUNDS[0] <= lat <= LAT_BOUNDS[1]


# --- plans ----------------------------------------------------------------------------------------------------------


def _judge_plans(plans: tuple[Plan, ...]) -> Iterator[Told]:
    if not plans:
        yield "plans", "names no plan", "R2"
    for index, plan in enumerate(plans):
        at = f"plans[{index}]"
        if plan.version < 1:
            yield f"{at}.version", "is below 1", "R3"
        if not is_date(plan.valid_from):
            yield f"{at}.valid_from", "is not a date, YYYY-MM-DD", "R3"
        yield from _judge_windows(f"{at}.urgent", plan.urgent)
        yield from _judge_windows(f"{at}.non_urgent", plan.non_urgent)
    for index, (earlier, later) in enumerate(pairwise(plans), 1):
        if later.version <= earlier.version:
            yield f"plans[{index}].version", "does not follow the version before it", "R3"
        if later.valid_from < earlier.valid_from:
            yield f"plans[{index}].valid_from", "lies before that of the version before it", "R3"


def _judge_windows(at: str, windows: tuple[Window, ...]) -> Iterator[Told]:
    if not windows:
        yield at, "names no window", "R2"
        return
    if len(windows) > WINDOWS_MAX:
        yield at, f"names more than {WINDOWS_MAX} windows", "R14"
        return
    for index, window in enumerate(windows):
        if not window.channels:
            yield f"{at}[{index}].channels", "names no channel", "R6"
        for field, named in (("channels", window.channels), ("days", window.days)):
            if len(set(named)) != len(named):
                yield f"{at}[{index}].{field}", "names one twice", "R14"
        try:
            compile_hours((window,))
        except ValueError as error:
            yield f"{at}[{index}]", f"{error}", "R14"
            return
    if all(window.channels for window in windows):
        for start, end in compile_hours(windows).gaps():
            yield at, f"leaves a gap: {clock(start)} to {clock(end)}", "R6"


def clock(minute: int) -> str:
    """Return "mon 07:00" for a minute of the week; its end is "sun 24:00"."""
    day = min(minute // DAY_MINUTES, len(DAYS) - 1)
    hour, rest = divmod(minute - day * DAY_MINUTES, 60)
    return f"{DAYS[day]} {hour:02}:{rest:02}"


def _judge_shares(share: CostShare) -> Iterator[Told]:
    shares = (share.municipality, share.zone, share.members)
    if not all(0 <= part <= 1 for part in shares) or abs(sum(shares) - 1) > SHARE_TOLERANCE:
        yield "cost_share", "does not sum to 1", "R21"
