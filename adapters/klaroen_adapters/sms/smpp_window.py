"""What one bind has in flight: which sequence number is which attempt's, and by when it must be answered.

Law: a slot is given back exactly once, by an answer, a deadline or the end of the connection; a message of several
parts gets one answer, made of all of theirs. Deadlines stand in one ring of coarse buckets: no timer to a message.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Accepted, Answer, Outcome, Refused, Unknown, Unsent
from klaroen_adapters.sms.smpp_pdu import SEQUENCE_MAX

BUCKET_MS: Final = 100
"""Deadlines are kept to a tenth of a second: ten buckets a second, whatever the load."""

_SEVERITY: Final[dict[type[Outcome], int]] = {Accepted: 0, Unsent: 1, Refused: 2, Unknown: 3}
"""Of the parts' outcomes the worst is the message's: a handset shows nothing of an incomplete message, so a refused or
unsent part lets the whole be sent anew; but once a part may have been processed, nothing is certain any more."""


class Whole(Struct):
    """A message of several parts, as far as they are answered."""

    attempt: AttemptId
    refs: list[str]
    left: int
    worst: Outcome | None = None


class Part(Struct, frozen=True):
    whole: Whole
    index: int


Slot = AttemptId | Part


class Window:
    """Slots by sequence number, and the deadlines upon which they are taken back."""

    def __init__(self, first_sequence: int) -> None:
        self.slots: dict[int, Slot] = {}
        self._sequence = first_sequence - 1
        self._wrapped = False
        self._ring: dict[int, list[Sequence[int]]] = {}

    def __len__(self) -> int:
        return len(self.slots)

    def draw(self) -> int:
        """Return the next sequence number, skipping those in flight."""
        while True:
            if self._sequence >= SEQUENCE_MAX:
                self._sequence = 0
                self._wrapped = True
            self._sequence += 1
            if self._sequence not in self.slots:
                return self._sequence

    def draw_many(self, count: int) -> Sequence[int]:
        """Return so many sequence numbers; a bare range until the first wrap, some 60 hours at 10,000 a second."""
        if self._wrapped or self._sequence > SEQUENCE_MAX - count:
            return [self.draw() for _ in range(count)]
        drawn = range(self._sequence + 1, self._sequence + 1 + count)
        self._sequence += count
        return drawn

    def open(self, sequences: Sequence[int], slots: Sequence[Slot], at: Instant) -> None:
        """Hold these slots until they are answered, or until `at` and up to a bucket later."""
        self.slots.update(zip(sequences, slots, strict=True))
        self._ring.setdefault(at // BUCKET_MS + 1, []).append(sequences)

    def overdue(self, now: Instant) -> Iterator[int]:
        """Yield the sequence numbers in flight whose deadline has passed."""
        bucket = now // BUCKET_MS
        for due in sorted(at for at in self._ring if at <= bucket):
            for sequences in self._ring.pop(due):
                yield from (sequence for sequence in sequences if sequence in self.slots)


def split(attempt: AttemptId, count: int) -> list[Part]:
    """Return the slots of a message of `count` parts."""
    whole = Whole(attempt, [""] * count, count)
    return [Part(whole, index) for index in range(count)]


def settle(slot: Slot, outcome: Outcome) -> Answer | None:
    """Return the one answer of a message, once its last part has an outcome."""
    if isinstance(slot, str):
        return Answer(slot, outcome)
    whole = slot.whole
    whole.left -= 1
    if isinstance(outcome, Accepted):
        whole.refs[slot.index] = outcome.refs[0] if outcome.refs else ""
    elif whole.worst is None or _SEVERITY[type(outcome)] > _SEVERITY[type(whole.worst)]:
        whole.worst = outcome
    if whole.left:
        return None
    return Answer(whole.attempt, whole.worst or Accepted(tuple(whole.refs) if any(whole.refs) else ()))
