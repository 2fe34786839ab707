"""Which networks the targets name: the union of those named and those that satisfy all other keys."""

from collections.abc import Iterable
from math import asin, atan2, cos, degrees, radians, sin
from typing import Any

import pytest

from klaroen.core.errors import InputError
from klaroen.core.intake import Near, Polygon, Street, Targets
from klaroen.core.model import Area, Levels, Network, NetworkId, Zone, ZoneId
from klaroen.core.snapshot import Snapshot
from klaroen.core.targets import EARTH_RADIUS_M, resolve

Ring = tuple[tuple[float, float], ...]


def square(west: float, south: float, size: float) -> Ring:
    east, north = west + size, south + size
    return ((west, south), (east, south), (east, north), (west, north), (west, south))


def network(name: str, **changes: Any) -> Network:
    streets = changes.pop("streets", ())
    polygon = changes.pop("polygon", None)
    given: dict[str, Any] = {
        "id": NetworkId(name),
        "name": name,
        "kind": "residents",
        "zone": ZoneId("Z1"),
        "municipality": "Gent",
        "province": "Oost-Vlaanderen",
        "region": "Vlaanderen",
        "languages": ("nl",),
        "recognised_on": "2020-01-01",
        "area": Area(streets=streets, polygon=polygon),
        "coordinators": (),
        "officers": (),
        "mayor": "",
        "members_at_signing": 10,
        "levels": Levels(),
        "plans": (),
        "evaluation_months": 12,
    }
    return Network(**{**given, **changes})


def snapshot(*networks: Network) -> Snapshot:
    zones = {ZoneId(zone): Zone(ZoneId(zone), zone) for zone in ("Z1", "Z2", "Z3")}
    return Snapshot(1, zones, {one.id: one for one in networks}, (), (), ((), (), (), ()))


COUNTRY = snapshot(
    network("B1", streets=("Kerkstraat", "Dorp")),
    network("B2", kind="self_employed"),
    network("B3", zone=ZoneId("Z2"), municipality="Liège", province="Liège", streets=("Kerkstraat",)),
    network("B4", zone=ZoneId("Z2"), kind="self_employed", municipality="Liège", province="Liège"),
)


def chosen(targets: Targets, register: Snapshot = COUNTRY) -> tuple[str, ...]:
    return resolve(targets, register).networks


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (Targets(all=True), ("B1", "B2", "B3", "B4")),
        (Targets(networks=("B4", "B1", "B4")), ("B1", "B4")),
        (Targets(zones=("Z2",)), ("B3", "B4")),
        (Targets(zones=("Z1", "Z2")), ("B1", "B2", "B3", "B4")),
        (Targets(zones=("Z2",), kinds=("self_employed",)), ("B4",)),
        (Targets(networks=("B1",), zones=("Z2",), kinds=("self_employed",)), ("B1", "B4")),
        (Targets(municipalities=("GENT",)), ("B1", "B2")),
        (Targets(municipalities=("LIE\u0300GE",)), ("B3", "B4")),
        (Targets(provinces=("oost-vlaanderen",)), ("B1", "B2")),
        (Targets(provinces=("Liège",), zones=("Z1",)), ()),
        (Targets(streets=(Street("gent", "KERKSTRAAT"),)), ("B1",)),
        (Targets(streets=(Street("Gent", "Dorp"), Street("Liège", "Kerkstraat"))), ("B1", "B3")),
        (Targets(streets=(Street("Liège", "Dorp"),)), ()),
        (Targets(), ()),
    ],
)
def test_named_one_by_one_plus_those_that_satisfy_all_other_keys(targets: Targets, expected: tuple[str, ...]) -> None:
    """`networks` named one by one, plus those that satisfy all of the other given keys."""
    assert chosen(targets) == expected


def test_an_unknown_network_is_named() -> None:
    """It is refused later, with rule null."""
    resolved = resolve(Targets(networks=("B9", "B1", "B8")), COUNTRY)
    assert (resolved.networks, resolved.unknown) == (("B1",), ("B8", "B9"))


@pytest.mark.parametrize(
    ("targets", "paths"),
    [
        (Targets(zones=("Z1", "Z9", "Z3")), ("$.targets.zones[1]", "$.targets.zones[2]")),
        (Targets(municipalities=("Gnet", "Gent")), ("$.targets.municipalities[0]",)),
        (Targets(provinces=("Liege",)), ("$.targets.provinces[0]",)),
        (Targets(streets=(Street("Gent", "Dorp"), Street("Gent", "Dorpp"))), ("$.targets.streets[1]",)),
        (Targets(zones=("Z1",), municipalities=("Liège",)), ()),
        (Targets(all=True), ()),
    ],
)
def test_a_place_that_no_network_belongs_to_is_told(targets: Targets, paths: tuple[str, ...]) -> None:
    """A slip of the pen would else warn nobody, silently."""
    assert resolve(targets, COUNTRY).unmatched == paths


def test_an_area_meets_the_polygon_else_holds_the_centroid() -> None:
    """A network whose polygon is known is judged by it alone; the border belongs to the area."""
    register = snapshot(
        network("inside", polygon=square(4.01, 51.01, 0.01)),
        network("crossing", polygon=square(4.09, 51.09, 0.05)),
        network("touching", polygon=square(4.1, 51.0, 0.05)),
        network("around", polygon=square(3.0, 50.0, 3.0)),
        network("apart", polygon=square(4.2, 51.0, 0.05), centroid=(4.05, 51.05)),
        network("in_the_box_only", polygon=square(4.005, 51.09, 0.004)),
        network("centre", centroid=(4.05, 51.05)),
        network("centre_on_border", centroid=(4.1, 51.05)),
        network("centre_outside", centroid=(4.11, 51.05)),
    )
    area = Polygon(coordinates=(((4.0, 51.0), (4.1, 51.0), (4.1, 51.1), (4.02, 51.1), (4.0, 51.0)),), type="Polygon")
    assert chosen(Targets(area=area), register) == (
        "around",
        "centre",
        "centre_on_border",
        "crossing",
        "inside",
        "touching",
    )


def test_a_hole_of_the_area_is_outside_it() -> None:
    """GeoJSON: rings after the first are holes."""
    register = snapshot(
        network("in_the_hole", polygon=square(4.04, 51.04, 0.01)), network("centre", centroid=(4.05, 51.05))
    )
    area = Polygon(coordinates=(square(4.0, 51.0, 0.1), square(4.02, 51.02, 0.06)), type="Polygon")
    assert chosen(Targets(area=area), register) == ()


def test_an_area_that_crosses_itself_is_refused() -> None:
    """What lies inside it cannot be told."""
    bow_tie = ((4.0, 51.0), (4.1, 51.1), (4.1, 51.0), (4.0, 51.1), (4.0, 51.0))
    with pytest.raises(InputError) as caught:
        resolve(Targets(area=Polygon(coordinates=(bow_tie,), type="Polygon")), COUNTRY)
    assert (caught.value.problem.name, caught.value.problem.at) == ("invalid", "$.targets.area.coordinates")


def test_a_networks_polygon_that_crosses_itself_is_mended() -> None:
    """A slip in the register must not silence a network, nor bring the process down."""
    bow_tie = ((4.0, 51.0), (4.1, 51.1), (4.1, 51.0), (4.0, 51.1), (4.0, 51.0))
    register = snapshot(network("B1", polygon=bow_tie))
    assert chosen(Targets(area=Polygon(coordinates=(square(4.09, 51.04, 0.02),), type="Polygon")), register) == ("B1",)
    assert chosen(Targets(near=Near((4.095, 51.05), 1.0)), register) == ("B1",)
    assert chosen(Targets(near=Near((4.05, 51.09), 1.0)), register) == ()


@pytest.mark.parametrize("latitude", [49.5, 50.85, 51.5])
@pytest.mark.parametrize("radius_m", [100.0, 10_000.0, 50_000.0])
def test_near_reaches_as_far_as_it_says_in_every_direction(latitude: float, radius_m: float) -> None:
    """Over the ground, to the centroid where no polygon is known."""

    def around(distance_m: float) -> Iterable[tuple[float, float]]:
        north = distance_m / EARTH_RADIUS_M * 180 / 3.141592653589793
        yield 4.35, latitude + north
        yield 4.35, latitude - north
        yield 4.35 + north / cos(radians(latitude)), latitude
        yield 4.35 - north / cos(radians(latitude)), latitude

    near = Targets(near=Near((4.35, latitude), radius_m))
    within = snapshot(*(network(f"B{i}", centroid=at) for i, at in enumerate(around(radius_m * 0.999))))
    beyond = snapshot(*(network(f"B{i}", centroid=at) for i, at in enumerate(around(radius_m * 1.001))))
    assert len(chosen(near, within)) == 4
    assert chosen(near, beyond) == ()


@pytest.mark.parametrize("radius_m", [300.0, 50_000.0])
@pytest.mark.parametrize("bearing", range(0, 360, 15))
def test_near_reaches_a_polygon_in_every_direction(radius_m: float, bearing: int) -> None:
    """However its box lies: looking at the box first leaves nobody out."""

    def at(distance_m: float) -> tuple[float, float]:
        """The destination on the sphere (Snyder 1987, 5-5 and 5-6)."""
        angle, north, turn = distance_m / EARTH_RADIUS_M, radians(50.5), radians(bearing)
        latitude = asin(sin(north) * cos(angle) + cos(north) * sin(angle) * cos(turn))
        east = atan2(sin(turn) * sin(angle) * cos(north), cos(angle) - sin(north) * sin(latitude))
        return 4.5 + degrees(east), degrees(latitude)

    def beyond(distance_m: float) -> Ring:
        """A long wedge that points at the centre and begins at that distance."""
        tip, (east, north) = at(distance_m), at(distance_m * 1.5)
        return (tip, (east + 1e-4, north), (east, north + 1e-4), tip)

    near = Targets(near=Near((4.5, 50.5), radius_m))
    assert chosen(near, snapshot(network("B1", polygon=beyond(radius_m * 0.999)))) == ("B1",)
    assert chosen(near, snapshot(network("B1", polygon=beyond(radius_m * 1.001)))) == ()


def test_near_is_measured_to_the_nearest_edge_of_a_polygon() -> None:
    """0.01 degree of longitude is 700 m in Belgium."""
    register = snapshot(
        network("holds_the_point", polygon=square(4.3, 50.8, 0.1)),
        network("edge_at_700_m", polygon=square(4.36, 50.8, 0.1)),
        network("at_the_point", centroid=(4.35, 50.85)),
    )
    assert chosen(Targets(near=Near((4.35, 50.85), 650.0)), register) == ("at_the_point", "holds_the_point")
    assert len(chosen(Targets(near=Near((4.35, 50.85), 750.0)), register)) == 3


def test_area_and_near_together_are_both_asked() -> None:
    """All of the other given keys."""
    register = snapshot(
        network("B1", centroid=(4.05, 51.05)),
        network("B2", centroid=(4.01, 51.01)),
        network("B3", centroid=(4.11, 51.05)),
    )
    area = Polygon(coordinates=(square(4.0, 51.0, 0.1),), type="Polygon")
    assert chosen(Targets(area=area, near=Near((4.06, 51.05), 4000.0)), register) == ("B1",)


def test_a_network_that_has_no_place_on_the_map_is_named() -> None:
    """Only one that satisfies the other keys, and that was not named one by one, is missed."""
    register = snapshot(
        network("B1", centroid=(4.05, 51.05)), network("B2"), network("B3"), network("B4", zone=ZoneId("Z2"))
    )
    targets = Targets(networks=("B3",), zones=("Z1",), near=Near((4.05, 51.05), 10.0))
    resolved = resolve(targets, register)
    assert (resolved.networks, resolved.not_located) == (("B1", "B3"), ("B2",))
    assert resolve(Targets(zones=("Z1",)), register).not_located == ()
