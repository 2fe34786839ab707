"""Keys by RFC 4733: each press once, whatever is lost, repeated or strange."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaroen_adapters.voice.rtp_events import REMEMBERED, Keys

TYPES = frozenset({101, 96})


def event(key: int, stamp: int, *, end: bool = False, kind: int = 101, first: int = 0x80, extra: bytes = b"") -> bytes:
    return struct.pack(">BBHII", first, kind, 1, stamp, 9) + extra + bytes([key, 0x8A if end else 0x0A, 3, 32])


def heard(*packets: bytes) -> str:
    keys = Keys()
    return "".join(keys.feed(packet, TYPES) for packet in packets)


def test_a_key_is_told_once_at_its_end() -> None:
    """Its packets share a stamp; the last comes three times."""
    keys = Keys()
    assert "" == keys.feed(event(1, 100), TYPES)
    assert "1" == keys.feed(event(1, 100, end=True), TYPES)
    assert "" == keys.feed(event(1, 100, end=True) * 1, TYPES)
    assert "" == keys.feed(event(1, 100), TYPES)


def test_the_same_key_again_is_another_press() -> None:
    """Its stamp is another."""
    assert "55" == heard(event(5, 100, end=True), event(5, 900, end=True))


def test_a_key_whose_end_was_lost_is_told_when_the_next_begins() -> None:
    """Even if all that came of it was one packet."""
    assert "12" == heard(event(1, 100), event(2, 900), event(2, 900, end=True))
    assert "12" == heard(event(1, 100), event(2, 900, end=True))


def test_all_sixteen_keys_have_a_name() -> None:
    """Flash and what else there is have none."""
    assert "0123456789*#ABCD" == heard(*(event(key, 100 + key, end=True) for key in range(18)))


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x80\x65",
        event(1, 100, end=True, kind=8),
        event(1, 100, end=True, first=0x40),
        event(1, 100, end=True)[:-1],
        event(1, 100, end=True, first=0x90)[:-1],
        event(1, 100, end=True, first=0x81),
    ],
    ids=["nothing", "short", "speech", "version", "cut", "extension cut", "no contributors"],
)
def test_what_is_no_key_is_nothing(packet: bytes) -> None:
    """Whoever sent it."""
    assert "" == heard(packet)


def test_contributors_and_extensions_are_stepped_over() -> None:
    """RFC 3550, 5.1 and 5.3.1."""
    assert "7" == heard(event(7, 100, end=True, first=0x82, extra=bytes(8)))
    assert "7" == heard(event(7, 100, end=True, first=0x91, extra=bytes(4) + b"\0\0\0\1" + bytes(4)))
    assert "7" == heard(event(7, 100, end=True, kind=96 | 0x80))


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_packet_breaks_the_ear(packets: list[bytes]) -> None:
    """And none brings what is no key."""
    assert set(heard(*packets)) <= set("0123456789*#ABCD")


@given(st.lists(st.integers(0, 15), max_size=12), st.data())
def test_each_press_is_heard_once_through_loss_and_repeats(pressed: list[int], data: st.DataObject) -> None:
    """As long as one packet of it comes, and the next press begins or its end came; up to a limit reordered."""
    packets = []
    for number, key in enumerate(pressed):
        sent = [event(key, number * 1000)] * 3 + [event(key, number * 1000, end=True)] * 3
        kept = [one for one in sent if data.draw(st.booleans())] or [sent[-1]]
        packets += kept
    packets.append(event(0, 999_999, end=True))
    late = [event(key, number * 1000, end=True) for number, key in list(enumerate(pressed))[-(REMEMBERED - 1) :]]
    expected = "".join("0123456789*#ABCD"[key] for key in pressed) + "0"
    assert expected == heard(*packets, *late)
