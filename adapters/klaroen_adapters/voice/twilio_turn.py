"""What a call does next, turn by turn, in TwiML.

Law: pure; where a call stands is written in the address that the carrier asks, so that nobody need remember it. Each
play is one turn: the carrier asks for the next when the play has ended or a key was pressed, and that it asks is the
proof of what it played. Key 1 confirms what was heard, where there is a prompt; the first other key brings the reply
(R17); for crisis there is neither, and nothing is spoken but the text (R10). Source: Twilio, "TwiML for Voice".
"""

from collections.abc import Iterable
from html import escape
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from klaroen.core.model import ClipId, Instant
from klaroen.core.ports import Receipt
from klaroen_adapters.voice.twilio_callback import Form, handset_of, played
from klaroen_adapters.voice.twilio_clip import clip_url
from klaroen_adapters.voice.twilio_mark import Account, Mark, Place, turn_url

KEY_S: Final = 4
"""After the prompt: as long as people need to take the telephone from the ear and press."""
LISTEN_S: Final = 1
"""After a clip without prompt: the shortest that the carrier waits for a key."""
PAUSE_S: Final = 1
"""Between two plays, so that the second one is heard to be one, where nobody waits for a key."""
CONFIRM: Final = "1"
KEYS: Final = frozenset("0123456789*#ABCD")


class Turn(Struct, frozen=True):
    """What the carrier is told to do, and what its asking has proved."""

    twiml: bytes
    receipts: tuple[Receipt, ...] = ()


class Lengths(Struct, frozen=True):
    """Seconds of each clip of a call; 0 for one that is not there."""

    clip_s: float
    prompt_s: float = 0.0
    reply_s: float = 0.0


class Call(Struct, frozen=True):
    """What a call is about, and how to say it."""

    account: Account
    mark: Mark
    lengths: Lengths
    sid: str | None
    handset: str | None
    now: Instant


def take_turn(account: Account, mark: Mark, place: Place | None, form: Form, lengths: Lengths, now: Instant) -> Turn:
    """Return what a call does now that it was answered (no place), or that a play has ended."""
    fields = dict(form)
    call = Call(account, mark, lengths, fields.get("CallSid", "")[:64] or None, handset_of(fields), now)
    if mark.clip is None or not lengths.clip_s:
        return _hang_up(_receipt(call, "failed", "clip missing"))
    if place is None:
        return Turn(_response(_play(call, mark.clip, Place("itself", 1, now))))
    state, words = played(_heard_s(call, place), lengths.clip_s)
    reached = (_receipt(call, "reached", words),) if state == "reached" else ()
    digit = fields.get("Digits", "")[:1]
    if place.ended_by == "key" and digit in KEYS and digit:
        return _after_key(call, mark.clip, place, digit, reached)
    if not reached:  # the carrier went on without having played: it could not fetch the clip
        return _hang_up(_receipt(call, "failed", "clip not played"))
    if place.pressed:
        return _hang_up(*reached, _receipt(call, "confirmed", "key 1"))
    return Turn(_response(_go_on(call, mark.clip, replace(place, play=place.play + 1, since=now))), reached)


def _after_key(call: Call, clip: ClipId, place: Place, digit: str, reached: tuple[Receipt, ...]) -> Turn:
    """A key has ended the play: what was not heard enough is played again, and no key ends it then."""
    if digit == CONFIRM and call.mark.prompt is not None:
        if reached:
            return _hang_up(*reached, _receipt(call, "confirmed", "key 1"))
        return Turn(_response(_go_on(call, clip, replace(place, since=call.now, pressed=True))))
    spoken, since = [], call.now
    if call.mark.reply is not None and call.lengths.reply_s and not place.replied:
        spoken = [_audio(call, call.mark.reply)]
        since = Instant(call.now + round(call.lengths.reply_s * 1000))
    play = place.play if not reached and not place.replied else place.play + 1
    return Turn(
        _response([*spoken, *_go_on(call, clip, replace(place, play=play, since=since, replied=True))]), reached
    )


def _heard_s(call: Call, place: Place) -> float:
    """How much of the clip has been played in this turn, by our own clock: never more than time has passed."""
    passed_s = (call.now - place.since) / 1000
    if place.ended_by == "itself":  # everything of the turn is over, the prompt and the waiting for a key too
        passed_s -= _listening_s(call.mark, place) + (call.lengths.prompt_s if _asks(call.mark, place) else 0.0)
    return min(passed_s, call.lengths.clip_s)


def _asks(mark: Mark, place: Place) -> bool:
    """Whether this turn asks for key 1."""
    return mark.prompt is not None and not place.pressed


def _listening_s(mark: Mark, place: Place) -> int:
    """How long the carrier waits for a key after what this turn plays; 0 where none would mean anything."""
    if _asks(mark, place):
        return KEY_S
    return LISTEN_S if mark.reply is not None and not place.replied and not place.pressed else 0


# --- TwiML ----------------------------------------------------------------------------------------------------------


def _go_on(call: Call, clip: ClipId, place: Place) -> list[str]:
    if place.play > call.mark.plays:
        return ["<Hangup/>"]
    if _listening_s(call.mark, place):
        return _play(call, clip, place)
    later = replace(place, since=Instant(place.since + PAUSE_S * 1000))
    return [_element("Pause", "", length=str(PAUSE_S)), *_play(call, clip, later)]


def _play(call: Call, clip: ClipId, place: Place) -> list[str]:
    """One play, with an ear for the keys that mean something, and the question what comes next.

    Once a reply was given, keys no longer interrupt the clip: only the prompt is played with an open ear.
    """
    mark = call.mark
    aloud, asked = [_audio(call, clip)], [_audio(call, mark.prompt)] if mark.prompt and _asks(mark, place) else []
    verbs: list[str] = []
    listening_s = _listening_s(mark, place)
    if not listening_s or place.replied:
        verbs, aloud = aloud, []
    if listening_s:
        action = turn_url(call.account, mark, replace(place, ended_by="key"))
        verbs.append(
            _element(
                "Gather",
                "".join(aloud + asked),
                input="dtmf",
                numDigits="1",
                finishOnKey="",
                timeout=str(listening_s),
                action=action,
                method="POST",
            )
        )
    ended = turn_url(call.account, mark, replace(place, ended_by="itself"))
    return [*verbs, _element("Redirect", escape(ended), method="POST")]


def _audio(call: Call, clip: ClipId) -> str:
    return _element("Play", escape(clip_url(call.account, clip, call.mark.until_s)))


def _element(name: str, content: str, **attributes: str) -> str:
    said = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{said}>{content}</{name}>"


def _response(verbs: Iterable[str]) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(verbs)}</Response>'.encode()


def _hang_up(*receipts: Receipt) -> Turn:
    return Turn(_response(["<Hangup/>"]), receipts)


def _receipt(call: Call, state: Literal["failed", "reached", "confirmed"], words: str) -> Receipt:
    mark = call.mark
    return Receipt(state, words, ref=call.sid, attempt=mark.attempt, reference=mark.reference, address=call.handset)
