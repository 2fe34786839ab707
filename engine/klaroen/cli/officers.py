"""`klaroen officer`: who may call the central number, and by which code and PIN."""

import secrets
import time

from cyclopts import App

from klaroen.cli.context import USAGE, CommandFault, Here
from klaroen.core.model import Instant

officer = App(name="officer", help="Give officers a PIN for the central number, list them, unlock and revoke.")

PIN_DIGITS = 6
"""A million PINs against five tries before a lock; more digits are written on the card."""


@officer.command
def pin(name: str, *, code: str | None = None, context: Here) -> None:
    """Give an officer a PIN, and print it: once, and never again. An earlier one is void from now on.

    Parameters
    ----------
    name
        The officer's id in the register.
    code
        What the officer keys in to say who calls: 1 to 12 digits, unlike any other's; by default the id, if it is such.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.calls import PutPin
    from klaroen.core.pins import CODE_MAX, SALT_BYTES, make_pin

    chosen = name if code is None else code
    if not (chosen.isascii() and chosen.isdigit() and len(chosen) <= CODE_MAX):
        raise CommandFault(f"--code takes 1 to {CODE_MAX} digits: what the officer keys in.", code=USAGE)
    made = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
    now = Instant(time.time_ns() // 1_000_000)
    ask(context, PutPin(make_pin(name, chosen, made, secrets.token_bytes(SALT_BYTES), now)), type(None))
    context.answer({"officer": name, "code": chosen, "pin": made}, f"code {chosen}, PIN {made}")


@officer.command(name="list")
def list_pins(*, context: Here) -> None:
    """List the officers who have a PIN, with the networks that hear them, and who is locked out."""
    from klaroen.cli.asking import ask
    from klaroen.core.calls import ListPins
    from klaroen.core.views import PinView

    views = ask(context, ListPins(), tuple[PinView, ...])
    fields = PinView.__struct_fields__
    context.table(
        {"officers": [{field: getattr(view, field) for field in fields} for view in views]},
        ("officer", "code", "networks", "made", "locked until"),
        [[getattr(view, field) for field in fields] for view in views],
    )


@officer.command
def unlock(name: str, *, context: Here) -> None:
    """Forget an officer's wrong tries, so that they may call at once.

    Parameters
    ----------
    name
        The officer's id in the register.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.calls import UnlockOfficer

    ask(context, UnlockOfficer(name), type(None))
    context.answer({"officer": name, "unlocked": True}, f"{name} may try again.")


@officer.command
def revoke(name: str, *, context: Here) -> None:
    """Take an officer's PIN away: from now on nobody can call by it.

    Parameters
    ----------
    name
        The officer's id in the register.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.calls import RevokePin

    ask(context, RevokePin(name), type(None))
    context.answer({"officer": name, "revoked": True}, f"{name} has no PIN any more.")
