"""An alert as it is posted: its shape, its bounds and its defaults.

Law: what is not understood is refused, with the field at fault; nothing is trimmed, normalised or guessed. What a
schema can say stands in the types, so that `/openapi.json` says it too; what it cannot say stands in `_check_*`.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from klaroen.core.errors import InputError
from klaroen.core.model import AlertClass, Channel, Kind, Language, Mode, RecordingId, Text
from klaroen.core.posted import read_json, shaped
from klaroen.core.words import ONE_LINE

NETWORKS_MAX: Final = 5_000
"""Named one by one; 1,059 are recognised."""
ZONES_MAX: Final = 1_000
"""There are some 180."""
PLACES_MAX: Final = 2_000
"""Municipalities or streets; there are 565 municipalities."""
POINTS_MAX: Final = 10_000
"""The contract's, over all rings of a polygon."""
RINGS_MAX: Final = 1_000
RADIUS_MAX_M: Final = 50_000
"""Wider is a province, which has a name."""

LIFE_S_MIN: Final = 10
LIFE_S_MAX: Final = 259_200
"""The contract's: three days."""
EXPIRES_IN_S: Final[Mapping[AlertClass, int]] = {
    "crisis": 14_400,
    "warm": 3_600,
    "public_interest": 43_200,
    "cold": 259_200,
}
"""How long an alert lives if its sender does not say."""

Id = Annotated[str, Meta(min_length=1, max_length=40, pattern=ONE_LINE)]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=ONE_LINE)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Point = Annotated[tuple[Longitude, Latitude], Meta(description="[longitude, latitude], WGS 84")]
Ring = Annotated[
    tuple[Point, ...], Meta(min_length=4, max_length=POINTS_MAX, description="Closed: the last point is the first.")
]
Words = Annotated[str, Meta(min_length=1, max_length=200, pattern=ONE_LINE)]


class Street(Struct, frozen=True, forbid_unknown_fields=True):
    municipality: Name
    street: Name


class Near(Struct, frozen=True, forbid_unknown_fields=True):
    """A circle: it takes in a network whose polygon it meets, else whose centroid lies in it."""

    point: Point
    radius_m: Annotated[float, Meta(gt=0, le=RADIUS_MAX_M)]


class Polygon(Struct, frozen=True, forbid_unknown_fields=True):
    """GeoJSON: the first ring is the outer one, the others are holes. At most 10,000 points together."""

    coordinates: Annotated[tuple[Ring, ...], Meta(min_length=1, max_length=RINGS_MAX)]
    type: Literal["Polygon"]


class Targets(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Networks named one by one, plus those that satisfy all of the other keys given; or `all`, alone."""

    networks: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=NETWORKS_MAX)] = ()
    zones: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=ZONES_MAX)] = ()
    municipalities: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=PLACES_MAX)] = ()
    provinces: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=100)] = ()
    kinds: Annotated[tuple[Kind, ...], Meta(min_length=1, max_length=4)] = ()
    streets: Annotated[tuple[Street, ...], Meta(min_length=1, max_length=PLACES_MAX)] = ()
    area: Polygon | None = None
    near: Near | None = None
    all: Literal[True] | None = None


class Texts(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """By language, at least one; `mul` holds several languages itself."""

    nl: Text | None = None
    fr: Text | None = None
    de: Text | None = None
    en: Text | None = None
    mul: Text | None = None

    def by_language(self) -> Mapping[Language, Text]:
        """Return the texts that were given, in this order, which makes the first of them the last resort (R16)."""
        every: tuple[tuple[Language, Text | None], ...] = (
            ("nl", self.nl),
            ("fr", self.fr),
            ("de", self.de),
            ("en", self.en),
            ("mul", self.mul),
        )
        return {language: text for language, text in every if text is not None}


RecordingName = Annotated[str, Meta(pattern=r"^[A-Z2-7]{26}\Z", description="As `POST /v1/recordings` answered")]


class Recordings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """By language, which recording calls play in place of a voice (R12)."""

    nl: RecordingName | None = None
    fr: RecordingName | None = None
    de: RecordingName | None = None
    en: RecordingName | None = None
    mul: RecordingName | None = None

    def by_language(self) -> Mapping[Language, RecordingId]:
        """Return those that were given, in the order of `Texts`."""
        every: tuple[Language, ...] = ("nl", "fr", "de", "en", "mul")
        return {language: RecordingId(name) for language in every if (name := getattr(self, language)) is not None}


class AlertRequest(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"alert_class": "class"}
):
    alert_class: AlertClass
    targets: Targets
    content: Texts = Texts()
    """A text in one language at least, unless there is a recording."""
    recording: Recordings = Recordings()
    mode: Mode = "live"
    expires_in_s: Annotated[int, Meta(ge=LIFE_S_MIN, le=LIFE_S_MAX)] | None = None
    confirm: bool = False
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1, max_length=5)] | None = None
    urgent: bool | None = None
    reference: Words | None = None
    author: Words | None = None
    supersedes: Id | None = None
    """An alert that this one corrects: what it has not handed over is stopped, and both audiences are warned."""
    extends: Id | None = None
    """An alert that this one carries on: whoever has been handed that one does not get this one."""

    @property
    def languages(self) -> tuple[Language, ...]:
        """In which it can be given: those of its texts, else of its recordings."""
        return tuple(self.content.by_language() or self.recording.by_language())

    @property
    def lifetime_s(self) -> int:
        return EXPIRES_IN_S[self.alert_class] if self.expires_in_s is None else self.expires_in_s

    @property
    def is_urgent(self) -> bool:
        """Whether it goes by the plan's urgent channels. Only of public interest does the sender choose."""
        if self.alert_class == "public_interest":
            return self.urgent is True
        return self.alert_class in ("crisis", "warm")


def read_alert(body: bytes) -> AlertRequest:
    """Return the alert that the body holds.

    Raises InputError: `malformed` where the body cannot be read, `invalid` where a field breaks a rule.
    """
    request = shaped(read_json(body), AlertRequest)
    _check_targets(request.targets)
    _check_class(request)
    check_languages(request.content, request.recording)
    return request


def check_languages(content: Texts, recording: Recordings) -> None:
    """Raises InputError where nothing is said, or a recording has no text for those who get no call."""
    texts, recordings = content.by_language(), recording.by_language()
    if not texts and not recordings:
        words = "content must hold a text in one language at least, or recording a recording."
        raise InputError("invalid", words, at="$.content")
    for language in recordings:
        if texts and language not in texts:
            words = f"recording.{language} must have its text in content too: who gets no call reads it (R12, R16)."
            raise InputError("invalid", words, at=f"$.recording.{language}", rule="R16")


def _check_targets(targets: Targets) -> None:
    given = {field for field in targets.__struct_fields__ if getattr(targets, field)}
    if not given:
        raise InputError("invalid", "targets must name somebody to warn.", at="$.targets")
    if targets.all and len(given) > 1:
        raise InputError("invalid", "targets.all stands alone: it is the whole scope already.", at="$.targets.all")
    if given - {"networks"} == {"kinds"}:
        words = "targets.kinds only narrows other keys: without zone or place it would take in the whole country."
        raise InputError("invalid", words, at="$.targets.kinds")
    if targets.area is not None:
        _check_rings(targets.area.coordinates)


def _check_rings(rings: tuple[tuple[tuple[float, float], ...], ...]) -> None:
    at = "$.targets.area.coordinates"
    if sum(map(len, rings)) > POINTS_MAX:
        raise InputError("invalid", f"targets.area must have at most {POINTS_MAX} points over all rings.", at=at)
    for index, ring in enumerate(rings):
        if ring[0] != ring[-1]:
            words = f"targets.area.coordinates[{index}] must end at the point where it starts."
            raise InputError("invalid", words, at=f"{at}[{index}]")


def _check_class(request: AlertRequest) -> None:
    if request.alert_class == "crisis":
        if request.confirm:
            words = "confirm would add words to a crisis message, which is copied literally (R10)."
            raise InputError("invalid", words, at="$.confirm", rule="R10")
        if "whatsapp" in (request.channels or ()):
            at = f"$.channels[{(request.channels or ()).index('whatsapp')}]"
            raise InputError("invalid", "A crisis message never goes by whatsapp (R10).", at=at, rule="R10")
    if request.supersedes is not None and request.extends is not None:
        words = "An alert takes the place of another one or extends one: supersedes and extends exclude each other."
        raise InputError("invalid", words, at="$.extends")
    if request.urgent is not None and request.alert_class != "public_interest":
        words = f"urgent is for class public_interest: the channels of {request.alert_class} are fixed."
        raise InputError("invalid", words, at="$.urgent")
