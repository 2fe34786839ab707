"""The joins: what the parts of a message make of it, by what its carrier's receipts mean."""

from itertools import permutations

import pytest

from klaroen.core.state import (
    ATTEMPT_STATES,
    FAILED,
    HANDED_OVER,
    NETWORK,
    NONE,
    PROOFS,
    REACHED,
    REFUSED,
    UNKNOWN,
    UNSENT,
    MultipartRule,
    fold_parts,
)


def test_states_stand_in_the_order_of_the_join() -> None:
    """handed_over < failed < network < reached (design, law 7), and their names in the same order."""
    order = (NONE, UNSENT, UNKNOWN, REFUSED, HANDED_OVER, FAILED, NETWORK, REACHED)
    assert tuple(range(8)) == order
    words = ("pending", "unsent", "unknown", "refused", "handed_over", "failed", "network", "reached")
    assert words == ATTEMPT_STATES


def test_R15_only_a_handset_or_a_call_heard_is_proof() -> None:
    """A network's receipt stays below `reached`."""
    assert {"failed": FAILED, "network": NETWORK, "reached": REACHED} == PROOFS
    assert NETWORK < REACHED


@pytest.mark.parametrize(
    ("rule", "parts", "expected"),
    [
        ("all", (REACHED, REACHED), REACHED),
        ("all", (REACHED, HANDED_OVER), HANDED_OVER),  # a part is missing: the phone shows nothing yet
        ("all", (REACHED, NETWORK), NETWORK),
        ("all", (REACHED, FAILED), FAILED),  # a failed part fails the whole
        ("all", (NETWORK, FAILED, NONE), FAILED),
        ("all", (REACHED, UNKNOWN), UNKNOWN),
        ("first", (REACHED, HANDED_OVER), REACHED),
        ("first", (HANDED_OVER, REACHED), HANDED_OVER),
        ("last", (HANDED_OVER, REACHED), REACHED),
        ("last", (REACHED, HANDED_OVER), HANDED_OVER),
        ("any", (HANDED_OVER, REACHED, FAILED), REACHED),
        ("any", (HANDED_OVER, NETWORK), NETWORK),
    ],
)
def test_a_message_stands_where_its_parts_say(rule: MultipartRule, parts: tuple[int, ...], expected: int) -> None:
    assert expected == fold_parts(parts, rule)


@pytest.mark.parametrize("rule", ["all", "any"])
def test_which_part_says_it_matters_only_where_the_rule_names_one(rule: MultipartRule) -> None:
    for parts in [(REACHED, FAILED, HANDED_OVER), (NETWORK, REACHED, HANDED_OVER)]:
        assert len({fold_parts(row, rule) for row in permutations(parts)}) == 1
