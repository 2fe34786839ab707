"""Calls as a trunk sees them: what is said, what is answered, and the one end of each."""

from tests.unit.voice.sip_kit import (
    CALLER,
    CONTACT,
    HOUR_MS,
    NUMBER,
    SDP,
    TRUNK,
    World,
    request,
    response,
)

from klaroen_adapters.voice.sip_message import Request
from klaroen_adapters.voice.sip_terms import Answered, Ended, Media, Ringing

TALK = Media("198.51.100.7", 6000, "PCMA", 8, 20, 101)


# --- a call that goes well ---


def test_a_call_rings_is_answered_and_is_hung_up_by_us() -> None:
    """INVITE, 100, 180, 200, ACK, BYE, 200: the ACK and the BYE go to the Contact."""
    world = World()
    invite = world.call()
    assert ("INVITE", f"sip:{NUMBER}@trunk.example.net", [TRUNK]) == (invite.method, invite.uri, world.went)
    assert [f"<sip:{CALLER}@trunk.example.net>;tag={invite.from_tag}"] == invite.headers["from"]
    assert ("A1", 1, "") == (invite.call_id, invite.sequence, invite.to_tag)
    assert b"m=audio 40000 RTP/AVP 8 0 101" in invite.body
    assert [] == world.hear(response(invite, 100))
    assert [Ringing("A1", 180)] == world.hear(response(invite, 180))
    assert [] == world.hear(response(invite, 183))
    assert [Answered("A1", TALK)] == world.hear(response(invite, 200, "peer", CONTACT, body=SDP))
    ack = world.one(Request)
    assert ("ACK", "sip:phone@198.51.100.7:5070", 1, "peer") == (ack.method, ack.uri, ack.sequence, ack.to_tag)
    assert [("198.51.100.7", 5070)] == world.went
    assert ack.via.branch != invite.via.branch
    assert [] == world.after(HOUR_MS)
    assert (1, None) == (world.agent.calls_count, world.agent.next_at)
    world.agent.hang_up("A1", world.now)
    bye = world.one(Request)
    assert ("BYE", "sip:phone@198.51.100.7:5070", 2, "peer") == (bye.method, bye.uri, bye.sequence, bye.to_tag)
    assert [("198.51.100.7", 5070)] == world.went
    assert [Ended("A1", "us")] == world.hear(response(bye, 200))
    assert 0 == world.agent.calls_count
    assert ([], []) == (world.after(HOUR_MS), world.lines())
    assert world.agent.next_at is None


def test_the_peer_may_hang_up_first() -> None:
    """A BYE of the peer's is answered, again as often as it comes, and ends the call once."""
    world = World()
    invite = world.answered()
    bye = request("BYE", invite)
    assert [Ended("A1", "peer")] == world.hear(bye)
    assert ["200 BYE"] == world.lines()
    assert [] == world.hear(bye)
    assert ["200 BYE"] == world.lines()
    assert [] == world.hear(request("BYE", invite, branch="z9hG4bKother", sequence=2))
    assert ["200 BYE"] == world.lines()
    world.agent.hang_up("A1", world.now)
    assert ([], []) == (world.after(HOUR_MS), world.lines())


def test_an_answer_without_ringing_is_told_as_both() -> None:
    """Whoever waits for ringing to say that the call was taken gets it with the 200."""
    world = World()
    assert [Ringing("A1", 200), Answered("A1", TALK)] == world.hear(response(world.call(), 200, body=SDP))
    assert ["ACK"] == world.lines()
    assert [TRUNK] == world.went
