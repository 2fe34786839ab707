"""How one batch stands: a state byte for each attempt and part, and how each obligation ended.

Law: a sheet is the fold of its journal's records. The same `apply` serves the moment in which something happens and
the replay after a restart, and no order of receipts changes where it ends.
"""

from array import array
from collections.abc import Sequence
from typing import Final, assert_never, cast, get_args

import msgspec
from msgspec import Struct

from klaroen.core import journal
from klaroen.core.call_rows import CallRows
from klaroen.core.model import CALL_CHANNELS, Batch, CarrierName
from klaroen.core.phases import Phase
from klaroen.core.state import (
    HANDED_OVER,
    NETWORK,
    NONE,
    OPEN,
    REACHED,
    MultipartRule,
    fold_parts,
)

WHOLE: Final = 255
"""A receipt for the whole attempt, not one part. Texts of 2,000 characters make 30 parts at most."""

NEVER: Final = 0
"""Milliseconds since acceptance in a column where nothing happened yet: real ones are at least 1."""


class Frozen(Struct, frozen=True, array_like=True):
    """A sheet as a snapshot keeps it."""

    parts: bytes
    fates: bytes
    flown_ms: bytes
    answered_ms: bytes
    proved_ms: bytes
    refs: tuple[str, ...]
    codes: dict[int, str]
    confirmed: tuple[int, ...]
    sent: int
    carrier: str | None
    cost_eur: float
    rule: str
    clip: str = ""
    unspoken: str = ""
    answers: dict[int, Phase] = {}
    ends: dict[int, Phase] = {}
    notes: dict[int, tuple[str, ...]] = {}


class Sheet:
    """The standing of one batch of n deliveries whose text has `batch.parts` parts.

    `states[i]` is the attempt's state, folded from `_parts[i * parts : (i + 1) * parts]` where there are several;
    `fates[i]` how its obligation ended; the `*_ms` columns count from the alert's acceptance. `unanswered` counts what
    has left and has no outcome yet; `open` what has no fate and is not reached.
    """

    __slots__ = (
        "_parts", "answered_ms", "batch", "calls", "carrier", "clip", "codes", "confirmed", "cost_eur", "deliveries",
        "fates", "flown_ms", "is_call", "open", "proved_ms", "refs", "rule", "sent", "states",
        "unanswered",
    )  # fmt: skip

    def __init__(self, batch: Batch) -> None:
        count = batch.count
        self.batch = batch
        self.deliveries = array("I", batch.deliveries)
        self.states = bytearray(count)
        self._parts = bytearray(count * batch.parts) if batch.parts > 1 else self.states
        self.fates = bytearray(count)
        self.flown_ms = array("I", bytes(4 * count))
        self.answered_ms = array("I", bytes(4 * count))
        self.proved_ms = array("I", bytes(4 * count))
        self.refs: list[str] = [""] * count
        self.codes: dict[int, str] = {}
        self.confirmed: set[int] = set()
        self.sent = 0
        self.unanswered = 0
        self.open = count
        self.carrier: CarrierName | None = None
        self.cost_eur = 0.0
        self.rule: MultipartRule = "all"
        self.clip = ""
        self.is_call = batch.step.channel in CALL_CHANNELS
        self.calls = CallRows()

    def __len__(self) -> int:
        return len(self.states)

    # --- what happens -----------------------------------------------------------------------------------------------

    def take(self, carrier: CarrierName, cost_eur: float, rule: MultipartRule, clip: str = "") -> None:
        """A carrier claimed the batch."""
        self.carrier, self.cost_eur, self.rule, self.clip = carrier, cost_eur, rule, clip

    def fly(self, first: int, count: int, ms: int) -> None:
        """Deliveries [first, first + count) leave."""
        for index in range(first, first + count):
            self.flown_ms[index] = ms
        self.unanswered += count
        self.sent = max(self.sent, first + count)

    def answer(self, index: int, state: int, ms: int, refs: str, code: str) -> bool:
        """The one outcome of an attempt; False where it was answered before."""
        if self.answered_ms[index] != NEVER:
            return False
        self.answered_ms[index] = ms or 1
        self.unanswered -= 1
        if refs:
            self.refs[index] = refs
        changed = self._join(index, WHOLE, state)
        if state == REACHED and changed:
            self._explain(index, ms or 1, "")
        elif code and self.proved_ms[index] == NEVER:  # a receipt that overtook the answer knows better
            self.codes[index] = code
        return True

    def part_of(self, index: int, ref: str) -> int:
        """Return the part of an attempt that the carrier calls by this name."""
        return self.refs[index].split(journal.REF_JOINT).index(ref) if self.batch.parts > 1 else WHOLE

    def take_many(self, indexes: Sequence[int], refs: Sequence[str], ms: int) -> list[int]:
        """Book that a carrier took these; return those that it changed as `answer` would, in bulk.

        Left to `answer`, one by one: attempts of several parts, and those that were answered or proved before.
        """
        if self.batch.parts > 1:
            return []
        answered, states, booked = self.answered_ms, self.states, []
        for index, ref in zip(indexes, refs, strict=True):
            if answered[index] == NEVER and states[index] == NONE:
                answered[index] = ms
                states[index] = HANDED_OVER
                self.refs[index] = ref
                booked.append(index)
        self.unanswered -= len(booked)
        return booked

    def reach_many(self, indexes: Sequence[int], ms: int) -> list[int]:
        """Book that these arrived; return those that it changed as `prove` would, in bulk.

        Left to `prove`, one by one: attempts of several parts, and those that do not just wait for their proof.
        """
        if self.batch.parts > 1:
            return []
        states, fates, proved, booked = self.states, self.fates, self.proved_ms, []
        for index in indexes:
            if states[index] == HANDED_OVER and fates[index] == OPEN:
                states[index] = REACHED
                proved[index] = ms
                booked.append(index)
        self.open -= len(booked)
        return booked

    def prove(self, index: int, part: int, state: int, ms: int, code: str) -> bool:
        """A receipt's word; False where it changes nothing.

        The instant and the code are those of the word that decided: where all parts count, of the latest.
        """
        before = self.states[index]
        if not self._join(index, part, state):
            return False
        ms = ms or 1
        if self.batch.parts > 1 and self.rule == "all":
            known = self.proved_ms[index]
            if (ms, code) >= (known, self.codes.get(index, "") if known != NEVER else ""):
                self._explain(index, ms, code)
        elif self.states[index] != before:
            self._explain(index, ms, code)
        return True

    def _explain(self, index: int, ms: int, code: str) -> None:
        """Proof came at `ms`; what was said before explains nothing any more."""
        self.proved_ms[index] = ms
        if code:
            self.codes[index] = code
        else:
            self.codes.pop(index, None)

    def leave(self, index: int, fate: int) -> None:
        """The obligation ends in this batch."""
        if self.fates[index] == OPEN and self.states[index] != REACHED:
            self.open -= 1
        self.fates[index] = fate

    def _join(self, index: int, part: int, state: int) -> bool:
        old = self.states[index]
        width = self.batch.parts
        if width == 1:
            new = max(old, state)
            self.states[index] = new
        else:
            row = range(index * width, (index + 1) * width)
            chosen = row if part == WHOLE else row[part : part + 1]
            before = self._parts[row.start : row.stop]
            for place in chosen:
                if state > self._parts[place]:
                    self._parts[place] = state
            after = self._parts[row.start : row.stop]
            new = self.states[index] = fold_parts(after, self.rule)
            if new == old:
                return before != after
        if new == old:
            return False
        if self.fates[index] == OPEN:
            self.open -= (new == REACHED) - (old == REACHED)
        return True

    # --- what follows -----------------------------------------------------------------------------------------------

    @property
    def left(self) -> int:
        """How many have not been handed to the carrier."""
        return len(self.states) - self.sent

    @property
    def exhausted(self) -> bool:
        """Nobody is left who may still leave: the obligation of each who has not, if any, has ended here."""
        return self.fates.find(OPEN, self.sent) < 0

    @property
    def landed(self) -> bool:
        """Everything left and everything was answered."""
        return self.sent == len(self.states) and self.unanswered == 0

    def doubtful(self, cursor: int) -> list[int]:
        """Return the indexes that may have left (below the durable cursor) and have no outcome in the journal.

        One whose receipt overtook its answer is among them: nobody will answer it any more.
        """
        return [index for index in range(cursor) if self.answered_ms[index] == NEVER]

    def restless(self, proof_due_ms: int, *, grounded: bool) -> tuple[list[int], int | None]:
        """Return whom a verdict is due for, and when the first of the others was answered (None without any).

        The others have been taken by the carrier, after `proof_due_ms`, and still have time for their proof. Whose
        answer is awaited, who is reached and who has a fate are neither; who has not left is due once `grounded`.
        """
        due: list[int] = []
        earliest: int | None = None
        rows = zip(self.states, self.fates, self.answered_ms, self.flown_ms, strict=True)
        for index, (state, fate, answered, flown) in enumerate(rows):
            if fate != OPEN or state == REACHED or (state == NONE and (flown != NEVER or not grounded)):
                continue
            if state in (HANDED_OVER, NETWORK) and answered > proof_due_ms:
                if earliest is None or answered < earliest:
                    earliest = answered
            else:
                due.append(index)
        return due, earliest

    @property
    def price_eur(self) -> float:
        """What one accepted attempt costs; a call costs what it lasted."""
        return 0.0 if self.is_call else self.batch.parts * self.cost_eur

    # --- the journal ------------------------------------------------------------------------------------------------

    def apply(self, record: journal.Record) -> None:
        """Fold one record of the journal into the sheet, as it happened."""
        match record:
            case journal.Flown(first, count, ms):
                self.fly(first, count, ms)
            case journal.Answered(index, state, ms, refs, codes):
                columns = zip(array("H", index), state, array("I", ms), refs, codes, strict=True)
                for i, one, at, ref, code in columns:
                    self.answer(i, one, at, ref, code)
            case journal.Proved(index, part, state, ms, codes):
                for i, piece, one, at, code in zip(array("H", index), part, state, array("I", ms), codes, strict=True):
                    self.prove(i, piece, one, at, code)
            case journal.Confirmed(index):
                self.confirmed.update(array("H", index))
            case journal.Left(index, fate, _):
                for i, one in zip(array("H", index), fate, strict=True):
                    self.leave(i, one)
            case journal.Priced(carrier, cost_eur, rule, clip):
                assert rule in get_args(MultipartRule)
                self.take(CarrierName(carrier), cost_eur, cast(MultipartRule, rule), clip)
            case journal.Unspoken() | journal.Called() | journal.Noted():
                self.calls.apply(record)
            case _:
                assert_never(record)

    def freeze(self) -> bytes:
        """Return the whole sheet as a snapshot."""
        calls = self.calls
        frozen = Frozen(
            bytes(self._parts), bytes(self.fates), self.flown_ms.tobytes(), self.answered_ms.tobytes(),
            self.proved_ms.tobytes(), tuple(self.refs), self.codes, tuple(sorted(self.confirmed)), self.sent,
            self.carrier, self.cost_eur, self.rule, self.clip,
            calls.unspoken, calls.answers, calls.ends, calls.notes,
        )  # fmt: skip
        return _encoder.encode(frozen)

    @classmethod
    def thaw(cls, batch: Batch, snapshot: bytes | None, tail: Sequence[bytes]) -> "Sheet":
        """Return the sheet from its snapshot and the journal rows after it."""
        sheet = cls(batch)
        if snapshot is not None:
            sheet._restore(_decoder.decode(snapshot))
        for blob in tail:
            for record in journal.decode(blob):
                sheet.apply(record)
        return sheet

    def _restore(self, frozen: Frozen) -> None:
        if frozen.carrier is not None:
            self.take(CarrierName(frozen.carrier), frozen.cost_eur, cast(MultipartRule, frozen.rule), frozen.clip)
        calls = self.calls
        calls.unspoken, calls.answers, calls.ends, calls.notes = (
            frozen.unspoken, frozen.answers, frozen.ends, frozen.notes
        )  # fmt: skip
        self._parts[:] = frozen.parts
        width = self.batch.parts
        if width > 1:
            self.states[:] = bytes(
                fold_parts(frozen.parts[i : i + width], self.rule) for i in range(0, len(frozen.parts), width)
            )
        self.fates[:] = frozen.fates
        self.flown_ms = array("I", frozen.flown_ms)
        self.answered_ms = array("I", frozen.answered_ms)
        self.proved_ms = array("I", frozen.proved_ms)
        self.refs = list(frozen.refs)
        self.codes = frozen.codes
        self.confirmed = set(frozen.confirmed)
        self.sent = frozen.sent
        self.unanswered = sum(
            flown != NEVER and answered == NEVER
            for flown, answered in zip(self.flown_ms, self.answered_ms, strict=True)
        )
        self.open = sum(fate == OPEN and state != REACHED for fate, state in zip(self.fates, self.states, strict=True))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frozen)
