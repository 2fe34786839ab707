"""What a carrier's spell comes to, from what was seen of it."""

from typing import Any

from klaroen_bench.ailing import AILMENTS, Glance, Spell, busiest_second, read_moved

AT = 1_795_305_600.0


def glance(at_s: float, condition: str = "well", breaker: str = "closed", *, up: bool = True) -> Glance:
    return Glance(AT + at_s, condition, breaker, up)


def spell(*glances: Glance) -> Spell:
    return Spell(AILMENTS[0], AT, AT + 15.0, glances)


def attempt(carrier: str, submitted: str, answered: str | None, outcome: str = "accepted") -> dict[str, Any]:
    """Instants as seconds of one minute."""
    stamp = "2026-11-22T00:00:{}Z"
    return {
        "channel": "sms",
        "carrier": carrier,
        "submitted_at": stamp.format(submitted),
        "answered_at": None if answered is None else stamp.format(answered),
        "outcome": outcome,
    }


def test_a_spell_is_noticed_at_the_first_glance_that_says_so() -> None:
    """By its health, its breaker or its link; and over when nothing says so any more."""
    seen = spell(glance(0.5), glance(1.0, "slow"), glance(2.0, breaker="open"), glance(16.0, up=False), glance(17.0))
    assert (1.0, ["slow"], 1.0) == (seen.noticed_s, seen.seen, seen.well_s)


def test_what_was_never_noticed_and_what_never_ended_has_no_time() -> None:
    assert (None, None) == (spell(glance(1.0)).noticed_s, spell(glance(1.0)).well_s)
    assert spell(glance(1.0), glance(16.0, "slow")).well_s is None


def test_what_the_carrier_had_not_taken_waits_for_another_and_the_rest_is_in_doubt() -> None:
    """A message that it took before, as if nothing were, is neither."""
    begun = 1_795_305_600.0  # 2026-11-22T00:00:00Z
    sick = Spell(AILMENTS[0], begun + 10.0, begun + 25.0, ())
    deliveries = [
        {"attempts": [attempt("alpha", "09.000", "09.020")]},
        {"attempts": [attempt("beta", "11.000", "11.500")]},
        {"attempts": [attempt("alpha", "09.900", "24.000", "unknown"), attempt("beta", "29.000", "29.020")]},
        {"attempts": [attempt("alpha", "11.000", "26.000")]},
        {"attempts": [attempt("alpha", "10.100", None)]},
        {"attempts": [attempt("alpha", "12.000", "12.010", "unsent"), attempt("beta", "12.100", "12.500")]},
        {"attempts": []},
    ]
    moved = read_moved(deliveries, "alpha", begun + 5.0, sick)
    assert ([1.5, 2.5], 3) == ([round(one, 3) for one in moved.waits_s], moved.in_doubt)


def test_the_busiest_second_lies_anywhere() -> None:
    assert 3 == busiest_second([5.0, 0.1, 0.9, 1.05, 1.3, 5.2])
    assert 0 == busiest_second([])
