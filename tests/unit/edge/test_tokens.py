"""Who calls, and how often: bearer tokens, certificates, expiry, rates."""

import pytest
from tests.unit.edge import samples
from tests.unit.edge.virtual import in_virtual_time, until
from tests.unit.edge.world import edge_world

from klaroen.core.calls import Submit, Tokens
from klaroen.core.model import Instant
from klaroen.edge.mirror import Mirror
from klaroen.edge.tokens import Rates, TokenTable


def test_a_token_is_found_by_its_secret_alone() -> None:
    table = TokenTable([samples.token(), samples.token("operator", "other")])
    assert table.by_secret(samples.SECRET) == samples.token()
    assert table.by_secret("") is None
    assert table.by_name("operator") == samples.token("operator", "other")


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer ", "kl_police_secret", "Bearer  é"])
@in_virtual_time
async def test_what_is_no_bearer_token_is_401(header: str) -> None:
    async with edge_world() as world:
        answer = await world.get("/v1/alerts", headers={"authorization": header}, secret=None)
        assert (answer.status, answer.problem) == (401, "unauthenticated")


@in_virtual_time
async def test_an_edge_that_has_not_heard_who_may_call_refuses_nobody_for_good() -> None:
    """It has just started and dispatch is away: 503 and come again, for a client and for a carrier's receipts alike."""
    async with edge_world() as world:
        told, world.desk.mirror.tokens = world.desk.mirror.tokens, Mirror(counter=0).tokens
        for answer in (await world.post_alert(), await world.call("POST", "/v1/receipts/plain", body=b"[]")):
            assert (answer.status, answer.problem) == (503, "unavailable")
            assert answer.headers["retry-after"] == "1"
        world.desk.mirror.tokens = told
        assert (await world.get("/v1/alerts", secret="wrong")).status == 401
        assert (await world.post_alert()).status == 202


@in_virtual_time
async def test_the_scheme_is_read_in_any_case() -> None:
    async with edge_world() as world:
        headers = {"authorization": f"bearer  {samples.SECRET}"}
        assert (await world.get("/v1/alerts", headers=headers, secret=None)).status == 200


@in_virtual_time
async def test_a_token_expires_by_the_millisecond() -> None:
    async with edge_world() as world:
        world.dispatch.push(Tokens((samples.token(expires_at=Instant(samples.NOW + 1_000)),)))
        await until(lambda: world.desk.mirror.tokens.by_name("police") != samples.token())
        world.later(0.999)
        assert (await world.get("/v1/alerts")).status == 200
        world.later(0.001)
        assert (await world.get("/v1/alerts")).status == 401


@in_virtual_time
async def test_a_certificate_speaks_for_the_token_that_it_names() -> None:
    """A token shown beside it wins: it was chosen for this request."""
    async with edge_world() as world:
        assert (await world.get("/v1/alerts", secret=None, certified="police")).status == 200
        assert (await world.get("/v1/alerts", secret=None, certified="nobody")).status == 401
        assert (await world.get("/v1/alerts", secret="wrong", certified="police")).status == 401


@in_virtual_time
async def test_a_token_that_asks_too_fast_is_told_when_to_come_back() -> None:
    async with edge_world(requests_per_s=2) as world:
        assert [(await world.get("/v1/networks")).status for _ in range(3)] == [200, 200, 429]
        answer = await world.get("/v1/networks")
        assert (answer.problem, answer.headers["retry-after"]) == ("too-many-requests", "1")


@pytest.mark.parametrize(("body", "status"), [(samples.ALERT_BODY, 202), (samples.COLD_BODY, 429)])
@in_virtual_time
async def test_no_rate_refuses_a_warm_alert(body: bytes, status: int) -> None:
    """429: never warm or crisis."""
    async with edge_world(requests_per_s=1) as world:
        await world.get("/v1/networks")
        assert [(await world.post_alert(body)).status for _ in range(5)] == [status] * 5
        assert len(world.dispatch.asked(Submit)) == (5 if status == 202 else 0)


@in_virtual_time
async def test_no_rate_refuses_a_crisis_alert() -> None:
    async with edge_world(requests_per_s=1) as world:
        body = samples.ALERT_BODY.replace(b'"warm"', b'"crisis"')
        assert [(await world.post_alert(body)).status for _ in range(5)] == [202] * 5


def test_a_bucket_holds_a_seconds_worth_and_fills_again() -> None:
    now_s = 0.0
    rates = Rates(4.0, lambda: now_s)
    assert [rates.wait_s("a") for _ in range(5)] == [0, 0, 0, 0, 0.25]
    assert rates.wait_s("b") == 0
    now_s = 0.5
    assert [rates.wait_s("a") for _ in range(3)] == [0, 0, 0.25]
    now_s = 3600.0
    assert [rates.wait_s("a") for _ in range(5)] == [0, 0, 0, 0, 0.25]


def test_a_slow_rate_still_lets_one_request_through() -> None:
    now_s = 0.0
    rates = Rates(0.5, lambda: now_s)
    assert [rates.wait_s("a"), rates.wait_s("a")] == [0, 2.0]
