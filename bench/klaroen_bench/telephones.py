"""Calls as the telephones had them: read from a trunk's ledger, judged by what they heard, and counted.

Law: nothing is taken from the engine but which attempt a Call-ID names, and by which channel that was.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from klaroen_bench.audience import CALLS, AuditError
from klaroen_bench.carriers.call import Record
from klaroen_bench.carriers.ledger import CALL, SOUND, LedgerReader
from klaroen_bench.carriers.sounds import GAP
from klaroen_bench.copies import ANY_CALL, Copy, e164
from klaroen_bench.hearing import Heard, Listener
from klaroen_bench.spoken import FirstHeard, Spoken

CONFIRM: Final = "1"
ENDS: Final = {
    "busy": "busy",
    "no answer": "no_answer",
    "cancelled": "no_answer",
    "rejected": "rejected",
    "number invalid": "invalid",
}
"""Of calls that nobody answered, as the ledger has it; all others are faults of the trunk."""
COUNTS: Final = (
    *("calls", "answered", "confirmed", "other_keys", "hung_up"),
    *("busy", "no_answer", "rejected", "invalid", "faults"),
)


class TrunkLedger(Struct, frozen=True):
    carrier: str
    sounds: Mapping[int, bytes]
    calls: tuple[tuple[str, Record], ...]
    """Number as E.164 without "+", and what became of the call; those that had ended when it was written."""
    truncated_bytes: int


def is_trunk_ledger(path: Path) -> bool:
    with path.open("rb") as file:
        return b'"protocol": "sip"' in file.readline(512)


def read_trunk(path: Path) -> TrunkLedger:
    """Raises LedgerError; ValueError where a record is none."""
    reader = LedgerReader(path)
    decode = msgspec.json.Decoder(Record).decode
    sounds: defaultdict[int, bytearray] = defaultdict(bytearray)
    calls = []
    for entry in reader:
        if entry.kind == SOUND:
            sounds[int.from_bytes(entry.body[:4], "little")] += entry.body[4:]
        elif entry.kind == CALL:
            calls.append((e164(entry.number.decode("ascii", "replace")), decode(entry.body)))
    whole = {number: bytes(octets) for number, octets in sounds.items()}
    return TrunkLedger(reader.heading.carrier, whole, tuple(calls), reader.truncated_bytes)


def first_heard(ledger: TrunkLedger) -> Iterator[FirstHeard]:
    """Yield what each call in A-law heard before anything was missing."""
    joined: dict[tuple[tuple[int, ...], ...], bytes] = {}
    for _, record in ledger.calls:
        if record.mu_law:
            continue
        whole = tuple(tuple(stretch) for stretch in takewhile(lambda stretch: stretch[0] != GAP, record.stretches))
        if whole not in joined:
            joined[whole] = b"".join(
                ledger.sounds.get(sound, b"")[start : start + size] for sound, start, size in whole
            )
        if joined[whole]:
            yield FirstHeard(record.call, joined[whole])


def call_copies(ledger: TrunkLedger, spoken: Spoken) -> list[Copy]:
    """Return a copy for each call that was answered: whole if four fifths were heard, its text None if it was another.

    Raises AuditError where the ledger cannot be judged.
    """
    listener = Listener(ledger.sounds, spoken.clips, spoken.others)
    copies = []
    for number, record in ledger.calls:
        if not record.answered_at:
            continue
        heard = _hear(listener, record)
        text = _text(heard, spoken)
        at_ms = record.answered_at // 1_000_000
        copies.append(Copy(at_ms, ledger.carrier, ANY_CALL, number, text, record.call, heard.whole))
    return copies


def _hear(listener: Listener, record: Record) -> Heard:
    if not record.kept:
        raise AuditError("the trunk heard more than it could keep")
    try:
        return listener.hear(record.stretches, record.keys, mu_law=record.mu_law)
    except ValueError as fault:
        raise AuditError(str(fault)) from fault


def _text(heard: Heard, spoken: Spoken) -> str | None:
    """Return the text that was heard, None for another, "" where too little was heard to tell."""
    if heard.strange:
        return None
    texts = {spoken.texts[clip] for clip in heard.clips}
    return texts.pop() if len(texts) == 1 else ""


def call_channels(deliveries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return by attempt, which is a call's Call-ID, the channel that Klaroen says it used."""
    return {
        attempt["id"]: attempt["channel"]
        for delivery in deliveries
        for attempt in delivery["attempts"]
        if attempt["channel"] in CALLS
    }


def channelled(copy: Copy, channels: Mapping[str, str]) -> Copy:
    """Return a call's copy with its channel; a carrier of another kind has Call-IDs of its own."""
    if not copy.call:
        return copy
    return msgspec.structs.replace(copy, channel=channels.get(copy.call, ANY_CALL))


def tally(ledgers: Sequence[TrunkLedger], channels: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return by channel how many calls ended how, as the telephones have it; `channels` by Call-ID."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
    for ledger in ledgers:
        for _, record in ledger.calls:
            found = counts[channels.get(record.call, "unknown")]
            found["calls"] += 1
            found["answered" if record.answered_at else ENDS.get(record.end, "faults")] += 1
            found["confirmed"] += CONFIRM in record.keys
            found["other_keys"] += bool(record.keys.strip(CONFIRM))
            found["hung_up"] += bool(record.answered_at) and record.by == "callee"
    return {channel: counts[channel] for channel in sorted(counts)}
