"""Clips at hand: read once while they are asked for, let go when nobody does, and never more than the bound."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from klaroen.clips import ClipStore
from klaroen.core.model import ClipId
from klaroen.core.ports import Script
from klaroen_adapters.voice.clip_shelf import IDLE_S, OCTETS_MAX, ClipShelf
from klaroen_adapters.voice.rtp_packet import OCTETS

LONG_OCTETS = 2_400_000
"""Five minutes: the longest recording."""


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path)


def keep(store: ClipStore, number: int, octets: int = 3 * OCTETS) -> ClipId:
    return store.put(bytes([number]) * octets)


async def is_at_hand(shelf: ClipShelf, store: ClipStore, clip: ClipId) -> bool:
    """Whether it is found without its file."""
    path = store.path(clip)
    path.rename(path.with_suffix(".away"))
    found = await shelf.find(Script(clip, 10.0, 1))
    path.with_suffix(".away").rename(path)
    return found is not None


async def test_a_script_plays_its_clip_its_prompt_and_its_reply(store: ClipStore) -> None:
    """In both codecs; what cannot be read of the two last is left out, and of the clip makes it none."""
    shelf = ClipShelf(store)
    clip, prompt, gone = keep(store, 1), keep(store, 2), ClipId("0" * 64)
    heard = await shelf.find(Script(clip, 10.0, 2, prompt=prompt, reply=gone))
    assert heard is not None
    assert (3 * (b"\1" * OCTETS,), 3 * (b"\2" * OCTETS,), (), 2) == (
        tuple(heard.a_law.clip), tuple(heard.a_law.prompt), heard.a_law.reply, heard.a_law.plays,
    )  # fmt: skip
    assert 3 * OCTETS == len(b"".join(heard.of("PCMU").clip))
    assert await shelf.find(Script(gone, 10.0, 1)) is None
    assert await shelf.find(Script(store.put(b""), 10.0, 1)) is None


async def test_a_clip_goes_that_nobody_asks_for(store: ClipStore, autojump_clock: MockClock) -> None:
    """Whoever asks in time keeps it; the others are let go with the next look."""
    shelf = ClipShelf(store, at_once=True)
    asked, left, new = (keep(store, number) for number in (1, 2, 3))
    for _ in range(3):
        assert await shelf.find(Script(left, 10.0, 1)) is not None
        assert await shelf.find(Script(asked, 10.0, 1)) is not None
        await trio.sleep(0.75 * IDLE_S)
    assert await is_at_hand(shelf, store, asked)
    await trio.sleep(0.75 * IDLE_S)
    assert await shelf.find(Script(new, 10.0, 1)) is not None
    assert 2 * 3 * OCTETS == shelf.octets
    assert not await is_at_hand(shelf, store, left)


async def test_no_more_is_at_hand_than_the_bound(store: ClipStore) -> None:
    """Those that were asked for longest ago go first, however soon."""
    shelf = ClipShelf(store)
    clips = [keep(store, number, LONG_OCTETS) for number in range(1, OCTETS_MAX // LONG_OCTETS + 3)]
    for clip in clips:
        assert await shelf.find(Script(clip, 10.0, 1)) is not None
        assert await shelf.find(Script(clips[0], 10.0, 1)) is not None
    assert OCTETS_MAX == shelf.octets
    assert [True, False, True] == [await is_at_hand(shelf, store, clip) for clip in (clips[0], clips[1], clips[-1])]


async def test_what_two_ask_for_at_once_is_kept_once(store: ClipStore) -> None:
    """Both read it, in a thread each, and one of them keeps it."""
    shelf, clip = ClipShelf(store), keep(store, 1)
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(shelf.find, Script(clip, 10.0, 1))
    assert 3 * OCTETS == shelf.octets
