"""What a Twilio-shaped carrier's words mean: statuses, error codes and SIP codes, as tables.

Law: data only. A code that stands in no table is judged by the HTTP status, or told as it came.
Source: Twilio, "Call status values", "Message status values", "Error and warning dictionary"; voice.md for SIP codes.
"""

from collections.abc import Mapping
from typing import Final, Literal

from klaroen.core.ports import Refused, Unsent

CALL_STATUSES: Final[Mapping[str, Literal["rings", "answered", "completed", "failed"]]] = {
    "queued": "rings",
    "initiated": "rings",
    "ringing": "rings",
    "in-progress": "answered",
    "completed": "completed",
    "busy": "failed",
    "no-answer": "failed",
    "canceled": "failed",
    "failed": "failed",
}
"""What has become of a call: not answered yet, talking, talked, never answered."""

CALL_WORDS: Final[Mapping[str, str]] = {"busy": "busy", "no-answer": "no answer", "canceled": "cancelled"}
"""Why a call was not answered, where its status says so; for `failed` the SIP code does."""

SIP_WORDS: Final[Mapping[str, str]] = {
    "403": "forbidden",
    "404": "number invalid",
    "408": "no answer",
    "410": "number invalid",
    "480": "no answer",
    "484": "number invalid",
    "486": "busy",
    "600": "busy",
    "603": "rejected",
    "604": "number invalid",
    "607": "rejected",
    "608": "rejected",
}

MESSAGE_STATES: Final[Mapping[str, Literal["reached", "failed", "buffered"]]] = {
    "accepted": "buffered",
    "scheduled": "buffered",
    "queued": "buffered",
    "sending": "buffered",
    "sent": "buffered",
    "delivered": "reached",
    "read": "reached",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
"""`sent` says that the next carrier took it, which later may still fail: neither proof nor end."""

MESSAGE_WORDS: Final[Mapping[str, str]] = {
    "21610": "unsubscribed",
    "30001": "queue overflow",
    "30002": "account suspended",
    "30003": "handset unreachable",
    "30004": "message blocked",
    "30005": "handset unknown",
    "30006": "landline, or carrier unreachable",
    "30007": "filtered by the carrier",
    "30008": "reason unknown",
    "30009": "a part is missing",
    "30010": "price too high",
    "30017": "carrier's network congested",
    "30018": "sender not registered there",
    "30022": "rate exceeded",
    "30023": "daily limit reached",
    "30024": "sender not provisioned",
    "30034": "sender not registered",
    "30036": "expired at the carrier",
    "30037": "messaging disabled",
    "30039": "taken for a loop",
    "30040": "sender not registered there",
    "30410": "next carrier timed out",
    "30450": "taken for fraud",
}

REQUEST_CODES: Final[Mapping[int, Refused | Unsent]] = {
    10001: Refused("account not active", "carrier"),
    10004: Unsent("too many calls at once", throttled=True),
    10005: Refused("calls disabled", "carrier"),
    14107: Unsent("rate exceeded", throttled=True),
    20003: Refused("authentication", "carrier"),
    20005: Refused("account not active", "carrier"),
    20006: Refused("access denied", "carrier"),
    20404: Refused("account unknown", "carrier"),
    20429: Unsent("too many requests", throttled=True),
    21201: Refused("number invalid", "address"),
    21202: Refused("premium number", "address"),
    21203: Refused("calls abroad not enabled", "carrier"),
    21205: Refused("our address is not valid", "carrier"),
    21210: Refused("caller id not verified", "carrier"),
    21211: Refused("number invalid", "address"),
    21212: Refused("sender invalid", "carrier"),
    21213: Refused("sender missing", "carrier"),
    21214: Refused("number invalid", "address"),
    21215: Refused("region not enabled", "carrier"),
    21216: Refused("number barred for this account", "carrier"),
    21217: Refused("number invalid", "address"),
    21219: Refused("number not verified for a trial", "carrier"),
    21401: Refused("number invalid", "address"),
    21408: Refused("region not enabled", "carrier"),
    21421: Refused("number invalid", "address"),
    21602: Refused("text missing", "content"),
    21603: Refused("sender missing", "carrier"),
    21604: Refused("number invalid", "address"),
    21605: Refused("text too long", "content"),
    21606: Refused("sender invalid", "carrier"),
    21608: Refused("number not verified for a trial", "carrier"),
    21609: Refused("our address is not valid", "carrier"),
    21610: Refused("unsubscribed", "address"),
    21611: Unsent("queue full", throttled=True),
    21612: Refused("not routable", "carrier"),
    21614: Refused("not a mobile", "address"),
    21617: Refused("text too long", "content"),
    21635: Refused("not a mobile", "address"),
    21659: Refused("sender invalid", "carrier"),
    21660: Refused("sender invalid", "carrier"),
    21703: Refused("sender missing", "carrier"),
    21704: Refused("sender missing", "carrier"),
    21705: Refused("sender invalid", "carrier"),
}
"""The code of an answer that is an error -> what it means for the one attempt of the request."""
