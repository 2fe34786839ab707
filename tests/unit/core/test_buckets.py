"""Durations in buckets: percentiles that are at most a tenth too long."""

from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.buckets import BUCKETS, bucket_of, percentile


@given(st.lists(st.integers(1, 10**8), min_size=1), st.sampled_from((0.5, 0.9, 0.99)))
def test_a_percentile_is_at_most_a_tenth_too_long(durations: list[int], share: float) -> None:
    counts: dict[int, int] = {}
    for ms in durations:
        counts[bucket_of(ms)] = counts.get(bucket_of(ms), 0) + 1
    exact = sorted(durations)[max(0, -int(-share * len(durations) // 1) - 1)]
    told = percentile(counts, share)
    assert told is not None
    assert exact <= told * 1.0001 <= exact * 1.1002


def test_nothing_counted_has_no_percentile() -> None:
    assert percentile({}, 0.5) is None


def test_years_fall_into_the_last_bucket() -> None:
    assert BUCKETS - 1 == bucket_of(2**40)
