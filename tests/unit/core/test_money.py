"""Money is whole: what is divided adds up to what it was (R21)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.money import divide, euros, micros

shares = st.lists(st.floats(0, 1), min_size=1, max_size=5).filter(lambda some: sum(some) > 0.01)


@given(st.integers(0, 10**12), shares)
def test_R21_what_is_divided_adds_up(amount: int, weights: list[float]) -> None:
    """To the micro-euro, and nobody carries more than a micro-euro beyond his share."""
    parts = divide(amount, weights)
    assert amount == sum(parts)
    whole = [micros(weight) for weight in weights]
    for part, weight in zip(parts, whole, strict=True):
        assert abs(part - amount * weight / sum(whole)) <= 1 + amount * 1e-12


def test_R21_the_largest_remainder_gets_what_is_left_over() -> None:
    assert (34, 33, 33) == divide(100, (1 / 3, 1 / 3, 1 / 3))
    assert (50, 0, 51) == divide(101, (0.499999, 0.0, 0.500001))


def test_R21_a_share_of_nothing_is_no_share() -> None:
    with pytest.raises(AssertionError):
        divide(100, (0.0, 0.0))


def test_tariffs_become_whole_once() -> None:
    assert 55_000 == micros(0.055)
    assert 0.055 == euros(micros(0.055))
    assert 29.0 == euros(1000 * micros(0.029))
