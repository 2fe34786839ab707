"""A-law as G.711 has it."""

import struct

from klaroen_adapters.speech.alaw import TABLE
from klaroen_adapters.voice.twilio_clip import wav

WAV_HEAD_BYTES = 44


def decoded() -> list[int]:
    """The value of each octet, by a decoder that shares nothing with the table."""
    return list(struct.unpack("<256h", wav(bytes(range(256)))[WAV_HEAD_BYTES:]))


def test_each_octet_stands_for_its_own_value() -> None:
    values = decoded()
    assert list(range(256)) == [TABLE[value & 0xFFFF] for value in values]


def test_each_sample_gets_a_value_close_to_it() -> None:
    """Within half a step, which is 16 near silence and a sixteenth to a thirty-second of what is louder."""
    values = decoded()
    assert [] == [
        sample
        for sample in range(-32_768, 32_768)
        if abs(values[TABLE[sample & 0xFFFF]] - sample) > max(8, abs(sample) / 32)
    ]


def test_what_is_louder_never_becomes_quieter() -> None:
    values = decoded()
    played = [values[TABLE[sample & 0xFFFF]] for sample in range(-32_768, 32_768)]
    assert sorted(played) == played


def test_known_values_of_the_recommendation() -> None:
    """Silence, the loudest, and the smallest of each sign (G.711, table 1)."""
    assert [0xD5, 0x55, 0xAA, 0x2A] == [TABLE[sample & 0xFFFF] for sample in (0, -1, 32_767, -32_768)]
