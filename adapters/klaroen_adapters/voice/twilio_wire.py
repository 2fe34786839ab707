"""Requests to a Twilio-shaped carrier and what its answers mean.

Law: pure; one attempt a request, since the carrier knows no key: a repeat would be a second call or message. What it
says by a code of its own is judged by the table, everything else by the HTTP status; a text leaves exactly or not.
Source: Twilio, "Call resource", "Message resource"; the same shape at SignalWire and Somleng.
"""

import base64
import math
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from klaroen.core.model import Instant
from klaroen.core.ports import Accepted, Envelope, Outcome, Refused, Script, Unknown
from klaroen_adapters.sms.gateway_rules import status_outcome, validity_s
from klaroen_adapters.voice.twilio_codes import MESSAGE_STATES, REQUEST_CODES
from klaroen_adapters.voice.twilio_mark import CALL_S_MAX, Account, mark_of, status_url, turn_url

BODY_MAX: Final = 1_600
"""Characters that the carrier takes (its error 21617)."""
VALIDITY_S_MAX: Final = 36_000
RING_S_MAX: Final = 600
CALL_EVENTS: Final = ("initiated", "ringing", "answered", "completed")
SERVICE: Final = re.compile(r"MG[0-9a-f]{32}")
"""The id of a messaging service, in place of a sender."""
_SID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
TOO_LONG: Final = Refused("text too long", "content")
NO_CLIP: Final = Refused("no clip", "content")
"""A call without anything to play: another channel may carry the text."""
NO_CALLBACKS: Final = Refused("the carrier cannot reach us", "carrier")


class Request(Struct, frozen=True):
    """One HTTP request."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Request({self.method})"


class _Answer(Struct):
    """Of an acceptance, of an error, and of a call that was asked for."""

    sid: str | None = None
    status: str | int | None = None
    code: int | None = None
    error_code: int | None = None
    duration: str | int | None = None


_decode: Final = msgspec.json.Decoder(_Answer).decode


def build(account: Account, envelope: Envelope, now: Instant) -> Request | Refused:
    """Return the request for one envelope, or why there can be none.

    Raises UnicodeEncodeError for a text that UTF-8 cannot carry exactly.
    """
    if envelope.script is not None:
        return _build_call(account, envelope, envelope.script)
    if envelope.content.channel != "sms":
        return NO_CLIP
    return _build_message(account, envelope, now)


def _build_call(account: Account, envelope: Envelope, script: Script) -> Request | Refused:
    if account.callbacks is None:
        return NO_CALLBACKS
    mark = mark_of(envelope)
    fields = [
        ("To", envelope.address),
        ("From", script.caller_id or account.sender),
        ("Url", turn_url(account, mark)),
        ("Method", "POST"),
        ("StatusCallback", status_url(account, mark)),
        ("StatusCallbackMethod", "POST"),
        *(("StatusCallbackEvent", event) for event in CALL_EVENTS),
        ("Timeout", str(min(RING_S_MAX, max(1, math.ceil(script.ring_s))))),
        ("TimeLimit", str(CALL_S_MAX)),
    ]
    return _post(account, "Calls", fields)


def _build_message(account: Account, envelope: Envelope, now: Instant) -> Request | Refused:
    text = envelope.content.text
    if len(text) > BODY_MAX:
        return TOO_LONG
    sender = "MessagingServiceSid" if SERVICE.fullmatch(account.sender) else "From"
    fields = [
        ("To", envelope.address),
        (sender, account.sender),
        ("Body", text),
        ("SmartEncoded", "false"),  # else it puts other characters in place of ours
        ("ValidityPeriod", str(min(VALIDITY_S_MAX, validity_s(envelope.content, now)))),
    ]
    if account.callbacks is not None:
        fields.append(("StatusCallback", status_url(account, mark_of(envelope))))
    return _post(account, "Messages", fields)


def ask_call(account: Account, sid: str) -> Request:
    """Return the request that asks how a call stands."""
    return Request("GET", _resource(account, f"Calls/{sid}"), _headers(account))


def _post(account: Account, resource: str, fields: list[tuple[str, str]]) -> Request:
    headers = {"content-type": "application/x-www-form-urlencoded", **_headers(account)}
    return Request("POST", _resource(account, resource), headers, urlencode(fields, errors="strict").encode())


def _resource(account: Account, resource: str) -> str:
    return f"{account.url.rstrip('/')}/2010-04-01/Accounts/{account.sid}/{resource}.json"


def _headers(account: Account) -> dict[str, str]:
    credentials = base64.b64encode(f"{account.sid}:{account.token}".encode()).decode()
    return {"accept": "application/json", "authorization": f"Basic {credentials}"}


# --- answers --------------------------------------------------------------------------------------------------------


def read_outcome(status: int, headers: Mapping[str, str], body: bytes, now: Instant) -> Outcome:
    """Return what the answer says of the request's attempt. Header names are in lower case."""
    answer = _read(body)
    whole = status_outcome(status, headers, now)
    if whole is None:
        return _taken(answer)
    known = None if answer is None or answer.code is None else REQUEST_CODES.get(answer.code)
    if known is not None and 400 <= status < 500:
        if isinstance(known, Refused):
            return known
        return msgspec.structs.replace(known, retry_after_s=getattr(whole, "retry_after_s", None))
    return whole


def _taken(answer: _Answer | None) -> Outcome:
    """A 2xx: taken, unless the message is said to have failed already."""
    if answer is None or answer.sid is None or not _SID.fullmatch(answer.sid):
        return Unknown("unreadable answer")
    if MESSAGE_STATES.get(str(answer.status)) == "failed":
        return REQUEST_CODES.get(answer.error_code or 0, Refused(str(answer.status), "carrier"))
    return Accepted((answer.sid,))


class Standing(Struct, frozen=True):
    """How the carrier says that a call stands: its status and, once it is over, the seconds talked."""

    status: str
    talked_s: float


def read_standing(status: int, body: bytes) -> Standing | None:
    """Return how a call stands; None where the answer does not say."""
    answer = _read(body) if status == 200 else None
    if answer is None or not isinstance(answer.status, str):
        return None
    return Standing(answer.status, seconds_of(str(answer.duration)))


def seconds_of(text: str) -> float:
    """Whole seconds as the carrier writes them; 0 for what is none."""
    return float(text[:6]) if text.isascii() and text.isdigit() else 0.0


def _read(body: bytes) -> _Answer | None:
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
