"""Instants as users read them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.model import Instant
from klaroen.core.views import rfc3339

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_9999 = 253_402_300_799_999


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_248_930_123, "2026-11-21T08:15:30.123Z"),
        (1_795_248_930_001, "2026-11-21T08:15:30.001Z"),
        (YEAR_9999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_instants_are_written_in_utc_with_milliseconds(at: int, expected: str) -> None:
    assert expected == rfc3339(Instant(at))


def test_what_did_not_happen_has_no_instant() -> None:
    assert rfc3339(None) is None


@given(st.integers(0, YEAR_9999))
def test_no_millisecond_is_lost(at: int) -> None:
    written = rfc3339(Instant(at))
    assert written is not None
    assert datetime.fromisoformat(written) - EPOCH == timedelta(milliseconds=at)
