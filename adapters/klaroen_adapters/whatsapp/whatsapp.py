"""Kind `whatsapp`: one number at the WhatsApp Cloud API.

Law: `whatsapp_wire` is the wire; `http_carrier` drives it. Receipts come to the edge (`whatsapp_callback`).
"""

from functools import partial

from klaroen.core.ports import Clock, Emit
from klaroen.setting_whatsapp import CODES, Whatsapp
from klaroen_adapters.http_carrier import HttpCarrier, Terms, Wire, secret
from klaroen_adapters.tcp import Connect
from klaroen_adapters.whatsapp import whatsapp_wire


def make(
    settings: Whatsapp, account: whatsapp_wire.Account, emit: Emit, clock: Clock, connect: Connect | None = None
) -> HttpCarrier:
    """Return the carrier: one message a request."""
    terms = Terms(settings.name, account.url, 1, settings.requests_max, settings.timeout_s)
    wire = Wire(
        partial(whatsapp_wire.unable, account), partial(whatsapp_wire.build, account), whatsapp_wire.parse_answer
    )
    return HttpCarrier(terms, wire, emit, clock, connect)


def build(settings: Whatsapp, emit: Emit, clock: Clock) -> HttpCarrier:
    """Return the carrier with its token read. Raises OSError for a file that cannot be read."""
    return make(settings, account_of(settings), emit, clock)


def account_of(settings: Whatsapp) -> whatsapp_wire.Account:
    """Raises OSError for a secret's file that cannot be read."""
    return whatsapp_wire.Account(
        f"{settings.url.rstrip('/')}/{settings.phone_id}/messages",
        secret(settings.token_file) or "",
        settings.template,
        {**CODES, **settings.template_languages},
        settings.text_max,
    )
