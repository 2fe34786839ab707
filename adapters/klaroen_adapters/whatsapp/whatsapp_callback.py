"""What Meta posts to our webhook: whether it comes from Meta, and the receipts that it holds.

Law: pure; the signature is verified on the raw body before anything else looks at it. An app has one webhook for all
its numbers: what speaks of another number than ours is passed over, and so is every kind of news that we do not know.
Source: WhatsApp Business Platform, "Webhooks", "Status messages webhook reference"; Graph API, "Webhooks".
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Annotated, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Receipt, Reply
from klaroen_adapters.sms.gateway_rules import RECEIPTS_MAX, REF_CHARACTERS_MAX
from klaroen_adapters.whatsapp.whatsapp_codes import STATES, words

SIGNATURE: Final = "x-hub-signature-256"
BODY_BYTES_MAX: Final = 3 * 1024 * 1024
"""As large as Meta's posts become."""
FIELDS_MAX: Final = 8
_SECONDS_MAX: Final = 32_503_680_000
"""The year 3000."""


class _Error(Struct):
    code: int = -1


class _Status(Struct):
    id: Annotated[str, Meta(min_length=1, max_length=REF_CHARACTERS_MAX)]
    status: str
    timestamp: Annotated[str, Meta(pattern=r"^[0-9]{1,11}\Z")]
    biz_opaque_callback_data: str | None = None
    errors: Annotated[list[_Error], Meta(max_length=100)] = []


class _Text(Struct):
    body: str = ""
    text: str = ""
    title: str = ""


class _Interactive(Struct):
    button_reply: _Text | None = None
    list_reply: _Text | None = None


class _Message(Struct):
    from_: Annotated[str, Meta(pattern=r"^[0-9]{5,20}\Z")] = msgspec.field(name="from")
    type: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}\Z")] = "text"
    text: _Text | None = None
    button: _Text | None = None
    interactive: _Interactive | None = None


class _Phone(Struct, frozen=True):
    phone_number_id: str = ""


class _Value(Struct):
    metadata: _Phone = _Phone()
    statuses: list[_Status] = []
    messages: list[_Message] = []


class _Change(Struct):
    field: str
    value: msgspec.Raw


class _Entry(Struct):
    changes: list[_Change] = []


class _Post(Struct):
    object: str
    entry: list[_Entry] = []


_post: Final = msgspec.json.Decoder(_Post).decode
_value: Final = msgspec.json.Decoder(_Value).decode


def authentic(secret: bytes, header: str | None, body: bytes) -> bool:
    """Tell whether the raw body was signed with the app's secret. Compares in constant time."""
    expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return header is not None and hmac.compare_digest(expected.encode(), header.strip().lower().encode())


def challenge_of(query: bytes, token: bytes | None) -> str:
    """Return what Meta wants to hear back when the webhook is set up.

    Raises InputError where the question is not Meta's, or does not know our token.
    """
    try:
        fields = dict(parse_qsl(query.decode("ascii"), strict_parsing=True, max_num_fields=FIELDS_MAX))
    except ValueError as error:
        raise InputError("malformed", "not the question by which a webhook is set up") from error
    asked = fields.get("hub.verify_token", "")
    if fields.get("hub.mode") != "subscribe":
        raise InputError("malformed", "hub.mode is not subscribe", at="hub.mode")
    if not token or not hmac.compare_digest(asked.encode(), token):
        raise InputError("unauthenticated", "hub.verify_token is not the one that is configured", at="hub.verify_token")
    challenge = fields.get("hub.challenge", "")
    if not (challenge.isascii() and challenge.isalnum() and len(challenge) <= REF_CHARACTERS_MAX):
        raise InputError("malformed", "hub.challenge is not 1 to 128 letters and digits", at="hub.challenge")
    return challenge


def parse_receipts(body: bytes, phone_id: str) -> list[Receipt]:
    """Return the receipts of one post, of our own number.

    Raises InputError, which never quotes what was posted: nothing of it is taken.
    """
    receipts = [receipt for value in _values(body, phone_id) for receipt in map(_receipt, value.statuses) if receipt]
    if len(receipts) > RECEIPTS_MAX:
        raise InputError("malformed", f"more than {RECEIPTS_MAX} statuses")
    return receipts


def parse_replies(body: bytes, phone_id: str) -> list[Reply]:
    """Return what people wrote to our own number; of a picture or a voice message, that there was one (R25).

    Raises InputError as `parse_receipts` does.
    """
    replies = [_reply(message) for value in _values(body, phone_id) for message in value.messages]
    if len(replies) > RECEIPTS_MAX:
        raise InputError("malformed", f"more than {RECEIPTS_MAX} messages")
    return replies


def _reply(message: _Message) -> Reply:
    said = message.interactive
    choices = (message.text, message.button, *((said.button_reply, said.list_reply) if said is not None else ()))
    words = [one.body or one.text or one.title for one in choices if one is not None]
    return Reply("+" + message.from_, next(filter(None, words), f"[{message.type}]"), "whatsapp")


def _values(body: bytes, phone_id: str) -> Iterator[_Value]:
    try:
        post = _post(body)
        if post.object != "whatsapp_business_account":
            return
        for entry in post.entry:
            for change in entry.changes:
                if change.field == "messages":
                    value = _value(change.value)
                    if value.metadata.phone_number_id == phone_id:
                        yield value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("malformed", "not a post in the shape of the WhatsApp Cloud API") from error


def _receipt(status: _Status) -> Receipt | None:
    state = STATES.get(status.status)
    if state is None:
        return None
    code = words(status.errors[0].code) if state == "failed" and status.errors else status.status
    return Receipt(
        state,
        code,
        at=Instant(min(int(status.timestamp), _SECONDS_MAX) * 1000),
        ref=status.id,
        attempt=_key(status.biz_opaque_callback_data),
    )


def _key(given: str | None) -> AttemptId | None:
    """Return our key; whatever else somebody gave to this number's messages is none."""
    if given is None or not given.isascii() or len(given) > 40:
        return None
    return AttemptId(given) if given.replace("_", "").isalnum() else None
