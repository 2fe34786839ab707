"""A zone, a network and two members that break no rule; each test spoils one thing."""

import json
from collections.abc import Callable

import pytest

from klaroen.register.files import read_register
from klaroen.register.model import Fault, Register, RegisterFaults

Entry = dict[str, object]
HEADER = "member_id,network_id,name,language,mobile,landline,email,whatsapp,preference,status,adult,house_rules"


@pytest.fixture
def zone() -> Entry:
    return {"id": "Z1", "name": "Politiezone Aalst"}


@pytest.fixture
def network() -> Entry:
    return {
        "id": "BIN-0001",
        "name": "BIN Kerkstraat",
        "kind": "residents",
        "zone": "Z1",
        "municipality": "Aalst",
        "province": "Oost-Vlaanderen",
        "region": "Vlaanderen",
        "languages": ["nl"],
        "recognised_on": "2019-05-01",
        "area": {"streets": ["Kerkstraat"]},
        "coordinators": [{"id": "K1", "name": "C"}],
        "officers": [{"id": "O1", "name": "O"}],
        "mayor": "B",
        "members_at_signing": 20,
        "levels": {"urgent": 1, "non_urgent": 1},
        "plans": [
            {
                "version": 1,
                "valid_from": "2020-01-01",
                "urgent": [
                    {"from": "07:00", "to": "22:00", "channels": ["sms", "tts"]},
                    {"from": "22:00", "to": "07:00", "channels": ["tts", "sms"]},
                ],
                "non_urgent": [{"from": "00:00", "to": "24:00", "channels": ["email"]}],
            }
        ],
        "evaluation_months": 12,
    }


@pytest.fixture
def rows() -> list[str]:
    return [
        "M1,BIN-0001,An,,0470 12 34 56,,an@example.be,,tts>sms,active,true,true",
        "M2,BIN-0001,Bo,,,053 21 00 00,,,,active,true,true",
    ]


def lines(*entries: Entry) -> bytes:
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


@pytest.fixture
def read(zone: Entry, network: Entry, rows: list[str]) -> Callable[..., Register]:
    """Read a register whose parts are as above where they are not given; `extra` networks follow the first."""

    def read_parts(**parts: object) -> Register:
        zones = parts.get("zones", lines(zone))
        networks = parts.get("networks", lines(network, *parts.get("extra", [])))  # type: ignore[misc]
        members = parts.get("members", "\r\n".join([HEADER, *rows, *parts.get("more", [])]).encode())  # type: ignore[misc]
        return read_register(zones, networks, members, parts.get("only"))  # type: ignore[arg-type]

    return read_parts


@pytest.fixture
def faults(read: Callable[..., Register]) -> Callable[..., tuple[Fault, ...]]:
    """Read what must be refused, and return its faults."""

    def refused(**parts: object) -> tuple[Fault, ...]:
        with pytest.raises(RegisterFaults) as caught:
            read(**parts)
        return caught.value.faults

    return refused
