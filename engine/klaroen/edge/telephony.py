"""What carriers of calls tell and ask while a call stands: how it stands, what comes next, and the clips to play.

Law: everything but a clip is signed by the carrier, over the address that we gave it; a clip's address is signed by us,
and ends. What a turn proves is made durable before the answer if it can be; a call that stands goes on even so, since
somebody listens, and its end proves it again.
"""

import asyncio
from typing import Final

import structlog

from klaroen.clips import RATE
from klaroen.core.calls import PutReceipts
from klaroen.core.errors import InputError
from klaroen.core.model import ClipId
from klaroen.edge.desk import Desk, Webhook
from klaroen.edge.exchange import Call, Reply
from klaroen.edge.queries import ClipQuery, read_query
from klaroen_adapters.voice.twilio_callback import HEADERS, Form, authentic, hear, read_form
from klaroen_adapters.voice.twilio_clip import may_fetch, wav
from klaroen_adapters.voice.twilio_mark import Account, read_mark
from klaroen_adapters.voice.twilio_turn import Lengths
from klaroen_adapters.voice.twilio_turn import take_turn as turn

STATUS_PATIENCE_S: Final = 8.0
"""How long a callback waits for dispatch, which restarts within two seconds: the carrier does not repeat it."""
TURN_PATIENCE_S: Final = 3.0
"""Likewise while somebody holds the telephone; a carrier gives us fifteen."""
RETRY_S: Final = 0.25
XML: Final = b"text/xml; charset=utf-8"
FORM: Final = "application/x-www-form-urlencoded"

log = structlog.get_logger(__name__)


async def take_status(desk: Desk, call: Call, webhook: Webhook) -> Reply:
    """Take what a callback says of a call or a text: 204 once it is durable."""
    form = await signed_form(call, webhook)
    mark, _ = read_mark(call.query)
    heard = hear(mark, form, _length_s(desk, mark.clip))
    await _put(desk, PutReceipts(webhook.carrier.name, heard.receipts, heard.calls), STATUS_PATIENCE_S)
    return Reply(204)


async def take_turn(desk: Desk, call: Call) -> Reply:
    """Say what a call does next."""
    webhook = _webhook(desk, call)
    form = await signed_form(call, webhook)
    mark, place = read_mark(call.query)
    lengths = Lengths(*(_length_s(desk, clip) for clip in (mark.clip, mark.prompt, mark.reply)))
    next_turn = turn(_account(webhook), mark, place, form, lengths, desk.now())
    if next_turn.receipts:
        try:
            await _put(desk, PutReceipts(webhook.carrier.name, next_turn.receipts), TURN_PATIENCE_S)
        except InputError as error:
            log.warning("a turn of a call was not kept", carrier=webhook.carrier.name, problem=error.problem.name)
    return Reply(200, next_turn.twiml, XML)


async def fetch_clip(desk: Desk, call: Call) -> Reply:
    """Return a clip to who has its address, while that holds."""
    query = read_query(call.query, ClipQuery)
    clip, until_s = ClipId(call.parameters["clip"].removesuffix(".wav")), int(query.until)
    account, now = _account(_webhook(desk, call)), desk.now()
    path = desk.clips.path(clip)
    if not may_fetch(account.token, clip, until_s, query.key, now) or not path.exists():
        raise InputError("not-found", "there is no clip at this address, or it has ended")
    call.hold(3 * path.stat().st_size)
    octets = await asyncio.to_thread(lambda: wav(desk.clips.read(clip)))
    age = f"private, max-age={until_s - now // 1000}, immutable"
    return Reply(200, octets, b"audio/wav", ((b"cache-control", age.encode()),))


def _webhook(desk: Desk, call: Call) -> Webhook:
    webhook = desk.webhooks.get(call.parameters["carrier"])
    if webhook is None or webhook.account is None:
        raise InputError("not-found", "no carrier of this name asks us about its calls")
    return webhook


def _account(webhook: Webhook) -> Account:
    assert webhook.account is not None, "asked for a carrier of calls"
    return webhook.account


async def signed_form(call: Call, webhook: Webhook) -> Form:
    """Return the form, which the carrier has signed together with the address that it called."""
    if (call.header(b"content-type") or "").partition(";")[0].strip().lower() != FORM:
        raise InputError("unsupported-media-type", f"a callback is {FORM}")
    headers = {name: value for name in HEADERS if (value := call.header(name.encode())) is not None}
    form = read_form(await call.body())
    account = _account(webhook)
    url = f"{(account.callbacks or '').rstrip('/')}{call.path}"
    url += f"?{call.query.decode('latin-1')}" if call.query else ""
    assert webhook.secret is not None, "every carrier of calls has a secret"
    if account.callbacks is None or not authentic(webhook.secret.decode(), url, form, headers):
        raise InputError("unauthenticated", "the signature does not fit the secret, the address and the form")
    return form


def _length_s(desk: Desk, clip: ClipId | None) -> float:
    """How long a clip is; 0 for none, and for one that is gone."""
    if clip is None:
        return 0.0
    path = desk.clips.path(clip)
    return path.stat().st_size / RATE if path.exists() else 0.0


async def _put(desk: Desk, question: PutReceipts, patience_s: float) -> None:
    """Have receipts made durable; while dispatch is away, ask again. Raises InputError."""
    until = desk.clock() + patience_s
    while True:
        try:
            return await desk.ask(None, question, type(None))
        except InputError as error:
            if error.problem.name != "unavailable" or desk.clock() >= until:
                raise
        await asyncio.sleep(RETRY_S)
