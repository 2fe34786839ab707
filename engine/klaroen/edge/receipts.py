"""Carriers' webhooks: verified on the raw body, parsed, and acknowledged once they are on disk.

Law: 204 means durable, as 200 does to Meta, which asks for that. A carrier with a secret proves each call by it; one
without shows a token of role `carrier`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from klaroen.core.calls import PutReceipts
from klaroen.core.errors import InputError
from klaroen.core.model import Instant
from klaroen.core.ports import Receipt
from klaroen.core.replies import PutReplies
from klaroen.edge.desk import Desk, Webhook
from klaroen.edge.exchange import BODY_BYTES_MAX, Call, Reply
from klaroen.edge.problems import problem_reply
from klaroen.edge.telephony import take_status
from klaroen.edge.tokens import authenticate
from klaroen.setting_mail import Smtp
from klaroen.setting_whatsapp import Whatsapp
from klaroen.settings import Settings, SmsHttp, Twilio
from klaroen_adapters.mail.mail_report import read_report
from klaroen_adapters.sms.gateway import PROFILES, authentic, parse_receipts
from klaroen_adapters.voice.twilio_mark import Account
from klaroen_adapters.whatsapp.whatsapp_callback import BODY_BYTES_MAX as WHATSAPP_BYTES_MAX
from klaroen_adapters.whatsapp.whatsapp_callback import SIGNATURE, challenge_of, parse_replies
from klaroen_adapters.whatsapp.whatsapp_callback import authentic as signed_by_meta
from klaroen_adapters.whatsapp.whatsapp_callback import parse_receipts as read_whatsapp

_HEADERS: Final = (
    b"content-type",
    b"x-klaroen-timestamp",
    b"x-klaroen-signature",
    b"x-kannel-from",
    SIGNATURE.encode(),
)
PLAIN: Final = b"text/plain; charset=utf-8"

REPORT: Final = "message/rfc822"
"""A delivery status notification as the relay received it."""


def read_webhooks(settings: Settings) -> Mapping[str, Webhook]:
    """Return the carriers that send receipts over HTTP, with the secrets that stand in their files."""
    webhooks: dict[str, Webhook] = {}
    for carrier in settings.carrier:
        if isinstance(carrier, SmsHttp | Smtp):
            webhooks[carrier.name] = Webhook(carrier, _secret(carrier.receipt_secret_file))
        elif isinstance(carrier, Twilio):
            key = _secret(carrier.signing_key_file or carrier.token_file)
            webhooks[carrier.name] = Webhook(carrier, key, _account(carrier))
        elif isinstance(carrier, Whatsapp):
            secret, password = _secret(carrier.receipt_secret_file), _secret(carrier.verify_token_file)
            webhooks[carrier.name] = Webhook(carrier, secret, password=password)
    return webhooks


def _account(carrier: Twilio) -> Account:
    token = _secret(carrier.token_file)
    assert token is not None, "a file that is required"
    return Account(carrier.name, carrier.url, carrier.account, token.decode(), carrier.public_url, carrier.sender)


def _secret(path: str | None) -> bytes | None:
    if path is None:
        return None
    return Path(path).read_bytes().removesuffix(b"\n").removesuffix(b"\r")


async def take_receipts(desk: Desk, call: Call) -> Reply:
    """Take the receipts of one callback: 204 once they are durable."""
    webhook = desk.webhooks.get(call.parameters["carrier"])
    if webhook is None:
        raise InputError("not-found", "no carrier of this name sends receipts here")
    carrier = webhook.carrier
    by = _methods(carrier)
    if call.method not in by:
        error = InputError("method-not-allowed", f"this carrier's receipts come by {' and '.join(by)}")
        return problem_reply(error.problem, ((b"allow", ", ".join(by).encode()),))
    if isinstance(carrier, Twilio):
        return await take_status(desk, call, webhook)
    if isinstance(carrier, Whatsapp) and call.method == "GET":
        return Reply(200, challenge_of(call.query, webhook.password).encode(), PLAIN)
    principal, headers, body = await proved_body(desk, call, webhook)
    match carrier:
        case SmsHttp():
            receipts = parse_receipts(carrier.profile, call.method, call.query, headers, body)
        case Whatsapp():
            receipts = read_whatsapp(body, carrier.phone_id)
            if replies := parse_replies(body, carrier.phone_id):
                await desk.ask(principal, PutReplies(carrier.name, tuple(replies)), type(None))
        case _:
            receipts = _read_mail(carrier, headers, body)
    if receipts:
        await desk.ask(principal, PutReceipts(carrier.name, tuple(receipts)), type(None))
    return Reply(200, b"", PLAIN) if isinstance(carrier, Whatsapp) else Reply(204)


async def proved_body(desk: Desk, call: Call, webhook: Webhook) -> tuple[str | None, Mapping[str, str], bytes]:
    """Return by whose token a call is made (None: it is signed), its headers and its body. Raises InputError."""
    principal = None if webhook.secret is not None else _principal(desk, call, webhook)
    headers = {name.decode(): value for name in _HEADERS if (value := call.header(name)) is not None}
    body = await call.body(WHATSAPP_BYTES_MAX if isinstance(webhook.carrier, Whatsapp) else BODY_BYTES_MAX)
    if webhook.secret is not None and not _proved(webhook, webhook.secret, call.query, headers, body, desk.now()):
        raise InputError("unauthenticated", "the signature does not fit the secret, the time and the raw body")
    return principal, headers, body


def _methods(carrier: object) -> tuple[str, ...]:
    """By which methods a carrier calls us: Kannel by GET alone, and Meta asks by GET who we are."""
    if isinstance(carrier, SmsHttp):
        return (PROFILES[carrier.profile].receipts_by,)
    return ("GET", "POST") if isinstance(carrier, Whatsapp) else ("POST",)


def _proved(
    webhook: Webhook, secret: bytes, query: bytes, headers: Mapping[str, str], body: bytes, now: Instant
) -> bool:
    """Whether a call comes from who knows the secret."""
    if isinstance(webhook.carrier, Whatsapp):
        return signed_by_meta(secret, headers.get(SIGNATURE), body)
    profile = webhook.carrier.profile if isinstance(webhook.carrier, SmsHttp) else "generic"
    return authentic(profile, secret, query, headers, body, now)


def _read_mail(carrier: Smtp, headers: Mapping[str, str], body: bytes) -> list[Receipt]:
    """Return the receipts of one report, as the relay forwards it."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != REPORT:
        raise InputError("unsupported-media-type", f"this carrier's reports are {REPORT}")
    return read_report(body, mailbox=carrier.delivered_means == "mailbox")


async def take_receipt(desk: Desk, call: Call) -> Reply:
    """Take the one receipt that a GET carries, or say who we are to a carrier that asks."""
    return await take_receipts(desk, call)


def _principal(desk: Desk, call: Call, webhook: Webhook) -> str:
    token = authenticate(call, desk.mirror.tokens, desk.now())
    if token.role != "carrier" or token.carrier != webhook.carrier.name:
        raise InputError("not-allowed", "a token of role carrier, for this carrier, is required")
    return token.name
