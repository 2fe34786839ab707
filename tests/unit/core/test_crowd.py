"""Who is asked to come later when very much is open."""

import pytest

from klaroen.core.crowd import SHARES, WAIT_S_MAX, WAIT_S_MIN, excess, wait_s


@pytest.mark.parametrize(("alert_class", "share"), SHARES.items())
def test_each_class_has_its_share_of_all_that_may_be_open(alert_class, share) -> None:
    """What cannot wait may fill it to the last delivery."""
    full = int(1_000 * share)
    assert 0 == excess(alert_class, full - 100, 100, 1_000)
    assert 1 == excess(alert_class, full - 100, 101, 1_000)


def test_what_comes_alone_is_never_too_large() -> None:
    assert 0 == excess("cold", 0, 5_000, 1_000)


def test_the_wait_is_that_of_the_carriers_within_reason() -> None:
    assert 12.5 == wait_s(25_000, 2_000.0)
    assert (WAIT_S_MIN, WAIT_S_MAX, WAIT_S_MAX) == (wait_s(1, 2_000.0), wait_s(10**9, 2_000.0), wait_s(1, 0.0))
