"""A batch in dispatch's hands: its sheet, its place in the store, and what of it is not durable yet.

Law: everything that happens to a sheet goes through its page, which applies it and writes it into the columns of the
next commit in the same breath; so memory and journal never disagree about what happened.
"""

from array import array
from typing import TYPE_CHECKING

from klaroen.core import journal
from klaroen.core.model import Batch, CarrierName
from klaroen.core.records import BatchState, Entry
from klaroen.core.sheet import WHOLE, Sheet
from klaroen.core.state import HANDED_OVER, NONE, REACHED, UNSENT, MultipartRule

if TYPE_CHECKING:
    from klaroen.dispatch.open_alert import OpenAlert
    from klaroen.dispatch.station import Station


class AnsweredColumns:
    """Outcomes for the next commit."""

    __slots__ = ("_codes", "_ms", "_refs", "_state", "index")

    def __init__(self) -> None:
        self.index = array("H")
        self._state = bytearray()
        self._ms = array("I")
        self._refs: list[str] = []
        self._codes: list[str] = []

    def add(self, indexes: list[int], state: int, ms: int, refs: list[str], codes: list[str]) -> None:
        self.index.extend(indexes)
        self._state += bytes((state,)) * len(indexes)
        self._ms.extend([ms] * len(indexes))
        self._refs += refs
        self._codes += codes

    def record(self) -> journal.Answered:
        return journal.Answered(
            self.index.tobytes(), bytes(self._state), self._ms.tobytes(), tuple(self._refs), tuple(self._codes)
        )


class ProvedColumns:
    """Receipts for the next commit."""

    __slots__ = ("_codes", "_ms", "_part", "_state", "index")

    def __init__(self) -> None:
        self.index = array("H")
        self._part = bytearray()
        self._state = bytearray()
        self._ms = array("I")
        self._codes: list[str] = []

    def add(self, indexes: list[int], parts: list[int], state: int, ms: int, codes: list[str]) -> None:
        self.index.extend(indexes)
        self._part += bytes(parts)
        self._state += bytes((state,)) * len(indexes)
        self._ms.extend([ms] * len(indexes))
        self._codes += codes

    def record(self) -> journal.Proved:
        return journal.Proved(
            self.index.tobytes(), bytes(self._part), bytes(self._state), self._ms.tobytes(), tuple(self._codes)
        )


class CalledColumns:
    """Phases of calls for the next commit."""

    __slots__ = ("_lasted_ms", "_ms", "_phase", "index")

    def __init__(self) -> None:
        self.index = array("H")
        self._phase = bytearray()
        self._ms = array("I")
        self._lasted_ms = array("I")

    def add(self, index: int, phase: int, ms: int, lasted_ms: int) -> None:
        self.index.append(index)
        self._phase.append(phase)
        self._ms.append(ms)
        self._lasted_ms.append(lasted_ms)

    def record(self) -> journal.Called:
        return journal.Called(self.index.tobytes(), bytes(self._phase), self._ms.tobytes(), self._lasted_ms.tobytes())


class Unsentness:
    """Why an attempt came back unsent, while it is remembered: a restart asks at once instead."""

    __slots__ = ("retry_after_s", "throttled")

    def __init__(self, retry_after_s: float | None, throttled: bool) -> None:
        self.retry_after_s = retry_after_s
        self.throttled = throttled


class Page:
    """One batch. `cursor` is durable, or in the commit for which its flight waits; nothing beyond it may leave."""

    __slots__ = (
        "_answered",
        "_called",
        "_confirmed",
        "_left",
        "_noted",
        "_proved",
        "_records",
        "_successors",
        "calls_up",
        "claiming",
        "closed",
        "cursor",
        "epoch",
        "grounded",
        "is_call",
        "look_at",
        "opened",
        "parts",
        "queued",
        "reference",
        "sheet",
        "state",
        "station",
        "unsent",
    )  # fmt: skip

    def __init__(self, opened: "OpenAlert", sheet: Sheet, state: BatchState = "ready", epoch: int = 0) -> None:
        self.opened = opened
        self.parts = sheet.batch.parts
        self.is_call = sheet.is_call
        self.calls_up = 0
        """Calls that have left and of whose end nothing is known."""
        self.sheet = sheet
        self.state: BatchState = state
        self.epoch = epoch
        self.cursor = 0
        self.reference = 0
        self.station: Station | None = None
        self.grounded = False
        """Nothing more of it leaves: its carrier went down or was lost, or the alert is over."""
        self.claiming = False
        """Its claim is being written."""
        self.closed = False
        """It is done, durably."""
        self.queued = False
        """It has something for the next commit."""
        self.look_at: int | None = None
        self.unsent: dict[int, Unsentness] = {}
        self._clear()

    def _clear(self) -> None:
        self._records: list[journal.Record] = []
        self._answered = AnsweredColumns()
        self._proved = ProvedColumns()
        self._called = CalledColumns()
        self._noted: tuple[array[int], list[str]] = (array("H"), [])
        self._confirmed = array("H")
        self._left: tuple[array[int], bytearray] = (array("H"), bytearray())
        self._successors: list[Batch] = []

    @property
    def batch(self) -> Batch:
        return self.sheet.batch

    @property
    def booked(self) -> int:
        """Outcomes for the next commit."""
        return len(self._answered.index)

    @property
    def finished(self) -> bool:
        """Nobody waits for anything of it any more."""
        return self.sheet.open == 0 and self.sheet.unanswered == 0 and self.calls_up == 0

    # --- what happens -----------------------------------------------------------------------------------------------

    def take(self, station: "Station", reference: int, clip: str = "") -> None:
        """A carrier claims it; `clip` is what its calls play."""
        self.station, self.reference, self.state = station, reference, "leased"
        self.epoch += 1
        self.price(station.name, station.cost_eur, station.rule, clip)

    def price(self, carrier: CarrierName, cost_eur: float, rule: MultipartRule, clip: str = "") -> None:
        """Say who flies it, what a segment costs, and what its calls play."""
        self.sheet.take(carrier, cost_eur, rule, clip)
        self._records.append(journal.Priced(carrier, cost_eur, rule, clip))

    def priced(self) -> bytes:
        """Return for the journal what `take` has just said; said once more by the next commit, it changes nothing."""
        return journal.encode(self._records[-1:])

    def keep_silent(self, words: str) -> None:
        """No voice can say the text: nobody of this batch is called."""
        self.sheet.calls.unspoken = words
        self._records.append(journal.Unspoken(words))

    def ungrasp(self) -> None:
        """The claim did not become durable: somebody may try again."""
        self.station, self.state, self.cursor = None, "ready", 0
        self.epoch -= 1
        self._records.pop()

    def withdraw(self, index: int, ms: int, words: str, fate: int) -> None:
        """One that need not or cannot leave is passed over."""
        self.answer(index, UNSENT, ms, "", words)
        self.leave(index, fate)
        self.opened.account.tally(self.batch.step.channel).flown -= 1

    def fly(self, first: int, count: int, ms: int) -> None:
        self.sheet.fly(first, count, ms)
        self._records.append(journal.Flown(first, count, ms))
        self.opened.account.tally(self.batch.step.channel).flown += count

    def answer(self, index: int, state: int, ms: int, refs: str, code: str) -> None:
        """The outcome of one attempt."""
        sheet = self.sheet
        old = sheet.states[index]
        if sheet.answer(index, state, ms, refs, code):
            self._answered.add([index], state, ms, [refs], [code])
            self._count([index], old, sheet.states[index], ms)

    def accept(self, indexes: list[int], refs: list[str], ms: int) -> None:
        """The carrier took these attempts, each with its references."""
        sheet = self.sheet
        booked = sheet.take_many(indexes, refs, ms)
        self._answered.add(booked, HANDED_OVER, ms, [sheet.refs[index] for index in booked], [""] * len(booked))
        self._count(booked, NONE, HANDED_OVER, ms)
        if len(booked) < len(indexes):
            for index, ref in zip(indexes, refs, strict=True):
                self.answer(index, HANDED_OVER, ms, ref, "")

    def prove(self, index: int, part: int, state: int, ms: int, code: str) -> bool:
        """A receipt's word about one attempt or part; False where it changes nothing."""
        sheet = self.sheet
        old = sheet.states[index]
        if not sheet.prove(index, part, state, ms, code):
            return False
        self._proved.add([index], [part], state, ms, [code])
        self.opened.account.prove(sheet, index, old)
        return True

    def reach(self, indexes: list[int], ms: int) -> None:
        """Receipts prove that these whole attempts arrived."""
        booked = self.sheet.reach_many(indexes, ms)
        self._proved.add(booked, [WHOLE] * len(booked), REACHED, ms, [""] * len(booked))
        self._count(booked, HANDED_OVER, REACHED, ms)
        if len(booked) < len(indexes):
            for index in indexes:
                self.prove(index, WHOLE, REACHED, ms, "")

    def confirm(self, index: int) -> None:
        """The member pressed the key."""
        if index not in self.sheet.confirmed:
            self.sheet.confirmed.add(index)
            self._confirmed.append(index)
            self.opened.account.confirmed += 1

    def call(self, index: int, phase: int, ms: int, lasted_ms: int) -> bool:
        """A call was answered or is over; False where that was known."""
        if not self.sheet.calls.call(index, phase, ms, lasted_ms):
            return False
        self._called.add(index, phase, ms, lasted_ms)
        self.opened.account.call(self.sheet, index, phase)
        return True

    def note(self, index: int, words: str) -> None:
        """Something was said of a call that proves nothing."""
        if self.sheet.calls.note(index, words):
            self._noted[0].append(index)
            self._noted[1].append(words)

    def leave(self, index: int, fate: int) -> None:
        """The obligation of one attempt ends here."""
        self.sheet.leave(index, fate)
        self._left[0].append(index)
        self._left[1].append(fate)
        account = self.opened.account
        account.end(account.tally(self.batch.step.channel), self.sheet.deliveries[index], fate)

    def succeed(self, batches: list[Batch]) -> None:
        """These carry on what was moved."""
        self._successors += batches

    def _count(self, indexes: list[int], old: int, new: int, ms: int) -> None:
        if new != old and indexes:
            account, sheet = self.opened.account, self.sheet
            deliveries = [sheet.deliveries[index] for index in indexes]
            account.change(account.tally(sheet.batch.step.channel), deliveries, old, new, ms, sheet.price_eur)

    def retract(self) -> int:
        """What flies no further covers nothing beyond what left; return how many it covered."""
        if self.claiming or (self.opened.may_fly and not self.grounded):
            return 0
        freed = max(0, self.cursor - self.sheet.sent)
        self.cursor -= freed
        return freed

    # --- the commit -------------------------------------------------------------------------------------------------

    def entry(self, ms: int) -> tuple[Entry, tuple[Batch, ...], int]:
        """Return what the next commit says of this batch, its successors, and how many outcomes become durable.

        A batch that has landed, and one that is done, leaves a snapshot, so that a restart reads little.
        """
        left, fates = self._left
        records = self._records
        settled = self.booked
        if settled:
            records.append(self._answered.record())
        if self._proved.index:
            records.append(self._proved.record())
        if self._called.index:
            records.append(self._called.record())
        if self._noted[1]:
            records.append(journal.Noted(self._noted[0].tobytes(), tuple(self._noted[1])))
        if self._confirmed:
            records.append(journal.Confirmed(self._confirmed.tobytes()))
        if left:
            records.append(journal.Left(left.tobytes(), bytes(fates), ms))
        before, self.state = self.state, self._next_state()
        blob = journal.encode(records) if records else b""
        snapshot = self.sheet.freeze() if self.state != before and self.state in ("proving", "done") else None
        successors = tuple(self._successors)
        entry = Entry(self.batch.id, self.epoch, self.cursor, self.state, blob, snapshot, successors)
        self._clear()
        self.queued = False
        return entry, successors, settled

    def _next_state(self) -> BatchState:
        if self.finished:
            return "done"
        if self.state == "leased" and (self.sheet.landed or (self.grounded and self.sheet.unanswered == 0)):
            return "proving"
        return self.state


Flown = tuple[Page, int]
"""An attempt that has left: its page, and its place there."""
