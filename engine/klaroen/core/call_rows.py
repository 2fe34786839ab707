"""What a batch of calls knows beside its states: who answered, when it was over, what else was said.

Law: a fold of the journal's records, like the sheet that holds it; the first word of each phase counts, and nothing
changes after the end of a call.
"""

from array import array
from typing import TYPE_CHECKING, assert_never

from klaroen.core import journal
from klaroen.core.phases import ANSWERED, LOST, LOST_WORDS, NOTES_MAX, Phase, Waits, minutes, quiet_from_ms
from klaroen.core.state import FAILED, HANDED_OVER, NETWORK, NONE, OPEN, REACHED, UNKNOWN

if TYPE_CHECKING:
    from klaroen.core.sheet import Sheet


class CallRows:
    """By index in the batch; empty of a batch that is written."""

    __slots__ = ("answers", "ends", "notes", "unspoken")

    def __init__(self) -> None:
        self.answers: dict[int, Phase] = {}
        self.ends: dict[int, Phase] = {}
        self.notes: dict[int, tuple[str, ...]] = {}
        self.unspoken = ""
        """Why nobody of the batch is called: what the voices said."""

    def call(self, index: int, phase: int, ms: int, lasted_ms: int) -> bool:
        """A call was answered or is over; False where that was known, or comes after its end."""
        phases = self.answers if phase == ANSWERED else self.ends
        if index in phases or index in self.ends:
            return False
        phases[index] = Phase(ms or 1, lasted_ms, phase == LOST)
        return True

    def note(self, index: int, words: str) -> bool:
        """Something was said of a call that proves nothing; False where it says nothing new."""
        known = self.notes.get(index, ())
        if not words or words in known or len(known) == NOTES_MAX:
            return False
        self.notes[index] = (*known, words)
        return True

    def apply(self, record: journal.Called | journal.Noted | journal.Unspoken) -> None:
        """Fold one record of the journal."""
        match record:
            case journal.Called(index, phases, ms, lasted):
                rows = zip(array("H", index), phases, array("I", ms), array("I", lasted), strict=True)
                for i, phase, at, lasted_ms in rows:
                    self.call(i, phase, at, lasted_ms)
            case journal.Noted(index, notes):
                for i, words in zip(array("H", index), notes, strict=True):
                    self.note(i, words)
            case journal.Unspoken(words):
                self.unspoken = words
            case _:
                assert_never(record)


# --- what follows for whoever waits -----------------------------------------------------------------------------------


def restless_calls(sheet: "Sheet", now_ms: int, waits: Waits, *, grounded: bool) -> tuple[list[int], int | None]:
    """Return whom a verdict is due for, and when the first of the others is to be judged: `Sheet.restless` of calls."""
    due: list[int] = []
    earliest: int | None = None
    for index, (state, fate, flown) in enumerate(zip(sheet.states, sheet.fates, sheet.flown_ms, strict=True)):
        if fate != OPEN or state == REACHED or (state == NONE and (flown or not grounded)):
            continue
        waits_for = state in (UNKNOWN, HANDED_OVER, NETWORK) or is_lost(sheet, index)
        at_ms = quiet_from(sheet, index, waits) if waits_for else 0
        if at_ms <= now_ms:
            due.append(index)
        elif earliest is None or at_ms < earliest:
            earliest = at_ms
    return due, earliest


def quiet_from(sheet: "Sheet", index: int, waits: Waits) -> int:
    """Return from when on, in ms since acceptance, nothing more is to be expected of a call that was handed over."""
    state, calls = sheet.states[index], sheet.calls
    at_ms = sheet.proved_ms[index] if state == FAILED else sheet.answered_ms[index]
    return quiet_from_ms(state, at_ms, calls.answers.get(index), calls.ends.get(index), waits)


def is_lost(sheet: "Sheet", index: int) -> bool:
    """Say whether a call has no proof because our side of it went away: no more is known than without an answer."""
    if sheet.states[index] == FAILED:
        return sheet.codes.get(index) in LOST_WORDS
    ended = sheet.calls.ends.get(index)
    return ended is not None and ended.lost and sheet.states[index] != REACHED


def cost_eur(sheet: "Sheet", index: int) -> float:
    """Return what a call cost, by started minutes."""
    return minutes(sheet.calls.ends.get(index)) * sheet.cost_eur
