"""An audience: its groups, its spans, and that it comes back as it was written."""

from array import array

import msgspec
import pytest
from tests.unit.core.batches import make_audience, make_group

from klaroen.core.audience import Audience, Kind, Layout, Tongue


def test_a_delivery_finds_its_group() -> None:
    audience = make_audience(make_group(2), make_group(1, language="fr"), make_group(3, networks=(0, 2)))
    assert (6, [1_000, 1_001, 1_002, 1_003, 1_004, 1_005]) == (len(audience), list(audience.members))
    assert ["nl", "nl", "fr", "nl", "nl", "nl"] == [audience.group(delivery).language for delivery in range(6)]
    assert (0, 2) == audience.group(5).networks


def test_spans_go_on_from_where_a_group_begins() -> None:
    audience = make_audience(make_group(2), make_group(1), make_group(3))
    assert [(0, 2), (2, 3), (3, 6)] == [(start, end) for start, end, _ in audience.spans_from(0)]
    assert [(3, 6)] == [(start, end) for start, end, _ in audience.spans_from(3)]
    assert [] == list(audience.spans_from(6))


def test_an_audience_comes_back_as_it_was_written() -> None:
    audience = make_audience(make_group(2, reason="no_address"), make_group(1, language="fr", fell_back=True))
    again = Audience.decode(audience.encode())
    assert list(audience.spans_from(0)) == list(again.spans_from(0))
    assert (audience.members, audience.unreachable, audience.fallbacks) == (
        again.members, {"no_address": 2}, 1,
    )  # fmt: skip


def test_groups_that_do_not_sum_to_the_members_are_our_own_fault() -> None:
    with pytest.raises(AssertionError):
        Layout.of([], [], array("I", [1]).tobytes())


def test_alerts_to_the_same_people_share_how_they_lie() -> None:
    """What is kept of each is whole all the same."""
    layout = Layout.of([Kind((), 1)], [((0,), (0, 0), (2, 1))], array("I", [5, 6, 7]).tobytes())
    tongues = [Tongue("nl", fell_back=False)]
    one, other = (Audience(layout, tongues, bytes(1), bytes(reasons)) for reasons in ([0, 0], [1, 0]))
    assert one.members is other.members
    again = [Audience.decode(audience.encode()) for audience in (one, other)]
    assert [0, 2] == [sum(audience.unreachable.values()) for audience in again]
    assert [[5, 6, 7]] * 2 == [list(audience.members) for audience in again]


def test_an_audience_that_an_earlier_version_wrote_is_read() -> None:
    """An array of three: kinds, blocks with what was made of them, members."""
    blocks = [((0,), "nl", False, (0, 1), (1, 2), bytes([0, 2])), ((0, 1), "fr", True, (0,), (1,), bytes(1))]
    members = array("I", [7, 8, 9, 10])
    audience = Audience.decode(msgspec.msgpack.encode(([((), 3), (("tts",), 0)], blocks, members.tobytes())))
    spans = [(start, end, one.networks, one.preference, one.language) for start, end, one in audience.spans_from(0)]
    assert [(0, 1, (0,), (), "nl"), (1, 3, (0,), ("tts",), "nl"), (3, 4, (0, 1), (), "fr")] == spans
    assert (members, 1) == (audience.members, audience.fallbacks)
    assert [2] == list(audience.unreachable.values())
    assert list(audience.spans_from(0)) == list(Audience.decode(audience.encode()).spans_from(0))
