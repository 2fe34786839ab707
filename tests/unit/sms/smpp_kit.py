"""What the tests of SMPP share: settings, envelopes, and PDUs as a peer would write them, by struct alone."""

import struct
from collections.abc import Sequence
from typing import Any

from klaroen.core.model import AttemptId, CarrierName, Content, Instant
from klaroen.core.ports import Envelope
from klaroen.settings import Smpp, SmppProfile

NOW = Instant(1_800_000_000_000)
HOUR_MS = 3_600_000

SUBMIT, SUBMIT_RESP, DELIVER, DELIVER_RESP = 0x04, 0x80000004, 0x05, 0x80000005
BIND, BIND_RESP, UNBIND, UNBIND_RESP = 0x09, 0x80000009, 0x06, 0x80000006
ENQUIRE, ENQUIRE_RESP, NACK, DATA, DATA_RESP = 0x15, 0x80000015, 0x80000000, 0x103, 0x80000103


def settings(password_file: str = "", profile: SmppProfile | None = None, **changes: Any) -> Smpp:
    chosen: dict[str, Any] = {"host": "smsc.test", "binds": 1, "window": 10, "source": "8810", **changes}
    return Smpp(
        name=CarrierName("proximus"),
        channels=("sms",),
        system_id="klaroen",
        password_file=password_file,
        profile=profile or SmppProfile(),
        **chosen,
    )


def content(text: str = "Inbraak bezig", expires_at: int = NOW + HOUR_MS) -> Content:
    return Content("sms", "nl", "warm", text, "", Instant(expires_at))


def envelopes(count: int, of: Content, first: int = 0, deadline_at: int = NOW + HOUR_MS) -> list[Envelope]:
    return [
        Envelope(AttemptId(f"a{number}"), f"+3247000{number:04d}", of, Instant(deadline_at), number)
        for number in range(first, first + count)
    ]


def pdu(command: int, status: int = 0, sequence: int = 1, body: bytes = b"") -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def pdus(octets: bytes) -> list[tuple[int, int, int, bytes]]:
    """Return (command, status, sequence, body) of whole PDUs."""
    found = []
    while octets:
        length, command, status, sequence = struct.unpack_from(">IIII", octets)
        assert 16 <= length <= len(octets), "whole PDUs only"
        found.append((command, status, sequence, octets[16:length]))
        octets = octets[length:]
    return found


def heads(octets: bytes) -> list[tuple[int, int, int]]:
    return [(command, status, sequence) for command, status, sequence, _ in pdus(octets)]


def sequences(octets: bytes, command: int = SUBMIT) -> list[int]:
    return [found for kind, _, found, _ in pdus(octets) if kind == command]


def answers(numbers: Sequence[int], status: int = 0) -> bytes:
    """Return submit_sm_resp for each, with ids m1, m2…"""
    return b"".join(pdu(SUBMIT_RESP, status, number, b"m%d\0" % number) for number in numbers)


def receipt(ref: str, sequence: int = 1, *, stat: str = "DELIVRD", esm_class: int = 4, command: int = DELIVER) -> bytes:
    dates = "submit date:2611211200 done date:2611211201"
    text = f"id:{ref} sub:001 dlvrd:001 {dates} stat:{stat} err:000 text:".encode()
    ends = b"\0\x01\x0132470000001\0\0\x008810\0"
    if command == DATA:
        return pdu(DATA, 0, sequence, ends + bytes((esm_class, 0, 0)) + struct.pack(">HH", 0x424, len(text)) + text)
    body = ends + bytes((esm_class, 0, 0, 0, 0, 0, 0, 0, 0, len(text))) + text
    return pdu(DELIVER, 0, sequence, body)


def written(text: bytes, *, number: bytes = b"32470000001", coding: int = 0, esm_class: int = 0, ton: int = 1) -> bytes:
    """Return what a handset wrote, as deliver_sm number 7."""
    ends = b"\0" + bytes((ton, 1)) + number + b"\0\0\x008810\0"
    return pdu(DELIVER, 0, 7, ends + bytes((esm_class, 0, 0, 0, 0, 0, 0, coding, 0, len(text))) + text)
