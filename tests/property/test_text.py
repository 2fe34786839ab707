"""What holds of every text: nothing is changed, nothing is too long, and two independent encoders agree."""

import smsutil
from hypothesis import assume, example, given
from hypothesis import strategies as st

from klaroen.core.text import BASIC, ESCAPE, EXTENSION, gsm7_decode, gsm7_encode, is_gsm7, split_sms, ucs2_encode

GSM7 = st.text(st.sampled_from(sorted((set(BASIC) - {chr(ESCAPE)}) | set(EXTENSION.values()))), max_size=700)
ANY = st.text(max_size=500)


@given(GSM7 | ANY)
@example("a" * 152 + "€" * 10)
@example("ë" * 66 + "👮" * 70)
def test_the_parts_joined_are_the_text(posted: str) -> None:
    """Law 8: exact text or none."""
    assert "".join(split_sms(posted).parts) == posted


@given(GSM7 | ANY)
def test_no_part_is_longer_than_a_handset_takes(posted: str) -> None:
    """160 or 153 septets, 70 or 67 units; and no part but the last leaves room for a whole letter more."""
    split = split_sms(posted)
    several = len(split.parts) > 1
    if split.alphabet == "gsm7":
        sizes, most = [len(gsm7_encode(part)) for part in split.parts], 153 if several else 160
    else:
        sizes, most = [len(ucs2_encode(part)) // 2 for part in split.parts], 67 if several else 70
    assert max(sizes) <= most
    assert all(size >= most - 1 for size in sizes[:-1])


@given(GSM7)
def test_septets_come_back_as_the_text(posted: str) -> None:
    """Encoding and decoding are each other's inverse on the alphabet."""
    assert is_gsm7(posted)
    assert gsm7_decode(gsm7_encode(posted)) == posted


@given(st.binary(max_size=300).map(lambda octets: bytes(octet & 0x7F for octet in octets)))
def test_any_septets_can_be_shown(septets: bytes) -> None:
    """Decoding never stumbles, and shows a letter for each septet that is no escape."""
    assert len(gsm7_decode(septets)) <= len(septets)


@given(GSM7 | st.text(st.characters(blacklist_categories=("Cs",)), max_size=300))
def test_smsutil_agrees(posted: str) -> None:
    """An encoder that we did not write chooses the same alphabet, cuts the same parts and writes the same octets."""
    assume(chr(ESCAPE) not in posted)  # smsutil takes a bare escape for a letter
    assume(posted)  # and knows no empty message
    split = split_sms(posted)
    theirs = smsutil.split(posted)
    assert (theirs.encoding == "gsm0338") == (split.alphabet == "gsm7")
    assert [part.content for part in theirs.parts] == list(split.parts)
    assert smsutil.encode(posted) == (gsm7_encode(posted) if split.alphabet == "gsm7" else ucs2_encode(posted))
