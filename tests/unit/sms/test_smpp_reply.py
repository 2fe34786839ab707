"""What handsets write, in every alphabet that carriers use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sms.smpp_kit import written

from klaroen.core.ports import Reply
from klaroen_adapters.sms.smpp_pdu import Inbound, parse_deliver
from klaroen_adapters.sms.smpp_reply import read_reply


@pytest.mark.parametrize(
    ("octets", "coding", "text"),
    [
        (b"hallo", 0, "hallo"),
        (b"10 \x1b\x65", 0, "10 €"),
        (b"caf\xe9", 0, "café"),
        (b"caf\xe9", 3, "café"),
        (b"hallo", 1, "hallo"),
        (b"h\xff", 1, "h\ufffd"),
        ("🚨 nu".encode("utf-16-be"), 8, "🚨 nu"),
        ("nu".encode("utf-16-be"), 18, "nu"),
        (b"\xd8\x3d", 8, "\ufffd"),
        (b"stop", 240, "stop"),
        (b"", 0, ""),
    ],
)
def test_the_words_as_they_were_typed(octets: bytes, coding: int, text: str) -> None:
    inbound = parse_deliver(written(octets, coding=coding)[16:])
    assert inbound is not None
    assert Reply("+32470000001", text, ticket="t") == read_reply(inbound, "t")


def test_a_part_of_a_long_message_is_told_without_its_header() -> None:
    inbound = parse_deliver(written(b"\x05\x00\x03\x01\x02\x01deel een", esm_class=0x40)[16:])
    assert inbound is not None
    reply = read_reply(inbound, None)
    assert reply is not None
    assert "deel een" == reply.text


def test_words_of_nobody_are_no_reply() -> None:
    inbound = parse_deliver(written(b"x", number=b"")[16:])
    assert inbound is not None
    assert read_reply(inbound, None) is None


@given(st.binary(max_size=300), st.integers(0, 255), st.integers(0, 255))
def test_nothing_that_comes_in_raises(octets: bytes, coding: int, esm_class: int) -> None:
    read_reply(Inbound(1, b"32470000001", esm_class, coding, octets, {}), None)
