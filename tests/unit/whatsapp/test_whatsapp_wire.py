"""Requests to the WhatsApp Cloud API, and what its answers mean."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from klaroen.core.model import AttemptId, Content, Instant
from klaroen.core.ports import Accepted, Answer, Envelope, Outcome, Refused, Unknown, Unsent
from klaroen.setting_whatsapp import CODES as LANGUAGES
from klaroen_adapters.whatsapp.whatsapp_codes import CODES
from klaroen_adapters.whatsapp.whatsapp_wire import Account, build, parse_answer, unable

NOW = Instant(1_795_302_930_000)
ACCOUNT = Account("https://graph.test/v23.0/1/messages", "S3cret", "bin_bericht", LANGUAGES, 1024)
CONTENT = Content("whatsapp", "nl", "cold", "Dag", "0" * 64, Instant(NOW + 60_000))
ENVELOPE = Envelope(AttemptId("A1"), "+32470000001", CONTENT, Instant(NOW + 10_000))


def read(status: int, body: Any, **headers: str) -> Outcome:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    (answer,) = parse_answer((AttemptId("A1"),), status, headers, raw, NOW).answers
    assert isinstance(answer, Answer)
    return answer.outcome


def test_R07_each_member_gets_a_message_of_his_own() -> None:
    requests = build(ACCOUNT, [ENVELOPE, replace(ENVELOPE, attempt=AttemptId("A2"), address="+32470000002")], NOW)
    told = [json.loads(one.body) for one in requests]
    assert [("+32470000001", "A1"), ("+32470000002", "A2")] == [(m["to"], m["biz_opaque_callback_data"]) for m in told]
    assert [(AttemptId("A1"),), (AttemptId("A2"),)] == [one.attempts for one in requests]
    assert {"individual"} == {message["recipient_type"] for message in told}


def test_the_text_is_the_one_parameter_of_the_template() -> None:
    (request,) = build(ACCOUNT, [ENVELOPE], NOW)
    expected = {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+32470000001", "type": "template",
        "template": {"name": "bin_bericht", "language": {"code": "nl"},
                     "components": [{"type": "body", "parameters": [{"type": "text", "text": "Dag"}]}]},
        "biz_opaque_callback_data": "A1",
    }  # fmt: skip
    assert expected == json.loads(request.body)
    assert ("POST", ACCOUNT.url) == (request.method, request.url)
    assert {"content-type": "application/json", "authorization": "Bearer S3cret"} == request.headers
    assert "S3cret" not in f"{ACCOUNT!r}{request!r}"


def test_R10_a_crisis_text_never_goes_by_whatsapp() -> None:
    assert "crisis never goes by WhatsApp" == unable(ACCOUNT, replace(CONTENT, alert_class="crisis"))
    assert unable(ACCOUNT, CONTENT) is None
    assert "line_end" == unable(ACCOUNT, replace(CONTENT, text="a\nb"))


def test_a_message_that_was_taken_is_known_by_its_id() -> None:
    assert Accepted(("wamid.x",)) == read(200, {"messages": [{"id": "wamid.x", "message_status": "accepted"}]})
    assert Accepted(()) == read(200, {"messages": [{"id": "w" * 129}]}), "an id that is too long to keep"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"\xff", {"messages": []}, {"messages": [{"id": ""}]}, b"[" * 9999]
)
def test_an_answer_that_says_nothing_may_have_been_a_message(body: Any) -> None:
    assert Unknown("unreadable answer") == read(200, body)


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (429, 130429, Unsent("rate limit", throttled=True)),
        (400, 131056, Unsent("rate limit of the pair", retry_after_s=6.0)),
        (400, 131026, Refused("undeliverable", "address")),
        (401, 190, Refused("token expired", "carrier")),
        (400, 132005, Refused("too long with the template", "content")),
        (400, 999, Refused("http 400", "carrier")),
        (500, 131000, Unknown("http 500")),
        (503, 2, Unknown("http 503")),
    ],
)
def test_an_error_is_judged_by_its_code_else_by_the_status(status: int, code: int, outcome: Outcome) -> None:
    assert outcome == read(status, {"error": {"code": code, "message": "(#…) …"}})


def test_a_gateway_between_is_judged_by_the_status() -> None:
    assert Unknown("http 502") == read(502, b"<html>Bad gateway</html>")
    assert Unsent("http 503", 3.0, throttled=True) == read(503, b"", **{"retry-after": "3"})
    assert Refused("http 404", "carrier") == read(404, {})


def test_no_code_says_unsent_of_what_may_have_left() -> None:
    """Only what is turned away at the door, before any work."""
    assert {4, 80007, 130429, 131056} == {code for code, outcome in CODES.items() if isinstance(outcome, Unsent)}
