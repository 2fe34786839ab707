"""What must add up while everything runs, one pure function each: values in, and in words what does not add up.

Law: a check looks at what stands between two checkpoints, so that a finding is a fault and never a moment. Words hold
numbers and ids of ours, nobody's name, address or text.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, Literal, get_args

from klaroen.core.account import STATES, Account
from klaroen.core.model import Alert, Channel, Content
from klaroen.core.sheet import Sheet
from klaroen.core.state import ATTEMPT_STATES

Check = Literal["sums", "tallies", "due", "leases", "exposed", "fold", "content", "trail", "orphans"]
CHECKS: Final[tuple[Check, ...]] = get_args(Check)


def sums(account: Account, members: int) -> str | None:
    """The seven counts of an alert sum to its members, and are those of its deliveries."""
    counted = [account.states.count(state) for state in range(len(STATES))]
    if sum(account.counts) != members or counted != account.counts:
        return f"{members} members are counted as {account.counts} and stand as {counted}"
    return None


def tallies(account: Account, sheets: Iterable[Sheet]) -> str | None:
    """The attempts of each channel are counted as the batches have them."""
    found: dict[Channel, list[int]] = {channel: [0] * len(ATTEMPT_STATES) for channel in account.tallies}
    for sheet in sheets:
        row = found.setdefault(sheet.batch.step.channel, [0] * len(ATTEMPT_STATES))
        for state in range(len(ATTEMPT_STATES)):
            row[state] += sheet.states.count(state)
    for channel, row in found.items():
        tally = account.tallies.get(channel)
        if tally is None or tally.states != row:
            return f"attempts by {channel} are counted as {None if tally is None else tally.states} and stand as {row}"
    return None


def fold(held: Sheet, durable: Sheet) -> str | None:
    """A batch in memory is what its journal makes."""
    for name in ("states", "fates", "sent", "carrier", "confirmed"):
        one, other = getattr(held, name), getattr(durable, name)
        if one != other:
            differing = sum(a != b for a, b in zip(one, other, strict=True)) if name in ("states", "fates") else 1
            return f"{name} of {differing} are not what the journal makes"
    return None


def content(held: Alert, stored: Alert, made: Iterable[Content]) -> str | None:
    """What is handed over is what was accepted, to the last character (law 8)."""
    accepted = _hashes(stored)
    if _hashes(held) != accepted:
        return "the texts in memory are not those on disk"
    for one in made:
        digest = hashlib.sha256(one.text.encode()).hexdigest()
        if digest != one.sha256 or (one.text and accepted.get(one.language) != digest):
            return f"what {one.channel} gets in {one.language} is not what was accepted"
    return None


def _hashes(alert: Alert) -> Mapping[str, str]:
    return {language: hashlib.sha256(text.text.encode()).hexdigest() for language, text in alert.content.items()}
