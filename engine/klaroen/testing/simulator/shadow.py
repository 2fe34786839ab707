"""What is durable, kept beside the store from what commits say: where every delivery stands, and how.

Law: it reads what was written, never what dispatch holds; each change returns the facts by which promises are judged.
Its counts are reckoned by their own few lines, not by `core/account`.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from klaroen.core import journal
from klaroen.core.account import PENDING, UNREACHABLE
from klaroen.core.audience import Audience
from klaroen.core.ids import attempt_ids
from klaroen.core.model import Alert, AlertId, AttemptId, Batch, BatchId, CarrierName
from klaroen.core.records import Entry
from klaroen.core.sheet import NEVER, Sheet
from klaroen.core.state import BARRED, CANCELLED, ENDED, EXPIRED, HANDED_OVER, MOVED, NETWORK, OPEN, REACHED
from klaroen.testing.simulator.facts import Ended, Expanded, Succession

NOWHERE: Final = 0
"""Of a delivery: no batch holds it yet. Batches are numbered from 1."""
AT_ITS_END: Final = -1
_REACHED, _HANDED = 2, 1
_STATE_OF_END: Final = {OPEN: PENDING, ENDED: 3, EXPIRED: 4, CANCELLED: 5, BARRED: 5}


class AlertShadow:
    """One alert: `places[d]` is the batch in which delivery d stands, and the seven counts of its states."""

    def __init__(self, alert: Alert, audience: Audience) -> None:
        size = len(audience)
        self.alert, self.audience = alert, audience
        self.state: str = alert.begins_as
        self.granted = self.consented = False
        """Whether it was accepted under a grant; whether somebody has given the word that it waited for."""
        self.final: bytes | None = None
        self.expanded = 0
        self.places = array("q", [NOWHERE]) * size
        self.unreachable = bytearray(size)
        for start, end, _ in audience.unreachable_spans:
            self.unreachable[start:end] = b"\1" * (end - start)
        self.reached = bytearray(size)
        self.batches: list[BatchShadow] = []
        self._held = bytearray(size)
        self._ends = bytearray(size)
        self.states = bytearray(UNREACHABLE if one else PENDING for one in self.unreachable)
        self.counts = [self.states.count(state) for state in range(7)]

    def count(self, delivery: int, old: int, new: int, fate: int) -> None:
        """An attempt of the delivery went from one state to another; its obligation ended there with this fate."""
        self._held[delivery] += (new in (HANDED_OVER, NETWORK)) - (old in (HANDED_OVER, NETWORK))
        self.reached[delivery] |= new == REACHED
        if fate not in (OPEN, MOVED):
            self._ends[delivery] = fate
        if self.reached[delivery]:
            state = _REACHED
        elif self._held[delivery]:
            state = _HANDED
        else:
            state = _STATE_OF_END[self._ends[delivery]]
        self.counts[self.states[delivery]] -= 1
        self.states[delivery] = state
        self.counts[state] += 1


def standing_of(sheet: Sheet) -> tuple[object, ...]:
    return (
        bytes(sheet.states), bytes(sheet.fates), sheet.answered_ms.tolist(), sheet.proved_ms.tolist(),
        sheet.sent, sheet.open, sheet.unanswered, tuple(sheet.refs), sorted(sheet.confirmed), dict(sheet.codes),
    )  # fmt: skip


class BatchShadow:
    """One batch: the fold of its journal, and its row."""

    def __init__(self, opened: AlertShadow, batch: Batch) -> None:
        self.opened, self.batch = opened, batch
        self.sheet = Sheet(batch)
        self.state = "ready"
        self.epoch = 0
        self.cursor = 0
        self.answered = 0
        self.carrier: CarrierName | None = None
        self.ids: list[AttemptId] = []
        """Once it is claimed, by index."""
        self.left: set[int] = set()
        """Indexes that have left, as far ends saw it."""

    @property
    def row(self) -> tuple[object, ...]:
        """What a restart reads of it."""
        return (self.state, self.epoch, self.cursor, self.carrier, *standing_of(self.sheet))

    @property
    def in_doubt(self) -> int:
        """How many a crash would leave in doubt now."""
        return self.cursor - self.answered


class Shadow:
    def __init__(self) -> None:
        self.alerts: dict[AlertId, AlertShadow] = {}
        self.batches: dict[BatchId, BatchShadow] = {}
        self.attempts: dict[AttemptId, tuple[BatchShadow, int]] = {}
        """Of batches that a carrier has claimed."""
        self.in_doubt = 0
        self.inbox: Counter[tuple[object, ...]] = Counter()
        """Receipts that were made durable."""

    def accept(self, alert: Alert, audience: bytes, copies: Sequence[tuple[Alert, bytes, object]] = ()) -> None:
        for new, people in ((alert, audience), *((copy, people) for copy, people, _ in copies)):
            self.alerts[new.id] = AlertShadow(new, Audience.decode(people))
        if alert.begins_as == "accepted":
            self._begin(alert)

    def release(self, alert: Alert) -> None:
        """A second person has given the word."""
        self.alerts[alert.id].consented = True
        self._begin(alert)

    def _begin(self, alert: Alert) -> None:
        """From here on it may leave, and those in whose place it comes may not."""
        self.alerts[alert.id].state = "accepted"
        for earlier in alert.supersedes:
            one = self.alerts[earlier]
            if one.final is None and one.state not in ("done", "expired", "cancelled"):
                one.state = "superseded"

    def plan(self, alert: AlertId, expanded: int, batches: Sequence[Batch]) -> Expanded:
        opened = self.alerts[alert]
        first, opened.expanded = opened.expanded, expanded
        planned = [delivery for batch in batches for delivery in self._put(opened, batch)]
        unreachable = [delivery for delivery in range(first, expanded) if opened.unreachable[delivery]]
        return Expanded(first, expanded, planned, unreachable)

    def _put(self, opened: AlertShadow, batch: Batch) -> "array[int]":
        shadow = self.batches[batch.id] = BatchShadow(opened, batch)
        opened.batches.append(shadow)
        for delivery in shadow.sheet.deliveries:
            opened.places[delivery] = batch.id
        return shadow.sheet.deliveries

    def claim(self, batch: BatchId, carrier: CarrierName, cursor: int) -> None:
        shadow = self.batches[batch]
        shadow.state, shadow.carrier = "leased", carrier
        shadow.epoch += 1
        self._cover(shadow, cursor, shadow.answered)
        shadow.ids = attempt_ids(shadow.batch, carrier, shadow.sheet.deliveries)
        for index, attempt in enumerate(shadow.ids):
            self.attempts[attempt] = (shadow, index)

    def append(self, entry: Entry) -> Iterator[Succession | Ended]:
        shadow = self.batches[entry.batch]
        opened, sheet = shadow.opened, shadow.sheet
        moved: list[int] = []
        for record in journal.decode(entry.journal) if entry.journal else ():
            self._apply(shadow, record)
            if isinstance(record, journal.Left):
                for index, fate in zip(array("H", record.index), record.fate, strict=True):
                    delivery = sheet.deliveries[index]
                    if fate == MOVED:
                        moved.append(delivery)
                    else:
                        opened.places[delivery] = AT_ITS_END
        places = [opened.places[delivery] for delivery in moved]
        for delivery in moved:
            opened.places[delivery] = NOWHERE
        succeeded = [delivery for batch in entry.successors for delivery in self._put(opened, batch)]
        if moved or succeeded:
            yield Succession(entry.batch, moved, places, succeeded)
        answered = sum(ms != NEVER for ms in sheet.answered_ms[: entry.cursor])
        self._cover(shadow, entry.cursor, answered)
        shadow.state = entry.state
        if entry.state == "done":
            yield Ended(sheet.open, sheet.unanswered)

    def _apply(self, shadow: BatchShadow, record: journal.Record) -> None:
        sheet, opened = shadow.sheet, shadow.opened
        if not isinstance(record, journal.Answered | journal.Proved | journal.Left):
            sheet.apply(record)
            return
        touched = sorted(set(array("H", record.index)))
        before = [sheet.states[index] for index in touched]
        sheet.apply(record)
        for index, old in zip(touched, before, strict=True):
            opened.count(sheet.deliveries[index], old, sheet.states[index], sheet.fates[index])

    def _cover(self, shadow: BatchShadow, cursor: int, answered: int) -> None:
        self.in_doubt -= shadow.in_doubt
        shadow.cursor, shadow.answered = cursor, answered
        self.in_doubt += shadow.in_doubt

    def amend(self, alert: AlertId, final: bytes, entries: Sequence[tuple[BatchId, bytes]]) -> None:
        self.alerts[alert].final = final
        for batch, entry in entries:
            for record in journal.decode(entry):
                self._apply(self.batches[batch], record)
