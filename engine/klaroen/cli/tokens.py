"""`klaroen token`: who may call, and for what."""

import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from cyclopts import App, Parameter

from klaroen.cli.context import USAGE, CommandFault, Here
from klaroen.core.model import CarrierName, Instant, Role, Token

NAME: Final = re.compile(r"[^\s\x00-\x1f\x7f-\x9f](?:[^\x00-\x1f\x7f-\x9f]{0,62}[^\s\x00-\x1f\x7f-\x9f])?")
"""A dispatch centre's token bears the centre's name, as zones write it: so it may hold spaces, within."""
SECRET_BYTES: Final = 32
"""256 bits: no need to slow down whoever guesses."""

token = App(name="token", help="Make, list and revoke the tokens by which systems call.")


def _scope(help_words: str) -> Parameter:
    return Parameter(negative="", consume_multiple=False, help=f"{help_words} Repeat for more.")


@token.command
def create(
    *,
    name: str,
    role: Role,
    zone: Annotated[list[str] | None, _scope('A police zone; "*" is every zone.')] = None,
    network: Annotated[list[str] | None, _scope("A network's id.")] = None,
    municipality: Annotated[list[str] | None, _scope("A municipality's name.")] = None,
    province: Annotated[list[str] | None, _scope("A province's name.")] = None,
    carrier: str | None = None,
    coordinator: str | None = None,
    expires: str | None = None,
    context: Here,
) -> None:
    """Make a token, and print its secret: once, and never again.

    Each zone, network, municipality or province adds to the token's scope; no scope grants nothing.

    Parameters
    ----------
    name
        Unlike any other token's. A dispatch centre's is the name by which zones name it.
    role
        What it may do.
    carrier
        The carrier whose receipts it brings; with role carrier only.
    coordinator
        The register's id of this coordinator, where it is not the token's name; with role coordinator only.
    expires
        Until when it is valid: 2027-06-30 (that day included) or 2027-06-30T12:00:00+02:00.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.calls import CreateToken

    now = Instant(time.time_ns() // 1_000_000)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    made = Token(
        name=name,
        hash=hashlib.sha256(secret.encode()).digest(),
        role=role,
        zones=tuple(zone or ()),
        networks=tuple(network or ()),
        municipalities=tuple(municipality or ()),
        provinces=tuple(province or ()),
        carrier=None if carrier is None else CarrierName(carrier),
        coordinator=coordinator,
        created_at=now,
        expires_at=None if expires is None else _expiry(expires),
    )
    scope = (*made.zones, *made.networks, *made.municipalities, *made.provinces)
    _check(made, scope, now)
    ask(context, CreateToken(made), type(None))
    if not scope and role not in ("operator", "carrier"):
        context.say("This token has no scope: it grants nothing.")
    context.answer({"name": name, "token": secret}, secret)


@token.command(name="list")
def list_tokens(*, context: Here) -> None:
    """List the tokens that are valid, without their secrets."""
    from klaroen.cli.asking import ask
    from klaroen.core.calls import ListTokens
    from klaroen.core.views import TokenView

    views = ask(context, ListTokens(), tuple[TokenView, ...])
    fields = TokenView.__struct_fields__
    context.table(
        {"tokens": [{field: getattr(view, field) for field in fields} for view in views]},
        ("name", "role", "zones", "networks", "municipalities", "provinces", "carrier", "created", "expires"),
        [
            [", ".join(cell) if isinstance(cell, tuple) else cell for cell in (getattr(view, one) for one in fields)]
            for view in views
        ],
    )


@token.command
def revoke(name: str, *, context: Here) -> None:
    """Revoke a token: from now on its calls get 401.

    Parameters
    ----------
    name
        The token's name.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.calls import RevokeToken

    ask(context, RevokeToken(name), type(None))
    context.answer({"name": name, "revoked": True}, f"{name} is revoked.")


def _check(made: Token, scope: Sequence[str], now: Instant) -> None:
    if not NAME.fullmatch(made.name):
        raise CommandFault("--name takes 1 to 64 characters, none of them a control character.", code=USAGE)
    if (made.role == "carrier") != (made.carrier is not None):
        raise CommandFault("--carrier NAME belongs to --role carrier, which needs it.", code=USAGE)
    if made.coordinator is not None and made.role != "coordinator":
        raise CommandFault("--coordinator ID belongs to --role coordinator.", code=USAGE)
    if made.role == "carrier" and scope:
        raise CommandFault("A carrier's token brings receipts, and has no scope.", code=USAGE)
    if not all(scope):
        raise CommandFault("A scope without a name grants nothing; leave it out.", code=USAGE)
    if made.expires_at is not None and made.expires_at <= now:
        raise CommandFault("--expires lies in the past.", code=USAGE)


def _expiry(words: str) -> Instant:
    try:
        if len(words) == len("2027-06-30"):
            day = datetime.fromisoformat(words).replace(tzinfo=ZoneInfo("Europe/Brussels"))
            return Instant(int((day + timedelta(days=1)).astimezone(UTC).timestamp() * 1000))
        at = datetime.fromisoformat(words)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandFault("--expires takes a day, or an instant with its offset.", code=USAGE)
    return Instant(int(at.timestamp() * 1000))
