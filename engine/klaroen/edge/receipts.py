"""Carriers' webhooks: verified on the raw body, parsed, and acknowledged once they are on disk.

Law: 204 means durable. A carrier with a secret proves each call by it; one without shows a token of role `carrier`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from klaroen.core.calls import PutReceipts
from klaroen.core.errors import InputError
from klaroen.core.ports import Receipt
from klaroen.edge.desk import Desk, Webhook
from klaroen.edge.exchange import Call, Reply
from klaroen.edge.problems import problem_reply
from klaroen.edge.telephony import take_status
from klaroen.edge.tokens import authenticate
from klaroen.setting_mail import Smtp
from klaroen.settings import Settings, SmsHttp, Twilio
from klaroen_adapters.mail.mail_report import read_report
from klaroen_adapters.sms.gateway import PROFILES, authentic, parse_receipts
from klaroen_adapters.voice.twilio_mark import Account

_HEADERS: Final = (b"content-type", b"x-klaroen-timestamp", b"x-klaroen-signature")

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
    by = PROFILES[webhook.carrier.profile].receipts_by if isinstance(webhook.carrier, SmsHttp) else "POST"
    if call.method != by:
        error = InputError("method-not-allowed", f"this carrier's receipts come by {by}")
        return problem_reply(error.problem, ((b"allow", by.encode()),))
    if isinstance(webhook.carrier, Twilio):
        return await take_status(desk, call, webhook)
    principal = None if webhook.secret is not None else _principal(desk, call, webhook)
    headers = {name.decode(): value for name in _HEADERS if (value := call.header(name)) is not None}
    body = await call.body()
    carrier = webhook.carrier
    if webhook.secret is not None:
        profile = carrier.profile if isinstance(carrier, SmsHttp) else "generic"
        if not authentic(profile, webhook.secret, call.query, headers, body, desk.now()):
            words = "the signature does not fit the secret, the time and the raw body"
            raise InputError("unauthenticated", words)
    if isinstance(carrier, SmsHttp):
        receipts = parse_receipts(carrier.profile, call.method, call.query, headers, body)
    else:
        receipts = _read_mail(carrier, headers, body)
    if receipts:
        await desk.ask(principal, PutReceipts(carrier.name, tuple(receipts)), type(None))
    return Reply(204)


def _read_mail(carrier: Smtp, headers: Mapping[str, str], body: bytes) -> list[Receipt]:
    """Return the receipts of one report, as the relay forwards it."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != REPORT:
        raise InputError("unsupported-media-type", f"this carrier's reports are {REPORT}")
    return read_report(body, mailbox=carrier.delivered_means == "mailbox")


async def take_receipt(desk: Desk, call: Call) -> Reply:
    """Take the one receipt that a GET carries."""
    return await take_receipts(desk, call)


def _principal(desk: Desk, call: Call, webhook: Webhook) -> str:
    token = authenticate(call, desk.mirror.tokens, desk.now())
    if token.role != "carrier" or token.carrier != webhook.carrier.name:
        raise InputError("not-allowed", "a token of role carrier, for this carrier, is required")
    return token.name
