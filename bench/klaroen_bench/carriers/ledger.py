"""The raw ledger of a simulated carrier: what it took and what each handset got, as bytes, with the time.

Format. One line of JSON, the heading: {"ledger": 1, "carrier", "channel", "protocol", "alphabet"}. Then records, each a
14-byte header, little-endian: time in ns since 1970 (u64), kind (u8), length of the number (u8), length of the body
(u32); then the number (ASCII digits without "+", or a mailbox) and the body. Kinds: "A" accepted, the body is the one
submit_sm or the JSON of the one item or the INVITE or the mail; "H" on the handset, the body is every submit_sm of the
message in the order in which the parts came, or the JSON of the item; "S" a sound goes on, the body is its number (u32,
from 0) and octets of A-law or mu-law; "C" a call has ended, the body is `call.Record` as JSON, which says of which
sounds it is made what was heard.
A file may end within a record (its writer was killed): the reader says so.
"""

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

HEADER: Final = struct.Struct("<QBBI")
ACCEPTED: Final = ord("A")
HANDSET: Final = ord("H")
SOUND: Final = ord("S")
CALL: Final = ord("C")
KINDS: Final = frozenset({ACCEPTED, HANDSET, SOUND, CALL})
BUFFER_BYTES_MAX: Final = 4 << 20
"""Flushed before its time beyond this: 100 ms of a flood are about 5 MB."""
FLUSH_S: Final = 0.1
BODY_BYTES_MAX: Final = 1 << 24
"""A longer body means that the file is not what it says: 255 parts of 64 KiB fit."""
HEADING_BYTES_MAX: Final = 4096


class LedgerError(Exception):
    """The file is not a ledger, or is broken before its end."""


class Heading(Struct, frozen=True):
    carrier: str
    channel: str
    protocol: Literal["smpp", "gateway", "sip", "smtp"]
    alphabet: Literal["gsm7", "latin1"] = "gsm7"
    """What data_coding 0 means at this carrier."""


class Entry(Struct, frozen=True, gc=False):
    at_ns: int
    kind: int
    number: bytes
    body: bytes


class LedgerWriter:
    """Appends to a buffer; `flush` hands it to the operating system. Its owner flushes every `FLUSH_S` and at exit."""

    def __init__(self, path: Path, heading: Heading) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._buffer = bytearray(_heading_line(heading))
        self.flush()

    def write(self, at_ns: int, kind: int, number: bytes, body: bytes) -> None:
        buffer = self._buffer
        buffer += HEADER.pack(at_ns, kind, len(number), len(body))
        buffer += number
        buffer += body
        if len(buffer) > BUFFER_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        view = memoryview(self._buffer)
        while view:
            view = view[os.write(self._fd, view) :]
        view.release()
        self._buffer = bytearray()

    def close(self) -> None:
        self.flush()
        os.close(self._fd)


class LedgerReader:
    """Iterates over the entries of a file once; afterwards `truncated_bytes` says how much of a tail was left over."""

    def __init__(self, path: Path) -> None:
        self._raw = path.read_bytes()
        end = self._raw.find(b"\n", 0, HEADING_BYTES_MAX)
        if end < 0:
            raise LedgerError(f"{path}: no heading")
        self.heading = _read_heading(path, self._raw[:end])
        self._start = end + 1
        self.truncated_bytes = 0

    def __iter__(self) -> Iterator[Entry]:
        raw, at, end = self._raw, self._start, len(self._raw)
        while at < end:
            if end - at < HEADER.size:
                break
            at_ns, kind, number_bytes, body_bytes = HEADER.unpack_from(raw, at)
            if body_bytes > BODY_BYTES_MAX or kind not in KINDS:
                raise LedgerError(f"no record at byte {at}")
            body_at = at + HEADER.size + number_bytes
            after = body_at + body_bytes
            if after > end:
                break
            yield Entry(at_ns, kind, raw[at + HEADER.size : body_at], raw[body_at:after])
            at = after
        self.truncated_bytes = end - at


def write_ledger(path: Path, heading: Heading, entries: Iterator[Entry]) -> None:
    """Write a whole ledger at once: for tests that corrupt one on purpose."""
    writer = LedgerWriter(path, heading)
    for entry in entries:
        writer.write(entry.at_ns, entry.kind, entry.number, entry.body)
    writer.close()


def _heading_line(heading: Heading) -> bytes:
    fields = {
        "ledger": 1,
        "carrier": heading.carrier,
        "channel": heading.channel,
        "protocol": heading.protocol,
        "alphabet": heading.alphabet,
    }
    return json.dumps(fields).encode() + b"\n"


def _read_heading(path: Path, line: bytes) -> Heading:
    try:
        fields = json.loads(line)
        if fields.pop("ledger") != 1:
            raise LedgerError(f"{path}: another version")
        return Heading(**fields)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise LedgerError(f"{path}: {fault}") from fault
