"""Exact text: what fits which alphabet, where parts end, and that nothing is ever changed."""

import pytest

from klaroen.core import text
from klaroen.core.text import gsm7_decode, gsm7_encode, is_gsm7, split_sms, split_ucs2, ucs2_encode

# (septets, letters): one row for each sixteen of TS 23.038, table 6.2.1, written down from the standard.
ROWS = [
    (0x00, "@£$¥èéùìòÇ\nØø\rÅå"),
    (0x10, "Δ_ΦΓΛΩΠΨΣΘΞ"),
    (0x1C, "ÆæßÉ"),
    (0x20, " !\"#¤%&'()*+,-./"),
    (0x30, "0123456789:;<=>?"),
    (0x40, "¡ABCDEFGHIJKLMNO"),
    (0x50, "PQRSTUVWXYZÄÖÑÜ§"),
    (0x60, "¿abcdefghijklmno"),
    (0x70, "pqrstuvwxyzäöñüà"),
]
EXTENDED = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}


@pytest.mark.parametrize(("first", "letters"), ROWS)
def test_the_default_alphabet_is_that_of_the_standard(first: int, letters: str) -> None:
    """Each letter of the basic table is one septet, at its place, both ways."""
    septets = bytes(range(first, first + len(letters)))
    assert gsm7_encode(letters) == septets
    assert gsm7_decode(septets) == letters


@pytest.mark.parametrize(("letter", "septet"), EXTENDED.items())
def test_the_extension_table_costs_two_septets(letter: str, septet: int) -> None:
    """An extended letter is an escape and a septet."""
    assert gsm7_encode(letter) == bytes((0x1B, septet))
    assert gsm7_decode(bytes((0x1B, septet))) == letter


@pytest.mark.parametrize(
    ("septets", "shown"),
    [
        (b"\x1ba", "a"),  # nothing there in the extension table: the basic letter
        (b"a\x1b", "a "),  # an escape before nothing
        (b"\x1b\x1bb", " b"),  # reserved for a further table: a space until there is one
        (b"\x1b\x65\x1b\x3cx", "€[x"),
    ],
)
def test_odd_escapes_are_shown_as_a_handset_shows_them(septets: bytes, shown: str) -> None:
    """TS 23.038, 6.2.1.1: a receiver never stumbles over an escape."""
    assert gsm7_decode(septets) == shown


def test_an_octet_above_the_alphabet_is_refused() -> None:
    """Packed or Latin-1 octets are not taken for septets."""
    with pytest.raises(ValueError, match="no septet"):
        gsm7_decode(b"\xe9")


@pytest.mark.parametrize("letter", [*"ëïêâçîôûÈ–…’\u00a0`\x1b\t\u0000", "e\u0301", "👮"])
def test_what_is_not_in_the_alphabet_is_not_forced_into_it(letter: str) -> None:
    """No transliteration: one such letter takes the whole text to UCS-2."""
    assert not is_gsm7(letter)
    assert split_sms("Belgi" + letter) == text.SmsText("ucs2", ("Belgi" + letter,))
    with pytest.raises(ValueError, match=r"not in GSM 03\.38") as error:
        gsm7_encode("geheim" + letter)
    assert "geheim" not in str(error.value), "an error quotes no text"


@pytest.mark.parametrize(
    ("posted", "lengths"),
    [
        ("", [0]),
        ("a" * 160, [160]),
        ("a" * 161, [153, 8]),
        ("a" * 306, [153, 153]),
        ("a" * 307, [153, 153, 1]),
        ("a" * 158 + "€", [159]),  # 160 septets
        ("a" * 159 + "€", [153, 7]),  # 161 septets
        ("a" * 152 + "€" + "b" * 20, [152, 21]),  # the escape pair moves whole into the second part
        ("€" * 80, [80]),
        ("€" * 81, [76, 5]),  # 76 pairs are 152 septets: the 153rd stays empty
    ],
)
def test_gsm7_parts_end_where_the_standard_has_them(posted: str, lengths: list[int]) -> None:
    """160 septets alone, 153 a part, an escape pair never apart."""
    split = split_sms(posted)
    assert split.alphabet == "gsm7"
    assert [len(part) for part in split.parts] == lengths
    assert "".join(split.parts) == posted


@pytest.mark.parametrize(
    ("posted", "lengths"),
    [
        ("ë" * 70, [70]),
        ("ë" * 71, [67, 4]),
        ("ë" * 134, [67, 67]),
        ("👮" * 35, [35]),
        ("👮" * 36, [33, 3]),  # 66 units: the 67th would be half a pair
        ("ë" + "👮" * 35, [34, 2]),
    ],
)
def test_ucs2_parts_end_where_the_standard_has_them(posted: str, lengths: list[int]) -> None:
    """70 units alone, 67 a part, a surrogate pair never apart."""
    split = split_sms(posted)
    assert split.alphabet == "ucs2"
    assert [len(part) for part in split.parts] == lengths
    assert "".join(split.parts) == posted


def test_more_parts_than_the_header_counts_are_refused() -> None:
    """255 parts can be joined, 256 cannot."""
    assert len(split_sms("a" * 153 * 255).parts) == 255
    with pytest.raises(ValueError, match="256 parts"):
        split_sms("a" * (153 * 255 + 1))


def test_a_lone_surrogate_is_no_text() -> None:
    """It is refused, and not quoted."""
    with pytest.raises(ValueError, match="lone surrogate") as error:
        split_sms("geheim\ud83d")
    assert "geheim" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_carrier_without_gsm7_gets_ucs2() -> None:
    """The same text, counted in units."""
    assert [len(part) for part in split_ucs2("a" * 71).parts] == [67, 4]
    assert ucs2_encode("a👮") == b"\x00a\xd8\x3d\xdc\x6e"
