"""A Twilio-shaped carrier, its callbacks through a real edge: sockets, signatures, clips and time are real."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
from msgspec.structs import replace
from tests.fakes.twilio import SID, TOKEN, Fate, TwilioPeer
from tests.system.edge_process import dispatch_thread, edge_process, edge_settings, wait_ports
from tests.unit.edge.fake_dispatch import FakeDispatch

from klaroen.clips import ClipStore
from klaroen.core.calls import Ask, PutReceipts
from klaroen.core.model import CarrierName, Channel, Instant
from klaroen.core.ports import Accepted, Call, Envelope, Receipt, Script
from klaroen.settings import Twilio
from klaroen.testing import CarrierRig
from klaroen_adapters.http import Reply, exchange, make_client
from klaroen_adapters.voice.twilio import TwilioCarrier, account_of
from klaroen_adapters.voice.twilio_clip import wav

CLIP, PROMPT, REPLY = (bytes([octet]) * samples for octet, samples in ((0x2A, 8_000), (0x35, 2_000), (0x55, 1_600)))
PATIENCE_S = 60.0


class Cloud:
    """Our carrier, the peer that it calls, and dispatch, which passes on what the edge has heard."""

    def __init__(self, nursery: trio.Nursery, directory: Path, dispatch: FakeDispatch, base: str, door: str) -> None:
        self._client = make_client()
        self.peer = TwilioPeer(nursery, self._send)
        clips = ClipStore(directory)
        clip, prompt, reply = (clips.put(octets) for octets in (CLIP, PROMPT, REPLY))
        self.script = Script(clip, 30.0, 1, "+3231010101", prompt, reply)
        self.receipts: list[Receipt] = []
        self._nursery, self._token = nursery, trio.lowlevel.current_trio_token()
        dispatch.answers[PutReceipts] = self._put
        made = replace(settings(directory), public_url=base, url=door)
        self.rig = CarrierRig(
            lambda emit, clock: TwilioCarrier(made, account_of(made), emit, clock, clips), self.peer, "tts"
        )

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        reply = await exchange(self._client, method, url, headers=headers, body=body, seconds=PATIENCE_S)
        assert isinstance(reply, Reply), reply
        return reply.status, reply.body

    def _put(self, ask: Ask) -> None:
        """On the thread of the fake dispatch."""
        question: Any = ask.question
        self._token.run_sync_soon(self._hear, question.receipts, question.calls)

    def _hear(self, receipts: tuple[Receipt, ...], calls: tuple[Call, ...]) -> None:
        self.receipts += receipts
        carrier = self.rig.carrier
        assert isinstance(carrier, TwilioCarrier)
        self._nursery.start_soon(carrier.hear, calls)

    def envelope(self, fate: Fate, *, script: Script | None = None) -> Envelope:
        (made,) = self.rig.envelopes(1, "België: 10 € 🚨")
        self.peer.fates[made.address] = fate
        later = Instant(round(time.time() * 1000) + 3_600_000)  # the edge goes by the real time
        channel: Channel = "sms" if script is None else "voice"
        return replace(made, script=script, content=replace(made.content, channel=channel, expires_at=later))

    async def until(self, holds: Any) -> None:
        with trio.fail_after(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - the edge is another process
                await trio.sleep(0.02)

    def ended(self, envelope: Envelope) -> bool:
        return any(
            isinstance(event, Call) and event.phase == "ended" and event.attempt == envelope.attempt
            for event in self.rig.events
        )

    def proofs(self, envelope: Envelope) -> list[tuple[str, str]]:
        return [
            (one.state, one.code)
            for one in self.receipts
            if one.attempt == envelope.attempt and one.state != "buffered"
        ]


def settings(directory: Path) -> Twilio:
    token = directory / "token"
    token.write_text(TOKEN)
    return Twilio(name=CarrierName("cloud"), channels=("tts",), account=SID, token_file=str(token), sender="8810")


@asynccontextmanager
async def cloud(directory: Path) -> AsyncIterator[Cloud]:
    """A port is free for the edge before its name stands in an address: the edge is known by a name of its own."""
    base = "http://127.0.0.1:1"
    configured = edge_settings(directory)
    public = replace(settings(directory), public_url=base)
    configured = replace(configured, carrier=(*configured.carrier, public))
    async with trio.open_nursery() as nursery:
        with dispatch_thread(directory) as dispatch, edge_process(configured) as process:
            ports = await trio.to_thread.run_sync(wait_ports, directory, process)
            real = f"http://127.0.0.1:{ports['edge']}"
            listeners = await nursery.start(partial(trio.serve_tcp, lambda s: one.peer.accept(s), 0, host="127.0.0.1"))
            door = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            one = Cloud(nursery, directory, dispatch, base, door)
            send = one._send
            one.peer._send = lambda method, url, headers, body: send(method, url.replace(base, real), headers, body)
            async with one.rig.running():
                yield one
            await one._client.aclose()
            nursery.cancel_scope.cancel()


async def test_calls_and_texts_with_callbacks_through_a_real_edge(tmp_path: Path) -> None:
    """Answered and heard out, confirmed, busy, another key, and a text: each proved by what came back."""
    async with cloud(tmp_path) as one:
        plain = replace(one.script, prompt=None, reply=None)
        heard = one.envelope(Fate(), script=plain)
        confirmed = one.envelope(Fate(keys=((1.1, "1"),)), script=one.script)
        replied = one.envelope(Fate(keys=((0.2, "9"),)), script=one.script)
        busy = one.envelope(Fate(ending="busy"), script=plain)
        text = one.envelope(Fate(states=("queued", "delivered", "sent")))
        calls = [heard, confirmed, replied, busy]
        await one.rig.carrier.hand_over([*calls, text])
        assert {Accepted} == {type(outcome) for outcome in await one.rig.wait_answers([*calls, text])}
        await one.until(lambda: all(one.ended(call) for call in calls) and len(one.proofs(text)) == 1)
        assert ("reached", "played 100 %") == one.proofs(heard)[0]
        assert [("reached", "played 100 %"), ("confirmed", "key 1")] == one.proofs(confirmed)[:2]
        assert ("reached", "played 100 %") == one.proofs(replied)[0]
        assert [("failed", "busy")] == one.proofs(busy)
        assert [("reached", "delivered")] == one.proofs(text)
        assert [wav(CLIP)[44:]] == [part.samples for part in one.peer.heard[heard.address]]
        assert [CLIP, REPLY, CLIP, PROMPT] == [
            {wav(clip)[44:]: clip for clip in (CLIP, REPLY, PROMPT)}[part.samples]
            for part in one.peer.heard[replied.address]
        ]
        assert {200, 204} == {status for _, status in one.peer.answers}
        sent = [request["Body"] for request in one.peer.requests if "Body" in request]
        assert ["België: 10 € 🚨"] == sent


async def test_a_forged_callback_moves_nothing(tmp_path: Path) -> None:
    async with cloud(tmp_path) as one:
        text = one.envelope(Fate(states=("queued",)))
        await one.rig.carrier.hand_over([text])
        await one.rig.wait_answers([text])
        await one.until(lambda: len(one.receipts) == 1)
        said = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": text.address}
        url = one.peer.requests[-1]["StatusCallback"]
        assert 401 == (await one.peer.call_back(url, said, token="guessed"))[0]
        assert 204 == (await one.peer.call_back(url, said))[0]
        await one.until(lambda: len(one.receipts) == 2)
        assert [("reached", "delivered")] == one.proofs(text)
