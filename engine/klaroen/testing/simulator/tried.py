"""Attempts as far ends and our carriers spoke of them, beside what the journal has of each."""

from collections import defaultdict
from collections.abc import Mapping

from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Outcome, Receipt, Unknown
from klaroen.core.state import PROOFS, UNKNOWN
from klaroen.testing.far_end import FarEnd
from klaroen.testing.simulator.facts import Prior
from klaroen.testing.simulator.shadow import BatchShadow

Words = defaultdict[AttemptId, dict[int, bytearray]]
"""Attempt -> copy -> the furthest state that a receipt told of each part. Of a carrier that knows keys all are one."""


class Tried:
    """An attempt as far ends and our carriers spoke of it."""

    __slots__ = ("answered_at", "attempt", "batch", "ended", "failed", "index", "judged", "life", "outcome")

    def __init__(self, attempt: AttemptId, batch: BatchShadow, index: int, life: int) -> None:
        self.attempt, self.batch, self.index, self.life = attempt, batch, index, life
        self.outcome: Outcome | None = None
        self.answered_at = Instant(0)
        self.failed = self.ended = self.judged = False


def told_by(end: FarEnd, receipt: Receipt, tried: Mapping[AttemptId, Tried]) -> tuple[AttemptId, int, bytearray] | None:
    """Return of which attempt and copy a receipt speaks, and what it says of each part."""
    meant = end.meant(receipt)
    if meant is None or receipt.state not in PROOFS:
        return None
    attempt, part, copy = meant
    parts = tried[attempt].batch.batch.parts
    whole = receipt.part is None
    states = bytearray(PROOFS[receipt.state] if whole or place == part else 0 for place in range(parts))
    return attempt, 0 if end.keyed else copy, states


def join(copies: dict[int, bytearray], copy: int, states: bytearray) -> None:
    parts = copies.setdefault(copy, bytearray(len(states)))
    parts[:] = bytes(map(max, parts, states))


def prior_of(tried: Tried) -> Prior:
    shadow, batch = tried.batch, tried.batch.batch
    outcome, answered_at = tried.outcome, tried.answered_at
    if outcome is None and shadow.sheet.states[tried.index] == UNKNOWN:  # a restart said so
        outcome = Unknown("in doubt")
        answered_at = Instant(shadow.opened.alert.accepted_at + shadow.sheet.answered_ms[tried.index])
    return Prior(
        tried.attempt,
        batch.step.channel,
        tried.life,
        outcome,
        answered_at,
        int(batch.wait_s * 1000),
        tried.failed,
        tried.ended,
        tried.judged,
    )
