"""A trunk's ledger, made by hand: who was called, and what they heard."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from klaroen_bench.carriers.call import Record
from klaroen_bench.carriers.ledger import ACCEPTED, CALL, SOUND, Entry, Heading, write_ledger

RATE = 8_000


def speech(seconds: float, pitch: int = 7) -> bytes:
    """Return A-law that is loud enough, and nowhere the same as with another pitch."""
    octets = bytes(
        (0x25 + (index * pitch) % 16) | (index // 160 * pitch % 2) << 7 for index in range(round(seconds * RATE))
    )
    return octets[: -len(octets) % 160 + len(octets) - 23]


def record(call: str, heard: int = 0, *, at_ms: int = 0, sound: int = 0, **changes: object) -> Record:
    """Return what became of a call that heard so many octets of a sound from its start; unanswered without `at_ms`."""
    fields = {
        "call": call, "caller": "32011", "invited_at": 0, "rang_at": 0, "answered_at": at_ms * 1_000_000,
        "ended_at": 0, "end": "caller hung up" if at_ms else "busy", "by": "caller" if at_ms else "callee",
        "status": 200 if at_ms else 486, "keys": "", "packets": heard // 160, "missing": 0, "again": 0, "foreign": 0,
        "heard": heard, "sha256": "", "stretches": [[sound, 0, heard]] if heard else [], "kept": True,
    }  # fmt: skip
    return msgspec.convert(fields | changes, type=Record)


def write_trunk(path: Path, sounds: Sequence[bytes], calls: Iterable[tuple[str, Record]]) -> None:
    entries = [Entry(0, ACCEPTED, b"32470000001", b"INVITE sip:+32470000001@trunk SIP/2.0\r\n\r\n")]
    for number, octets in enumerate(sounds):
        half = len(octets) // 320 * 160
        entries += [
            Entry(0, SOUND, b"", number.to_bytes(4, "little") + part) for part in (octets[:half], octets[half:])
        ]
    entries += [Entry(0, CALL, number.encode(), msgspec.json.encode(one)) for number, one in calls]
    write_ledger(path, Heading("belgacom", "call", "sip"), iter(entries))


def put_clip(directory: Path, octets: bytes) -> str:
    name = hashlib.sha256(octets).hexdigest()
    directory.mkdir(exist_ok=True)
    (directory / f"{name}.alaw").write_bytes(octets)
    return name
