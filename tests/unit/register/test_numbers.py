"""Telephone numbers: which are taken, in what form, and for what."""

import pytest
from phonenumbers import PhoneMetadata, PhoneNumberType

from klaroen.register.model import FieldError
from klaroen.register.numbers import _KINDS, DENIED, NUMBER_CHARS_MAX, read_number

MOBILES = [
    ("0470123456", "+32470123456"),
    ("0470 12 34 56", "+32470123456"),
    ("0470/12.34.56", "+32470123456"),
    ("+32 470 12 34 56", "+32470123456"),
    ("+32 (0)470 12 34 56", "+32470123456"),
    ("0032470123456", "+32470123456"),
    ("0455 12 34 56", "+32455123456"),
    ("0456123456", "+32456123456"),
    ("0460123456", "+32460123456"),
    ("0483123456", "+32483123456"),
    ("0499999999", "+32499999999"),
    ("0470\u00a012\u00a034\u00a056", "+32470123456"),  # pasted from a text with hard spaces
    ("+31 6 12345678", "+31612345678"),
    ("+33 6 12 34 56 78", "+33612345678"),
    ("+49 151 23456789", "+4915123456789"),
    ("+352 621 123 456", "+352621123456"),
]
FIXED = [
    ("042223344", "+3242223344"),  # Liège, not a mobile
    ("04 222 33 44", "+3242223344"),
    ("02 210 00 00", "+3222100000"),
    ("03/210.00.00", "+3232100000"),
    ("09 210 00 00", "+3292100000"),
    ("010 45 00 00", "+3210450000"),
    ("053 21 00 00", "+3253210000"),
    ("087 55 00 00", "+3287550000"),
    ("+32 2 210 00 00", "+3222100000"),
    ("+31 20 123 4567", "+31201234567"),
]
NEVER = [
    ("0900 12 345", "premium"),
    ("090012345", "premium"),
    ("070 22 12 34", "premium"),
    ("0800 12 345", "freephone"),
    ("078 15 12 34", "service"),
    ("078 79 12 34", "shared-cost"),
    ("+44 870 123 4567", "premium"),
    ("+1 900 555 0123", "premium"),
    ("101", "emergency or short"),
    ("+32112", "emergency or short"),
    ("1722", "emergency or short"),
    ("116 000", "emergency or short"),
    ("0032 116000", "emergency or short"),
    ("8810", "not a number that exists"),
    ("0470 12 34 5", "not a number that exists"),
    ("0470 12 34 567", "not a number that exists"),
    ("0400 12 34 56", "not a number that exists"),
    ("+", "not a telephone number"),
    ("", "not a telephone number"),
    ("0470 12 34 56 ext 7", "not a telephone number"),
    ("0800-POLITIE", "not a telephone number"),
    ("tel:+32470123456", "not a telephone number"),
    ("٠٤٧٠١٢٣٤٥٦", "not a telephone number"),
    ("0" * (NUMBER_CHARS_MAX + 1), "longer than"),
]


@pytest.mark.parametrize(("text", "e164"), MOBILES)
def test_a_mobile_is_texted_and_called(text: str, e164: str) -> None:
    assert e164 == read_number(text, "sms") == read_number(text, "call")


@pytest.mark.parametrize(("text", "e164"), FIXED)
def test_a_fixed_number_is_called_and_never_texted(text: str, e164: str) -> None:
    assert e164 == read_number(text, "call")
    with pytest.raises(FieldError, match="is a fixed number: SMS goes to mobiles only"):
        read_number(text, "sms")


@pytest.mark.parametrize("use", ["sms", "call"])
@pytest.mark.parametrize(("text", "words"), NEVER)
def test_what_is_never_called_or_texted(text: str, words: str, use: str) -> None:
    """Premium, shared-cost, short and emergency numbers, and what is no number; the words never repeat it."""
    with pytest.raises(FieldError, match=words) as caught:
        read_number(text, use)  # type: ignore[arg-type]
    digits = "".join(char for char in text if char.isdigit())
    assert not digits or digits not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("number", sorted(DENIED))
@pytest.mark.parametrize("prefix", ["", "0", "+32", "0032", "+32 ", "00 32 "])
def test_emergency_numbers_are_denied_in_every_form(number: str, prefix: str) -> None:
    with pytest.raises(FieldError, match="emergency or short"):
        read_number(prefix + number, "call")


def test_every_kind_that_is_refused_has_a_name() -> None:
    """A valid number's kind is one that may be texted and called, or one that the words can name."""
    kinds = set(PhoneNumberType.values()) - {PhoneNumberType.UNKNOWN}
    assert kinds - {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE} == set(_KINDS)


def test_the_numbering_plan_that_was_read() -> None:
    """A new plan of phonenumbers shows here, before it shows at an import."""
    belgium = PhoneMetadata.metadata_for_region("BE")
    assert r"4[5-9]\d{7}" == belgium.mobile.national_number_pattern
    assert (8,) == belgium.fixed_line.possible_length
