"""What a batch's journal says: append-only records, each a few columns over the batch's deliveries.

Law: a record says what happened, never what follows from it; replaying all records of a batch onto an empty sheet
gives the sheet (`core/sheet`). Indexes are u16 within the batch; times are u32 milliseconds since the alert's
acceptance. No address ever stands here.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

REF_JOINT: Final = "\0"
"""Between the references of an attempt's parts: the one character that no SMPP id can hold; others hold any."""


class Flown(Struct, frozen=True, array_like=True, tag=1):
    """Deliveries [first, first + count) left at `ms`."""

    first: int
    count: int
    ms: int


class Answered(Struct, frozen=True, array_like=True, tag=2):
    """Outcomes. `refs` has one string an entry: its parts' references joined, empty where there are none."""

    index: bytes
    state: bytes
    ms: bytes
    refs: tuple[str, ...]
    codes: tuple[str, ...]
    """Words of what was refused, unsent or unknown; empty where accepted."""


class Proved(Struct, frozen=True, array_like=True, tag=3):
    """Receipts: `part` 255 means the whole attempt."""

    index: bytes
    part: bytes
    state: bytes
    ms: bytes
    codes: tuple[str, ...]


class Confirmed(Struct, frozen=True, array_like=True, tag=4):
    """Members who pressed the key."""

    index: bytes


class Left(Struct, frozen=True, array_like=True, tag=5):
    """Obligations that ended in this batch, with their fate."""

    index: bytes
    fate: bytes
    ms: int


class Priced(Struct, frozen=True, array_like=True, tag=6):
    """The carrier that flies the batch, and its price of a segment."""

    carrier: str
    cost_eur: float
    rule: str
    """How its receipts for parts fold (`MultipartRule`)."""
    clip: str = ""
    """What its calls play, if they play anything."""


class Unspoken(Struct, frozen=True, array_like=True, tag=7):
    """No voice can say the text: nobody of the batch is called."""

    words: str


class Called(Struct, frozen=True, array_like=True, tag=8):
    """Phases of calls (`core/phases`): `ms` says when, `lasted_ms` how long until the answer, or how long the talk."""

    index: bytes
    phase: bytes
    ms: bytes
    lasted_ms: bytes


class Noted(Struct, frozen=True, array_like=True, tag=9):
    """What a carrier says of calls that proves nothing: that it rings, who answered, which key."""

    index: bytes
    words: tuple[str, ...]


Record = Flown | Answered | Proved | Confirmed | Left | Priced | Unspoken | Called | Noted

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[Record, ...])


def encode(records: Sequence[Record]) -> bytes:
    return _encoder.encode(records)


def decode(blob: bytes) -> tuple[Record, ...]:
    return _decoder.decode(blob)
