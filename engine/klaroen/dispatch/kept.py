"""Receipts as inbox and orphans keep them: without the ticket, and the address only as a keyed hash."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from klaroen.core.model import Instant
from klaroen.telemetry.dispatch import ReceiptLabel

if TYPE_CHECKING:
    from klaroen.dispatch.page import Page
    from klaroen.dispatch.station import Station


class Kept(Struct, frozen=True, array_like=True, gc=False):
    """A receipt as the inbox and the orphans keep it: the address only as a keyed hash."""

    state: ReceiptLabel
    code: str
    at: Instant | None
    ref: str | None
    alias: str | None
    attempt: str | None
    reference: int | None
    address: bytes | None
    part: int | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Kept]).decode


def hash_address(key: bytes, address: str) -> bytes:
    """Return eight bytes that say whether two addresses are the same, and no more."""
    return hashlib.blake2b(address.lstrip("+").encode(), key=key, digest_size=8).digest()


def write_kept(rows: Sequence[Kept]) -> bytes:
    return _encode(rows)


def read_kept(rows: bytes) -> list[Kept]:
    return _decode(rows)


class Phased:
    """A phase of a call (`core/phases`) that waits for the receipts before it; `held` where it gives a line back."""

    __slots__ = ("held", "index", "lasted_ms", "ms", "page", "phase")

    def __init__(self, page: "Page", index: int, phase: int, ms: int, lasted_ms: int, *, held: bool) -> None:
        self.page = page
        self.index = index
        self.phase = phase
        self.ms = ms
        self.lasted_ms = lasted_ms
        self.held = held


class Backlog:
    """One durable inbox row that is being drained."""

    __slots__ = ("at", "orphans", "phased", "row", "rows", "station")

    def __init__(self, station: "Station", row: int, rows: list[Kept], at: Instant) -> None:
        self.station = station
        self.row = row
        self.rows = rows
        self.at = at
        self.orphans: list[Kept] = []
        self.phased: list[Phased] = []
        """What was said of calls after these receipts."""
