"""Calls as a trunk sees them: what is said, what is answered, and the one end of each."""

import pytest
from tests.unit.voice.sip_kit import CALLER, CONTACT, HOUR_MS, MEDIA, NUMBER, SDP, TALK, TRUNK, World, request, response

from klaroen.core.model import Instant
from klaroen.core.ports import Fault
from klaroen_adapters.voice.sip_call import LEGS_MAX
from klaroen_adapters.voice.sip_message import Request
from klaroen_adapters.voice.sip_terms import Answered, Ended, Lost, Probed, Rejected, Ringing

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


@pytest.mark.parametrize(
    ("lines", "uri", "routes", "to"),
    [
        ((CONTACT,), "sip:phone@198.51.100.7:5070", [], ("198.51.100.7", 5070)),
        ((), f"sip:{NUMBER}@trunk.example.net", [], TRUNK),
        (("Contact: <sip:phone@phone.example.net>",), "sip:phone@phone.example.net", [], TRUNK),
        (('m: "Bell, A." <sip:phone@[2001:db8::7]>;q=1',), "sip:phone@[2001:db8::7]", [], ("2001:db8::7", 5060)),
        (
            (CONTACT, "Record-Route: <sip:192.0.2.5;lr>, <sip:192.0.2.6:5080;lr>", "Record-Route: <sip:p.net;lr>"),
            "sip:phone@198.51.100.7:5070",
            ["<sip:p.net;lr>", "<sip:192.0.2.6:5080;lr>", "<sip:192.0.2.5;lr>"],
            TRUNK,
        ),
        (
            (CONTACT, "Record-Route: <sip:192.0.2.5;lr>,<sip:192.0.2.6:5080;lr>"),
            "sip:phone@198.51.100.7:5070",
            ["<sip:192.0.2.6:5080;lr>", "<sip:192.0.2.5;lr>"],
            ("192.0.2.6", 5080),
        ),
        (
            (CONTACT, "Record-Route: <sip:192.0.2.5;lr>,<sip:192.0.2.6:5080>"),
            "sip:192.0.2.6:5080",
            ["<sip:192.0.2.5;lr>", "<sip:phone@198.51.100.7:5070>"],
            ("192.0.2.6", 5080),
        ),
    ],
)
def test_what_follows_goes_where_the_answer_says(
    lines: tuple[str, ...], uri: str, routes: list[str], to: tuple[str, int]
) -> None:
    """The route set backwards, loose or strict (RFC 3261, 12.1.2, 12.2.1.1); to names by way of the trunk."""
    world = World()
    invite = world.call()
    world.hear(response(invite, 200, "peer", *lines, body=SDP))
    ack = world.one(Request)
    assert (uri, routes, [to]) == (ack.uri, ack.headers.get("route", []), world.went)
    world.agent.hang_up("A1", world.now)
    bye = world.one(Request)
    assert (uri, routes, [to]) == (bye.uri, bye.headers.get("route", []), world.went)


@pytest.mark.parametrize(
    "line",
    [
        "Contact: <tel:+3225550100>",
        "Contact: <sip:a b@192.0.2.7>",
        "Contact: <sip:a@192.0.2.7",
        'Contact: "A <sip:a@192.0.2.7>',
        "Record-Route: <sip:192.0.2.5:x;lr>",
        "Record-Route: " + ",".join(["<sip:192.0.2.5;lr>"] * 17),
    ],
)
def test_a_contact_that_leads_nowhere_is_answered_by_the_trunk(line: str) -> None:
    """An ACK that is not sent leaves a telephone off the hook."""
    world = World()
    invite = world.call()
    fault, *events = world.hear(response(invite, 200, "peer", line, body=SDP))
    assert (Fault, [Ringing("A1", 200), Answered("A1", TALK)]) == (type(fault), events)
    ack = world.one(Request)
    assert ("ACK", invite.uri, [TRUNK]) == (ack.method, ack.uri, world.went)


def test_an_early_answer_counts_if_the_200_does_not_repeat_it() -> None:
    """Not as it should be, but seen: the SDP of a 183 of the same telephone."""
    for tag, last in (("peer", Answered), ("other", Rejected)):
        world = World()
        invite = world.call()
        world.hear(response(invite, 183, "peer", body=SDP))
        assert isinstance(world.hear(response(invite, 200, tag, CONTACT))[-1], last)


def test_without_a_number_of_its_own_a_call_says_the_trunks() -> None:
    """The user of the account, or our name, as it may stand in a URI."""
    for user, said in (("bin 101@x", "bin%20101%40x"), ("", "klaroen")):
        invite = World(user=user).call(caller="")
        assert f"<sip:{said}@trunk.example.net>;tag={invite.from_tag}" == invite.headers["from"][0]
        assert [f"<sip:{said}@192.0.2.9:5062>"] == invite.headers["contact"]


# --- a call that does not ---


@pytest.mark.parametrize("status", [302, 404, 486, 503, 603])
def test_a_refusal_is_acknowledged_and_told_once(status: int) -> None:
    """On the INVITE's own branch, again as often as it comes, and for no longer than somebody may repeat it."""
    world = World()
    invite = world.call()
    refusal = response(invite, status, "peer", "Retry-After: 7", reason="Nobody at 02 555")
    assert [Rejected("A1", status, "Nobody at ## ###", 7.0)] == world.hear(refusal)
    ack = world.one(Request)
    assert ("ACK", invite.uri, 1, "peer") == (ack.method, ack.uri, ack.sequence, ack.to_tag)
    assert (invite.via.branch, [TRUNK]) == (ack.via.branch, world.went)
    assert [] == world.hear(refusal)
    assert ["ACK"] == world.lines()
    assert ([], []) == (world.after(33_000), world.lines())
    assert [] == world.hear(refusal)
    assert ([], None) == (world.lines(), world.agent.next_at)


def test_a_refusal_after_ringing_says_that_it_rang() -> None:
    """For then it was accepted, and has failed."""
    world = World()
    invite = world.call()
    world.hear(response(invite, 180))
    assert [Rejected("A1", 486, "Words", rang=True)] == world.hear(response(invite, 486))


def test_an_invite_without_an_answer_is_repeated_and_lost() -> None:
    """Timers A and B: at 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, and at 32 s nobody knows."""
    world = World()
    world.call()
    times = []
    for ms in range(0, 32_000, 500):
        if world.lines():
            times.append(ms)
        assert [] == world.after(500) or ms == 31_500
    assert [500, 1_500, 3_500, 7_500, 15_500, 31_500] == times
    assert 0 == world.agent.calls_count


def test_silence_ends_as_lost() -> None:
    """One event, and then nothing."""
    world = World()
    world.call()
    assert [Lost("A1", "no answer to the INVITE")] == world.after(HOUR_MS)
    assert world.agent.next_at is None


def test_what_rings_is_cancelled_when_its_time_is_over() -> None:
    """CANCEL on the INVITE's branch; 200 and 487; our 487 is told with the rest."""
    world = World()
    invite = world.call(ring_s=30.0)
    world.hear(response(invite, 180))
    assert [] == world.after(29_999)
    assert ([], []) == (world.lines(), world.after(1))
    cancel = world.one(Request)
    assert ("CANCEL", invite.uri, 1, "") == (cancel.method, cancel.uri, cancel.sequence, cancel.to_tag)
    assert (invite.via.branch, [TRUNK]) == (cancel.via.branch, world.went)
    assert [] == world.hear(response(cancel, 200))
    assert [Rejected("A1", 487, "Words", rang=True, cancelled=True)] == world.hear(response(invite, 487))
    assert ["ACK"] == world.lines()
    assert ([], []) == (world.after(HOUR_MS), world.lines())


def test_an_answer_that_crosses_the_cancel_is_hung_up() -> None:
    """200 after CANCEL: ACK and BYE, and one end."""
    world = World()
    invite = world.call()
    world.hear(response(invite, 100))
    world.agent.hang_up("A1", world.now)
    cancel = world.one(Request)
    words = "answered as it was given up"
    assert [Ringing("A1", 200), Rejected("A1", 487, words, None, True, True)] == world.hear(
        response(invite, 200, "peer", CONTACT, body=SDP)
    )
    ack, bye = world.sent()
    assert isinstance(ack, Request)
    assert isinstance(bye, Request)
    assert ("ACK", "BYE", 2) == (ack.method, bye.method, bye.sequence)
    assert [] == world.hear(response(cancel, 481)) + world.hear(response(bye, 200))
    assert ([], []) == (world.after(HOUR_MS), world.lines())


def test_a_call_that_nobody_took_is_lost_at_once_and_cancelled_if_it_turns_up() -> None:
    """Hung up before the first provisional answer: no CANCEL may be sent yet, and no INVITE is repeated any more."""
    world = World()
    invite = world.call()
    world.agent.hang_up("A1", world.now)
    world.agent.hang_up("A1", world.now)
    assert world.now == world.agent.next_at
    assert [Lost("A1", "no answer to the INVITE")] == world.agent.tick(world.now)
    assert ([], []) == (world.after(20_000), world.lines())
    assert [] == world.hear(response(invite, 180))
    assert ["CANCEL"] == world.lines()
    assert [] == world.hear(response(invite, 180)) + world.hear(response(invite, 487))
    assert ["ACK"] == world.lines()
    assert [] == world.after(HOUR_MS)
    assert world.agent.next_at is None


def test_a_provisional_answer_in_the_same_instant_is_cancelled() -> None:
    """Hung up, and before the next tick it is taken after all."""
    world = World()
    invite = world.call()
    world.agent.hang_up("A1", world.now)
    assert [] == world.hear(response(invite, 100))
    assert ["CANCEL"] == world.lines()
    assert [Rejected("A1", 487, "Words", cancelled=True)] == world.hear(response(invite, 487))


def test_a_call_that_was_given_up_and_is_answered_is_hung_up() -> None:
    """However late: a telephone off the hook hears nothing."""
    world = World()
    invite = world.call(ring_by_ms=2_000)
    assert [Lost("A1", "no answer to the INVITE")] == world.after(2_000)
    world.sent()
    assert [Fault("an answer to a call that was given up")] == world.hear(response(invite, 200, body=SDP))
    assert ["ACK", "BYE"] == world.lines()


def test_a_call_that_does_not_ring_in_time_is_cancelled() -> None:
    """The trunk took it (100), and no telephone rang."""
    world = World()
    invite = world.call(ring_by_ms=10_000)
    world.hear(response(invite, 100))
    assert [] == world.after(10_000)
    assert ["CANCEL"] == world.lines()
    assert [Rejected("A1", 487, "Words", cancelled=True)] == world.hear(response(invite, 487))


def test_a_cancel_without_an_end_is_lost_after_its_time() -> None:
    """CANCEL is repeated (timers E and F), and after 32 s nobody knows."""
    world = World()
    invite = world.call()
    world.hear(response(invite, 180))
    world.agent.hang_up("A1", world.now)
    assert [Lost("A1", "no end after CANCEL", rang=True)] == world.after(32_000)
    assert ["CANCEL"] * 11 == world.lines()
    assert ([], []) == (world.after(HOUR_MS), world.lines())
    assert world.agent.next_at is None


def test_an_answer_that_cannot_be_played_to_is_hung_up() -> None:
    """Wrong SDP is a named error: the telephone is not left off the hook."""
    for body in ("", "v=0\r\nm=audio 6000 RTP/SAVP 8\r\n"):
        world = World()
        invite = world.call()
        ringing, rejected = world.hear(response(invite, 200, "peer", CONTACT, body=body))
        words = "audio by other than RTP/AVP" if body else "no SDP"
        assert (Ringing("A1", 200), Rejected("A1", 488, words, rang=True)) == (ringing, rejected)
        assert ["ACK", "BYE"] == world.lines()


def test_a_bye_without_an_answer_ends_the_call_all_the_same() -> None:
    """Timer F: the line is ours again."""
    world = World()
    world.answered()
    world.agent.hang_up("A1", world.now)
    assert [Ended("A1", "us")] == world.after(32_000)
    assert ["BYE"] * 11 == world.lines()


def test_a_bye_that_is_being_thought_about_is_repeated_more_seldom() -> None:
    """Timer E after a provisional answer: every four seconds."""
    world = World()
    world.answered()
    world.agent.hang_up("A1", world.now)
    world.hear(response(world.one(Request), 100))
    world.after(13_000)
    assert ["BYE"] * 4 == world.lines()


def test_both_may_hang_up_at_once() -> None:
    """The peer's BYE is answered, and the call ends once, by us."""
    world = World()
    invite = world.answered()
    world.agent.hang_up("A1", world.now)
    bye = world.one(Request)
    assert [Ended("A1", "us")] == world.hear(request("BYE", invite))
    assert [] == world.hear(response(bye, 481))
    assert ["200 BYE"] == world.lines()


# --- answers twice, late and from elsewhere ---


def test_a_repeated_200_is_acknowledged_again() -> None:
    """The same ACK, whether the call goes on or is over; after 32 s nobody repeats any more."""
    world = World()
    invite = world.call()
    ok = response(invite, 200, "peer", CONTACT, body=SDP)
    world.hear(ok)
    (ack,) = world.agent.take()
    assert [] == world.hear(ok)
    assert [ack] == world.agent.take()
    world.hear(request("BYE", invite))
    world.agent.take()
    assert [] == world.hear(ok)
    assert [ack] == world.agent.take()
    assert [] == world.after(33_000) + world.hear(ok)
    assert [] == world.lines()


def test_of_telephones_that_answer_one_call_the_first_is_talked_to() -> None:
    """Forked 2xx: each gets its ACK, the others a BYE; what becomes of them is nothing to the call."""
    world = World()
    invite = world.answered()
    assert [Fault("a second answer to one call")] == world.hear(response(invite, 200, "other", CONTACT, body=SDP))
    ack, bye = world.sent()
    assert isinstance(ack, Request)
    assert isinstance(bye, Request)
    assert ("ACK", "other", "BYE", "other", 2) == (ack.method, ack.to_tag, bye.method, bye.to_tag, bye.sequence)
    assert [] == world.hear(response(invite, 200, "other", CONTACT, body=SDP))
    assert ["ACK"] == world.lines()
    assert [] == world.hear(request("BYE", invite, tag="other", branch="z9hG4bKo")) + world.hear(response(bye, 200))
    assert (["200 BYE"], 1) == (world.lines(), world.agent.calls_count)
    world.agent.hang_up("A1", world.now)
    assert 3 == world.one(Request).sequence


def test_more_telephones_than_are_counted_are_told_as_a_fault() -> None:
    """A trunk that forks to hundreds is broken; what it costs us is bounded."""
    world = World()
    invite = world.answered()
    for number in range(LEGS_MAX - 1):
        world.hear(response(invite, 200, f"tag{number}", CONTACT, body=SDP))
    world.sent()
    assert [Fault("more answers to one call than are counted")] == world.hear(response(invite, 200, "one more"))
    assert [] == world.lines()


def test_a_second_telephone_may_answer_after_the_first_refused() -> None:
    """Whatever its proxy thinks: it is acknowledged and hung up."""
    world = World()
    invite = world.call()
    world.hear(response(invite, 486, "first"))
    world.sent()
    assert [Fault("an answer to a call that was given up")] == world.hear(response(invite, 200, "second", CONTACT))
    assert ["ACK", "BYE"] == world.lines()


def test_late_news_of_a_call_that_is_answered_is_let_be() -> None:
    """A 180 or a 486 after the 200."""
    world = World()
    invite = world.answered()
    assert [] == world.hear(response(invite, 180)) + world.hear(response(invite, 486, "other"))
    assert ([], 1) == (world.lines(), world.agent.calls_count)


def test_a_bye_before_the_200_is_believed() -> None:
    """The 200 is on its way, or lost: when it comes it is acknowledged, and the call has been answered and is over."""
    world = World()
    invite = world.call()
    world.hear(response(invite, 180))
    assert [] == world.hear(request("BYE", invite))
    assert ["200 BYE"] == world.lines()
    answered = response(invite, 200, "peer", CONTACT, body=SDP)
    assert [Answered("A1", TALK), Ended("A1", "peer")] == world.hear(answered)
    assert ["ACK"] == world.lines()


def test_strangers_who_hang_up_before_the_200_are_bounded() -> None:
    """They would have to know our tag."""
    world = World()
    invite = world.call()
    for number in range(LEGS_MAX + 1):
        world.hear(request("BYE", invite, tag=f"t{number}", branch=f"z9hG4bK{number}"))
    assert ["200 BYE"] * LEGS_MAX + ["481 BYE"] == world.lines()


def test_an_answer_to_another_cseq_or_call_is_no_answer() -> None:
    """The branch alone is not enough: a wrong CSeq is counted, and let be."""
    fault = [Fault("an answer to another INVITE than its branch says")]
    world = World()
    ok = response(world.call(), 200, "peer", CONTACT, body=SDP)
    assert fault == world.hear(ok.replace(b"CSeq: 1 ", b"CSeq: 2 "))
    assert fault == world.hear(ok.replace(b"Call-ID: A1", b"Call-ID: A2"))
    assert ([], []) == (world.lines(), world.hear(ok.replace(b"branch=", b"branch=x")))
    assert [] == world.hear(ok.replace(b"1 INVITE", b"1 BYE"))
    assert [Ringing("A1", 200), Answered("A1", TALK)] == world.hear(ok)


def test_a_call_may_be_made_again_under_its_name() -> None:
    """A resend after Unknown is the same attempt; what belongs to the former try does not touch it."""
    world = World()
    old = world.call(ring_by_ms=2_000)
    world.after(2_000)
    world.sent()
    new = world.call()
    assert (old.call_id, True) == (new.call_id, old.from_tag != new.from_tag)
    assert [] == world.hear(response(old, 180))
    assert ["CANCEL"] == world.lines()
    assert [Ringing("A1", 180)] == world.hear(response(new, 180))
    world.hear(request("BYE", old))
    assert (["481 BYE"], 1) == (world.lines(), world.agent.calls_count)


@pytest.mark.parametrize(
    ("name", "number", "caller"),
    [
        ("", NUMBER, ""),
        ("A 1", NUMBER, ""),
        ("A" * 41, NUMBER, ""),
        ("A1", "", ""),
        ("A1", "+32x", ""),
        ("A1", "1" * 33, ""),
        ("A1", "²", ""),
        ("A1", NUMBER, "+32\r\nX: y"),
    ],
)
def test_what_cannot_stand_in_a_line_is_our_fault(name: str, number: str, caller: str) -> None:
    """It never leaves: an assertion, not an error of the world's."""
    world = World()
    with pytest.raises(AssertionError):
        world.agent.invite(name, number, caller, MEDIA, ring_s=1.0, ring_by_at=Instant(0), now=world.now)
    assert [] == world.lines()


def test_a_name_is_in_use_until_its_call_is_over() -> None:
    """Two calls of one name could not be told apart."""
    world = World()
    world.call()
    with pytest.raises(AssertionError):
        world.call()


# --- signs of life ---


def test_a_probe_is_answered_or_not() -> None:
    """Any final answer is a sign of life."""
    world = World()
    world.agent.probe(world.now)
    options = world.one(Request)
    assert ("OPTIONS", "sip:trunk.example.net", [TRUNK]) == (options.method, options.uri, world.went)
    assert [Probed(404)] == world.hear(response(options, 100)) + world.hear(response(options, 404))
    world.agent.probe(world.now, within_s=4.0)
    assert [] == world.after(3_999)
    assert [Probed(None)] == world.after(1)
    assert ["OPTIONS"] * 4 == world.lines()


# --- datagrams that are none ---


def test_keep_alives_are_no_faults() -> None:
    """Empty lines, or NULs, from a peer behind a translator."""
    world = World()
    assert [] == world.hear(b"\r\n\r\n") + world.hear(b"\0\0\0\0") + world.hear(b"")


def test_a_datagram_that_is_no_sip_is_a_fault() -> None:
    """Counted, and let be."""
    world = World()
    assert [Fault("no empty line after the headers")] == world.hear(b"hello")
    assert [] == world.lines()
