"""What we write into the addresses that a Twilio-shaped carrier calls back, and read from them again.

Law: an address says whose call or message it is about, so that a callback finds its attempt though the carrier's id is
unknown; and it names no number and no text. The carrier signs the whole address, so that nobody can write another.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, CarrierName, ClipId, Instant
from klaroen.core.ports import Envelope

FIELDS_MAX: Final = 16
PLAYS_MAX: Final = 10
"""As `steps.*.plays`."""
CALL_S_MAX: Final = 1_800
"""No call of ours lasts longer: ten plays of the longest message that a text makes, two minutes."""
SHARED_S: Final = 3_600
"""Clips' addresses end at a full hour, so that calls of one hour share one, and a carrier's cache has it."""

_ATTEMPT: Final = re.compile(r"[A-Za-z0-9_]{1,40}")
_CLIP: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"[0-9]{1,15}")


class Account(Struct, frozen=True):
    """What requests and addresses need to know of us. Secrets: never shown, never logged."""

    name: CarrierName
    url: str
    sid: str
    token: str
    callbacks: str | None = None
    """Our edge as the carrier reaches it, without the last slash; None where it cannot."""
    sender: str = ""

    def __repr__(self) -> str:
        return f"Account({self.name})"


class Mark(Struct, frozen=True):
    """An attempt; of a call also what is played, and until when its clips may be fetched (Unix seconds)."""

    attempt: AttemptId
    reference: int = 0
    clip: ClipId | None = None
    prompt: ClipId | None = None
    reply: ClipId | None = None
    plays: int = 1
    until_s: int = 0


class Place(Struct, frozen=True):
    """Where a call stands when the carrier asks what comes next: the `play`-th play began at `since`, and is over."""

    ended_by: Literal["key", "itself"]
    play: int
    since: Instant
    replied: bool = False
    """The reply has been played: no key brings it again."""
    pressed: bool = False
    """Key 1 came before the clip was heard: it counts once it is."""


def mark_of(envelope: Envelope) -> Mark:
    """Return what callbacks about this envelope have to say."""
    script = envelope.script
    if script is None:
        return Mark(envelope.attempt, envelope.reference)
    last_s = envelope.content.expires_at // 1000 + CALL_S_MAX
    until_s = -(-last_s // SHARED_S) * SHARED_S
    plays = min(script.plays, PLAYS_MAX)
    return Mark(envelope.attempt, envelope.reference, script.clip, script.prompt, script.reply, plays, until_s)


def status_url(account: Account, mark: Mark) -> str:
    """Where the carrier says how a call or message stands."""
    return f"{account.callbacks}/v1/receipts/{account.name}?{_write(mark, None)}"


def turn_url(account: Account, mark: Mark, place: Place | None = None) -> str:
    """Where the carrier asks what a call does next; without a place: now that it is answered."""
    return f"{account.callbacks}/v1/calls/{account.name}?{_write(mark, place)}"


def _write(mark: Mark, place: Place | None) -> str:
    fields: dict[str, str | int | None] = {
        "attempt": mark.attempt,
        "reference": mark.reference,
        "clip": mark.clip,
        "prompt": mark.prompt,
        "reply": mark.reply,
        "plays": mark.plays if mark.clip else None,
        "until": mark.until_s or None,
    }
    if place is not None:
        fields |= {"ended": place.ended_by, "play": place.play, "since": place.since}
        fields |= {"replied": "1" if place.replied else None, "pressed": "1" if place.pressed else None}
    return urlencode({name: value for name, value in fields.items() if value is not None})


def read_mark(query: bytes) -> tuple[Mark, Place | None]:
    """Return what an address of ours says.

    Raises InputError, which never quotes what came.
    """
    fields = _fields(query)
    attempt = fields.get("attempt", "")
    if not _ATTEMPT.fullmatch(attempt):
        raise InputError("malformed", "not an address that we gave out")
    mark = Mark(
        AttemptId(attempt),
        _number(fields, "reference", 0xFFFF),
        _clip(fields, "clip"),
        _clip(fields, "prompt"),
        _clip(fields, "reply"),
        _number(fields, "plays", PLAYS_MAX, 1),
        _number(fields, "until", 10**12),
    )
    ended = fields.get("ended")
    if ended is None:
        return mark, None
    if ended not in ("key", "itself"):
        raise InputError("malformed", "not an address that we gave out")
    play, since = _number(fields, "play", PLAYS_MAX, 1), _number(fields, "since", 10**15)
    ended_by: Literal["key", "itself"] = "key" if ended == "key" else "itself"
    return mark, Place(ended_by, play, Instant(since), "replied" in fields, "pressed" in fields)


def _fields(query: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError as error:
        raise InputError("malformed", "a query that cannot be read") from error


def _number(fields: Mapping[str, str], name: str, most: int, default: int = 0) -> int:
    text = fields.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not default <= int(text) <= most:
        raise InputError("malformed", "not an address that we gave out")
    return int(text)


def _clip(fields: Mapping[str, str], name: str) -> ClipId | None:
    text = fields.get(name)
    if text is not None and not _CLIP.fullmatch(text):
        raise InputError("malformed", "not an address that we gave out")
    return None if text is None else ClipId(text)
