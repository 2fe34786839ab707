"""SDP: what we offer, what an answer means, and which answers cannot be played to."""

import pytest
from tests.unit.voice.sip_kit import SDP
from tests.unit.voice.torture import MPART01

from klaroen_adapters.voice import sip_sdp
from klaroen_adapters.voice.sip_message import parse
from klaroen_adapters.voice.sip_sdp import SdpError
from klaroen_adapters.voice.sip_terms import Media

TALK = Media("198.51.100.7", 6000, "PCMA", 8, 20, 101)


def body(*lines: str, connection: str = "c=IN IP4 198.51.100.7") -> bytes:
    return "\r\n".join(["v=0", "o=- 1 1 IN IP4 198.51.100.7", "s=-", connection, "t=0 0", *lines, ""]).encode()


def test_we_offer_both_laws_and_keys() -> None:
    """To the letter: the offer is one of the few things that every trunk has seen before."""
    assert (
        "v=0\r\no=- 5 5 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
        "a=ptime:20\r\na=sendrecv\r\n"
    ) == sip_sdp.make_offer(("192.0.2.9", 40_000), 5)
    assert "c=IN IP6 2001:db8::9\r\n" in sip_sdp.make_offer(("2001:db8::9", 40_000), 5)


@pytest.mark.parametrize(
    ("answer", "media"),
    [
        (SDP.encode(), TALK),
        (SDP.replace("\r\n", "\n").encode(), TALK),
        (body("m=audio 6000 RTP/AVP 0 8"), Media("198.51.100.7", 6000, "PCMA", 8, 20, None)),
        (body("m=audio 6000/2 RTP/AVP 0 3"), Media("198.51.100.7", 6000, "PCMU", 0, 20, None)),
        (
            body("m=audio 6000 RTP/AVP 97 98", "a=rtpmap:97 pcma/8000/1", "a=rtpmap:98 telephone-event/8000"),
            Media("198.51.100.7", 6000, "PCMA", 97, 20, 98),
        ),
        (body("m=audio 6000 RTP/AVP 8 0", "a=rtpmap:8 G729/8000"), Media("198.51.100.7", 6000, "PCMU", 0, 20, None)),
        (body("m=audio 6000 RTP/AVP 8", "c=IN IP4 203.0.113.5"), Media("203.0.113.5", 6000, "PCMA", 8, 20, None)),
        (
            body("m=audio 6000 RTP/AVP 8", connection="c=IN IP6 2001:db8::7"),
            Media("2001:db8::7", 6000, "PCMA", 8, 20, None),
        ),
        (body("m=audio 6000 RTP/AVP 8", "a=ptime:30"), Media("198.51.100.7", 6000, "PCMA", 8, 30, None)),
        (body("m=audio 6000 RTP/AVP 8", "a=ptime:0"), Media("198.51.100.7", 6000, "PCMA", 8, 20, None)),
        (body("m=audio 6000 RTP/AVP 8", "a=ptime:900"), Media("198.51.100.7", 6000, "PCMA", 8, 20, None)),
        (body("m=audio 6000 RTP/AVP 8", "a=recvonly"), Media("198.51.100.7", 6000, "PCMA", 8, 20, None)),
        (body("a=inactive", "m=audio 6000 RTP/AVP 8", "a=sendrecv"), Media("198.51.100.7", 6000, "PCMA", 8, 20, None)),
        (
            body("m=video 0 RTP/AVP 31", "m=audio 0 RTP/AVP 8", "m=audio 6002 RTP/AVP 8"),
            Media("198.51.100.7", 6002, "PCMA", 8, 20, None),
        ),
    ],
)
def test_an_answer_says_where_and_how_to_play(answer: bytes, media: Media) -> None:
    """A-law wherever it is taken, the first audio that is not refused, the section's own before the session's."""
    assert media == sip_sdp.read_answer(answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "no SDP"),
        (b"hello", "no SDP"),
        (body(), "no audio that is not refused"),
        (body("m=audio 0 RTP/AVP 8"), "no audio that is not refused"),
        (body("m=audio"), "a port that is no number"),
        (body("m=audio -1 RTP/AVP 8"), "a port that is no number"),
        (body("m=audio 65536 RTP/AVP 8"), "a port that is no number"),
        (body("m=audio 0000006000 RTP/AVP 8"), "a port that is no number"),
        (body("m=audio 6000 RTP/SAVP 8"), "audio by other than RTP/AVP"),
        (body("m=audio 6000 RTP/AVP 3 999 x"), "no codec that we offered"),
        (body("m=audio 6000 RTP/AVP 8", connection="b=AS:64"), "no address"),
        (body("m=audio 6000 RTP/AVP 8", connection="c=IN IP4 phone.example.net"), "an address that is none"),
        (body("m=audio 6000 RTP/AVP 8", connection="c=IN IP4 224.2.1.1/127"), "an address that is none"),
        (body("m=audio 6000 RTP/AVP 8", connection="c=ATM NSAP 47"), "an address that is none"),
        (body("m=audio 6000 RTP/AVP 8", connection="c=IN IP4 0.0.0.0"), "an audio that takes nothing"),
        (body("m=audio 6000 RTP/AVP 8", "a=sendonly"), "an audio that takes nothing"),
        (body("a=inactive", "m=audio 6000 RTP/AVP 8"), "an audio that takes nothing"),
    ],
)
def test_an_answer_that_cannot_be_played_to_is_named(answer: bytes, words: str) -> None:
    """Each with its words."""
    with pytest.raises(SdpError) as caught:
        sip_sdp.read_answer(answer)
    assert words == str(caught.value)


def test_a_later_offer_is_the_same_if_it_moves_nothing() -> None:
    """Its origin, its ptime and its codecs beyond ours may change; where and how we play may not."""
    same = body("m=audio 6000 RTP/AVP 18 8 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:30")
    assert sip_sdp.is_same(TALK, same)
    assert not sip_sdp.is_same(TALK, body("m=audio 6002 RTP/AVP 8"))
    assert not sip_sdp.is_same(TALK, body("m=audio 6000 RTP/AVP 0"))
    assert not sip_sdp.is_same(TALK, body("m=audio 6000 RTP/AVP 8", "a=inactive"))
    assert not sip_sdp.is_same(TALK, same + b"m=video 6004 RTP/AVP 31\r\n")


def message(content_type: str, content: bytes) -> bytes:
    head = (
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=b\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
        f"Call-ID: A1\r\nCSeq: 1 INVITE\r\n{content_type}Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


PARTS = (
    b"--x\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--x\r\nContent-Type: Application/SDP\r\n\r\n%s\r\n--x--"
)


@pytest.mark.parametrize(
    ("content_type", "content", "found"),
    [
        ("", b"", b""),
        ("Content-Type: application/sdp\r\n", SDP.encode(), SDP.encode()),
        ("c: Application/SDP; charset=x\r\n", SDP.encode(), SDP.encode()),
        ("", SDP.encode(), SDP.encode()),
        ("", b"hello", b""),
        ("Content-Type: text/plain\r\n", SDP.encode(), b""),
        ('Content-Type: multipart/mixed;boundary="x"\r\n', PARTS % SDP.encode(), SDP.encode() + b"\r\n"),
        ("Content-Type: multipart/mixed;boundary=y\r\n", PARTS % SDP.encode(), b""),
        ("Content-Type: multipart/mixed\r\n", PARTS % SDP.encode(), b""),
        ('Content-Type: multipart/mixed;boundary="x\r\n', PARTS % SDP.encode(), b""),
    ],
)
def test_the_sdp_is_found_alone_or_among_parts(content_type: str, content: bytes, found: bytes) -> None:
    """Trunks that carry ISUP put both into one body."""
    assert found == sip_sdp.find_sdp(parse(message(content_type, content)))


def test_other_parts_are_no_sdp() -> None:
    """RFC 4475, 3.1.1.11."""
    assert b"" == sip_sdp.find_sdp(parse(MPART01))
