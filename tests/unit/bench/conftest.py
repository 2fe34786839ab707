"""PDUs as tests write them: field by field, from the specification."""

import struct
from collections.abc import Callable

import pytest

Submit = Callable[..., bytes]


def submit_sm(
    number: str = "32470000001",
    text: bytes = b"Bel 101.",
    *,
    sequence: int = 1,
    data_coding: int = 0,
    esm_class: int = 0,
    registered: int = 1,
    tlvs: tuple[tuple[int, bytes], ...] = (),
    source: str = "8810",
) -> bytes:
    """Return a submit_sm."""
    body = b"\0\x00\x01" + source.encode() + b"\0\x01\x01" + number.encode() + b"\0"
    body += bytes((esm_class, 0, 0)) + b"\0\0" + bytes((registered, 0, data_coding, 0, len(text))) + text
    for tag, value in tlvs:
        body += struct.pack(">HH", tag, len(value)) + value
    return struct.pack(">IIII", 16 + len(body), 4, 0, sequence) + body


@pytest.fixture
def submit() -> Submit:
    return submit_sm
