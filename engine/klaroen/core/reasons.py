"""Why one person got what they got: the chain of rules that decided, in the order in which they did.

Law: it says what was decided, from the alert as it was accepted and the attempts as they were made; their words and
articles stand in `core.rules`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from klaroen.core.audience import Group
from klaroen.core.expand import CONTACTS_FIRST
from klaroen.core.model import Alert, Authority

RESTS_ON: Final[Mapping[Authority, str]] = {"own": "R8", "approval": "R8", "grant": "R9", "consent": "R24"}
"""What an alert rests on -> the rule that says so; a crisis message needs nobody's consent (R10)."""


class Attempted(Struct, frozen=True):
    """What an attempt has to do with the chain: its channel and when it was made."""

    channel: str
    at: str | None


def chain(
    alert: Alert, group: Group, number: int, attempts: Sequence[Attempted], accepted_at: str | None, *, barred: bool
) -> Iterator[tuple[str, str | None]]:
    """Yield (rule, when) for the person of this number in the alert's audience.

    `barred` says that what had not left was stopped for this person alone. When is None where it is not known.
    """
    for rule in _before(alert, group, number):
        yield rule, accepted_at
    if group.reason is not None:
        return
    yield "R16", accepted_at
    yield "R14", accepted_at
    for earlier, later in zip([None, *attempts], attempts, strict=False):
        if earlier is not None and later.channel != earlier.channel:
            yield "R15", later.at
        if later.channel == "whatsapp" and alert.urgent:
            yield "R13", later.at
    if barred:
        yield _stopped_by(alert, group), None


def _before(alert: Alert, group: Group, number: int) -> Iterator[str]:
    """Yield the rules by which somebody is warned at all."""
    yield "R1"
    yield "R10" if alert.alert_class == "crisis" else "R9" if alert.origin == "copy" else RESTS_ON[alert.authority]
    if alert.follows is not None:
        yield "R18"
    if alert.origin == "copy":
        return
    if number >= CONTACTS_FIRST:
        yield "R11"
    else:
        yield "R4"
        if {alert.networks[index] for index in group.networks} <= set(alert.through):
            yield "R11"
    if len(group.networks) > 1:
        yield "R5"
    yield "R3"
    yield "R12"


def _stopped_by(alert: Alert, group: Group) -> str:
    """A coordinator's word, a grant that was withdrawn, or a network that was stopped or left."""
    if {alert.networks[index] for index in group.networks} <= set(alert.through):
        return "R11"
    return "R9" if alert.authority == "grant" else "R1"
