"""What members write back, brought by carriers' webhooks; and what the police and list keepers ask about it (R17).

Law: a carrier's word is proved as its receipts are, and answered once it is durable.
"""

from typing import Final

from klaroen.core.errors import InputError
from klaroen.core.model import AlertId
from klaroen.core.replies import EndQuiet, ListQuiet, ListReplies, PutReplies, QuietPage, ReplyPage
from klaroen.edge.desk import Desk
from klaroen.edge.exchange import Call, Reply
from klaroen.edge.queries import RepliesQuery, read_query
from klaroen.edge.receipts import proved_body
from klaroen.edge.telephony import signed_form
from klaroen.settings import SmsHttp, Twilio
from klaroen_adapters.sms.gateway import PROFILES, parse_replies
from klaroen_adapters.voice.twilio_callback import read_text

SILENCE: Final = b"<Response/>"
"""To Twilio: nothing is answered in the same breath."""


async def take_replies(desk: Desk, call: Call) -> Reply:
    """Take what handsets wrote: 204 once it is durable; to a Twilio-shaped carrier 200 and an empty answer."""
    webhook = desk.webhooks.get(call.parameters["carrier"])
    if webhook is not None and isinstance(webhook.carrier, Twilio) and not webhook.carrier.calls:
        text = read_text(await signed_form(call, webhook))
        await desk.ask(None, PutReplies(webhook.carrier.name, (text,)), type(None))
        return Reply(200, SILENCE, b"text/xml; charset=utf-8")
    if webhook is None or not isinstance(webhook.carrier, SmsHttp):
        raise InputError("not-found", "no carrier of this name brings replies here")
    profile = webhook.carrier.profile
    principal, headers, body = await proved_body(desk, call, webhook)
    replies = tuple(parse_replies(profile, call.query, headers, body))
    if replies:
        await desk.ask(principal, PutReplies(webhook.carrier.name, replies), type(None))
    return Reply(PROFILES[profile].taken)


async def list_replies(desk: Desk, call: Call) -> Reply:
    query = read_query(call.query, RepliesQuery)
    return await desk.show(call, ListReplies(AlertId(call.parameters["id"]), query.after, query.limit), ReplyPage)


async def list_quiet(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, ListQuiet(call.parameters["id"]), QuietPage)


async def end_quiet(desk: Desk, call: Call) -> Reply:
    return await desk.show(call, EndQuiet(call.parameters["id"], call.parameters["member"]), QuietPage)
