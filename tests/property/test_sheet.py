"""Receipts are joins (design, law 7): whatever the order and however often, a batch ends the same."""

import random
from array import array
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.unit.core.batches import ACME, make_audience, make_batch, make_group

from klaroen.core import journal
from klaroen.core.account import Account
from klaroen.core.sheet import WHOLE, Frozen, Sheet
from klaroen.core.state import (
    CANCELLED,
    ENDED,
    FAILED,
    HANDED_OVER,
    MOVED,
    NETWORK,
    OPEN,
    REACHED,
    REFUSED,
    UNKNOWN,
    UNSENT,
    MultipartRule,
)

COUNT = 4
AUDIENCE = make_audience(make_group(COUNT))
SHUFFLES = 1_000

rules = st.sampled_from(["all", "first", "last", "any"])
codes = st.sampled_from(["", "000", "err:027"])


class Told(NamedTuple):
    """One answer (`part` is None) or one receipt."""

    index: int
    part: int | None
    state: int
    ms: int
    code: str

    def tell(self, sheet: Sheet) -> None:
        if self.part is None:
            sheet.answer(self.index, self.state, self.ms, f"ref{self.index}", self.code)
        else:
            sheet.prove(self.index, self.part, self.state, self.ms, self.code)

    def record(self) -> journal.Record:
        index, ms = array("H", [self.index]).tobytes(), array("I", [self.ms]).tobytes()
        if self.part is None:
            return journal.Answered(index, bytes([self.state]), ms, (f"ref{self.index}",), (self.code,))
        return journal.Proved(index, bytes([self.part]), bytes([self.state]), ms, (self.code,))


@st.composite
def stories(draw: st.DrawFn) -> tuple[int, MultipartRule, list[Told]]:
    """What carriers said of one batch: one answer an attempt at most, one receipt a part and state, later ones later.

    Under `any` a single part speaks up, since of two that arrive the first that we hear of dates the arrival.
    """
    parts, rule = draw(st.integers(1, 3)), draw(rules)
    told: list[Told] = []
    for index in range(COUNT):
        if draw(st.booleans()):
            state = draw(st.sampled_from([UNSENT, UNKNOWN, REFUSED, HANDED_OVER, HANDED_OVER]))
            told.append(Told(index, None, state, draw(st.integers(1, 90)), "" if state == HANDED_OVER else "words"))
        speaking = [draw(st.integers(0, parts - 1))] if rule == "any" else range(parts)
        for part in speaking:
            states = sorted(draw(st.sets(st.sampled_from([FAILED, NETWORK, REACHED]))))
            told += [Told(index, part, state, 100 * state + draw(st.integers(0, 90)), draw(codes)) for state in states]
    return parts, rule, told


def fresh(parts: int, rule: MultipartRule) -> Sheet:
    sheet = Sheet(make_batch(COUNT, parts=parts))
    sheet.take(ACME, 0.05, rule)
    sheet.fly(0, COUNT, 1)
    return sheet


def told_to(parts: int, rule: MultipartRule, told: list[Told]) -> Sheet:
    sheet = fresh(parts, rule)
    for one in told:
        one.tell(sheet)
    return sheet


def image(sheet: Sheet) -> tuple[object, ...]:
    """Everything that can be seen of a sheet."""
    return (
        msgspec.msgpack.decode(sheet.freeze(), type=Frozen),
        bytes(sheet.states),
        (sheet.open, sheet.unanswered, sheet.left, sheet.landed),
        sheet.doubtful(COUNT),
        sheet.restless(0, grounded=True),
    )


@settings(max_examples=SHUFFLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories(), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_end_the_same(
    story: tuple[int, MultipartRule, list[Told]], chance: random.Random
) -> None:
    """A thousand shuffles, with some words said again: the same sheet, and the same account to the last byte."""
    parts, rule, told = story
    shuffled = told + chance.choices(told, k=len(told) // 2) if told else []
    chance.shuffle(shuffled)
    one, other = told_to(parts, rule, told), told_to(parts, rule, shuffled)
    assert image(one) == image(other)
    assert Account.rebuild(AUDIENCE, [one]).close() == Account.rebuild(AUDIENCE, [other]).close()


@settings(deadline=None)
@given(stories(), st.data())
def test_a_sheet_is_the_replay_of_its_journal(
    story: tuple[int, MultipartRule, list[Told]], data: st.DataObject
) -> None:
    """Wherever a snapshot cut it, and although a commit tells answers before receipts."""
    parts, rule, told = story
    told = data.draw(st.permutations(told))
    fates = [data.draw(st.sampled_from([OPEN, MOVED, ENDED, CANCELLED])) for _ in range(COUNT)]
    left = [index for index, fate in enumerate(fates) if fate != OPEN]
    kept = fresh(parts, rule)
    cut = data.draw(st.integers(0, len(told)))
    snapshot = None
    for place, one in enumerate([*told, None]):
        if place == cut:
            snapshot = kept.freeze()
        if one is not None:
            one.tell(kept)
    for index in left:
        kept.leave(index, fates[index])
    tail = sorted(told[cut:], key=lambda one: one.part is not None)
    ends = journal.Left(array("H", left).tobytes(), bytes(fates[index] for index in left), 900)
    blobs = [journal.encode([one.record()]) for one in tail] + [journal.encode([ends])]
    assert image(kept) == image(Sheet.thaw(kept.batch, snapshot, blobs))
    assert image(kept) == image(Sheet.thaw(kept.batch, kept.freeze(), ()))


@settings(deadline=None)
@given(stories(), st.data())
def test_late_proof_is_never_undone(story: tuple[int, MultipartRule, list[Told]], data: st.DataObject) -> None:
    """Once reached, always reached: whatever is said afterwards, and however the obligation ended before."""
    parts, rule, told = story
    sheet = fresh(parts, rule)
    reached: set[int] = set()
    for one in data.draw(st.permutations(told)):
        if data.draw(st.booleans()):
            sheet.leave(one.index, MOVED)
        one.tell(sheet)
        arrived = {index for index in range(COUNT) if sheet.states[index] == REACHED}
        assert reached <= arrived
        reached = arrived
    waiting = [index for index in range(COUNT) if sheet.fates[index] == OPEN and sheet.states[index] != REACHED]
    assert len(waiting) == sheet.open


@settings(deadline=None)
@given(stories(), st.data())
def test_acceptance_alone_is_no_proof(story: tuple[int, MultipartRule, list[Told]], data: st.DataObject) -> None:
    """R15: proof of arrival is never inferred; without a receipt for it nobody is reached."""
    parts, rule, told = story
    silent = [one for one in told if one.state != REACHED]
    assume(silent)
    assert REACHED not in told_to(parts, rule, data.draw(st.permutations(silent))).states


@settings(deadline=None)
@given(
    st.integers(1, 2),
    st.lists(st.tuples(st.integers(0, COUNT - 1), st.sampled_from(["take", "reach", "fail", "leave"])), max_size=12),
)
def test_booking_in_bulk_is_booking_one_by_one(parts: int, events: list[tuple[int, str]]) -> None:
    """Whatever bulk leaves aside is booked singly, and both ways end the same."""
    bulk, single = fresh(parts, "all"), fresh(parts, "all")
    for ms, (index, what) in enumerate(events, 2):
        if what == "take":
            if not bulk.take_many([index], [f"ref{ms}"], ms):
                bulk.answer(index, HANDED_OVER, ms, f"ref{ms}", "")
            single.answer(index, HANDED_OVER, ms, f"ref{ms}", "")
        elif what == "reach":
            if not bulk.reach_many([index], ms):
                bulk.prove(index, WHOLE, REACHED, ms, "")
            single.prove(index, WHOLE, REACHED, ms, "")
        else:
            for sheet in (bulk, single):
                if what == "fail":
                    sheet.prove(index, WHOLE, FAILED, ms, "err:001")
                else:
                    sheet.leave(index, MOVED)
        assert image(bulk) == image(single)
