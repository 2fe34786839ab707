"""What all HTTP gateways share: the account, a request as a value, the meaning of a status, the signature.

Law: pure. A status says whether the carrier certainly did nothing (`Unsent`), said no (`Refused`), or leaves it open
(`Unknown`); only a 2xx has a body worth reading. Nothing here quotes an address or a text.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from msgspec import Struct

from klaroen.core.model import AttemptId, Content, Instant
from klaroen.core.ports import Accepted, Answer, Outcome, Refused, Unknown, Unsent

RECEIPTS_MAX: Final = 10_000
"""A call, as the contract promises."""
REF_CHARACTERS_MAX: Final = 128
"""Twice the longest id that carriers are known to use (64); a longer one is not kept, our own key proves the rest."""
TEXT_CHARACTERS_MAX: Final = 40_000
"""Of a reply: 255 parts of an SMS."""
CODE_CHARACTERS_MAX: Final = 64
RETRY_AFTER_S_MAX: Final = 3600.0
"""No alert but a cold one outlives an hour; a carrier that asks for more is probed then."""
CLOCK_SKEW_S: Final = 300
"""How far a signature's timestamp may lie from now: bounds replay, forgives clocks."""
VALIDITY_S_MIN: Final = 1


class Account(Struct, frozen=True):
    """What a request needs to know of us. Secrets: never shown, never logged."""

    url: str
    sender: str = ""
    token: str | None = None
    user: str | None = None
    receipt_url: str | None = None
    receipt_secret: bytes | None = None

    def __repr__(self) -> str:
        return "Account(...)"


class Request(Struct, frozen=True):
    """One HTTP request for some attempts of one content."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    attempts: tuple[AttemptId, ...]

    def __repr__(self) -> str:
        return f"Request({len(self.attempts)} attempts)"


class Parsed(Struct, frozen=True):
    """What one response says: an answer for each attempt of its request, and how many items answered no question."""

    answers: tuple[Answer, ...]
    strange_count: int = 0


def all_answered(attempts: Sequence[AttemptId], outcome: Outcome) -> Parsed:
    return Parsed(tuple(Answer(attempt, outcome) for attempt in attempts))


def status_outcome(status: int, headers: Mapping[str, str], now: Instant) -> Refused | Unsent | Unknown | None:
    """Return what a status says of the whole request, or None for 2xx, whose body tells.

    429 is a door that did not open. 503 is one only if it says when to come back; without that, as with 500, 502 and
    504, something behind a proxy may have done the work.
    """
    if 200 <= status < 300:
        return None
    after_s = retry_after_s(headers.get("retry-after"), now)
    if status == 429 or (status == 503 and after_s is not None):
        return Unsent(f"http {status}", after_s, throttled=True)
    if status >= 500:
        return Unknown(f"http {status}")
    return Refused(f"http {status}", "carrier")


def retry_after_s(value: str | None, now: Instant) -> float | None:
    """Return the seconds that a Retry-After asks for (RFC 9110, 10.2.3), bounded; None if absent or unreadable."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), RETRY_AFTER_S_MAX)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, min((moment.timestamp() * 1000 - now) / 1000, RETRY_AFTER_S_MAX))


def validity_s(content: Content, now: Instant) -> int:
    """Whole seconds for which the carrier may still try: never past the alert's expiry, but by a second at most."""
    return max(VALIDITY_S_MIN, (content.expires_at - now) // 1000)


def accepted(carrier_id: str | None) -> Accepted:
    """An acceptance, with the carrier's id if it gave one that can be kept."""
    return Accepted((carrier_id,) if carrier_id and len(carrier_id) <= REF_CHARACTERS_MAX else ())


def signature(secret: bytes, timestamp: str, raw_body: bytes) -> str:
    """Return hex(HMAC-SHA256(secret, timestamp + "." + raw body))."""
    return hmac.new(secret, timestamp.encode() + b"." + raw_body, hashlib.sha256).hexdigest()


def verify(
    secret: bytes, timestamp_header: str | None, signature_header: str | None, raw_body: bytes, now: Instant
) -> bool:
    """Tell whether the raw body was signed with our secret not long ago. Compares in constant time.

    The timestamp is Unix seconds, or RFC 3339 with its offset.
    """
    if not secret or timestamp_header is None or signature_header is None:
        return False
    signed_at = _unix_s(timestamp_header)
    if signed_at is None or abs(signed_at - now / 1000) > CLOCK_SKEW_S:
        return False
    expected = signature(secret, timestamp_header, raw_body)
    return hmac.compare_digest(expected.encode(), signature_header.strip().lower().encode())


def _unix_s(text: str) -> float | None:
    if not text.isascii() or len(text) > 40:
        return None
    if text.isdigit():
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.timestamp()
