"""One mail: header and body of one envelope, as octets.

Law: the body decodes to exactly the posted text, whatever its characters and line ends; nothing is added to it. One
mail has one recipient (R7). The header names no network and no other member. A subject is the sender's own words, or of
no crisis message at all (R10).
Source: RFC 5322, 2045, 2047, 3834, 8058.
"""

import re
from base64 import b64encode, encodebytes
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from msgspec import Struct

from klaroen.core.model import AttemptId, Content, Instant, Language
from klaroen.core.ports import Envelope
from klaroen_adapters.mail.mail_dkim import Signer
from klaroen_adapters.mail.smtp_session import Mail

WORD_BYTES_MAX: Final = 45
"""Of a text in one encoded word: with its frame it stays within the 75 characters of RFC 2047, 2."""
_ADDRESS: Final = re.compile(
    r"[^\s<>\"(),:;@\\\[\]\x00-\x20\x7f-\x9f]{1,64}@[^\s<>\"(),:;@\\\[\]\x00-\x20\x7f-\x9f]{1,253}"
)


class Letterhead(Struct, frozen=True):
    """What all mails of one account have in common."""

    sender: str
    sender_name: str = ""
    subjects: Mapping[Language, str] = {}
    """Of messages that have none, by language; never of crisis messages."""
    bounces: str | None = None
    """Where reports go: `user@host` becomes `user+ATTEMPT@host`, so that a report names its message."""
    unsubscribe: str | None = None
    """An https address that takes the one click of RFC 8058: `{attempt}` stands for the message, `{farewell}` for what
    ends cold mails to its reader."""


class Letters:
    """Makes mails, encoding each content once."""

    def __init__(self, head: Letterhead, signer: Signer | None = None) -> None:
        self._head, self._signer = head, signer
        self._content: Content | None = None
        self._rest = b""
        """Of the last content: all behind the lines that name the recipient."""

    def make(self, envelope: Envelope, now: Instant) -> Mail | None:
        """Return the mail; None where the address is none that a command line can carry."""
        if _ADDRESS.fullmatch(envelope.address) is None:
            return None
        content, head = envelope.content, self._head
        if content is not self._content:
            self._content, self._rest = content, self._encode(content)
        lines = [
            f"Message-ID: <{envelope.attempt}@{head.sender.rpartition('@')[2]}>",
            f"Date: {format_datetime(datetime.fromtimestamp(now // 1000, UTC))}",
            f"To: <{envelope.address}>",
        ]
        link = head.unsubscribe if content.alert_class == "cold" else None
        if link is not None and (envelope.farewell or "{farewell}" not in link):
            link = link.replace("{attempt}", envelope.attempt).replace("{farewell}", envelope.farewell)
            lines.append(f"List-Unsubscribe: <{link}>")
            lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
        own = "".join(f"{line}\r\n" for line in lines).encode()
        path = return_path(head.bounces, envelope.attempt) if head.bounces is not None else head.sender
        octets = own + self._rest
        if self._signer is not None:
            octets = self._signer.sign(octets, now)
        return Mail(envelope.attempt, path, envelope.address, octets, envelope.deadline_at)

    def _encode(self, content: Content) -> bytes:
        head = self._head
        name = f"{encoded(head.sender_name)} " if head.sender_name else ""
        lines = [f"From: {name}<{head.sender}>"]
        subject = content.subject
        if subject is None and content.alert_class != "crisis":
            subject = head.subjects.get(content.language)
        if subject is not None:
            lines.append(f"Subject: {encoded(subject)}")
        if content.language != "mul":
            lines.append(f"Content-Language: {content.language}")
        lines += [
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64",
        ]
        header = "".join(f"{line}\r\n" for line in lines).encode()
        return header + b"\r\n" + encodebytes(content.text.encode()).replace(b"\n", b"\r\n")


def return_path(bounces: str, attempt: AttemptId) -> str:
    """Return the address of reports about this attempt."""
    user, _, host = bounces.rpartition("@")
    return f"{user}+{attempt}@{host}"


def encoded(text: str) -> str:
    """Return the text as encoded words, folded: every reader of RFC 2047 gets exactly the text back."""
    return "\r\n ".join(f"=?utf-8?b?{b64encode(piece).decode()}?=" for piece in _pieces(text))


def _pieces(text: str) -> Iterator[bytes]:
    """Yield the text in UTF-8, cut between characters (RFC 2047, 5: each word stands for itself)."""
    piece = b""
    for character in text:
        octets = character.encode()
        if len(piece) + len(octets) > WORD_BYTES_MAX:
            yield piece
            piece = b""
        piece += octets
    yield piece
