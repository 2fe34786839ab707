"""A Twilio-shaped carrier: REST resources, signed callbacks, and telephones that follow TwiML.

Law: what befalls a number is written in `fates`; what a telephone heard is kept in `heard`. It shares no code with our
adapters but the HTTP client, and signs by its own hand (tests/wire/test_twilio.py has the official SDK judge it).
Source: Twilio's documentation of the Call and Message resources, webhook security and TwiML.
"""

import base64
import hashlib
import hmac
import io
import json
import wave
import xml.etree.ElementTree as Xml
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import trio
from msgspec import Struct
from tests.fakes.carrier_peers import StreamPeer
from tests.fakes.http_peer import Got, Stream, read_request, response

from klaroen.testing import Copy

SID, TOKEN = "AC" + "0" * 32, "S3cretOfOurs"


class Fate(Struct, frozen=True):
    """What befalls a number that is called or written to."""

    ending: str = "completed"
    """The call's last status; `busy` and the like are never answered."""
    error: int | None = None
    """The request is refused with this code; or, of a text, its receipt says so."""
    keys: tuple[tuple[float, str], ...] = ()
    """(seconds after the answer, key), in order."""
    hangs_up_s: float | None = None
    """Seconds after the answer."""
    sip: str | None = None
    states: tuple[str, ...] = ("queued", "sent", "delivered")
    """Of a text, in the order in which they are told."""
    told: bool = True
    """Callbacks come at all."""


class Heard(Struct, frozen=True):
    """One clip, or the beginning of one."""

    samples: bytes
    seconds: float


class HungUpError(Exception):
    """The callee has put down the telephone."""


Send = Callable[[str, str, Mapping[str, str], bytes], Awaitable[tuple[int, bytes]]]
"""(method, URL, headers, body) -> (status, body): how it calls back."""


class TwilioPeer(StreamPeer):
    """The server, and the telephones behind it."""

    def __init__(self, nursery: trio.Nursery, send: Send | None = None) -> None:
        super().__init__(nursery)
        self._send = send
        self.fates: dict[str, Fate] = {}
        self.requests: list[dict[str, Any]] = []
        """The form of each, repeated fields as lists."""
        self.heard: dict[str, list[Heard]] = {}
        """By number."""
        self.answers: list[tuple[str, int]] = []
        """What each callback was answered with: (URL, status)."""
        self.resources: dict[str, dict[str, Any]] = {}
        self.pauses_s = 0.0
        """Before each status of a text or call."""

    # --- REST ---------------------------------------------------------------------------------------------------------

    async def serve(self, stream: Stream) -> None:
        while (got := await read_request(stream)) is not None:
            if self.manner == "silence":
                self._take(got)
                await trio.sleep_forever()
            if self.manner == "cut":
                self._take(got)
                return
            status, body = self._answer(got)
            await stream.send_all(response(status, json.dumps(body).encode(), content_type="application/json"))

    async def accept(self, stream: trio.SocketStream) -> None:
        """As a handler of real connections."""
        await self.serve(stream)  # type: ignore[arg-type]

    def _answer(self, got: Got) -> tuple[int, dict[str, Any]]:
        expected = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if got.headers.get("authorization") != expected:
            return refusal(401, 20003, "Authenticate")
        if not got.target.startswith(f"/2010-04-01/Accounts/{SID}/"):
            return refusal(404, 20404, "Not found")
        resource = got.target.partition(f"/{SID}/")[2].removesuffix(".json")
        if got.method == "GET":
            found = self.resources.get(resource.partition("/")[2])
            return refusal(404, 20404, "Not found") if found is None else (200, found)
        if self.manner == "refuse":
            return refusal(400, 21211, "Invalid 'To' Phone Number")
        return self._create(resource, self._take(got))

    def _take(self, got: Got) -> dict[str, Any]:
        pairs = parse_qsl(got.body.decode(), keep_blank_values=True, errors="strict")
        form = dict(pairs)
        events = [value for name, value in pairs if name == "StatusCallbackEvent"]
        self.requests.append({**form, "StatusCallbackEvent": events})
        self.copies.append(Copy(form["To"], form.get("Body", "")))
        return form | {"events": events}

    def _create(self, resource: str, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        fate = self.fates.get(form["To"], Fate())
        if fate.error is not None and fate.states == Fate().states:
            return refusal(429 if fate.error == 20429 else 400, fate.error, "No")
        call = resource == "Calls"
        sid = ("CA" if call else "SM") + f"{len(self.resources):032x}"
        made = {"sid": sid, "account_sid": SID, "to": form["To"], "from": form.get("From"), "status": "queued"}
        made |= {"duration": None} if call else {"body": form["Body"], "error_code": None, "num_segments": "1"}
        self.resources[sid] = made
        if self._send is not None:
            self._nursery.start_soon(self._call if call else self._text, made, form, fate)
        return 201, dict(made)

    # --- texts --------------------------------------------------------------------------------------------------------

    async def _text(self, made: dict[str, Any], form: dict[str, Any], fate: Fate) -> None:
        for state in fate.states:
            await trio.sleep(self.pauses_s)
            made["status"] = state
            said = {"MessageSid": made["sid"], "SmsSid": made["sid"], "AccountSid": SID, "MessageStatus": state}
            said |= {"SmsStatus": state, "To": form["To"], "From": form.get("From", ""), "ApiVersion": "2010-04-01"}
            if fate.error is not None and state in ("failed", "undelivered"):
                said["ErrorCode"] = str(fate.error)
            if fate.told and "StatusCallback" in form:
                await self.call_back(form["StatusCallback"], said)

    # --- calls --------------------------------------------------------------------------------------------------------

    async def _call(self, made: dict[str, Any], form: dict[str, Any], fate: Fate) -> None:
        steps = ["initiated", "ringing"] if fate.ending != "failed" else ["initiated"]
        for number, status in enumerate(steps):
            await trio.sleep(self.pauses_s)
            made["status"] = status
            await self._tell(made, form, fate, status, number)
        seconds = 0.0
        if fate.ending == "completed":
            made["status"] = "in-progress"
            await self._tell(made, form, fate, "in-progress", 2)
            began = trio.current_time()
            await Telephone(self, made, form, fate).follow(form["Url"])
            seconds = trio.current_time() - began
        made |= {"status": fate.ending, "duration": str(round(seconds))}
        await self._tell(made, form, fate, fate.ending, 3, {"CallDuration": str(round(seconds)), "Duration": "1"})

    async def _tell(
        self,
        made: dict[str, Any],
        form: dict[str, Any],
        fate: Fate,
        status: str,
        number: int,
        more: Mapping[str, str] | None = None,
    ) -> None:
        said = call_form(made, status) | {"CallbackSource": "call-progress-events", "SequenceNumber": str(number)}
        said["Timestamp"] = format_datetime(datetime.now(UTC))
        if fate.sip is not None and status == "failed":
            said["SipResponseCode"] = fate.sip
        wanted = {"in-progress": "answered"}.get(status, status if status in ("initiated", "ringing") else "completed")
        if fate.told and wanted in form["events"]:
            await self.call_back(form["StatusCallback"], said | dict(more or {}))

    async def call_back(self, url: str, said: Mapping[str, str], token: str = TOKEN) -> tuple[int, bytes]:
        """Post a signed form, as the carrier does."""
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-twilio-signature": sign(token, url, said),
        }
        assert self._send is not None
        status, body = await self._send("POST", url, headers, urlencode(said).encode())
        self.answers.append((url, status))
        return status, body

    async def fetch(self, url: str) -> bytes | None:
        assert self._send is not None
        status, body = await self._send("GET", url, {}, b"")
        self.answers.append((url, status))
        return body if status == 200 else None


class Telephone:
    """One call that was answered: it does what TwiML says, verb by verb, and presses keys when they are due."""

    def __init__(self, peer: TwilioPeer, made: dict[str, Any], form: dict[str, Any], fate: Fate) -> None:
        self._peer, self._made, self._form = peer, made, form
        self._keys = list(fate.keys)
        self._began = trio.current_time()
        self._until = self._began + (1e9 if fate.hangs_up_s is None else fate.hangs_up_s)
        self._heard = peer.heard.setdefault(form["To"], [])

    async def follow(self, url: str) -> None:
        """Until the TwiML ends, or the callee hangs up."""
        more: Mapping[str, str] = {}
        try:
            while True:
                status, body = await self._peer.call_back(url, call_form(self._made, "in-progress") | dict(more))
                if status != 200:
                    return
                following = await self._perform(Xml.fromstring(body))
                if following is None:
                    return
                url, more = following
        except HungUpError:
            return

    async def _perform(self, document: Xml.Element) -> tuple[str, Mapping[str, str]] | None:
        """What to ask next, or None where the call ends."""
        assert document.tag == "Response"
        for verb in document:
            if verb.tag == "Play":
                await self._play(verb.text or "", listens=False)
            elif verb.tag == "Pause":
                await self._pass(float(verb.get("length", "1")), listens=False)
            elif verb.tag == "Gather":
                key = await self._gather(verb)
                if key is not None:
                    return verb.get("action", ""), {"Digits": key}
            elif verb.tag == "Redirect":
                return verb.text or "", {}
            else:
                assert verb.tag == "Hangup", verb.tag
                return None
        return None

    async def _gather(self, verb: Xml.Element) -> str | None:
        assert (verb.get("numDigits"), verb.get("input"), verb.get("method")) == ("1", "dtmf", "POST")
        for one in verb:
            assert one.tag == "Play"
            key = await self._play(one.text or "", listens=True)
            if key is not None:
                return key
        return await self._pass(float(verb.get("timeout", "5")), listens=True)

    async def _play(self, url: str, *, listens: bool) -> str | None:
        octets = await self._peer.fetch(url)
        if octets is None:
            return None  # as the carrier does: it notes a warning, and goes on
        with wave.open(io.BytesIO(octets)) as clip:
            assert (clip.getnchannels(), clip.getsampwidth(), clip.getframerate()) == (1, 2, 8000)
            samples, seconds = clip.readframes(clip.getnframes()), clip.getnframes() / 8000
        began = trio.current_time()
        try:
            return await self._pass(seconds, listens=listens)
        finally:
            self._heard.append(Heard(samples, min(seconds, trio.current_time() - began)))

    async def _pass(self, seconds: float, *, listens: bool) -> str | None:
        """Let time pass; return the key that comes meanwhile, if somebody listens."""
        end = trio.current_time() + seconds
        while True:
            at = self._began + self._keys[0][0] if self._keys else float("inf")
            await trio.sleep_until(min(end, at, self._until))
            now = trio.current_time()
            if now >= self._until:
                raise HungUpError
            if now >= at:
                _, key = self._keys.pop(0)
                if listens:
                    return key
            elif now >= end:
                return None


def refusal(status: int, code: int, message: str) -> tuple[int, dict[str, Any]]:
    return status, {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def call_form(made: Mapping[str, Any], status: str) -> dict[str, str]:
    return {
        "CallSid": made["sid"],
        "AccountSid": SID,
        "From": made["from"] or "",
        "To": made["to"],
        "CallStatus": status,
        "ApiVersion": "2010-04-01",
        "Direction": "outbound-api",
    }


def sign(token: str, url: str, said: Mapping[str, str]) -> str:
    """Return the signature of a callback, by hand."""
    text = url
    for name in sorted(said):
        text += name + said[name]
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()
