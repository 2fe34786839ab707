"""Where a CAP message is for: polygons, circles and municipality codes as targets.

Law: CAP writes latitude first, GeoJSON longitude; what lies outside Belgium is refused, and where the two look swapped
the fault says so. All areas of a message together are one target, their union (CAP 1.2, 3.2.4).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from klaroen.core.errors import InputError
from klaroen.core.intake import PLACES_MAX, POINTS_MAX, Targets
from klaroen.core.posted import shaped

SHAPES_MAX: Final = 100
"""Polygons and circles of one message, each held against every network: a tenth of a second in all."""
WEST: Final = 2.3
SOUTH: Final = 49.4
EAST: Final = 6.5
NORTH: Final = 51.6
"""Belgium, with some kilometres of its neighbours and of the sea."""
NIS5: Final = "NIS5"
"""The `valueName` of a municipality's code in a geocode."""

Pair = tuple[float, float]
T = TypeVar("T")
_NUMBER: Final = r"[+-]?\d{1,3}(?:\.\d{1,20})?"
_PAIR: Final = re.compile(rf"({_NUMBER}),({_NUMBER})", re.ASCII)
_RADIUS: Final = re.compile(r"\d{1,6}(?:\.\d{1,20})?", re.ASCII)


class Area(Struct, frozen=True, gc=False):
    """Shapes and municipalities, each once; `paths` say where the shapes stand."""

    polygons: tuple[tuple[Pair, ...], ...] = ()
    """Rings of (longitude, latitude)."""
    circles: tuple[tuple[Pair, float], ...] = ()
    """((longitude, latitude), metres)."""
    municipalities: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.polygons or self.circles or self.municipalities)


def united(areas: Iterable[Area]) -> Area:
    """Return all of them as one, in an order of its own: equal areas become equal values."""
    areas = tuple(areas)
    return Area(
        tuple(sorted({ring for one in areas for ring in one.polygons})),
        tuple(sorted({circle for one in areas for circle in one.circles})),
        tuple(sorted({name for one in areas for name in one.municipalities})),
    )


def read_polygon(text: str, at: str) -> tuple[Pair, ...]:
    """Return a ring of (longitude, latitude). Raises InputError."""
    words = text.split()
    if not 4 <= len(words) <= POINTS_MAX:
        raise InputError("invalid", f"A polygon has 4 to {POINTS_MAX} points, latitude,longitude each.", at=at)
    ring = tuple(_read_pair(word, at) for word in words)
    if ring[0] != ring[-1]:
        raise InputError("invalid", "A polygon ends at the point where it starts.", at=at)
    _check_place(ring, at)
    _check_simple(ring, at)
    return ring


def read_circle(text: str, at: str) -> tuple[Pair, float]:
    """Return the centre as (longitude, latitude), and the radius in metres; CAP's is in kilometres."""
    words = text.split()
    if len(words) != 2 or _RADIUS.fullmatch(words[1]) is None:
        raise InputError("invalid", "A circle is latitude,longitude, a space, and a radius in kilometres.", at=at)
    centre = _read_pair(words[0], at)
    _check_place((centre,), at)
    return centre, float(words[1]) * 1000


def read_code(code: str, municipalities: Mapping[str, str], at: str) -> str:
    """Return the municipality's name as the deployer's table has it."""
    name = municipalities.get(code)
    if name is None:
        words = "This NIS5 code has no name in [cap.municipalities]: it must be the register's name of the place."
        raise InputError("invalid", words, at=at)
    return name


def targets_of(area: Area, at: str) -> tuple[Targets, ...]:
    """Return the area as targets whose union it is. Raises InputError where it is too much."""
    if len(area.polygons) + len(area.circles) > SHAPES_MAX:
        raise InputError("invalid", f"More than {SHAPES_MAX} polygons and circles.", at=at)
    if sum(map(len, area.polygons)) > POINTS_MAX:
        raise InputError("invalid", f"The polygons have more than {POINTS_MAX} points together.", at=at)
    if len(area.municipalities) > PLACES_MAX:
        raise InputError("invalid", f"More than {PLACES_MAX} municipalities.", at=at)
    named = [{"municipalities": area.municipalities}] if area.municipalities else []
    around = [{"near": {"point": point, "radius_m": radius_m}} for point, radius_m in area.circles]
    within = [{"area": {"type": "Polygon", "coordinates": [ring]}} for ring in area.polygons]
    return tuple(told_at(at, lambda one=one: shaped(one, Targets)) for one in (*named, *around, *within))  # type: ignore[misc]


def told_at(at: str, read: Callable[[], T]) -> T:
    """Return what is read; a fault is told at this place of the document."""
    try:
        return read()
    except InputError as error:
        raise InputError(error.problem.name, error.problem.detail, at=at) from None


def _read_pair(word: str, at: str) -> Pair:
    found = _PAIR.fullmatch(word)
    if found is None:
        raise InputError("invalid", "A point is latitude,longitude in decimal degrees.", at=at)
    latitude, longitude = float(found[1]), float(found[2])
    return longitude, latitude


def _check_place(ring: Sequence[Pair], at: str) -> None:
    if _meets_belgium(ring):
        return
    if _meets_belgium([(latitude, longitude) for longitude, latitude in ring]):
        words = "It lies outside Belgium, and inside it if its numbers are swapped: CAP writes latitude,longitude."
    else:
        words = "It lies outside Belgium."
    raise InputError("invalid", words, at=at)


def _meets_belgium(ring: Sequence[Pair]) -> bool:
    longitudes, latitudes = zip(*ring, strict=True)
    apart = min(longitudes) > EAST or max(longitudes) < WEST or min(latitudes) > NORTH or max(latitudes) < SOUTH
    return not apart


def _check_simple(ring: Sequence[Pair], at: str) -> None:
    import shapely

    if not shapely.Polygon(ring).is_valid:
        raise InputError("invalid", "A polygon does not cross or touch itself along a line.", at=at)
