"""What receipts say of a carrier, second by second."""

from klaroen.core.model import Instant
from klaroen.core.proofs import EVIDENCE_MIN, RIPE_MS, SECONDS_MAX, Proofs, Second, count, share

NOW = Instant(1_795_305_600_000)


def at(seconds: float) -> Instant:
    return Instant(NOW + int(seconds * 1000))


def ripe(seconds: float) -> Instant:
    """When what left so long after NOW, and all of its second, may be judged."""
    return Instant(at(seconds) + RIPE_MS + 1_000)


def some(*rows: tuple[float, int, int]) -> Proofs:
    proofs: Proofs = ()
    for seconds, taken, proved in rows:
        proofs = count(proofs, at(seconds), taken=taken, proved=proved)
    return proofs


def test_one_second_is_one_row_in_whatever_order_things_are_counted() -> None:
    """Receipts of an older second come between."""
    first, second = NOW // 1000, NOW // 1000 + 1
    assert (Second(first, 8, 3), Second(second, 2, 0)) == some((0, 5, 0), (1.2, 2, 0), (0.9, 3, 0), (0.1, 0, 3))
    assert (Second(first - 1, 0, 1), Second(first, 5, 0)) == some((0, 5, 0), (-1, 0, 1))


def test_so_many_seconds_are_remembered_and_what_is_older_is_not_counted() -> None:
    full = some(*((second, 1, 0) for second in range(SECONDS_MAX)))
    assert full == count(full, at(-5), proved=1)
    newer = count(full, at(SECONDS_MAX), taken=1)
    assert (SECONDS_MAX, NOW // 1000 + 1) == (len(newer), newer[0].second)


def test_what_is_not_ripe_says_nothing() -> None:
    proofs = some((0, EVIDENCE_MIN, 40))
    assert share(proofs, Instant(ripe(0) - 1_000)) is None
    assert 0.8 == share(proofs, ripe(0))


def test_the_newest_that_are_enough_are_what_is_asked() -> None:
    """An hour of good work does not hide that the last fifty vanished."""
    proofs = some((0, 500, 500), (1, 30, 0), (2, 30, 0))
    assert 0.0 == share(proofs, ripe(2))
    assert 1.0 == share(proofs, ripe(0))


def test_too_few_say_nothing_and_repeats_do_not_make_more_than_all() -> None:
    assert share(some((0, EVIDENCE_MIN - 1, 0)), ripe(0)) is None
    assert 1.0 == share(some((0, EVIDENCE_MIN, 2 * EVIDENCE_MIN)), ripe(0))
