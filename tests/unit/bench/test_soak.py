"""What the soak calls flat: what a leak of some thousand octets an alert is not, and what comes and goes is."""

from collections.abc import Callable

import pytest

from klaroen_bench.soak import GROWTH_DESCRIPTORS_MAX, GROWTH_OCTETS_MAX, MB, Sample, judge

LOOKS = 600
"""Ten minutes, and an alert a second."""
COLD = Sample(0, 70.0, 20)


def looks(rss_mb: Callable[[int], float], descriptors: Callable[[int], int] = lambda _: 28) -> list[Sample]:
    return [Sample(second, rss_mb(second), descriptors(second)) for second in range(LOOKS)]


@pytest.mark.parametrize("octets", [0, GROWTH_OCTETS_MAX - 500, -3_000])
def test_what_hardly_grows_is_flat(octets: int) -> None:
    """Also beside a saw of five megabytes a minute: what is collected once in a while."""
    judged = judge(COLD, looks(lambda second: 80.0 + octets * second / MB + second % 60 / 12))
    assert judged["flat"]
    assert abs(judged["octets_an_alert"] - octets) < 100


@pytest.mark.parametrize("octets", [GROWTH_OCTETS_MAX + 500, 12_000])
def test_a_leak_is_not(octets: int) -> None:
    """However small beside what the process holds: 4 % in ten minutes."""
    judged = judge(COLD, looks(lambda second: 80.0 + octets * second / MB))
    assert not judged["flat"]
    assert [COLD.rss_mb, 80.0 + octets * 60 / MB] == pytest.approx(judged["rss_mb"][:2], abs=0.1)


def test_a_step_in_the_midst_is_told() -> None:
    """A cache that had not filled while it warmed up would be one."""
    assert not judge(COLD, looks(lambda second: 80.0 + 4.0 * (second > 300)))["flat"]


@pytest.mark.parametrize(("every_s", "flat"), [(LOOKS // (GROWTH_DESCRIPTORS_MAX - 1), True), (60, False)])
def test_descriptors_that_are_left_open_are_not(every_s: int, flat: bool) -> None:
    """A few may be open by chance."""
    judged = judge(COLD, looks(lambda _: 80.0, lambda second: 28 + second // every_s))
    assert judged["flat"] is flat
    assert judged["descriptors"][0] == COLD.descriptors
