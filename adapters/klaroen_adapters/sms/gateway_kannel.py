"""The profile `kannel`: Kannel's sendsms, by POST, so that neither number nor text nor password stands in a URL.

Law: Kannel answers a request of several recipients with what befell *one* of them, and acknowledges the rest by
receipt; so its refusals are believed only of a single recipient, and its receipts carry our attempt ids, tagged by
number and signed by a key of ours. It has no idempotency: a repeat is a second message. Its `sendsms-user` must allow
`max-messages` as high as our longest text (by default it silently cuts after one) and `concatenation`.
Source: Kannel 1.4.5, user's guide, "Sendsms" and "Delivery reports"; tests/wire/test_kannel.py.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal
from urllib.parse import parse_qsl

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Accepted, Envelope, Outcome, Receipt, Refused, Reply, Unknown, Unsent
from klaroen.core.text import is_gsm7
from klaroen_adapters.sms import gateway_rules as rules

RECIPIENTS_MAX: Final = 20
"""A request: the receipt URL names each attempt (39 characters), and Kannel keeps it for each recipient."""
DLR_MASK: Final = 1 | 2 | 16
"""Reached, not reached, refused by the SMSC. What is only queued there proves nothing and is not asked for."""
STATES: Final[Mapping[str, Literal["reached", "failed", "buffered"]]] = {
    "1": "reached",
    "2": "failed",
    "4": "buffered",
    "8": "buffered",
    "16": "failed",
}

# By the words with which smsbox answers. The last column: whether they speak of every recipient, or only of one.
ANSWERS: Final[tuple[tuple[bytes, Outcome, bool], ...]] = (
    (b"0: Accepted for delivery", Accepted(), True),
    (b"3: Queued for later delivery", Accepted(), True),
    (b"Authorization failed for sendsms", Refused("authorization", "carrier"), True),
    (b"Not routable. Do not try again.", Refused("not-routable", "carrier"), False),
    (b"Temporal failure, try again later.", Unsent("queue full", throttled=True), False),
)
REPLIES: Final = "replies"
"""What stands in the place of attempts in the URL for what handsets send; its key is made as theirs."""
_NUMBER: Final = re.compile(r"\+?[0-9]{3,20}")
_FIELDS_MAX: Final = 16
_TAG_CHARACTERS: Final = 12
_PAIR: Final = re.compile(r"([0-9a-f]{12})-([A-Za-z0-9_]{1,40})")
_REASON: Final = re.compile(r"stat:\s*([A-Za-z]{1,10})|NACK/(0x[0-9A-Fa-f]{1,8}|[A-Za-z ]{1,30})")


def build(account: rules.Account, envelopes: Sequence[Envelope], now: Instant) -> rules.Request:
    """Return the request for at most RECIPIENTS_MAX envelopes of one content.

    Raises UnicodeEncodeError for a text that UTF-8 cannot carry exactly.
    """
    assert len(envelopes) <= RECIPIENTS_MAX
    content = envelopes[0].content
    headers = {
        "content-type": "text/plain; charset=UTF-8",
        "x-kannel-username": account.user or "",
        "x-kannel-password": account.token or "",
        "x-kannel-to": " ".join(envelope.address for envelope in envelopes),
        "x-kannel-charset": "UTF-8",
        "x-kannel-coding": "0" if is_gsm7(content.text) else "2",
        "x-kannel-validity": str(max(1, rules.validity_s(content, now) // 60)),
    }
    if account.sender:
        headers["x-kannel-from"] = account.sender
    if account.receipt_url is not None:
        headers["x-kannel-dlr-mask"] = str(DLR_MASK)
        headers["x-kannel-dlr-url"] = _receipt_url(account.receipt_url, account.receipt_secret, envelopes)
    body = content.text.encode()
    return rules.Request("POST", account.url, headers, body, tuple(envelope.attempt for envelope in envelopes))


def parse_answer(
    attempts: Sequence[AttemptId], status: int, headers: Mapping[str, str], body: bytes, now: Instant
) -> rules.Parsed:
    """Return an answer for each attempt, by smsbox's words; words that we do not know, by the status."""
    words = body.strip()
    for known, outcome, of_all in ANSWERS:
        if words == known:
            believed = of_all or len(attempts) == 1
            return rules.all_answered(attempts, outcome if believed else Unknown("refused one of several"))
    whole = rules.status_outcome(status, headers, now)
    return rules.all_answered(attempts, whole or Unknown("unreadable answer"))


def parse_receipts(query: bytes) -> list[Receipt]:
    """Return the one receipt that a GET of Kannel's carries.

    Raises InputError, which never quotes what Kannel wrote.
    """
    fields = _fields(query)
    state = STATES.get(fields.get("state", ""))
    attempt = _attempt(fields)
    if state is None or attempt is None:
        raise InputError("malformed", "not a receipt in the shape that we gave Kannel")
    reason = _REASON.search(fields.get("reason", ""))
    at_s = fields.get("at", "")
    return [
        Receipt(
            state,
            (reason[1] or reason[2]).strip() if reason else fields["state"],
            at=Instant(int(at_s) * 1000) if re.fullmatch(r"[0-9]{1,11}", at_s) else None,
            attempt=attempt,
        )
    ]


def parse_replies(query: bytes, headers: Mapping[str, str], body: bytes) -> list[Reply]:
    """Return the one message that a handset sent, by POST of a `sms-service`; bearerbox has put its parts together.

    Raises InputError, which never quotes it.
    """
    number = headers.get("x-kannel-from", "")
    if _fields(query).get("for") != REPLIES or _NUMBER.fullmatch(number) is None:
        raise InputError("malformed", "not a reply in the shape that docs/replies.md gives Kannel")
    kind, _, charset = headers.get("content-type", "").lower().partition("charset=")
    if not kind.startswith("text/plain"):  # eight bits of an application: what a person wrote has an alphabet
        return [Reply(number, body.decode("latin-1")[: rules.TEXT_CHARACTERS_MAX])]
    text = body.decode("utf-16-be" if "utf-16be" in charset else "utf-8", "replace")
    return [Reply(number, text[: rules.TEXT_CHARACTERS_MAX])]


def authentic(secret: bytes, query: bytes) -> bool:
    """Tell whether the URL is one that we gave out. Compares in constant time."""
    try:
        fields = _fields(query)
    except InputError:
        return False
    return hmac.compare_digest(_key(secret, fields.get("for", "")).encode(), fields.get("key", "").encode())


# --- the receipt URL ------------------------------------------------------------------------------------------------


def _receipt_url(url: str, secret: bytes | None, envelopes: Sequence[Envelope]) -> str:
    """Ours, with the attempts, and with Kannel's own escapes for what it will know then (%d, %T, %A, %p)."""
    pairs = ".".join(f"{_tag(envelope.attempt, envelope.address)}-{envelope.attempt}" for envelope in envelopes)
    start = url.replace("%", "%%") + ("&" if "?" in url else "?")
    key = f"&key={_key(secret, pairs)}" if secret else ""
    number = "&number=%p" if len(envelopes) > 1 else ""
    return f"{start}for={pairs}{key}&state=%d&at=%T&reason=%A{number}"


def _attempt(fields: Mapping[str, str]) -> AttemptId | None:
    pairs = [match.groups() for pair in fields.get("for", "").split(".") if (match := _PAIR.fullmatch(pair))]
    if len(pairs) == 1:
        return AttemptId(pairs[0][1])
    number = fields.get("number", "")
    return next((AttemptId(attempt) for tag, attempt in pairs if tag == _tag(attempt, number)), None)


def _tag(attempt: str, number: str) -> str:
    """Tells the recipients of one request apart without naming them; Kannel may drop or add a "+" or "00"."""
    digits = re.sub(r"[^0-9]", "", number).lstrip("0")
    return hashlib.blake2s(f"{attempt}:{digits}".encode(), digest_size=_TAG_CHARACTERS // 2).hexdigest()


def _key(secret: bytes, pairs: str) -> str:
    return hmac.new(secret, pairs.encode(), hashlib.sha256).hexdigest()[:32]


def _fields(query: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX))
    except ValueError as error:
        raise InputError("malformed", "a query that cannot be read") from error
