"""Clips are kept under the name of their octets."""

from pathlib import Path

import pytest

from klaroen.clips import ClipStore, duration_s, name_of

TONE = bytes(range(256)) * 50


def test_a_clip_comes_back_as_it_was_put(tmp_path: Path) -> None:
    clips = ClipStore(tmp_path)
    clip = clips.put(TONE)
    assert (name_of(TONE), TONE) == (clip, clips.read(clip))
    assert 1.6 == duration_s(TONE)


def test_the_same_octets_are_kept_once(tmp_path: Path) -> None:
    clips = ClipStore(tmp_path)
    clip = clips.put(TONE)
    before = clips.path(clip).stat().st_ino
    assert clip == clips.put(TONE)
    assert before == clips.path(clip).stat().st_ino
    assert [clips.path(clip)] == list(clips.path(clip).parent.iterdir())


def test_octets_that_are_not_what_their_name_says_are_refused(tmp_path: Path) -> None:
    clips = ClipStore(tmp_path)
    clip = clips.put(TONE)
    clips.path(clip).write_bytes(TONE[1:])
    with pytest.raises(ValueError, match="does not hold"):
        clips.read(clip)


def test_a_clip_that_is_forgotten_is_gone(tmp_path: Path) -> None:
    clips = ClipStore(tmp_path)
    clip = clips.put(TONE)
    clips.remove(clip)
    clips.remove(clip)
    with pytest.raises(FileNotFoundError):
        clips.read(clip)
