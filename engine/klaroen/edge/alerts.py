"""Alerts over HTTP: accepted, shown, paused, resumed, cancelled.

Law: a submission is parsed once and asked once; its 202 is what dispatch says when it is durable. Warm and crisis
alerts are refused for no rate.
"""

import hashlib
import re
from typing import Final

from msgspec.structs import replace

from klaroen.core.calls import Act, FollowUp, Forecast, ShowAlert, ShowContent, Submit
from klaroen.core.cap import BODY_BYTES_MAX
from klaroen.core.errors import InputError, Saying
from klaroen.core.follow_up import read_follow_up
from klaroen.core.forecast import ForecastView
from klaroen.core.intake import read_alert
from klaroen.core.model import AlertId
from klaroen.core.phrases import say
from klaroen.core.policy import Verb
from klaroen.core.rules import WordsLanguage
from klaroen.core.views import AcceptedView, ActedView, ContentView, StatusView
from klaroen.edge import cap
from klaroen.edge.desk import Desk, as_json
from klaroen.edge.exchange import Call, Reply

_KEY: Final = re.compile(r"[!-~]{1,128}")
JSON: Final = "application/json"
UNBOUNDED: Final = frozenset({"warm", "crisis"})


def read_key(call: Call) -> str:
    """Return the Idempotency-Key; raises InputError (400)."""
    key = call.header(b"idempotency-key")
    if not key:
        raise InputError("idempotency-key-missing", "each alert is posted with an Idempotency-Key of its own")
    if _KEY.fullmatch(key) is None:
        raise InputError("malformed", "the Idempotency-Key is 1 to 128 visible ASCII characters", at="Idempotency-Key")
    return key


def read_media_type(call: Call, *taken: str) -> tuple[str, str]:
    """Return the Content-Type as it was sent, and what it says without its parameters.

    Raises InputError (415) where it is none of those that are taken.
    """
    sent = call.header(b"content-type") or ""
    essence = sent.partition(";")[0].strip().lower()
    if essence not in taken:
        raise InputError("unsupported-media-type", f"this is posted as {' or '.join(taken)}")
    return sent, essence


def fingerprint(media_type: str, body: bytes) -> bytes:
    """Return what tells two requests with one key apart: SHA-256 of content type and raw body."""
    digest = hashlib.sha256(media_type.encode())
    digest.update(b"\0")  # no header holds it: no two pairs run together into the same octets
    digest.update(body)
    return digest.digest()


async def post_alert(desk: Desk, call: Call) -> Reply:
    """Accept an alert: 202 once at least one delivery is durable."""
    started_s = desk.clock()
    if desk.draining:
        raise InputError("unavailable", "this edge is stopping")
    media_type, essence = read_media_type(call, JSON, cap.MEDIA)
    if essence == cap.MEDIA:
        body = await call.body(BODY_BYTES_MAX)
        desk.rates.wait_s(call.token.name)  # always warm or crisis
        reply = await cap.post_cap(desk, call, fingerprint(media_type, body), body)
        desk.metrics.accept.observe(desk.clock() - started_s)
        return reply
    key = read_key(call)
    body = await call.body()
    request = read_alert(body)
    if request.alert_class in UNBOUNDED:
        desk.rates.wait_s(call.token.name)  # counted, so that other requests make room
    else:
        desk.rates.take(call.token.name)
    submit = Submit(request, key, fingerprint(media_type, body), language=call.language)
    accepted = await desk.ask(call.token.name, submit, AcceptedView)
    if request.supersedes is not None:
        desk.mirror.forget(request.supersedes)
    desk.metrics.accept.observe(desk.clock() - started_s)
    return taken(accepted, call)


async def follow_up(desk: Desk, call: Call) -> Reply:
    """Accept a follow-up: 202 once at least one delivery is durable."""
    if desk.draining:
        raise InputError("unavailable", "this edge is stopping")
    media_type, _ = read_media_type(call, JSON)
    key = read_key(call)
    body = await call.body()
    request = read_follow_up(body)
    if request.alert_class in UNBOUNDED:
        desk.rates.wait_s(call.token.name)  # counted, so that other requests make room
    else:
        desk.rates.take(call.token.name)
    alert = AlertId(call.parameters["id"])
    path = call.path.encode() + b"\0"  # the same words about another alert are another request
    question = FollowUp(alert, request, key, fingerprint(media_type, path + body), call.language)
    accepted = await desk.ask(call.token.name, question, AcceptedView)
    return taken(accepted, call)


async def post_forecast(desk: Desk, call: Call) -> Reply:
    """Say what an alert would come to; nothing is sent, so that no key is needed."""
    read_media_type(call, JSON)
    return await desk.show(call, Forecast(read_alert(await call.body()), call.language), ForecastView)


def said(accepted: AcceptedView, language: WordsLanguage) -> AcceptedView:
    """Return the answer with its refusals in the caller's language."""
    if language == "en" or not accepted.refused:
        return accepted
    refused = (replace(one, reason=say((Saying(one.code),), language)) if one.code else one for one in accepted.refused)
    return replace(accepted, refused=tuple(refused))


def taken(accepted: AcceptedView, call: Call) -> Reply:
    """Return the 202, its refusals in the caller's language."""
    location = f"/v1/alerts/{accepted.id}".encode()
    return Reply(202, as_json(said(accepted, call.language)), headers=((b"location", location),))


async def show_alert(desk: Desk, call: Call) -> Reply:
    """Show how an alert stands: as last pushed while it is open, else as dispatch reads it."""
    alert = AlertId(call.parameters["id"])
    glimpse = desk.mirror.seen(alert, call.token.name)
    if glimpse is not None:
        return Reply(200, glimpse.json)
    return await desk.show(call, ShowAlert(alert), StatusView)


async def _act(desk: Desk, call: Call, verb: Verb) -> Reply:
    alert = AlertId(call.parameters["id"])
    reply = await desk.show(call, Act(alert, verb), ActedView)
    desk.mirror.outdate(alert)  # whoever looks now must not be shown how it stood before
    return reply


async def pause_alert(desk: Desk, call: Call) -> Reply:
    return await _act(desk, call, "pause")


async def resume_alert(desk: Desk, call: Call) -> Reply:
    return await _act(desk, call, "resume")


async def cancel_alert(desk: Desk, call: Call) -> Reply:
    return await _act(desk, call, "cancel")


async def consent_to_alert(desk: Desk, call: Call) -> Reply:
    return await _act(desk, call, "consent")


async def approve_alert(desk: Desk, call: Call) -> Reply:
    return await _act(desk, call, "approve")


async def refuse_alert(desk: Desk, call: Call) -> Reply:
    return await _act(desk, call, "refuse")


async def show_content(desk: Desk, call: Call) -> Reply:
    """Show what an alert says: nobody consents to words unseen."""
    return await desk.show(call, ShowContent(AlertId(call.parameters["id"])), ContentView)
