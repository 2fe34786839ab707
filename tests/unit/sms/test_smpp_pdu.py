"""The SMPP 3.4 codec against octets written down by hand from the specification."""

import pytest

from klaroen_adapters.sms import smpp_pdu as pdu
from klaroen_adapters.sms.smpp_pdu import Decoder, Frame, Inbound, ProtocolError, Source


def octets(spaced: str) -> bytes:
    return bytes.fromhex(spaced)


def test_bind_transceiver() -> None:
    """4.1.5: system_id, password (longer than eight here), system_type, version 3.4, any address."""
    expected = octets(
        "00000032 00000009 00000000 00000001"
        "6b6c61726f656e00"  # "klaroen"
        "6c6f6e676572207468616e2065696768 7400"  # "longer than eight"
        "564d4100"  # "VMA"
        "34 00 00 00"
    )
    assert expected == pdu.encode_bind(1, "klaroen", "longer than eight", "VMA")


@pytest.mark.parametrize("value", ["é", "a\0b"])
def test_what_no_c_octet_string_holds_is_refused(value: str) -> None:
    """It would end the field early, or mean another letter to the peer."""
    with pytest.raises(ValueError, match="ASCII without NUL"):
        pdu.c_octets(value)


def test_submit_sm_of_one_part() -> None:
    """4.4.1: a warning from an alphanumeric sender, with a validity of 30 minutes and our reference."""
    template = pdu.submit(Source(5, 0, "BE-Alert"), b"Hoi", data_coding=0, validity=b"000000003000000R")
    expected = octets(
        "0000004d 00000004 00000000 00000007"
        "00 05 00 42452d416c65727400"  # service_type, source
        "01 01 333234373030303030303100"  # destination 32470000001
        "00 00 00 00"  # esm_class, protocol_id, priority_flag, schedule_delivery_time
        "30303030303030303330303030303052 00"  # validity_period
        "01 00 00 00"  # registered_delivery, replace_if_present, data_coding, sm_default_msg_id
        "03 486f69"
        "0204 0002 1234"  # user_message_reference
    )
    assert expected == pdu.encode_many(template, [7], [b"32470000001"], [0x1234])


def test_many_submissions_are_one_piece() -> None:
    """A hundred submissions of one content are written at once."""
    template = pdu.submit(Source(0, 0, "8810"), b"x", data_coding=0, referenced=False)
    one, two = (
        pdu.encode_many(template, [sequence], [to], []) for sequence, to in ((1, b"32470000001"), (2, b"3247000000"))
    )
    assert one + two == pdu.encode_many(template, [1, 2], [b"32470000001", b"3247000000"], [])
    assert b"\x02\x04\x00\x02" not in one, "a carrier that knows no references gets none"


def test_a_part_with_a_user_data_header() -> None:
    """TS 23.040, 9.2.3.24.1: 05 00 03 reference total index, UDHI in esm_class, and the length counts the header."""
    template = pdu.submit(Source(0, 0, "8810"), b"deel", data_coding=8, segment=(2, 3), options=pdu.tlv(5, b"\x01"))
    expected = octets(
        "00000045 00000004 00000000 00000009"
        "00 00 00 3838313000"
        "01 01 333234373030303030303100"
        "40 00 00 00 00"
        "01 00 08 00"
        "0a 05 00 03 2a 03 02 6465656c"
        "0005 0001 01"
        "0204 0002 0007"
    )
    assert expected == pdu.encode_part(template, 9, b"32470000001", 7, 42)


def test_a_part_with_sar_options() -> None:
    """5.3.2.22 to 24: sar_msg_ref_num, sar_total_segments, sar_segment_seqnum, and no header in the text."""
    template = pdu.submit(
        Source(0, 0, "8810"), b"deel", data_coding=0, segment=(2, 3), segmented_by="sar", referenced=False
    )
    expected = octets(
        "00000044 00000004 00000000 00000009"
        "00 00 00 3838313000"
        "01 01 333234373030303030303100"
        "00 00 00 00 00"
        "01 00 00 00"
        "04 6465656c"
        "020c 0002 002a 020e 0001 03 020f 0001 02"
    )
    assert expected == pdu.encode_part(template, 9, b"32470000001", 7, 42)


def test_a_long_payload_stands_in_message_payload() -> None:
    """4.4.1: sm_length is then 0, and the text is never in both."""
    encoded = pdu.encode_many(pdu.submit(Source(0, 0, "8810"), b"x" * 300, data_coding=0), [1], [b"32470000001"], [1])
    assert octets("01 00 00 00 00 0424 012c") + b"x" * 300 + octets("0204 0002 0001") == encoded[-315:]


def test_acknowledgements() -> None:
    """4.6.2: deliver_sm_resp has an empty message_id."""
    expected = octets("00000011 80000005 00000014 00000001 0000000011 80000005 00000014 00000002 00")
    assert expected == pdu.encode_acknowledgements(pdu.DELIVER_SM_RESP, 0x14, [1, 2])


ENQUIRE = pdu.encode(pdu.ENQUIRE_LINK, 0, 5)
ANSWER = pdu.encode(pdu.SUBMIT_SM_RESP, 0, 6, b"id\0")


@pytest.mark.parametrize("size", [1, 3, 4, 15, 16, 17, 1000])
def test_frames_come_out_however_the_octets_come_in(size: int) -> None:
    """TCP has no messages: PDUs arrive split anywhere, and glued together."""
    decoder = Decoder()
    stream = (ENQUIRE + ANSWER) * 3
    frames: list[Frame] = []
    for at in range(0, len(stream), size):
        frames += decoder.feed(stream[at : at + size])
    assert [(0x15, 0, 5, b""), (0x80000004, 0, 6, b"id\0")] * 3 == frames


@pytest.mark.parametrize(
    "foreign",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"220 ",  # a mail server's greeting, of which only this much has come
        octets("0000000f 00000015 00000000 00000001"),  # shorter than a header
        octets("00000000 00000000"),
        octets("00010401 00000005 00000000 00000001"),  # 65 KiB and one
        b"\xff" * 100_000,
        octets("00010401 00000005 00000000 00000001") + bytes(70_000),  # as long as it says, and still too long
    ],
)
def test_what_is_no_smpp_ends_the_session(foreign: bytes) -> None:
    """The fault is named, and the frames before it are not lost."""
    with pytest.raises(ProtocolError) as caught:
        Decoder().feed(ENQUIRE + foreign)
    assert [(0x15, 0, 5, b"")] == caught.value.before


def test_the_longest_pdu_is_taken() -> None:
    """64 KiB of payload and the fields before it."""
    longest = pdu.encode(pdu.DELIVER_SM, 0, 1, bytes(pdu.PDU_BYTES_MAX - 16))
    assert 1 == len(Decoder().feed(longest))


DELIVER = octets("00 01 01 333234373000 00 00 3838313000 04 00 00 00 00 00 00 00 00")


def test_deliver_sm() -> None:
    """4.6.1, with options."""
    body = DELIVER + b"\x03abc" + pdu.tlv(0x1E, b"77\0") + pdu.tlv(0x427, b"\x02")
    assert Inbound(1, b"32470", 4, 0, b"abc", {0x1E: b"77\0", 0x427: b"\x02"}) == pdu.parse_deliver(body)


def test_deliver_sm_with_its_text_in_an_option() -> None:
    """message_payload stands in for a short_message of no length."""
    inbound = pdu.parse_deliver(DELIVER + b"\x00" + pdu.tlv(0x424, b"long text"))
    assert inbound is not None
    assert b"long text" == inbound.text


def test_data_sm() -> None:
    """4.7.1: the text is always an option."""
    body = octets("00 01 01 333234373000 00 00 3838313000 04 00 08") + pdu.tlv(0x424, b"text")
    assert Inbound(1, b"32470", 4, 8, b"text", {0x424: b"text"}) == pdu.parse_data(body)


@pytest.mark.parametrize(
    ("tail", "text", "options"),
    [
        (b"\x03abc\0\0", b"abc", {}),  # trailing octets that are no option
        (b"\x05abc", b"abc", {}),  # a text shorter than it says
        (b"\x01a" + pdu.tlv(0x1400, b"x") + pdu.tlv(0x1400, b"y"), b"a", {0x1400: b"x"}),  # a vendor's, twice
        (b"\x01a" + pdu.tlv(0x1E, b"77") + octets("0427 00ff 02"), b"a", {0x1E: b"77"}),  # an option past the end
    ],
)
def test_what_can_be_read_of_a_torn_message_is_kept(tail: bytes, text: bytes, options: dict[int, bytes]) -> None:
    """Vendors' PDUs are not all well made; a receipt in one of them still counts."""
    assert Inbound(1, b"32470", 4, 0, text, options) == pdu.parse_deliver(DELIVER + tail)


@pytest.mark.parametrize("body", [b"", b"\0", b"x" * 65 + b"\0" * 40, DELIVER])
def test_fields_that_cannot_be_read_are_no_message(body: bytes) -> None:
    """Neither raises nor guesses."""
    assert pdu.parse_deliver(body) is None
    assert pdu.parse_data(body[:4]) is None


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"abc\0", "abc"),
        (b"abc", "abc"),
        (b"", ""),
        (b"\0", ""),
        (b"abc\0junk", "abc"),
        (b"x" * 64 + b"\0", "x" * 64),
        (b"x" * 65 + b"\0", ""),
    ],
)
def test_message_id(body: bytes, name: str) -> None:
    """4.4.2: with or without its NUL, absent, or too long for any receipt to repeat."""
    assert name == pdu.parse_message_id(body)
