"""Clips are judged by what they hold; which of them says a text, by Klaroen's word or by what most heard."""

from pathlib import Path

import pytest
from tests.unit.bench.test_audit import ALERT, TEXT, TEXT_FR, attempt, delivery
from tests.unit.bench.trunk_kit import put_clip, speech

from klaroen_bench.audience import AuditError
from klaroen_bench.spoken import SILENT, FirstHeard, read_spoken

CLIP, CLIP_FR, PROMPT = speech(3, 7), speech(4, 5), speech(1, 3)


def saying(clip: str, language: str, channel: str = "tts") -> dict[str, object]:
    """A delivery whose call is said to have played this."""
    return delivery(1, attempts=[attempt("A", channel, call={"clip_sha256": clip})]) | {"language": language}


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    return tmp_path / "clips"


@pytest.fixture
def named(clips: Path) -> dict[str, str]:
    """By language, the names of the clips; the store holds a prompt as well."""
    put_clip(clips, PROMPT)
    return {"nl": put_clip(clips, CLIP), "fr": put_clip(clips, CLIP_FR)}


def test_clips_are_known_by_the_calls_that_are_said_to_play_them(clips: Path, named: dict[str, str]) -> None:
    """What else is in the store may be said besides; a text has no call."""
    rows = [saying(clip, language) for language, clip in named.items()]
    text = delivery(9, attempts=[attempt("S", call=None)]) | {"language": "nl"}
    spoken = read_spoken(clips, ALERT, [*rows, text, delivery(8) | {"language": "nl"}])
    assert {named["nl"]: TEXT, named["fr"]: TEXT_FR} == spoken.texts
    assert (PROMPT,) == spoken.others


def test_in_a_crisis_nothing_else_may_be_said(clips: Path, named: dict[str, str]) -> None:
    """R10."""
    spoken = read_spoken(clips, ALERT | {"class": "crisis"}, [saying(named["nl"], "nl")])
    assert () == spoken.others


def test_without_a_call_nothing_is_spoken(tmp_path: Path) -> None:
    assert SILENT == read_spoken(tmp_path / "none", ALERT, [])


@pytest.mark.parametrize(
    ("octets", "language", "words"),
    [
        (speech(0.5), "nl", "takes 0.5 s for 31 characters"),
        (speech(12), "nl", "takes 12.0 s"),
        (bytes([0xD5, 0x55]) * 12_000, "nl", "hardly be heard"),
        (CLIP, "de", "no text that was posted"),
    ],
    ids=["too short", "too long", "silence", "another language"],
)
def test_a_clip_that_cannot_be_its_text_is_refused(clips: Path, octets: bytes, language: str, words: str) -> None:
    with pytest.raises(AuditError, match=words):
        read_spoken(clips, ALERT, [saying(put_clip(clips, octets), language)])


def test_a_clip_that_is_not_there_is_refused(clips: Path, named: dict[str, str]) -> None:
    (clips / f"{named['nl']}.alaw").unlink()
    with pytest.raises(AuditError, match="not there"):
        read_spoken(clips, ALERT, [saying(named["nl"], "nl")])


def test_a_clip_under_another_name_is_refused(clips: Path, named: dict[str, str]) -> None:
    """The auditor takes the hash of each file himself."""
    (clips / f"{named['nl']}.alaw").write_bytes(CLIP[:-1] + b"\0")
    with pytest.raises(AuditError, match="its name promises"):
        read_spoken(clips, ALERT, [])


def test_one_clip_cannot_say_two_texts(clips: Path, named: dict[str, str]) -> None:
    with pytest.raises(AuditError, match="two texts"):
        read_spoken(clips, ALERT, [saying(named["nl"], "nl"), saying(named["nl"], "fr")])


# --- without Klaroen's word ---


def called(*languages: str) -> list[dict[str, object]]:
    """Return a delivery in each language, called as C0, C1 ..."""
    return [
        delivery(index, attempts=[attempt(f"C{index}", "tts")]) | {"language": language}
        for index, language in enumerate(languages)
    ]


def test_a_text_is_said_by_the_clip_that_most_heard_first(clips: Path, named: dict[str, str]) -> None:
    """One who heard another was told something else; one who heard nothing that is known has no say."""
    heard = [FirstHeard(f"C{n}", octets) for n, octets in enumerate((CLIP, CLIP[:480], CLIP_FR, b"?" * 160, CLIP_FR))]
    spoken = read_spoken(clips, ALERT, called("nl", "nl", "nl", "nl", "fr"), [*heard, FirstHeard("X", CLIP)])
    assert {named["nl"]: TEXT, named["fr"]: TEXT_FR} == spoken.texts
    assert (PROMPT,) == spoken.others


def test_what_begins_several_clips_alike_tells_nothing(clips: Path) -> None:
    """Nor does silence."""
    put_clip(clips, CLIP)
    put_clip(clips, CLIP[:480] + CLIP_FR)
    assert {} == read_spoken(clips, ALERT, called("nl"), [FirstHeard("C0", CLIP[:480])]).texts
    put_clip(clips, b"\xd5" * 320 + CLIP)
    assert {} == read_spoken(clips, ALERT, called("nl"), [FirstHeard("C0", b"\xd5" * 320)]).texts


def test_one_clip_heard_in_two_languages_cannot_say_both(clips: Path, named: dict[str, str]) -> None:
    """Whoever was told the other's text was told something else, and nobody knows who."""
    heard = [FirstHeard("C0", CLIP), FirstHeard("C1", CLIP)]
    with pytest.raises(AuditError, match="two texts"):
        read_spoken(clips, ALERT, called("nl", "fr"), heard)
