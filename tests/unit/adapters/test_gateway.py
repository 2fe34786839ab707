"""HTTP gateways for SMS: requests, answers, receipts and signatures, by profile."""

import hmac
import json
from urllib.parse import parse_qs, quote, urlsplit

import msgspec
import pytest

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, Content, Instant
from klaroen.core.ports import Accepted, Answer, Envelope, Outcome, Receipt, Refused, Reply, Unknown, Unsent
from klaroen_adapters.sms import gateway
from klaroen_adapters.sms.gateway_rules import RETRY_AFTER_S_MAX, retry_after_s

NOW = Instant(1_795_302_930_000)  # 2026-11-21T23:15:30Z
ACCOUNT = gateway.Account(
    "http://gateway.test/send",
    sender="8810",
    token="t0ken",
    user="klaroen",
    receipt_url="https://bin.test/v1/receipts/g",
    receipt_secret=b"secret",
)
JSON = {"content-type": "application/json"}
REPLIES = b"for=replies&key=wrong"
A1, A2, A3 = (AttemptId(name) for name in ("a1", "a2", "a3"))


def content(text: str = "Dag België €", *, expires_in_s: float = 1800) -> Content:
    return Content("sms", "nl", "warm", text, "0" * 64, Instant(NOW + int(expires_in_s * 1000)))


def envelopes(*attempts: str, text: str = "Dag België €", expires_in_s: float = 1800) -> list[Envelope]:
    shared = content(text, expires_in_s=expires_in_s)
    return [
        Envelope(AttemptId(attempt), f"+3247000000{index}", shared, Instant(NOW + 10_000))
        for index, attempt in enumerate(attempts)
    ]


def outcomes(parsed: gateway.Parsed) -> list[Outcome]:
    return [answer.outcome for answer in parsed.answers]


def generic_answer(*items: object, status: int = 200, attempts: tuple[AttemptId, ...] = (A1, A2)) -> gateway.Parsed:
    return gateway.parse_answer("generic", attempts, status, {}, json.dumps({"items": items}).encode(), NOW)


# --- generic: out ---------------------------------------------------------------------------------------------------


def test_a_generic_request_is_the_contracts() -> None:
    """`{batch, sender, text, validity_s, receipts, to: [{number, ref}]}`, by bearer."""
    (request,) = gateway.build_requests("generic", ACCOUNT, envelopes("a1", "a2"), 1000, NOW)
    body = json.loads(request.body)
    batch = body.pop("batch")
    assert {
        "sender": "8810",
        "text": "Dag België €",
        "validity_s": 1800,
        "receipts": "https://bin.test/v1/receipts/g",
        "to": [{"number": "+32470000000", "ref": "a1"}, {"number": "+32470000001", "ref": "a2"}],
    } == body
    assert 0 < len(batch) <= 40
    assert ("POST", ACCOUNT.url, (A1, A2)) == (request.method, request.url, request.attempts)
    assert {"content-type": "application/json", "authorization": "Bearer t0ken"} == request.headers


def test_a_generic_request_without_token_or_receipts_leaves_them_out() -> None:
    (request,) = gateway.build_requests("generic", gateway.Account("http://g/"), envelopes("a1"), 1, NOW)
    assert "authorization" not in request.headers
    assert "receipts" not in json.loads(request.body)


def test_requests_hold_at_most_the_batch_and_keep_the_order() -> None:
    requests = gateway.build_requests("generic", ACCOUNT, envelopes("a1", "a2", "a3", "a4", "a5"), 2, NOW)
    assert [("a1", "a2"), ("a3", "a4"), ("a5",)] == [request.attempts for request in requests]
    assert 3 == len({json.loads(request.body)["batch"] for request in requests})
    assert [] == gateway.build_requests("generic", ACCOUNT, [], 2, NOW)


@pytest.mark.parametrize(("left_s", "validity_s"), [(1800, 1800), (59.9, 59), (0.4, 1), (-5, 1)])
def test_validity_ends_with_the_alert(left_s: float, validity_s: int) -> None:
    (request,) = gateway.build_requests("generic", ACCOUNT, envelopes("a1", expires_in_s=left_s), 1, NOW)
    assert validity_s == json.loads(request.body)["validity_s"]


@pytest.mark.parametrize("profile", gateway.PROFILES)
def test_a_text_that_cannot_be_carried_exactly_is_not_carried(profile: gateway.ProfileName) -> None:
    with pytest.raises(UnicodeEncodeError):
        gateway.build_requests(profile, ACCOUNT, envelopes("a1", text="half a pair: \ud83d"), 1, NOW)


def test_nothing_that_is_shown_names_a_secret_a_number_or_a_text() -> None:
    requests = gateway.build_requests("generic", ACCOUNT, envelopes("a1"), 1, NOW)
    shown = repr(ACCOUNT) + repr(requests)
    assert not any(word in shown for word in ("t0ken", "secret", "3247", "België"))


# --- generic: answers -----------------------------------------------------------------------------------------------


def test_each_recipient_gets_its_own_answer() -> None:
    parsed = generic_answer(
        {"ref": "a2", "id": None, "status": "refused", "code": "blocked"},
        {"ref": "a1", "id": "X1", "status": "accepted"},
    )
    assert (Answer(A1, Accepted(("X1",))), Answer(A2, Refused("blocked", "address"))) == parsed.answers
    assert 0 == parsed.strange_count


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        ({"id": None, "status": "accepted"}, Accepted()),
        ({"status": "accepted"}, Accepted()),
        ({"id": 17, "status": "accepted"}, Accepted(("17",))),
        ({"id": "x" * 129, "status": "accepted"}, Accepted()),
        ({"id": "x" * 128, "status": "accepted"}, Accepted(("x" * 128,))),
        ({"status": "refused"}, Refused("refused", "carrier")),
        ({"status": "refused", "code": "number"}, Refused("number", "address")),
        ({"status": "refused", "code": "text"}, Refused("text", "content")),
        ({"status": "refused", "code": 12}, Refused("12", "carrier")),
        ({"status": "refused", "code": "c" * 65}, Refused("c" * 64, "carrier")),
        ({"status": "queued"}, Unknown("unknown item status")),
    ],
)
def test_items_become_outcomes(item: dict[str, object], outcome: Outcome) -> None:
    assert [outcome] == outcomes(generic_answer({"ref": "a1", **item}, attempts=(A1,)))


def test_a_recipient_that_the_answer_does_not_name_is_unknown() -> None:
    assert [Accepted(("1",)), Unknown("not in the answer")] == outcomes(
        generic_answer({"ref": "a1", "id": "1", "status": "accepted"})
    )


def test_the_first_item_of_a_recipient_counts_and_strangers_are_counted() -> None:
    parsed = generic_answer(
        {"ref": "a1", "id": "1", "status": "accepted"},
        {"ref": "a1", "id": "2", "status": "refused"},
        {"ref": "stranger", "id": "3", "status": "accepted"},
        attempts=(A1,),
    )
    assert [Accepted(("1",))] == outcomes(parsed)
    assert 1 == parsed.strange_count


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"[]", b'{"items": 1}', b'{"items": [{}]}', b'{"items":"\xff"}', b"[" * 10_000]
)
def test_an_answer_that_cannot_be_read_leaves_all_unknown(body: bytes) -> None:
    """It said 200: the messages may be on their way."""
    parsed = gateway.parse_answer("generic", (A1, A2), 200, {}, body, NOW)
    assert [Unknown("unreadable answer")] * 2 == outcomes(parsed)


@pytest.mark.parametrize("profile", gateway.PROFILES)
@pytest.mark.parametrize(
    ("status", "retry_after", "outcome"),
    [
        (429, None, Unsent("http 429", None, throttled=True)),
        (429, "7", Unsent("http 429", 7.0, throttled=True)),
        (503, "7", Unsent("http 503", 7.0, throttled=True)),
        (503, None, Unknown("http 503")),
        (500, "7", Unknown("http 500")),
        (502, None, Unknown("http 502")),
        (504, None, Unknown("http 504")),
        (400, None, Refused("http 400", "carrier")),
        (401, None, Refused("http 401", "carrier")),
        (422, None, Refused("http 422", "carrier")),
        (302, None, Refused("http 302", "carrier")),
    ],
)
def test_a_status_speaks_for_the_whole_request(
    profile: gateway.ProfileName, status: int, retry_after: str | None, outcome: Outcome
) -> None:
    """Unsent only where the door did not open; Unknown where the work may have been done behind it."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    assert [outcome] * 2 == outcomes(gateway.parse_answer(profile, (A1, A2), status, headers, b"words", NOW))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("999999999999999", RETRY_AFTER_S_MAX),
        ("Sat, 21 Nov 2026 23:16:30 GMT", 60.0),
        ("Sat, 21 Nov 2026 23:16:30 -0000", 60.0),
        ("Sat, 21 Nov 2020 23:16:30 GMT", 0.0),
        ("Sat, 21 Nov 2066 23:16:30 GMT", RETRY_AFTER_S_MAX),
        ("soon", None),
        ("-3", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after_is_bounded(value: str | None, seconds: float | None) -> None:
    assert seconds == retry_after_s(value, NOW)


# --- generic: receipts ----------------------------------------------------------------------------------------------


def receipts(*items: object, profile: gateway.ProfileName = "generic") -> list[Receipt]:
    return gateway.parse_receipts(
        profile, "POST", b"", {"content-type": "application/json"}, json.dumps(items).encode()
    )


@pytest.mark.parametrize(
    ("state", "ours"), [("delivered", "reached"), ("failed", "failed"), ("expired", "failed"), ("buffered", "buffered")]
)
def test_a_receipt_names_its_message_by_our_ref_or_the_carriers_id(state: str, ours: str) -> None:
    at = "2026-11-21T23:15:30.250+00:00"
    by_ref, by_id = receipts({"ref": "a1", "state": state, "at": at}, {"id": "X", "state": state, "at": at})
    assert (ours, Instant(NOW + 250), A1, None, state) == (
        by_ref.state,
        by_ref.at,
        by_ref.attempt,
        by_ref.ref,
        by_ref.code,
    )
    assert (None, "X") == (by_id.attempt, by_id.ref)


def test_a_receipt_keeps_its_code_and_part() -> None:
    (receipt,) = receipts({"id": "X", "state": "failed", "at": "2026-11-21T23:15:30Z", "code": "27", "part": 2, "n": 1})
    assert ("27", 2) == (receipt.code, receipt.part)


GOOD = {"ref": "a1", "state": "delivered", "at": "2026-11-21T23:15:30Z"}


@pytest.mark.parametrize(
    "change",
    [
        {"state": "read"},
        {"at": "2026-11-21T23:15:30"},
        {"at": 1},
        {"at": "1969-01-01T00:00:00Z"},
        {"ref": "x" * 41},
        {"ref": "a-b"},
        {"ref": None},
        {"ref": None, "id": ""},
        {"id": "x" * 129},
        {"code": "x" * 65},
        {"code": "line\nend"},
        {"part": -1},
        {"part": 256},
        {"part": 1.5},
    ],
)
def test_one_bad_receipt_refuses_the_call(change: dict[str, object]) -> None:
    """And what is said of it quotes nothing that came."""
    with pytest.raises(InputError) as raised:
        receipts(GOOD, {**GOOD, **change})
    assert raised.value.problem.name in ("malformed", "invalid")


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[" * 10_000, b"[1]"])
def test_a_body_that_cannot_be_read_is_malformed(body: bytes) -> None:
    with pytest.raises(InputError, match="not an array"):
        gateway.parse_receipts("generic", "POST", b"", {}, body)


def test_ten_thousand_receipts_a_call_and_no_more() -> None:
    assert gateway.RECEIPTS_MAX == len(receipts(*[GOOD] * gateway.RECEIPTS_MAX))
    with pytest.raises(InputError):
        receipts(*[GOOD] * (gateway.RECEIPTS_MAX + 1))


def test_receipts_come_by_their_profiles_method_and_type() -> None:
    for profile, method in (("generic", "GET"), ("kannel", "POST")):
        with pytest.raises(InputError) as raised:
            gateway.parse_receipts(profile, method, b"", {}, b"[]")  # type: ignore[arg-type]
        assert "method-not-allowed" == raised.value.problem.name
    with pytest.raises(InputError) as raised:
        gateway.parse_receipts("generic", "POST", b"", {"content-type": "text/plain"}, b"[]")
    assert "unsupported-media-type" == raised.value.problem.name
    assert [] == gateway.parse_receipts(
        "generic", "POST", b"", {"content-type": "application/JSON; charset=utf-8"}, b"[]"
    )


# --- signatures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timestamp", [str(NOW // 1000), "2026-11-21T23:15:30Z", "2026-11-22T00:15:30+01:00"])
@pytest.mark.parametrize(("skew_s", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_a_signature_holds_for_five_minutes(timestamp: str, skew_s: int, good: bool) -> None:
    signed = gateway.signature(b"secret", timestamp, b"body")
    assert good is gateway.verify(b"secret", timestamp, signed, b"body", Instant(NOW + skew_s * 1000))


def test_a_signature_covers_secret_time_and_body() -> None:
    timestamp = str(NOW // 1000)
    signed = gateway.signature(b"secret", timestamp, b"body")
    assert gateway.verify(b"secret", timestamp, f" {signed.upper()} ", b"body", NOW)
    assert not gateway.verify(b"other", timestamp, signed, b"body", NOW)
    assert not gateway.verify(b"secret", str(NOW // 1000 + 1), signed, b"body", NOW)
    assert not gateway.verify(b"secret", timestamp, signed, b"bodY", NOW)
    assert not gateway.verify(b"secret", timestamp, signed[:-1], b"body", NOW)


@pytest.mark.parametrize(
    ("timestamp", "signed"),
    [
        (None, "00"),
        ("1", None),
        ("soon", "00"),
        ("٣" * 10, "00"),
        ("1" * 41, "00"),
        ("9" * 40, "00"),
        ("2026-11-21T23:15:30", "00"),
        (str(NOW // 1000), "é"),
    ],
)
def test_headers_that_are_missing_or_odd_do_not_verify(timestamp: str | None, signed: str | None) -> None:
    assert not gateway.verify(b"secret", timestamp, signed, b"body", NOW)


def test_an_empty_secret_verifies_nothing() -> None:
    timestamp = str(NOW // 1000)
    assert not gateway.verify(b"", timestamp, gateway.signature(b"", timestamp, b""), b"", NOW)


def test_authentic_reads_the_headers_of_a_generic_callback() -> None:
    timestamp = str(NOW // 1000)
    headers = {"x-klaroen-timestamp": timestamp, "x-klaroen-signature": gateway.signature(b"secret", timestamp, b"[]")}
    assert gateway.authentic("generic", b"secret", b"", headers, b"[]", NOW)
    assert not gateway.authentic("generic", b"secret", b"", {}, b"[]", NOW)


# --- kannel ---------------------------------------------------------------------------------------------------------


def kannel_request(*attempts: str, account: gateway.Account = ACCOUNT, text: str = "Dag") -> gateway.Request:
    (request,) = gateway.build_requests("kannel", account, envelopes(*attempts, text=text), 20, NOW)
    return request


def fill(url: str, *, state: str, number: str = "", at: str = "1795302930", reason: str = "") -> bytes:
    """What Kannel makes of our receipt URL."""
    for escape, value in (("%d", state), ("%p", number), ("%T", at), ("%A", reason)):
        url = url.replace(escape, quote(value, safe=""))
    return urlsplit(url.replace("%%", "%")).query.encode()


def test_a_kannel_request_has_no_member_and_no_secret_in_its_url() -> None:
    request = kannel_request("a1", "a2")
    assert ("POST", ACCOUNT.url, b"Dag") == (request.method, request.url, request.body)
    assert {
        "x-kannel-username": "klaroen",
        "x-kannel-password": "t0ken",
        "x-kannel-from": "8810",
        "x-kannel-to": "+32470000000 +32470000001",
        "x-kannel-charset": "UTF-8",
        "x-kannel-coding": "0",
        "x-kannel-validity": "30",
        "x-kannel-dlr-mask": "19",
        "content-type": "text/plain; charset=UTF-8",
    } == {name: value for name, value in request.headers.items() if name != "x-kannel-dlr-url"}
    assert "3247" not in request.headers["x-kannel-dlr-url"]


def test_a_kannel_request_without_sender_or_receipts_leaves_them_out() -> None:
    request = kannel_request("a1", account=gateway.Account("http://k/"))
    assert {"x-kannel-from", "x-kannel-dlr-url", "x-kannel-dlr-mask"}.isdisjoint(request.headers)


@pytest.mark.parametrize(("text", "coding"), [("€[]{}~^|\\ Dag", "0"), ("België", "2"), ("🚨", "2")])
def test_kannel_is_told_the_alphabet_in_which_the_text_arrives_exactly(text: str, coding: str) -> None:
    request = kannel_request("a1", text=text)
    assert (coding, text) == (request.headers["x-kannel-coding"], request.body.decode())


def test_kannel_takes_twenty_recipients_a_request() -> None:
    many = envelopes(*(f"a{index}" for index in range(45)))
    assert [20, 20, 5] == [len(r.attempts) for r in gateway.build_requests("kannel", ACCOUNT, many, 1000, NOW)]


@pytest.mark.parametrize(
    ("status", "words", "of_one", "of_two"),
    [
        (202, b"0: Accepted for delivery", Accepted(), Accepted()),
        (202, b"3: Queued for later delivery\n", Accepted(), Accepted()),
        (202, b"something new", Unknown("unreadable answer"), Unknown("unreadable answer")),
        (
            403,
            b"Not routable. Do not try again.",
            Refused("not-routable", "carrier"),
            Unknown("refused one of several"),
        ),
        (
            503,
            b"Temporal failure, try again later.",
            Unsent("queue full", throttled=True),
            Unknown("refused one of several"),
        ),
        (
            403,
            b"Authorization failed for sendsms",
            Refused("authorization", "carrier"),
            Refused("authorization", "carrier"),
        ),
    ],
)
def test_kannels_words_are_believed_as_far_as_they_reach(
    status: int, words: bytes, of_one: Outcome, of_two: Outcome
) -> None:
    """Of several recipients Kannel tells the fate of one: a refusal then proves nothing of the others."""
    assert [of_one] == outcomes(gateway.parse_answer("kannel", (A1,), status, {}, words, NOW))
    assert [of_two] * 2 == outcomes(gateway.parse_answer("kannel", (A1, A2), status, {}, words, NOW))


@pytest.mark.parametrize(
    ("state", "reason", "ours", "code"),
    [
        ("1", "id:7 sub:001 stat:DELIVRD err:000 text:Dag", "reached", "DELIVRD"),
        ("2", "id:7 stat:UNDELIV err:001", "failed", "UNDELIV"),
        ("2", "", "failed", "2"),
        ("16", "NACK/0x0000000b/Invalid Destination Address", "failed", "0x0000000b"),
        ("16", "NACK/no SMSC", "failed", "no SMSC"),
        ("8", "ACK/", "buffered", "8"),
        ("4", "", "buffered", "4"),
    ],
)
def test_a_kannel_receipt_names_our_attempt(state: str, reason: str, ours: str, code: str) -> None:
    """And keeps the SMSC's code, never its words, which quote the text."""
    query = fill(kannel_request("a1").headers["x-kannel-dlr-url"], state=state, reason=reason)
    assert gateway.authentic("kannel", b"secret", query, {}, b"", NOW)
    (receipt,) = gateway.parse_receipts("kannel", "GET", query, {}, b"")
    assert (ours, code, A1, NOW) == (receipt.state, receipt.code, receipt.attempt, receipt.at)


@pytest.mark.parametrize("form", ["+32470000001", "32470000001", "0032470000001"])
def test_the_number_picks_the_attempt_among_several(form: str) -> None:
    query = fill(kannel_request("a1", "a2", "a3").headers["x-kannel-dlr-url"], state="1", number=form)
    assert A2 == gateway.parse_receipts("kannel", "GET", query, {}, b"")[0].attempt


def test_an_instant_that_is_none_is_left_out() -> None:
    query = fill(kannel_request("a1").headers["x-kannel-dlr-url"], state="1", at="soon")
    assert gateway.parse_receipts("kannel", "GET", query, {}, b"")[0].at is None


def test_a_receipt_url_may_have_a_query_and_escapes_of_its_own() -> None:
    account = msgspec.structs.replace(ACCOUNT, receipt_url="https://bin.test/r?x=%20y", receipt_secret=None)
    url = kannel_request("a1", account=account).headers["x-kannel-dlr-url"]
    assert url.startswith("https://bin.test/r?x=%%20y&for=")
    assert [" y"] == parse_qs(fill(url, state="1").decode())["x"]
    assert "key=" not in url


@pytest.mark.parametrize(
    ("state", "number"), [("3", "+32470000000"), ("", "+32470000000"), ("1", "+32479999999"), ("1", "")]
)
def test_a_kannel_receipt_of_no_state_or_no_attempt_of_ours_is_malformed(state: str, number: str) -> None:
    query = fill(kannel_request("a1", "a2").headers["x-kannel-dlr-url"], state=state, number=number)
    with pytest.raises(InputError, match="not a receipt"):
        gateway.parse_receipts("kannel", "GET", query, {}, b"")


@pytest.mark.parametrize("query", [b"", b"for=&key=", b"for=x-y&state=1", b"&".join([b"a=b"] * 17), b"\xff"])
def test_a_query_that_we_did_not_give_out_is_neither_read_nor_authentic(query: bytes) -> None:
    with pytest.raises(InputError):
        gateway.parse_receipts("kannel", "GET", query, {}, b"")
    assert not gateway.authentic("kannel", b"secret", query, {}, b"", NOW)


def test_a_key_holds_for_its_attempts_alone() -> None:
    query = fill(kannel_request("a1").headers["x-kannel-dlr-url"], state="1")
    assert not gateway.authentic("kannel", b"other", query, {}, b"", NOW)
    assert not gateway.authentic("kannel", b"secret", query.replace(b"-a1&", b"-a2&"), {}, b"", NOW)


@pytest.mark.parametrize(
    ("media", "body", "text"),
    [
        ('text/plain; charset="UTF-8"', "Ik zie één €".encode(), "Ik zie één €"),
        ('text/plain; charset="UTF-16BE"', "Ik zie 🚨".encode("utf-16-be"), "Ik zie 🚨"),
        ("text/plain", b"Ik zie \xff", "Ik zie \ufffd"),
        ("application/octet-stream", b"caf\xe9", "café"),
        ("text/plain", b"a" * 40_001, "a" * 40_000),
    ],
)
def test_R17_what_a_handset_wrote_comes_by_kannels_service(media: str, body: bytes, text: str) -> None:
    """In the alphabet that Kannel names; half a report is better than none."""
    headers = {"x-kannel-from": "+32470000001", "content-type": media}
    assert [Reply("+32470000001", text)] == gateway.parse_replies("kannel", REPLIES, headers, body)


@pytest.mark.parametrize(
    ("query", "number"),
    [(b"for=0123456789ab-a1", "+32470000001"), (b"", "32470000001"), (REPLIES, ""), (REPLIES, "BIN")],
)
def test_a_kannel_reply_of_nobody_or_by_a_receipts_url_is_malformed(query: bytes, number: str) -> None:
    with pytest.raises(InputError, match="not a reply"):
        gateway.parse_replies("kannel", query, {"x-kannel-from": number}, b"Dag")


def test_the_key_of_replies_proves_replies_and_no_receipt() -> None:
    """The key that docs/replies.md has openssl make; a receipt's URL brings none of them, nor the other way round."""
    digest = hmac.new(b"secret", b"replies", "sha256").hexdigest()[:32]
    query = f"for=replies&key={digest}".encode()
    assert gateway.authentic("kannel", b"secret", query, {}, b"", NOW)
    assert not gateway.authentic("kannel", b"secret", REPLIES, {}, b"", NOW)
    with pytest.raises(InputError):
        gateway.parse_receipts("kannel", "GET", query + b"&state=1", {}, b"")


def test_replies_of_the_generic_profile_are_json() -> None:
    assert [Reply("32470000001", "Dag")] == gateway.parse_replies(
        "generic", b"", {}, b'[{"from":"32470000001","text":"Dag"}]'
    )
    with pytest.raises(InputError, match="application/json"):
        gateway.parse_replies("generic", b"", {"content-type": "text/plain"}, b"[]")
