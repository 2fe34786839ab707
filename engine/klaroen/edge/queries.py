"""Query strings and languages, read strictly.

Law: a parameter that is not known, comes twice or breaks its bounds is refused: a filter that is silently ignored
shows more than was asked for.
"""

import re
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import parse_qsl

from msgspec import Meta, Struct, structs

from klaroen.core.errors import InputError, Problem
from klaroen.core.evaluation import DAY_FORM
from klaroen.core.intake import Id, Name
from klaroen.core.model import AlertClass, AlertState, Channel
from klaroen.core.posted import shaped
from klaroen.core.views import DeliveryState

PARAMETERS_MAX: Final = 16
"""Twice as many as the call that takes most."""

Cursor = Annotated[str, Meta(min_length=1, max_length=200, description="`next` of the page before.")]
NEAR: Final = (
    r"^-?(180(\.0{1,9})?|(1[0-7][0-9]|[1-9]?[0-9])(\.[0-9]{1,9})?),"
    r"-?(90(\.0{1,9})?|[1-8]?[0-9](\.[0-9]{1,9})?),"
    r"(50000(\.0{1,3})?|([1-4][0-9]{4}|[1-9][0-9]{0,3})(\.[0-9]{1,3})?)$"
)
"""lon,lat,m: degrees of WGS 84, and 1 m to 50 km, as an alert's `near`; a pattern, so that the schema says it too."""


class Query(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The parameters of a call: each field is one."""


class NoQuery(Query, frozen=True):
    """A call without parameters."""


class AlertsQuery(Query, frozen=True, rename={"alert_class": "class"}):
    alert_class: AlertClass | None = None
    state: AlertState | None = None
    zone: Id | None = None
    before: Cursor | None = None
    feedback: Annotated[
        Literal["missing"] | None,
        Meta(description="Warm alerts of the last month that were over a day ago and have no follow-up (R18)."),
    ] = None


class DeliveriesQuery(Query, frozen=True):
    network: Id | None = None
    state: DeliveryState | None = None
    channel: Channel | None = None
    after: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class MembersQuery(Query, frozen=True):
    after: Annotated[str, Meta(min_length=1, max_length=40, description="`next` of the page before.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class RepliesQuery(Query, frozen=True):
    after: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class NetworksQuery(Query, frozen=True):
    street: Name | None = None
    municipality: Name | None = None
    near: Annotated[str, Meta(description="lon,lat,metres", extra_json_schema={"pattern": NEAR})] | None = None


Day = Annotated[str, Meta(pattern=DAY_FORM, description="A day of Brussels, such as 2026-12-31")]


class PeriodQuery(Query, frozen=True, rename={"since": "from", "until": "to"}):
    since: Day | None = None
    until: Day | None = None


class ClipQuery(Query, frozen=True):
    until: Annotated[str, Meta(pattern=r"^[0-9]{1,12}$", description="Unix seconds at which the address ends")] = "0"
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$", description="As it stands in the address")] = "0" * 32


Q = TypeVar("Q", bound=Query)


def read_query(query: bytes, shape: type[Q]) -> Q:
    """Return the parameters; raises InputError (400 unreadable, 422 unknown, repeated or out of bounds)."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except ValueError as error:
        raise InputError("malformed", "the query cannot be read") from error
    values: dict[str, object] = dict(pairs)
    if len(values) != len(pairs):
        raise InputError("invalid", "a query parameter comes twice", at="?")
    for field in structs.fields(shape):
        value = values.get(field.encode_name)
        if isinstance(field.default, int) and isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            values[field.encode_name] = int(value)
    try:
        return shaped(values, shape)
    except InputError as error:
        problem: Problem = error.problem
        at = str(problem.at).removeprefix("$").removeprefix(".")
        raise InputError("invalid", problem.detail, at=f"?{at}") from None


def read_near(near: str | None) -> tuple[float, float, float] | None:
    """Return (lon, lat, metres); raises InputError (422)."""
    if near is None:
        return None
    if re.fullmatch(NEAR, near) is None:
        raise InputError("invalid", "near must be longitude,latitude,metres, from 1 m to 50 km.", at="?near")
    longitude, latitude, metres = (float(part) for part in near.split(","))
    return longitude, latitude, metres
