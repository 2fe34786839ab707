"""Challenges: met once, kept for the next call, and never answered with what was just refused."""

import pytest
from tests.unit.voice.sip_kit import CONTACT, SDP, TALK, World, response, terms

from klaroen_adapters.voice.sip_message import Request
from klaroen_adapters.voice.sip_terms import Answered, Ended, Rejected, Ringing

CHALLENGE = 'Digest realm="trunk", nonce="{}", qop="auth", algorithm=SHA-256{}'


def challenge(invite: Request, status: int = 401, nonce: str = "n1", more: str = "") -> bytes:
    header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return response(invite, status, "peer", f"{header}: {CHALLENGE.format(nonce, more)}")


def after_challenge(world: World, invite: Request, **how: str | int) -> Request:
    """Refuse, and return the INVITE that comes instead."""
    assert [] == world.hear(challenge(invite, **how))  # type: ignore[arg-type]
    ack, again = world.sent()
    assert isinstance(ack, Request)
    assert isinstance(again, Request)
    assert ("ACK", "INVITE") == (ack.method, again.method)
    return again


@pytest.mark.parametrize(("status", "header"), [(401, "authorization"), (407, "proxy-authorization")])
def test_a_challenge_is_met_once(status: int, header: str) -> None:
    """The same call and tag, the next CSeq, another branch; the ACK of the 200 repeats the credentials."""
    world = World(user="bin", password="secret")
    first = world.call()
    again = after_challenge(world, first, status=status)
    assert (2, "A1", first.from_tag) == (again.sequence, again.call_id, again.from_tag)
    assert again.via.branch != first.via.branch
    (credentials,) = again.headers[header]
    assert 'username="bin", realm="trunk", nonce="n1"' in credentials
    assert "qop=auth, nc=00000001" in credentials
    world.hear(challenge(first, status))
    assert ["ACK"] == world.lines()
    world.hear(response(again, 200, "peer", CONTACT, body=SDP))
    ack = world.one(Request)
    assert (2, [credentials]) == (ack.sequence, ack.headers[header])
    world.agent.hang_up("A1", world.now)
    bye = world.one(Request)
    assert (3, True) == (bye.sequence, "nc=00000002" in bye.headers[header][0])


def test_the_next_call_carries_credentials_at_once() -> None:
    """Half the messages of a trunk that asks everybody; a nonce that is too old costs one round."""
    world = World(user="bin", password="secret")
    after_challenge(world, world.call())
    second = world.call("A2")
    assert 'nonce="n1"' in second.headers["authorization"][0]
    again = after_challenge(world, second, nonce="n2", more=", stale=true")
    assert 'nonce="n2"' in again.headers["authorization"][0]
    assert [Ringing("A2", 180)] == world.hear(response(again, 180))


def test_credentials_that_are_refused_are_not_sent_again() -> None:
    """An auth loop is a fault of the configuration; so is a challenge that we have nothing for."""
    world = World(user="bin", password="wrong")
    again = after_challenge(world, world.call())
    assert [Rejected("A1", 401, "Words")] == world.hear(challenge(again, nonce="n2"))
    assert ["ACK"] == world.lines()
    world = World()
    assert [Rejected("A1", 407, "Words")] == world.hear(challenge(world.call(), 407))


def test_nonces_that_are_always_stale_end_too() -> None:
    """After three of them."""
    world = World(user="bin", password="secret")
    invite = world.call()
    for number in range(3):
        invite = after_challenge(world, invite, nonce=f"n{number}", more=", stale=true")
    assert [Rejected("A1", 401, "Words")] == world.hear(challenge(invite, more=", stale=true"))


def test_a_challenge_to_a_call_that_is_given_up_is_not_met() -> None:
    """It would ring after all."""
    world = World(user="bin", password="secret")
    invite = world.call()
    world.hear(response(invite, 100))
    world.agent.hang_up("A1", world.now)
    world.sent()
    assert [Rejected("A1", 401, "Words", cancelled=True)] == world.hear(challenge(invite))
    assert ["ACK"] == world.lines()


def test_a_challenged_bye_is_repeated_with_credentials_once() -> None:
    """And ends the call even if they are refused."""
    world = World(user="bin", password="secret")
    world.answered()
    world.agent.hang_up("A1", world.now)
    bye = world.one(Request)
    assert [] == world.hear(challenge(bye))
    again = world.one(Request)
    assert ("BYE", 3, True) == (again.method, again.sequence, "authorization" in again.headers)
    assert [Ended("A1", "us")] == world.hear(challenge(again, nonce="n2"))
    world = World()
    world.answered()
    world.agent.hang_up("A1", world.now)
    assert [Ended("A1", "us")] == world.hear(challenge(world.one(Request)))


def test_a_password_is_in_nothing_that_is_printed() -> None:
    """Terms stand in many a traceback."""
    assert "Terms('trunk.example.net')" == repr(terms(user="bin", password="secret"))


def test_a_challenge_that_is_followed_by_an_answer_is_cancelled() -> None:
    """A peer that asks for credentials, and picks up all the same: the second INVITE is not let ring."""
    world = World(user="bin", password="secret")
    first = world.call()
    again = after_challenge(world, first)
    assert [Ringing("A1", 200), Answered("A1", TALK)] == world.hear(response(first, 200, "peer", CONTACT, body=SDP))
    assert [] == world.hear(response(again, 180))
    assert ["ACK", "CANCEL"] == world.lines()
    assert [] == world.hear(response(again, 487))
    assert (["ACK"], 1) == (world.lines(), world.agent.calls_count)
