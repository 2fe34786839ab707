"""A follow-up as it is posted, and whom it goes to (R18)."""

import json
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.account import STATES
from klaroen.core.audience import Region
from klaroen.core.errors import InputError
from klaroen.core.follow_up import CHOSEN, among, choose, narrowed, read_follow_up
from klaroen.core.model import NetworkId

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


@given(cohorts=st.lists(st.integers(1, 5), max_size=6), to=st.frozensets(st.integers(0, 30)))
def test_a_narrowed_region_has_exactly_these_people(cohorts: list[int], to: frozenset[int]) -> None:
    """In their order, each with what is known of him; cohorts that lose everybody go."""
    members = array("I", range(sum(cohorts)))
    region = Region((NetworkId("B1"),), None, tuple(range(len(cohorts))), tuple(cohorts), members.tobytes())
    kind_of = {member: kind for kind, member in zip(
        [kind for kind, count in enumerate(cohorts) for _ in range(count)], members, strict=True)}  # fmt: skip
    less = narrowed(region, to)
    kept = array("I", less.members).tolist()
    assert [member for member in members if member in to] == kept
    assert [kind_of[member] for member in kept] == [
        kind for kind, count in zip(less.kinds, less.counts, strict=True) for _ in range(count)
    ]
    assert 0 not in less.counts
    assert region.networks == less.networks
    ((rest, where),) = among([(region, (0,))], to, without=True)
    assert (0,) == where
    assert sorted(kept + array("I", rest.members).tolist()) == members.tolist()
