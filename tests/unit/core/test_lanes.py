"""Whose turn it is. Long runs of turns: tests/property/test_lanes.py."""

import pytest

from klaroen.core.lanes import (
    COUNTRY_MEMBERS,
    CREDIT_MAX_SEGMENTS,
    FIRST_SEGMENTS,
    FIRST_TURNS,
    FLOORS,
    HEAD_START_SEGMENTS,
    SAVED_S,
    Lanes,
    allowance,
    book_turn,
    choose_alert,
    choose_lane,
    head_start,
    serve,
    turn_max,
)
from klaroen.core.model import CLASSES, AlertClass, AlertId

A, B, C = AlertId("A"), AlertId("B"), AlertId("C")


RATE_PER_S = 300.0


def credits_of(**lanes: float) -> Lanes:
    return Lanes(RATE_PER_S, tuple(lanes.get(lane, 0.0) for lane in CLASSES))


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
        (credits_of(warm=9.0, cold=1.0), ["warm", "cold"], "cold"),  # the highest's own credit is none
        (credits_of(cold=5.0), ["warm", "cold"], "cold"),
    ],
)
def test_the_highest_goes_first_unless_a_lower_one_is_owed(
    lanes: Lanes, due: list[AlertClass], expected: AlertClass
) -> None:
    assert expected == choose_lane(lanes, due)


def test_who_rests_is_not_passed_over_by_a_lower_one_that_is_owed_nothing() -> None:
    """Of one alert a carrier flies one batch at a time: its next one waits for the next turn, and so do lower lanes."""
    assert choose_lane(credits_of(), ["warm"], ["crisis"]) is None
    assert "warm" == choose_lane(credits_of(warm=1.0), ["warm"], ["crisis"])
    assert "warm" == choose_lane(credits_of(cold=5.0), ["warm"], ["cold"])
    assert "crisis" == choose_lane(credits_of(), ["crisis", "warm"], ["crisis"])


@pytest.mark.parametrize(
    ("lanes", "due", "beginning", "expected"),
    [
        (credits_of(warm=300.9), ["crisis", "warm"], ["crisis"], "crisis"),  # all of it saved before
        (credits_of(warm=301.0), ["crisis", "warm"], ["crisis"], "warm"),  # and a segment earned since
        (credits_of(warm=300.9), ["crisis", "warm"], ["warm"], "warm"),  # it is the highest that must begin
        (credits_of(public_interest=1.0), ["crisis", "public_interest"], ["crisis"], "public_interest"),
    ],
)
def test_the_first_telephone_of_the_highest_does_not_wait_for_savings(
    lanes: Lanes, due: list[AlertClass], beginning: list[AlertClass], expected: AlertClass
) -> None:
    """But however many alerts begin one after the other, the floors of lower lanes are kept."""
    assert expected == choose_lane(lanes, due, beginning=beginning)


@pytest.mark.parametrize(("rate_per_s", "expected"), [(5.0, 5.0), (1_000.0, 1_000.0), (1e6, CREDIT_MAX_SEGMENTS)])
def test_savings_are_a_second_of_the_carriers_rate(rate_per_s: float, expected: float) -> None:
    """At five a second a street holds a crisis up for a second, not for a minute."""
    lanes = Lanes(rate_per_s)
    assert (0.0, expected, 0.0, 0.0) == tuple(map(lanes.savings_max, CLASSES))
    assert expected == serve(lanes, "crisis", 10**9, ["crisis"]).credits[1]


def test_whoever_has_work_earns_its_floor_while_others_are_served() -> None:
    lanes = serve(Lanes(RATE_PER_S), "crisis", 100, ["crisis", "warm", "cold"])
    assert (0.0, 20.0, 0.0, 1.0) == lanes.credits


def test_who_is_served_pays() -> None:
    assert (0.0, 11.0, 0.0, 0.0) == serve(credits_of(warm=15), "warm", 5, ["crisis", "warm"]).credits


def test_a_lane_without_work_keeps_no_more_than_its_savings() -> None:
    """Warm a second of the carrier's rate, for the next street beside a crisis; the others nothing."""
    lanes = serve(credits_of(warm=15, public_interest=3, cold=2), "crisis", 10, ["crisis"])
    assert (0.0, 17.0, 0.0, 0.0) == lanes.credits
    assert SAVED_S["warm"] * RATE_PER_S == serve(lanes, "crisis", 10_000, ["crisis"]).credits[1]


def test_a_debt_is_worked_off_while_there_is_no_work() -> None:
    assert -5.0 == serve(credits_of(cold=-15), "crisis", 1_000, ["crisis"]).credits[3]


def test_what_warm_saved_is_there_when_a_crisis_comes() -> None:
    """Alone it pays for nothing; beside the crisis its next street goes at once, the one after that by its floor."""
    lanes = serve(credits_of(warm=120), "warm", 95, ["warm"])
    assert 120 == lanes.credits[1]
    assert ("warm", 95) == (choose_lane(lanes, ["crisis", "warm"]), allowance(lanes, "warm", ["crisis", "warm"], 95))
    lanes = serve(lanes, "warm", 119, ["crisis", "warm"])
    assert 24.8 == pytest.approx(lanes.credits[1])


def test_credit_is_bounded() -> None:
    lanes = serve(Lanes(RATE_PER_S), "crisis", 10**9, ["crisis", "warm"])
    assert CREDIT_MAX_SEGMENTS == lanes.credits[1]


def test_a_burst_of_the_highest_lane_is_not_paid_for_later() -> None:
    """It took what nobody else could have used first: when a crisis comes, it begins to earn at once."""
    assert 0.0 == serve(Lanes(RATE_PER_S), "warm", 1_000, ["warm"]).credits[1]


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

HEAD, SLICE = HEAD_START_SEGMENTS, 250


@pytest.mark.parametrize(
    ("served", "waiting", "expected"),
    [
        ({}, [A], A),
        ({A: 50_000}, [A, B], B),  # a network overtakes a country
        ({A: 50_000, B: 95}, [A, B, C], C),  # and the next network gets its first turn
        ({A: 50_000, B: 95, C: 1}, [A, B, C], B),  # but no more: it does not overtake
        ({A: 50_000, B: HEAD}, [A, B], B),  # then they take turns, whoever had least
        ({A: 300, B: 500}, [A, B], A),
        ({A: 300, B: 300}, [A, B], A),
        ({A: 1, B: 500}, [B], B),  # only who waits
    ],
)
def test_newcomers_go_first_then_whoever_had_least(
    served: dict[AlertId, int], waiting: list[AlertId], expected: str
) -> None:
    assert expected == choose_alert(served, waiting)


def test_on_a_very_bad_day_those_who_came_first_are_finished_first() -> None:
    """Newcomers beyond the first few wait with those that have begun."""
    begun = {AlertId(str(number)): 20 for number in range(FIRST_TURNS)}
    assert "0" == choose_alert(begun, [*begun, A, B])
    assert A == choose_alert(begun, [*list(begun)[1:], A, B])


@pytest.mark.parametrize(
    ("served", "segments", "expected"),
    [
        ({}, 100, 100),
        ({A: 150, B: 50_000}, HEAD - 151, HEAD - 1),  # within its head start it counts what it had
        ({A: 150, B: 50_000, C: 60_000}, 100, 50_000),  # as much as who had least: nobody waits for it to catch up
        ({A: 150, B: 95}, 100, 250),  # of those who take turns
        ({A: 400, B: 500}, 100, 500),
        ({A: 400, B: 50_000}, 100, 50_000 - HEAD),  # it was away: a head start is all that it keeps
        ({A: 60_000, B: 50_000}, 100, 60_100),
    ],
)
def test_what_an_alert_counts_as_served(served: dict[AlertId, int], segments: int, expected: int) -> None:
    assert expected == book_turn(served, A, 95, segments, list(served) or [A])


def test_a_country_has_no_head_start() -> None:
    """Its first turn is small, and from then on it takes turns: whoever comes with ten of them goes next."""
    assert (HEAD, 0) == (head_start(COUNTRY_MEMBERS), head_start(COUNTRY_MEMBERS + 1))
    assert (SLICE, SLICE) == (turn_max({}, A, COUNTRY_MEMBERS, SLICE), turn_max({A: 25}, A, 100_000, SLICE))
    assert FIRST_SEGMENTS == turn_max({}, A, 100_000, SLICE)
    served = {A: book_turn({}, A, 100_000, FIRST_SEGMENTS, [A, B])}
    assert HEAD == served[A]
    assert B == choose_alert(served | {B: 1}, [A, B])
    assert 50_000 == book_turn({B: 50_000}, A, 100_000, FIRST_SEGMENTS, [A, B])


def test_who_waits_for_nothing_has_no_say() -> None:
    assert book_turn({A: 249, B: 900, C: 50_000}, A, 95, 1, [A, C]) == 50_000
