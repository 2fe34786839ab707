"""Kind `sms_http`: an HTTP gateway for SMS, by its profile.

Law: the profile is the wire; `http_carrier` drives it.
"""

from functools import partial

from klaroen.core.model import Content
from klaroen.core.ports import Clock, Emit
from klaroen.settings import SmsHttp
from klaroen_adapters.http_carrier import HttpCarrier, Terms, Wire, secret
from klaroen_adapters.sms import gateway
from klaroen_adapters.tcp import Connect


def make(
    settings: SmsHttp, account: gateway.Account, emit: Emit, clock: Clock, connect: Connect | None = None
) -> HttpCarrier:
    """Return one account at one gateway."""
    terms = Terms(settings.name, account.url, settings.batch_max, settings.requests_max, settings.timeout_s)
    wire = Wire(
        unable,
        lambda envelopes, now: gateway.build_requests(settings.profile, account, envelopes, settings.batch_max, now),
        partial(gateway.parse_answer, settings.profile),
    )
    return HttpCarrier(terms, wire, emit, clock, connect)


def unable(content: Content) -> str | None:
    """Every text that UTF-8 can carry is carried."""
    try:
        content.text.encode()
    except UnicodeEncodeError:
        return "not encodable"
    return None


def build(settings: SmsHttp, emit: Emit, clock: Clock) -> HttpCarrier:
    """Return the carrier with its secrets read; the configuration loader has filled `receipt_url`.

    Raises OSError for a secret's file that cannot be read.
    """
    return make(settings, account_of(settings), emit, clock)


def account_of(settings: SmsHttp) -> gateway.Account:
    """Raises OSError for a secret's file that cannot be read."""
    signing = secret(settings.receipt_secret_file)
    return gateway.Account(
        settings.url,
        settings.sender,
        secret(settings.token_file),
        settings.user,
        settings.receipt_url,
        None if signing is None else signing.encode(),
    )
