"""The luck of calls is dealt by seed and number, in the shares that the options name."""

from collections import Counter

import msgspec
import pytest

from klaroen_bench.carriers.callfate import FAULTS, STATUSES, CallFates, CallOdds

NUMBERS = [str(32_470_000_000 + n).encode() for n in range(20_000)]


def test_a_number_meets_the_same_fate_at_every_call_but_for_a_fault() -> None:
    fates = CallFates(7, CallOdds(fault=0.5))
    first, second, third = ([fates.of(number, nth) for number in NUMBERS[:200]] for nth in range(3))
    assert second == third
    assert {0, *FAULTS} == {fate.fault for fate in first}
    assert {0} == {fate.fault for fate in second}
    assert [fate.key for fate in first] == [fate.key for fate in second]


def test_another_seed_deals_otherwise() -> None:
    of = [CallFates(seed, CallOdds()).of for seed in (1, 2)]
    assert [of[0](n) for n in NUMBERS[:50]] != [of[1](n) for n in NUMBERS[:50]]


def test_each_fate_falls_on_its_share_of_the_numbers() -> None:
    """Within four standard deviations of 20,000 draws."""
    odds = CallOdds(busy=0.04, no_answer=0.05, rejected=0.02, invalid=0.01, fault=0.01, talking=0.02)
    fates = [CallFates(3, odds).of(number) for number in NUMBERS]
    ends = Counter(fate.end for fate in fates)
    shares = {"busy": 0.04, "no answer": 0.05, "rejected": 0.02, "number invalid": 0.01, "answer": 0.88}
    assert {
        end: pytest.approx(20_000 * share, abs=4 * (20_000 * share * (1 - share)) ** 0.5)
        for end, share in shares.items()
    } == ends
    met = Counter[str]()
    for fate in fates:
        met["1"] += fate.key == "1"
        met["other"] += fate.key not in ("", "1")
        met["hang up"] += fate.hang_up_s > 0
        met["fault"] += fate.fault > 0
        met["repeated"] += fate.repeated
        met["talks"] += fate.talks
    assert {
        "1": pytest.approx(12_000, abs=280),
        "other": pytest.approx(400, abs=80),
        "hang up": pytest.approx(400, abs=80),
        "fault": pytest.approx(200, abs=57),
        "repeated": pytest.approx(200, abs=57),
        "talks": pytest.approx(400, abs=80),
    } == met


def test_an_end_says_one_of_its_statuses() -> None:
    for number in NUMBERS[:2_000]:
        fate = CallFates(3, CallOdds(busy=0.2, no_answer=0.2, rejected=0.2, invalid=0.2)).of(number)
        assert fate.status in STATUSES.get(fate.end, (0,))
        assert fate.rings or fate.end in ("busy", "number invalid")
        assert 1.0 <= fate.ring_s <= 4.0
        assert 0.01 <= fate.first_s <= 0.04


@pytest.mark.parametrize("odds", [CallOdds(busy=1.1), CallOdds(fault=-0.1), CallOdds(key=0.7, hang_up=0.4)])
def test_shares_that_cannot_be_are_refused(odds: CallOdds) -> None:
    with pytest.raises(ValueError, match="shares"):
        CallFates(1, odds)


def test_who_takes_mu_law_is_drawn_apart() -> None:
    """The share is that of all numbers, and nobody's other fate changes with it."""
    numbers = [f"3247{number:07}".encode() for number in range(4_000)]
    plain, some = CallFates(3, CallOdds()), CallFates(3, CallOdds(mu_law=0.25))
    fates = [some.of(number) for number in numbers]
    assert 0.23 < sum(fate.mu_law for fate in fates) / len(fates) < 0.27
    assert [plain.of(number) for number in numbers] == [msgspec.structs.replace(fate, mu_law=False) for fate in fates]
