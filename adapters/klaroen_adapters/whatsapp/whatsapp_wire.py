"""Requests to the WhatsApp Cloud API and what its answers mean.

Law: pure; one attempt a request (R7), since Meta knows no key of ours: a repeat would be a second message. The text is
the template's one parameter, exactly, or it is not sent; a crisis text never is (R10).
Source: WhatsApp Business Platform, "Messages API", "Template messages", "Error codes".
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from klaroen.core.model import AttemptId, Content, Instant, Language
from klaroen.core.ports import Envelope, Outcome, Unknown
from klaroen.core.template import unable as unable_text
from klaroen_adapters.sms.gateway_rules import Parsed, Request, accepted, all_answered, status_outcome
from klaroen_adapters.whatsapp.whatsapp_codes import CODES


class Account(Struct, frozen=True):
    """What a request needs to know of us. Secrets: never shown, never logged."""

    url: str
    """Of the number's messages."""
    token: str
    template: str
    codes: Mapping[Language, str]
    """Language of the text -> language of the template."""
    text_max: int

    def __repr__(self) -> str:
        return "Account(...)"


class _Parameter(Struct, frozen=True):
    text: str
    type: str = "text"


class _Component(Struct, frozen=True):
    parameters: tuple[_Parameter, ...]
    type: str = "body"


class _Code(Struct, frozen=True):
    code: str


class _Template(Struct, frozen=True):
    name: str
    language: _Code
    components: tuple[_Component, ...]


class _Message(Struct, frozen=True):
    to: str
    template: _Template
    biz_opaque_callback_data: str
    """Comes back in every receipt."""
    messaging_product: str = "whatsapp"
    recipient_type: str = "individual"
    type: str = "template"


class _Sent(Struct):
    id: Annotated[str, Meta(min_length=1)]


class _Error(Struct):
    code: int


class _Answer(Struct):
    messages: list[_Sent] = []
    error: _Error | None = None


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Answer).decode


def unable(account: Account, content: Content) -> str | None:
    """Return why a content cannot go by WhatsApp; None where it can."""
    if content.alert_class == "crisis":
        return "crisis never goes by WhatsApp"
    return unable_text(content.text, account.text_max)


def build(account: Account, envelopes: Sequence[Envelope], now: Instant) -> list[Request]:  # noqa: ARG001 - as others
    """Return a request for each envelope."""
    return [_build(account, envelope) for envelope in envelopes]


def _build(account: Account, envelope: Envelope) -> Request:
    content = envelope.content
    body = _Component((_Parameter(content.text),))
    template = _Template(account.template, _Code(account.codes[content.language]), (body,))
    message = _Message(envelope.address, template, envelope.attempt)
    headers = {"content-type": "application/json", "authorization": f"Bearer {account.token}"}
    return Request("POST", account.url, headers, _encode(message), (envelope.attempt,))


def parse_answer(
    attempts: Sequence[AttemptId], status: int, headers: Mapping[str, str], body: bytes, now: Instant
) -> Parsed:
    """Return the answer for the one attempt of the request."""
    return all_answered(attempts, _outcome(status, headers, body, now))


def _outcome(status: int, headers: Mapping[str, str], body: bytes, now: Instant) -> Outcome:
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return status_outcome(status, headers, now) or Unknown("unreadable answer")
    whole = status_outcome(status, headers, now)
    if whole is None:
        return accepted(answer.messages[0].id) if answer.messages else Unknown("unreadable answer")
    known = None if answer.error is None else CODES.get(answer.error.code)
    if known is not None:
        return known
    return whole
