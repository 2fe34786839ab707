"""Floors over long runs, whatever the sizes of the turns; and turns inside a lane that starve nobody."""

from collections import Counter
from collections.abc import Callable, Collection

from hypothesis import example, given, settings
from hypothesis import strategies as st

from klaroen.core.lanes import (
    FLOORS,
    HEAD_START_SEGMENTS,
    Lanes,
    allowance,
    book_turn,
    choose_alert,
    choose_lane,
    serve,
    turn_max,
)
from klaroen.core.model import CLASSES, AlertClass, AlertId

TURNS = 500
SLICE_MAX = 1_000
"""Segments that one turn may take: a tenth of a second of a fast carrier."""
RATE_PER_S = 1_000.0

due_lanes = st.sets(st.sampled_from(CLASSES), min_size=2).map(lambda due: sorted(due, key=CLASSES.index))
lengths = st.fixed_dictionaries({lane: st.integers(1, 30) for lane in CLASSES})
sizes = st.lists(st.integers(1, SLICE_MAX), min_size=1, max_size=10)


def take_turn(
    lanes: Lanes, due: list[AlertClass], segments: int, parts: int, beginning: Collection[AlertClass] = ()
) -> tuple[int, Lanes, AlertClass]:
    """One turn of a flight: whole messages only, one at least."""
    lane = choose_lane(lanes, due, beginning=beginning)
    allowed = allowance(lanes, lane, due, max(parts, segments))
    taken = max(1, allowed // parts) * parts
    return taken, serve(lanes, lane, taken, due), lane


def run(
    due: list[AlertClass], parts: dict[AlertClass, int], size: Callable[[int], int]
) -> list[tuple[AlertClass, int]]:
    lanes, turns = Lanes(RATE_PER_S), []
    for turn in range(TURNS):
        taken, lanes, lane = take_turn(lanes, due, size(turn), parts[choose_lane(lanes, due)])
        turns.append((lane, taken))
    return turns


@settings(deadline=None)
@given(due_lanes, lengths, sizes)
@example(["warm", "public_interest", "cold"], dict.fromkeys(CLASSES, 1), [95])
def test_every_lane_with_work_keeps_its_floor_and_takes_no_more(
    due: list[AlertClass], parts: dict[AlertClass, int], slices: list[int]
) -> None:
    """Beside higher lanes: warm a fifth, public_interest a twentieth, cold a hundredth; the rest is the highest's.

    To within one turn's floor and one message.
    """
    turns = run(due, parts, lambda turn: slices[turn % len(slices)])
    total = sum(taken for _, taken in turns)
    for lane in due[1:]:
        share = sum(taken for served, taken in turns if served == lane)
        assert share >= FLOORS[lane] * (total - 2 * SLICE_MAX) - 1
        assert share <= FLOORS[lane] * total + parts[lane]
    assert sum(taken for served, taken in turns if served == due[0]) >= 0.7 * total - 2 * SLICE_MAX


@settings(deadline=None)
@given(due_lanes, lengths, sizes)
@example(["warm", "public_interest", "cold"], dict.fromkeys(CLASSES, 1), [95])
def test_no_lane_waits_longer_than_its_floor_says(
    due: list[AlertClass], parts: dict[AlertClass, int], slices: list[int]
) -> None:
    """A lane whose messages have n segments goes at the latest after n of its floor have passed, and a turn or two."""
    waited = dict.fromkeys(due, 0)
    for lane, taken in run(due, parts, lambda turn: slices[turn % len(slices)]):
        for other in due:
            waited[other] = 0 if other == lane else waited[other] + taken
            if FLOORS[other]:
                assert waited[other] <= (parts[other] + 1) / FLOORS[other] + 3 * SLICE_MAX


@settings(deadline=None)
@given(st.lists(st.tuples(due_lanes, st.integers(1, SLICE_MAX)), max_size=50))
def test_a_crisis_begins_at_once(history: list[tuple[list[AlertClass], int]]) -> None:
    """Whatever others have saved before: what they earned of the last turns holds it back by a quarter of one."""
    lanes = Lanes(RATE_PER_S)
    for due, size in history:
        _, lanes, _ = take_turn(lanes, due, size, 1)
    waited, lane = 0, "warm"
    while lane != "crisis":
        taken, lanes, lane = take_turn(lanes, list(CLASSES), SLICE_MAX, 1, ["crisis"])
        waited += taken if lane != "crisis" else 0
    assert waited <= SLICE_MAX / 4


@settings(deadline=None)
@given(st.lists(st.tuples(due_lanes, st.integers(1, SLICE_MAX)), max_size=50))
def test_what_others_have_saved_holds_a_crisis_up_for_a_second(history: list[tuple[list[AlertClass], int]]) -> None:
    """Of the carrier's rate, beside their floors, once its first telephones have rung."""
    lanes = Lanes(RATE_PER_S)
    for due, size in history:
        _, lanes, _ = take_turn(lanes, due, size, 1)
    waited = 0
    while choose_lane(lanes, CLASSES) != "crisis":
        taken, lanes, _ = take_turn(lanes, list(CLASSES), SLICE_MAX, 1)
        waited += taken
    assert waited <= (RATE_PER_S + SLICE_MAX) / (1 - sum(FLOORS.values()))


# --- inside a lane ---------------------------------------------------------------------------------------------------

SLICE = 250


class Lane:
    """Alerts that come, wait, and are served slice by slice."""

    def __init__(self) -> None:
        self.served: dict[AlertId, int] = {}
        self.backlog: dict[AlertId, int] = {}
        self.members: Counter[AlertId] = Counter()

    def come(self, alert: str, deliveries: int) -> None:
        self.members[AlertId(alert)] += deliveries
        self.backlog[AlertId(alert)] = self.backlog.get(AlertId(alert), 0) + deliveries

    def turn(self, size: int = SLICE) -> str:
        alert = choose_alert(self.served, self.backlog)
        members = self.members[alert]
        taken = min(turn_max(self.served, alert, members, size), self.backlog[alert])
        self.served[alert] = book_turn(self.served, alert, members, taken, self.backlog)
        self.backlog[alert] -= taken
        if not self.backlog[alert]:
            del self.backlog[alert]
        return alert


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 2_000)), max_size=30), st.integers(1, SLICE))
def test_alerts_that_wait_together_advance_together(happened: list[tuple[int, int]], size: int) -> None:
    """Whatever they had before, and however long they were away: of any two, neither waits for the other to catch up.

    Over any run of turns in which both waited, their shares differ by two head starts and a few turns at most.
    """
    lane = Lane()
    for number, deliveries in happened:
        lane.come(str(number), deliveries)
        lane.turn(size)
    for name in ("one", "two", *map(str, range(6))):
        lane.come(name, 10**9)
    had = dict.fromkeys(lane.backlog, 0)
    for _ in range(400):
        had[AlertId(lane.turn(size))] += size
    assert max(had.values()) - min(had.values()) <= 2 * HEAD_START_SEGMENTS + 4 * size


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, SLICE), st.lists(st.integers(1, 200), max_size=5))
def test_a_newcomer_waits_for_no_veteran(turns: int, size: int, finished: list[int]) -> None:
    """However much the country had already, and however little those had who are done: one network goes next."""
    lane = Lane()
    lane.come("country", 1_000_000)
    lane.turn(HEAD_START_SEGMENTS)
    for number, small in enumerate(finished):
        lane.come(f"done{number}", small)
    for _ in range(turns + len(finished) * 200):
        lane.turn(size)
    lane.come("network", 95)
    assert "network" == lane.turn()


@settings(deadline=None)
@given(st.integers(1, 300), st.lists(st.integers(1, 200), max_size=5))
def test_a_newcomer_starves_no_veteran(turns: int, finished: list[int]) -> None:
    """After its head start it takes turns: two countries share from then on, whatever one had before."""
    lane = Lane()
    lane.come("old", 10_000_000)
    for number, small in enumerate(finished):
        lane.come(f"done{number}", small)
    for _ in range(turns + 5):
        lane.turn()
    lane.come("new", 10_000_000)
    had = [lane.turn() for _ in range(20)]
    assert abs(had.count("old") - had.count("new")) <= 2


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, SLICE))
def test_newcomers_hold_a_veteran_back_by_their_head_starts_alone(count: int, size: int) -> None:
    lane = Lane()
    lane.come("old", 10_000_000)
    lane.turn(HEAD_START_SEGMENTS)
    for number in range(count):
        lane.come(f"new{number}", 10_000_000)
    waited = 0
    while lane.turn(size) != "old":
        waited += size
    assert waited <= count * (HEAD_START_SEGMENTS + size) + size * (count + 1)
