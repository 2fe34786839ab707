"""What handsets write back, by carriers' webhooks: proved, bounded, durable before it is acknowledged (R17)."""

import hmac
import json
from typing import Any

from tests.unit.edge.virtual import in_virtual_time
from tests.unit.edge.world import RECEIPT_SECRET, Answer, World, edge_world

from klaroen.core.replies import (
    EndQuiet,
    ListQuiet,
    ListReplies,
    PutReplies,
    QuietPage,
    QuietView,
    ReplyPage,
    ReplyView,
)
from klaroen_adapters.sms.gateway import signature

SAID = [{"from": "+32470000001", "text": "Ik zie iets"}, {"from": "32470000002", "text": "STOP"}]


async def posted(world: World, items: Any, secret: bytes = RECEIPT_SECRET, media: str = "application/json") -> Answer:
    body, at = json.dumps(items).encode(), str(world.now // 1000)
    headers = {"content-type": media, "x-klaroen-timestamp": at, "x-klaroen-signature": signature(secret, at, body)}
    return await world.call("POST", "/v1/replies/signed", headers, body, secret=None)


@in_virtual_time
async def test_replies_of_a_gateway_are_204_once_they_are_durable() -> None:
    async with edge_world() as world:
        assert 204 == (await posted(world, SAID)).status
        (question,) = world.dispatch.asked(PutReplies)
        told = [(one.address, one.text, one.channel) for one in question.replies]
        assert [("+32470000001", "Ik zie iets", "sms"), ("32470000002", "STOP", "sms")] == told
        assert 204 == (await posted(world, [])).status
        assert 1 == len(world.dispatch.asks)


@in_virtual_time
async def test_what_is_not_proved_or_not_in_the_shape_is_refused_whole() -> None:
    async with edge_world() as world:
        assert 401 == (await posted(world, SAID, b"another")).status
        assert 415 == (await posted(world, SAID, media="text/plain")).status
        for items in (
            {},
            [{"from": "x", "text": ""}],
            [{"from": "+32470000001"}],
            [{"from": "+32470000001", "text": 1}],
        ):
            assert 400 == (await posted(world, items)).status
        assert 404 == (await world.call("POST", "/v1/replies/mail", {}, b"", secret=None)).status
        assert 404 == (await world.call("POST", "/v1/replies/nobody", {}, b"", secret=None)).status
        assert [] == world.dispatch.asks


@in_virtual_time
async def test_R17_kannels_are_200_once_they_are_durable() -> None:
    """Any other status has Kannel send them again; its key stands in the URL."""
    key = hmac.new(RECEIPT_SECRET, b"replies", "sha256").hexdigest()[:32]
    headers = {"content-type": 'text/plain; charset="UTF-8"', "x-kannel-from": "32470000001"}
    async with edge_world() as world:
        url = "/v1/replies/kannel?for=replies&key="
        answer = await world.call("POST", url + key, headers, "Ik zie één".encode(), secret=None)
        assert (200, b"") == (answer.status, answer.body)
        (question,) = world.dispatch.asked(PutReplies)
        assert [("32470000001", "Ik zie één")] == [(one.address, one.text) for one in question.replies]
        assert 401 == (await world.call("POST", url + "0" * 32, headers, b"Dag", secret=None)).status
        assert 400 == (await world.call("POST", url + key, {}, b"Dag", secret=None)).status
        assert 1 == len(world.dispatch.asks)


@in_virtual_time
async def test_the_police_read_replies_and_list_keepers_who_wants_no_cold_messages() -> None:
    async with edge_world() as world:
        said = ReplyView("2026-11-21T08:00:00Z", "M1", "B1", "sms", "text", "hallo")
        world.dispatch.answers[ListReplies] = ReplyPage((said,), None, 1)
        page = await world.get("/v1/alerts/A1/replies?limit=5")
        assert (200, 1, "hallo") == (page.status, page.json["count"], page.json["items"][0]["text"])
        (question,) = world.dispatch.asked(ListReplies)
        assert ("A1", 5) == (question.alert, question.limit)
        assert 422 == (await world.get("/v1/alerts/A1/replies?limit=0")).status
        quiet = QuietView("M1", None, "2026-11-21T08:00:00Z", "reply")
        world.dispatch.answers[ListQuiet] = QuietPage((quiet,))
        world.dispatch.answers[EndQuiet] = QuietPage(())
        assert "M1" == (await world.get("/v1/networks/B1/quiet")).json["items"][0]["member"]
        assert [] == (await world.call("DELETE", "/v1/networks/B1/quiet/M1")).json["items"]
