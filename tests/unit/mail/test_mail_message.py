"""One mail of one envelope: the exact text, one recipient, nothing added (R7, R10)."""

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from klaroen.core.model import AlertClass, AttemptId, Content, Instant
from klaroen.core.ports import Envelope
from klaroen_adapters.mail.mail_message import Letterhead, Letters, encoded, return_path
from klaroen_adapters.mail.smtp_session import Mail

NOW = Instant(1_795_680_000_000)
ATTEMPT = AttemptId("0123456789abcdef0123456789")
PLAIN = Letterhead("bin@politie.example")
FULL = Letterhead(
    "bin@politie.example",
    "Politiezone Zoë & co",
    {"nl": "Bericht van uw buurtinformatienetwerk"},
    "terug@politie.example",
    "https://bin.example/stop?id={attempt}",
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)


def envelope(text: str = "Dag", address: str = "an@example.be", **changes: object) -> Envelope:
    content = Content("email", "nl", "cold", text, "0" * 64, Instant(NOW + 3_600_000), **changes)  # type: ignore[arg-type]
    return Envelope(ATTEMPT, address, content, Instant(NOW + 10_000))


def made(one: Envelope, head: Letterhead = PLAIN) -> Mail:
    mail = Letters(head).make(one, NOW)
    assert mail is not None
    return mail


def read(mail: Mail) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(mail.octets)
    assert isinstance(message, EmailMessage)
    assert [] == message.defects
    return message


def text_of(message: EmailMessage) -> str:
    body = message.get_payload(decode=True)
    assert isinstance(body, bytes)
    return body.decode()


@given(TEXTS)
def test_the_body_decodes_to_exactly_the_text(text: str) -> None:
    """Whatever its characters and line ends (law 8)."""
    mail = made(envelope(text))
    assert text == text_of(read(mail))
    assert mail.octets.isascii()
    assert mail.octets.endswith(b"\r\n")
    assert max(len(line) for line in mail.octets.split(b"\r\n")) <= 76
    assert b"\n" not in mail.octets.replace(b"\r\n", b"")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=200))
def test_a_subject_comes_back_as_it_was_written(subject: str) -> None:
    """Each encoded word stands for itself, and none is longer than 75 characters (RFC 2047, 2 and 5)."""
    mail = made(envelope(subject=subject))
    assert subject == read(mail)["subject"]
    assert all(len(word) <= 75 for word in encoded(subject).split("\r\n "))


def test_the_header_says_what_a_reader_needs_and_no_more() -> None:
    message = read(made(envelope(subject="Dag"), FULL))
    assert {
        "message-id": "<0123456789abcdef0123456789@politie.example>",
        "date": "Thu, 26 Nov 2026 08:00:00 +0000",
        "to": "an@example.be",
        "list-unsubscribe": "<https://bin.example/stop?id=0123456789abcdef0123456789>",
        "list-unsubscribe-post": "List-Unsubscribe=One-Click",
        "from": "Politiezone Zoë & co <bin@politie.example>",
        "subject": "Dag",
        "content-language": "nl",
        "auto-submitted": "auto-generated",
        "mime-version": "1.0",
        "content-type": 'text/plain; charset="utf-8"',
        "content-transfer-encoding": "base64",
    } == {name.lower(): str(value).replace("<an@example.be>", "an@example.be") for name, value in message.items()}


def test_the_return_path_names_the_attempt() -> None:
    assert f"terug+{ATTEMPT}@politie.example" == made(envelope(), FULL).return_path == return_path(
        "terug@politie.example", ATTEMPT
    )  # fmt: skip
    assert "bin@politie.example" == made(envelope()).return_path


@pytest.mark.parametrize(
    ("alert_class", "subject"),
    [("crisis", None), ("warm", FULL.subjects["nl"]), ("cold", FULL.subjects["nl"])],
)
def test_R10_a_crisis_message_gets_no_subject_of_ours(alert_class: AlertClass, subject: str | None) -> None:
    """Nothing is added to an authority's words; the one click is for cold messages, which alone one may leave."""
    one = envelope()
    message = read(made(replace(one, content=replace(one.content, alert_class=alert_class)), FULL))
    assert subject == message["subject"]
    assert (alert_class == "cold") == ("list-unsubscribe" in message)


def test_a_link_of_our_own_ends_cold_mails_to_its_reader() -> None:
    """Where there is nothing to end, as for a coordinator, there is no link."""
    head = replace(FULL, unsubscribe="https://bin.example/v1/farewells/{farewell}")
    linked = read(made(replace(envelope(), farewell="a1" * 16), head))
    assert f"<https://bin.example/v1/farewells/{'a1' * 16}>" == linked["list-unsubscribe"]
    plain = read(made(envelope(), head))
    assert (None, None) == (plain["list-unsubscribe"], plain["list-unsubscribe-post"])


def test_a_message_of_several_languages_names_none() -> None:
    one = envelope()
    assert "content-language" not in read(made(replace(one, content=replace(one.content, language="mul"))))


@pytest.mark.parametrize(
    "address",
    ["", "an", "an@", "@b", "an@b>\r\nRCPT TO:<x@y", "an@b\nx", "a b@c",
     "an@b>", "an@é\x85.be", "a" * 65 + "@b", '"a"@b'],
)  # fmt: skip
def test_an_address_that_a_command_cannot_carry_makes_no_mail(address: str) -> None:
    """The register refuses most of these; nobody relies on it here."""
    assert Letters(PLAIN).make(envelope(address=address), NOW) is None


def test_a_content_is_encoded_once() -> None:
    letters, one = Letters(PLAIN), envelope("Dag")
    first = letters.make(one, NOW)
    other = letters.make(replace(one, address="bo@example.be"), NOW)
    assert first is not None
    assert other is not None
    assert first.octets.replace(b"an@", b"bo@") == other.octets
    third = letters.make(envelope("Tot ziens"), NOW)
    assert third is not None
    assert "Tot ziens" == text_of(read(third))
