"""Carriers' webhooks: proved on the raw body, durable before 204, refused without a trace of what they held."""

import asyncio
import hashlib
import hmac

import pytest
from tests.unit.edge import samples
from tests.unit.edge.fake_dispatch import SILENCE
from tests.unit.edge.virtual import in_virtual_time, until
from tests.unit.edge.world import RECEIPT_SECRET, Answer, World, edge_world
from tests.unit.mail.test_mail_report import ATTEMPT, BOUNCE

from klaroen.core.calls import PutReceipts, Tokens
from klaroen.core.errors import Problem
from klaroen.core.model import CarrierName
from klaroen_adapters.sms.gateway import signature

BODY = b'[{"ref": "T1", "state": "delivered", "at": "2026-11-21T08:00:00Z"}]'


async def signed(world: World, body: bytes = BODY, secret: bytes = RECEIPT_SECRET, age_s: int = 0) -> Answer:
    timestamp = str(world.now // 1000 - age_s)
    headers = {
        "content-type": "application/json",
        "x-klaroen-timestamp": timestamp,
        "x-klaroen-signature": signature(secret, timestamp, body),
    }
    return await world.call("POST", "/v1/receipts/signed", headers, body, secret=None)


@in_virtual_time
async def test_signed_receipts_are_204_once_they_are_durable() -> None:
    async with edge_world() as world:
        world.dispatch.answers[PutReceipts] = SILENCE
        posting = asyncio.create_task(signed(world))
        await until(lambda: len(world.dispatch.asks) == 1)
        assert not posting.done()
        world.dispatch.tell(world.dispatch.asks[0], None)
        answer = await posting
        assert (answer.status, answer.body) == (204, b"")
        assert "content-length" not in answer.headers
        (question,) = world.dispatch.asked(PutReceipts)
        assert (question.carrier, [one.state for one in question.receipts]) == ("signed", ["reached"])


@in_virtual_time
async def test_a_signature_that_does_not_fit_is_401() -> None:
    """Another secret, another body, another time, or none at all."""
    async with edge_world() as world:
        refused = [
            await signed(world, secret=b"another"),
            await signed(world, age_s=301),
            await signed(world, age_s=-301),
            await world.call("POST", "/v1/receipts/signed", body=BODY),
        ]
        assert [answer.status for answer in refused] == [401] * 4
        assert world.dispatch.asks == []
        assert (await signed(world, age_s=299)).status == 204


@in_virtual_time
async def test_a_carrier_without_a_secret_shows_its_own_token() -> None:
    async with edge_world() as world:
        world.dispatch.push(
            Tokens(
                (
                    samples.token(),
                    samples.token("plain-gateway", "s1", "carrier", "plain"),
                    samples.token("other-gateway", "s2", "carrier", "signed"),
                )
            )
        )
        await until(lambda: world.desk.mirror.tokens.by_name("plain-gateway") is not None)

        async def post(secret: str | None) -> int:
            return (await world.call("POST", "/v1/receipts/plain", body=BODY, secret=secret)).status

        assert [await post(one) for one in (None, "wrong", samples.SECRET, "s2", "s1")] == [401, 401, 403, 403, 204]
        (ask,) = world.dispatch.asks
        assert (ask.principal, ask.question.carrier) == ("plain-gateway", CarrierName("plain"))


@in_virtual_time
async def test_receipts_that_cannot_be_read_are_refused_whole() -> None:
    async with edge_world() as world:
        for body in (b"", b"{}", b"[" * 100_000, b'[{"state": "delivered"}]', b"\xff"):
            assert (await signed(world, body)).status in {400, 422}
        assert world.dispatch.asks == []


@in_virtual_time
async def test_no_receipts_are_taken_without_asking() -> None:
    async with edge_world() as world:
        assert (await signed(world, b"[]")).status == 204
        assert world.dispatch.asks == []


@in_virtual_time
async def test_receipts_are_never_said_to_be_durable_while_they_are_not() -> None:
    async with edge_world() as world:
        world.dispatch.answers[PutReceipts] = Problem("unavailable", "the disk is full", retry_after_s=5.0)
        answer = await signed(world)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        await world.dispatch.stop()
        await until(lambda: not world.desk.mirror.connected)
        assert (await signed(world)).status == 503


@in_virtual_time
async def test_a_stopping_edge_still_takes_receipts() -> None:
    """Dispatch waits for them while it drains."""
    async with edge_world() as world:
        world.desk.drain()
        assert (await signed(world)).status == 204


@in_virtual_time
async def test_too_many_receipts_at_once_are_413() -> None:
    async with edge_world() as world:
        answer = await world.call("POST", "/v1/receipts/signed", body=[b" " * 600_000] * 2, secret=None)
        assert (answer.status, answer.problem) == (413, "too-large")


@pytest.mark.parametrize(("path", "method", "allow"), [("kannel", "POST", "GET"), ("signed", "GET", "POST")])
@in_virtual_time
async def test_each_carrier_reports_by_its_own_method(path: str, method: str, allow: str) -> None:
    async with edge_world() as world:
        answer = await world.call(method, f"/v1/receipts/{path}")
        assert (answer.status, answer.headers["allow"]) == (405, allow)


@in_virtual_time
async def test_kannel_reports_by_a_url_that_was_signed_when_it_was_given_out() -> None:
    async with edge_world() as world:
        assert (await world.get("/v1/receipts/kannel?for=0123456789ab-T1&key=wrong&state=1")).status == 401
        pairs = "0123456789ab-T1"
        key = hmac.new(RECEIPT_SECRET, pairs.encode(), hashlib.sha256).hexdigest()[:32]
        answer = await world.get(f"/v1/receipts/kannel?for={pairs}&key={key}&state=1", secret=None)
        assert answer.status == 204
        (question,) = world.dispatch.asked(PutReceipts)
        assert [one.attempt for one in question.receipts] == ["T1"]


# --- reports of mail --------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_report_of_mail_is_a_receipt() -> None:
    """As the relay forwards it, with the carrier's token or its secret; its words go nowhere."""
    async with edge_world() as world:
        world.dispatch.push(Tokens((samples.token(), samples.token("relay", "s1", "carrier", "mail"))))
        await until(lambda: world.desk.mirror.tokens.by_name("relay") is not None)
        headers = {"content-type": "message/rfc822"}
        body = BOUNCE.replace("Action: failed", "Action: delivered").encode()
        answer = await world.call("POST", "/v1/receipts/mail", headers, body, secret="s1")
        assert answer.status == 204
        timestamp = str(world.now // 1000)
        signed_as = {
            "x-klaroen-timestamp": timestamp,
            "x-klaroen-signature": signature(RECEIPT_SECRET, timestamp, body),
        }
        answer = await world.call("POST", "/v1/receipts/signed-mail", headers | signed_as, body, secret=None)
        assert answer.status == 204
        questions = world.dispatch.asked(PutReceipts)
        told = [(question.carrier, [(one.state, one.ref) for one in question.receipts]) for question in questions]
        assert [("mail", [("reached", ATTEMPT)]), ("signed-mail", [("network", ATTEMPT)])] == told


@in_virtual_time
async def test_what_is_no_report_of_mail_is_refused() -> None:
    async with edge_world() as world:
        world.dispatch.push(Tokens((samples.token(), samples.token("relay", "s1", "carrier", "mail"))))
        await until(lambda: world.desk.mirror.tokens.by_name("relay") is not None)

        async def post(media: str, body: bytes, secret: str | None = "s1") -> Answer:
            return await world.call("POST", "/v1/receipts/mail", {"content-type": media}, body, secret=secret)

        assert 415 == (await post("application/json", b"[]")).status
        assert 422 == (await post("message/rfc822", b"Subject: on holiday\r\n\r\n")).status
        assert 401 == (await post("message/rfc822", BOUNCE.encode(), None)).status
        assert 403 == (await post("message/rfc822", BOUNCE.encode(), samples.SECRET)).status
        assert 405 == (await world.get("/v1/receipts/mail", secret="s1")).status
        assert 204 == (await post("message/rfc822", BOUNCE.replace(ATTEMPT, "another").encode())).status
        assert [] == world.dispatch.asks
