"""How a batch stands: each kind of event once, and what follows. Any order of them: tests/property/test_sheet.py."""

from array import array

import pytest
from tests.unit.core.batches import ACME, make_batch

from klaroen.core import journal
from klaroen.core.journal import Answered, Confirmed, Flown, Left, Priced, Proved
from klaroen.core.sheet import NEVER, WHOLE, Sheet
from klaroen.core.state import (
    BARRED,
    CANCELLED,
    ENDED,
    FAILED,
    HANDED_OVER,
    MOVED,
    NETWORK,
    NONE,
    OPEN,
    REACHED,
    REFUSED,
    UNKNOWN,
    MultipartRule,
)


def sheet_of(count: int = 3, *, parts: int = 1, rule: MultipartRule = "all", flown: bool = True) -> Sheet:
    sheet = Sheet(make_batch(count, parts=parts))
    sheet.take(ACME, 0.05, rule)
    if flown:
        sheet.fly(0, count, 10)
    return sheet


# --- leaving and being answered --------------------------------------------------------------------------------------


def test_a_new_sheet_is_all_open_and_nothing_left() -> None:
    sheet = Sheet(make_batch(3))
    assert (3, 3, 3, 0) == (len(sheet), sheet.open, sheet.left, sheet.unanswered)
    assert not sheet.landed
    assert [0, 1, 2] == list(sheet.deliveries)


def test_what_leaves_is_unanswered_until_it_is_answered() -> None:
    sheet = sheet_of(3, flown=False)
    sheet.fly(0, 2, 10)
    assert (2, 1, 2) == (sheet.sent, sheet.left, sheet.unanswered)
    assert [10, 10, NEVER] == list(sheet.flown_ms)
    sheet.fly(2, 1, 12)
    for index in range(3):
        assert not sheet.landed
        assert sheet.answer(index, HANDED_OVER, 20, f"ref{index}", "")
    assert sheet.landed
    assert ["ref0", "ref1", "ref2"] == sheet.refs


def test_who_has_not_left_and_may_leave_no_more_is_not_waited_for() -> None:
    sheet = sheet_of(3, flown=False)
    sheet.leave(1, BARRED)
    sheet.leave(2, BARRED)
    assert not sheet.exhausted
    sheet.fly(0, 1, 10)
    assert (2, True) == (sheet.left, sheet.exhausted)
    sheet.fly(1, 2, 10)
    assert (0, True) == (sheet.left, sheet.exhausted)


def test_an_envelope_has_one_answer() -> None:
    """A second one changes nothing: the port promises exactly one."""
    sheet = sheet_of()
    assert sheet.answer(0, HANDED_OVER, 20, "a", "")
    assert not sheet.answer(0, REFUSED, 30, "b", "carrier 0x45")
    assert (HANDED_OVER, 20, "a", {}) == (sheet.states[0], sheet.answered_ms[0], sheet.refs[0], sheet.codes)


def test_instants_of_the_first_millisecond_are_seen() -> None:
    """0 in a column means that nothing happened yet."""
    sheet = sheet_of()
    sheet.answer(0, HANDED_OVER, 0, "", "")
    sheet.prove(0, WHOLE, REACHED, 0, "")
    assert (1, 1) == (sheet.answered_ms[0], sheet.proved_ms[0])


def test_a_price_is_paid_for_each_part() -> None:
    assert sheet_of(parts=3).price_eur == pytest.approx(0.15)


# --- proof -----------------------------------------------------------------------------------------------------------


def test_late_proof_is_never_undone() -> None:
    """A failure, a network's word or an answer after the handset's receipt change nothing."""
    sheet = sheet_of()
    assert sheet.prove(0, WHOLE, REACHED, 50, "000")
    for state in (FAILED, NETWORK, REACHED):
        assert not sheet.prove(0, WHOLE, state, 60, "999")
    sheet.answer(0, UNKNOWN, 70, "", "no answer by the deadline")
    assert (REACHED, 50, {0: "000"}) == (sheet.states[0], sheet.proved_ms[0], sheet.codes)


def test_a_delivery_that_failed_may_still_be_proved() -> None:
    sheet = sheet_of()
    sheet.prove(1, WHOLE, FAILED, 40, "err:027")
    assert (FAILED, 3) == (sheet.states[1], sheet.open)
    assert sheet.prove(1, WHOLE, REACHED, 50, "")
    assert (REACHED, 2, 50) == (sheet.states[1], sheet.open, sheet.proved_ms[1])
    assert {} == sheet.codes, "the failure's code explains nothing any more"


def test_proof_that_comes_after_the_fate_is_counted_once() -> None:
    """The obligation had moved on: it was not open any more, and stays so."""
    sheet = sheet_of()
    sheet.leave(0, MOVED)
    sheet.prove(0, WHOLE, REACHED, 50, "")
    sheet.prove(1, WHOLE, REACHED, 50, "")
    sheet.leave(1, ENDED)
    assert (1, REACHED, MOVED) == (sheet.open, sheet.states[0], sheet.fates[0])


def test_a_fate_that_is_said_again_is_counted_once() -> None:
    sheet = sheet_of()
    sheet.leave(0, MOVED)
    sheet.leave(0, MOVED)
    assert sheet.open == 2


def test_a_message_in_parts_is_reached_with_its_last_one() -> None:
    """Whatever part is told of last: the instant is that of the last arrival."""
    for order in ((0, 1), (1, 0)):
        sheet = sheet_of(parts=2)
        sheet.answer(0, HANDED_OVER, 20, "a b", "")
        for part in order:
            assert sheet.prove(0, part, REACHED, 50 + part, f"part {part}")
        assert (REACHED, 51, {0: "part 1"}) == (sheet.states[0], sheet.proved_ms[0], sheet.codes)


@pytest.mark.parametrize(("rule", "deciding"), [("first", 0), ("last", 1), ("any", 1)])
def test_where_one_part_counts_the_other_ones_receipt_moves_nothing(rule: MultipartRule, deciding: int) -> None:
    """It is remembered, and neither the instant nor the code of what decided is overwritten."""
    sheet = sheet_of(parts=2, rule=rule)
    sheet.answer(0, HANDED_OVER, 20, "a b", "")
    sheet.prove(0, deciding, REACHED, 50, "000")
    assert sheet.prove(0, 1 - deciding, REACHED, 60, "other")
    assert (REACHED, 50, {0: "000"}) == (sheet.states[0], sheet.proved_ms[0], sheet.codes)
    assert not sheet.prove(0, 1 - deciding, REACHED, 70, "again")


def test_a_receipt_for_the_whole_message_moves_all_its_parts() -> None:
    sheet = sheet_of(parts=3)
    assert sheet.prove(2, WHOLE, REACHED, 50, "")
    assert (REACHED, NONE) == (sheet.states[2], sheet.states[1])


def test_a_receipt_for_a_part_that_does_not_exist_changes_nothing() -> None:
    sheet = sheet_of(parts=2)
    assert not sheet.prove(0, 2, REACHED, 50, "000")
    assert ({}, NEVER) == (sheet.codes, sheet.proved_ms[0])


def test_what_a_receipt_said_outweighs_a_worse_answer_that_comes_after_it() -> None:
    """The replay after a restart tells answers before receipts: either order explains the same."""
    early, late = sheet_of(), sheet_of()
    early.prove(0, WHOLE, FAILED, 30, "err:001")
    early.answer(0, UNKNOWN, 40, "", "no answer by the deadline")
    late.answer(0, UNKNOWN, 40, "", "no answer by the deadline")
    late.prove(0, WHOLE, FAILED, 30, "err:001")
    assert early.freeze() == late.freeze()
    assert {0: "err:001"} == early.codes


def test_a_carrier_that_answers_after_the_handset_did_has_proved_it_then() -> None:
    """`Delivered` is answer and proof in one, also after the network's own receipt."""
    sheet = sheet_of()
    sheet.prove(0, WHOLE, NETWORK, 30, "enroute")
    sheet.answer(0, REACHED, 40, "ref", "")
    assert (REACHED, 40, 40, {}) == (sheet.states[0], sheet.answered_ms[0], sheet.proved_ms[0], sheet.codes)


# --- in bulk ---------------------------------------------------------------------------------------------------------


def test_acceptances_are_booked_in_bulk_where_nothing_was_known() -> None:
    """The others are left to `answer`, and named by their absence."""
    sheet = sheet_of(4)
    sheet.answer(0, REFUSED, 15, "", "address 0x0b")
    sheet.prove(1, WHOLE, FAILED, 16, "err:001")
    assert [2, 3] == sheet.take_many([0, 1, 2, 3], ["a", "b", "c", "d"], 20)
    assert [REFUSED, FAILED, HANDED_OVER, HANDED_OVER] == list(sheet.states)
    assert (["", "", "c", "d"], 1, [15, NEVER, 20, 20]) == (sheet.refs, sheet.unanswered, list(sheet.answered_ms))


def test_arrivals_are_booked_in_bulk_where_proof_is_all_that_is_awaited() -> None:
    sheet = sheet_of(4)
    sheet.take_many([0, 1, 2], ["a", "b", "c"], 20)
    sheet.leave(1, MOVED)
    sheet.prove(2, WHOLE, NETWORK, 25, "")
    assert [0] == sheet.reach_many([0, 1, 2, 3], 30)
    assert ([REACHED, HANDED_OVER, NETWORK, NONE], 2) == (list(sheet.states), sheet.open)
    assert [30, NEVER, 25, NEVER] == list(sheet.proved_ms)


def test_messages_in_parts_are_never_booked_in_bulk() -> None:
    sheet = sheet_of(2, parts=2)
    assert ([], []) == (sheet.take_many([0], ["a"], 20), sheet.reach_many([0], 30))


# --- what follows ----------------------------------------------------------------------------------------------------


def test_in_doubt_is_what_may_have_left_and_has_no_outcome() -> None:
    """Below the durable cursor and unanswered (design, law 5), and nothing else."""
    sheet = sheet_of(5, flown=False)
    sheet.fly(0, 3, 10)
    sheet.answer(0, HANDED_OVER, 20, "", "")
    assert [1, 2, 3] == sheet.doubtful(4)


def test_in_doubt_is_also_whose_receipt_overtook_the_answer() -> None:
    """Its arrival is not in doubt, but its answer will never come: without one the batch would wait for ever."""
    sheet = sheet_of(2)
    sheet.answer(0, HANDED_OVER, 20, "", "")
    sheet.prove(1, WHOLE, REACHED, 15, "")
    assert [1] == sheet.doubtful(2)
    sheet.answer(1, UNKNOWN, 900, "", "in doubt after a restart")
    assert sheet.landed
    assert (REACHED, {}) == (sheet.states[1], sheet.codes)


def test_a_verdict_is_due_for_whom_nothing_more_is_awaited() -> None:
    sheet = sheet_of(8, flown=False)
    sheet.fly(0, 7, 10)
    sheet.answer(1, REFUSED, 20, "", "address 0x0b")
    sheet.answer(2, HANDED_OVER, 30, "", "")
    sheet.answer(3, HANDED_OVER, 90, "", "")
    sheet.answer(4, HANDED_OVER, 40, "", "")
    sheet.prove(4, WHOLE, REACHED, 50, "")
    sheet.answer(5, UNKNOWN, 60, "", "")
    sheet.leave(5, MOVED)
    sheet.answer(6, HANDED_OVER, 80, "", "")
    assert ([1, 2], 80) == sheet.restless(30, grounded=False)
    assert ([1, 2, 7], 80) == sheet.restless(30, grounded=True)
    assert ([1, 2, 3, 6], None) == sheet.restless(90, grounded=False)
    sheet.fly(7, 1, 94)
    sheet.answer(7, HANDED_OVER, 95, "", "")
    assert ([1, 2], 80) == sheet.restless(30, grounded=False), "the first of those who wait, in whatever order"


# --- the journal -----------------------------------------------------------------------------------------------------


def u16(*values: int) -> bytes:
    return array("H", values).tobytes()


def u32(*values: int) -> bytes:
    return array("I", values).tobytes()


RECORDS: tuple[journal.Record, ...] = (
    Priced("acme", 0.05, "any"),
    Flown(0, 3, 10),
    Answered(u16(0, 1), bytes([HANDED_OVER, REFUSED]), u32(20, 21), ("r0 r0b", ""), ("", "address 0x0b")),
    Proved(u16(0), bytes([1]), bytes([REACHED]), u32(30), ("000",)),
    Confirmed(u16(0)),
    Left(u16(1, 2), bytes([MOVED, CANCELLED]), 40),
)


def test_a_sheet_is_the_fold_of_its_journal() -> None:
    sheet = Sheet.thaw(make_batch(3, parts=2), None, [journal.encode(RECORDS[:2]), journal.encode(RECORDS[2:])])
    assert [REACHED, REFUSED, NONE] == list(sheet.states)
    assert [OPEN, MOVED, CANCELLED] == list(sheet.fates)
    assert ("acme", 0.05, "any") == (sheet.carrier, sheet.cost_eur, sheet.rule)
    assert ([20, 21, NEVER], [30, NEVER, NEVER]) == (list(sheet.answered_ms), list(sheet.proved_ms))
    assert ({0}, {0: "000", 1: "address 0x0b"}) == (sheet.confirmed, sheet.codes)
    assert (3, 1, 0) == (sheet.sent, sheet.unanswered, sheet.open)
    assert ["r0 r0b", "", ""] == sheet.refs


def test_journals_come_back_as_they_were_written() -> None:
    assert journal.decode(journal.encode(RECORDS)) == RECORDS


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("told", range(len(RECORDS) + 1))
def test_a_snapshot_and_the_rows_after_it_make_the_same_sheet(parts: int, told: int) -> None:
    """Wherever the snapshot was taken; also before any carrier had the batch."""
    batch = make_batch(3, parts=parts)
    whole, half = Sheet(batch), Sheet(batch)
    for record in RECORDS:
        whole.apply(record)
    for record in RECORDS[:told]:
        half.apply(record)
    thawed = Sheet.thaw(batch, half.freeze(), [journal.encode(RECORDS[told:])])
    assert whole.freeze() == thawed.freeze()
    for name in ("states", "open", "unanswered", "sent", "carrier", "landed"):
        assert getattr(whole, name) == getattr(thawed, name), name


@pytest.mark.parametrize("ref", ["with space", "two\nlines", "\n", "\x1f"])
def test_a_carriers_id_may_hold_any_character(ref: str) -> None:
    """A gateway's id is any JSON string: the columns of a snapshot stay in step."""
    sheet = sheet_of()
    sheet.answer(1, HANDED_OVER, 20, ref, "")
    assert ["", ref, ""] == Sheet.thaw(sheet.batch, sheet.freeze(), ()).refs


def test_a_rule_that_nobody_knows_is_our_own_fault() -> None:
    with pytest.raises(AssertionError):
        Sheet(make_batch(1)).apply(Priced("acme", 0.0, "most"))


def test_a_part_is_known_by_its_name() -> None:
    long, short = sheet_of(2, parts=3), sheet_of(2)
    long.answer(1, HANDED_OVER, 20, journal.REF_JOINT.join(("a", "b", "c")), "")
    short.answer(1, HANDED_OVER, 20, "a", "")
    assert [0, 1, 2] == [long.part_of(1, ref) for ref in "abc"]
    assert WHOLE == short.part_of(1, "a")
