"""An alert as it is posted: its shape, its bounds and its defaults.

Law: what is not understood is refused, with the field at fault; nothing is trimmed, normalised or guessed.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from klaroen.core.model import AlertClass, Channel, Kind, Mode, Text


class Street(Struct, frozen=True, forbid_unknown_fields=True):
    municipality: str
    street: str


class Near(Struct, frozen=True, forbid_unknown_fields=True):
    """`point` is [lon, lat]."""

    point: tuple[float, float]
    radius_m: Annotated[float, Meta(gt=0, le=50_000)]


class Polygon(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="Polygon"):
    """GeoJSON: closed rings of [lon, lat], the first the outer one."""

    coordinates: tuple[tuple[tuple[float, float], ...], ...]


class Targets(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    networks: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    municipalities: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    streets: tuple[Street, ...] = ()
    area: Polygon | None = None
    near: Near | None = None
    all: Literal[True] | None = None


class Texts(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """By language; a Struct, so that the schema says the keys."""

    nl: Text | None = None
    fr: Text | None = None
    de: Text | None = None
    en: Text | None = None
    mul: Text | None = None


class AlertRequest(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"alert_class": "class"}
):
    alert_class: AlertClass
    targets: Targets
    content: Texts
    mode: Mode = "live"
    expires_in_s: Annotated[int, Meta(ge=10, le=259_200)] | None = None
    confirm: bool = False
    channels: tuple[Channel, ...] | None = None
    urgent: bool | None = None
    reference: str | None = None
    author: str | None = None
