"""What a Twilio-shaped carrier's callbacks prove: that they are its own, and how a call or text stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, ClipId, Instant
from klaroen.core.ports import Call, Receipt, Reply
from klaroen_adapters.voice.twilio_callback import (
    Heard,
    authentic,
    hear,
    hear_call,
    read_form,
    read_text,
    signature,
)
from klaroen_adapters.voice.twilio_codes import CALL_STATUSES, MESSAGE_STATES, MESSAGE_WORDS
from klaroen_adapters.voice.twilio_mark import Mark
from klaroen_adapters.voice.twilio_wire import Standing

A1 = AttemptId("a1")
TEXT = Mark(A1, 7)
CALL = Mark(A1, 7, ClipId("a" * 64))
URL = "https://bin.test/v1/receipts/cloud?attempt=a1"
TO = {"To": "+32470000001"}


def receipt(state: str, code: str, ref: str = "SM1", at: int | None = None) -> Receipt:
    instant = None if at is None else Instant(at)
    return Receipt(state, code, at=instant, ref=ref, attempt=A1, reference=7, address="+32470000001")  # type: ignore[arg-type]


# --- signatures -----------------------------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.dictionaries(words, words, max_size=8), st.sampled_from(["", ":443", ":8443"]), words.filter(len))
def test_the_official_validator_and_we_agree(form: dict[str, str], port: str, token: str) -> None:
    """What it computes we take, what we compute it takes, with a port in the address or without."""
    validator = RequestValidator(token)
    url = f"https://bin.test{port}/v1/calls/cloud?attempt=a1&clip=x"
    pairs = list(form.items())
    assert validator.compute_signature(url, form) == signature(token, url, pairs)
    assert validator.validate(url, form, signature(token, url, pairs))
    for said in ("https://bin.test/v1/calls/cloud?attempt=a1&clip=x", url):
        assert authentic(token, url, pairs, {"x-twilio-signature": validator.compute_signature(said, form)})


@pytest.mark.parametrize(
    ("signed", "given_to"),
    [
        ("https://bin.test/a?b=c", "https://bin.test:443/a?b=c"),
        ("https://bin.test:443/a?b=c", "https://bin.test/a?b=c"),
        ("http://bin.test:80/a", "http://bin.test/a"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("http://[::1]:80/a", "http://[::1]/a"),
    ],
)
def test_an_address_is_signed_with_a_port_or_without(signed: str, given_to: str) -> None:
    assert authentic("s", given_to, [], {"x-signalwire-signature": signature("s", signed, [])})


def test_a_signature_covers_address_form_and_secret() -> None:
    form = [("CallSid", "CA1"), ("CallStatus", "completed")]
    good = {"x-twilio-signature": signature("s", URL, form)}
    assert authentic("s", URL, form, good)
    assert authentic("s", URL, form[::-1], good), "in any order"
    assert not authentic("t", URL, form, good)
    assert not authentic("s", URL + "x", form, good)
    assert not authentic("s", URL, [*form, ("CallDuration", "99")], good)
    assert not authentic("s", URL, form, {})
    assert not authentic("s", URL, form, {"x-twilio-signature": "é\udc80"})


@pytest.mark.parametrize("body", [b"a=\xff", b"a=%ff", b"&".join([b"a=1"] * 101)])
def test_a_form_that_cannot_be_read_is_malformed(body: bytes) -> None:
    with pytest.raises(InputError):
        read_form(body)


def test_a_form_keeps_what_is_empty_and_what_is_repeated() -> None:
    assert [("a", ""), ("b", "é +"), ("b", "2")] == read_form(b"a=&b=%C3%A9+%2B&b=2")


# --- texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", MESSAGE_STATES)
def test_each_status_of_a_text_means_one_thing(status: str) -> None:
    said = {"MessageSid": "SM1", "MessageStatus": status, **TO}
    assert Heard((receipt(MESSAGE_STATES[status], status),)) == hear(TEXT, list(said.items()), 0.0)


@pytest.mark.parametrize(
    ("error", "words"),
    [*MESSAGE_WORDS.items(), ("30999", "error 30999"), ("x" * 99, "undelivered"), ("", "undelivered")],
)
def test_why_a_text_failed_is_told_in_words(error: str, words: str) -> None:
    said = {"SmsSid": "SM1", "SmsStatus": "undelivered", "ErrorCode": error, **TO}
    assert Heard((receipt("failed", words),)) == hear(TEXT, list(said.items()), 0.0)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"MessageStatus": "lost", "MessageSid": "SM1"},
        {"MessageStatus": "sent"},
        {"MessageStatus": "sent", "MessageSid": "a b"},
        {"MessageStatus": "sent", "MessageSid": "x" * 65},
        {"CallStatus": "gone", "CallSid": "CA1"},
        {"CallStatus": "completed"},
    ],
)
def test_what_says_nothing_is_malformed(said: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        hear(TEXT, list(said.items()), 0.0)
    assert "malformed" == caught.value.problem.name


@pytest.mark.parametrize("to", ["", "sip:x@y", "32470", "+3247a", "+" + "1" * 21])
def test_a_handset_that_is_none_is_left_out(to: str) -> None:
    said = {"MessageSid": "SM1", "MessageStatus": "sent", "To": to}
    assert (Receipt("buffered", "sent", ref="SM1", attempt=A1, reference=7),) == hear(
        TEXT, [*said.items()], 0.0
    ).receipts


# --- calls ----------------------------------------------------------------------------------------------------------


def call(status: str, clip_s: float = 10.0, **more: str) -> Heard:
    said = {"CallSid": "CA1", "CallStatus": status, **TO, **more}
    return hear(CALL, list(said.items()), clip_s)


@pytest.mark.parametrize("status", ["queued", "initiated", "ringing"])
def test_a_call_that_rings_proves_nothing(status: str) -> None:
    assert Heard((receipt("buffered", status, "CA1"),)) == call(status)


def test_an_answer_is_no_proof_by_itself() -> None:
    assert Heard((), (Call(A1, "answered", 0.0),)) == call("in-progress")


@pytest.mark.parametrize(
    ("status", "more", "words"),
    [
        ("busy", {}, "busy"),
        ("busy", {"SipResponseCode": "486"}, "busy"),
        ("no-answer", {}, "no answer"),
        ("canceled", {}, "cancelled"),
        ("failed", {}, "failed"),
        ("failed", {"SipResponseCode": "404"}, "number invalid"),
        ("failed", {"SipResponseCode": "603"}, "rejected"),
        ("failed", {"SipResponseCode": "503"}, "sip 503"),
        ("failed", {"SipResponseCode": "x", "ErrorCode": "13224"}, "error 13224"),
        ("failed", {"ErrorCode": "' OR 1"}, "failed"),
    ],
)
def test_a_call_that_nobody_answered_fails_with_words_and_ends(status: str, more: dict[str, str], words: str) -> None:
    assert Heard((receipt("failed", words, "CA1"),), (Call(A1, "ended", 0.0),)) == call(status, **more)


@pytest.mark.parametrize(
    ("talked", "state", "words"),
    [
        ("0", "failed", "hung up at 0 %"),
        ("5", "failed", "hung up at 30 %"),
        ("9", "failed", "hung up at 70 %"),
        ("10", "reached", "played 80 %"),
        ("60", "reached", "played 100 %"),
        ("x", "failed", "hung up at 0 %"),
    ],
)
def test_the_end_of_a_call_proves_four_fifths_less_two_seconds(talked: str, state: str, words: str) -> None:
    """R15: 80 % of the clip; the duration is rounded up, and the clip is fetched after the answer."""
    heard = call("completed", CallDuration=talked)
    seconds = float(talked) if talked.isdigit() else 0.0
    assert Heard((receipt(state, words, "CA1"),), (Call(A1, "ended", seconds),)) == heard


def test_without_the_clip_the_end_proves_nothing() -> None:
    assert Heard((), (Call(A1, "ended", 60.0),)) == call("completed", clip_s=0.0, CallDuration="60")


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        ("Sat, 21 Nov 2026 23:15:30 +0000", 1_795_302_930_000),
        ("Sat, 21 Nov 2026 23:15:30", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_the_instant_is_the_carriers_where_it_gives_one(stamp: str, at: int | None) -> None:
    (one,) = call("busy", Timestamp=stamp).receipts
    assert receipt("failed", "busy", "CA1", at) == one


@pytest.mark.parametrize("status", CALL_STATUSES)
def test_what_is_asked_is_what_would_have_been_told(status: str) -> None:
    asked, told = hear_call(CALL, "CA1", Standing(status, 60.0), 10.0), call(status, CallDuration="60")
    assert [one.state for one in asked.receipts] == [one.state for one in told.receipts]
    assert [one.phase for one in asked.calls] == [one.phase for one in told.calls]


def test_R17_what_a_handset_wrote() -> None:
    """Its empty words too; a sender that is a name, or a form of something else, is none."""
    assert Reply("+32470000001", "Ja 👍") == read_text((("From", "+32470000001"), ("Body", "Ja 👍"), ("To", "8810")))
    assert Reply("+32470000001", "") == read_text((("From", "+32470000001"), ("Body", "")))
    for form in ((("From", "BE-Alert"), ("Body", "x")), (("From", "+32470000001"),), (("Body", "x"),)):
        with pytest.raises(InputError):
            read_text(form)
