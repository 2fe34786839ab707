"""One bind without a socket: what is said, what is answered, and what becomes of every message."""

from typing import Any

import pytest
from tests.unit.sms.smpp_kit import (
    BIND,
    BIND_RESP,
    DATA,
    DATA_RESP,
    DELIVER,
    DELIVER_RESP,
    ENQUIRE,
    ENQUIRE_RESP,
    HOUR_MS,
    NACK,
    NOW,
    SUBMIT_RESP,
    UNBIND,
    UNBIND_RESP,
    answers,
    content,
    envelopes,
    heads,
    pdu,
    pdus,
    receipt,
    sequences,
    settings,
    written,
)

from klaroen.core.model import Instant
from klaroen.core.ports import Accepted, Answer, Event, Fault, Receipt, Refused, Reply, Unknown, Unsent
from klaroen.settings import SmppProfile
from klaroen_adapters.sms import smpp_outbox
from klaroen_adapters.sms.smpp_content import Concatenations, Contents
from klaroen_adapters.sms.smpp_session import Session, Ticket
from klaroen_adapters.sms.smpp_terms import Ending, make_terms

ONE, TWO = content(), content("a" * 200)


class Bound:
    """A bound session, its submissions, and time."""

    def __init__(self, profile: SmppProfile | None = None, *, bound: bool = True, **changes: Any) -> None:
        chosen = settings(profile=profile, **changes)
        self.now = NOW
        self.session = Session(make_terms(chosen, "secret"), self.now)
        self.contents = Contents(chosen)
        self.draw = Concatenations(0).draw
        if bound:
            self.session.take()
            assert [] == self.receive(pdu(BIND_RESP, 0, chosen.first_sequence, b"SMSC\0"))
            assert self.session.state == "bound"

    def submit(self, count: int, of: Any = ONE, first: int = 0, deadline_at: int = NOW + HOUR_MS) -> list[int]:
        """Submit, write, and return the sequence numbers."""
        self.queue(count, of, first, deadline_at)
        return sequences(self.session.take())

    def queue(self, count: int, of: Any = ONE, first: int = 0, deadline_at: int = NOW + HOUR_MS) -> None:
        parts = self.contents.parts(of, self.now)
        assert isinstance(parts, tuple)
        self.session.submit(envelopes(count, of, first), parts, self.draw, Instant(deadline_at), self.now)

    def receive(self, octets: bytes) -> list[Event]:
        return self.session.receive(octets, self.now)

    def after(self, ms: int) -> list[Event]:
        self.now = Instant(self.now + ms)
        return self.session.tick(self.now)


def answer(number: int, outcome: Any) -> Answer:
    return Answer(envelopes(1, ONE, number)[0].attempt, outcome)


# --- binding ---


def test_a_session_begins_with_a_bind() -> None:
    """Nothing may leave before the peer has agreed."""
    fresh = Bound(bound=False, first_sequence=77)
    assert [(BIND, 0, 77)] == heads(fresh.session.take())
    assert ("binding", 0, 0) == (fresh.session.state, fresh.session.window, fresh.session.room(1, NOW))
    assert not fresh.session.has_octets


def test_what_is_glued_to_the_bind_response_is_read() -> None:
    """Point 17: a receipt may come in the same segment."""
    fresh = Bound(bound=False)
    events = fresh.receive(pdu(BIND_RESP, 0, 1, b"SMSC\0") + receipt("m1", 5))
    assert ["m1"] == [event.ref for event in events if isinstance(event, Receipt)]
    assert ("bound", NOW, 10) == (fresh.session.state, fresh.session.bound_at, fresh.session.window)


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (0x0E, Ending("bind refused: the password is refused", "refused")),
        (0x0F, Ending("bind refused: the system_id is refused", "refused")),
        (0x53, Ending("bind refused: the system_type is refused", "refused")),
        (0x05, Ending("bind refused: a former session is still bound", "ghost")),
        (0x0D, Ending("bind refused: 0x000D")),
    ],
)
def test_a_refused_bind(status: int, ending: Ending) -> None:
    """Point 20: wrong credentials stop and say so; a ghost session is waited out; the rest is tried again."""
    fresh = Bound(bound=False)
    fresh.receive(pdu(BIND_RESP, status, 1))
    assert ("closed", ending) == (fresh.session.state, fresh.session.ending)


def test_a_bind_may_be_refused_by_a_nack() -> None:
    """Some answer what they do not like with generic_nack, and some of these carry no status."""
    fresh = Bound(bound=False)
    fresh.receive(pdu(NACK, 0, 1))
    assert Ending("bind refused: 0x0003") == fresh.session.ending


def test_a_bind_without_an_answer_is_given_up() -> None:
    """10 s, as for any request."""
    fresh = Bound(bound=False)
    fresh.after(9_999)
    assert fresh.session.state == "binding"
    fresh.after(1)
    assert Ending("no answer to the bind") == fresh.session.ending


def test_a_second_answer_to_the_bind_is_counted() -> None:
    """It changes nothing."""
    bound = Bound()
    assert [Fault("a second answer to the bind")] == bound.receive(pdu(BIND_RESP, 0x0E, 1))
    assert bound.session.state == "bound"


def test_a_message_before_the_bind_is_refused_for_now() -> None:
    """The peer repeats it once we are bound."""
    fresh = Bound(bound=False)
    fresh.session.take()
    assert [Fault("a message before the bind")] == fresh.receive(receipt("m1", 9))
    assert [(DELIVER_RESP, 0x04, 9)] == heads(fresh.session.take())


# --- submissions and their answers ---


def test_each_submission_gets_its_answer_in_any_order() -> None:
    """Point 14: by sequence number; a second answer, or one unasked, is counted."""
    bound = Bound()
    numbers = bound.submit(3)
    assert [2, 3, 4] == numbers
    assert 3 == bound.session.unanswered
    events = bound.receive(answers([4, 2, 2, 99]))
    assert [
        answer(2, Accepted(("m4",))),
        answer(0, Accepted(("m2",))),
        Fault("an answer to nothing in flight", 2),
    ] == events
    assert (1, 9) == (bound.session.unanswered, bound.session.room(1, bound.now))


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (0x00, b"", Accepted()),  # accepted, and provable only by time
        (0x00, b"\0", Accepted()),
        (0x0B, b"", Refused("0x000B", "address")),
        (0x0B, b"m\0", Refused("0x000B", "address")),
        (0x01, b"", Refused("0x0001", "content")),
        (0x45, b"", Refused("0x0045", "carrier")),
        (0x1234, b"", Refused("0x1234", "carrier")),  # unknown: another carrier may take it
        (0x04, b"", Unsent("not bound")),
        (0x58, b"", Unsent("throttled", throttled=True)),
        (0x14, b"", Unsent("throttled", throttled=True)),
        (0x400, b"m\0", Accepted(("m",))),
        (0x401, b"", Unsent("0x0401")),
        (0x402, b"", Unsent("0x0402", retry_after_s=30.0)),
        (0x403, b"", Refused("0x0403", "carrier")),
        (0x404, b"", Refused("0x0404", "address")),
    ],
)
def test_what_a_status_means(status: int, body: bytes, outcome: Any) -> None:
    """Point 12: with and without a body, with the carrier's own table; the bind stays up."""
    bound = Bound(
        SmppProfile(
            statuses={
                "0x0400": "ok",
                "0x401": "retry",
                "0x402": "retry_later",
                "0x403": "reroute",
                "0x404": "permanent",
            }
        )
    )
    (number,) = bound.submit(1)
    assert [answer(0, outcome)] == bound.receive(pdu(SUBMIT_RESP, status, number, body))
    assert bound.session.state == "bound"


@pytest.mark.parametrize(("form", "ref"), [("opaque", "00ff"), ("hex", "255"), ("dec", "00ff")])
def test_ids_are_written_as_the_profile_says(form: Any, ref: str) -> None:
    """Point 1: canonical if it can be read in that form."""
    bound = Bound(SmppProfile(id_resp=form))
    (number,) = bound.submit(1)
    assert [answer(0, Accepted((ref,)))] == bound.receive(pdu(SUBMIT_RESP, 0, number, b"00ff\0"))


def test_a_nack_is_a_no() -> None:
    """Points 12 and 13: with its status, or as an invalid command where it carries none; the rest is counted."""
    bound = Bound()
    first, second = bound.submit(2)
    assert [
        answer(0, Unsent("throttled", throttled=True)),
        answer(1, Refused("0x0003", "carrier")),
        Fault("a generic_nack to nothing in flight"),
    ] == bound.receive(pdu(NACK, 0x58, first) + pdu(NACK, 0, second) + pdu(NACK, 0x03, 0))


def test_a_lost_response_gives_its_slot_back() -> None:
    """Point 15: Unknown after the response time; its late answer is counted, not believed."""
    bound = Bound()
    (number,) = bound.submit(1)
    assert [] == bound.after(9_900)
    assert [answer(0, Unknown("no answer in time"))] == bound.after(300)
    assert 0 == bound.session.unanswered
    assert [Fault("an answer to nothing in flight")] == bound.receive(answers([number]))


def test_a_deadline_of_the_envelope_goes_first() -> None:
    """No answer by then: Unknown, though the response time has not passed."""
    bound = Bound()
    bound.submit(1, deadline_at=NOW + 2_000)
    assert [] == bound.after(1_900)
    assert [answer(0, Unknown("no answer in time"))] == bound.after(300)


def test_what_was_not_written_in_time_is_unsent() -> None:
    """A socket that takes nothing: certainly not processed, and it does not leave later."""
    bound = Bound()
    bound.queue(1)
    assert [answer(0, Unsent("not written in time"))] == bound.after(10_000)
    assert b"" == bound.session.take()
    assert 0 == bound.session.unanswered


def test_what_may_still_be_written_in_time_waits() -> None:
    """Of two submissions in the buffer only the one whose time is over is given back."""
    bound = Bound()
    bound.queue(1, deadline_at=NOW + 1_000)
    bound.queue(1, first=1)
    assert [answer(0, Unsent("not written in time"))] == bound.after(1_000)
    assert [3] == sequences(bound.session.take())


def test_sequence_numbers_wrap_and_skip_those_in_flight() -> None:
    """Point 21: 1…0x7FFFFFFF."""
    bound = Bound(first_sequence=0x7FFFFFFC)
    assert [0x7FFFFFFD, 0x7FFFFFFE] == bound.submit(2)
    assert [0x7FFFFFFF, 1, 2] == bound.submit(3, first=2)
    assert [3] == bound.submit(1, first=5)
    bound.session._window._sequence = 0  # 2³¹ submissions later
    assert [4, 5] == bound.submit(2, first=6)


# --- several parts ---


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ([0, 0], Accepted(("m2", "m3"))),
        ([0, 0x0B], Refused("0x000B", "address")),
        ([0x58, 0], Unsent("throttled", throttled=True)),
        ([0x58, 0x0B], Refused("0x000B", "address")),
        ([0x0B, 0x58], Refused("0x000B", "address")),
    ],
)
def test_several_parts_get_one_answer(statuses: list[int], outcome: Any) -> None:
    """All accepted, or the worst: a handset shows nothing of an incomplete message."""
    bound = Bound()
    numbers = bound.submit(1, TWO)
    assert [2, 3] == numbers
    first, second = (answers([number], status) for number, status in zip(numbers, statuses, strict=True))
    assert [] == bound.receive(first)
    assert [answer(0, outcome)] == bound.receive(second)


def test_the_parts_references_stand_in_their_order() -> None:
    """Whatever the order of the answers; a part without an id keeps its place."""
    bound = Bound()
    first, second = bound.submit(1, TWO)
    assert [answer(0, Accepted(("m2", "m3")))] == bound.receive(answers([second, first]))
    first, second = bound.submit(1, TWO)
    assert [answer(0, Accepted(("", "m5")))] == bound.receive(pdu(SUBMIT_RESP, 0, first) + answers([second]))
    first, second = bound.submit(1, TWO)
    assert [answer(0, Accepted())] == bound.receive(pdu(SUBMIT_RESP, 0, first) + pdu(SUBMIT_RESP, 0, second))


def test_one_lost_part_makes_the_whole_unknown() -> None:
    """It may have been processed, so nothing is certain."""
    bound = Bound()
    first, _ = bound.submit(1, TWO)
    assert [] == bound.receive(answers([first], 0x0B))
    assert [answer(0, Unknown("no answer in time"))] == bound.after(10_100)


def test_a_resend_has_a_new_concatenation_reference() -> None:
    """Else the handset would join parts of two tries."""
    bound = Bound()
    seen = set()
    for _ in range(3):
        bound.queue(1, TWO)
        bodies = [body for _, _, _, body in pdus(bound.session.take())]
        references = {body[body.index(b"\x05\x00\x03") + 3] for body in bodies}
        assert 1 == len(references)
        seen |= references
    assert 3 == len(seen)


# --- room ---


def test_room_counts_whole_messages() -> None:
    """All parts of a message go by one bind, or it waits."""
    bound = Bound(window=5)
    assert (5, 2) == (bound.session.room(1, NOW), bound.session.room(2, NOW))
    bound.submit(1, TWO)
    assert (3, 1) == (bound.session.room(1, NOW), bound.session.room(2, NOW))
    bound.submit(1, TWO, first=1)
    assert 0 == bound.session.room(2, NOW)


def test_a_message_longer_than_the_window_leaves_alone() -> None:
    """Else it would never leave."""
    bound = Bound(window=1)
    assert 1 == bound.session.room(2, NOW)
    bound.submit(1, TWO)
    assert 0 == bound.session.room(2, NOW)


def test_no_room_behind_a_socket_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is better sent elsewhere."""
    monkeypatch.setattr(smpp_outbox, "SUBMISSIONS_BYTES_MAX", 100)
    bound = Bound()
    bound.queue(2)
    assert 0 == bound.session.room(1, NOW)
    bound.session.take()
    assert 8 == bound.session.room(1, NOW)


def test_a_throttled_bind_slows_down_and_recovers() -> None:
    """Point 13: half the window and half the rate at once, then step by step back."""
    bound = Bound(window=100, rate_per_s=100.0)
    numbers = bound.submit(20)
    bound.receive(answers(numbers, 0x58))
    assert (50, True, 0) == (bound.session.window, bound.session.is_throttled, bound.session.room(1, bound.now))
    bound.after(100)
    assert 5 == bound.session.room(1, bound.now)
    bound.submit(5, first=20)
    assert 0 == bound.session.room(1, bound.now)
    bound.after(900)
    assert 55 == bound.session.window
    bound.after(9_000)
    assert (100, False) == (bound.session.window, bound.session.is_throttled)


# --- receipts ---


def test_a_receipt_is_acknowledged_only_when_it_is_stored() -> None:
    """Point 10: nothing is said to the peer until the engine has decided."""
    bound = Bound()
    events = bound.receive(receipt("m1", 7) + receipt("m2", 8) + receipt("m3", 9, command=DATA))
    tickets = [event.ticket for event in events if isinstance(event, Receipt)]
    assert [
        Ticket(bound.session, DELIVER_RESP, 7),
        Ticket(bound.session, DELIVER_RESP, 8),
        Ticket(bound.session, DATA_RESP, 9),
    ] == tickets
    assert b"" == bound.session.take()
    bound.session.acknowledge(DELIVER_RESP, [7], stored=True)
    bound.session.acknowledge(DELIVER_RESP, [8], stored=False)
    bound.session.acknowledge(DATA_RESP, [9], stored=True)
    assert [(DELIVER_RESP, 0, 7), (DELIVER_RESP, 0x14, 8), (DATA_RESP, 0, 9)] == heads(bound.session.take())


def test_a_repeated_receipt_is_told_again() -> None:
    """Point 10: idempotence is the engine's."""
    bound = Bound()
    assert 2 == len(bound.receive(receipt("m1", 7) * 2))


@pytest.mark.parametrize(
    ("octets", "response", "words"),
    [
        (written(b"hallo", number=b""), (DELIVER_RESP, 0, 7), "a message from nobody"),
        (pdu(DELIVER, 0, 7, b"garbage"), (DELIVER_RESP, 0x66, 7), "an unreadable message"),
        (pdu(DATA, 0, 7), (DATA_RESP, 0x66, 7), "an unreadable message"),
        (receipt("", 7), (DELIVER_RESP, 0, 7), "a receipt that names no message"),
    ],
)
def test_what_is_no_receipt_is_answered_at_once(octets: bytes, response: tuple[int, int, int], words: str) -> None:
    """Points 9 and 18: words that a handset typed are no receipt; nothing is left unanswered."""
    bound = Bound()
    assert [Fault(words)] == bound.receive(octets)
    assert [response] == heads(bound.session.take())


def test_what_a_handset_wrote_is_acknowledged_when_it_is_durable() -> None:
    """Point 9: words that a handset typed are no receipt, whatever they look like; R17: they are a reply."""
    bound = Bound()
    typed = receipt("m1", 7, esm_class=0) + receipt("m2", 8, esm_class=0, command=DATA)
    replies = [event for event in bound.receive(typed) if isinstance(event, Reply)]
    assert [("+32470000001", True), ("+32470000001", True)] == [(r.address, "stat:DELIVRD" in r.text) for r in replies]
    assert b"" == bound.session.take()
    bound.session.acknowledge(DELIVER_RESP, [7], stored=True)
    bound.session.acknowledge(DATA_RESP, [8], stored=False)
    assert [(DELIVER_RESP, 0, 7), (DATA_RESP, 0x14, 8)] == heads(bound.session.take())


# --- the link ---


def test_an_enquiry_is_answered_before_what_waits() -> None:
    """Point 19: with a full window and unwritten submissions."""
    bound = Bound()
    bound.queue(10)
    assert [] == bound.receive(pdu(ENQUIRE, 0, 44))
    assert (ENQUIRE_RESP, 0, 44) == heads(bound.session.take())[0]


def test_a_silent_peer_is_asked_and_then_left() -> None:
    """Point 19: after 30 s idle, and 10 s more."""
    bound = Bound()
    bound.after(29_999)
    assert not bound.session.has_octets
    bound.after(1)
    assert [ENQUIRE] == [command for command, _, _ in heads(bound.session.take())]
    bound.after(9_999)
    assert bound.session.state == "bound"
    bound.after(1)
    assert Ending("the peer fell silent") == bound.session.ending


def test_any_octet_is_life() -> None:
    """An answer to the enquiry, or whatever else."""
    bound = Bound()
    bound.after(30_000)
    assert [] == bound.receive(pdu(ENQUIRE_RESP, 0, 2))
    bound.after(29_999)
    assert bound.session.state == "bound"


@pytest.mark.parametrize(
    ("octets", "written", "fault"),
    [
        (pdu(0x0B, 0, 3), [(NACK, 0x03, 3)], "an unknown request"),  # outbind is refused
        (pdu(0x0FFF, 0, 3), [(NACK, 0x03, 3)], "an unknown request"),
        (pdu(0x80000FFF, 0, 3), [], "an unknown response"),
        (pdu(0x102, 0, 3), [], None),  # alert_notification has no response
    ],
)
def test_unknown_commands(octets: bytes, written: list[tuple[int, int, int]], fault: str | None) -> None:
    """Point 18: refused or ignored, and the bind stays up."""
    bound = Bound()
    assert ([Fault(fault)] if fault else []) == bound.receive(octets)
    assert written == heads(bound.session.take())
    assert bound.session.state == "bound"


def test_garbage_ends_the_session_after_what_came_before_it() -> None:
    """Point 17: an answer ahead of the garbage still counts."""
    bound = Bound()
    (number,) = bound.submit(1)
    assert [answer(0, Accepted(("m2",)))] == bound.receive(answers([number]) + b"HTTP/1.1 400 Bad Request\r\n")
    assert Ending("a length that no SMPP PDU has") == bound.session.ending


def test_a_peer_that_only_talks_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that nobody reads are not kept for ever."""
    monkeypatch.setattr(smpp_outbox, "ANSWERS_BYTES_MAX", 100)
    bound = Bound()
    bound.receive(pdu(ENQUIRE, 0, 1) * 7)
    assert Ending("the peer does not read") == bound.session.ending


# --- the end ---


def test_a_lost_connection_parts_the_sure_from_the_unsure() -> None:
    """Law 6: what was taken for writing is Unknown, what was not is Unsent."""
    bound = Bound()
    bound.submit(1)
    bound.queue(1, first=1)
    assert [answer(1, Unsent("connection lost")), answer(0, Unknown("connection lost"))] == bound.session.lose("gone")
    assert ("closed", Ending("gone")) == (bound.session.state, bound.session.ending)
    assert [] == bound.session.lose("again")
    bound.session.acknowledge(DELIVER_RESP, [1], stored=True)
    assert b"" == bound.session.take(), "a closed session says nothing"


def test_a_long_message_cut_by_the_end_is_unknown() -> None:
    """One part written is enough."""
    bound = Bound()
    first, _ = bound.submit(1, TWO)
    bound.receive(answers([first]))
    assert [answer(0, Unknown("connection lost"))] == bound.session.lose("gone")


def test_one_write_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lost connection leaves in doubt is bounded by what one write takes."""
    monkeypatch.setattr(smpp_outbox, "TAKE_BYTES_MAX", 10)
    bound = Bound()
    bound.queue(1)
    bound.queue(1, first=1)
    assert [2] == sequences(bound.session.take())
    assert bound.session.has_octets
    assert [3] == sequences(bound.session.take())


def test_the_peers_unbind_is_answered_and_the_window_drained() -> None:
    """Point 20: nothing more is submitted; the end comes with the last answer."""
    bound = Bound()
    (number,) = bound.submit(1)
    bound.queue(1, first=1)
    assert [answer(1, Unsent("the peer unbound"))] == bound.receive(pdu(UNBIND, 0, 50))
    assert ("leaving", 0) == (bound.session.state, bound.session.room(1, NOW))
    assert [(UNBIND_RESP, 0, 50)] == heads(bound.session.take())
    assert [answer(0, Accepted(("m2",)))] == bound.receive(answers([number]))
    assert Ending("the peer unbound") == bound.session.ending


def test_an_unbind_before_the_bind_ends_at_once() -> None:
    """There is nothing to drain."""
    fresh = Bound(bound=False)
    fresh.receive(pdu(UNBIND, 0, 50))
    assert Ending("the peer unbound") == fresh.session.ending


def test_our_own_unbind() -> None:
    """Answers still count; its response is the end."""
    bound = Bound()
    (number,) = bound.submit(1)
    bound.session.unbind()
    assert [(UNBIND, 0, 3)] == heads(bound.session.take())
    assert [answer(0, Accepted(("m2",)))] == bound.receive(answers([number]))
    assert bound.session.state == "leaving"
    bound.receive(pdu(UNBIND_RESP, 0, 3))
    assert Ending("unbound") == bound.session.ending
    bound.session.unbind()
    assert not bound.session.has_octets


def test_an_unbind_response_unasked_is_nothing() -> None:
    """The session goes on."""
    bound = Bound()
    bound.receive(pdu(UNBIND_RESP, 0, 3))
    assert bound.session.state == "bound"


def test_what_follows_the_end_changes_nothing() -> None:
    """PDUs behind a refused bind are read to their end, and the first reason stands."""
    fresh = Bound(bound=False)
    fresh.receive(pdu(BIND_RESP, 0x0E, 1) + pdu(UNBIND, 0, 2))
    assert Ending("bind refused: the password is refused", "refused") == fresh.session.ending
    assert fresh.session.state == "closed"


def test_the_password_is_in_no_repr() -> None:
    """A traceback must not tell it."""
    assert "secret" not in repr(make_terms(settings(), "secret"))
