"""Which networks an alert's targets name.

Law: the answer is the union of those named one by one and those that satisfy *all* of the other keys given. Nothing
here asks who may warn them: that is `policy`'s. Names of places are compared without regard to case.
"""

import unicodedata
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from math import atan2, cos, hypot, radians, sin
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from klaroen.core.errors import InputError
from klaroen.core.intake import Near, Polygon, Targets
from klaroen.core.model import Network, NetworkId
from klaroen.core.snapshot import Snapshot

if TYPE_CHECKING:
    import shapely

EARTH_RADIUS_M: Final = 6_371_008.8
"""The mean radius (IUGG). A sphere errs by half a percent at most: 5 m in a kilometre."""

BOX_MARGIN: Final = 1.05
"""A box's corner seems farther than it is by up to 1 % at 50 km from a point in Belgium, since meridians converge."""

Position = tuple[float, float]


class Resolved(Struct, frozen=True, gc=False):
    """`unknown` are networks named one by one that the register does not hold; `not_located` would satisfy the other
    keys, but have neither polygon nor centroid to hold against an area; `unmatched` are paths that match nothing."""

    networks: tuple[NetworkId, ...]
    unknown: tuple[str, ...] = ()
    not_located: tuple[NetworkId, ...] = ()
    unmatched: tuple[str, ...] = ()


def resolve(targets: Targets, snapshot: Snapshot) -> Resolved:
    """Return the networks that the targets name, sorted; for `all`, every network of the register.

    Raises InputError `invalid` where the area's rings cross one another.
    """
    if targets.all:
        return Resolved(tuple(sorted(snapshot.networks)))
    named = {NetworkId(network) for network in targets.networks}
    known = named & snapshot.networks.keys()
    chosen, not_located = _satisfying(targets, snapshot.networks)
    return Resolved(
        networks=tuple(sorted(known | chosen)),
        unknown=tuple(sorted(named - known)),
        not_located=tuple(sorted(not_located - known)),
        unmatched=tuple(_unmatched(targets, snapshot)),
    )


def folded(name: str) -> str:
    """Return a place's name for comparison: Liège is LIÈGE, however its accent was typed."""
    return unicodedata.normalize("NFC", name).casefold()


def _satisfying(targets: Targets, networks: Mapping[NetworkId, Network]) -> tuple[set[NetworkId], set[NetworkId]]:
    conditions = _conditions(targets)
    holds_place = _place(targets)
    if not conditions and holds_place is None:
        return set(), set()
    fitting = [network for network in networks.values() if all(holds(network) for holds in conditions)]
    if holds_place is None:
        return {network.id for network in fitting}, set()
    located = [network for network in fitting if network.area.polygon or network.centroid]
    chosen = {network.id for network in located if holds_place(network)}
    return chosen, {network.id for network in fitting} - {network.id for network in located}


def _conditions(targets: Targets) -> list[Callable[[Network], bool]]:
    conditions: list[Callable[[Network], bool]] = []
    if targets.zones:
        zones = frozenset(targets.zones)
        conditions.append(lambda network: network.zone in zones)
    if targets.municipalities:
        municipalities = frozenset(map(folded, targets.municipalities))
        conditions.append(lambda network: folded(network.municipality) in municipalities)
    if targets.provinces:
        provinces = frozenset(map(folded, targets.provinces))
        conditions.append(lambda network: folded(network.province) in provinces)
    if targets.kinds:
        kinds = frozenset(targets.kinds)
        conditions.append(lambda network: network.kind in kinds)
    if targets.streets:
        streets = frozenset((folded(one.municipality), folded(one.street)) for one in targets.streets)
        conditions.append(lambda network: not streets.isdisjoint(_streets(network)))
    return conditions


def _streets(network: Network) -> Iterable[tuple[str, str]]:
    municipality = folded(network.municipality)
    return ((municipality, folded(street)) for street in network.area.streets)


def _unmatched(targets: Targets, snapshot: Snapshot) -> Iterable[str]:
    """Name each zone or place that no network belongs to: a slip of the pen would else warn nobody, silently."""
    networks = snapshot.networks.values()
    if targets.zones:
        yield from _missing("zones", targets.zones, {network.zone for network in networks})
    if targets.municipalities:
        municipalities = {folded(network.municipality) for network in networks}
        yield from _missing("municipalities", map(folded, targets.municipalities), municipalities)
    if targets.provinces:
        yield from _missing("provinces", map(folded, targets.provinces), {folded(one.province) for one in networks})
    if targets.streets:
        streets = {street for network in networks for street in _streets(network)}
        asked = ((folded(one.municipality), folded(one.street)) for one in targets.streets)
        yield from _missing("streets", asked, streets)


def _missing(key: str, asked: Iterable[object], there: Container[object]) -> Iterable[str]:
    return (f"$.targets.{key}[{index}]" for index, one in enumerate(asked) if one not in there)


# --- places ---------------------------------------------------------------------------------------------------------


def _place(targets: Targets) -> Callable[[Network], bool] | None:
    """Return whether a located network satisfies `area` and `near`, or None where neither is asked."""
    area = _within_area(targets.area) if targets.area is not None else None
    near = _within_reach(targets.near) if targets.near is not None else None
    if area is not None and near is not None:
        return lambda network: area(network) and near(network)
    return area or near


def _within_area(area: Polygon) -> Callable[[Network], bool]:
    """Meets the network's polygon, else holds its centroid; the border belongs to the area."""
    import shapely

    outer, *holes = area.coordinates
    wanted = shapely.Polygon(outer, holes)
    if not wanted.is_valid:
        words = "targets.area must not cross or touch itself along a line."
        raise InputError("invalid", words, at="$.targets.area.coordinates")
    shapely.prepare(wanted)
    west, south, east, north = wanted.bounds

    def holds(network: Network) -> bool:
        ring = network.area.polygon
        if not ring:
            assert network.centroid is not None, "only located networks are asked"
            return bool(wanted.covers(shapely.Point(network.centroid)))
        longitudes, latitudes = zip(*ring, strict=True)
        apart = min(longitudes) > east or max(longitudes) < west or min(latitudes) > north or max(latitudes) < south
        return not apart and bool(wanted.intersects(_surface(ring)))

    return holds


def _within_reach(near: Near) -> Callable[[Network], bool]:
    """Within the radius of the network's polygon, else of its centroid, over the ground."""

    def holds(network: Network) -> bool:
        ring = network.area.polygon
        if not ring:
            assert network.centroid is not None, "only located networks are asked"
            return hypot(*_metres_from(near.point, network.centroid)) <= near.radius_m
        if hypot(*_metres_from(near.point, _nearest_in_box(near.point, ring))) > BOX_MARGIN * near.radius_m:
            return False
        import shapely

        around = _surface([_metres_from(near.point, position) for position in ring])
        return bool(around.distance(shapely.Point(0.0, 0.0)) <= near.radius_m)

    return holds


def _nearest_in_box(point: Position, ring: Sequence[Position]) -> Position:
    """Return the point of the ring's box of meridians and parallels that is about the nearest."""
    longitudes, latitudes = zip(*ring, strict=True)
    return (
        min(max(point[0], min(longitudes)), max(longitudes)),
        min(max(point[1], min(latitudes)), max(latitudes)),
    )


def _metres_from(origin: Position, position: Position) -> Position:
    """Project so that distances from the origin are true (azimuthal equidistant; Snyder 1987, 25)."""
    east = radians(position[0] - origin[0])
    north_0, north = radians(origin[1]), radians(position[1])
    x = cos(north) * sin(east)
    y = cos(north_0) * sin(north) - sin(north_0) * cos(north) * cos(east)
    sine = hypot(x, y)
    if sine == 0.0:
        return 0.0, 0.0
    angle = atan2(sine, sin(north_0) * sin(north) + cos(north_0) * cos(north) * cos(east))
    return EARTH_RADIUS_M * angle * x / sine, EARTH_RADIUS_M * angle * y / sine


def _surface(ring: Iterable[Position]) -> "shapely.geometry.base.BaseGeometry":
    """Return a network's polygon, mended if it crosses itself: a slip in the register must not silence a network."""
    import shapely

    surface = shapely.Polygon(list(ring))
    return surface if surface.is_valid else shapely.make_valid(surface)
