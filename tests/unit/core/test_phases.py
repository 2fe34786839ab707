"""How calls are waited for, counted and named: row by row."""

from array import array

import pytest
from tests.unit.core.batches import ACME, make_batch

from klaroen.core import journal
from klaroen.core.call_rows import CallRows, cost_eur, is_lost, quiet_from, restless_calls
from klaroen.core.model import Step
from klaroen.core.phases import (
    ANSWERED,
    CALL_OUTCOMES,
    ENDED,
    LOST,
    NOTES_MAX,
    CallOutcome,
    Phase,
    Waits,
    hold_s,
    minutes,
    outcome_of,
    quiet_from_ms,
)
from klaroen.core.sheet import WHOLE, Sheet
from klaroen.core.state import ENDED as NO_STEP_LEFT
from klaroen.core.state import FAILED, HANDED_OVER, NETWORK, REACHED, REFUSED, UNKNOWN, UNSENT

WAITS = Waits(wait_ms=90_000, grace_ms=5_000, ring_ms=30_000, hold_ms=60_000)
CALL = Step("tts", "mobile")


@pytest.mark.parametrize(
    ("state", "answered", "ended", "expected"),
    [
        (HANDED_OVER, None, None, 91_000),
        (NETWORK, Phase(9_000, 8_000), None, 91_000),
        (HANDED_OVER, Phase(9_000, 8_000), Phase(20_000, 11_000), 25_000),
        (HANDED_OVER, None, Phase(20_000, 0, True), 50_000),
        (UNKNOWN, None, None, 31_000),
        (UNKNOWN, Phase(9_000, 8_000), None, 91_000),
        (FAILED, None, Phase(20_000, 0), 31_000),
    ],
    ids=["rings", "a machine", "over", "lost", "in doubt", "in doubt, and answered", "failed by our fault"],
)
def test_when_nothing_more_is_to_be_expected(
    state: int, answered: Phase | None, ended: Phase | None, expected: int
) -> None:
    assert expected == quiet_from_ms(state, 1_000, answered, ended, WAITS)


def test_a_long_message_is_waited_for_longer_than_the_step() -> None:
    assert 30 + 2 * (40 + 8) + 15 == hold_s(30.0, 2, 40.0, 8.0)
    long = Waits(wait_ms=90_000, grace_ms=5_000, ring_ms=30_000, hold_ms=141_000)
    assert 142_000 == quiet_from_ms(HANDED_OVER, 1_000, None, None, long)


@pytest.mark.parametrize(("talked_ms", "expected"), [(0, 0), (1, 1), (60_000, 1), (60_001, 2)])
def test_minutes_are_started_minutes(talked_ms: int, expected: int) -> None:
    assert expected == minutes(Phase(1, talked_ms))
    assert 0 == minutes(None)


@pytest.mark.parametrize(
    ("state", "code", "lost", "expected"),
    [
        (REACHED, "played 80 %", False, "reached"),
        (REACHED, "", True, "reached"),
        (HANDED_OVER, "", True, "lost"),
        (FAILED, "voice process gone", False, "lost"),
        (FAILED, "busy", False, "busy"),
        (FAILED, "no answer", False, "no_answer"),
        (FAILED, "expired", False, "no_answer"),
        (REFUSED, "number invalid", False, "invalid"),
        (FAILED, "rejected", False, "rejected"),
        (FAILED, "hung up at 12 %", False, "hung_up"),
        (NETWORK, "machine, played 100 %", False, "machine"),
        (FAILED, "sip 577", False, "failed"),
    ],
)
def test_an_end_is_one_of_few_words(state: int, code: str, lost: bool, expected: CallOutcome) -> None:
    """Labels of a metric: whatever a carrier says, and never a number."""
    assert expected in CALL_OUTCOMES
    assert expected == outcome_of(state, code, lost=lost)


# --- rows -------------------------------------------------------------------------------------------------------------


def test_of_each_phase_the_first_word_counts() -> None:
    rows = CallRows()
    assert rows.call(0, ANSWERED, 10, 2_000)
    assert not rows.call(0, ANSWERED, 11, 2_001)
    assert rows.call(0, ENDED, 0, 5_000)
    assert not rows.call(0, LOST, 31, 0)
    assert rows.call(1, LOST, 40, 0)
    assert not rows.call(1, ANSWERED, 41, 1)
    assert ({0: Phase(10, 2_000)}, {0: Phase(1, 5_000), 1: Phase(40, 0, True)}) == (rows.answers, rows.ends)


def test_what_is_said_besides_is_bounded() -> None:
    rows = CallRows()
    assert rows.note(0, "human")
    assert not rows.note(0, "human")
    assert not rows.note(0, "")
    for key in range(2 * NOTES_MAX):
        rows.note(0, f"key {key}")
    assert NOTES_MAX == len(rows.notes[0])


def call_sheet(*states: int) -> Sheet:
    """A batch of calls that were handed over at 500 ms, and answered for at 1,000."""
    sheet = Sheet(make_batch(len(states), step=CALL))
    sheet.take(ACME, 0.055, "all", "c" * 64)
    sheet.fly(0, len(states), 500)
    for index, state in enumerate(states):
        sheet.answer(index, state, 1_000, "", "")
    return sheet


def test_the_journal_makes_the_rows_and_a_snapshot_keeps_them() -> None:
    sheet = call_sheet(HANDED_OVER, HANDED_OVER)
    columns = [array("H", [0, 0, 1]).tobytes(), bytes([ANSWERED, ENDED, LOST])]
    times = [array("I", [9_000, 80_000, 7_000]).tobytes(), array("I", [8_500, 70_000, 0]).tobytes()]
    records: list[journal.Record] = [
        journal.Called(columns[0], columns[1], times[0], times[1]),
        journal.Noted(array("H", [0, 0]).tobytes(), ("human", "key 3")),
        journal.Unspoken("no voice"),
    ]
    for record in journal.decode(journal.encode(records)):
        sheet.apply(record)
    for one in (sheet, Sheet.thaw(sheet.batch, sheet.freeze(), ())):
        rows = one.calls
        assert {0: Phase(9_000, 8_500)} == rows.answers
        assert {0: Phase(80_000, 70_000), 1: Phase(7_000, 0, True)} == rows.ends
        assert ({0: ("human", "key 3")}, "no voice", "c" * 64) == (rows.notes, rows.unspoken, one.clip)
        assert (0.0, pytest.approx(0.11), 0.0) == (one.price_eur, cost_eur(one, 0), cost_eur(one, 1))


def test_whose_call_is_judged_and_when_the_next() -> None:
    """Who listens is waited for; who is reached, moved on or not yet answered for is nobody's business here."""
    sheet = call_sheet(HANDED_OVER, HANDED_OVER, UNKNOWN, REFUSED, REACHED, HANDED_OVER, HANDED_OVER)
    sheet.calls.call(1, ENDED, 20_000, 5_000)
    sheet.prove(5, WHOLE, FAILED, 3_000, "voice process gone")
    sheet.leave(6, NO_STEP_LEFT)
    assert ([3], 25_000) == restless_calls(sheet, 2_000, WAITS, grounded=False)
    assert ([1, 3], 31_000) == restless_calls(sheet, 25_000, WAITS, grounded=False)
    assert ([1, 2, 3, 5], 91_000) == restless_calls(sheet, 33_000, WAITS, grounded=False)
    assert ([0, 1, 2, 3, 5], None) == restless_calls(sheet, 91_000, WAITS, grounded=False)
    assert (25_000, 33_000) == (quiet_from(sheet, 1, WAITS), quiet_from(sheet, 5, WAITS))


def test_who_has_not_left_is_judged_once_the_batch_flies_no_more() -> None:
    sheet = Sheet(make_batch(2, step=CALL))
    sheet.fly(0, 1, 10)
    assert ([], None) == restless_calls(sheet, 5_000, WAITS, grounded=False)
    assert ([1], None) == restless_calls(sheet, 5_000, WAITS, grounded=True)


def test_a_call_is_lost_where_our_side_of_it_went_away() -> None:
    sheet = call_sheet(HANDED_OVER, HANDED_OVER, HANDED_OVER, HANDED_OVER, UNSENT)
    sheet.calls.call(0, LOST, 2_000, 0)
    sheet.calls.call(1, LOST, 2_000, 0)
    sheet.prove(1, WHOLE, REACHED, 2_500, "")
    sheet.prove(2, WHOLE, FAILED, 2_500, "busy")
    sheet.calls.call(3, ENDED, 2_000, 0)
    assert [True, False, False, False, False] == [is_lost(sheet, index) for index in range(5)]
