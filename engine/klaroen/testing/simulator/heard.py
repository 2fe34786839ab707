"""What carriers told us of arrival: what each receipt said, and which of them we said that we keep.

Law: whose a receipt is, its far end knows; what it may prove to us is judged by what it names.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from klaroen.core.journal import REF_JOINT
from klaroen.core.model import AttemptId
from klaroen.core.ports import Receipt
from klaroen.core.state import REACHED, MultipartRule, fold_parts
from klaroen.testing.far_end import FarEnd
from klaroen.testing.simulator.facts import Proved
from klaroen.testing.simulator.shadow import Shadow
from klaroen.testing.simulator.tried import Tried, Words, join, told_by


class Heard:
    """Of one world, over all its lives."""

    def __init__(self) -> None:
        self._said: Words = defaultdict(dict)
        """What receipts told."""
        self._kept: list[tuple[AttemptId, int, Receipt, bytearray]] = []
        """Receipts that were acknowledged as stored: of which copy, and their states by part."""

    def hear(self, end: FarEnd, receipt: Receipt, tried: Mapping[AttemptId, Tried]) -> None:
        told = told_by(end, receipt, tried)
        if told is not None:
            attempt, copy, states = told
            join(self._said[attempt], copy, states)
            tried[attempt].failed |= receipt.state == "failed"

    def acknowledge(self, end: FarEnd, receipts: Sequence[Receipt], tried: Mapping[AttemptId, Tried]) -> None:
        for one in receipts:
            told = told_by(end, one, tried)
            if told is not None:
                self._kept.append((told[0], told[1], one, told[2]))

    def best(self, attempt: AttemptId, parts: bytes, rule: MultipartRule) -> bytes:
        """Return the states of the copy of which receipts said most; `parts` where they said nothing."""
        said = [bytes(states) for states in self._said[attempt].values()] or [parts]
        return max(said, key=lambda states: fold_parts(states, rule))

    def proofs(self, shadow: Shadow, tried: Mapping[AttemptId, Tried]) -> Iterator[Proved]:
        """Yield what is proved by those that we keep, beside what became of it."""
        known = {ref for batch in shadow.batches.values() for refs in batch.sheet.refs for ref in refs.split(REF_JOINT)}
        words: Words = defaultdict(dict)
        for attempt, copy, receipt, states in self._kept:
            if receipt.attempt or receipt.reference is not None or receipt.ref in known:  # else nobody can tell whose
                join(words[attempt], copy, states)
        for attempt, copies in words.items():
            batch, index = tried[attempt].batch, tried[attempt].index
            state = REACHED if batch.opened.reached[batch.sheet.deliveries[index]] else 0
            for parts in copies.values():
                yield Proved(attempt, state, bytes(parts), batch.sheet.rule)
