"""Messages, headers and streams: what is read, what is refused, and where a message ends."""

import pytest
from tests.unit.voice.torture import LWSDISP, NOREASON, octets

from klaroen_adapters.voice import sip_headers as headers
from klaroen_adapters.voice.sip_headers import ProtocolError, Uri, Via
from klaroen_adapters.voice.sip_message import LINES_MAX, MESSAGE_BYTES_MAX, Request, Response, parse
from klaroen_adapters.voice.sip_stream import HEAD_BYTES_MAX, Stream

OK = octets("""
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.9:5062;rport=5062;branch=z9hG4bKa
From: <sip:us@example.net>;tag=ours
To: <sip:them@example.net>;tag=theirs
Call-ID: A1
CSeq: 7 INVITE
Content-Length: 4

body""")


def changed(old: bytes, new: bytes, message: bytes = OK) -> bytes:
    assert old in message
    return message.replace(old, new)


def test_a_response_says_what_it_answers() -> None:
    """Status, CSeq, Via, Call-ID and both tags are all that a client needs to find its transaction."""
    found = parse(OK)
    assert isinstance(found, Response)
    assert (200, "OK", 7, "INVITE") == (found.status, found.reason, found.sequence, found.method)
    assert ("A1", "ours", "theirs", b"body") == (found.call_id, found.from_tag, found.to_tag, found.body)
    assert Via("192.0.2.9", 5062, "z9hG4bKa", True) == found.via


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"Via: SIP", b"Xia: SIP", "no via"),
        (b"Call-ID: A1\r\n", b"", "no call-id, or more than one"),
        (b"Call-ID: A1", b"Call-ID: A1\r\ni: A2", "no call-id, or more than one"),
        (b"Call-ID: A1", b"Call-ID A1", "a header without a colon"),
        (b"Call-ID: A1", b"Call ID: A1", "a header whose name is no word"),
        (b"Call-ID: A1", b": A1", "a header whose name is no word"),
        (b"CSeq: 7 ", b"CSeq: 2147483648 ", "a CSeq that is no number in its bounds"),
        (b"CSeq: 7 ", b"CSeq: -7 ", "a CSeq that is no number in its bounds"),
        (b"CSeq: 7 ", "CSeq: ² ".encode("latin-1"), "a CSeq that is no number in its bounds"),
        (b"CSeq: 7 ", b"CSeq: " + b"0" * 21 + b" ", "a CSeq that is no number in its bounds"),
        (b"SIP/2.0 200", b"SIP/3.0 200", "another version of SIP"),
        (b"SIP/2.0 200", b"SIP/2.0 20", "a status that is none"),
        (b"SIP/2.0 200", b"SIP/2.0 099", "a status that is none"),
        (b"SIP/2.0 200", b"SIP/2.0 700", "a status that is none"),
        (b"SIP/2.0 200", b"SIP/2.0 2-0", "a status that is no number in its bounds"),
        (b"Length: 4", b"Length: 5", "Content-Length says more than there is"),
        (b"Length: 4", b"Length: 4\r\nl: 3", "two values of Content-Length"),
        (b"Length: 4", b"Length: 65536", "a Content-Length that is no number in its bounds"),
        (b"SIP/2.0/UDP", b"HTTP/2.0/UDP", "a Via of no SIP"),
        (b"SIP/2.0/UDP", b"SIP/2.0", "a Via of no SIP"),
        (b"UDP 192.0.2.9:5062", b"UDP", "a Via that names no sender"),
        (b"UDP 192.0.2.9:5062", b"UDP :5062", "no host where one must be"),
        (b"UDP 192.0.2.9:5062", b"UDP 192.0.2.9:65536", "a port that is no number in its bounds"),
        (b"UDP 192.0.2.9:5062", b"UDP [::1:5062", "an IPv6 address without its closing bracket"),
        (b";rport=5062;", b";;rport;", "a Via with nothing between its semicolons"),
        (b"<sip:them@example.net>", b"<sip:them@example.net", "an address without its closing angle"),
        (b"<sip:them@example.net>", b'"<sip:them@example.net>', "a quoted string without end"),
        (b"Call-ID: A1", b"Call-ID: A1\rX", "a line that ends in CR alone"),
        (b"SIP/2.0 200 OK\r\n", b"SIP/2.0 200 OK\r\n folded\r\n", "a start line that is folded"),
        (b"Call-ID: A1", b"Call-ID: A1" + b"\r\nX: y" * LINES_MAX, "too many headers"),
        (b"\r\n\r\nbody", b"\r\n", "no empty line after the headers"),
        (b"body", b"x" * MESSAGE_BYTES_MAX, "longer than a datagram"),
    ],
)
def test_what_leaves_a_response_in_doubt_is_refused(old: bytes, new: bytes, words: str) -> None:
    """With words that hold nothing of it."""
    with pytest.raises(ProtocolError) as caught:
        parse(changed(old, new))
    assert words == str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"Max-Forwards: 70", b"Max-Forwards: 256", (400, "a Max-Forwards that is none")),
        (b"Max-Forwards: 70", "Max-Forwards: ²".encode("latin-1"), (400, "a Max-Forwards that is none")),
        (b"Max-Forwards: 70", b"Max-Forwards: many", (400, "a Max-Forwards that is none")),
        (b"Max-Forwards: 70", b"Max-Forwards: 0000000070", (400, "a Max-Forwards that is none")),
        (b"Max-Forwards: 70", b"Max-Forwards: 7\r\nMax-Forwards: 8", (400, "a Max-Forwards that is none")),
        (b"Max-Forwards: 70\r\n", b"", None),
        (b"OPTIONS sip:", b"OPT(ONS sip:", (400, "a method that is no word")),
        (b"OPTIONS sip:", b" sip:", (400, "a method that is no word")),
        (b"sip:user@example.com SIP", b"user SIP", (400, "a Request-URI that is none")),
        (b"sip:user@example.com SIP", b"sip:us?er@example.com SIP", None),
        (b"SIP/2.0\r\nTo", b"sip/2.0\r\nTo", None),
        (b"SIP/2.0\r\nTo", b"HTTP/1.1\r\nTo", (400, "a request line of other than three words")),
        (b"SIP/2.0\r\nTo", b"SIP/3.0\r\nTo", (505, "another version of SIP")),
    ],
)
def test_a_request_that_can_be_told_its_fault_is_told(old: bytes, new: bytes, fault: object) -> None:
    """Whom it concerns hears of it (RFC 3261, 8.2)."""
    found = parse(changed(old, new, LWSDISP))
    assert isinstance(found, Request)
    assert fault == found.fault


def test_lines_may_end_in_line_feeds_alone() -> None:
    """It is no SIP, but it can mean nothing else."""
    assert parse(OK) == parse(OK.replace(b"\r\n", b"\n"))


def test_empty_lines_before_a_message_are_skipped() -> None:
    """RFC 3261, 7.5."""
    assert parse(OK) == parse(b"\r\n\r\n" + OK)


def test_without_a_length_the_datagram_is_the_body() -> None:
    """RFC 3261, 18.3."""
    assert b"body" == parse(changed(b"Content-Length: 4\r\n", b"")).body


def test_a_tab_separates_as_a_blank_does() -> None:
    """And what Python calls space beyond these two is part of a value."""
    found = parse(changed(b"CSeq: 7 INVITE", b"CSeq:\t7\t INVITE\t"))
    assert isinstance(found, Response)
    assert (7, "INVITE") == (found.sequence, found.method)
    assert ["\x85A1\xa0"] == parse(changed(b"Call-ID: A1", b"Call-ID: \x85A1\xa0")).headers["call-id"]


# --- values of headers ---


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("<sip:a@b>", ["<sip:a@b>"]),
        ("<sip:a@b>, <sip:c@d;x=1,2>,", ["<sip:a@b>", "<sip:c@d;x=1,2>"]),
        ('"Bell, A." <sip:a@b>,<sip:c@d>', ['"Bell, A." <sip:a@b>', "<sip:c@d>"]),
        (",", [""]),
    ],
)
def test_lists_are_split_at_commas_that_separate(value: str, elements: list[str]) -> None:
    """Not within quotes or angles."""
    assert elements == headers.split_list(value)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("a=1;B = 2 ;lr; ;a=3", {"a": "1", "b": "2", "lr": ""}),
        (r'x="a;b\"\\c";y', {"x": r"a;b" + '"' + r"\c", "y": ""}),
        ('x="plain";z=""', {"x": "plain", "z": ""}),
        ('x="', {"x": '"'}),
    ],
)
def test_parameters_are_read_as_they_stand(text: str, parameters: dict[str, str]) -> None:
    """Names without case, the first of two counts, quotes are taken off."""
    if text == 'x="':
        with pytest.raises(ProtocolError):
            headers.read_parameters(text)
        return
    assert parameters == headers.read_parameters(text)


@pytest.mark.parametrize(
    ("uri", "read"),
    [
        ("sip:example.net", Uri("example.net", 5060, False)),
        ("SIPS:a:b@example.net:5070;lr;x?y=z", Uri("example.net", 5070, True)),
        ("sip:a@[2001:db8::1]:0;transport=tcp", Uri("2001:db8::1", 5060, False)),
        ("sip:a@[2001:db8::1]", Uri("2001:db8::1", 5060, False)),
    ],
)
def test_a_uri_says_where_it_leads(uri: str, read: Uri) -> None:
    """Host, port and whether its router is a loose one."""
    assert read == headers.read_uri(uri)


def test_other_uris_lead_nowhere() -> None:
    """A telephone number is nobody's address."""
    with pytest.raises(ProtocolError):
        headers.read_uri("tel:+3225550100")


def test_addresses_are_told_from_names() -> None:
    """A name, or an address of one link alone, would need more than an address."""
    assert (True, True, False, False) == tuple(
        map(headers.is_address, ("192.0.2.1", "2001:db8::1", "example.net", "fe80::1%eth0"))
    )
    assert ("192.0.2.1", "[2001:db8::1]") == (headers.in_uri("192.0.2.1"), headers.in_uri("2001:db8::1"))


# --- streams ---


def feed(stream: Stream, *chunks: bytes) -> list[str]:
    return [
        str(found) if isinstance(found, ProtocolError) else found.call_id
        for chunk in chunks
        for found in stream.feed(chunk)
    ]


def test_a_stream_is_cut_by_content_length() -> None:
    """Two messages in one piece, one in many, and keep-alives between them."""
    assert ["A1", "A1"] == feed(Stream(), OK + b"\r\n\r\n" + OK)
    assert ["A1"] == feed(Stream(), *(OK[at : at + 1] for at in range(len(OK))))
    stream = Stream()
    assert [] == feed(stream, b"\r\n\r\n")
    assert ["noreason.asndj203insdf99223ndf"] == feed(stream, NOREASON)


def test_a_message_without_a_length_has_no_body_in_a_stream() -> None:
    """What would be its body is the next message, and is none."""
    assert ["A1", "no empty line"] == [
        *feed(Stream(), changed(b"Content-Length: 4\r\n", b"").removesuffix(b"body")),
        "no empty line",
    ]


def test_a_refused_message_does_not_cost_the_connection() -> None:
    """Its end was where it said."""
    stream = Stream()
    assert ["another version of SIP", "A1"] == feed(stream, changed(b"SIP/2.0 200", b"SIP/3.0 200") + OK)
    assert not stream.is_broken


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"x" * (HEAD_BYTES_MAX + 4),
        changed(b"Length: 4", b"Length: x"),
        changed(b"Length: 4", b"Length: 4\r\nl: 5"),
    ],
)
def test_a_stream_whose_messages_have_no_end_is_broken(garbage: bytes) -> None:
    """Nothing is read after it, and nothing is kept."""
    stream = Stream()
    assert 1 == len(feed(stream, garbage))
    assert stream.is_broken
    assert [] == feed(stream, OK)
