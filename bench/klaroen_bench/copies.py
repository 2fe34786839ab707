"""What handsets got, from the raw ledgers: (time, carrier, channel, number, text).

Law: decoded with tables of our own, imported from nobody: GSM 03.38, Latin-1, UCS-2, user data headers, sar_* and
message_payload, the gateway's JSON, and the JSON lines of the simulated voice carrier. Each part is decoded by itself,
as a phone does; what no phone could show is None, never a guess.
"""

import json
import re
import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from klaroen_bench.carriers.ledger import HANDSET, LedgerError, LedgerReader

GSM_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_ESCAPED: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
ESCAPE: Final = 0x1B
MESSAGE_PAYLOAD: Final = 0x0424
SAR_MSG_REF_NUM: Final = 0x020C
SAR_TOTAL_SEGMENTS: Final = 0x020E
SAR_SEGMENT_SEQNUM: Final = 0x020F


ANY_CALL: Final = "call"
"""The channel of a call of which only its number is known: voice or tts."""


class Copy(Struct, frozen=True, gc=False):
    at_ms: int
    carrier: str
    channel: str
    number: str
    """E.164 without "+"."""
    text: str | None
    """None: no phone could show it, or another was heard. Of a call that is not whole also "": too little to tell."""
    call: str = ""
    """The Call-ID, where it is a call's."""
    whole: bool = True
    """False: answered, and less than four fifths heard."""


class Piece(Struct, frozen=True, gc=False):
    """One submit_sm's share of a text."""

    reference: int
    total: int
    index: int
    text: str


def e164(written: str) -> str:
    """Return a number in any of the usual Belgian or international forms as E.164 without "+"; "" for none."""
    trunkless = written.replace("(0)", "")
    digits = re.sub(r"\D", "", trunkless)
    if trunkless.lstrip().startswith("+"):
        international = digits
    elif digits.startswith("00"):
        international = digits[2:]
    elif digits.startswith("0"):
        return "32" + digits[1:]
    else:
        international = digits
    return "32" + international[3:] if international.startswith("320") else international


def read_copies(path: Path) -> tuple[list[Copy], int]:
    """Return the copies of one ledger, and how many bytes of a broken-off record are at its end.

    Raises LedgerError if the file is none of the ledgers we know.
    """
    with path.open("rb") as file:
        start = file.read(64)
    if b'"ledger"' not in start:
        return _read_lines(path)
    reader = LedgerReader(path)
    heading = reader.heading
    copies: list[Copy] = []
    numbers: dict[bytes, str] = {}
    decode = PduDecoder(heading.alphabet).text if heading.protocol == "smpp" else _gateway_text
    for entry in reader:
        if entry.kind != HANDSET:
            continue
        number = numbers.get(entry.number)
        if number is None:
            number = numbers[entry.number] = e164(entry.number.decode("ascii", "replace"))
        copies.append(Copy(entry.at_ns // 1_000_000, heading.carrier, heading.channel, number, decode(entry.body)))
    return copies, reader.truncated_bytes


def _read_lines(path: Path) -> tuple[list[Copy], int]:
    """Read {"at", "number", "channel", "carrier", "text"} a line; `at` in UTC seconds or RFC 3339."""
    raw = path.read_bytes()
    whole, newline, tail = raw.rpartition(b"\n")
    copies: list[Copy] = []
    for line in (whole + newline).splitlines():
        try:
            row = json.loads(line)
            at = row["at"]
            at_s = datetime.fromisoformat(at).timestamp() if isinstance(at, str) else at
            copies.append(Copy(round(at_s * 1000), row["carrier"], row["channel"], e164(row["number"]), row["text"]))
        except (ValueError, KeyError, TypeError) as fault:
            raise LedgerError(f"{path}: line {len(copies) + 1} is not an entry") from fault
    return copies, len(tail)


def _gateway_text(body: bytes) -> str | None:
    try:
        text = json.loads(body)["text"]
    except (ValueError, KeyError, TypeError):
        return None
    return text if isinstance(text, str) else None


class PduDecoder:
    """Decodes the submit_sms of a message, remembering texts: a national alert has a few."""

    def __init__(self, alphabet: str) -> None:
        self._alphabet = alphabet
        self._seen: dict[tuple[int, bytes], str | None] = {}

    def text(self, pdus: bytes) -> str | None:
        """Return what the phone shows of these submit_sms, in whichever order they came."""
        try:
            pieces = sorted(self._pieces(pdus), key=lambda piece: piece.index)
        except (ValueError, IndexError, struct.error):
            return None
        first = pieces[0]
        whole = [(first.reference, first.total, index) for index in range(1, first.total + 1)]
        if [(piece.reference, piece.total, piece.index) for piece in pieces] != whole:
            return None
        return "".join(piece.text for piece in pieces)

    def _pieces(self, pdus: bytes) -> Iterator[Piece]:
        at = 0
        while at < len(pdus):
            length = int.from_bytes(pdus[at : at + 4])
            if length < 16 or at + length > len(pdus):
                raise ValueError("a PDU does not fit")
            yield self._piece(pdus[at : at + length])
            at += length

    def _piece(self, pdu: bytes) -> Piece:
        number_at = pdu.index(0, pdu.index(0, 16) + 3) + 3
        number_end = pdu.index(0, number_at)
        esm_class = pdu[number_end + 1]
        scheduled_end = pdu.index(0, number_end + 4)
        fields = pdu.index(0, scheduled_end + 1) + 1
        data_coding, length = pdu[fields + 2], pdu[fields + 4]
        text_at = fields + 5
        tlvs = dict(_tlvs(pdu, text_at + length))
        payload = tlvs.get(MESSAGE_PAYLOAD, pdu[text_at : text_at + length])
        reference, total, index = 0, 1, 1
        if esm_class & 0x40:
            header = payload[1 : 1 + payload[0]]
            payload = payload[1 + payload[0] :]
            reference, total, index = _concatenation(header)
        elif SAR_TOTAL_SEGMENTS in tlvs:
            reference, total, index = (
                int.from_bytes(tlvs[tag]) for tag in (SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM)
            )
        return Piece(reference, total, index, self._decode(data_coding, payload))

    def _decode(self, data_coding: int, payload: bytes) -> str:
        key = (data_coding, payload)
        if key not in self._seen:
            self._seen[key] = decode(data_coding, payload, self._alphabet)
        text = self._seen[key]
        if text is None:
            raise ValueError("not in this alphabet")
        return text


def _tlvs(pdu: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    if at > len(pdu):
        raise ValueError("sm_length")
    while at + 4 <= len(pdu):
        tag, length = struct.unpack_from(">HH", pdu, at)
        yield tag, pdu[at + 4 : at + 4 + length]
        at += 4 + length


def _concatenation(header: bytes) -> tuple[int, int, int]:
    at = 0
    while at < len(header):
        element, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        if (element, length) in ((0x00, 3), (0x08, 4)):
            return int.from_bytes(value[:-2]), value[-2], value[-1]
        at += 2 + length
    return 0, 1, 1


def decode(data_coding: int, payload: bytes, alphabet: str = "gsm7") -> str | None:
    """Return the text in an alphabet (0: the carrier's default, 3: Latin-1, 8: UCS-2), None if it cannot be shown."""
    if data_coding == 8:
        try:
            return payload.decode("utf-16-be")
        except UnicodeDecodeError:
            return None
    if data_coding == 3 or (data_coding == 0 and alphabet == "latin1"):
        return payload.decode("latin-1")
    return _gsm7(payload) if data_coding in (0, 1) else None


def _gsm7(payload: bytes) -> str | None:
    """Decode GSM 03.38, one septet an octet, with its extension table."""
    text: list[str] = []
    septets = iter(payload)
    for septet in septets:
        if septet == ESCAPE:
            character = GSM_ESCAPED.get(next(septets, -1))
        else:
            character = GSM_BASIC[septet] if septet < 0x80 else None
        if character is None:
            return None
        text.append(character)
    return "".join(text)
