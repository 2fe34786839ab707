"""What Meta posts to our webhook."""

import json
from typing import Any

import pytest
from tests.fakes.graph import PHONE_ID, post, sign, status

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Receipt, Reply
from klaroen_adapters.whatsapp.whatsapp_callback import authentic, challenge_of, parse_receipts, parse_replies

SECRET = b"app secret"
AT = Instant(1_795_302_931_000)


def test_the_signature_is_over_the_raw_body() -> None:
    body = post(status("w1", "sent"))
    good = sign(SECRET, body)
    assert authentic(SECRET, good, body)
    assert authentic(SECRET, f" {good.upper()} ", body), "hex has no case"
    others = [sign(b"another", body), sign(SECRET, body + b" "), good.removeprefix("sha256="), "", "é", None]
    assert [False] * 6 == [authentic(SECRET, header, body) for header in others]


def test_the_webhook_is_set_up_by_whoever_knows_our_word() -> None:
    query = b"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=me%20at"
    assert "1158201444" == challenge_of(query, b"me at")


@pytest.mark.parametrize(
    ("query", "token", "name"),
    [
        (b"hub.mode=subscribe&hub.challenge=1&hub.verify_token=x", b"y", "unauthenticated"),
        (b"hub.mode=subscribe&hub.challenge=1", b"y", "unauthenticated"),
        (b"hub.mode=subscribe&hub.challenge=1&hub.verify_token=", None, "unauthenticated"),
        (b"hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=y", b"y", "malformed"),
        (b"hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=y", b"y", "malformed"),
        (b"hub.mode=subscribe&hub.verify_token=y", b"y", "malformed"),
        (b"hub.mode=subscribe&hub.challenge=" + b"1" * 129 + b"&hub.verify_token=y", b"y", "malformed"),
        (b"", b"y", "malformed"),
        (b"\xff", b"y", "malformed"),
        (b"&".join([b"a=b"] * 9), b"y", "malformed"),
    ],
)
def test_any_other_question_is_refused(query: bytes, token: bytes | None, name: str) -> None:
    """Nothing is repeated to a stranger, and nothing that a browser could take for more than a number."""
    with pytest.raises(InputError) as caught:
        challenge_of(query, token)
    assert name == caught.value.problem.name


def test_statuses_become_receipts() -> None:
    """`sent` proves nothing, and `read` implies that it arrived."""
    body = post(
        status("w1", "sent", "A1"),
        status("w1", "delivered", "A1"),
        status("w2", "read", "A2"),
        status("w3", "failed", "A3", code=131026),
        status("w4", "failed", code=999),
        status("w5", "failed"),
    )
    expected = [
        Receipt("buffered", "sent", at=AT, ref="w1", attempt=AttemptId("A1")),
        Receipt("reached", "delivered", at=AT, ref="w1", attempt=AttemptId("A1")),
        Receipt("reached", "read", at=AT, ref="w2", attempt=AttemptId("A2")),
        Receipt("failed", "undeliverable", at=AT, ref="w3", attempt=AttemptId("A3")),
        Receipt("failed", "error 999", at=AT, ref="w4"),
        Receipt("failed", "failed", at=AT, ref="w5"),
    ]
    assert expected == parse_receipts(body, PHONE_ID)


def test_a_failure_that_was_a_limit_says_so() -> None:
    (receipt,) = parse_receipts(post(status("w", "failed", code=131056)), PHONE_ID)
    assert "rate limit of the pair" == receipt.code


def test_a_mark_that_is_none_of_ours_names_no_attempt() -> None:
    marks = ["é", "a b", "", "_", "x" * 41, "ok_1"]
    receipts = parse_receipts(post(*(status("w", "sent", mark) for mark in marks)), PHONE_ID)
    assert [None] * 5 + ["ok_1"] == [one.attempt for one in receipts]


@pytest.mark.parametrize(
    "body",
    [
        post(status("w", "sent"), phone="999"),
        post(status("w", "sent"), field="account_update"),
        post(status("w", "deleted"), status("w", "warning"), status("w", "played")),
        json.dumps({"object": "page", "entry": []}).encode(),
        json.dumps({"object": "whatsapp_business_account"}).encode(),
        post(field="account_alerts", metadata=17),
    ],
)
def test_news_of_other_numbers_and_other_kinds_is_passed_over(body: bytes) -> None:
    """An app has one webhook for everything; what is not understood must not make Meta repeat it for a week."""
    assert [] == parse_receipts(body, PHONE_ID)


def test_what_people_wrote_to_our_own_number() -> None:
    """R17; and R25: of a picture nothing is kept but that there was one."""
    wrote = [
        {"from": "32470000001", "id": "i", "timestamp": "1", "type": "text", "text": {"body": "Ik zie iets"}},
        {
            "from": "32470000002",
            "id": "i",
            "timestamp": "1",
            "type": "button",
            "button": {"text": "Stop", "payload": "s"},
        },
        {"from": "32470000003", "type": "interactive", "interactive": {"button_reply": {"id": "1", "title": "Ja"}}},
        {"from": "32470000004", "type": "interactive", "interactive": {"list_reply": {"id": "1", "title": "Nee"}}},
        {"from": "32470000005", "type": "image", "image": {"id": "9", "mime_type": "image/jpeg"}},
    ]
    expected = [
        Reply(f"+3247000000{index}", words, "whatsapp")
        for index, words in enumerate(("Ik zie iets", "Stop", "Ja", "Nee", "[image]"), 1)
    ]
    assert expected == parse_replies(post(messages=wrote), PHONE_ID)
    assert [] == parse_replies(post(messages=wrote, phone="1"), PHONE_ID)


@pytest.mark.parametrize("message", [{}, {"from": "x"}, {"from": "32470000001", "type": "<b>"}, {"from": 1}])
def test_a_message_that_cannot_be_read_is_refused_whole(message: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        parse_replies(post(messages=[message]), PHONE_ID)


def test_more_messages_than_a_post_holds_are_refused() -> None:
    with pytest.raises(InputError):
        parse_replies(post(messages=[{"from": "32470000001"}] * 10_001), PHONE_ID)


def broken(**changes: Any) -> bytes:
    return post({**status("w", "sent"), **changes})


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[1]", b"\xff", b'{"object": 1}', b"[" * 99_999, broken(id=""), broken(id="w" * 129),
        broken(timestamp="-1"), broken(timestamp="1.5"), broken(timestamp="1" * 12), broken(status=1),
        post(*[status("w", "sent")] * 10_001),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused_whole(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse_receipts(body, PHONE_ID)
    assert "malformed" == caught.value.problem.name
