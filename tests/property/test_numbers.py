"""The short way for plain Belgian numbers says what phonenumbers says."""

import phonenumbers
from hypothesis import given
from hypothesis import strategies as st

from klaroen.register.numbers import read_plain_belgian

PREFIXES = st.sampled_from(["+32", "0032", "0", "+32 ", "00 32 ", "+32-"])
DIGITS = st.text("0123456789", min_size=7, max_size=10)
SEPARATORS = st.lists(st.sampled_from(["", "", "", " ", ".", "/", "-"]), min_size=10, max_size=10)


@given(PREFIXES, st.sampled_from(["", "4", "47", "45", "2", "9", "78", "90", "80"]), DIGITS, SEPARATORS)
def test_the_short_way_is_phonenumbers_own(prefix: str, head: str, tail: str, separators: list[str]) -> None:
    """What the short way accepts, the library accepts as that kind and writes alike; it refuses nothing itself."""
    digits = (head + tail)[:10]
    text = prefix + "".join(digit + gap for digit, gap in zip(digits, separators, strict=False))
    for use in ("sms", "call"):
        plain = read_plain_belgian(text, use)  # type: ignore[arg-type]
        if plain is None:
            continue
        number = phonenumbers.parse(text, "BE")
        kind = phonenumbers.number_type(number)
        assert phonenumbers.is_valid_number(number)
        assert kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
        assert use == "call" or kind == phonenumbers.PhoneNumberType.MOBILE
        assert plain == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@given(st.sampled_from(["+32", "0032", "0"]), st.integers(0, 10**9 - 1))
def test_plain_mobiles_always_take_the_short_way(prefix: str, number: int) -> None:
    national = f"{number:09}"
    is_mobile = national[0] == "4" and national[1] in "56789"
    assert ("+32" + national if is_mobile else None) == read_plain_belgian(prefix + national, "sms")
