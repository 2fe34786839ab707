"""How a simulated call goes."""

import pytest

from klaroen_adapters.sim_call import Course, course

L = 0.02


@pytest.mark.parametrize(
    ("lost", "delay", "ring_s", "left_s", "expected"),
    [
        (None, 0.0, 30.0, 60.0, Course(3.0, 1.0)),
        (None, 1.0, 30.0, 60.0, Course(6.0, 3.0)),
        (0.1, 0.5, 30.0, 60.0, Course(0.5, words="busy")),
        (0.9, 0.5, 30.0, 60.0, Course(4.5, words="no answer")),
        (0.9, 0.5, 4.0, 60.0, Course(4.0, words="no answer")),
        (None, 1.0, 2.0, 60.0, Course(2.0, words="no answer")),
        (None, 1.0, 30.0, 2.0, Course(2.0, words="expired")),
        (None, 1.0, 30.0, -1.0, Course(0.0, words="expired")),
    ],
    ids=["quick", "slow", "busy", "nobody", "given up", "not awaited", "expired", "dead"],
)
def test_a_call_goes_as_its_draws_say(
    lost: float | None, delay: float, ring_s: float, left_s: float, expected: Course
) -> None:
    """Whoever is asked again gets the same; nobody rings longer than may be, or than the alert lives."""
    found = course(lost, delay, L, ring_s, left_s)
    assert (expected.words, expected.answered_s is None) == (found.words, found.answered_s is None)
    assert expected.ends_s == pytest.approx(found.ends_s)
    if expected.answered_s is not None:
        assert expected.answered_s == pytest.approx(found.answered_s)
