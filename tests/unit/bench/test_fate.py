"""Luck is dealt by seed and number, in the shares that the options name."""

from collections import Counter

import pytest

from klaroen_bench.carriers.fate import LATE_S_MIN, Fates, Odds

NUMBERS = [str(32_470_000_000 + n).encode() for n in range(20_000)]
ODDS = Odds(refused=0.01, lost=0.04, silent=0.02, late=0.05, repeated=0.01, early=0.03)


def test_a_number_meets_the_same_fate_whenever_it_is_asked() -> None:
    """A seed gives the same country the same luck, in any order."""
    first = {number: Fates(7, ODDS, 0.02).of(number) for number in NUMBERS[:100]}
    again = Fates(7, ODDS, 0.02)
    assert [first[number] for number in reversed(NUMBERS[:100])] == [again.of(n) for n in reversed(NUMBERS[:100])]


def test_another_seed_deals_otherwise() -> None:
    assert [Fates(1, ODDS, 0.02).of(n) for n in NUMBERS[:50]] != [Fates(2, ODDS, 0.02).of(n) for n in NUMBERS[:50]]


def test_each_fate_falls_on_its_share_of_the_numbers() -> None:
    """Within four standard deviations of 20,000 draws."""
    fates = Fates(3, ODDS, 0.02)
    met: Counter[str] = Counter()
    for number in NUMBERS:
        fate = fates.of(number)
        met.update(
            name
            for name, happened in (
                ("refused", fate.refused),
                ("lost", fate.lost),
                ("late", fate.late_s > 0),
                ("repeated", fate.repeated),
                ("early", fate.early),
                ("silent", fate.silent and not fate.lost),
            )
            if happened
        )
    assert met == {
        "refused": pytest.approx(200, abs=57),
        "lost": pytest.approx(800, abs=111),
        "late": pytest.approx(1000, abs=124),
        "repeated": pytest.approx(200, abs=57),
        "early": pytest.approx(600, abs=97),
        "silent": pytest.approx(384, abs=79),
    }


def test_half_of_the_lost_get_no_receipt() -> None:
    fates = Fates(3, Odds(lost=1.0), 0.02)
    assert sum(fates.of(number).silent for number in NUMBERS) == pytest.approx(10_000, abs=283)


def test_the_latency_has_the_median_that_was_asked() -> None:
    fates = Fates(3, ODDS, 0.02)
    answers = sorted(fates.of(number).answer_s for number in NUMBERS)
    assert answers[10_000] == pytest.approx(0.02, rel=0.03)
    assert 1.8 < answers[19_800] / answers[10_000] < 3.2


def test_a_late_receipt_can_be_told_from_a_prompt_one() -> None:
    """10 to 40 latencies, and at least 300 ms."""
    quick, slow = Fates(3, Odds(late=1.0), 0.001), Fates(3, Odds(late=1.0), 1.0)
    assert {quick.of(number).late_s for number in NUMBERS[:100]} == {LATE_S_MIN}
    assert all(10.0 <= slow.of(number).late_s <= 40.0 for number in NUMBERS[:100])


@pytest.mark.parametrize("share", [-0.01, 1.01])
def test_a_share_lies_between_nothing_and_all(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Fates(1, Odds(refused=share), 0.02)
