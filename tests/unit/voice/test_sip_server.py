"""What a peer may ask of an agent that takes no calls, and what it is answered."""

import pytest
from tests.unit.voice.sip_kit import CONTACT, HOUR_MS, LOCAL, SDP, TRUNK, World, request, response

from klaroen.core.ports import Fault
from klaroen_adapters.voice import sip_server
from klaroen_adapters.voice.sip_message import Request, Response
from klaroen_adapters.voice.sip_sdp import make_offer
from klaroen_adapters.voice.sip_terms import Ended

STRANGER = ("203.0.113.66", 6000)


def outside(method: str, *lines: str, branch: str = "z9hG4bKout", **how: str) -> bytes:
    """Return what somebody asks outside of any call."""
    with_tag = request(method, World().call(), *lines, branch=branch, **how)  # type: ignore[arg-type]
    return with_tag.replace(b";tag=draw000000000001\r\nCall-ID", b"\r\nCall-ID")


# --- outside of calls ---


def test_options_say_what_we_understand() -> None:
    """A trunk's sign of life."""
    world = World()
    world.hear(outside("OPTIONS"))
    answer = world.one(Response)
    assert (200, ["INVITE, ACK, CANCEL, BYE, OPTIONS"], ["application/sdp"]) == (
        answer.status,
        answer.headers["allow"],
        answer.headers["accept"],
    )
    assert ("A1", "draw000000000001", "peer") == (answer.call_id, answer.to_tag, answer.from_tag)
    assert ["SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKpeer".replace("peer", "out")] == answer.headers["via"]
    assert [TRUNK] == world.went


@pytest.mark.parametrize(
    ("octets", "answered"),
    [
        (outside("INVITE", body=SDP), "403 INVITE"),
        (outside("BYE"), "481 BYE"),
        (outside("CANCEL"), "481 CANCEL"),
        (outside("REGISTER"), "405 REGISTER"),
        (outside("NOTIFY"), "405 NOTIFY"),
        (outside("FROBNICATE"), "405 FROBNICATE"),
        (outside("OPTIONS", "Require: 100rel"), "420 OPTIONS"),
        (outside("CANCEL", "Require: 100rel"), "481 CANCEL"),
        (outside("OPTIONS", uri="tel:+3225550100"), "416 OPTIONS"),
        (outside("OPTIONS", uri="SIPS:us@192.0.2.9"), "200 OPTIONS"),
        (request("OPTIONS", World().call()), "481 OPTIONS"),
        (request("INVITE", World().call()), "481 INVITE"),
        (request("BYE", World().call()), "481 BYE"),
        (request("INFO", World().call()), "405 INFO"),
    ],
)
def test_strangers_are_answered_once_and_finally(octets: bytes, answered: str) -> None:
    """Calls are not taken; what belongs to no call is told so; and nothing of it is repeated by itself."""
    world = World()
    assert [] == world.hear(octets, STRANGER)
    assert [answered] == world.lines()
    assert ([], []) == (world.after(HOUR_MS), world.lines())
    assert world.agent.next_at is None


def test_an_ack_is_never_answered() -> None:
    """Whatever it says."""
    world = World()
    assert [] == world.hear(outside("ACK")) + world.hear(outside("ACK", uri="nonsense"))
    assert [] == world.lines()


def test_the_same_question_has_the_same_answer() -> None:
    """A repeat is known by its branch and what else it shares; after 32 s it is asked anew."""
    world = World()
    world.hear(outside("OPTIONS"))
    first = world.agent.take()
    world.hear(outside("OPTIONS"))
    assert first == world.agent.take()
    world.hear(outside("OPTIONS", branch="z9hG4bKnew"))
    assert first != world.agent.take()
    world.after(32_000)
    world.hear(outside("OPTIONS"))
    assert first != world.agent.take()


def test_a_cancel_of_an_invite_that_was_refused_changes_nothing() -> None:
    """RFC 3261, 9.2: it has had its final answer."""
    world = World()
    world.hear(outside("INVITE"))
    world.hear(outside("CANCEL"))
    assert ["403 INVITE", "200 CANCEL"] == world.lines()


def test_answers_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound they are made anew."""
    monkeypatch.setattr(sip_server, "SERVED_MAX", 1)
    world = World()
    for branch in ("z9hG4bK1", "z9hG4bK2", "z9hG4bK2"):
        world.hear(outside("OPTIONS", branch=branch))
    _, two, again = world.sent()
    assert isinstance(two, Response)
    assert isinstance(again, Response)
    assert two.to_tag != again.to_tag


@pytest.mark.parametrize(
    ("via", "said", "to"),
    [
        ("192.0.2.1:5090", "192.0.2.1:5090;branch=z9hG4bKout", ("192.0.2.1", 5090)),
        ("192.0.2.1", "192.0.2.1;branch=z9hG4bKout", ("192.0.2.1", 5060)),
        ("p.net:5090", "p.net:5090;branch=z9hG4bKout;received=192.0.2.1", ("192.0.2.1", 5090)),
        ("p.net;rport", "p.net;branch=z9hG4bKout;rport=7777;received=192.0.2.1", ("192.0.2.1", 7777)),
        ("p.net; rport", "p.net;branch=z9hG4bKout;rport=7777;received=192.0.2.1", ("192.0.2.1", 7777)),
        ("p.net;rport=9", "p.net;branch=z9hG4bKout;rport=7777;received=192.0.2.1", ("192.0.2.1", 7777)),
    ],
)
def test_an_answer_goes_back_where_it_was_asked(via: str, said: str, to: tuple[str, int]) -> None:
    """To the port of Via, or of the datagram where that is asked for (RFC 3261, 18.2.2; RFC 3581)."""
    world = World()
    world.hear(outside("OPTIONS", via=via), ("192.0.2.1", 7777))
    answer = world.one(Response)
    assert ([f"SIP/2.0/UDP {said}"], [to]) == (answer.headers["via"], world.went)


def test_all_vias_are_repeated_in_order() -> None:
    """Also those of one line."""
    world = World()
    world.hear(outside("OPTIONS", "Via: SIP/2.0/UDP c.net;branch=3", branch="z9hG4bKout, SIP/2.0/UDP b.net;branch=2"))
    hosts = [via.split()[1].partition(";")[0] for via in world.one(Response).headers["via"]]
    assert ["192.0.2.1:5060", "b.net", "c.net"] == hosts


def test_over_tcp_an_answer_goes_down_its_connection() -> None:
    """Whatever its Via says."""
    world = World(transport="tcp")
    world.hear(outside("OPTIONS", via="p.net:5090"), STRANGER)
    assert (["200 OPTIONS"], [STRANGER]) == (world.lines(), world.went)


# --- within a call ---


def test_a_call_that_goes_on_may_be_asked_about() -> None:
    """OPTIONS within a dialog."""
    world = World()
    world.hear(request("OPTIONS", world.answered()))
    assert ["200 OPTIONS"] == world.lines()


def test_both_tags_must_be_known() -> None:
    """Nobody ends a call who does not know it."""
    world = World()
    invite = world.answered()
    for wrong in (
        request("BYE", invite, tag="other"),
        request("BYE", invite).replace(invite.from_tag.encode(), b"guessed"),
        request("BYE", invite).replace(b"Call-ID: A1", b"Call-ID: A2"),
    ):
        assert [] == world.hear(wrong)
    assert (["481 BYE"] * 3, 1) == (world.lines(), world.agent.calls_count)


def test_what_comes_out_of_order_is_refused() -> None:
    """A CSeq below the last one (RFC 3261, 12.2.2)."""
    world = World()
    invite = world.answered()
    world.hear(request("OPTIONS", invite, sequence=5))
    world.hear(request("BYE", invite, sequence=4, branch="z9hG4bKold"))
    assert (["200 OPTIONS", "500 BYE"], 1) == (world.lines(), world.agent.calls_count)
    assert [Ended("A1", "peer")] == world.hear(request("BYE", invite, sequence=6, branch="z9hG4bKnew"))


def test_a_second_invite_that_changes_nothing_is_answered_with_our_offer() -> None:
    """As trunks ask to see whether we are there still; with an offer, or for ours."""
    world = World()
    invite = world.answered()
    for number, body in enumerate((SDP, "", SDP.replace("o=- 1 1", "o=- 1 2")), 1):
        world.hear(request("INVITE", invite, CONTACT, sequence=number, branch=f"z9hG4bK{number}", body=body))
        answer = world.one(Response)
        assert (200, ["<sip:klaroen@192.0.2.9:5062>"]) == (answer.status, answer.headers["contact"])
        assert invite.body == answer.body
        assert [] == world.hear(request("ACK", invite, sequence=number, branch=f"z9hG4bKack{number}"))
    assert ([], []) == (world.after(HOUR_MS), world.lines())


def test_our_answer_takes_the_number_of_the_peers_events() -> None:
    """RFC 3264, 6.1: the same number for the same thing."""
    for events, ours in (("96", 96), ("", 101)):
        sdp = SDP.replace("101", events or "13").replace("telephone-event", "telephone-event" if events else "CN")
        world = World()
        invite = world.call()
        world.hear(response(invite, 200, "peer", CONTACT, body=sdp))
        world.sent()
        world.hear(request("INVITE", invite, CONTACT, body=sdp))
        session = int(invite.body.split()[2])
        assert make_offer(("192.0.2.9", 40_000), session, ours).encode() == world.one(Response).body


@pytest.mark.parametrize(
    ("body", "lines", "status"),
    [
        (SDP.replace("6000", "6002"), (), 488),
        (SDP + "a=sendonly\r\n", (), 488),
        (SDP + "m=video 6004 RTP/AVP 31\r\n", (), 488),
        ("v=0", (), 488),
    ],
)
def test_a_second_invite_that_changes_something_is_refused(body: str, lines: tuple[str, ...], status: int) -> None:
    """The call goes on as it was (RFC 3261, 14.2)."""
    world = World()
    world.hear(request("INVITE", world.answered(), CONTACT, *lines, body=body))
    assert ([f"{status} INVITE"], 1) == (world.lines(), world.agent.calls_count)


def test_a_second_invite_of_another_kind_is_told_which_we_take() -> None:
    """415 with Accept."""
    world = World()
    octets = request("INVITE", world.answered(), body="<audio/>").replace(b"application/sdp", b"application/xml")
    world.hear(octets)
    answer = world.one(Response)
    assert (415, ["application/sdp"]) == (answer.status, answer.headers["accept"])


def test_a_second_invite_to_a_call_that_is_ending_finds_none() -> None:
    """Nor one of another telephone that answered."""
    world = World()
    invite = world.answered()
    world.hear(response(invite, 200, "other", CONTACT, body=SDP))
    world.sent()
    world.hear(request("INVITE", invite, tag="other", body=SDP))
    world.agent.hang_up("A1", world.now)
    world.hear(request("INVITE", invite, branch="z9hG4bK2", body=SDP))
    assert ["481 INVITE", "BYE", "481 INVITE"] == world.lines()


@pytest.mark.parametrize("body", [SDP, "v=0"])
def test_an_answer_to_an_invite_is_repeated_until_its_ack(body: str) -> None:
    """Timer G: our 200 or 488 at 0.5, 1.5, 3.5, then every four seconds."""
    world = World()
    invite = world.answered()
    world.hear(request("INVITE", invite, body=body))
    first = world.agent.take()
    assert [] == world.after(4_000)
    assert first * 3 == world.agent.take()
    assert [] == world.hear(request("ACK", invite))
    assert [] == world.hear(request("ACK", invite))
    assert ([], []) == (world.after(HOUR_MS), world.lines())
    assert world.agent.next_at is None


def test_an_answer_to_an_invite_without_ack_is_a_fault() -> None:
    """After 32 s it is repeated no more; the call goes on, and ends as calls do."""
    world = World()
    world.hear(request("INVITE", world.answered(), body=SDP))
    assert [Fault("an answer to INVITE without ACK")] == world.after(HOUR_MS)
    assert (["200 INVITE"] * 11, 1) == (world.lines(), world.agent.calls_count)
    assert world.agent.next_at is None


def test_where_we_hear_is_where_the_request_went() -> None:
    """The kit asks the address that our Contact named."""
    invite = World().call()
    assert isinstance(invite, Request)
    assert f"<sip:klaroen@{LOCAL[0]}:{LOCAL[1]}>" == invite.headers["contact"][0]
