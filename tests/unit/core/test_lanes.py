"""Whose turn it is. Long runs of turns: tests/property/test_lanes.py."""

import pytest

from klaroen.core.lanes import (
    CREDIT_MAX_SEGMENTS,
    FLOORS,
    Lanes,
    allowance,
    choose_alert,
    choose_lane,
    join_turns,
    serve,
)
from klaroen.core.model import CLASSES, AlertClass, AlertId

A, B, C = AlertId("A"), AlertId("B"), AlertId("C")


def credits_of(**lanes: float) -> Lanes:
    return Lanes(tuple(lanes.get(lane, 0.0) for lane in CLASSES))


def test_floors_are_those_of_the_design() -> None:
    """Together they leave a crisis three quarters of every carrier."""
    assert {"crisis": 0.0, "warm": 0.20, "public_interest": 0.05, "cold": 0.01} == FLOORS
    assert sum(FLOORS.values()) <= 0.26


@pytest.mark.parametrize(
    ("lanes", "due", "expected"),
    [
        (credits_of(), ["crisis", "warm", "public_interest", "cold"], "crisis"),
        (credits_of(), ["cold", "warm"], "warm"),
        (credits_of(), ["cold"], "cold"),
        (credits_of(warm=0.99), ["crisis", "warm"], "crisis"),  # not a whole segment yet
        (credits_of(warm=1.0), ["crisis", "warm"], "warm"),
        (credits_of(warm=1.0), ["crisis", "cold"], "crisis"),  # credit without work is nothing
        (credits_of(warm=1.0, cold=5.0), ["crisis", "warm", "cold"], "warm"),  # of two that are owed the higher
        (credits_of(warm=1.0, cold=5.0), ["warm", "cold"], "warm"),
        (credits_of(cold=5.0), ["warm", "cold"], "cold"),
    ],
)
def test_the_highest_goes_first_unless_a_lower_one_is_owed(
    lanes: Lanes, due: list[AlertClass], expected: AlertClass
) -> None:
    assert expected == choose_lane(lanes, due)


def test_whoever_has_work_earns_its_floor_while_others_are_served() -> None:
    lanes = serve(Lanes(), "crisis", 100, ["crisis", "warm", "cold"])
    assert (0.0, 20.0, 0.0, 1.0) == lanes.credits


def test_who_is_served_pays() -> None:
    assert (0.0, 11.0, 0.0, 0.0) == serve(credits_of(warm=15), "warm", 5, ["crisis", "warm"]).credits


def test_a_lane_without_work_keeps_nothing() -> None:
    assert (0.0, 0.0, 0.0, 0.0) == serve(credits_of(warm=15, cold=2), "crisis", 10, ["crisis"]).credits


def test_credit_is_bounded() -> None:
    lanes = serve(Lanes(), "crisis", 10**9, ["crisis", "warm"])
    assert CREDIT_MAX_SEGMENTS == lanes.credits[1]


def test_a_burst_of_the_highest_lane_is_not_paid_for_later() -> None:
    """It took what nobody else could have used first: when a crisis comes, it begins to earn at once."""
    assert (0.0, 0.0, 0.0, 0.0) == serve(Lanes(), "warm", 1_000, ["warm"]).credits


def test_a_message_longer_than_the_credit_is_paid_for() -> None:
    """Thirty parts go out whole on one segment of credit; the lane earns the rest before it goes again."""
    lanes = serve(credits_of(cold=1.0), "cold", 30, ["crisis", "cold"])
    assert lanes.credits[3] == pytest.approx(1 + 0.3 - 30)
    assert choose_lane(lanes, ["crisis", "cold"]) == "crisis"


@pytest.mark.parametrize(
    ("lanes", "lane", "due", "expected"),
    [
        (credits_of(), "crisis", ["crisis", "warm"], 250),
        (credits_of(), "warm", ["warm", "cold"], 250),
        (credits_of(warm=20.7), "warm", ["crisis", "warm"], 20),  # no more than its credit beside a higher one
        (credits_of(warm=900.0), "warm", ["crisis", "warm"], 250),
        (credits_of(cold=1.0), "cold", ["warm", "cold"], 1),
    ],
)
def test_a_lower_lane_takes_no_more_than_it_is_owed(
    lanes: Lanes, lane: AlertClass, due: list[AlertClass], expected: int
) -> None:
    assert expected == allowance(lanes, lane, due, 250)


# --- inside a lane ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("served", "waiting", "expected"),
    [
        ({}, [A], A),
        ({A: 500, B: 95}, [A, B], B),
        ({A: 95, B: 500}, [A, B], A),
        ({A: 95, B: 95}, [A, B], B),  # of equals the newest: one network overtakes a country
        ({A: 95}, [A, B, C], C),
        ({A: 1, B: 2}, [B], B),  # only who waits
    ],
)
def test_the_alert_that_had_least_goes_next(served: dict[AlertId, int], waiting: list[AlertId], expected: str) -> None:
    assert expected == choose_alert(served, waiting)


@pytest.mark.parametrize(
    ("served", "waiting", "expected"),
    [
        ({}, [], 0),
        ({A: 50_000, B: 40_000}, [A, B], 40_000),
        ({A: 50_000, B: 95}, [A], 50_000),  # who waits for nothing any more does not lower the entry
        ({A: 50_000, B: 95}, [], 50_000),  # nor does an idle carrier: who comes back meets the newcomer as an equal
        ({A: 50_000}, [A, C], 0),
    ],
)
def test_a_newcomer_joins_as_an_equal_of_those_who_wait(
    served: dict[AlertId, int], waiting: list[AlertId], expected: int
) -> None:
    assert expected == join_turns(served, waiting)
