"""Meta's webhook over HTTP: set up by a word, signed on the raw body, durable before 200."""

from tests.fakes.graph import post, sign, status
from tests.unit.edge.virtual import in_virtual_time
from tests.unit.edge.world import RECEIPT_SECRET, Answer, World, edge_world

from klaroen.core.calls import PutReceipts
from klaroen.core.errors import Problem
from klaroen.core.replies import PutReplies

PATH = "/v1/receipts/meta"


async def posted(world: World, body: bytes, secret: bytes = RECEIPT_SECRET) -> Answer:
    headers = {"content-type": "application/json", "x-hub-signature-256": sign(secret, body)}
    return await world.call("POST", PATH, headers, body, secret=None)


@in_virtual_time
async def test_statuses_are_durable_before_200() -> None:
    async with edge_world() as world:
        body = post(status("w1", "delivered", "A1"), status("w2", "sent", "A2"))
        answer = await posted(world, body)
        assert (200, b"") == (answer.status, answer.body)
        (question,) = world.dispatch.asked(PutReceipts)
        assert [("w1", "reached"), ("w2", "buffered")] == [(one.ref, one.state) for one in question.receipts]
        world.dispatch.answers[PutReceipts] = Problem("unavailable", "The store cannot write now.")
        assert 503 == (await posted(world, body)).status, "Meta repeats it for a week"


@in_virtual_time
async def test_R17_what_people_wrote_is_durable_before_200() -> None:
    async with edge_world() as world:
        body = post(messages=[{"from": "32470000001", "type": "text", "text": {"body": "hallo"}}])
        assert 200 == (await posted(world, body)).status
        (question,) = world.dispatch.asked(PutReplies)
        assert [("+32470000001", "hallo", "whatsapp")] == [(r.address, r.text, r.channel) for r in question.replies]
        world.dispatch.answers[PutReplies] = Problem("unavailable", "The store cannot write now.")
        assert 503 == (await posted(world, body)).status


@in_virtual_time
async def test_what_is_not_signed_with_our_secret_is_401() -> None:
    async with edge_world() as world:
        body = post(status("w1", "delivered"))
        assert 401 == (await posted(world, body, b"another")).status
        assert 401 == (await world.call("POST", PATH, {}, body, secret=None)).status
        assert [] == world.dispatch.asks


@in_virtual_time
async def test_news_that_is_no_receipt_is_200_and_asks_nothing() -> None:
    async with edge_world() as world:
        answers = [await posted(world, body) for body in (post(), post(status("w", "sent"), phone="1"), b"{}")]
        assert [200, 200, 400] == [answer.status for answer in answers]
        assert [] == world.dispatch.asks


@in_virtual_time
async def test_a_post_may_be_as_large_as_metas_become() -> None:
    async with edge_world() as world:
        body = post(*[status("w", "sent")] * 9_000)
        assert len(body) > 1024 * 1024, "more than others may post"
        assert 200 == (await posted(world, body)).status
        assert 413 == (await posted(world, b" " * (3 * 1024 * 1024 + 1))).status


@in_virtual_time
async def test_the_webhook_is_set_up_by_our_word() -> None:
    async with edge_world() as world:
        asked = f"{PATH}?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
        right = await world.call("GET", asked + RECEIPT_SECRET.decode(), secret=None)
        assert (200, b"1158201444", "text/plain; charset=utf-8") == (
            right.status,
            right.body,
            right.headers["content-type"],
        )
        wrong = await world.call("GET", asked + "x", secret=None)
        assert (401, False) == (wrong.status, b"1158201444" in wrong.body)
        assert 400 == (await world.call("GET", PATH, secret=None)).status
