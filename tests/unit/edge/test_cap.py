"""CAP over HTTP: what is asked of dispatch, what comes back, and what is refused at the door."""

import hashlib

import pytest
from tests.unit.core.cap_samples import info, message
from tests.unit.edge import samples
from tests.unit.edge.virtual import in_virtual_time
from tests.unit.edge.world import Answer, World, edge_world

from klaroen.core.calls import Submit, Withdraw
from klaroen.core.cap import BODY_BYTES_MAX, key_of
from klaroen.core.errors import Problem
from klaroen.core.views import HeardView, WithdrawnView
from klaroen.edge.cap import LARGE_BYTES

NAME = "crisis.example.be,BE-2026-118,2026-11-26T09:00:00+01:00"


async def post(world: World, body: bytes, media: str = "application/cap+xml") -> Answer:
    return await world.call("POST", "/v1/alerts", {"content-type": media}, body)


@in_virtual_time
async def test_a_message_is_submitted_under_its_own_name() -> None:
    """202 without an Idempotency-Key: (sender, identifier, sent) is the key."""
    async with edge_world() as world:
        answer = await post(world, message(kind="Update", references="a,b,c"), "Application/CAP+xml; charset=utf-8")
        assert (202, "/v1/alerts/A1") == (answer.status, answer.headers["location"])
        (ask,) = world.dispatch.asks
        assert isinstance(ask.question, Submit)
        assert ("police", key_of(NAME), "warm") == (ask.principal, ask.question.key, ask.question.request.alert_class)
        assert (key_of("a,b,c"),) == ask.question.references
        media = b"Application/CAP+xml; charset=utf-8\0"
        body = message(kind="Update", references="a,b,c")
        assert hashlib.sha256(media + body).digest() == ask.question.fingerprint


@in_virtual_time
async def test_a_cancel_withdraws_and_submits_nothing() -> None:
    async with edge_world() as world:
        world.dispatch.answers[Withdraw] = HeardView("cancelled", "why", (WithdrawnView("A1", "cancelled", 3, 4),))
        answer = await post(world, message(kind="Cancel", references=NAME))
        assert (202, "cancelled") == (answer.status, answer.json["heard"])
        assert [{"id": "A1", "state": "cancelled", "handed_over": 3, "stopped": 4}] == answer.json["alerts"]
        assert "location" not in answer.headers
        assert [Withdraw((key_of(NAME),), "live")] == [ask.question for ask in world.dispatch.asks]


@pytest.mark.parametrize("kind", ["Ack", "Error"])
@in_virtual_time
async def test_an_ack_is_ignored_with_a_reason(kind: str) -> None:
    async with edge_world() as world:
        answer = await post(world, message(kind=kind))
        assert (202, "ignored", []) == (answer.status, answer.json["heard"], answer.json["alerts"])
        assert kind in answer.json["reason"]
        assert [] == world.dispatch.asks


@in_virtual_time
async def test_a_fault_is_told_by_its_path_in_the_document() -> None:
    async with edge_world() as world:
        answer = await post(world, message(info("x" * 2001)))
        assert (422, "invalid", "/alert/info[1]/description") == (answer.status, answer.problem, answer.json["at"])
        answer = await post(world, message(info(more="<instruction>Blijf binnen.</instruction>")))
        assert (422, "R10") == (answer.status, answer.json["rule"])
        answer = await post(world, b"<!DOCTYPE alert><alert/>")
        assert (400, "malformed") == (answer.status, answer.problem)
        assert [] == world.dispatch.asks


@in_virtual_time
async def test_a_body_over_5_mib_is_refused() -> None:
    async with edge_world() as world:
        answer = await post(world, message() + b" " * BODY_BYTES_MAX)
        assert (413, "too-large") == (answer.status, answer.problem)
        assert 0 == world.desk.bodies.held_bytes


@in_virtual_time
async def test_a_large_message_is_read_beside_the_others() -> None:
    """In a thread; its faults come back like those of a small one."""
    async with edge_world() as world:
        assert 202 == (await post(world, message() + b" " * LARGE_BYTES)).status
        answer = await post(world, message() + b" " * LARGE_BYTES + b"x")
        assert (400, "malformed") == (answer.status, answer.problem)


@in_virtual_time
async def test_what_dispatch_says_comes_through() -> None:
    async with edge_world() as world:
        world.dispatch.answers[Submit] = Problem("invalid", "unknown", at="/alert/references")
        answer = await post(world, message(kind="Update", references=NAME))
        assert (422, "/alert/references") == (answer.status, answer.json["at"])


@in_virtual_time
async def test_no_rate_refuses_a_message() -> None:
    """It is warm or crisis, always."""
    async with edge_world(requests_per_s=1.0) as world:
        assert [202] * 5 == [(await post(world, message())).status for _ in range(5)]


@in_virtual_time
async def test_a_message_needs_a_token() -> None:
    async with edge_world() as world:
        headers = {"content-type": "application/cap+xml"}
        answer = await world.call("POST", "/v1/alerts", headers, message(), secret=None)
        assert (401, "unauthenticated") == (answer.status, answer.problem)
        assert samples.SECRET not in answer.body.decode()
