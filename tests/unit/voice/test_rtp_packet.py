"""RTP out: what leaves is the clip, octet for octet, in packets that RFC 3550 knows."""

import struct

from klaroen_adapters.voice.rtp_packet import TO_MU_LAW, Packets, cut

SILENCE = 0xD5
QUIETEST = {0xD5: 0xFE, 0x55: 0x7E}
"""A-law's smallest steps are mu-law's."""


def parse(packet: bytes) -> tuple[int, int, int, int, int, bytes]:
    return (*struct.unpack(">BBHII", packet[:12]), packet[12:])


def test_a_clip_is_cut_into_ticks_and_its_last_packet_is_short() -> None:
    """Nothing is added to fill it."""
    clip = bytes(range(256)) * 2
    payloads = cut(clip, "PCMA")
    assert [160, 160, 160, 32] == [len(one) for one in payloads]
    assert clip == b"".join(payloads)


def test_packets_follow_each_other_and_the_first_is_marked() -> None:
    """Sequence by one, stamp by 160."""
    packets = Packets(8, 7, 10, 1000)
    assert (0x80, 0x88, 10, 1000, 7, b"one") == parse(packets.speak(b"one"))
    assert (0x80, 0x08, 11, 1160, 7, b"two") == parse(packets.speak(b"two"))


def test_in_a_pause_the_stamp_goes_on_and_what_follows_is_marked() -> None:
    """So that a telephone knows that it was no loss."""
    packets = Packets(0, 7, 10, 1000)
    packets.speak(b"one")
    packets.pause()
    packets.pause()
    assert (0x80, 0x80, 11, 1480, 7, b"two") == parse(packets.speak(b"two"))


def test_sequence_and_stamp_come_round() -> None:
    """At 16 and 32 bits."""
    packets = Packets(8, 7, 0xFFFF, 0xFFFF_FFFF)
    packets.speak(b"one")
    assert (0x80, 0x08, 0, 159, 7, b"two") == parse(packets.speak(b"two"))
    packets = Packets(8, 7, 0x1_0001, 0xFFFF_FF61)
    packets.pause()
    assert (0x80, 0x88, 1, 1, 7, b"") == parse(packets.speak(b""))


def linear_of_mu_law(octet: int) -> int:
    """As G.711 writes it, the other way round than the table under test was made."""
    octet = ~octet & 0xFF
    size = (((octet & 15) << 3) + 0x84 << (octet >> 4 & 7)) - 0x84
    return -size if octet & 0x80 else size


def linear_of_a_law(octet: int) -> int:
    octet ^= 0x55
    segment, step = octet >> 4 & 7, octet & 15
    size = step * 16 + 8 if segment == 0 else (step * 16 + 264) * 2 ** (segment - 1)
    return size if octet & 0x80 else -size


def test_mu_law_is_within_half_a_step_of_each_a_law_step() -> None:
    """Of all 256 octets, the sign kept; a step doubles from segment to segment (G.711, Table 2)."""
    for octet in range(256):
        meant = linear_of_a_law(octet)
        chosen = TO_MU_LAW[octet]
        assert abs(linear_of_mu_law(chosen) - meant) <= 4 << (~chosen >> 4 & 7), hex(octet)
        assert octet & 0x80 == chosen & 0x80


def test_silence_stays_silent() -> None:
    """The smallest steps of both laws, by sign."""
    assert bytes(QUIETEST.values()) == cut(bytes(QUIETEST), "PCMU")[0]
