"""Money in whole micro-euros, so that sums are exact and no share loses a cent (R21).

Law: a tariff is rounded once, when it becomes micro-euros; from there on there are integers, and what is divided adds
up to what it was.
"""

from collections.abc import Sequence
from typing import Final

MICROS: Final = 1_000_000
"""In a euro: a text costs some cents, and tariffs name tenths of a cent."""


def micros(euros: float) -> int:
    return round(euros * MICROS)


def euros(amount: int) -> float:
    """Return what people read: exact to the sixth decimal for any sum that a country could spend."""
    return amount / MICROS


def divide(amount: int, weights: Sequence[float]) -> tuple[int, ...]:
    """Return the amount by these shares, whole; what rounding leaves over goes to the largest remainders, in order.

    Shape: weights are not negative, and not all of them nothing.
    """
    whole = [micros(weight) for weight in weights]
    total = sum(whole)
    assert total > 0, f"nobody carries {amount}"
    parts = [amount * weight // total for weight in whole]
    left = amount - sum(parts)
    remainders = sorted(range(len(whole)), key=lambda place: (-(amount * whole[place] % total), place))
    for place in remainders[:left]:
        parts[place] += 1
    return tuple(parts)
