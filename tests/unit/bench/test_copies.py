"""What a phone shows is decoded from raw bytes with the auditor's own tables."""

from pathlib import Path

import pytest
import smsutil
from smsutil.codecs import GSM0338Codec

from klaroen_bench.carriers.ledger import ACCEPTED, HANDSET, Entry, Heading, LedgerError, write_ledger
from klaroen_bench.copies import ESCAPE, Copy, PduDecoder, decode, e164, read_copies


@pytest.mark.parametrize(
    "written",
    [
        *("0475123456", "0475 12 34 56", "0475/12.34.56", "+32475123456", "+32 475 12 34 56", "+32 (0)475 12 34 56"),
        *("0032475123456", "00 32 475 12 34 56", "32475123456", "+320475123456", " +32 475-12-34-56 "),
    ],
)
def test_a_belgian_number_in_any_form_is_one_number(written: str) -> None:
    assert e164(written) == "32475123456"


@pytest.mark.parametrize(
    ("written", "digits"),
    [("+31 6 12345678", "31612345678"), ("0033612345678", "33612345678"), ("09 222 33 44", "3292223344"), ("", "")],
)
def test_other_numbers_keep_their_country(written: str, digits: str) -> None:
    assert e164(written) == digits


def test_the_alphabet_is_gsm_03_38_to_the_letter() -> None:
    """Against an oracle, over every character that the standard can carry, the extensions included."""
    characters = [chr(code) for code in range(0x20AD) if code != ESCAPE and smsutil.is_valid_gsm(chr(code))]
    decoded = [decode(0, GSM0338Codec().encode(character)[0]) for character in characters]
    assert (decoded, len(characters) > 130) == (characters, True)


@pytest.mark.parametrize("payload", [b"\x80", b"\x1b", b"\x1b\x41"])
def test_what_the_alphabet_has_not_is_not_guessed(payload: bytes) -> None:
    assert decode(0, payload) is None


@pytest.mark.parametrize(
    ("data_coding", "alphabet", "payload", "text"),
    [
        (8, "gsm7", "België 🚓".encode("utf-16-be"), "België 🚓"),
        (8, "gsm7", b"\xd8\x3d", None),
        (3, "gsm7", b"Belgi\xeb", "België"),
        (0, "latin1", b"Belgi\xeb", "België"),
        (0, "gsm7", b"\x00 \x02", "@ $"),
        (4, "gsm7", b"binary", None),
    ],
)
def test_the_data_coding_says_the_alphabet(data_coding: int, alphabet: str, payload: bytes, text: str | None) -> None:
    assert decode(data_coding, payload, alphabet) == text


def part(index: int, total: int = 3, reference: int = 7) -> bytes:
    return bytes((5, 0, 3, reference, total, index))


def test_parts_are_put_together_in_their_order(submit) -> None:
    pdus = [submit(esm_class=0x40, text=part(index) + text) for index, text in ((3, b"c"), (1, b"a"), (2, b"b"))]
    assert PduDecoder("gsm7").text(b"".join(pdus)) == "abc"


def test_sixteen_bit_references_sar_and_payload_are_read_too(submit) -> None:
    wide = [submit(esm_class=0x40, text=bytes((6, 8, 4, 1, 2, 2, n)) + b"%d" % n) for n in (2, 1)]
    sar = [submit(text=b"%d" % n, tlvs=((0x020C, b"\0\1"), (0x020E, b"\2"), (0x020F, bytes((n,))))) for n in (1, 2)]
    payload = submit(text=b"", tlvs=((0x0424, b"12"),))
    port_and_text = submit(esm_class=0x40, text=bytes((2, 0x24, 0)) + b"12")
    texts = [PduDecoder("gsm7").text(b"".join(pdus)) for pdus in (wide, sar, [payload], [port_and_text])]
    assert texts == ["12"] * 4


@pytest.mark.parametrize("indexes", [(1, 2), (1, 2, 2), (1, 2, 4), (1, 2, 3, 3)])
def test_what_no_phone_could_put_together_is_nothing(submit, indexes: tuple[int, ...]) -> None:
    pdus = b"".join(submit(esm_class=0x40, text=part(index) + b"x") for index in indexes)
    assert PduDecoder("gsm7").text(pdus) is None


def test_broken_bytes_are_nothing(submit) -> None:
    whole = submit(esm_class=0x40, text=part(1, 1) + b"x", tlvs=((0x0204, b"ab"),))
    decoder = PduDecoder("gsm7")
    assert decoder.text(whole) == "x"
    broken = (whole[:3], whole[:-1], b"\0\0\0\x20" + whole[4:], b"\0\0\0\x0f" + whole, submit(text=b"\x80"))
    assert [decoder.text(pdus) for pdus in broken] == [None] * 5


def test_a_ledger_of_smpp_gives_what_handsets_got(tmp_path: Path, submit) -> None:
    """Not what was accepted: that is no copy."""
    entries = [
        Entry(5_000_000, ACCEPTED, b"32470000001", submit()),
        Entry(7_000_000, HANDSET, b"32470000001", submit()),
        Entry(9_000_000, HANDSET, b"32470000001", submit(text=b"\x80")),
    ]
    write_ledger(tmp_path / "l", Heading("proximus", "sms", "smpp"), iter(entries))
    with (tmp_path / "l").open("ab") as ledger:
        ledger.write(b"tail")
    copies = [
        Copy(7, "proximus", "sms", "32470000001", "Bel 101."),
        Copy(9, "proximus", "sms", "32470000001", None),
    ]
    assert read_copies(tmp_path / "l") == (copies, 4)


def test_a_ledger_of_a_gateway_and_one_of_calls(tmp_path: Path) -> None:
    bodies = (b'{"text":"Bel 101.","ref":"a"}', b'{"ref":"a"}', b"[", b'{"text":1}')
    write_ledger(
        tmp_path / "g",
        Heading("cm", "sms", "gateway"),
        (Entry(7_000_000, HANDSET, b"32470000001", body) for body in bodies),
    )
    (tmp_path / "v").write_text(
        '{"at": 1700000000.5, "number": "+3292223344", "channel": "tts", "carrier": "sim", "text": "Bel 101."}\n'
        '{"at": "2023-11-14T22:13:20.500Z", "number": "+3292223344", "channel": "voice", "carrier": "s", "text": "x"}\n'
        '{"at": 17'
    )
    gateway, _ = read_copies(tmp_path / "g")
    assert [copy.text for copy in gateway] == ["Bel 101.", None, None, None]
    assert read_copies(tmp_path / "v") == (
        [
            Copy(1_700_000_000_500, "sim", "tts", "3292223344", "Bel 101."),
            Copy(1_700_000_000_500, "s", "voice", "3292223344", "x"),
        ],
        9,
    )


@pytest.mark.parametrize("line", ["{", "[]", '{"at": 1}', '{"at": null, "number": "1"}'])
def test_what_is_no_ledger_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "v").write_text(line + "\n")
    with pytest.raises(LedgerError):
        read_copies(tmp_path / "v")
