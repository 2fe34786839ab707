"""Calls of a Twilio-shaped carrier at the edge: callbacks, turns and clips, and who may ask for them."""

import asyncio
import io
import wave
import xml.etree.ElementTree as Xml
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from msgspec.structs import replace
from tests.fakes.twilio import sign
from tests.unit.edge.fake_dispatch import SILENCE
from tests.unit.edge.virtual import in_virtual_time, until
from tests.unit.edge.world import Answer, World, edge_world

from klaroen.clips import ClipStore
from klaroen.core.calls import PutReceipts
from klaroen.core.errors import Problem
from klaroen.core.model import AttemptId, CarrierName
from klaroen.core.ports import Call
from klaroen.core.replies import PutReplies
from klaroen.edge.receipts import read_webhooks
from klaroen.settings import Settings, Twilio
from klaroen_adapters.voice.twilio_clip import clip_url
from klaroen_adapters.voice.twilio_mark import Account, Mark, status_url, turn_url

BASE = "https://alerts.test/k"
TOKEN, KEY = "t0ken", "another key"
ACCOUNT = Account(CarrierName("cloud"), "https://api.test", "AC1", TOKEN, BASE)
FORM = {"CallSid": "CA1", "To": "+32470000001", "CallStatus": "in-progress"}
SIGNED = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}


class Cloud:
    """An edge with three such accounts: one by its token, one with a key of its own, one whom nobody can call back."""

    def __init__(self, world: World, clips: ClipStore) -> None:
        self.world = world
        self.clip = clips.put(bytes([0x2A]) * 80_000)
        self.mark = Mark(AttemptId("a1"), 7, self.clip, plays=2, until_s=world.now // 1000 + 3600)
        self.mirror = world.dispatch
        self.account: Any = None

    async def post(
        self,
        url: str,
        said: Mapping[str, str] = FORM,
        secret: str = TOKEN,
        headers: Mapping[str, str] = SIGNED,
        name: str = "x-twilio-signature",
    ) -> Answer:
        """Post as the carrier does: signed over the public address, to the path below it."""
        path = url.removeprefix(BASE)
        signed = {**headers, name: sign(secret, url, said)}
        return await self.world.call("POST", path, signed, urlencode(said).encode(), secret=None)

    async def get(self, url: str) -> Answer:
        return await self.world.get(url.removeprefix(BASE), secret=None)


@asynccontextmanager
async def cloud() -> AsyncIterator[Cloud]:
    async with edge_world() as world:
        directory = Path(world.dispatch.socket).parent
        for name, secret in (("token", TOKEN), ("key", KEY)):
            (directory / name).write_text(secret + "\n")
        account = Twilio(
            name=CarrierName("cloud"),
            channels=("tts",),
            account="AC1",
            token_file=str(directory / "token"),
            public_url=BASE,
        )
        carriers: Any = (
            account,
            replace(account, name=CarrierName("keyed"), signing_key_file=str(directory / "key")),
            replace(account, name=CarrierName("walled"), public_url=None),
        )
        world.desk.webhooks = {**world.desk.webhooks, **read_webhooks(Settings(carrier=carriers))}
        one = Cloud(world, world.desk.clips)
        one.account = account
        yield one


# --- callbacks ------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_callback_is_204_once_its_receipts_are_durable() -> None:
    """And how the call stands goes with them, for its carrier."""
    async with cloud() as one:
        one.mirror.answers[PutReceipts] = SILENCE
        said = FORM | {"CallStatus": "completed", "CallDuration": "30"}
        posting = asyncio.create_task(one.post(status_url(ACCOUNT, one.mark), said))
        await until(lambda: len(one.mirror.asks) == 1)
        assert not posting.done()
        one.mirror.tell(one.mirror.asks[0], None)
        assert 204 == (await posting).status
        (question,) = one.mirror.asked(PutReceipts)
        (proof,) = question.receipts
        assert ("cloud", "reached", "played 100 %", "a1", "CA1") == (
            question.carrier,
            proof.state,
            proof.code,
            proof.attempt,
            proof.ref,
        )
        assert (Call(AttemptId("a1"), "ended", 30.0),) == question.calls


@in_virtual_time
async def test_a_texts_callback_is_a_receipt() -> None:
    async with cloud() as one:
        said = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+32470000001"}
        assert 204 == (await one.post(status_url(ACCOUNT, Mark(AttemptId("a1"), 7)), said)).status
        (question,) = one.mirror.asked(PutReceipts)
        assert [("reached", "delivered")] == [(proof.state, proof.code) for proof in question.receipts]


@in_virtual_time
async def test_what_is_forged_is_401_and_counted() -> None:
    """Another secret, another address, another form, no signature, an account that nobody can call back."""
    async with cloud() as one:
        url = status_url(ACCOUNT, one.mark)
        signature = sign(TOKEN, url, FORM)
        forged = [
            await one.post(url, secret="wrong"),
            await one.post(url, secret=KEY),
            await one.world.call("POST", url.removeprefix(BASE), SIGNED, urlencode(FORM).encode()),
            await one.world.call(
                "POST",
                url.removeprefix(BASE),
                {**SIGNED, "x-twilio-signature": signature},
                urlencode(FORM | {"CallStatus": "completed"}).encode(),
            ),
            await one.world.call(
                "POST",
                url.removeprefix(BASE) + "&play=1",
                {**SIGNED, "x-twilio-signature": signature},
                urlencode(FORM).encode(),
            ),
            await one.post(url.replace("/cloud?", "/walled?")),
            await one.post(turn_url(ACCOUNT, one.mark), secret="wrong"),
        ]
        assert [401] * 7 == [answer.status for answer in forged]
        assert [] == one.mirror.asks
        counted = (await one.world.get("/metrics", secret=None)).body.decode()
        assert 'klaroen_http_requests_total{route="/v1/receipts/{carrier}",status="401"} 6.0' in counted


@in_virtual_time
async def test_an_account_with_a_key_of_its_own_is_known_by_that() -> None:
    async with cloud() as one:
        url = status_url(ACCOUNT, one.mark).replace("/cloud?", "/keyed?")
        assert 204 == (await one.post(url, secret=KEY, name="x-signalwire-signature")).status
        assert 401 == (await one.post(url, secret=TOKEN)).status


@in_virtual_time
async def test_what_cannot_be_read_is_refused() -> None:
    async with cloud() as one:
        url = status_url(ACCOUNT, one.mark)
        assert 415 == (await one.post(url, headers={"content-type": "application/json"})).status
        assert 400 == (await one.post(url, {"CallStatus": "gone", "CallSid": "CA1"})).status
        assert 400 == (await one.post(f"{BASE}/v1/receipts/cloud?attempt=")).status
        assert (405, "POST") == (
            (answer := await one.get("/v1/receipts/cloud")).status,
            answer.headers["allow"],
        )
        assert 404 == (await one.post(turn_url(ACCOUNT, one.mark).replace("/cloud?", "/plain?"))).status
        assert [] == one.mirror.asks


@in_virtual_time
async def test_a_callback_waits_for_dispatch_to_come_back() -> None:
    """The carrier does not repeat it; after eight seconds it is told that nothing was kept."""
    async with cloud() as one:
        said = FORM | {"CallStatus": "busy"}
        one.mirror.answers[PutReceipts] = Problem("unavailable", "the disk is full", retry_after_s=5.0)
        posting = asyncio.create_task(one.post(status_url(ACCOUNT, one.mark), said))
        await until(lambda: len(one.mirror.asks) == 3)
        one.mirror.answers[PutReceipts] = None
        assert 204 == (await posting).status
        one.mirror.answers[PutReceipts] = Problem("unavailable", "the disk is full", retry_after_s=5.0)
        refused = await one.post(status_url(ACCOUNT, one.mark), said)
        assert (503, "5") == (refused.status, refused.headers["retry-after"])
        one.mirror.answers[PutReceipts] = Problem("not-found", "There is no such carrier.")
        assert 404 == (await one.post(status_url(ACCOUNT, one.mark), said)).status


# --- turns ----------------------------------------------------------------------------------------------------------


def following(answer: Answer) -> str:
    redirect = Xml.fromstring(answer.body).find("Redirect")
    assert redirect is not None
    return redirect.text or ""


@in_virtual_time
async def test_a_call_is_told_turn_by_turn_and_each_turn_proves_the_last() -> None:
    """The edge's own clock says whether the clip can have been played."""
    async with cloud() as one:
        first = await one.post(turn_url(ACCOUNT, one.mark))
        assert (200, "text/xml; charset=utf-8") == (first.status, first.headers["content-type"])
        assert [] == one.mirror.asks, "an answer is no proof"
        one.world.later(10)
        second = await one.post(following(first))
        one.world.later(11)
        third = await one.post(following(second))
        assert "Hangup" == Xml.fromstring(third.body)[0].tag
        assert [("reached", "played 100 %")] * 2 == [
            (proof.state, proof.code) for question in one.mirror.asked(PutReceipts) for proof in question.receipts
        ]


@in_virtual_time
async def test_a_call_goes_on_while_dispatch_is_away() -> None:
    """Somebody holds the telephone; the end of the call proves it again."""
    async with cloud() as one:
        first = await one.post(turn_url(ACCOUNT, one.mark))
        one.world.later(10)
        await one.mirror.stop()
        await until(lambda: not one.world.desk.mirror.connected)
        second = await one.post(following(first))
        assert (200, ["Pause", "Play", "Redirect"]) == (
            second.status,
            [verb.tag for verb in Xml.fromstring(second.body)],
        )


# --- clips ----------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_clip_is_served_to_who_has_its_address_while_it_holds() -> None:
    async with cloud() as one:
        url = clip_url(ACCOUNT, one.clip, one.mark.until_s)
        answer = await one.get(url)
        assert (200, "audio/wav", "private, max-age=3600, immutable") == (
            answer.status,
            answer.headers["content-type"],
            answer.headers["cache-control"],
        )
        with wave.open(io.BytesIO(answer.body)) as clip:
            assert 80_000 == clip.getnframes()
        assert 0 == one.world.desk.bodies.held_bytes
        one.world.later(3600)
        assert 404 == (await one.get(url)).status


@in_virtual_time
async def test_no_other_address_leads_to_a_clip() -> None:
    async with cloud() as one:
        url = clip_url(ACCOUNT, one.clip, one.mark.until_s)
        other = one.world.desk.clips.put(b"\x55" * 8)
        gone = clip_url(ACCOUNT, one.clip, one.mark.until_s)
        tried = [
            url.replace(one.clip, other),
            url.replace(f"until={one.mark.until_s}", f"until={one.mark.until_s + 1}"),
            url.replace("/cloud/", "/plain/"),
            url.partition("?")[0],
            url.replace(one.clip, "../" * 3 + "token"),
            url[:-1] + ("0" if url[-1] != "0" else "1"),
        ]
        assert [404] * 6 == [(await one.get(address)).status for address in tried]
        assert 422 == (await one.get(url + "&x=1")).status
        one.world.desk.clips.remove(one.clip)
        assert 404 == (await one.get(gone)).status


@in_virtual_time
async def test_clips_that_are_sent_are_bounded_like_bodies() -> None:
    async with cloud() as one:
        one.world.desk.bodies.bytes_max = 200_000
        answer = await one.get(clip_url(ACCOUNT, one.clip, one.mark.until_s))
        assert (503, "unavailable") == (answer.status, answer.problem)
        assert 0 == one.world.desk.bodies.held_bytes


def test_addresses_stand_below_the_public_one() -> None:
    """A proxy may put the edge anywhere."""
    assert "/k/v1/receipts/cloud" == urlsplit(status_url(ACCOUNT, Mark(AttemptId("a1")))).path


# --- what handsets write back ---------------------------------------------------------------------------------------

WROTE = {"From": "+32470000001", "Body": "Ik zie een witte wagen", "MessageSid": "SM1", "To": "+3221234567"}


@in_virtual_time
async def test_R17_a_text_is_durable_before_it_is_taken_and_answered_by_nothing() -> None:
    """Signed over the address that stands in the carrier's console, which has no query."""
    async with cloud() as one:
        texts = Settings(carrier=(replace(one.account, name=CarrierName("texts"), channels=("sms",)),))
        one.world.desk.webhooks = {**one.world.desk.webhooks, **read_webhooks(texts)}
        url = f"{BASE}/v1/replies/texts"
        answer = await one.post(url, WROTE)
        assert (200, b"<Response/>", "text/xml; charset=utf-8") == (
            answer.status,
            answer.body,
            answer.headers["content-type"],
        )
        (question,) = one.world.dispatch.asked(PutReplies)
        assert [("+32470000001", "Ik zie een witte wagen")] == [(r.address, r.text) for r in question.replies]
        assert 401 == (await one.post(url, WROTE, secret="another")).status
        assert 400 == (await one.post(url, {"From": "+32470000001"})).status
        assert 404 == (await one.post(f"{BASE}/v1/replies/cloud", WROTE)).status, "an account for calls"
