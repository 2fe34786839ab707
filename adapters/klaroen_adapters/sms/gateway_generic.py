"""The profile `generic`: JSON, many recipients a request, each with our attempt id as its key.

Law: the shapes are those of the contract ("Generic SMS gateway"), exactly. A recipient that the answer does not name
is `Unknown`; since `ref` is a key, asking again is safe.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import DecodeError, Meta, Struct
from msgspec.json import Decoder, Encoder

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Answer, Envelope, Outcome, Receipt, Refused, Reply, Unknown
from klaroen_adapters.sms import gateway_rules as rules

# What a refusal condemns, by its code; of any other code we know only that this carrier will not take this message.
SCOPES: Final[Mapping[str, Literal["address", "content", "carrier"]]] = {
    "number": "address",
    "blocked": "address",
    "text": "content",
}
STATES: Final[Mapping[str, Literal["reached", "failed", "buffered"]]] = {
    "delivered": "reached",
    "failed": "failed",
    "expired": "failed",
    "buffered": "buffered",
}


class _To(Struct, frozen=True, gc=False):
    number: str
    ref: str


class _Message(Struct, frozen=True, omit_defaults=True):
    batch: str
    sender: str
    text: str
    validity_s: int
    to: list[_To]
    receipts: str | None = None


class _Item(Struct, frozen=True, gc=False):
    ref: str
    status: str
    id: str | int | None = None
    code: str | int | None = None


class _Answer(Struct, frozen=True):
    items: list[_Item]


class _Receipt(Struct, frozen=True, gc=False):
    state: Literal["delivered", "failed", "buffered", "expired"]
    at: Annotated[datetime, Meta(tz=True)]
    ref: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,40}\Z")] | None = None
    id: Annotated[str, Meta(min_length=1, max_length=rules.REF_CHARACTERS_MAX)] | None = None
    code: Annotated[str, Meta(pattern=r"^[\x20-\x7e]{0,64}\Z")] = ""
    part: Annotated[int, Meta(ge=0, le=255)] | None = None


class _Reply(Struct, frozen=True, gc=False, rename={"from_": "from"}):
    from_: Annotated[str, Meta(pattern=r"^\+?[0-9]{3,20}\Z")]
    text: Annotated[str, Meta(max_length=rules.TEXT_CHARACTERS_MAX)]


_encoder: Final = Encoder()
_answer_decoder: Final = Decoder(_Answer)
_receipts_decoder: Final = Decoder(Annotated[list[_Receipt], Meta(max_length=rules.RECEIPTS_MAX)])

_replies_decoder: Final = Decoder(Annotated[list[_Reply], Meta(max_length=rules.RECEIPTS_MAX)])


def build(account: rules.Account, envelopes: Sequence[Envelope], now: Instant) -> rules.Request:
    """Return the request for these envelopes of one content.

    Raises UnicodeEncodeError for a text that UTF-8 cannot carry exactly.
    """
    content = envelopes[0].content
    attempts = tuple(envelope.attempt for envelope in envelopes)
    message = _Message(
        hashlib.blake2s("".join(attempts).encode(), digest_size=13).hexdigest(),
        account.sender,
        content.text,
        rules.validity_s(content, now),
        [_To(envelope.address, envelope.attempt) for envelope in envelopes],
        account.receipt_url,
    )
    headers = {"content-type": "application/json"}
    if account.token is not None:
        headers["authorization"] = f"Bearer {account.token}"
    return rules.Request("POST", account.url, headers, _encoder.encode(message), attempts)


def parse_answer(
    attempts: Sequence[AttemptId], status: int, headers: Mapping[str, str], body: bytes, now: Instant
) -> rules.Parsed:
    """Return an answer for each attempt; the first item that names it counts."""
    whole = rules.status_outcome(status, headers, now)
    if whole is not None:
        return rules.all_answered(attempts, whole)
    try:
        items = _answer_decoder.decode(body).items
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return rules.all_answered(attempts, Unknown("unreadable answer"))
    outcomes: dict[str, Outcome] = {}
    for item in items:
        outcomes.setdefault(item.ref, _outcome(item))
    missing = Unknown("not in the answer")
    answers = tuple(Answer(attempt, outcomes.pop(attempt, missing)) for attempt in attempts)
    return rules.Parsed(answers, len(outcomes))


def _outcome(item: _Item) -> Outcome:
    if item.status == "accepted":
        return rules.accepted(None if item.id is None else str(item.id))
    if item.status == "refused":
        code = "refused" if item.code is None else str(item.code)[: rules.CODE_CHARACTERS_MAX]
        return Refused(code, SCOPES.get(code, "carrier"))
    return Unknown("unknown item status")


def parse_receipts(body: bytes) -> list[Receipt]:
    """Return the receipts of one call.

    Raises InputError, which never quotes what the carrier wrote.
    """
    try:
        items = _receipts_decoder.decode(body)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("malformed", "not an array of at most 10,000 receipts in the shape of the contract") from error
    return [_receipt(index, item) for index, item in enumerate(items)]


def parse_replies(body: bytes) -> list[Reply]:
    """Return what handsets wrote, of one call. Raises InputError, which never quotes it."""
    try:
        items = _replies_decoder.decode(body)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("malformed", "not an array of at most 10,000 replies: from, text") from error
    return [Reply(item.from_, item.text) for item in items]


def _receipt(index: int, item: _Receipt) -> Receipt:
    if item.ref is None and item.id is None:
        raise InputError("invalid", "a receipt names its message by ref or by id", at=f"$[{index}]")
    at = round(item.at.timestamp() * 1000)
    if at < 0:
        raise InputError("invalid", "an instant before 1970", at=f"$[{index}].at")
    return Receipt(
        STATES[item.state],
        item.code or item.state,
        at=Instant(at),
        ref=item.id,
        attempt=None if item.ref is None else AttemptId(item.ref),
        part=item.part,
    )
