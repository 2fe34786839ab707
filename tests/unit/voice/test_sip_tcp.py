"""The same agent over TCP: one connection, nothing repeated, and what becomes of calls when it goes."""

from tests.unit.voice.sip_kit import CONTACT, HOUR_MS, SDP, TALK, TRUNK, World, response

from klaroen.core.ports import Fault
from klaroen_adapters.voice.sip_message import Request
from klaroen_adapters.voice.sip_terms import Answered, Ended, Lost, Ringing


def test_over_tcp_nothing_is_repeated_and_all_goes_by_the_trunk() -> None:
    """One connection, whatever Contact says; pieces of a stream make messages."""
    world = World(transport="tcp")
    invite = world.call()
    assert "SIP/2.0/TCP 192.0.2.9:5062;rport;branch=" in invite.headers["via"][0]
    assert ["<sip:klaroen@192.0.2.9:5062;transport=tcp>"] == invite.headers["contact"]
    assert ([], []) == (world.after(20_000), world.lines())
    octets = response(invite, 180) + response(invite, 200, "peer", CONTACT, body=SDP)
    assert [Ringing("A1", 180), Answered("A1", TALK)] == world.hear(octets[:500]) + world.hear(octets[500:])
    assert (["ACK"], [TRUNK]) == (world.lines(), world.went)
    world.agent.hang_up("A1", world.now)
    assert ["BYE"] == world.lines()
    assert [Ended("A1", "us")] == world.after(32_000)
    assert [] == world.lines()


def test_an_invite_over_tcp_without_an_answer_is_lost_too() -> None:
    """Timer B."""
    world = World(transport="tcp")
    world.call()
    assert [Lost("A1", "no answer to the INVITE")] == world.after(HOUR_MS)


def test_a_peer_that_speaks_no_sip_is_broken() -> None:
    """And a message that is refused is a fault."""
    world = World(transport="tcp")
    assert not world.agent.is_broken(TRUNK)
    assert [Fault("a header without a colon")] == world.hear(b"GET / HTTP/1.1\r\nHost\r\n\r\n")
    assert world.agent.is_broken(TRUNK)
    assert [] == world.agent.lose(("192.0.2.77", 9), world.now)
    assert world.agent.is_broken(TRUNK)
    assert [] == world.agent.lose(TRUNK, world.now)
    assert not world.agent.is_broken(TRUNK)


def test_a_lost_connection_loses_what_is_not_answered() -> None:
    """Answered calls go on over the next connection, with its address; a BYE under way is sent again."""
    world = World(transport="tcp")
    world.answered("A1")
    world.answered("A2")
    world.agent.hang_up("A2", world.now)
    calling, ringing, cancelled = world.call_many("B1", "B2", "B3")
    world.hear(response(ringing, 180))
    world.hear(response(cancelled, 180))
    world.agent.hang_up("B3", world.now)
    world.sent()
    lost = world.agent.lose(TRUNK, world.now)
    words = "connection lost"
    assert [Lost("B1", words), Lost("B2", words, rang=True), Lost("B3", words, rang=True)] == lost
    assert ["BYE", "CANCEL"] == world.lines()
    assert 2 == world.agent.calls_count
    world.agent.move(("192.0.2.9", 6000))
    world.agent.hang_up("A1", world.now)
    assert "192.0.2.9:6000" in world.one(Request).headers["via"][0]
    assert [Fault("an answer to a call that was given up")] == world.hear(response(ringing, 200, body=SDP))
    assert ["ACK", "BYE"] == world.lines()
    world.hear(response(calling, 183))
    assert ["CANCEL"] == world.lines()
    world.after(HOUR_MS)
    assert world.agent.next_at is None
