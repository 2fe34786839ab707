"""What the tests of dispatch in virtual time have in common beside the world itself."""

import struct

from klaroen.core.model import AlertId, Window
from klaroen.core.records import BatchRow
from klaroen.core.sheet import Sheet
from klaroen.testing.country import DAY, TOKENS, address, network, register, token
from klaroen.testing.reckoning import gist, members_counted
from klaroen.testing.reckoning import sheets as sheets_of
from klaroen.testing.world import ALL_STEPS, CALL_S, GRACE_S, SMS_S, STEPS, TEXT, World

__all__ = [
    "ALL_STEPS",
    "CALL_S",
    "DAY",
    "GRACE_S",
    "SMS_S",
    "STEPS",
    "TEXT",
    "TEXT_ONLY",
    "TOKENS",
    "World",
    "address",
    "gist",
    "members_counted",
    "network",
    "numbers",
    "register",
    "sheets",
    "token",
]

TEXT_ONLY = (Window("00:00", "24:00", ("sms",)),)


def sheets(world: World, alert: str) -> list[tuple[BatchRow, Sheet]]:
    return sheets_of(world.desk.store, AlertId(alert))


def numbers(blob: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(blob) // 4}I", blob)
