"""An SMTP connection without a socket (RFC 5321): what is said, what a reply means, what is in doubt when it ends."""

from base64 import b64encode

import pytest

from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Accepted, Answer, Event, Fault, Outcome, Refused, Unknown, Unsent
from klaroen_adapters.mail.smtp_opening import Ending, Terms
from klaroen_adapters.mail.smtp_session import DEPTH, IDLE_MS, NOOP_MS, TOO_SLOW, Mail, Session

NOW = Instant(1_795_680_000_000)
OPEN = Terms("bin.test", "none")
ALL = ("PIPELINING", "DSN", "SMTPUTF8", "AUTH PLAIN LOGIN")
GIVEN = b"Subject: x\r\n\r\nZGFn\r\n.\r\n"


def later(ms: int) -> Instant:
    return Instant(NOW + ms)


def mail(number: int = 1, *, to: str = "an@example.be", octets: bytes = b"Subject: x\r\n\r\nZGFn\r\n") -> Mail:
    return Mail(AttemptId(f"attempt{number:019}"), "bin@example.be", to, octets, later(10_000))


def ehlo(*extensions: str) -> bytes:
    return "".join(f"250-{name}\r\n" for name in ("relay.test", *extensions)).encode() + b"250 OK\r\n"


def ready(*extensions: str, terms: Terms = OPEN) -> Session:
    session = Session(terms, NOW)
    assert [] == session.receive(b"220 relay.test ESMTP\r\n" + ehlo(*extensions), NOW)
    assert b"EHLO bin.test\r\n" == session.take()
    assert "ready" == session.state
    return session


def offered(*mails: Mail, extensions: tuple[str, ...] = ("PIPELINING",)) -> Session:
    session = ready(*extensions)
    for one in mails:
        assert [] == session.offer(one)
    return session


def outcomes(events: list[Event]) -> list[Outcome]:
    return [event.outcome for event in events if isinstance(event, Answer)]


def said(session: Session, octets: bytes) -> list[Outcome]:
    return outcomes(session.receive(octets, NOW))


# --- opening ----------------------------------------------------------------------------------------------------------


def test_a_session_is_secured_before_anything_is_said() -> None:
    """STARTTLS, then EHLO anew: what was said in the open does not count (RFC 3207, 4.2)."""
    session = Session(Terms("bin.test", "starttls", "klaroen", "hush"), NOW)
    session.receive(b"220 hi\r\n", NOW)
    session.receive(ehlo("STARTTLS", "AUTH PLAIN"), NOW)
    assert b"EHLO bin.test\r\nSTARTTLS\r\n" == session.take()
    assert [] == session.receive(b"220 go\r\n", NOW)
    assert "securing" == session.state
    session.secured(NOW)
    assert b"EHLO bin.test\r\n" == session.take()
    session.receive(ehlo("AUTH LOGIN PLAIN"), NOW)
    assert b"AUTH PLAIN\r\n" == session.take()
    session.receive(b"334 \r\n", NOW)
    assert b64encode(b"\0klaroen\0hush") + b"\r\n" == session.take()
    session.receive(b"235 2.7.0 ok\r\n", NOW)
    assert ("ready", DEPTH) == (session.state, session.room)


def test_a_relay_that_knows_login_alone_is_told_in_two_turns() -> None:
    session = Session(Terms("bin.test", "implicit", "klaroen", "é"), NOW)
    session.receive(b"220 hi\r\n" + ehlo("AUTH LOGIN"), NOW)
    session.receive(b"334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 ok\r\n", NOW)
    expected = b"EHLO bin.test\r\nAUTH LOGIN\r\n" + b64encode(b"klaroen") + b"\r\n" + b64encode("é".encode()) + b"\r\n"
    assert (expected, "ready") == (session.take(), session.state)


STARTTLS = Terms("bin.test", "starttls")
WITH_USER = Terms("bin.test", "implicit", "klaroen", "hush")


@pytest.mark.parametrize(
    ("terms", "octets", "ending"),
    [
        (OPEN, b"554 5.7.1 go away an@example.be\r\n220 or not\r\n", Ending("greeted by 554 5.7.1")),
        (OPEN, b"220 hi\r\n502 what\r\n", Ending("EHLO answered by 502")),
        (STARTTLS, b"220 hi\r\n" + ehlo(), Ending("no STARTTLS: nothing is sent in the open")),
        (STARTTLS, b"220 hi\r\n" + ehlo("STARTTLS") + b"454 no\r\n", Ending("STARTTLS answered by 454")),
        (WITH_USER, b"220 hi\r\n" + ehlo("AUTH CRAM-MD5"), Ending("no AUTH mechanism that we know")),
        (WITH_USER, b"220 hi\r\n" + ehlo("AUTH PLAIN") + b"334 \r\n535 5.7.8 bad\r\n",
         Ending("AUTH answered by 535 5.7.8", "refused")),
        (WITH_USER, b"220 hi\r\n" + ehlo("AUTH PLAIN") + b"454 later\r\n", Ending("AUTH answered by 454")),
        (OPEN, b"hello\r\n", Ending("protocol error: a line that is no reply")),
        (OPEN, b"220" + b" " * 5000, Ending("protocol error: a line without end")),
        (OPEN, b"220 " + b"x" * 4093 + b"\r\n", Ending("protocol error: a line that is no reply")),
        (OPEN, b"220-a\r\n221 b\r\n", Ending("protocol error: a reply of several codes, or of too many lines")),
        (OPEN, b"220-a\r\n" * 129, Ending("protocol error: a reply of several codes, or of too many lines")),
    ],
)  # fmt: skip
def test_what_is_no_welcome_ends_the_connection(terms: Terms, octets: bytes, ending: Ending) -> None:
    """With words that quote nothing of what the relay said."""
    session = Session(terms, NOW)
    session.receive(octets, NOW)
    assert ("closed", ending) == (session.state, session.ending)
    assert [] == session.receive(b"220 hi\r\n", NOW)


@pytest.mark.parametrize("behind", [b"250 injected\r\n", b"250 inj"])
def test_what_was_said_before_tls_is_not_taken_for_said_within(behind: bytes) -> None:
    """An attacker between could put replies behind the 220 (CVE-2011-0411)."""
    session = Session(STARTTLS, NOW)
    session.receive(b"220 hi\r\n" + ehlo("STARTTLS") + b"220 go\r\n" + behind, NOW)
    assert "closed" == session.state


def test_a_password_does_not_show() -> None:
    assert "hush" not in repr(WITH_USER)


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_message_costs_one_round_trip_with_pipelining() -> None:
    """The next message's envelope travels with the content (RFC 2920, 3.1)."""
    session = offered(mail(1), mail(2, to="bo@example.be"))
    assert b"MAIL FROM:<bin@example.be>\r\nRCPT TO:<an@example.be>\r\nDATA\r\n" == session.take()
    assert [] == said(session, b"250 ok\r\n250 ok\r\n354 go\r\n")
    following = b"MAIL FROM:<bin@example.be>\r\nRCPT TO:<bo@example.be>\r\nDATA\r\n"
    assert GIVEN + following == session.take()
    assert [Accepted((mail(1).attempt,))] == said(
        session, b"250 2.0.0 queued as X\r\n250 ok\r\n251 will forward\r\n354 go\r\n"
    )
    assert GIVEN == session.take()
    assert [Accepted((mail(2).attempt,))] == said(session, b"250 ok\r\n")
    assert (0, DEPTH) == (session.unanswered, session.room)


def test_without_pipelining_each_command_waits_for_its_reply() -> None:
    session = offered(mail(1), mail(2), extensions=())
    for reply, command in (
        (b"", b"MAIL FROM:<bin@example.be>\r\n"),
        (b"250 ok\r\n", b"RCPT TO:<an@example.be>\r\n"),
        (b"250 ok\r\n", b"DATA\r\n"),
        (b"354 go\r\n", GIVEN),
    ):
        assert [] == said(session, reply)
        assert command == session.take()
    assert [Accepted((mail(1).attempt,))] == said(session, b"250 ok\r\n")
    assert b"MAIL FROM:<bin@example.be>\r\n" == session.take()


def test_reports_are_asked_for_under_the_attempts_name() -> None:
    """ENVID and NOTIFY (RFC 3461), where the relay has them."""
    session = offered(mail(1), extensions=ALL)
    assert (
        b"MAIL FROM:<bin@example.be> RET=HDRS ENVID=attempt0000000000000000001\r\n"
        b"RCPT TO:<an@example.be> NOTIFY=FAILURE\r\nDATA\r\n"
    ) == session.take()
    session = ready(*ALL, terms=Terms("bin.test", "none", every_report=True))
    session.offer(mail(1))
    assert b" NOTIFY=SUCCESS,FAILURE\r\n" in session.take()


def test_an_address_that_is_not_ascii_needs_smtputf8() -> None:
    wide = mail(1, to="zoë@example.be")
    session = ready("SMTPUTF8")
    assert [] == session.offer(wide)
    assert b"MAIL FROM:<bin@example.be> SMTPUTF8\r\n" == session.take()
    session = ready("PIPELINING")
    assert [Refused("no smtputf8", "address")] == outcomes(session.offer(wide))
    assert (b"", 0) == (session.take(), session.unanswered)


def test_a_line_that_begins_with_a_dot_stays_whole() -> None:
    """RFC 5321, 4.5.2."""
    session = offered(mail(1, octets=b".a\r\n..b\r\nc.\r\n"))
    session.take()
    said(session, b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert b"..a\r\n...b\r\nc.\r\n.\r\n" == session.take()


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        (b"550 5.7.1 no\r\n503 no\r\n503 no\r\n", Refused("550 5.7.1", "carrier")),
        (b"451 4.3.0 later\r\n503 no\r\n503 no\r\n", Unsent("smtp 451 4.3.0")),
        (b"250 ok\r\n550 5.1.1 <an@example.be> unknown\r\n554 none\r\n", Refused("550 5.1.1", "address")),
        (b"250 ok\r\n554 5.7.1 relay access denied\r\n554 none\r\n", Refused("554 5.7.1", "carrier")),
        (b"250 ok\r\n530 5.7.0 authenticate\r\n554 none\r\n", Refused("530 5.7.0", "carrier")),
        (b"250 ok\r\n450 4.2.0 greylisted\r\n554 none\r\n", Unsent("smtp 450 4.2.0")),
        (b"250 ok\r\n450 4.7.1 too fast\r\n554 none\r\n", Unsent("smtp 450 4.7.1", 5.0, throttled=True)),
        (b"250 ok\r\n250 ok\r\n451 no\r\n", Unsent("smtp 451")),
        (b"250 ok\r\n250 ok\r\n354 go\r\n554 5.6.0 spam\r\n", Refused("554 5.6.0", "content")),
        (b"250 ok\r\n250 ok\r\n354 go\r\n552 \r\n", Refused("552", "content")),
        (b"250 ok\r\n250 ok\r\n354 go\r\n452 4.3.1 full\r\n", Unsent("smtp 452 4.3.1")),
        (b"250 ok\r\n250 ok\r\n354 go\r\n530 who\r\n", Refused("530", "carrier")),
        (b"250 ok\r\n550 no\r\n354 go\r\n554 nobody\r\n", Refused("550", "address")),
    ],
)
def test_a_refusal_is_one_messages_and_the_next_one_follows(replies: bytes, outcome: Outcome) -> None:
    """Codes, never the relay's words; the envelope that it may still hold is dropped first (RSET)."""
    session = offered(mail(1), mail(2))
    assert [outcome] == said(session, replies)
    following = session.take()
    assert following.endswith(b"MAIL FROM:<bin@example.be>\r\nRCPT TO:<an@example.be>\r\nDATA\r\n")
    reset = b"RSET\r\n" in following
    assert reset == (b"354" not in replies)
    done = (b"250 reset\r\n" if reset else b"") + b"250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n"
    assert [Accepted((mail(2).attempt,))] == said(session, done)


def test_a_message_to_nobody_is_ended_empty() -> None:
    """The relay asks for content although it refused the recipient: it gets none."""
    session = offered(mail(1))
    session.take()
    said(session, b"250 ok\r\n550 no\r\n354 go\r\n")
    assert b".\r\n" == session.take()


@pytest.mark.parametrize(
    ("replies", "outcome", "command"),
    [
        ((b"550 no\r\n",), Refused("550", "carrier"), b"MAIL FROM"),
        ((b"250 ok\r\n", b"550 no\r\n"), Refused("550", "address"), b"RSET\r\n"),
        ((b"250 ok\r\n", b"250 ok\r\n", b"451 no\r\n"), Unsent("smtp 451"), b"RSET\r\n"),
    ],
)
def test_a_refusal_without_pipelining(replies: tuple[bytes, ...], outcome: Outcome, command: bytes) -> None:
    session = offered(mail(1), mail(2), extensions=())
    *before, last = replies
    for reply in before:
        assert [] == said(session, reply)
    session.take()
    assert [outcome] == said(session, last)
    assert session.take().startswith(command)
    if command == b"RSET\r\n":
        assert [] == said(session, b"250 ok\r\n")
        assert session.take().startswith(b"MAIL FROM")


# --- doubt ------------------------------------------------------------------------------------------------------------


def test_only_what_was_given_whole_is_in_doubt() -> None:
    """A relay can have nothing of a message whose last octet never left."""
    session = offered(mail(1), mail(2))
    said(session, b"250 ok\r\n250 ok\r\n354 go\r\n")
    lost = outcomes(session.lose("connection lost"))
    assert [Unknown("connection lost"), Unsent("connection lost")] == lost
    assert (Ending("connection lost"), 0) == (session.ending, session.room)
    assert [] == session.lose("again")
    session = offered(mail(1), mail(2), extensions=())
    assert [Unsent("connection lost")] * 2 == outcomes(session.lose("connection lost"))


def test_a_refusal_that_was_heard_stands_when_the_connection_is_lost() -> None:
    session = offered(mail(1))
    said(session, b"250 ok\r\n550 5.1.1 no\r\n")
    assert [Refused("550 5.1.1", "address")] == outcomes(session.lose("connection lost"))


def test_a_relay_that_closes_says_so_of_what_it_has_not_taken() -> None:
    """421 is a definite no to what it answers, and to whatever waits."""
    session = offered(mail(1), mail(2))
    said(session, b"250 ok\r\n250 ok\r\n354 go\r\n")
    told = said(session, b"421 4.3.2 closing\r\n")
    assert [Unsent("smtp 421 4.3.2", 5.0, throttled=True), Unsent("ended by 421")] == told
    assert Ending("ended by 421") == session.ending


def test_an_idle_connection_may_be_closed() -> None:
    session = ready()
    assert [] == session.receive(b"421 4.4.2 idle too long\r\n", NOW)
    assert Ending("ended by 421 4.4.2") == session.ending


def test_a_reply_to_nothing_ends_the_connection() -> None:
    session = ready()
    assert [Fault("a reply to nothing")] == session.receive(b"250 surprise\r\n", NOW)
    assert "closed" == session.state


@pytest.mark.parametrize(
    "replies", [b"354 what\r\n", b"250 ok\r\n354 what\r\n", b"250 ok\r\n250 ok\r\n250 no need\r\n",
                b"250 ok\r\n250 ok\r\n354 go\r\n354 more\r\n"],
)  # fmt: skip
def test_a_reply_out_of_place_leaves_doubt_and_no_connection(replies: bytes) -> None:
    session = offered(mail(1))
    (outcome,) = said(session, replies)
    assert isinstance(outcome, Unknown)
    assert "closed" == session.state


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_silent_relay_is_left_at_the_deadline() -> None:
    """What was given is in doubt, the rest is unsent, and the connection ends: its replies would come too late."""
    session = offered(mail(1), mail(2))
    said(session, b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert [] == session.tick(later(9_999))
    assert [Unknown("no answer in time"), Unsent("no answer in time")] == outcomes(session.tick(later(10_000)))
    assert [] == session.tick(later(20_000))


def test_what_waits_too_long_is_unsent_and_costs_nothing() -> None:
    session = offered(mail(1), extensions=())
    late = Mail(mail(2).attempt, "a@b", "c@d", b"", later(5_000))
    session.offer(late)
    assert [TOO_SLOW] == outcomes(session.tick(later(5_000)))
    assert "ready" == session.state


def test_an_idle_relay_is_asked_whether_it_is_there() -> None:
    session = ready()
    session.tick(later(IDLE_MS - 1))
    assert not session.has_octets
    session.tick(later(IDLE_MS))
    assert b"NOOP\r\n" == session.take()
    session.offer(mail(1))
    assert b"" == session.take(), "NOOP ends a group (RFC 2920, 3.1)"
    session.receive(b"250 ok\r\n", later(IDLE_MS))
    assert session.take().startswith(b"MAIL FROM")


def test_a_relay_that_is_not_there_is_left() -> None:
    session = ready()
    session.tick(later(IDLE_MS))
    session.tick(later(IDLE_MS + NOOP_MS))
    assert Ending("no answer in time") == session.ending
    session = ready()
    session.tick(later(IDLE_MS))
    session.receive(b"421 bye\r\n", later(IDLE_MS))
    assert Ending("ended by 421") == session.ending


def test_a_connection_ends_after_so_many_messages() -> None:
    """QUIT once the last is answered, and the next connection follows at once."""
    session = ready("PIPELINING", terms=Terms("bin.test", "none", messages_max=1))
    assert 1 == session.room
    session.offer(mail(1))
    assert 0 == session.room
    said(session, b"250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")
    assert session.take().endswith(b".\r\nQUIT\r\n")
    assert session.is_spent
    assert [] == session.tick(later(1))
    session.receive(b"221 bye\r\n", NOW)
    assert Ending("enough mails on one connection", "at_once") == session.ending
    assert session.is_spent


def test_a_farewell_without_an_answer_ends_all_the_same() -> None:
    session = ready("PIPELINING")
    session.quit()
    session.tick(later(NOOP_MS))
    assert Ending("no answer in time") == session.ending
    assert not session.is_spent


def test_a_busy_connection_is_not_bidden_farewell() -> None:
    session = offered(mail(1))
    session.quit()
    assert b"QUIT" not in session.take()
