"""SMPP 3.4 as bytes: frames in and out, with the tables of the protocol beside the code that reads them.

Law: no I/O, no clock, no state but the decoder's unread octets. Whatever comes in, nothing is raised but ProtocolError,
and nothing is allocated by a length that came from outside. A hundred submissions are one call and one bytes object.
Source: Short Message Peer to Peer Protocol Specification v3.4, issue 1.2.
"""

import re
from collections.abc import Iterable
from struct import Struct as Layout
from typing import Final, Literal, NewType

from msgspec import Struct

Command = NewType("Command", int)
Status = NewType("Status", int)

GENERIC_NACK: Final = Command(0x80000000)
BIND_TRANSCEIVER: Final = Command(0x00000009)
BIND_TRANSCEIVER_RESP: Final = Command(0x80000009)
SUBMIT_SM: Final = Command(0x00000004)
SUBMIT_SM_RESP: Final = Command(0x80000004)
DELIVER_SM: Final = Command(0x00000005)
DELIVER_SM_RESP: Final = Command(0x80000005)
UNBIND: Final = Command(0x00000006)
UNBIND_RESP: Final = Command(0x80000006)
ENQUIRE_LINK: Final = Command(0x00000015)
ENQUIRE_LINK_RESP: Final = Command(0x80000015)
ALERT_NOTIFICATION: Final = Command(0x00000102)
DATA_SM: Final = Command(0x00000103)
DATA_SM_RESP: Final = Command(0x80000103)
RESPONSE_BIT: Final = 0x80000000

SAR_MSG_REF_NUM: Final = 0x020C
SAR_TOTAL_SEGMENTS: Final = 0x020E
SAR_SEGMENT_SEQNUM: Final = 0x020F
DEST_ADDR_SUBUNIT: Final = 0x0005
RECEIPTED_MESSAGE_ID: Final = 0x001E
USER_MESSAGE_REFERENCE: Final = 0x0204
NETWORK_ERROR_CODE: Final = 0x0423
MESSAGE_PAYLOAD: Final = 0x0424
MESSAGE_STATE: Final = 0x0427

INTERFACE_VERSION: Final = 0x34
SEQUENCE_MAX: Final = 0x7FFFFFFF
HEADER_BYTES: Final = 16
PDU_BYTES_MAX: Final = 65 * 1024
"""A message_payload TLV holds at most 64 KiB; 1 KiB is ample for the fields before it."""
MESSAGE_ID_MAX: Final = 64
"""3.4 allows 64 characters; what is longer is no id that a receipt could repeat."""

_HEADER: Final = Layout(">IIII")
_SHORT_REFERENCE: Final = Layout(">HHH")
_TLV: Final = Layout(">HH")
_ESM_UDHI: Final = 0x40
_REGISTERED: Final = b"\x01"  # a receipt upon success and upon failure

Frame = tuple[int, int, int, bytes]
"""(command_id, command_status, sequence_number, body). A bare tuple: 40 ns, where a record costs 150."""


class ProtocolError(Exception):
    """The peer does not speak SMPP; `before` are the whole frames that came ahead of the fault."""

    def __init__(self, words: str, before: list[Frame]) -> None:
        super().__init__(words)
        self.before = before


class Decoder:
    """Turns what arrives, split anywhere, into frames."""

    def __init__(self) -> None:
        self._unread = b""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that `chunk` completes.

        Raises: ProtocolError for a length that no PDU has; the connection is of no more use.
        """
        buffer = self._unread + chunk if self._unread else chunk
        frames: list[Frame] = []
        at, end = 0, len(buffer)
        unpack = _HEADER.unpack_from
        while end - at >= HEADER_BYTES:
            length, command, status, sequence = unpack(buffer, at)
            if length > end - at or not HEADER_BYTES <= length <= PDU_BYTES_MAX:
                break
            frames.append((command, status, sequence, buffer[at + HEADER_BYTES : at + length]))
            at += length
        self._unread = buffer[at:]
        if end - at >= 4:  # a foreign protocol's greeting can be shorter than a header: judge it by its length field
            length = int.from_bytes(buffer[at : at + 4], "big")
            if not HEADER_BYTES <= length <= PDU_BYTES_MAX:
                raise ProtocolError("a length that no SMPP PDU has", frames)
        return frames


def encode(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """Return one PDU."""
    return _HEADER.pack(HEADER_BYTES + len(body), command, status, sequence) + body


def encode_acknowledgements(command: int, status: int, sequences: Iterable[int]) -> bytes:
    """Return responses to deliver_sm or data_sm: their message_id is empty (5.2.23)."""
    pack = _HEADER.pack
    return b"".join([pack(HEADER_BYTES + 1, command, status, sequence) + b"\0" for sequence in sequences])


def encode_bind(sequence: int, system_id: str, password: str, system_type: str) -> bytes:
    """Return a bind_transceiver for any address. Longer passwords than the eight octets of 3.4 are common."""
    body = b"".join(
        (
            c_octets(system_id),
            c_octets(password),
            c_octets(system_type),
            bytes((INTERFACE_VERSION, 0, 0)),
            b"\0",
        )
    )
    return encode(BIND_TRANSCEIVER, 0, sequence, body)


def c_octets(value: str) -> bytes:
    """Return a C-octet string.

    Raises: ValueError for what cannot stand in one; a fault of the configuration, found when the carrier is built.
    """
    if not value.isascii() or "\0" in value:
        raise ValueError("an SMPP field takes ASCII without NUL")
    return value.encode("ascii") + b"\0"


def tlv(tag: int, value: bytes) -> bytes:
    """Return one optional parameter."""
    return _TLV.pack(tag, len(value)) + value


class Source(Struct, frozen=True, gc=False):
    """The sender as the carrier wants it named."""

    ton: int
    npi: int
    address: str


class Submit(Struct, frozen=True, gc=False):
    """One part of one content: a submit_sm less its destination, its references and its sequence number."""

    head: bytes
    """From service_type to the destination's NPI."""
    tail: bytes
    """From esm_class up to where the concatenation reference stands, or to the end if there is none."""
    rest: bytes = b""
    """What follows the concatenation reference."""
    reference_bytes: int = 0
    """Width of the concatenation reference: 1 in a user data header, 2 in sar_msg_ref_num, 0 in a single part."""
    referenced: bool = True
    """Ends with user_message_reference."""


def submit(
    source: Source,
    payload: bytes,
    *,
    data_coding: int,
    validity: bytes = b"",
    segment: tuple[int, int] | None = None,
    segmented_by: Literal["udh", "sar"] = "udh",
    options: bytes = b"",
    referenced: bool = True,
) -> Submit:
    """Return the template of one part.

    `segment` is (index from 1, total) of a part among several, said by a user data header or by sar_* parameters;
    a payload of more than 254 octets stands in message_payload.
    """
    head = b"\0" + bytes((source.ton, source.npi)) + c_octets(source.address) + b"\x01\x01"
    by_header = segment is not None and segmented_by == "udh"
    fixed = b"".join(
        (
            bytes((_ESM_UDHI if by_header else 0, 0, 0)),  # esm_class, protocol_id, priority_flag
            b"\0",  # schedule_delivery_time: at once
            validity + b"\0",
            _REGISTERED,
            bytes((0, data_coding, 0)),  # replace_if_present, data_coding, sm_default_msg_id
        )
    )
    if segment is None:
        if len(payload) > 254:
            return Submit(head, fixed + b"\0" + options + tlv(MESSAGE_PAYLOAD, payload), referenced=referenced)
        return Submit(head, fixed + bytes((len(payload),)) + payload + options, referenced=referenced)
    index, total = segment
    if by_header:
        before = fixed + bytes((len(payload) + 6, 5, 0, 3))
        return Submit(head, before, bytes((total, index)) + payload + options, 1, referenced)
    before = fixed + bytes((len(payload),)) + payload + options + _TLV.pack(SAR_MSG_REF_NUM, 2)
    after = tlv(SAR_TOTAL_SEGMENTS, bytes((total,))) + tlv(SAR_SEGMENT_SEQNUM, bytes((index,)))
    return Submit(head, before, after, 2, referenced)


def encode_many(
    template: Submit,
    sequences: Iterable[int],
    destinations: Iterable[bytes],
    references: Iterable[int],
) -> bytes:
    """Return a submit_sm of a single part for each destination (digits only), in one piece [0.5 µs each]."""
    head, tail = template.head, b"\0" + template.tail
    size = HEADER_BYTES + len(head) + len(tail)
    pack = _HEADER.pack
    if not template.referenced:
        return b"".join(
            [
                pack(size + len(to), SUBMIT_SM, 0, sequence) + head + to + tail
                for sequence, to in zip(sequences, destinations, strict=True)
            ]
        )
    size += _SHORT_REFERENCE.size
    mark = _SHORT_REFERENCE.pack
    return b"".join(
        [
            pack(size + len(to), SUBMIT_SM, 0, sequence) + head + to + tail + mark(0x0204, 2, reference)
            for sequence, to, reference in zip(sequences, destinations, references, strict=True)
        ]
    )


def encode_part(template: Submit, sequence: int, destination: bytes, reference: int, concatenation: int) -> bytes:
    """Return the submit_sm of one part among several."""
    width = template.reference_bytes
    body = b"".join(
        (
            template.head,
            destination,
            b"\0",
            template.tail,
            concatenation.to_bytes(width, "big"),
            template.rest,
            _SHORT_REFERENCE.pack(USER_MESSAGE_REFERENCE, 2, reference) if template.referenced else b"",
        )
    )
    return encode(SUBMIT_SM, 0, sequence, body)


class Inbound(Struct, frozen=True, gc=False):
    """What a deliver_sm or data_sm brought: a receipt, or a message from a handset."""

    source_ton: int
    source: bytes
    esm_class: int
    data_coding: int
    text: bytes
    """short_message, or message_payload where that is what came; a user data header still stands before it."""
    options: dict[int, bytes]


# service_type, source (TON, NPI, address), destination (TON, NPI, address), then the fixed fields. Lengths are bounded
# well above those of 3.4, which vendors exceed; a body that does not match is no message.
_DELIVER: Final = re.compile(
    rb"[^\0]{0,64}\0(.).([^\0]{0,64})\0..[^\0]{0,64}\0(.)..[^\0]{0,64}\0[^\0]{0,64}\0..(.).(.)", re.DOTALL
).match
_DATA: Final = re.compile(rb"[^\0]{0,64}\0(.).([^\0]{0,64})\0..[^\0]{0,64}\0(.).(.)", re.DOTALL).match


def parse_deliver(body: bytes) -> Inbound | None:
    """Return what a deliver_sm brought, as far as it can be read; None if its fields cannot."""
    match = _DELIVER(body)
    if match is None:
        return None
    ton, source, esm_class, data_coding, length = match.groups()
    at = match.end() + length[0]
    options = parse_options(body, at) if at < len(body) else {}
    text = options.get(MESSAGE_PAYLOAD, b"") if length == b"\0" else body[match.end() : at]
    return Inbound(ton[0], source, esm_class[0], data_coding[0], text, options)


def parse_data(body: bytes) -> Inbound | None:
    """Return what a data_sm brought, as `parse_deliver` does."""
    match = _DATA(body)
    if match is None:
        return None
    ton, source, esm_class, data_coding = match.groups()
    options = parse_options(body, match.end())
    return Inbound(ton[0], source, esm_class[0], data_coding[0], options.get(MESSAGE_PAYLOAD, b""), options)


def parse_options(body: bytes, at: int) -> dict[int, bytes]:
    """Return the optional parameters from offset `at`: of a repeated tag the first, of a torn list what is whole."""
    options: dict[int, bytes] = {}
    end = len(body)
    while end - at >= 4:
        tag, length = _TLV.unpack_from(body, at)
        at += 4
        if length > end - at:
            break
        options.setdefault(tag, body[at : at + length])
        at += length
    return options


def parse_message_id(body: bytes) -> str:
    """Return the message_id of a submit_sm_resp, empty where there is none (error responses may lack a body)."""
    name = body.partition(b"\0")[0]
    return name.decode("latin-1") if len(name) <= MESSAGE_ID_MAX else ""
