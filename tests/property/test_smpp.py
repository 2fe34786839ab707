"""What holds of SMPP whatever a peer sends, and however TCP cuts it."""

import contextlib
import struct
import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sms import smpp_kit as kit

from klaroen.core.model import Instant
from klaroen.core.ports import Answer
from klaroen_adapters.sms import smpp_pdu as pdu
from klaroen_adapters.sms import smpp_receipt
from klaroen_adapters.sms.smpp_content import Concatenations, Contents
from klaroen_adapters.sms.smpp_receipt import ReceiptReader
from klaroen_adapters.sms.smpp_session import Session
from klaroen_adapters.sms.smpp_terms import make_terms

NAMED = (*(kit.SUBMIT_RESP, kit.DELIVER, kit.DATA, kit.UNBIND, kit.UNBIND_RESP, kit.ENQUIRE), *(0x102, 0x0B, 0x04))
COMMANDS = st.sampled_from((*NAMED, kit.ENQUIRE_RESP, kit.NACK, kit.BIND_RESP)) | st.integers(0, 0xFFFFFFFF)
PDUS = st.builds(
    kit.pdu, COMMANDS, st.sampled_from([0, 0x58, 0x0B, 0xFFFF]), st.integers(0, 12), st.binary(max_size=90)
)
RECEIPTS = st.builds(kit.receipt, st.text("0123456789abcdefABCDEF-", max_size=12), st.integers(1, 99))


def bound_session(window: int = 10) -> tuple[Session, Contents]:
    chosen = kit.settings(window=window)
    session = Session(make_terms(chosen, ""), kit.NOW)
    session.take()
    session.receive(kit.pdu(kit.BIND_RESP, 0, 1), kit.NOW)
    return session, Contents(chosen)


def cut(octets: bytes, at: list[int]) -> list[bytes]:
    ends = sorted({0, len(octets), *(place % (len(octets) + 1) for place in at)})
    return [octets[begin:end] for begin, end in pairwise(ends)]


@given(st.lists(PDUS, max_size=6), st.lists(st.integers(0, 5000), max_size=8))
def test_frames_do_not_depend_on_the_cuts(sent: list[bytes], at: list[int]) -> None:
    """Point 17: TCP has no messages."""
    stream = b"".join(sent)
    decoder = pdu.Decoder()
    frames = [frame for chunk in cut(stream, at) for frame in decoder.feed(chunk)]
    assert frames == pdu.Decoder().feed(stream)
    assert stream == b"".join(pdu.encode(*frame) for frame in frames)


@given(st.lists(st.binary(max_size=300) | PDUS | RECEIPTS, max_size=8))
def test_nothing_that_comes_in_raises(chunks: list[bytes]) -> None:
    """Garbage ends the session, or is counted; what is answered is whole PDUs."""
    session, _ = bound_session()
    for chunk in chunks:
        session.receive(chunk, kit.NOW)
        kit.pdus(session.take())
    session.lose("gone")
    assert session.state == "closed"


@given(st.binary(max_size=400))
def test_only_the_named_error_leaves_the_decoder(garbage: bytes) -> None:
    """And what came before it whole is kept."""
    try:
        frames = pdu.Decoder().feed(garbage)
    except pdu.ProtocolError as error:
        frames = error.before
    for _, _, _, body in frames:
        pdu.parse_deliver(body)
        pdu.parse_data(body)
        pdu.parse_message_id(body)


def test_no_memory_is_taken_by_a_foreign_length() -> None:
    """A header that promises 64 KiB, and lengths within that promise 64 KiB too, cost what has come."""
    tracemalloc.start()
    try:
        for length in (pdu.PDU_BYTES_MAX, pdu.PDU_BYTES_MAX + 1, 0xFFFFFFFF):
            with contextlib.suppress(pdu.ProtocolError):
                pdu.Decoder().feed(struct.pack(">IIII", length, 5, 0, 1))
        pdu.parse_options(b"\x04\x24\xff\xff", 0)
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()


ARRIVAL = (
    b"\0\1\1",
    b"32470000001",
    b"\0\0\0" + b"8810\0",
    b"\x04\0\0\0\0\0\0\0\0",
    b"id:07A sub:001 dlvrd:001 submit date:2611211200 done date:2611211201 stat:DELIVRD ",
    b"err:000 ",
    b"text:Inbraak",
    b"\x00\x1e\x00\x0407A\0",
    b"\x04\x27\x00\x01\x02",
    b"\x02\x04\x00\x02\x12\x34",
)
"""A whole deliver_sm in pieces; the text's length is put in before the fifth."""
ODD = st.sampled_from(
    [
        b"",
        b"id:9 ",
        b"stat:UNDELIV err:011 ",
        b"err:011 ",
        b"text:stat:REJECTD id:3",
        b"\x04\x27\x00\x01\x05",
        b"\x00\x1e\x00\x0308\0",
        b"\x04\x23\x00\x03\x03\0\x0b",
        b"\0",
        b"x",
    ]
)


@given(st.dictionaries(st.integers(0, 9), ODD, max_size=2), st.integers(-1, 1))
def test_the_short_cut_finds_what_the_searches_find(odd: dict[int, bytes], error: int) -> None:
    """Two readings of one PDU that must agree, wherever the short cut finds anything."""
    pieces = [odd.get(at, piece) for at, piece in enumerate(ARRIVAL)]
    length = (len(b"".join(pieces[4:7])) + (error if odd else 0)) % 256
    body = b"".join((*pieces[:4], bytes((length,)), *pieces[4:]))
    reader = ReceiptReader("opaque", "handset")
    found = reader.read_arrival(body, None)
    if found is None:
        assert odd, "the usual receipt is found"
        return
    parsed = pdu.parse_deliver(body)
    assert parsed is not None
    assert smpp_receipt.is_receipt(parsed)
    assert found == reader.read(parsed, None)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["submit", "long", "write", "answer", "refuse", "throttle", "repeat", "wait", "unbind", "garbage"]
        ),
        st.integers(0, 400),
    ),
    max_size=30,
)


@given(STEPS)
def test_each_envelope_gets_exactly_one_answer(steps: list[tuple[str, int]]) -> None:
    """Whatever the peer does, and whenever the connection goes."""
    session, contents = bound_session()
    draw, now = Concatenations(0).draw, kit.NOW
    texts = {"submit": kit.content(), "long": kit.content("a" * 200)}
    submitted: list[str] = []
    answered: list[str] = []
    written: list[int] = []

    def hear(events: list[object]) -> None:
        answered.extend(event.attempt for event in events if isinstance(event, Answer))

    for step, number in steps:
        if step in texts:
            parts = contents.parts(texts[step], now)
            assert isinstance(parts, tuple)
            count = min(session.room(len(parts), now), 1 + number % 4)
            if count:
                envelopes = kit.envelopes(count, texts[step], len(submitted))
                session.submit(envelopes, parts, draw, Instant(now + 5_000), now)
                submitted += [envelope.attempt for envelope in envelopes]
        elif step == "write":
            written += kit.sequences(session.take())
        elif step == "wait":
            now = Instant(now + number * 50)
            hear([*session.tick(now)])
        elif step == "unbind":
            hear([*session.receive(kit.pdu(kit.UNBIND, 0, 1), now)])
        elif step == "garbage":
            hear([*session.receive(bytes((number % 256,)) * (number % 40), now)])
        elif written:
            status = {"refuse": 0x0B, "throttle": 0x58}.get(step, 0)
            asked = [written[number % len(written)]] * (2 if step == "repeat" else 1)
            hear([*session.receive(kit.answers(asked, status), now)])
    hear([*session.lose("gone")])
    assert sorted(submitted) == sorted(answered)
    assert 0 == session.unanswered
