"""The zones and networks of the seeded country, as the lines of zones.jsonl and networks.jsonl.

Law: every value follows from the seed. 875 of 1,059 networks are Flemish, 178 Walloon and 6 in Brussels; smaller
countries keep the proportion. Every urgent window permits sms, tts and voice, in an order that depends on the hour.
"""

import random
import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

from klaroen_bench.country_people import full_name, landline, mobile
from klaroen_bench.municipalities import MUNICIPALITIES, Municipality

REGION_WEIGHTS: Final = {"Vlaanderen": 875, "Wallonie": 178, "Brussel": 6}
KIND_WEIGHTS: Final = {"residents": 85, "self_employed": 8, "professional": 3, "business_park": 4}
RECTANGLE_DEGREES: Final = 0.004
"""Half a side of a network's area: some 300 to 450 m."""
GRID_DEGREES: Final = 0.012
"""Between the centroids of neighbouring networks of one municipality."""

_STREETS: Final = {
    "nl": "Kerkstraat Molenstraat Stationsstraat Schoolstraat Nieuwstraat Kapelstraat Dorpsstraat Veldstraat "
    "Beukenlaan Lindenlaan Kasteelstraat Populierenlaan Groenstraat Bosstraat Hoogstraat Heidestraat Eikenlaan",
    "fr": "Rue&de&l'Église Rue&du&Moulin Rue&de&la&Gare Rue&de&l'École Rue&Neuve Rue&de&la&Chapelle Place&Communale "
    "Rue&des&Champs Avenue&des&Hêtres Avenue&des&Tilleuls Rue&du&Château Avenue&des&Peupliers Rue&Verte Rue&du&Bois",
    "de": "Kirchstraße Mühlenweg Bahnhofstraße Schulstraße Neustraße Kapellenweg Dorfstraße Feldstraße Buchenweg "
    "Lindenweg Schlossweg Pappelweg Grünstraße Waldstraße",
}
_WORKING_DAYS: Final = ["mon", "tue", "wed", "thu", "fri"]
_WEEKEND: Final = ["sat", "sun"]


class Shape(NamedTuple):
    """The urgent windows of one kind of plan, and how many networks in a hundred have it."""

    weight: int
    calls_first: bool
    """In some window calls come before SMS: who wants SMS first says so in the preference."""
    windows: list[dict[str, object]]


def _window(start: str, to: str, channels: str, days: list[str] | None = None) -> dict[str, object]:
    window: dict[str, object] = {"from": start, "to": to, "channels": channels.split()}
    return window | ({"days": days} if days else {})


SHAPES: Final = (
    Shape(55, False, [_window("00:00", "24:00", "sms tts voice")]),
    Shape(25, False, [_window("06:30", "22:30", "sms tts voice"), _window("22:30", "06:30", "sms voice tts")]),
    Shape(
        15,
        False,
        [
            _window("00:00", "24:00", "sms tts voice", _WORKING_DAYS),
            _window("00:00", "24:00", "sms voice tts", _WEEKEND),
        ],
    ),
    Shape(3, True, [_window("07:00", "22:00", "sms tts voice"), _window("22:00", "07:00", "tts voice sms")]),
    Shape(
        2,
        True,
        [
            _window("08:00", "18:00", "tts sms voice", _WORKING_DAYS),
            _window("18:00", "08:00", "sms tts voice", _WORKING_DAYS),
            _window("08:00", "08:00", "sms tts voice", _WEEKEND),
        ],
    ),
)
_NON_URGENT: Final = (
    [_window("00:00", "24:00", "email sms")],
    [_window("08:00", "20:00", "email sms"), _window("20:00", "08:00", "email")],
)


class Place(NamedTuple):
    """One network before its members are known."""

    id: str
    municipality: Municipality
    rank: int
    """Which of the municipality's networks it is, from 0."""
    kind: str
    shape: Shape
    weight: float
    """Its share of the members, next to the others'."""


def make_places(count: int, seed: int) -> list[Place]:
    """Return the networks, so that those next to each other in the list are neighbours."""
    rng = random.Random(f"places {seed}")
    chosen: list[Municipality] = []
    for region, share in zip(REGION_WEIGHTS, apportion(count, list(REGION_WEIGHTS.values())), strict=True):
        towns = [town for town in MUNICIPALITIES if town.region == region]
        rng.shuffle(towns)
        chosen += [towns[index % len(towns)] for index in range(share)]
    chosen.sort(key=MUNICIPALITIES.index)
    kinds = rng.choices(list(KIND_WEIGHTS), list(KIND_WEIGHTS.values()), k=count)
    shapes = rng.choices(SHAPES, [shape.weight for shape in SHAPES], k=count)
    first = {town: index for index, town in reversed(list(enumerate(chosen)))}
    return [
        Place(f"BIN-{index + 1:04}", town, index - first[town], kind, shape, rng.lognormvariate(0, 0.5))
        for index, (town, kind, shape) in enumerate(zip(chosen, kinds, shapes, strict=True))
    ]


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Return whole shares of `total` in proportion to the weights, by largest remainder."""
    exact = [total * weight / sum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: (shares[index] - exact[index], index))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares


def zone_id(municipality: Municipality) -> str:
    return f"PZ_{_slug(municipality.zone)}"


def _slug(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "_", ascii_name).strip("_")


def make_zones(places: Sequence[Place], reserved: int) -> list[dict[str, object]]:
    """Return the police zones of these networks; no member has a landline at the index `reserved` or beyond."""
    towns = {zone_id(place.municipality): place.municipality for place in reversed(places)}
    return [
        {
            "id": zone,
            "name": f"{'Zone de police' if town.languages[0] == 'fr' else 'Politiezone'} {town.zone}",
            "caller_id": landline(town.province, reserved + index),
            "call_number": "101",
            "reply": {
                "nl": "Antwoorden op dit bericht worden niet gelezen. Bel 101.",
                "fr": "Les réponses à ce message ne sont pas lues. Appelez le 101.",
                "de": "Antworten auf diese Nachricht werden nicht gelesen. Rufen Sie 101 an.",
            },
            "social_media_supported": index % 3 == 0,
            "dispatch_centres": [f"CIC_{_slug(town.province)}"],
        }
        for index, (zone, town) in enumerate(sorted(towns.items()))
    ]


def make_network(place: Place, index: int, first_member: str | None, reserved: int, seed: int) -> dict[str, object]:
    """Return one line of networks.jsonl. No member has a mobile at the index `reserved` or beyond."""
    rng = random.Random(f"network {seed} {index}")
    town = place.municipality
    streets = rng.sample(_STREETS[town.languages[0]].split(), 3)
    lon = round(town.lon + GRID_DEGREES * (place.rank % 3 - 1), 4)
    lat = round(town.lat + GRID_DEGREES * (place.rank // 3 % 3 - 1), 4)
    east, north = round(lon + RECTANGLE_DEGREES, 4), round(lat + RECTANGLE_DEGREES, 4)
    west, south = round(lon - RECTANGLE_DEGREES, 4), round(lat - RECTANGLE_DEGREES, 4)
    coordinators = [
        {"id": f"K{index + 1}_{rank}", "name": full_name(rng), "phone": mobile(reserved + 2 * index + rank)}
        for rank in range(2 if rng.random() < 0.15 else 1)
    ]
    if first_member is not None:
        coordinators[0]["member"] = first_member
    business = place.kind != "residents"
    return {
        "id": place.id,
        "name": f"{'PLP' if town.languages[0] == 'fr' else 'BIN'} {streets[0].replace('&', ' ')} {town.name}",
        "kind": place.kind,
        "zone": zone_id(town),
        "municipality": town.name,
        "province": town.province,
        "region": town.region,
        "languages": list(town.languages),
        "recognised": True,
        "recognised_on": f"{rng.randint(2003, 2025)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        "area": {
            "streets": [street.replace("&", " ") for street in streets],
            "polygon": [[west, south], [east, south], [east, north], [west, north], [west, south]],
        },
        "centroid": [lon, lat],
        "coordinators": coordinators,
        "officers": [{"id": f"O_{_slug(town.zone)[:34]}_1", "name": full_name(rng)}],
        "mayor": full_name(rng),
        "members_at_signing": rng.randint(10, 60),
        "levels": {"urgent": 1, "non_urgent": 1},
        "plans": [
            {
                "version": 1,
                "valid_from": "2020-01-01",
                "urgent": place.shape.windows,
                "non_urgent": rng.choice(_NON_URGENT),
                "social_media_supported": business,
            }
        ],
        "house_rules_social_media": business,
        "evaluation_months": rng.choice((12, 12, 24, 36)),
        "cost_share": rng.choice(
            (
                {"municipality": 0.5, "zone": 0.5, "members": 0.0},
                {"municipality": 0.6, "zone": 0.3, "members": 0.1},
                {"municipality": 1.0, "zone": 0.0, "members": 0.0},
            )
        ),
    }
