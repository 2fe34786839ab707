"""Ids of closed batches: found whichever batch they are of, and forgotten in their time."""

import sys
from array import array

from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.model import AlertId, BatchId, CarrierName, Instant
from klaroen.core.records import References
from klaroen.dispatch.closed_ids import SHARDS, Closed, ClosedIds

hashes = st.integers(0, 40).map(lambda number: number * SHARDS + number % 3)
"""Few of them, in few shards: the same one comes in several batches, and strangers stand beside it."""
batches = st.lists(st.lists(hashes, max_size=5), max_size=8)


def digest(value: int) -> bytes:
    return value.to_bytes(8, sys.byteorder)


def references(number: int, values: list[int]) -> References:
    """Row `k` of batch `n` is 100 n + k."""
    rows = array("I", range(100 * number, 100 * number + len(values)))
    blob = b"".join(map(digest, values))
    return References(BatchId(number), AlertId(f"A{number}"), CarrierName("acme"), blob, rows.tobytes())


def kept(listed: list[list[int]]) -> ClosedIds:
    """Batch `n` is closed at instant `n`."""
    found = ClosedIds()
    for number, values in enumerate(listed):
        found.add(references(number, values), Instant(number))
    return found


@given(batches, hashes)
def test_an_id_leads_to_the_latest_batch_that_has_it(listed: list[list[int]], wanted: int) -> None:
    having = [number for number, values in enumerate(listed) if wanted in values]
    found = kept(listed).find(digest(wanted))
    if not having:
        assert found is None
        return
    last = having[-1]
    place = len(listed[last]) - 1 - listed[last][::-1].index(wanted)
    assert Closed(AlertId(f"A{last}"), BatchId(last), 100 * last + place) == found


@given(batches, st.integers(0, 9), batches)
def test_what_is_forgotten_leaves_the_others_as_they_are(
    listed: list[list[int]], before: int, later: list[list[int]]
) -> None:
    """As if the old ones had never been, whatever comes after; and nothing is left of them."""
    found = kept(listed)
    found.forget(Instant(before))
    for number, values in enumerate(later, len(listed)):
        found.add(references(number, values), Instant(number))
    left = [[]] * min(before, len(listed)) + listed[before:] + later
    assert len(found) == len(left) - min(before, len(listed))
    for value in {value for values in (*listed, *later) for value in values}:
        assert kept(left).find(digest(value)) == found.find(digest(value))
    assert sum(map(len, left)) == sum(len(shard[0]) for shard in found._shards.values())
