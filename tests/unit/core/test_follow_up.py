"""A follow-up as it is posted, and whom it goes to (R18)."""

import json
from array import array
from typing import Any

import pytest

from klaroen.core.account import STATES
from klaroen.core.errors import InputError
from klaroen.core.follow_up import CHOSEN, choose, read_follow_up

LEAST: dict[str, Any] = {"to": "reached", "content": {"nl": {"text": "Dank u."}}}


def test_it_is_cold_unless_it_says_warm() -> None:
    assert "cold" == read_follow_up(json.dumps(LEAST).encode()).alert_class
    assert "warm" == read_follow_up(json.dumps(LEAST | {"class": "warm"}).encode()).alert_class


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"class": "crisis"}, "$.class"),
        ({"to": "everybody"}, "$.to"),
        ({"targets": {"all": True}}, "$.targets"),
        ({"content": {}}, "$.content"),
        ({"mode": "drill"}, "$.mode"),
        ({"expires_in_s": 9}, "$.expires_in_s"),
        ({"channels": []}, "$.channels"),
    ],
)
def test_each_fault_is_told_with_its_path(changes: dict[str, Any], at: str) -> None:
    with pytest.raises(InputError) as caught:
        read_follow_up(json.dumps(LEAST | changes).encode())
    assert ("invalid", at) == (caught.value.problem.name, caught.value.problem.at)


def test_reached_and_unreached_are_everybody_and_nobody_twice() -> None:
    assert set(range(len(STATES))) == CHOSEN["reached"] | CHOSEN["unreached"]
    assert not CHOSEN["reached"] & CHOSEN["unreached"]
    assert CHOSEN["reached"] < CHOSEN["handed_over"]


def test_members_are_chosen_by_state() -> None:
    members, states = array("I", [10, 20, 30]), bytes([0, 1, 2])
    assert [{20, 30}, {30}, {10, 20}] == [choose(to, members, states) for to in ("handed_over", "reached", "unreached")]
