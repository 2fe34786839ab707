"""What must hold is said beside what was seen; what was not measured condemns nobody."""

import pytest

from klaroen_bench.musts import Must, all_hold, at_least, at_most, exactly, happens, near_idle, rows


@pytest.mark.parametrize(
    ("must", "holds"),
    [
        (at_most("c", "m", 5.0, 5.0), True),
        (at_most("c", "m", 5.1, 5.0), False),
        (at_least("c", "m", 0.99, 0.99), True),
        (at_least("c", "m", 0.98, 0.99), False),
        (exactly("c", "m", 0, 0), True),
        (exactly("c", "m", 1, 0), False),
        (happens("c", "m", 0.0), True),
        (happens("c", "m", None), False),
        (at_most("c", "m", None, 5.0), None),
        (near_idle("c", "m", 100.0, None), None),
        (near_idle("c", "m", 70.0, 20.0), True),
        (near_idle("c", "m", 71.0, 20.0), False),
        (near_idle("c", "m", 400.0, 200.0), True),
        (near_idle("c", "m", 401.0, 200.0), False),
    ],
)
def test_a_must_holds_fails_or_was_not_measured(must: Must, holds: bool | None) -> None:
    assert holds is must.holds
    assert (holds is not False) is all_hold([must])


def test_those_that_fail_stand_first() -> None:
    musts = [at_most("a", "fast", 1.0, 2.0), exactly("b", "none lost", 3, 0)]
    assert not all_hold(musts)
    assert [
        {"case": "b", "must": "none lost", "seen": 3, "sign": "=", "bound": 0, "holds": False},
        {"case": "a", "must": "fast", "seen": 1.0, "sign": "<=", "bound": 2.0, "holds": True},
    ] == rows(musts)
