"""Alerts over HTTP (contract, "HTTP API"): what is taken, what is refused, and in which words."""

import asyncio
import hashlib

import pytest
from msgspec.structs import replace
from tests.unit.edge import samples
from tests.unit.edge.fake_dispatch import SILENCE
from tests.unit.edge.virtual import in_virtual_time, until
from tests.unit.edge.world import edge_world

from klaroen.core.calls import Act, FollowUp, Readiness, Seen, ShowAlert, Submit
from klaroen.core.errors import Problem


@in_virtual_time
async def test_an_alert_is_asked_once_and_answered_202() -> None:
    """202 with the accepted view, its Location, and one Submit in the token's name."""
    async with edge_world() as world:
        answer = await world.post_alert(key="2026-118")
        assert answer.status == 202
        assert answer.headers["location"] == "/v1/alerts/A1"
        assert answer.json["class"] == "warm"
        assert answer.json["refused"] == [{"network": "BIN-0002", "rule": "R8", "reason": "outside the token's scope"}]
        (ask,) = world.dispatch.asks
        assert (ask.principal, ask.question.key) == ("police", "2026-118")
        expected = hashlib.sha256(b"application/json\0" + samples.ALERT_BODY).digest()
        assert expected == ask.question.fingerprint


@in_virtual_time
async def test_content_type_is_part_of_the_fingerprint() -> None:
    """A second call is the same if raw body and content type are."""
    async with edge_world() as world:
        await world.post_alert()
        await world.post_alert(headers={"content-type": "application/json; charset=utf-8"})
        first, second = world.dispatch.asked(Submit)
        assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize("key", ["", "   "])
@in_virtual_time
async def test_a_missing_key_has_a_problem_of_its_own(key: str) -> None:
    async with edge_world() as world:
        answer = await world.post_alert(key=key)
        assert (answer.status, answer.problem) == (400, "idempotency-key-missing")
        assert world.dispatch.asks == []


@pytest.mark.parametrize("key", ["a b", "é", "x" * 129, "a\tb"])
@in_virtual_time
async def test_a_key_is_1_to_128_visible_ascii_characters(key: str) -> None:
    async with edge_world() as world:
        answer = await world.post_alert(key=key)
        assert (answer.status, answer.problem, answer.json["at"]) == (400, "malformed", "Idempotency-Key")


@in_virtual_time
async def test_the_longest_key_is_taken() -> None:
    async with edge_world() as world:
        assert (await world.post_alert(key="~" * 128)).status == 202


@in_virtual_time
async def test_a_header_that_matters_comes_once() -> None:
    """Two readers of one request must not take different keys, types or tokens."""
    async with edge_world() as world:
        pairs = [("idempotency-key", "a"), ("idempotency-key", "b"), ("content-type", "application/json")]
        answer = await world.call("POST", "/v1/alerts", pairs, samples.ALERT_BODY)
        assert (answer.status, answer.problem) == (400, "malformed")
        answer = await world.get("/v1/alerts/A1", headers={"authorization": "Bearer other"})
        assert (answer.status, answer.problem) == (400, "malformed")


@pytest.mark.parametrize("media", ["application/xml", "text/plain", "", "application/jsonx"])
@in_virtual_time
async def test_what_is_neither_json_nor_cap_is_415(media: str) -> None:
    async with edge_world() as world:
        answer = await world.post_alert(headers={"content-type": media})
        assert (answer.status, answer.problem) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        samples.ALERT_BODY.replace(b'"class": "warm"', b'"class": "warm", "class": "cold"'),
        samples.ALERT_BODY.replace(b"Inbraak", b"\\ud800"),
        b"[" * 40 + b"]" * 40,
        b"[" * 500_000,
    ],
)
@in_virtual_time
async def test_what_cannot_be_read_is_malformed(body: bytes) -> None:
    """Not UTF-8, a name twice, a lone surrogate, deeper than 32: 400, and nothing is asked."""
    async with edge_world() as world:
        answer = await world.post_alert(body)
        assert (answer.status, answer.problem) == (400, "malformed")
        assert world.dispatch.asks == []


@in_virtual_time
async def test_a_field_that_breaks_a_rule_is_named() -> None:
    async with edge_world() as world:
        answer = await world.post_alert(samples.ALERT_BODY.replace(b'"warm"', b'"lukewarm"'))
        assert (answer.status, answer.problem, answer.json["at"]) == (422, "invalid", "$.class")


@in_virtual_time
async def test_a_body_over_1_mib_is_refused_before_it_is_read() -> None:
    async with edge_world() as world:
        answer = await world.post_alert(b"", headers={"content-length": str(1024 * 1024 + 1)})
        assert (answer.status, answer.problem) == (413, "too-large")


@in_virtual_time
async def test_a_body_that_does_not_say_its_size_is_refused_where_it_passes_1_mib() -> None:
    async with edge_world() as world:
        answer = await world.post_alert([b" " * 1024] * 1025)  # type: ignore[arg-type]
        assert (answer.status, answer.problem) == (413, "too-large")
        assert world.desk.bodies.held_bytes == 0


@in_virtual_time
async def test_a_body_of_exactly_1_mib_is_read() -> None:
    async with edge_world() as world:
        padding = 1024 * 1024 - len(samples.ALERT_BODY)
        chunks = [samples.ALERT_BODY, b" " * (padding - 1), b" "]
        assert (await world.post_alert(chunks)).status == 202  # type: ignore[arg-type]


@in_virtual_time
async def test_all_bodies_together_are_bounded() -> None:
    async with edge_world() as world:
        world.desk.bodies.bytes_max = 10
        answer = await world.post_alert()
        assert (answer.status, answer.problem) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1


@in_virtual_time
async def test_a_caller_that_goes_asks_nothing() -> None:
    """The connection ended within the body: nobody is answered, and nothing was submitted."""
    async with edge_world() as world:
        sent: list[object] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.disconnect"}

        async def send(message: object) -> None:
            sent.append(message)

        headers = [
            (b"authorization", f"Bearer {samples.SECRET}".encode()),
            (b"content-type", b"application/json"),
            (b"idempotency-key", b"k"),
        ]
        scope = {"type": "http", "method": "POST", "path": "/v1/alerts", "query_string": b"", "headers": headers}
        await world.app(scope, receive, send)  # type: ignore[arg-type]
        assert ([], []) == (sent, world.dispatch.asks)


@in_virtual_time
async def test_dispatch_tells_the_problem() -> None:
    """`nobody` carries both lists; the rest carries what was told."""
    async with edge_world() as world:
        world.dispatch.answers[Submit] = Problem(
            "nobody",
            "nobody would be warned",
            rule="R8",
            refused=[{"network": "BIN-0001", "rule": None, "reason": "unknown"}],
            unreachable={"count": 2, "reasons": {"no_address": 2}},
        )
        answer = await world.post_alert()
        assert (answer.status, answer.problem) == (422, "nobody")
        assert answer.json["refused"] == [{"network": "BIN-0001", "rule": None, "reason": "unknown"}]
        assert answer.json["unreachable"] == {"count": 2, "reasons": {"no_address": 2}}
        assert answer.json["rule"] == "R8"


@pytest.mark.parametrize(
    ("problem", "status"),
    [("key-reused", 422), ("not-allowed", 403), ("state", 409), ("not-found", 404), ("invalid", 422)],
)
@in_virtual_time
async def test_each_problem_has_its_status(problem: str, status: int) -> None:
    async with edge_world() as world:
        world.dispatch.answers[Submit] = Problem(problem, "words", at="$.targets")  # type: ignore[arg-type]
        answer = await world.post_alert()
        assert (answer.status, answer.problem, answer.json["at"]) == (status, problem, "$.targets")


@in_virtual_time
async def test_retry_after_is_whole_seconds_and_never_nought() -> None:
    async with edge_world() as world:
        for given, expected in ((0.2, "1"), (2.1, "3")):
            world.dispatch.answers[Submit] = Problem("unavailable", "the disk is full", retry_after_s=given)
            answer = await world.post_alert()
            assert (answer.status, answer.headers["retry-after"]) == (503, expected)


@in_virtual_time
async def test_dispatch_away_is_503_with_retry_after() -> None:
    async with edge_world() as world:
        await world.dispatch.stop()
        await until(lambda: not world.desk.mirror.connected)
        answer = await world.post_alert()
        assert (answer.status, answer.problem) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"


@in_virtual_time
async def test_a_fault_of_ours_says_nothing_about_itself(caplog: pytest.LogCaptureFixture) -> None:
    """500 without details; the log line holds no word of what was posted or answered."""
    async with edge_world() as world:
        world.dispatch.answers[Submit] = {"id": "+32470123456"}
        answer = await world.post_alert()
        assert (answer.status, answer.problem) == (500, "internal-error")
        assert b"32470" not in answer.body
        assert "32470" not in caplog.text


@in_virtual_time
async def test_a_stopping_edge_takes_no_new_alert_but_still_cancels() -> None:
    async with edge_world() as world:
        world.desk.drain()
        assert (await world.post_alert()).status == 503
        assert (await world.get("/readyz")).status == 503
        assert (await world.call("POST", "/v1/alerts/A1/cancel")).status == 200


@in_virtual_time
async def test_an_open_alert_is_shown_as_last_pushed() -> None:
    """The status of an open alert costs dispatch nothing."""
    async with edge_world() as world:
        world.dispatch.show(Seen(samples.status(reached=40), frozenset({"police"})))
        await until(lambda: world.desk.mirror.seen("A1", "police") is not None)
        answer = await world.get("/v1/alerts/A1")
        assert (answer.status, answer.json["reached"]) == (200, 40)
        assert world.dispatch.asked(ShowAlert) == []


@in_virtual_time
async def test_what_the_token_was_not_pushed_is_asked() -> None:
    """An alert that is closed, or of another token, is dispatch's to show or to refuse."""
    async with edge_world() as world:
        world.dispatch.show(Seen(samples.status(), frozenset({"somebody_else"})))
        await until(lambda: world.desk.mirror.statistics()["alerts"] == 1)
        world.dispatch.answers[ShowAlert] = Problem("not-found", "no such alert")
        assert (await world.get("/v1/alerts/A1")).problem == "not-found"
        assert len(world.dispatch.asked(ShowAlert)) == 1


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
@in_virtual_time
async def test_an_act_is_told_and_what_was_pushed_before_it_is_forgotten(verb: str) -> None:
    """Whoever looks after the answer sees no earlier state."""
    async with edge_world() as world:
        world.dispatch.show(Seen(samples.status(), frozenset({"police"})))
        await until(lambda: world.desk.mirror.seen("A1", "police") is not None)
        answer = await world.call("POST", f"/v1/alerts/A1/{verb}")
        assert (answer.status, answer.json) == (200, {"state": "paused", "handed_over": 30, "stopped": 51})
        assert [question.verb for question in world.dispatch.asked(Act)] == [verb]
        assert world.desk.mirror.seen("A1", "police") is None


@in_virtual_time
async def test_what_an_alert_takes_the_place_of_is_asked_for_anew() -> None:
    """At its acceptance, and at the word that lets it go: nobody is shown how the earlier one stood before."""
    everybody = frozenset({"police"})
    earlier = replace(samples.status(), id="A0")
    waiting = replace(samples.status(), id="A2", state="awaiting_consent", supersedes="A0")
    body = samples.ALERT_BODY.rstrip().removesuffix(b"}") + b', "supersedes": "A0"}'
    async with edge_world() as world:
        for act in (lambda: world.call("POST", "/v1/alerts/A2/approve"), lambda: world.post_alert(body)):
            world.dispatch.show(Seen(earlier, everybody), Seen(waiting, everybody))
            await until(lambda: world.desk.mirror.seen("A0", "police") is not None)
            assert (await act()).status in (200, 202)
            assert world.desk.mirror.seen("A0", "police") is None


@in_virtual_time
async def test_an_answer_that_does_not_come_is_503() -> None:
    """After 20 s the caller is told to repeat with the same key."""
    async with edge_world() as world:
        world.dispatch.answers[Submit] = SILENCE
        started_s = asyncio.get_running_loop().time()
        answer = await world.post_alert()
        assert (answer.status, answer.problem) == (503, "unavailable")
        assert asyncio.get_running_loop().time() - started_s == pytest.approx(20.0, abs=0.1)
        assert world.link.statistics() == {"writes": 0, "reads": 0}


@in_virtual_time
async def test_readiness_is_what_dispatch_says_while_it_is_there() -> None:
    async with edge_world() as world:
        assert (await world.get("/readyz", secret=None)).json == {"ready": True, "words": "ready"}
        world.dispatch.push(Readiness(ready=False, draining=False, words="no carrier of sms is up"))
        await until(lambda: not world.desk.mirror.readiness.ready)
        answer = await world.get("/readyz")
        assert (answer.status, answer.json["detail"]) == (503, "no carrier of sms is up")
        world.dispatch.push(Readiness(ready=True, draining=False, words="ready"))
        await until(lambda: world.desk.mirror.readiness.ready)
        await world.dispatch.stop()
        await until(lambda: not world.desk.mirror.connected)
        assert (await world.get("/readyz")).status == 503
        assert (await world.get("/healthz")).status == 200


# --- follow-ups -------------------------------------------------------------------------------------------------------

FOLLOW_UP = b'{"to": "reached", "content": {"nl": {"text": "Dank u."}}}'


async def post_follow_up(world, body: bytes = FOLLOW_UP, alert: str = "A1", **headers: str):
    given = {"content-type": "application/json", "idempotency-key": "k1"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return await world.call("POST", f"/v1/alerts/{alert}/follow-ups", given, body)


@in_virtual_time
async def test_R18_a_follow_up_is_asked_once_and_answered_202() -> None:
    """With its Location; the same words about another alert are another request."""
    async with edge_world() as world:
        answer = await post_follow_up(world)
        assert (202, "/v1/alerts/A1") == (answer.status, answer.headers["location"])
        await post_follow_up(world, alert="A2")
        first, second = world.dispatch.asked(FollowUp)
        assert ("A1", "reached", "cold", "k1") == (first.alert, first.request.to, first.request.alert_class, first.key)
        assert first.fingerprint != second.fingerprint


@in_virtual_time
async def test_a_follow_up_that_is_none_is_refused() -> None:
    async with edge_world() as world:
        assert (400, "idempotency-key-missing") == (
            (answer := await post_follow_up(world, idempotency_key="")).status,
            answer.problem,
        )
        assert 415 == (await post_follow_up(world, content_type="application/cap+xml")).status
        answer = await post_follow_up(world, FOLLOW_UP.replace(b"reached", b"everybody"))
        assert (422, "$.to") == (answer.status, answer.json["at"])
        assert [] == world.dispatch.asks
        world.desk.drain()
        assert 503 == (await post_follow_up(world)).status


@in_virtual_time
async def test_a_warm_follow_up_is_refused_for_no_rate() -> None:
    """A cold one is: nothing hangs on its second."""
    async with edge_world(requests_per_s=1.0) as world:
        warm = FOLLOW_UP.replace(b'{"to"', b'{"class": "warm", "to"')
        assert [202] * 3 == [(await post_follow_up(world, warm)).status for _ in range(3)]
        assert 429 == (await post_follow_up(world)).status
