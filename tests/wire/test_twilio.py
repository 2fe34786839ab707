"""The official SDK drives our fake: what our carrier is tested against is shaped like the real thing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from tests.fakes.twilio import SID, TOKEN, Fate, TwilioPeer, sign
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client


class Redirected(TwilioHttpClient):
    """The SDK's own client, at another address than Twilio's."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=30)
        self._base = base

    def close(self) -> None:
        assert self.session is not None
        self.session.close()

    def request(self, method: str, url: str, *arguments: Any, **named: Any) -> Response:
        return super().request(method, url.replace("https://api.twilio.com", self._base), *arguments, **named)


@asynccontextmanager
async def sdk(token: str = TOKEN) -> AsyncIterator[tuple[Client, TwilioPeer]]:
    async with trio.open_nursery() as nursery:
        peer = TwilioPeer(nursery)
        listeners = await nursery.start(partial(trio.serve_tcp, peer.accept, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        http = Redirected(f"http://127.0.0.1:{port}")
        yield Client(SID, token, http_client=http), peer
        http.close()
        nursery.cancel_scope.cancel()


async def test_the_sdk_calls_and_asks_how_the_call_stands() -> None:
    async with sdk() as (client, peer):
        made = await trio.to_thread.run_sync(
            lambda: client.calls.create(
                to="+32470000001",
                from_="+3221234567",
                url="http://bin.test/v1/calls/cloud?attempt=a1",
                status_callback="http://bin.test/v1/receipts/cloud?attempt=a1",
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                timeout=30,
            )
        )
        assert ("queued", "+32470000001") == (made.status, made.to)
        found = await trio.to_thread.run_sync(lambda: client.calls(made.sid or "").fetch())
        assert (made.sid, "queued") == (found.sid, found.status)
        (form,) = peer.requests
        assert ["initiated", "ringing", "answered", "completed"] == form["StatusCallbackEvent"]
        assert "30" == form["Timeout"]


async def test_the_sdk_sends_a_text() -> None:
    async with sdk() as (client, peer):
        made = await trio.to_thread.run_sync(
            lambda: client.messages.create(
                to="+32470000001", from_="8810", body="België: 10 € 🚨", smart_encoded=False, validity_period=60
            )
        )
        assert ("queued", "België: 10 € 🚨") == (made.status, made.body)
        (form,) = peer.requests
        assert ("false", "60", "België: 10 € 🚨") == (form["SmartEncoded"], form["ValidityPeriod"], form["Body"])


@pytest.mark.parametrize(
    ("token", "number", "status", "code"),
    [(TOKEN, "+32470000009", 400, 21211), (TOKEN, "+32470000008", 429, 20429), ("wrong", "+32470000001", 401, 20003)],
)
async def test_the_sdk_reads_our_refusals(token: str, number: str, status: int, code: int) -> None:
    async with sdk(token) as (client, peer):
        peer.fates = {"+32470000009": Fate(error=21211), "+32470000008": Fate(error=20429)}

        def send() -> TwilioRestException:
            with pytest.raises(TwilioRestException) as caught:
                client.messages.create(to=number, from_="8810", body="Dag")
            return caught.value

        error = await trio.to_thread.run_sync(send)
        assert (status, code) == (error.status, error.code)


def test_the_official_validator_takes_the_fakes_signatures() -> None:
    url, said = "https://bin.test/v1/calls/cloud?attempt=a1", {"CallSid": "CA1", "To": "+32470000001", "Empty": ""}
    assert RequestValidator(TOKEN).validate(url, said, sign(TOKEN, url, said))
    assert not RequestValidator(TOKEN).validate(url, said, sign("wrong", url, said))
