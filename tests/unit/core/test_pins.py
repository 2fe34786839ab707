"""Officers' PINs, and locks that outlast calls and restarts."""

import pytest

from klaroen.core.model import Instant
from klaroen.core.pins import (
    CALLER_TRIES,
    FORGET_MS,
    LOCK_MS,
    LOCKS_MAX,
    OFFICER_TRIES,
    Pin,
    Tries,
    after_wrong,
    is_locked,
    make_pin,
    matches,
    officer_of,
)

NOW = Instant(1_795_302_930_000)


def test_a_pin_is_kept_as_its_hash() -> None:
    """The same PIN of two officers does not look the same, and none is shown."""
    one, other = (make_pin("O1", "4711", "123456", salt, NOW) for salt in (b"a" * 16, b"b" * 16))
    assert one.hash != other.hash
    assert matches(one, "123456")
    assert not matches(one, "123457")
    assert not matches(one, "")
    assert "Pin('O1')" == repr(one)
    assert isinstance(one, Pin)


NONE = Tries()


def wrong(times: int, most: int, tries: Tries = NONE, now: Instant = NOW) -> Tries:
    for _ in range(times):
        tries = after_wrong(tries, most, now)
    return tries


@pytest.mark.parametrize("most", [CALLER_TRIES, OFFICER_TRIES])
def test_the_last_wrong_try_locks(most: int) -> None:
    assert not is_locked(wrong(most - 1, most), NOW)
    locked = wrong(most, most)
    assert is_locked(locked, Instant(NOW + LOCK_MS - 1))
    assert not is_locked(locked, Instant(NOW + LOCK_MS))


def test_each_lock_lasts_twice_as_long_up_to_eight_hours() -> None:
    tries, lasted = Tries(), []
    for _ in range(LOCKS_MAX + 2):
        now = Instant(max(NOW, tries.until))
        tries = wrong(CALLER_TRIES, CALLER_TRIES, tries, now)
        lasted.append((tries.until - now) // 60_000)
    assert [15, 30, 60, 120, 240, 480, 480, 480] == lasted


def test_after_a_day_counting_begins_anew() -> None:
    tries = wrong(CALLER_TRIES + 1, CALLER_TRIES)
    assert (1, 1) == (tries.wrong, tries.locks)
    later = Instant(NOW + FORGET_MS)
    assert Tries(1, 0, later) == after_wrong(tries, CALLER_TRIES, later)


def test_an_officers_tries_are_not_a_callers() -> None:
    """Both stand in one table, under names that never meet."""
    assert "officer caller x" == officer_of("caller x")


def test_who_knows_a_number_alone_is_locked_before_its_officer_is() -> None:
    assert CALLER_TRIES < OFFICER_TRIES
