"""A small country for worlds in virtual time: networks, members, and who may call.

Law: numbers run on from network to network, so that an address tells the member.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec.structs import replace

from klaroen.core.model import (
    Area,
    Coordinator,
    Levels,
    Member,
    MemberId,
    MemberNumber,
    Network,
    NetworkId,
    Officer,
    Plan,
    Role,
    Token,
    Window,
    Zone,
    ZoneId,
)
from klaroen.register.model import Register

DAY: Final = (Window("00:00", "24:00", ("sms", "tts")),)


def network(number: int, urgent: Sequence[Window] = DAY, *, zone: str = "Z1", **changes: Any) -> Network:
    """Return a network whose plan has these windows for everything, and these fields."""
    made = Network(
        id=NetworkId(f"BIN-{number:04}"),
        name=f"BIN {number}",
        kind="residents",
        zone=ZoneId(zone),
        municipality="Aalst",
        province="Oost-Vlaanderen",
        region="Vlaanderen",
        languages=("nl",),
        recognised_on="2019-05-01",
        area=Area(streets=("Kerkstraat",)),
        coordinators=(Coordinator("K1", "C"),),
        officers=(Officer("O1", "O"),),
        mayor="B",
        members_at_signing=20,
        levels=Levels(),
        plans=(Plan(1, "2020-01-01", tuple(urgent), tuple(urgent)),),
        evaluation_months=12,
    )
    return replace(made, **changes) if changes else made


def address(number: int) -> str:
    return f"+32470{number:06}"


def landline(number: int) -> str:
    return f"+3253{number:06}"


def mail(number: int) -> str:
    return f"lid{number}@example.be"


def register(networks: Sequence[Network], members_each: int) -> Register:
    """Networks of as many members each, all with a mobile; numbers run on from network to network."""
    zones = tuple(Zone(ZoneId(name), f"Zone {name}") for name in sorted({one.zone for one in networks}))
    members = tuple(
        Member(
            number=MemberNumber(place * members_each + index),
            id=MemberId(f"M{place * members_each + index}"),
            name="N",
            language=None,
            mobile=address(place * members_each + index),
            landline=None,
            email=None,
            whatsapp=None,
            preference=(),
            adult=True,
            memberships=((one.id, "active", True),),
        )
        for place, one in enumerate(networks)
        for index in range(members_each)
    )
    return Register(zones, tuple(networks), members)


def token(name: str, role: Role, *zones: str) -> Token:
    return Token(name, sha256(name.encode()).digest(), role, zones=zones)


TOKENS: Final = (
    token("police", "police", "*"),
    token("police2", "police", "*"),
    token("operator", "operator"),
    token("crisis", "crisis_authority", "*"),
)
