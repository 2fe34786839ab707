"""Reports of mail servers (RFC 3464) as receipts: which attempt, which end, and nothing of their words."""

import pytest

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId
from klaroen.core.ports import Receipt
from klaroen_adapters.mail.mail_report import REPORT_BYTES_MAX, read_report

ATTEMPT = AttemptId("0123456789abcdef0123456789")
BOUNCE = f"""Return-Path: <>
Date: Thu, 26 Nov 2026 08:00:10 +0000
From: MAILER-DAEMON@relay.test (Mail Delivery System)
To: terug+{ATTEMPT}@politie.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B1"

--B1
Content-Type: text/plain; charset=us-ascii

<an@example.be>: host mx.example.be said: 550 5.1.1 unknown user
--B1
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.test
Original-Envelope-Id: {ATTEMPT}

Final-Recipient: rfc822; an@example.be
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 unknown user

--B1
Content-Type: text/rfc822-headers

Message-ID: <{ATTEMPT}@politie.example>
To: <an@example.be>

--B1--
""".replace("\n", "\r\n")


def told(report: str, *, mailbox: bool = False) -> list[Receipt]:
    return read_report(report.encode(), mailbox=mailbox)


def test_a_bounce_fails_its_attempt() -> None:
    assert [Receipt("failed", "5.1.1", ref=ATTEMPT)] == told(BOUNCE)


@pytest.mark.parametrize("mute", [("Original-Envelope-Id: ", "X: "), ("terug+", "terug-"), ("Message-ID: <", "X: <")])
def test_an_attempt_is_named_in_three_ways(mute: tuple[str, str]) -> None:
    """By envelope id, by the address that the report came to, by the message returned: any will do."""
    assert [ATTEMPT] == [one.ref for one in told(BOUNCE.replace(*mute))]
    for other in (("Original-Envelope-Id: ", "X: "), ("terug+", "terug-"), ("Message-ID: <", "X: <")):
        if other != mute:
            assert [ATTEMPT] == [one.ref for one in told(BOUNCE.replace(*mute).replace(*other))]


def test_a_report_that_returns_the_whole_message_names_it_too() -> None:
    whole = BOUNCE.replace("Original-Envelope-Id: ", "X: ").replace("terug+", "terug-")
    whole = whole.replace("text/rfc822-headers", "message/rfc822")
    assert [ATTEMPT] == [one.ref for one in told(whole)]


def test_of_a_report_that_names_nothing_nothing_is_made() -> None:
    assert [] == told(BOUNCE.replace(ATTEMPT, "somebody-elses"))
    garbled = BOUNCE.replace("text/rfc822-headers", "multipart/x").replace(f"Id: {ATTEMPT}", "").replace("terug+", "-")
    assert [] == told(garbled)
    encoded = BOUNCE.replace("Original-Envelope-Id: ", "X: ").replace("terug+", "terug-")
    encoded = encoded.replace("Message-ID: <", "X: <")
    assert [] == told(encoded)


@pytest.mark.parametrize(
    ("action", "state"),
    [("delivered", "network"), ("relayed", "network"), ("expanded", "network"), ("Failed ", "failed"),
     ("delayed", None), ("", None)],
)  # fmt: skip
def test_actions_are_states(action: str, state: str | None) -> None:
    """A delay is not final; without more, the word of a server is not proof of arrival (R15)."""
    states = [one.state for one in told(BOUNCE.replace("Action: failed", f"Action: {action}"))]
    assert states == ([] if state is None else [state])


def test_R15_a_mailbox_that_reports_is_proof_where_the_deployer_says_so() -> None:
    assert ["reached"] == [one.state for one in told(BOUNCE.replace("failed", "delivered"), mailbox=True)]
    assert ["network"] == [one.state for one in told(BOUNCE.replace("failed", "relayed"), mailbox=True)]


def test_a_status_that_is_none_is_left_out() -> None:
    assert [""] == [one.code for one in told(BOUNCE.replace("Status: 5.1.1", "Status: an@example.be"))]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Subject: I am on holiday\r\n\r\nuntil Monday",
        b"\xff\xfe\x00",
        BOUNCE.replace("message/delivery-status", "text/plain").encode(),
        BOUNCE.replace("\r\n\r\nFinal-Recipient", "\r\nFinal-Recipient").encode(),
        b"Content-Type: multipart/report; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 2000,
        b"".join(b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (n, n) for n in range(2000)),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read_report(body, mailbox=False)
    assert "invalid" == caught.value.problem.name
    assert "an@example.be" not in caught.value.problem.detail


def test_a_report_has_a_size() -> None:
    with pytest.raises(InputError, match="at most"):
        read_report(b"x" * (REPORT_BYTES_MAX + 1), mailbox=False)
