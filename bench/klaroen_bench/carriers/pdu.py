"""SMPP 3.4 as an SMSC needs it: tables, reading a submit_sm, writing answers and receipts.

Law: bytes in, values out, no I/O. Nothing is allocated by a length that came from outside, and what cannot be read is
a `MalformedError`, never a guess.
"""

import struct
from typing import Final, NamedTuple

from msgspec import Struct

HEADER: Final = struct.Struct(">IIII")
TLV: Final = struct.Struct(">HH")
PDU_BYTES_MAX: Final = 65536 + 1024
"""A message_payload of 64 KiB and its mandatory fields."""

GENERIC_NACK: Final = 0x80000000
BIND_RECEIVER: Final = 0x00000001
BIND_TRANSMITTER: Final = 0x00000002
SUBMIT_SM: Final = 0x00000004
SUBMIT_SM_RESP: Final = 0x80000004
DELIVER_SM: Final = 0x00000005
DELIVER_SM_RESP: Final = 0x80000005
UNBIND: Final = 0x00000006
BIND_TRANSCEIVER: Final = 0x00000009
ENQUIRE_LINK: Final = 0x00000015
ANSWER: Final = 0x80000000
BINDS: Final = frozenset({BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER})

ROK: Final = 0x00
RINVCMDLEN: Final = 0x02
RINVCMDID: Final = 0x03
RINVBNDSTS: Final = 0x04
RALYBND: Final = 0x05
RINVDSTADR: Final = 0x0B
RINVPASWD: Final = 0x0E
RINVSYSID: Final = 0x0F
RMSGQFUL: Final = 0x14
RTHROTTLED: Final = 0x58
RETRYABLE: Final = frozenset({0x08, RMSGQFUL, RTHROTTLED, 0x64})
"""RSYSERR, RMSGQFUL, RTHROTTLED, RX_T_APPN: the answers to a receipt upon which it is repeated."""

USER_MESSAGE_REFERENCE: Final = 0x0204
SAR_MSG_REF_NUM: Final = 0x020C
SAR_TOTAL_SEGMENTS: Final = 0x020E
SAR_SEGMENT_SEQNUM: Final = 0x020F
SC_INTERFACE_VERSION: Final = 0x0210

ESM_UDHI: Final = 0x40
ESM_RECEIPT: Final = 0x04
DELIVERED: Final = 2
UNDELIVERABLE: Final = 5
STATES: Final = {DELIVERED: b"DELIVRD err:000", UNDELIVERABLE: b"UNDELIV err:001"}

TAILS_MAX: Final = 1024
"""Texts remembered; a chunk of submissions holds a few."""

_ECHO_BYTES: Final = TLV.size + 2
_ANSWER_WITH_ID: Final = struct.Struct(">IIII17s")


class MalformedError(ValueError):
    """A PDU whose fields do not fit into it."""


class Part(Struct, frozen=True, gc=False):
    """Which piece of a long message a submit_sm is."""

    reference: int
    total: int
    index: int
    """From 1."""


class Tail(Struct, frozen=True, gc=False):
    """What follows the destination in a submit_sm, less the two bytes of a user_message_reference at its end.

    The same for every recipient of a text, and therefore read once.
    """

    registered: int
    part: Part | None
    echoes: bool
    """The PDU ends with a user_message_reference."""


class Submit(Struct, frozen=True, gc=False):
    number: bytes
    source: bytes
    """TON, NPI and the address of the sender: what a receipt is addressed to."""
    tail: Tail
    reference: bytes
    """The user_message_reference TLV, echoed in the receipt; empty if the PDU does not end with one."""


class Bind(NamedTuple):
    system_id: str
    password: str


def read_submit(pdu: bytes, tails: dict[bytes, Tail]) -> Submit:
    """Return what a submit_sm says; `tails` remembers texts between calls.

    Raises MalformedError.
    """
    try:
        at = pdu.index(0, HEADER.size) + 1
        source_end = pdu.index(0, at + 2)
        number_end = pdu.index(0, source_end + 3)
        rest = pdu[number_end:-2]
        tail = tails.get(rest)
        if tail is None:
            if len(tails) >= TAILS_MAX:
                tails.clear()
            tail = tails[rest] = _read_tail(pdu[number_end:])
    except (ValueError, IndexError, struct.error) as fault:
        raise MalformedError("submit_sm") from fault
    return Submit(
        pdu[source_end + 3 : number_end], pdu[at:source_end], tail, pdu[-_ECHO_BYTES:] if tail.echoes else b""
    )


def _read_tail(tail: bytes) -> Tail:
    """Read from the NUL that ends the destination: esm_class, protocol, priority, two times, flags, text, TLVs."""
    esm_class = tail[1]
    scheduled_end = tail.index(0, 4)
    fields = tail.index(0, scheduled_end + 1) + 1
    text = fields + 5
    tlvs = text + tail[fields + 4]
    if tlvs > len(tail):
        raise MalformedError("sm_length")
    part = _read_udh(tail[text:tlvs]) if esm_class & ESM_UDHI else None
    echoes = False
    sar: dict[int, int] = {}
    at = tlvs
    while at + TLV.size <= len(tail):
        tag, length = TLV.unpack_from(tail, at)
        at += TLV.size + length
        if SAR_MSG_REF_NUM <= tag <= SAR_SEGMENT_SEQNUM:
            sar[tag] = int.from_bytes(tail[at - length : at])
        echoes = tag == USER_MESSAGE_REFERENCE and length == 2 and at == len(tail)
    if len(sar) == 3:
        part = Part(sar[SAR_MSG_REF_NUM], sar[SAR_TOTAL_SEGMENTS], sar[SAR_SEGMENT_SEQNUM])
    return Tail(tail[fields], part, echoes)


def _read_udh(text: bytes) -> Part | None:
    """Return the concatenation element of a user data header, 8-bit (0x00) or 16-bit (0x08); None if it has none."""
    at, end = 1, 1 + text[0]
    while at < end:
        element, length = text[at], text[at + 1]
        if element in (0x00, 0x08) and length in (3, 4):
            return Part(int.from_bytes(text[at + 2 : at + length]), text[at + length], text[at + length + 1])
        at += 2 + length
    return None


def read_bind(pdu: bytes) -> Bind:
    """Raises MalformedError."""
    fields = pdu[HEADER.size :].split(b"\0", 2)
    if len(fields) < 3:
        raise MalformedError("bind")
    return Bind(fields[0].decode("latin-1"), fields[1].decode("latin-1"))


def answer_submit(sequence: int, status: int, message_id: bytes) -> bytes:
    """Return a submit_sm_resp; an id is 16 characters, and there is no body without one."""
    if status:
        return HEADER.pack(16, SUBMIT_SM_RESP, status, sequence)
    return _ANSWER_WITH_ID.pack(33, SUBMIT_SM_RESP, 0, sequence, message_id)


def answer_bind(command: int, sequence: int, status: int, system_id: bytes) -> bytes:
    body = b"" if status else system_id + b"\0" + TLV.pack(SC_INTERFACE_VERSION, 1) + b"\x34"
    return HEADER.pack(16 + len(body), command | ANSWER, status, sequence) + body


def receipt_body(submit: Submit, message_id: bytes, state: int, dates: bytes) -> bytes:
    """Return the body of the deliver_sm that proves a message; `dates` is the text form's submit and done date."""
    text = b"id:%b sub:001 dlvrd:%b %b stat:%b text:" % (
        message_id,
        b"001" if state == DELIVERED else b"000",
        dates,
        STATES[state],
    )
    return b"\0\x01\x01%b\0%b\0\x04\0\0\0\0\0\0\0\0%c%b\x00\x1e\x00\x11%b\0\x04\x27\x00\x01%c%b" % (
        submit.number,
        submit.source,
        len(text),
        text,
        message_id,
        state,
        submit.reference,
    )
