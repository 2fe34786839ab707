"""What Asterisk's REST interface (ARI) is asked, and what it says: JSON <-> values.

Law: pure. A message that means nothing to us is `None`, one that cannot be read is a `Fault`: neither ends anything.
Channels of ours are named APP.ATTEMPT, so that each thing that is told of one finds its call, and a second order for
the same attempt is refused while the first one stands. Source: Asterisk 22, "ARI REST over WebSocket", rest-api/*.json.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from klaroen.core.model import AttemptId
from klaroen.core.ports import Fault

Channel = str
"""A channel's id."""

TYPES: Final = (
    *("ApplicationReplaced", "ChannelDestroyed", "ChannelDtmfReceived", "ChannelStateChange", "Dial"),
    *("PlaybackFinished", "PlaybackStarted", "RecordingFailed", "RecordingFinished"),
    *("RESTResponse", "StasisEnd", "StasisStart"),
)
"""All that we want to hear: the filter stands before answers to requests too, so it has to name them."""


class Request(Struct, frozen=True):
    """One request of ARI; `name` comes back with its answer, `channel` is the one that it is about."""

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] | None = None
    channel: Channel = ""


# --- what it says ---------------------------------------------------------------------------------------------------


class Response(Struct, frozen=True):
    """The answer to a request."""

    name: str
    status: int
    body: str = ""


class Rang(Struct, frozen=True):
    """The far end's telephone rings, or audio comes before an answer (180, 183)."""

    channel: Channel


class Up(Struct, frozen=True):
    """The far end has answered."""

    channel: Channel


class Entered(Struct, frozen=True):
    """The channel is in our hands, with what the dial plan says of it."""

    channel: Channel
    args: tuple[str, ...]
    caller: str = ""


class Left(Struct, frozen=True):
    """The channel is out of our hands: it goes on in the dial plan, or ends."""

    channel: Channel


class Gone(Struct, frozen=True):
    """The channel is no more; why, by Q.850 and, where Asterisk tells, by the SIP status."""

    channel: Channel
    cause: int = 0
    status: int | None = None


class Digit(Struct, frozen=True):
    channel: Channel
    digit: str


class Playing(Struct, frozen=True):
    playback: str


class Played(Struct, frozen=True):
    """A playback is over: `whole` unless it failed."""

    playback: str
    whole: bool


class Taped(Struct, frozen=True):
    """A live recording is over; `seconds` is None where it failed."""

    recording: str
    seconds: float | None


class Replaced(Struct, frozen=True):
    """Somebody else has connected under our application's name."""


Message = Response | Rang | Up | Entered | Left | Gone | Digit | Playing | Played | Taped | Replaced


class _Caller(Struct, frozen=True):
    number: str = ""


class _Channel(Struct, frozen=True):
    id: str = ""
    state: str = ""
    caller: _Caller = _Caller()


class _Playback(Struct, frozen=True):
    id: str = ""
    state: str = ""


class _Recording(Struct, frozen=True):
    name: str = ""
    duration: float = 0.0


class _Raw(Struct, frozen=True):
    """Everything that any message of ours has; all else is skipped unread."""

    type: str
    request_id: str = ""
    status_code: int = 0
    message_body: str = ""
    channel: _Channel = _Channel()
    peer: _Channel = _Channel()
    dialstatus: str = ""
    args: tuple[str, ...] = ()
    digit: str = ""
    cause: int = 0
    tech_cause: int | None = None
    playback: _Playback = _Playback()
    recording: _Recording = _Recording()


_decoder: Final = msgspec.json.Decoder(_Raw)
_channels: Final = msgspec.json.Decoder(tuple[_Channel, ...])
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_UNREAD: Final = Fault("a message of ARI that cannot be read")
_DIGITS: Final = frozenset("0123456789*#ABCD")
_RINGS: Final = frozenset({"RINGING", "PROGRESS"})


def read(octets: bytes) -> Message | Fault | None:
    """Return what one message says; None for one that is not for us."""
    try:
        raw = _decoder.decode(octets)
    except _UNREADABLE:
        return _UNREAD
    match raw.type:
        case "RESTResponse":
            return Response(raw.request_id, raw.status_code, raw.message_body)
        case "Dial":
            return Rang(raw.peer.id) if raw.dialstatus in _RINGS else None
        case "ChannelStateChange":
            return _by_state(raw.channel)
        case "StasisStart":
            return Entered(raw.channel.id, raw.args, raw.channel.caller.number)
        case "StasisEnd":
            return Left(raw.channel.id)
        case "ChannelDestroyed":
            return Gone(raw.channel.id, raw.cause, raw.tech_cause)
        case "ChannelDtmfReceived":
            return Digit(raw.channel.id, raw.digit) if raw.digit in _DIGITS else _UNREAD
        case "PlaybackStarted":
            return Playing(raw.playback.id)
        case "PlaybackFinished":
            return Played(raw.playback.id, raw.playback.state == "done")
        case "RecordingFinished":
            return Taped(raw.recording.name, raw.recording.duration)
        case "RecordingFailed":
            return Taped(raw.recording.name, None)
        case "ApplicationReplaced":
            return Replaced()
    return None


def _by_state(channel: _Channel) -> Rang | Up | None:
    if channel.state == "Up":
        return Up(channel.id)
    return Rang(channel.id) if channel.state == "Ringing" else None


def read_channels(body: str) -> Sequence[Channel] | None:
    """Return the channels that a list of them names; None where it cannot be read."""
    try:
        return [one.id for one in _channels.decode(body)]
    except _UNREADABLE:
        return None


# --- what it is asked -----------------------------------------------------------------------------------------------


class Order(Struct, frozen=True):
    """One call to be made."""

    attempt: AttemptId
    endpoint: str
    caller_id: str
    ring_s: int
    """When Asterisk gives up by itself, should we not be there to tell it."""


def channel_of(app: str, attempt: AttemptId) -> Channel:
    return f"{app}.{attempt}"


def attempt_of(app: str, channel: Channel) -> AttemptId | None:
    """Return whose call a channel is; None where it is none of ours."""
    return AttemptId(channel[len(app) + 1 :]) if channel.startswith(f"{app}.") else None


def filter_events(app: str) -> Request:
    """Tell Asterisk to say no more than we listen to: it is the most part of what both have to do."""
    allowed = [{"type": one} for one in TYPES]
    return Request("filter", "PUT", f"applications/{app}/eventFilter", body={"allowed": allowed})


def list_channels(name: str) -> Request:
    return Request(name, "GET", "channels")


def originate(name: str, app: str, order: Order) -> Request:
    channel = channel_of(app, order.attempt)
    query = {
        "endpoint": order.endpoint,
        "app": app,
        "appArgs": "call",
        "channelId": channel,
        "timeout": str(order.ring_s),
    }
    if order.caller_id:
        query["callerId"] = order.caller_id
    return Request(name, "POST", "channels", tuple(query.items()), channel=channel)


def hang_up(name: str, channel: Channel) -> Request:
    return Request(name, "DELETE", f"channels/{channel}", (("reason_code", "16"),), channel=channel)


def play(name: str, channel: Channel, playback: str, media: str) -> Request:
    path = f"channels/{channel}/play/{playback}"
    return Request(name, "POST", path, (("media", media),), channel=channel)


def stop_playing(name: str, channel: Channel, playback: str) -> Request:
    return Request(name, "DELETE", f"playbacks/{playback}", channel=channel)


def ask_playback(name: str, channel: Channel, playback: str) -> Request:
    return Request(name, "GET", f"playbacks/{playback}", channel=channel)


def record(name: str, channel: Channel, recording: str, seconds: int) -> Request:
    """Record until the hash key, or for so long; raw A-law, as clips are."""
    query = (
        ("name", recording),
        ("format", "alaw"),
        ("maxDurationSeconds", str(seconds)),
        ("ifExists", "overwrite"),
        ("terminateOn", "#"),
    )
    return Request(name, "POST", f"channels/{channel}/record", query, channel=channel)


def fetch_recording(name: str, recording: str) -> Request:
    """Over HTTP alone: its answer is no text."""
    return Request(name, "GET", f"recordings/stored/{recording}/file")


def forget_recording(name: str, recording: str) -> Request:
    return Request(name, "DELETE", f"recordings/stored/{recording}")


def into_dial_plan(name: str, channel: Channel, context: str) -> Request:
    """Let the dial plan have the channel, which gives it back."""
    query = (("context", context), ("extension", "s"), ("priority", "1"))
    return Request(name, "POST", f"channels/{channel}/continue", query, channel=channel)


def encode(request: Request) -> str:
    """Return the request as one text message of the WebSocket."""
    said: dict[str, object] = {
        "type": "RESTRequest",
        "transaction_id": request.name,
        "request_id": request.name,
        "method": request.method,
        "uri": request.path,
    }
    if request.query:
        said["query_strings"] = [{"name": name, "value": value} for name, value in request.query]
    if request.body is not None:
        said |= {"content_type": "application/json", "message_body": msgspec.json.encode(request.body).decode()}
    return msgspec.json.encode(said).decode()


def encode_http(request: Request) -> tuple[str, bytes]:
    """Return (what comes after the base URL, body)."""
    query = f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
    return request.path + query, b"" if request.body is None else msgspec.json.encode(request.body)
