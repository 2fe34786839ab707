"""HTTP gateways for SMS: values to requests, responses to answers, callbacks to receipts, by profile.

Law: pure; a profile is data plus a wire, chosen by name in `PROFILES`, and the driver and the edge know no other way
in. The edge verifies (`authentic`) and parses (`parse_receipts`) on what came, before anything else looks at it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Envelope, Receipt, Reply
from klaroen_adapters.sms import gateway_generic, gateway_kannel
from klaroen_adapters.sms.gateway_rules import (
    RECEIPTS_MAX,
    Account,
    Parsed,
    Request,
    all_answered,
    signature,
    verify,
)

__all__ = [
    "PROFILES",
    "RECEIPTS_MAX",
    "Account",
    "Parsed",
    "ProfileName",
    "Request",
    "all_answered",
    "authentic",
    "build_requests",
    "parse_answer",
    "parse_receipts",
    "parse_replies",
    "signature",
    "verify",
]

ProfileName = Literal["generic", "kannel"]


class Profile(Struct, frozen=True):
    recipients_max: int
    """A request, whatever the configuration allows."""
    keyed: bool
    """The gateway knows attempts by our key: a repeat is not sent again."""
    receipts_by: Literal["GET", "POST"]
    taken: int
    """The status that says that replies are kept: any other than 200 has Kannel send them again."""
    build: Callable[[Account, Sequence[Envelope], Instant], Request]
    parse_answer: Callable[[Sequence[AttemptId], int, Mapping[str, str], bytes, Instant], Parsed]


PROFILES: Final[Mapping[ProfileName, Profile]] = {
    "generic": Profile(10_000, True, "POST", 204, gateway_generic.build, gateway_generic.parse_answer),
    "kannel": Profile(
        gateway_kannel.RECIPIENTS_MAX, False, "GET", 200, gateway_kannel.build, gateway_kannel.parse_answer
    ),
}


def build_requests(
    profile: ProfileName, account: Account, envelopes: Sequence[Envelope], batch_max: int, now: Instant
) -> list[Request]:
    """Return the requests for these envelopes, which share one content, in their order.

    Raises UnicodeEncodeError for a text that cannot be carried exactly.
    """
    chosen = PROFILES[profile]
    size = min(batch_max, chosen.recipients_max)
    return [chosen.build(account, envelopes[at : at + size], now) for at in range(0, len(envelopes), size)]


def parse_answer(
    profile: ProfileName,
    attempts: Sequence[AttemptId],
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    now: Instant,
) -> Parsed:
    """Return exactly one answer for each attempt of the request. Header names are in lower case."""
    return PROFILES[profile].parse_answer(attempts, status, headers, body, now)


def parse_receipts(
    profile: ProfileName, method: str, query: bytes, headers: Mapping[str, str], body: bytes
) -> list[Receipt]:
    """Return the receipts of one callback, at most RECEIPTS_MAX.

    Raises InputError: nothing of the callback is taken.
    """
    if method != PROFILES[profile].receipts_by:
        raise InputError("method-not-allowed", f"receipts come by {PROFILES[profile].receipts_by}")
    if profile == "kannel":
        return gateway_kannel.parse_receipts(query)
    if headers.get("content-type", "application/json").partition(";")[0].strip().lower() != "application/json":
        raise InputError("unsupported-media-type", "receipts are application/json")
    return gateway_generic.parse_receipts(body)


def parse_replies(profile: ProfileName, query: bytes, headers: Mapping[str, str], body: bytes) -> list[Reply]:
    """Return what handsets wrote, of one call. Raises InputError: nothing of it is taken."""
    if profile == "kannel":
        return gateway_kannel.parse_replies(query, headers, body)
    if headers.get("content-type", "application/json").partition(";")[0].strip().lower() != "application/json":
        raise InputError("unsupported-media-type", "replies are application/json")
    return gateway_generic.parse_replies(body)


def authentic(
    profile: ProfileName, secret: bytes, query: bytes, headers: Mapping[str, str], body: bytes, now: Instant
) -> bool:
    """Tell whether a callback comes from who knows our secret: by its signature, or by the key in the URL we gave."""
    if profile == "kannel":
        return gateway_kannel.authentic(secret, query)
    return verify(secret, headers.get("x-klaroen-timestamp"), headers.get("x-klaroen-signature"), body, now)
