"""What is told of calls: one answer to each, one end to each that was accepted, and the truth between."""

import pytest

from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Accepted, Answer, Call, Receipt, Refused, Unknown, Unsent
from klaroen_adapters.voice import sip_book
from klaroen_adapters.voice.rtp_playback import LEAD_TICKS, Playback, Sounds
from klaroen_adapters.voice.sip_book import RECENT_MS, REMEMBERED_MS, Book
from klaroen_adapters.voice.sip_terms import Ended, Lost, Rejected

A, B = AttemptId("A"), AttemptId("B")
NOW = Instant(1_000_000)
RANG = Answer(A, Accepted(("A",)))


def at(ms: int) -> Instant:
    return Instant(NOW + ms)


def heard(ticks: int) -> Playback:
    playback = Playback(Sounds((b"c",) * 10, 1, (b"p",)))
    for _ in range(LEAD_TICKS + ticks):
        playback.tick()
    return playback


def placed() -> Book:
    book = Book()
    book.place(A, NOW)
    return book


def rung() -> Book:
    book = placed()
    assert [RANG] == book.ring(A)
    return book


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (Rejected("A", 486, ""), Refused("busy", "address")),
        (Rejected("A", 503, "", 3.0), Unsent("trunk 503", 3.0, throttled=True)),
        (Lost("A", "no answer to the INVITE"), Unknown("no answer to the INVITE")),
    ],
)
def test_a_call_that_never_rang_has_an_answer_and_nothing_else(end: Rejected | Lost, outcome: object) -> None:
    """It may be made anew: nothing of it is remembered."""
    book = placed()
    assert [Answer(A, outcome)] == book.reject(end, at(5))  # type: ignore[arg-type]
    assert (0, None, []) == (len(book), book.recall(A), book.recent(at(6)))


def test_a_call_that_rang_in_vain_has_failed_and_ended() -> None:
    """In words, with no time talked."""
    book = rung()
    assert [Receipt("failed", "busy", at=at(900), attempt=A), Call(A, "ended", 0.0)] == book.reject(
        Rejected("A", 486, "", rang=True), at(900)
    )


def test_a_call_that_was_heard_and_confirmed() -> None:
    """Answered after the hand-over, reached, confirmed, ended with the seconds talked."""
    book, playback = rung(), heard(10)
    assert [Call(A, "answered", 2.5)] == book.answer(A, playback, at(2500))
    assert [Receipt("reached", "played 80 %", at=at(9000), attempt=A)] == book.hear(A, ["reached"], at(9000))
    assert [Receipt("confirmed", "key 1", at=at(9500), attempt=A)] == book.hear(A, ["confirmed", "over"], at(9500))
    assert [Call(A, "ended", 7.25)] == book.end(Ended("A", "us"), at(9750))
    assert 0 == len(book)


def test_who_hangs_up_too_soon_was_not_reached() -> None:
    """And how much was heard is said."""
    book = rung()
    book.answer(A, heard(7), at(2000))
    expected = [Receipt("failed", "hung up at 70 %", at=at(4000), attempt=A), Call(A, "ended", 2.0)]
    assert expected == book.end(Ended("A", "peer"), at(4000))


def test_what_we_end_before_it_was_heard_was_not_played() -> None:
    """For want of a way, or of time."""
    book = rung()
    book.answer(A, heard(7), at(2000))
    expected = [Receipt("failed", "clip not played", at=at(4000), attempt=A), Call(A, "ended", 2.0)]
    assert expected == book.end(Ended("A", "us"), at(4000))


def test_a_key_that_is_no_confirmation_is_told_with_its_name() -> None:
    """R17: it proves nothing."""
    book, playback = rung(), heard(3)
    book.answer(A, playback, at(2000))
    playback.press("7")
    assert [Receipt("buffered", "key 7", at=at(2100), attempt=A)] == book.hear(A, playback.news, at(2100))


def test_an_attempt_that_comes_again_is_told_what_was_told() -> None:
    """While it stands, and for three minutes after; then it is unknown again."""
    book = rung()
    assert [RANG] == book.recall(A)
    assert [RANG] == book.recent(at(1))
    ended = book.reject(Rejected("A", 486, "", rang=True), at(900))
    assert [RANG, *ended] == book.recall(A)
    assert [RANG, *ended] == book.recent(at(899 + RECENT_MS))
    assert [] == book.recent(at(900 + RECENT_MS))
    book.place(B, at(899 + REMEMBERED_MS))
    assert [RANG, *ended] == book.recall(A)
    book.place(AttemptId("C"), at(900 + REMEMBERED_MS))
    assert book.recall(A) is None
    assert [B, "C"] == book.standing


def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go."""
    monkeypatch.setattr(sip_book, "REMEMBERED_MAX", 1)
    book = Book()
    for name in ("A", "B", "C"):
        book.place(AttemptId(name), NOW)
        book.ring(AttemptId(name))
        book.reject(Lost(name, "no end after CANCEL", rang=True), NOW)
    book.place(AttemptId("D"), NOW)
    assert [None, None] == [book.recall(A), book.recall(B)]
    assert book.recall(AttemptId("C"))
    assert NOW == book.placed_at(AttemptId("D"))
