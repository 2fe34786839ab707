"""What ARI says and is asked: messages as Asterisk 22 writes them."""

import json

import pytest

from klaroen.core.model import AttemptId
from klaroen.core.ports import Fault, Outcome, Refused, Unknown, Unsent
from klaroen_adapters.voice import ari_cause, ari_wire
from klaroen_adapters.voice.ari_wire import (
    Digit,
    Entered,
    Gone,
    Left,
    Message,
    Order,
    Played,
    Playing,
    Rang,
    Replaced,
    Request,
    Response,
    Taped,
    Up,
)

CHANNEL = {
    "id": "app.a1",
    "name": "PJSIP/trunk-00000002",
    "state": "Ringing",
    "caller": {"name": "", "number": "+3250111111"},
    "dialplan": {"context": "peer", "exten": "s", "priority": 1},
}
PLAYBACK = {"id": "app.a1.1", "media_uri": "sound:/clips/x", "target_uri": "channel:app.a1", "language": "en"}
UNREAD = Fault("a message of ARI that cannot be read")

SAID: list[tuple[dict[str, object], Message | Fault | None]] = [
    ({"type": "RESTResponse", "request_id": "r", "status_code": 204}, Response("r", 204)),
    ({"type": "RESTResponse", "request_id": "r", "status_code": 200, "message_body": "[]"}, Response("r", 200, "[]")),
    ({"type": "Dial", "peer": CHANNEL, "dialstatus": ""}, None),
    ({"type": "Dial", "peer": CHANNEL, "dialstatus": "RINGING"}, Rang("app.a1")),
    ({"type": "Dial", "peer": CHANNEL, "dialstatus": "PROGRESS"}, Rang("app.a1")),
    ({"type": "Dial", "peer": CHANNEL, "dialstatus": "NOANSWER"}, None),
    ({"type": "ChannelStateChange", "channel": CHANNEL}, Rang("app.a1")),
    ({"type": "ChannelStateChange", "channel": CHANNEL | {"state": "Up"}}, Up("app.a1")),
    ({"type": "ChannelStateChange", "channel": CHANNEL | {"state": "Down"}}, None),
    ({"type": "StasisStart", "channel": CHANNEL, "args": ["call"]}, Entered("app.a1", ("call",), "+3250111111")),
    ({"type": "StasisEnd", "channel": CHANNEL}, Left("app.a1")),
    ({"type": "ChannelDestroyed", "channel": CHANNEL, "cause": 17, "tech_cause": 486}, Gone("app.a1", 17, 486)),
    ({"type": "ChannelDestroyed", "channel": CHANNEL, "cause": 16}, Gone("app.a1", 16)),
    ({"type": "ChannelDtmfReceived", "channel": CHANNEL, "digit": "1", "duration_ms": 90}, Digit("app.a1", "1")),
    ({"type": "ChannelDtmfReceived", "channel": CHANNEL, "digit": "x"}, UNREAD),
    ({"type": "PlaybackStarted", "playback": PLAYBACK | {"state": "playing"}}, Playing("app.a1.1")),
    ({"type": "PlaybackFinished", "playback": PLAYBACK | {"state": "done"}}, Played("app.a1.1", True)),
    ({"type": "PlaybackFinished", "playback": PLAYBACK | {"state": "failed"}}, Played("app.a1.1", False)),
    ({"type": "RecordingFinished", "recording": {"name": "r1", "duration": 12}}, Taped("r1", 12.0)),
    ({"type": "RecordingFailed", "recording": {"name": "r1"}}, Taped("r1", None)),
    ({"type": "ApplicationReplaced", "application": "app"}, Replaced()),
    ({"type": "ChannelVarset", "channel": CHANNEL, "variable": "X"}, None),
    ({"type": 1}, UNREAD),
    ({"channel": CHANNEL}, UNREAD),
]


@pytest.mark.parametrize(("said", "expected"), SAID)
def test_what_it_says(said: dict[str, object], expected: Message | Fault | None) -> None:
    assert expected == ari_wire.read(json.dumps(said).encode())


@pytest.mark.parametrize("octets", [b"", b"{", b'{"type": "\xff"}', b"[" * 100_000, b"null"])
def test_what_cannot_be_read_is_counted_and_ends_nothing(octets: bytes) -> None:
    assert UNREAD == ari_wire.read(octets)


def test_a_list_of_channels_names_who_stands() -> None:
    assert ["app.a1", "17.2"] == ari_wire.read_channels(json.dumps([CHANNEL, {"id": "17.2", "state": "Up"}]))
    assert ari_wire.read_channels('{"message": "no"}') is None


def test_channels_bear_the_name_of_their_attempt() -> None:
    assert "app.a1" == ari_wire.channel_of("app", AttemptId("a1"))
    assert "a1" == ari_wire.attempt_of("app", "app.a1")
    assert ari_wire.attempt_of("app", "application.a1") is None
    assert ari_wire.attempt_of("app", "1795302930.7") is None


def test_an_order_is_written_alike_for_the_socket_and_for_http() -> None:
    """The callee's number stands in the endpoint, ours in callerId; the channel's name is ours to give."""
    request = ari_wire.originate("order a1", "app", Order(AttemptId("a1"), "PJSIP/+32470@trunk", "+3250111111", 40))
    said = json.loads(ari_wire.encode(request))
    assert ("RESTRequest", "order a1", "POST", "channels") == (
        said["type"],
        said["request_id"],
        said["method"],
        said["uri"],
    )
    query = {one["name"]: one["value"] for one in said["query_strings"]}
    expected = {
        "endpoint": "PJSIP/+32470@trunk",
        "app": "app",
        "appArgs": "call",
        "channelId": "app.a1",
        "timeout": "40",
        "callerId": "+3250111111",
    }
    assert expected == query
    target = (
        "channels?endpoint=PJSIP%2F%2B32470%40trunk&app=app&appArgs=call&channelId=app.a1&timeout=40"
        "&callerId=%2B3250111111"
    )
    assert (target, b"") == ari_wire.encode_http(request)


def test_without_a_number_of_ours_the_trunk_gives_its_own() -> None:
    request = ari_wire.originate("order a1", "app", Order(AttemptId("a1"), "PJSIP/1@trunk", "", 40))
    assert "callerId" not in dict(request.query)


def test_the_filter_names_what_we_read_and_the_answers_too() -> None:
    """It stands before answers to requests: without their type Asterisk would be silent from here on."""
    request = ari_wire.filter_events("app")
    target, body = ari_wire.encode_http(request)
    assert "applications/app/eventFilter" == target
    assert list(ari_wire.TYPES) == [one["type"] for one in json.loads(body)["allowed"]]
    said = json.loads(ari_wire.encode(request))
    assert ("application/json", body.decode()) == (said["content_type"], said["message_body"])
    assert set(ari_wire.TYPES) == {str(said["type"]) for said, meaning in SAID if isinstance(meaning, Message)}


@pytest.mark.parametrize(
    ("request_", "method", "target"),
    [
        (ari_wire.list_channels("standing"), "GET", "channels"),
        (ari_wire.hang_up("end a1", "app.a1"), "DELETE", "channels/app.a1?reason_code=16"),
        (
            ari_wire.play("play a1", "app.a1", "app.a1.1", "sound:/c/x"),
            "POST",
            "channels/app.a1/play/app.a1.1?media=sound%3A%2Fc%2Fx",
        ),
        (ari_wire.stop_playing("stop a1", "app.a1", "app.a1.1"), "DELETE", "playbacks/app.a1.1"),
        (ari_wire.ask_playback("ask a1", "app.a1", "app.a1.1"), "GET", "playbacks/app.a1.1"),
        (
            ari_wire.into_dial_plan("amd a1", "app.a1", "amd"),
            "POST",
            "channels/app.a1/continue?context=amd&extension=s&priority=1",
        ),
    ],
)
def test_what_it_is_asked(request_: Request, method: str, target: str) -> None:
    assert (method, (target, b"")) == (request_.method, ari_wire.encode_http(request_))
    said = json.loads(ari_wire.encode(request_))
    assert (method, target.partition("?")[0]) == (said["method"], said["uri"])


# --- why a channel ended --------------------------------------------------------------------------------------------

ENDS: list[tuple[Gone, Outcome, str]] = [
    (Gone("c", 17, 486), Refused("busy", "address"), "busy"),
    (Gone("c", 17, 600), Refused("busy", "address"), "busy"),
    (Gone("c", 17), Refused("busy", "address"), "busy"),
    (Gone("c", 1, 404), Refused("number invalid", "address"), "number invalid"),
    (Gone("c", 1), Refused("number invalid", "address"), "number invalid"),
    (Gone("c", 28), Refused("number invalid", "address"), "number invalid"),
    (Gone("c", 21, 603), Refused("rejected", "address"), "rejected"),
    (Gone("c", 21, 403), Refused("403", "carrier"), "403"),
    (Gone("c", 21), Refused("rejected", "address"), "rejected"),
    (Gone("c", 18, 408), Refused("no answer", "address"), "no answer"),
    (Gone("c", 19), Refused("no answer", "address"), "no answer"),
    (Gone("c", 16), Refused("no answer", "address"), "no answer"),
    (Gone("c", 34, 503), Unsent("trunk 503"), "trunk 503"),
    (Gone("c", 38), Unsent("trunk 503"), "trunk 503"),
    (Gone("c", 0, 200), Refused("no answer", "address"), "no answer"),
    (Gone("c", 127, 777), Unsent("trunk 500"), "trunk 500"),
]


@pytest.mark.parametrize(("end", "outcome", "words"), ENDS)
def test_the_sip_status_says_why_a_call_ended_else_the_cause(end: Gone, outcome: Outcome, words: str) -> None:
    assert (outcome, words) == (ari_cause.outcome(end, cancelled=False), ari_cause.words(end, cancelled=False))


def test_what_we_gave_up_has_our_reason() -> None:
    """Asterisk then says 16, normal clearing."""
    end = Gone("c", 16)
    assert Unsent("not rung in time") == ari_cause.outcome(end, cancelled=True)
    assert "no answer" == ari_cause.words(end, cancelled=True)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, None),
        (204, None),
        (400, Refused("ari 400", "carrier")),
        (403, Refused("ari 403", "carrier")),
        (409, Unknown("an earlier call of it stands")),
        (500, Unsent("ari 500")),
        (503, Unsent("ari 503")),
    ],
)
def test_an_order_that_is_refused_has_dialled_nobody(status: int, outcome: Outcome | None) -> None:
    assert outcome == ari_cause.refusal(Response("order a1", status))
