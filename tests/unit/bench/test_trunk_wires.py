"""What the simulated trunk reads and writes: SIP, SDP, digest, RTP, from the specifications."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.sip_caller import OFFER, proof, read, request

from klaroen_bench.carriers.digest import NONCE_S, Gate
from klaroen_bench.carriers.rtp import HEADER, key_packets, payload_of
from klaroen_bench.carriers.sdp import PCMA, PCMU, Offer, read_offer, write_answer
from klaroen_bench.carriers.sip import (
    MESSAGE_BYTES_MAX,
    MalformedError,
    Request,
    Status,
    address_of,
    read_message,
    split_stream,
    tag_of,
    transaction_of,
    uri_of,
    user_of,
    write_bye,
)
from klaroen_bench.carriers.sip import write_answer as answer

INVITE = request("INVITE", "32470000001", body=OFFER.format(port=4000))


def invited(raw: bytes = INVITE) -> Request:
    message = read_message(raw)
    assert isinstance(message, Request)
    return message


# --- SIP -------------------------------------------------------------------------------------------------------------


def test_an_invitation_says_who_calls_whom_and_where_to_play() -> None:
    invite = invited()
    assert ("INVITE", "+32470000001") == (invite.method, user_of(invite.uri))
    assert "+3225550101" == user_of(uri_of(invite.header("from")))
    assert "caller-call-1" == tag_of(invite.header("from"))
    assert ("127.0.0.1", 5061) == address_of(uri_of(invite.header("contact")))
    assert Offer("127.0.0.1", 4000, 101) == read_offer(invite.body)
    assert "z9hG4bK1 127.0.0.1:5061" == transaction_of(invite)


def test_short_names_and_folded_lines_are_the_same_message() -> None:
    """RFC 3261, 7.3.1 and 7.3.3."""
    compact = INVITE
    for long, short in ((b"Via", b"v"), (b"From", b"f"), (b"To", b"t"), (b"Call-ID", b"i"), (b"Contact", b"m")):
        compact = compact.replace(b"\r\n" + long + b":", b"\r\n" + short + b" :")
    folded = compact.replace(b";branch", b"\r\n ;branch")
    plain, other = invited(), invited(folded)
    for name in ("from", "to", "call-id", "contact"):
        assert plain.header(name) == other.header(name)
    assert transaction_of(plain) == transaction_of(other)


def test_an_answer_goes_back_the_way_the_request_came() -> None:
    """Every Via, the same From, Call-ID and CSeq; To with our tag; rport as RFC 3581 has it."""
    raw = INVITE.replace(b"Max-Forwards", b"Via: SIP/2.0/UDP far.example;branch=z9hG4bK0\r\nMax-Forwards")
    said = answer(invited(raw), 180, tag="ours", source=("192.0.2.7", 9))
    assert "SIP/2.0 180 Ringing" == read(said).first
    assert "ours" == tag_of(read(said).headers["To"])
    assert re.findall(rb"Via: (.*)\r\n", said) == [
        b"SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK1;received=192.0.2.7;rport=9",
        b"SIP/2.0/UDP far.example;branch=z9hG4bK0",
    ]
    assert b";tag=" not in answer(invited(), 100, tag="ours").partition(b"To: ")[2].partition(b"\r\n")[0]


def test_a_callee_hangs_up_at_the_callers_contact() -> None:
    raw = INVITE.replace(b"Max-Forwards", b"Record-Route: <sip:192.0.2.1;lr>\r\nMax-Forwards")
    bye = read(write_bye(invited(raw), "ours", via="SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bKb", contact="sip:t@x"))
    assert "BYE sip:klaroen@127.0.0.1:5061 SIP/2.0" == bye.first
    assert ("ours", "caller-call-1") == (tag_of(bye.headers["From"]), tag_of(bye.headers["To"]))
    assert "<sip:192.0.2.1;lr>" == bye.headers["Route"]


def test_an_answer_to_us_is_known_by_its_call() -> None:
    raw = b"SIP/2.0 200 OK\r\nVia: x\r\nFrom: a;tag=1\r\nTo: b;tag=2\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\r\n"
    assert Status(200, "c", "1 BYE", "2") == read_message(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n",
        b"INVITE sip:a@b SIP/3.0\r\nVia: x\r\n\r\n",
        INVITE.replace(b"Via: ", b"Vie: "),
        INVITE.replace(b"CSeq: 1 INVITE", b"CSeq 1 INVITE"),
        INVITE.replace(b"Content-Length: ", b"Content-Length: 9"),
        INVITE.replace(b"Content-Length: ", b"Content-Length: -"),
        INVITE.replace(b"Max-Forwards: 70", b"\r\n".join(b"X: y" for _ in range(300))),
        INVITE + bytes(MESSAGE_BYTES_MAX),
    ],
)
def test_what_is_no_message_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        read_message(raw)


@given(st.binary(max_size=600) | st.tuples(st.integers(0, len(INVITE)), st.binary(max_size=30)))
def test_no_bytes_do_harm(given: bytes | tuple[int, bytes]) -> None:
    """A message, or a named error, whatever comes; the same of SDP."""
    raw = given if isinstance(given, bytes) else INVITE[: given[0]] + given[1] + INVITE[given[0] + len(given[1]) :]
    try:
        message = read_message(raw)
    except MalformedError:
        return
    if isinstance(message, Request):
        read_offer(message.body)
        answer(message, 486, tag="t", source=("127.0.0.1", 1))


@given(st.lists(st.sampled_from([INVITE, request("ACK", "32470000001")]), max_size=4), st.data())
def test_a_stream_is_cut_into_its_messages_wherever_it_breaks(messages: list[bytes], data) -> None:
    whole = b"\r\n\r\n".join(messages)
    cut = data.draw(st.integers(0, len(whole)))
    first, rest = split_stream(whole[:cut])
    second, left = split_stream(rest + whole[cut:])
    assert (messages, b"") == (first + second, left)


@pytest.mark.parametrize("held", [b"x" * 70_000, b"INVITE a\r\nl: 99999\r\n\r\n"])
def test_a_stream_of_something_else_is_given_up(held: bytes) -> None:
    with pytest.raises(MalformedError):
        split_stream(held)


# --- SDP -------------------------------------------------------------------------------------------------------------

HERE, ELSEWHERE = "c=IN IP4 192.0.2.1\n", "c=IN IP4 192.0.2.9\n"
AUDIO, VIDEO, EVENTS = "m=audio 4000 RTP/AVP", "m=video 9 RTP/AVP 8\n", "a=rtpmap:96 telephone-event/8000\n"


@pytest.mark.parametrize(
    ("body", "offer"),
    [
        (f"{HERE}{AUDIO} 0 8\n", Offer("192.0.2.1", 4000, None, frozenset({PCMA, PCMU}))),
        (f"{HERE}{AUDIO} 0 3\n", Offer("192.0.2.1", 4000, None, frozenset({PCMU}))),
        (f"{ELSEWHERE}{AUDIO} 8\n{HERE}", Offer("192.0.2.1", 4000, None)),
        (f"{HERE}{VIDEO}{ELSEWHERE}{AUDIO} 8\n", Offer("192.0.2.1", 4000, None)),
        (f"{HERE}{AUDIO} 8 96\n{EVENTS}{VIDEO}{ELSEWHERE}", Offer("192.0.2.1", 4000, 96)),
        (f"{HERE}{AUDIO} 8\n{EVENTS}", Offer("192.0.2.1", 4000, None)),
        (f"{HERE}{AUDIO} 3\n", None),
        (f"{HERE}m=audio 4000 RTP/SAVP 8\n", None),
        (f"{HERE}m=audio 0 RTP/AVP 8\n", None),
        (f"{AUDIO} 8\n", None),
        ("", None),
    ],
)
def test_an_offer_is_read_by_the_medium_that_it_concerns(body: str, offer: Offer | None) -> None:
    assert offer == read_offer(body.encode())


def test_an_answer_speaks_only_what_was_offered() -> None:
    assert Offer("192.0.2.1", 4000, 96) == read_offer(write_answer("192.0.2.1", 4000, 96, 1))
    assert Offer("192.0.2.1", 4000, None) == read_offer(write_answer("192.0.2.1", 4000, None, 1))
    mu_law = Offer("192.0.2.1", 4000, None, frozenset({PCMU}))
    assert mu_law == read_offer(write_answer("192.0.2.1", 4000, None, 1, PCMU))


# --- digest ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", [True, False])
def test_a_caller_proves_the_password(algorithm: str, qop: bool) -> None:
    gate = Gate("klaroen", "secret", algorithm, b"seal")
    asked = gate.challenge(1_000.0)
    assert "granted" == gate.judge(proof(asked, "klaroen", "secret", qop=qop), "INVITE", 1_001.0)
    assert "refused" == gate.judge(proof(asked, "klaroen", "wrong", qop=qop), "INVITE", 1_001.0)
    assert "refused" == gate.judge(proof(asked, "another", "secret", qop=qop), "INVITE", 1_001.0)
    assert "stale" == gate.judge(proof(asked, "klaroen", "secret", qop=qop), "INVITE", 1_001.0 + NONCE_S)
    assert "stale=true" in gate.challenge(2_000.0, stale=True)


@pytest.mark.parametrize("given", ["", "Basic abc", "Digest", 'Digest nonce="1-2"', 'Digest nonce="x"'])
def test_who_proves_nothing_is_asked(given: str) -> None:
    assert "none" == Gate("klaroen", "secret", "MD5", b"seal").judge(given, "INVITE", 1.0)


# --- RTP -------------------------------------------------------------------------------------------------------------


def test_a_press_is_one_event_that_ends_three_times() -> None:
    """RFC 4733, 2.5.1: one timestamp, growing duration, the marker first, the end thrice."""
    packets = [(*HEADER.unpack_from(packet), packet[12:]) for packet in key_packets("#", 101, 65_534, 800, 7)]
    assert [(0x80, 0xE5), *[(0x80, 101)] * 5] == [packet[:2] for packet in packets]
    assert [65_534, 65_535, 0, 1, 2, 3] == [packet[2] for packet in packets]
    assert {(800, 7)} == {packet[3:5] for packet in packets}
    events = [packet[5] for packet in packets]
    assert {11} == {event[0] for event in events}
    assert [0, 0, 0, 0x80, 0x80, 0x80] == [event[1] & 0x80 for event in events]
    assert [400, 800, 1200, 1600, 1600, 1600] == [int.from_bytes(event[2:]) for event in events]


@pytest.mark.parametrize(
    ("packet", "payload"),
    [
        (b"\x80\x08" + bytes(10) + b"abc", b"abc"),
        (b"\x82\x08" + bytes(10) + bytes(8) + b"abc", b"abc"),
        (b"\x90\x08" + bytes(10) + b"\x00\x00\x00\x01" + bytes(4) + b"abc", b"abc"),
        (b"\xa0\x08" + bytes(10) + b"abc\x00\x02", b"abc"),
        (b"\x90\x08" + bytes(10) + b"\x00", None),
        (b"\x90\x08" + bytes(10) + b"\x00\x00\x00\x09", None),
        (b"\xa0\x08" + bytes(10) + b"\xff", None),
        (b"\x40\x08" + bytes(10), None),
        (b"\x80", None),
    ],
)
def test_a_payload_lies_behind_what_a_header_may_hold(packet: bytes, payload: bytes | None) -> None:
    assert payload == payload_of(packet)
