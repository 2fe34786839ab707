"""What Meta's words mean: statuses of messages and codes of errors, as tables.

Law: data only. A code that stands in no table is judged by the HTTP status, or told as it came. `Unsent` stands only
where the request was turned away at the door.
Source: WhatsApp Business Platform, "Error codes", "Status messages webhook reference".
"""

from collections.abc import Mapping
from typing import Final, Literal

from klaroen.core.ports import Refused, Unsent

STATES: Final[Mapping[str, Literal["reached", "failed", "buffered"]]] = {
    "sent": "buffered",
    "delivered": "reached",
    "read": "reached",
    "failed": "failed",
}
"""`sent` says that it is under way, which later may still fail: neither proof nor end. `read` implies `delivered`,
which is then not always told. Other statuses say nothing of arrival."""

PAIR_S: Final = 6.0
"""One message in six seconds is what Meta lets through to one and the same person."""

CODES: Final[Mapping[int, Refused | Unsent]] = {
    0: Refused("authentication", "carrier"),
    3: Refused("permission", "carrier"),
    4: Unsent("rate limit of the app", throttled=True),
    10: Refused("permission", "carrier"),
    33: Refused("our number is gone", "carrier"),
    100: Refused("parameter", "content"),
    190: Refused("token expired", "carrier"),
    368: Refused("account blocked", "carrier"),
    80007: Unsent("rate limit of the account", throttled=True),
    130429: Unsent("rate limit", throttled=True),
    130472: Refused("in an experiment of Meta's", "address"),
    130497: Refused("country barred", "address"),
    131005: Refused("permission", "carrier"),
    131008: Refused("parameter missing", "content"),
    131009: Refused("parameter", "content"),
    131021: Refused("our own number", "address"),
    131026: Refused("undeliverable", "address"),
    131030: Refused("not on the list of a test account", "address"),
    131031: Refused("account locked", "carrier"),
    131037: Refused("display name not approved", "carrier"),
    131042: Refused("payment", "carrier"),
    131045: Refused("our number is not registered", "carrier"),
    131047: Refused("outside of the service window", "content"),
    131048: Refused("restricted as spam", "carrier"),
    131049: Refused("held back by Meta", "address"),
    131050: Refused("unsubscribed", "address"),
    131051: Refused("message type", "content"),
    131056: Unsent("rate limit of the pair", retry_after_s=PAIR_S),
    131057: Refused("account in maintenance", "carrier"),
    132000: Refused("template has other parameters", "carrier"),
    132001: Refused("no such template in this language", "carrier"),
    132005: Refused("too long with the template", "content"),
    132007: Refused("against the rules of templates", "content"),
    132012: Refused("template has other parameters", "carrier"),
    132015: Refused("template paused", "carrier"),
    132016: Refused("template disabled", "carrier"),
    132018: Refused("parameter", "content"),
    133010: Refused("our number is not registered", "carrier"),
    134011: Refused("terms not accepted", "carrier"),
}
"""The code of an error -> what it means for the one attempt of the request."""


def words(code: int) -> str:
    """Return a bounded word for a code, as receipts tell it."""
    match CODES.get(code):
        case Refused(code=said):
            return said
        case Unsent(reason=said):
            return said
        case _:
            return f"error {code}"
