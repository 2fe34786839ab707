"""Requests to a Twilio-shaped carrier, and what its answers mean."""

import base64
import json
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from msgspec.structs import replace

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, CarrierName, ClipId, Content, Instant
from klaroen.core.ports import Accepted, Envelope, Outcome, Refused, Script, Unknown, Unsent
from klaroen_adapters.voice import twilio_wire
from klaroen_adapters.voice.twilio_codes import REQUEST_CODES
from klaroen_adapters.voice.twilio_mark import Account, Mark, Place, mark_of, read_mark, status_url, turn_url
from klaroen_adapters.voice.twilio_wire import Request, Standing, build, read_outcome, read_standing

NOW = Instant(1_795_302_930_000)
ACCOUNT = Account(CarrierName("cloud"), "https://api.test/laml/", "AC1", "t0ken", "https://bin.test", "+3221234567")
CLIP, PROMPT, REPLY = (ClipId(digit * 64) for digit in "abc")
SCRIPT = Script(CLIP, 29.2, 2, "+3231010101", PROMPT, REPLY)


def envelope(text: str = "Dag België €", script: Script | None = None, account: Account = ACCOUNT) -> Envelope:
    content = Content("sms" if script is None else "tts", "nl", "warm", text, "0" * 64, Instant(NOW + 1_800_000))
    return Envelope(AttemptId("a1"), "+32470000001", content, Instant(NOW + 10_000), 7, script)


def form_of(request: Request | Refused) -> list[tuple[str, str]]:
    assert isinstance(request, Request)
    return parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict")


# --- texts ----------------------------------------------------------------------------------------------------------


def test_a_text_is_one_form_with_exactly_its_characters() -> None:
    """One recipient a request; the carrier is told to put no other characters in place of ours."""
    request = build(ACCOUNT, envelope(" Dag België €\r\n & = + % 🚨 "), NOW)
    assert isinstance(request, Request)
    assert ("POST", "https://api.test/laml/2010-04-01/Accounts/AC1/Messages.json") == (request.method, request.url)
    assert [
        ("To", "+32470000001"),
        ("From", "+3221234567"),
        ("Body", " Dag België €\r\n & = + % 🚨 "),
        ("SmartEncoded", "false"),
        ("ValidityPeriod", "1800"),
        ("StatusCallback", "https://bin.test/v1/receipts/cloud?attempt=a1&reference=7"),
    ] == form_of(request)
    assert "Basic " + base64.b64encode(b"AC1:t0ken").decode() == request.headers["authorization"]


def test_a_messaging_service_stands_in_for_a_sender() -> None:
    account = Account(CarrierName("c"), "https://api.test", "AC1", "t", None, "MG" + "0" * 32)
    form = dict(form_of(build(account, envelope(), NOW)))
    assert "MG" + "0" * 32 == form["MessagingServiceSid"]
    assert not {"From", "StatusCallback"} & set(form)


def test_a_text_leaves_exactly_or_not() -> None:
    """Longer than the carrier takes: refused here, never cut; half a surrogate pair has no UTF-8."""
    assert isinstance(build(ACCOUNT, envelope("x" * 1600), NOW), Request)
    assert twilio_wire.TOO_LONG == build(ACCOUNT, envelope("x" * 1601), NOW)
    with pytest.raises(UnicodeEncodeError):
        build(ACCOUNT, envelope("half: \ud83d"), NOW)


# --- calls ----------------------------------------------------------------------------------------------------------


def test_a_call_says_where_to_ask_what_to_do_and_where_to_tell() -> None:
    request = build(ACCOUNT, envelope(script=SCRIPT), NOW)
    form = form_of(request)
    assert isinstance(request, Request)
    assert request.url.endswith("/Accounts/AC1/Calls.json")
    fields = dict(form)
    asked, told = urlsplit(fields.pop("Url")), urlsplit(fields.pop("StatusCallback"))
    assert ("/v1/calls/cloud", "/v1/receipts/cloud", asked.query) == (asked.path, told.path, told.query)
    mark, place = read_mark(asked.query.encode())
    assert (mark_of(envelope(script=SCRIPT)), None) == (mark, place)
    assert {
        "To": "+32470000001",
        "From": "+3231010101",
        "Method": "POST",
        "StatusCallbackMethod": "POST",
        "StatusCallbackEvent": "completed",
        "Timeout": "30",
        "TimeLimit": "1800",
    } == fields
    assert ["initiated", "ringing", "answered", "completed"] == [v for k, v in form if k == "StatusCallbackEvent"]


def test_a_zone_without_a_number_of_its_own_calls_by_the_accounts() -> None:
    fields = dict(form_of(build(ACCOUNT, envelope(script=Script(CLIP, 700.0, 99)), NOW)))
    assert ("+3221234567", "600") == (fields["From"], fields["Timeout"])
    assert "10" == parse_qs(urlsplit(fields["Url"]).query)["plays"][0]


def test_who_cannot_be_reached_cannot_call() -> None:
    """The carrier would have nowhere to fetch what it plays."""
    account = Account(CarrierName("c"), "https://api.test", "AC1", "t")
    assert twilio_wire.NO_CALLBACKS == build(account, envelope(script=SCRIPT), NOW)


def test_a_call_without_a_clip_is_no_call_and_no_text() -> None:
    """Nothing is sent, and the plan's next step follows."""
    silent = envelope()
    spoken = replace(silent, content=replace(silent.content, channel="voice"))
    assert twilio_wire.NO_CLIP == build(ACCOUNT, spoken, NOW)


def test_nothing_that_is_shown_names_a_secret_a_number_or_a_text() -> None:
    shown = repr(ACCOUNT) + repr(build(ACCOUNT, envelope(), NOW))
    assert not any(word in shown for word in ("t0ken", "AC1", "3247", "Belgi"))


def test_a_call_is_asked_about_by_its_id() -> None:
    request = twilio_wire.ask_call(ACCOUNT, "CA9")
    assert ("GET", "https://api.test/laml/2010-04-01/Accounts/AC1/Calls/CA9.json") == (request.method, request.url)


# --- marks ----------------------------------------------------------------------------------------------------------


def test_clips_of_one_hour_share_an_address() -> None:
    """Half an hour after the alert's end, at a full hour: the carrier's cache then knows it again."""
    until_s = mark_of(envelope(script=SCRIPT)).until_s
    assert until_s % 3600 == 0
    assert 1800 <= until_s - (NOW + 1_800_000) // 1000 < 1800 + 3600


@pytest.mark.parametrize(
    "place",
    [None, Place("key", 1, NOW), Place("itself", 10, NOW, replied=True), Place("key", 2, NOW, True, pressed=True)],
)
def test_a_mark_comes_back_as_it_was_written(place: Place | None) -> None:
    mark = mark_of(envelope(script=SCRIPT))
    assert (mark, place) == read_mark(urlsplit(turn_url(ACCOUNT, mark, place)).query.encode())
    text = mark_of(envelope())
    assert (text, None) == read_mark(urlsplit(status_url(ACCOUNT, text)).query.encode())


@pytest.mark.parametrize(
    "query",
    [
        "",
        "attempt=",
        "attempt=a%20b",
        f"attempt={'a' * 41}",
        "attempt=a1&clip=x",
        f"attempt=a1&prompt={'A' * 64}",
        "attempt=a1&reference=65536",
        "attempt=a1&reference=-1",
        "attempt=a1&plays=0",
        "attempt=a1&plays=11",
        "attempt=a1&ended=soon",
        "attempt=a1&ended=key&play=0",
        "attempt=a1&ended=key&since=x",
        "&".join(["attempt=a1"] * 17),
        "attempt=é",
    ],
)
def test_what_we_did_not_write_is_malformed(query: str) -> None:
    with pytest.raises(InputError) as caught:
        read_mark(query.encode())
    assert "malformed" == caught.value.problem.name


def test_a_mark_without_a_place_has_defaults() -> None:
    assert (Mark(AttemptId("a1")), Place("key", 1, Instant(0))) == read_mark(b"attempt=a1&ended=key")


# --- answers --------------------------------------------------------------------------------------------------------


def outcome(status: int, body: object, **headers: str) -> Outcome:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_outcome(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, NOW)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, {"sid": "CA1", "status": "queued"}, Accepted(("CA1",))),
        (200, {"sid": "6e1f-aa", "status": "queued"}, Accepted(("6e1f-aa",))),
        (201, {"sid": "SM1", "status": "failed", "error_code": 21610}, Refused("unsubscribed", "address")),
        (201, {"sid": "SM1", "status": "failed", "error_code": None}, Refused("failed", "carrier")),
        (201, {"status": "queued"}, Unknown("unreadable answer")),
        (201, {"sid": "a b"}, Unknown("unreadable answer")),
        (201, b"<html>", Unknown("unreadable answer")),
        (201, b"\xff", Unknown("unreadable answer")),
        (201, b"[" * 100_000, Unknown("unreadable answer")),
        (400, {"code": 21211, "message": "x", "status": 400}, Refused("number invalid", "address")),
        (400, {"code": 21610, "status": 400}, Refused("unsubscribed", "address")),
        (400, {"code": 21617}, Refused("text too long", "content")),
        (400, {"code": 99999}, Refused("http 400", "carrier")),
        (400, {"message": "x"}, Refused("http 400", "carrier")),
        (400, b"no", Refused("http 400", "carrier")),
        (401, {"code": 20003}, Refused("authentication", "carrier")),
        (403, {}, Refused("http 403", "carrier")),
        (400, {"code": 21611}, Unsent("queue full", throttled=True)),
        (500, {"code": 21211}, Unknown("http 500")),
        (503, {}, Unknown("http 503")),
    ],
)
def test_an_answer_is_judged_by_its_code_then_by_its_status(status: int, body: object, expected: Outcome) -> None:
    assert expected == outcome(status, body)


def test_too_many_requests_are_unsent_until_the_carrier_says() -> None:
    assert Unsent("too many requests", 3.0, throttled=True) == outcome(429, {"code": 20429}, retry_after="3")
    assert Unsent("http 429", None, throttled=True) == outcome(429, {})
    assert Unsent("http 503", 2.0, throttled=True) == outcome(503, {}, retry_after="2")


def test_the_table_condemns_an_address_only_for_what_an_address_can_be() -> None:
    """Our account's own troubles say nothing about a member."""
    words = {one.code for one in REQUEST_CODES.values() if isinstance(one, Refused) and one.scope == "address"}
    assert {"number invalid", "not a mobile", "premium number", "unsubscribed"} == words


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": "completed", "duration": "12"}, Standing("completed", 12.0)),
        (200, {"status": "ringing", "duration": None}, Standing("ringing", 0.0)),
        (200, {"status": "completed", "duration": "99999999999"}, Standing("completed", 999999.0)),
        (200, {"status": 404}, None),
        (404, {"status": "completed"}, None),
        (200, b"", None),
    ],
)
def test_how_a_call_stands_is_what_the_resource_says(status: int, body: object, expected: Standing | None) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert expected == read_standing(status, raw)
