"""What a Twilio-shaped carrier tells us by callback: who it is, and how a call or message stands.

Law: pure. A callback is authentic if its signature is the HMAC-SHA1 of the public address and the sorted form, with
the account's secret. Receipts are joins, so a callback that comes again, or late, changes nothing.
Source: Twilio, "Webhooks security"; its own validator tries the address with and without a port, and so do we.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from msgspec import Struct

from klaroen.core.errors import InputError
from klaroen.core.model import Instant
from klaroen.core.ports import Call, Receipt, Reply
from klaroen_adapters.voice.twilio_codes import CALL_STATUSES, CALL_WORDS, MESSAGE_STATES, MESSAGE_WORDS, SIP_WORDS
from klaroen_adapters.voice.twilio_mark import Mark
from klaroen_adapters.voice.twilio_wire import Standing, seconds_of

FIELDS_MAX: Final = 100
"""Of a form: the carrier sends some thirty."""
PROOF_SHARE: Final = 0.8
"""Of the clip must have been played (R15)."""
CONNECTED_S: Final = 2.0
"""Of a call's duration nothing may have been heard: it is rounded up, and the clip is fetched after the answer."""
HEADERS: Final = ("x-twilio-signature", "x-signalwire-signature")

Form = Sequence[tuple[str, str]]
_PORTS: Final = {"http": 80, "https": 443}
_SID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_HANDSET: Final = re.compile(r"\+[0-9]{3,20}")
_CODE: Final = re.compile(r"[0-9]{3,6}")


class Heard(Struct, frozen=True):
    """What one callback says. The receipts of a call stand before its end."""

    receipts: tuple[Receipt, ...] = ()
    calls: tuple[Call, ...] = ()


# --- authenticity ---------------------------------------------------------------------------------------------------


def read_form(body: bytes) -> Form:
    """Return the fields of a form in their order.

    Raises InputError, which never quotes what came.
    """
    try:
        text = body.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise InputError("malformed", "a form that cannot be read") from error


def signature(secret: str, url: str, form: Form) -> str:
    """Return base64(HMAC-SHA1(secret, address + each name and value, sorted)); one that is repeated counts once."""
    said = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.new(secret.encode(), said.encode(), hashlib.sha1).digest()).decode()


def authentic(secret: str, url: str, form: Form, headers: Mapping[str, str]) -> bool:
    """Tell whether who knows our secret has signed this. Compares in constant time; header names in lower case."""
    given = next((headers[name] for name in HEADERS if name in headers), "").encode("utf-8", "replace")
    return any(hmac.compare_digest(signature(secret, one, form).encode(), given) for one in _addresses(url))


def _addresses(url: str) -> tuple[str, str]:
    """The address without a port and with one: which of them was signed depends on the carrier's mood."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("]")[2]
    bare = parts.netloc[: -len(host.partition(":")[2]) - 1] if ":" in host else parts.netloc
    ported = parts.netloc if ":" in host else f"{bare}:{_PORTS[parts.scheme]}"
    return urlunsplit(parts._replace(netloc=bare)), urlunsplit(parts._replace(netloc=ported))


# --- what it says ---------------------------------------------------------------------------------------------------


def hear(mark: Mark, form: Form, clip_s: float) -> Heard:
    """Return what a status callback says; `clip_s` is how long the clip is, 0 where that is not known.

    Raises InputError: nothing of the callback is taken.
    """
    fields = dict(form)
    if "CallStatus" in fields:
        at = _instant(fields.get("Timestamp", ""))
        words = _why(fields)
        standing = Standing(fields["CallStatus"], seconds_of(fields.get("CallDuration", "")))
        return hear_call(mark, _sid(fields, "CallSid"), standing, clip_s, words=words, to=handset_of(fields), at=at)
    status = fields.get("MessageStatus") or fields.get("SmsStatus", "")
    state = MESSAGE_STATES.get(status)
    if state is None:
        raise InputError("malformed", "a status that is none")
    error = fields.get("ErrorCode", "")
    code = MESSAGE_WORDS.get(error) or (f"error {error}" if _CODE.fullmatch(error) else status)
    sid = _sid(fields, "MessageSid" if "MessageSid" in fields else "SmsSid")
    return Heard((_receipt(mark, state, code, sid, handset_of(fields)),))


def hear_call(
    mark: Mark,
    sid: str,
    standing: Standing,
    clip_s: float,
    *,
    words: str = "",
    to: str | None = None,
    at: Instant | None = None,
) -> Heard:
    """Return what follows from how a call stands: each of its ends is told once by the carrier, or by asking it.

    Raises InputError for a status that is none.
    """
    meaning = CALL_STATUSES.get(standing.status)
    if meaning is None:
        raise InputError("malformed", "a status that is none")
    if meaning == "rings":
        return Heard((_receipt(mark, "buffered", standing.status, sid, to, at),))
    if meaning == "answered":
        return Heard((), (Call(mark.attempt, "answered", 0.0),))
    if meaning == "failed":
        why = CALL_WORDS.get(standing.status) or words or "failed"
        return Heard((_receipt(mark, "failed", why, sid, to, at),), (Call(mark.attempt, "ended", 0.0),))
    receipts = () if not clip_s else (_receipt(mark, *played(standing.talked_s - CONNECTED_S, clip_s), sid, to, at),)
    return Heard(receipts, (Call(mark.attempt, "ended", standing.talked_s),))


def played(heard_s: float, clip_s: float) -> tuple[str, str]:
    """Return (state, words) for so much of a clip."""
    percent = max(0, min(100, int(100 * heard_s / clip_s)))
    if heard_s >= PROOF_SHARE * clip_s:
        return "reached", f"played {percent} %"
    return "failed", f"hung up at {percent} %"


def _receipt(mark: Mark, state: str, code: str, sid: str, to: str | None, at: Instant | None = None) -> Receipt:
    """Named by everything there is: the carrier's id, our attempt, and our reference with the handset."""
    return Receipt(
        state,  # type: ignore[arg-type]  # from the tables above
        code,
        at=at,
        ref=sid,
        attempt=mark.attempt,
        reference=mark.reference,
        address=to,
    )


def _why(fields: Mapping[str, str]) -> str:
    """Why a call failed, in words, by its SIP code or the carrier's own."""
    sip, error = fields.get("SipResponseCode", ""), fields.get("ErrorCode", "")
    if sip in SIP_WORDS:
        return SIP_WORDS[sip]
    if _CODE.fullmatch(sip):
        return f"sip {sip}"
    return f"error {error}" if _CODE.fullmatch(error) else ""


def read_text(form: Form) -> Reply:
    """Return what a handset wrote to a number of ours.

    Raises InputError.
    """
    fields = dict(form)
    sender = fields.get("From", "")
    if _HANDSET.fullmatch(sender) is None or "Body" not in fields:
        raise InputError("malformed", "a message is From a number, and has a Body")
    return Reply(sender, fields["Body"])


def _sid(fields: Mapping[str, str], name: str) -> str:
    sid = fields.get(name, "")
    if not _SID.fullmatch(sid):
        raise InputError("malformed", "a callback without an id")
    return sid


def handset_of(fields: Mapping[str, str]) -> str | None:
    """Return the number that was called or written to, if it is one."""
    number = fields.get("To", "")
    return number if _HANDSET.fullmatch(number) else None


def _instant(text: str) -> Instant | None:
    """A Timestamp (RFC 5322), to the second."""
    try:
        moment = parsedate_to_datetime(text[:64])
        return Instant(round(moment.timestamp() * 1000)) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
