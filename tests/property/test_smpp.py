"""What holds of SMPP whatever a peer sends, and however TCP cuts it."""

import contextlib
import struct
import tracemalloc
from itertools import pairwise

from hypothesis import example, given
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


WORDS = st.sampled_from(
    [
        "id:",
        "id:7 ",
        "id:0AB-1 ",
        "ID: x ",
        "stat:",
        "stat:DELIVRD ",
        " stat:UNDELIV err:011 ",
        "stat:undeliv ",
        "err:",
        "err:000 ",
        "err:00A",
        " err:0 text:",
        "sub:001 ",
        "dlvrd:001",
        "done date:2611211200 ",
        "text:stat:REJECTD",
        " ",
        "\n",
        ",",
        "x",
    ]
)


@example(["id:done date:1 ", "stat:UNDELIV err:011 ", "id:7 "])
@given(st.lists(WORDS, max_size=9))
def test_the_short_cut_finds_what_the_searches_find(words: list[str]) -> None:
    """Two readings of one text that must agree."""
    text = "".join(words).encode()
    found = ReceiptReader("opaque", "handset").read(pdu.Inbound(1, b"32470000001", 4, 0, text, {}), None)
    name, stat, error, _ = smpp_receipt._search(text, {})
    if not name:
        assert found is None
        return
    assert found is not None
    code = stat.decode().upper() or "UNKNOWN"
    assert (name.decode(), f"{code}/{error}" if error else code) == (found.ref, found.code)


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
