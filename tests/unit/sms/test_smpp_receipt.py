"""Receipts in every form that carriers are known to send."""

import pytest

from klaroen_adapters.sms import smpp_pdu as pdu
from klaroen_adapters.sms.smpp_pdu import Inbound
from klaroen_adapters.sms.smpp_receipt import STATES, IdForm, ReceiptReader, address, is_receipt, names, network_error

USUAL = b"id:12345 sub:001 dlvrd:001 submit date:2611211200 done date:2611211201 stat:DELIVRD err:000 text:Inbraak"


def inbound(text: bytes = b"", coding: int = 0, esm_class: int = 4, **options: bytes) -> Inbound:
    tags = {"name": 0x1E, "state": 0x427, "error": 0x423, "reference": 0x204, "payload": 0x424}
    return Inbound(1, b"32470000001", esm_class, coding, text, {tags[key]: value for key, value in options.items()})


def read(what: Inbound, form: IdForm = "opaque") -> tuple[str | None, str, str] | None:
    receipt = ReceiptReader(form, "handset").read(what, "ticket")
    return None if receipt is None else (receipt.ref, receipt.state, receipt.code)


@pytest.mark.parametrize(
    "text",
    [
        USUAL,
        USUAL.replace(b"err:000 ", b""),
        b"stat:DELIVRD id:12345",
        b"ID: 12345\r\nSTAT :delivrd\tERR:0",
        b"sub:001,stat:DELIVRD,dlvrd:001 id:12345",
        b"id:12345 stat:DELIVERED err:",
        b"id:12345 sub: dlvrd: submit date: done date: stat:DELIVRD err: text:",
        b"id:12345 stat:DELIVRD err:000 text:id:999 stat:UNDELIV err:9",
        b"id:12345 done date:2611211200 err:000 submit date:x stat:DELIVRD",
    ],
)
def test_a_text_in_any_order_with_any_gaps(text: bytes) -> None:
    """Point 4: keys and values, no position; the first of each key, so that the message's own words say nothing."""
    ref, state, code = read(inbound(text)) or (None, None, None)
    assert ("12345", "reached") == (ref, state)
    assert code in ("DELIVRD", "DELIVERED")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"id:12345", ("12345", "buffered", "UNKNOWN")),  # no state: nothing final
        (b"id:12345 stat:", ("12345", "buffered", "UNKNOWN")),
        (b"id:12345 stat:WHATEVER err:1", ("12345", "buffered", "WHATEVER/1")),
        (b"id:12345 stat:UNDELIV err:011", ("12345", "failed", "UNDELIV/11")),
        (b"id:12345 stat:UNDELIV err:00A", ("12345", "failed", "UNDELIV/a")),
        (b"id:12345 err:7 stat:EXPIRED", ("12345", "failed", "EXPIRED/7")),
        (b"id:" + b"a" * 64 + b" stat:DELIVRD err:000 ", ("a" * 64, "reached", "DELIVRD")),
        (
            b"id:0ab7c1e2-5b8f-4a0e-9d5c-1f2e3d4c5b6a stat:DELIVRD",
            ("0ab7c1e2-5b8f-4a0e-9d5c-1f2e3d4c5b6a", "reached", "DELIVRD"),
        ),
        (b"id:" + b"a" * 65 + b" stat:DELIVRD", None),  # too long for an id, and a part of it is another's
        (b"id: sub:001 stat:DELIVRD", None),
        (b"id:sub:001 dlvrd:001 stat:DELIVRD err:000", None),
        (b"stat:DELIVRD err:000", None),
        (b"paid:12345 stat:DELIVRD", None),  # a key that only ends like ours
        (b"", None),
        (b"\xff\xfe\0id", None),
    ],
)
def test_odd_texts(text: bytes, found: tuple[str, str, str] | None) -> None:
    """Only id and stat are needed; without an id it belongs to nothing."""
    assert found == read(inbound(text))


@pytest.mark.parametrize(("stat", "state"), STATES.items())
def test_each_state_in_any_case(stat: str, state: str) -> None:
    """Point 5: accepted, en route, unknown and buffered are neither delivered nor final."""
    for word in (stat, stat.lower(), stat.title()):
        assert ("1", state, stat) == read(inbound(f"id:1 stat:{word} err:000".encode()))


def test_the_table_of_states() -> None:
    """Point 5, written out: what is not here is not final."""
    assert {word for word, state in STATES.items() if state == "reached"} == {"DELIVRD", "DELIVERED"}
    assert {word for word, state in STATES.items() if state == "failed"} == {
        *("EXPIRED", "DELETED", "UNDELIV", "REJECTD", "FAILED", "SKIPPED")
    }


def test_delivered_to_the_network_alone_is_no_arrival() -> None:
    """Point 6: a profile that says so makes DELIVRD a `network`; failures stay failures."""
    reader = ReceiptReader("opaque", "network")
    states = [reader.read(inbound(b"id:1 stat:%b" % stat), None) for stat in (b"DELIVRD", b"UNDELIV")]
    assert ["network", "failed"] == [receipt.state for receipt in states if receipt]


@pytest.mark.parametrize(
    ("what", "found"),
    [
        (inbound(USUAL, name=b"0A7F\0"), ("0A7F", "reached", "DELIVRD")),
        (inbound(USUAL, name=b"0A7F"), ("0A7F", "reached", "DELIVRD")),
        (inbound(USUAL, name=b"\0"), ("12345", "reached", "DELIVRD")),
        (inbound(USUAL, name=b"x" * 65), ("12345", "reached", "DELIVRD")),
        (inbound(USUAL, state=b"\x05"), ("12345", "failed", "UNDELIV")),
        (inbound(USUAL, state=b"\x01"), ("12345", "buffered", "ENROUTE")),
        (inbound(USUAL, state=b"\x63"), ("12345", "reached", "DELIVRD")),  # no state of any version
        (inbound(USUAL, state=b""), ("12345", "reached", "DELIVRD")),
        (inbound(name=b"9\0", state=b"\x02"), ("9", "reached", "DELIVRD")),
        (inbound(name=b"9\0", state=b"\x05", error=b"\x03\x00\x0b"), ("9", "failed", "UNDELIV/11")),
        (inbound(payload=USUAL), ("12345", "reached", "DELIVRD")),
    ],
)
def test_an_option_wins_over_the_text(what: Inbound, found: tuple[str, str, str]) -> None:
    """Point 3: receipted_message_id with or without NUL, message_state, message_payload."""
    assert found == read(what)


@pytest.mark.parametrize("coding", [8, 0x18])
def test_a_receipt_in_ucs2(coding: int) -> None:
    """Point 3; and one that claims UCS-2 and is written in ASCII."""
    assert ("12345", "reached", "DELIVRD") == read(inbound(USUAL.decode().encode("utf-16-be"), coding))
    assert ("12345", "reached", "DELIVRD") == read(inbound(USUAL, coding))
    assert ("12345", "reached", "DELIVRD") == read(
        inbound("id:12345 stat:DELIVRD text:é👮".encode("utf-16-be"), coding)
    )


def test_a_receipt_behind_a_user_data_header() -> None:
    """Point 3: the header is not read as text."""
    assert ("12345", "reached", "DELIVRD") == read(inbound(b"\x05\x00\x03\x2a\x02\x01" + USUAL, esm_class=0x44))
    assert read(inbound(b"", esm_class=0x44)) is None


@pytest.mark.parametrize(
    ("what", "marked"),
    [
        (inbound(USUAL, esm_class=0x04), True),
        (inbound(USUAL, esm_class=0x44), True),
        (inbound(USUAL, esm_class=0x20), True),  # an intermediate notification
        (inbound(USUAL, esm_class=0x00), False),  # a handset that typed a receipt
        (inbound(USUAL, esm_class=0x08), False),  # the handset's own acknowledgement
        (inbound(esm_class=0x00, name=b"9"), True),  # an option that no handset sets
    ],
)
def test_only_the_pdu_marks_a_receipt(what: Inbound, marked: bool) -> None:
    """Point 9: words in a text prove nothing."""
    assert marked is is_receipt(what)


def test_a_reference_settles_what_has_no_id() -> None:
    """Point 16: our own user_message_reference and the handset's number name the message."""
    receipt = ReceiptReader("opaque", "handset").read(inbound(b"stat:DELIVRD", reference=b"\x12\x34"), "t")
    assert receipt is not None
    assert (None, 0x1234, "+32470000001", "reached", "t") == (
        *(receipt.ref, receipt.reference, receipt.address, receipt.state, receipt.ticket),
    )
    assert read(inbound(b"stat:DELIVRD", reference=b"\x12")) is None, "an octet is no reference"


@pytest.mark.parametrize(
    ("name", "form", "found"),
    [
        ("1A2B", "hex", ("6699", None)),
        ("00001a2b", "hex", ("6699", None)),
        ("6699", "dec", ("6699", None)),
        ("0000006699", "dec", ("6699", None)),
        ("not-hex", "hex", ("not-hex", "NOT-HEX")),
        ("1A2B", "dec", ("1A2B", "1a2b")),
        ("12345", "opaque", ("12345", None)),
        ("00012345", "opaque", ("00012345", "12345")),
        ("abc", "opaque", ("abc", "ABC")),
        ("ABC", "opaque", ("ABC", "abc")),
        ("000", "opaque", ("000", None)),
        ("²", "dec", ("²", None)),
    ],
)
def test_ids_and_their_other_spelling(name: str, form: IdForm, found: tuple[str, str | None]) -> None:
    """Point 1: canonical where the profile says how they are written, else exact, with one other spelling to try."""
    assert found == names(name, form)


@pytest.mark.parametrize(
    ("value", "error"),
    [(b"\x03\x00\x0b", "11"), (b"\x03\x00\x00", ""), (b"011", "011"), (b"000", ""), (b"", ""), (b"\x01\x02", "")],
)
def test_network_errors(value: bytes, error: str) -> None:
    """Point 11: three octets, or three ASCII digits."""
    assert error == network_error(value)


@pytest.mark.parametrize(
    ("ton", "digits", "number"),
    [
        (1, b"32470000001", "+32470000001"),
        (1, b"8810", "+8810"),
        (0, b"32470000001", "+32470000001"),
        (0, b"0032470000001", "+32470000001"),
        (2, b"0470000001", "0470000001"),
        (0, b"8810", "8810"),
        (1, b"+32470000001", "+32470000001"),
        (5, b"BE-Alert", "BE-Alert"),
        (0, b"\xb2\xb3", "²³"),
        (1, b"", None),
    ],
)
def test_the_handsets_number(ton: int, digits: bytes, number: str | None) -> None:
    """E.164 with "+" where it can be told, else as the carrier wrote it."""
    assert number == address(ton, digits)


BODY = bytes.fromhex("00 01 01 333234373030303030303100 00 00 3838313000 04 00 00 00 00 00 00 00 00")


def test_the_octets_of_a_whole_receipt() -> None:
    """From a PDU's body to a receipt, once."""
    parsed = pdu.parse_deliver(BODY + bytes((len(USUAL),)) + USUAL)
    assert parsed is not None
    assert is_receipt(parsed)
    assert ("12345", "reached", "DELIVRD") == read(parsed)


@pytest.mark.parametrize(
    ("options", "reference"),
    [
        (b"", None),
        (pdu.tlv(0x1E, b"12345\0") + pdu.tlv(0x427, b"\x02"), None),
        (pdu.tlv(0x1E, b"12345\0") + pdu.tlv(0x427, b"\x02") + pdu.tlv(0x204, b"\x12\x34"), 0x1234),
        (pdu.tlv(0x204, b"\x12\x34"), 0x1234),
    ],
)
@pytest.mark.parametrize("text", [USUAL, USUAL.replace(b"err:000 ", b""), USUAL.replace(b"text:Inbraak", b"Text:")])
def test_the_usual_proof_is_read_at_one_glance(text: bytes, options: bytes, reference: int | None) -> None:
    """As it is by the longer way."""
    body = BODY + bytes((len(text),)) + text + options
    reader = ReceiptReader("opaque", "handset")
    found = reader.read_arrival(body, "ticket")
    assert found is not None
    assert ("12345", "reached", reference, "+32470000001") == (found.ref, found.state, found.reference, found.address)
    parsed = pdu.parse_deliver(body)
    assert parsed is not None
    assert found == reader.read(parsed, "ticket")


@pytest.mark.parametrize(
    "rest",
    [
        b"\x01" + USUAL,
        bytes((len(USUAL),)) + USUAL.replace(b"DELIVRD", b"UNDELIV"),
        bytes((len(USUAL),)) + USUAL + pdu.tlv(0x1E, b"999\0"),
        bytes((len(USUAL),)) + USUAL + b"\x00\x1e\x00\x0912345\0",
        bytes((len(USUAL),)) + USUAL + pdu.tlv(0x427, b"\x05"),
    ],
)
def test_what_is_not_quite_usual_goes_the_longer_way(rest: bytes) -> None:
    """A wrong length, another state, another id, an option of another length."""
    assert ReceiptReader("opaque", "handset").read_arrival(BODY + rest, None) is None
