"""How much of what a carrier took was proved, told by the second in which it was handed over.

Law: what left less than `RIPE_MS` before the newest receipt that is known says nothing yet; of the rest the newest
speak. A value: counting gives a new one, and no clock is asked.
"""

from typing import Final

from msgspec import Struct

from klaroen.core.model import Instant

RIPE_MS: Final = 15_000
"""Receipts of telephones that are on come within some seconds, and a busy machine takes some more to hear them; who
waits longer to judge lets more people wait."""
EVIDENCE_MIN: Final = 50
"""Fewer attempts say nothing: at 50 a carrier that proves nine tenths shows a quarter of it by chance never."""
SECONDS_MAX: Final = 90
"""Seconds with traffic that are remembered: a carrier of one attempt a second has its evidence by then."""


class Second(Struct, frozen=True, gc=False, array_like=True):
    """What left in one second of UTC, and how much of it was proved since."""

    second: int
    taken: int = 0
    proved: int = 0


Proofs = tuple[Second, ...]
"""In the order of time, none twice."""


def count(proofs: Proofs, flown_at: Instant, *, taken: int = 0, proved: int = 0) -> Proofs:
    """Count attempts that left at `flown_at`; what is older than all that is remembered is forgotten."""
    second = flown_at // 1000
    place = len(proofs)
    while place and proofs[place - 1].second > second:
        place -= 1
    if place and proofs[place - 1].second == second:
        old = proofs[place - 1]
        return (*proofs[: place - 1], Second(second, old.taken + taken, old.proved + proved), *proofs[place:])
    if not place and len(proofs) >= SECONDS_MAX:
        return proofs
    return (*proofs[:place], Second(second, taken, proved), *proofs[place:])[-SECONDS_MAX:]


def share(proofs: Proofs, heard_until: Instant) -> float | None:
    """Return the share that is proved of the newest ripe attempts, None while they are too few.

    Shape: `heard_until` is up to when every receipt that came has been applied. Repeats may count twice: at most 1.
    """
    ripe_until = (heard_until - RIPE_MS) // 1000
    taken = proved = 0
    for one in reversed(proofs):
        if one.second >= ripe_until:
            continue
        taken += one.taken
        proved += one.proved
        if taken >= EVIDENCE_MIN:
            return min(1.0, proved / taken)
    return None
