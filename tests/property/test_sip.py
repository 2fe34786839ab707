"""What holds of SIP whatever a peer sends, however TCP cuts it and whatever UDP loses."""

import contextlib
import tracemalloc
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.voice import torture
from tests.unit.voice.sip_kit import CONTACT, HOUR_MS, SDP, TRUNK, World, request, response
from tests.unit.voice.sip_phone import HangUp, Net, Play

from klaroen.core.ports import Fault
from klaroen_adapters.voice import sip_headers
from klaroen_adapters.voice.sip_digest import Keyring, read_challenge
from klaroen_adapters.voice.sip_headers import ProtocolError
from klaroen_adapters.voice.sip_message import MESSAGE_BYTES_MAX, Request, parse
from klaroen_adapters.voice.sip_sdp import SdpError, read_answer
from klaroen_adapters.voice.sip_stream import Stream
from klaroen_adapters.voice.sip_terms import Answered, Ended, Lost, Rejected, Ringing, SipEvent

TORTURES = [octets for name, octets in vars(torture).items() if name.isupper() and isinstance(octets, bytes)]
INVITE = World().call()
SAID = [
    response(INVITE, 180),
    response(INVITE, 200, "peer", CONTACT, "Record-Route: <sip:192.0.2.5;lr>,<sip:p.net>", body=SDP),
    response(INVITE, 401, "peer", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'),
    request("BYE", INVITE),
    request("INVITE", INVITE, CONTACT, body=SDP),
    request("CANCEL", INVITE),
]
SIGNS = st.sampled_from(list(b'\r\n \t<>;:,"\\=@?[]%/0\0\x85\xa0\xb2\xff'))


@st.composite
def marred(draw: st.DrawFn) -> bytes:
    """Return a message with some octets changed, taken away or put in."""
    octets = bytearray(draw(st.sampled_from(TORTURES + SAID)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(octets) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                octets[at] = draw(SIGNS)
            case 1:
                del octets[at : at + draw(st.integers(1, 30))]
            case 2:
                octets[at:at] = bytes([draw(SIGNS)]) * draw(st.integers(1, 5))
            case _:
                octets[at:at] = octets[at : at + draw(st.integers(1, 60))]
        octets = octets or bytearray(b"x")
    return bytes(octets)


@given(st.binary(max_size=400) | marred())
def test_only_the_named_error_leaves_the_parser(octets: bytes) -> None:
    """Whatever comes in."""
    with contextlib.suppress(ProtocolError):
        parse(octets)


@given(st.lists(st.binary(max_size=200) | marred(), max_size=6))
def test_nothing_that_comes_in_raises(datagrams: list[bytes]) -> None:
    """To an agent with a call: it is acted upon, answered, counted, or let be, and time goes on."""
    world = World(user="bin", password="secret")
    world.call()
    for octets in datagrams:
        world.hear(octets)
        world.after(100)
    world.agent.hang_up("A1", world.now)
    world.after(HOUR_MS)
    assert (0, None) == (world.agent.calls_count, world.agent.next_at)


@given(st.text(max_size=120) | st.text('"\\;,=<> \ta1', max_size=60))
def test_values_of_headers_raise_nothing_else(text: str) -> None:
    """Lists, parameters, addresses, Vias, URIs and challenges."""
    readers = (
        *(sip_headers.split_list, sip_headers.read_parameters, sip_headers.read_pairs, sip_headers.read_tag),
        *(sip_headers.read_via, sip_headers.read_uri, sip_headers.split_host, sip_headers.is_address, read_challenge),
    )
    for reader in readers:
        with contextlib.suppress(ProtocolError):
            reader(text)


@given(st.text(max_size=40))
def test_what_is_quoted_is_read_back(text: str) -> None:
    """Quotes and backslashes included."""
    assert {"a": text, "b": ""} == sip_headers.read_parameters(f"a={sip_headers.quote(text)};b")


LINES = st.sampled_from(
    [
        *("v=0", "m=audio 6000 RTP/AVP 8 101", "m=audio 0 RTP/AVP 0", "m=video 1 RTP/AVP 31", "m=", "m=audio 1"),
        *("c=IN IP4 192.0.2.1", "c=IN IP6 ::1", "c=", "a=sendrecv", "a=inactive", "a=ptime:20", "a=ptime:", "x"),
        *("a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=rtpmap:", "a=rtpmap:0", ""),
    ]
)


@given(st.binary(max_size=200) | st.lists(LINES, max_size=9).map(lambda lines: "\n".join(["v=0", *lines]).encode()))
def test_only_the_named_error_leaves_sdp(body: bytes) -> None:
    """An answer is understood, or it is not."""
    with contextlib.suppress(SdpError):
        media = read_answer(body)
        assert (True, True) == (0 < media.port < 65_536, 0 <= media.payload < 128)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_credentials_stand_in_one_line(user: str, realm: str, nonce: str) -> None:
    """Whatever a user is named and a trunk says, once it stood in a line."""
    said = "".join(sign for sign in f"{realm}{nonce}" if sign not in "\r\n").encode().decode("latin-1")
    challenge = f"Digest realm={sip_headers.quote(said)}, nonce={sip_headers.quote(said)}"
    octets = response(INVITE, 401, "peer", "X: y").replace(b"X: y", f"WWW-Authenticate: {challenge}".encode("latin-1"))
    keyring = Keyring("".join(sign for sign in user if sign not in "\r\n"), "secret", lambda: "c")
    found = parse(octets)
    assert not isinstance(found, Request)
    keyring.learn("server", found)
    assert 1 >= keyring.lines("INVITE", "sip:b@r").encode("latin-1").count(b"\n")


# --- streams ---


def cut(octets: bytes, at: list[int]) -> list[bytes]:
    ends = sorted({0, len(octets), *(place % (len(octets) + 1) for place in at)})
    return [octets[begin:end] for begin, end in pairwise(ends)]


def told(stream: Stream, chunks: list[bytes]) -> list[object]:
    found = [one for chunk in chunks for one in stream.feed(chunk)]
    return [str(one) if isinstance(one, ProtocolError) else one for one in found]


PIECES = marred() | st.sampled_from([*SAID, torture.ZEROMF, b"\r\n\r\n", b"\r\n"])


@given(st.lists(PIECES, max_size=5), st.lists(st.integers(0, 9_000), max_size=8))
def test_messages_do_not_depend_on_the_cuts(sent: list[bytes], at: list[int]) -> None:
    """TCP has no messages; broken is broken, wherever it was cut."""
    octets = b"".join(sent)
    whole, pieces = Stream(), Stream()
    assert told(whole, [octets]) == told(pieces, cut(octets, at))
    assert whole.is_broken == pieces.is_broken


def test_no_memory_is_taken_by_a_foreign_length() -> None:
    """A head that promises 64 KiB costs what has come."""
    tracemalloc.start()
    try:
        stream = Stream()
        stream.feed(torture.ZEROMF.replace(b"Length: 0", b"Length: %d" % MESSAGE_BYTES_MAX))
        assert not stream.is_broken
        assert tracemalloc.get_traced_memory()[1] < 40_000
    finally:
        tracemalloc.stop()


# --- calls ---

STEPS = st.sampled_from(
    [
        *("100", "180", "183", "200 peer", "200 other", "200 deaf", "302", "401", "407", "486", "487", "503"),
        *("BYE peer", "BYE other", "INVITE", "hang up", "lose", "1 s", "40 s", "call"),
    ]
)


def step(world: World, invites: list[Request], what: str, number: int) -> list[SipEvent]:
    """Do one thing to the newest call, or as the peer of any."""
    invite = invites[number % len(invites)]
    name, _, tag = what.partition(" ")
    match name:
        case "call" if world.agent.calls_count == 0:
            world.agent.take()
            invites.append(world.call())
        case "hang":
            world.agent.hang_up("A1", world.now)
        case "lose":
            return world.agent.lose(TRUNK, world.now)
        case "1" | "40":
            return world.after(int(name) * 1000)
        case "BYE" | "INVITE":
            return world.hear(request(name, invite, tag=tag or "peer", branch=f"z9hG4bK{number}", sequence=number))
        case "401" | "407":
            header = "WWW-Authenticate" if name == "401" else "Proxy-Authenticate"
            return world.hear(response(invite, int(name), "peer", f'{header}: Digest realm="r", nonce="{number}"'))
        case _ if name.isdigit():
            body = SDP if tag != "deaf" else "v=0"
            return world.hear(response(invite, int(name), tag or "peer", CONTACT, body=body if name == "200" else ""))
    return []


def learn(world: World, invites: list[Request], answered: dict[str, set[str]]) -> None:
    """Take what leaves: new INVITEs are known from now on, and each dialog sees its ACK and its BYE."""
    for message in world.sent():
        if isinstance(message, Request) and message.method == "INVITE":
            invites.append(message)
        elif isinstance(message, Request) and message.to_tag:
            answered.setdefault(f"{message.from_tag} {message.to_tag}", set()).add(message.method)


@example(["200 peer", "hang up", "401", "401", "200 other"])
@example(["180", "hang up", "200 peer", "40 s", "call", "BYE peer", "200 peer"])
@given(st.lists(STEPS, max_size=14))
def test_a_call_has_one_end_whatever_happens(steps: list[str]) -> None:
    """In any order: one last event to a call, ringing before answered, an ACK to each 200, and nothing left waiting."""
    world = World(user="bin", password="secret")
    invites, answered = [world.call()], dict[str, set[str]]()
    begun, events = 1, list[SipEvent]()
    for number, what in enumerate(steps):
        begun += what == "call" and world.agent.calls_count == 0
        events += step(world, invites, what, number)
        learn(world, invites, answered)
    world.agent.hang_up("A1", world.now)
    events += world.after(HOUR_MS)
    learn(world, invites, answered)
    assert (0, None) == (world.agent.calls_count, world.agent.next_at)
    order = [event for event in events if not isinstance(event, Fault)]
    assert begun == sum(isinstance(event, Rejected | Lost | Ended) for event in order)
    for before, event in zip([None, *order], order, strict=False):
        is_new = before is None or isinstance(before, Rejected | Lost | Ended)
        assert isinstance(event, Answered) == isinstance(before, Ringing) or not isinstance(event, Answered)
        assert is_new or not isinstance(event, Ringing)
        assert isinstance(before, Answered) or not isinstance(event, Ended)
        assert not isinstance(before, Answered) or isinstance(event, Ended)
        if isinstance(event, Rejected | Lost):
            assert isinstance(before, Ringing) == event.rang
    for methods in answered.values():
        assert "ACK" in methods


PLAYS: st.SearchStrategy[tuple[Play, HangUp]] = st.sampled_from(
    [("answer", "us"), ("answer", "peer"), ("busy", None), ("ring", None), ("cross", None)]
)


@given(PLAYS, st.sets(st.integers(0, 20), max_size=4), st.sets(st.integers(0, 20), max_size=4))
def test_what_is_lost_comes_again(play: tuple[Play, HangUp], lost: set[int], doubled: set[int]) -> None:
    """Any four of the first datagrams lost, any four twice: one end, and no telephone off the hook."""
    net = Net(play[0], lambda sent: 0 if sent in lost else 1 + (sent in doubled))
    net.run(play[1])
    assert 1 == sum(isinstance(event, Rejected | Lost | Ended) for event in net.events)
    assert (False, {}, None) == (net.phone.off_hook, net.phone.repeats, net.world.agent.next_at)
