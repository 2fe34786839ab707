"""Calls are judged by what the telephones heard, and clips by what they hold."""

from pathlib import Path

import pytest
from tests.unit.bench.test_audit import ALERT, AT_MS, STATUS, TEXT, TEXT_FR, attempt, delivery
from tests.unit.bench.trunk_kit import put_clip, record, speech, write_trunk

from klaroen_bench.audience import AuditError
from klaroen_bench.carriers.ledger import Heading, LedgerError, write_ledger
from klaroen_bench.copies import ANY_CALL, Copy
from klaroen_bench.telephones import (
    SILENT,
    Spoken,
    call_channels,
    call_copies,
    channelled,
    is_trunk_ledger,
    read_spoken,
    read_trunk,
    tally,
)

CLIP, CLIP_FR, PROMPT = speech(3, 7), speech(4, 5), speech(1, 3)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    return tmp_path / "clips"


@pytest.fixture
def named(clips: Path) -> dict[str, str]:
    """By language, the names of the clips; the store holds a prompt as well."""
    put_clip(clips, PROMPT)
    return {"nl": put_clip(clips, CLIP), "fr": put_clip(clips, CLIP_FR)}


def test_clips_are_known_by_the_alert_and_by_each_attempt(clips: Path, named: dict[str, str]) -> None:
    """Whichever Klaroen tells; what else is in the store may be said besides."""
    by_alert = read_spoken(clips, ALERT, STATUS | {"clip_sha256": named}, [])
    rows = [
        delivery(1, attempts=[attempt("A", "tts", clip_sha256=clip)]) | {"language": language}
        for language, clip in named.items()
    ]
    assert by_alert == read_spoken(clips, ALERT, STATUS, [*rows, delivery(9) | {"language": "nl"}])
    assert {named["nl"]: TEXT, named["fr"]: TEXT_FR} == by_alert.texts
    assert (PROMPT,) == by_alert.others


def test_in_a_crisis_nothing_else_may_be_said(clips: Path, named: dict[str, str]) -> None:
    """R10."""
    spoken = read_spoken(clips, ALERT | {"class": "crisis"}, STATUS | {"clip_sha256": named}, [])
    assert () == spoken.others


def test_without_a_call_nothing_is_spoken(tmp_path: Path) -> None:
    assert SILENT == read_spoken(tmp_path / "none", ALERT, STATUS, [])


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
        read_spoken(clips, ALERT, STATUS | {"clip_sha256": {language: put_clip(clips, octets)}}, [])


def test_a_clip_that_is_not_there_is_refused(clips: Path, named: dict[str, str]) -> None:
    (clips / f"{named['nl']}.alaw").unlink()
    with pytest.raises(AuditError, match="not there"):
        read_spoken(clips, ALERT, STATUS | {"clip_sha256": named}, [])


def test_a_clip_under_another_name_is_refused(clips: Path, named: dict[str, str]) -> None:
    """The auditor takes the hash of each file himself."""
    (clips / f"{named['nl']}.alaw").write_bytes(CLIP[:-1] + b"\0")
    with pytest.raises(AuditError, match="its name promises"):
        read_spoken(clips, ALERT, STATUS, [])


def test_one_clip_cannot_say_two_texts(clips: Path, named: dict[str, str]) -> None:
    with pytest.raises(AuditError, match="two texts"):
        read_spoken(clips, ALERT, STATUS | {"clip_sha256": {"nl": named["nl"], "fr": named["nl"]}}, [])


# --- what was heard ---

SPOKEN = Spoken({"c-nl": TEXT, "c-fr": TEXT_FR}, {"c-nl": CLIP, "c-fr": CLIP_FR}, (PROMPT,))


def copies_of(path: Path, *calls, sounds: tuple[bytes, ...] = (CLIP, CLIP_FR)) -> list[Copy]:
    write_trunk(path, sounds, [(f"3247000000{n}", call) for n, call in enumerate(calls, 1)])
    return call_copies(read_trunk(path), SPOKEN)


def test_each_answered_call_is_a_copy(tmp_path: Path) -> None:
    """Whole from four fifths on; its text is the one that was heard."""
    found = copies_of(
        tmp_path / "trunk",
        record("A1", len(CLIP), at_ms=AT_MS + 9),
        record("A2", len(CLIP_FR), at_ms=AT_MS, sound=1),
        record("A3", 8_000, at_ms=AT_MS),
        record("A4"),
        record("A5", 0, at_ms=AT_MS),
    )
    expected = [
        Copy(AT_MS + 9, "belgacom", ANY_CALL, "32470000001", TEXT, "A1", True),
        Copy(AT_MS, "belgacom", ANY_CALL, "32470000002", TEXT_FR, "A2", True),
        Copy(AT_MS, "belgacom", ANY_CALL, "32470000003", TEXT, "A3", False),
        Copy(AT_MS, "belgacom", ANY_CALL, "32470000005", "", "A5", False),
    ]
    assert expected == found


def test_another_sound_is_another_text(tmp_path: Path) -> None:
    other = CLIP[:8_000] + bytes([CLIP[8_000] ^ 1]) + CLIP[8_001:]
    (found,) = copies_of(tmp_path / "trunk", record("A1", len(other), at_ms=AT_MS), sounds=(other,))
    assert found.text is None


@pytest.mark.parametrize("changes", [{"kept": False}, {"stretches": [[9, 0, 160]]}], ids=["cut short", "no sound"])
def test_what_the_ledger_does_not_hold_is_not_judged(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(AuditError):
        copies_of(tmp_path / "trunk", record("A1", 160, at_ms=AT_MS, **changes))


def test_a_call_has_the_channel_of_its_attempt() -> None:
    """A carrier of another kind names its calls itself: then it is any."""
    channels = call_channels([delivery(1, attempts=[attempt("A1", "voice"), attempt("A2", "sms")])])
    assert {"A1": "voice"} == channels
    text, known, unknown = (Copy(0, "b", ANY_CALL, "32", TEXT, call) for call in ("", "A1", "X9"))
    assert [ANY_CALL, "voice", ANY_CALL] == [channelled(one, channels).channel for one in (text, known, unknown)]


def test_the_telephones_count_how_calls_ended(tmp_path: Path) -> None:
    calls = [
        record("A1", len(CLIP), at_ms=AT_MS, keys="1"),
        record("A2", 160, at_ms=AT_MS, by="callee", end="hung up"),
        record("A3", 160, at_ms=AT_MS, keys="51"),
        *(
            record(f"B{n}", end=end)
            for n, end in enumerate(("busy", "no answer", "cancelled", "number invalid", "fault"))
        ),
        record("B9", end="rejected"),
    ]
    write_trunk(tmp_path / "trunk", (CLIP,), [("32470000001", call) for call in calls])
    channels = {one.call: "tts" if one.call.startswith("A") else "voice" for one in calls[:-1]}
    found = tally([read_trunk(tmp_path / "trunk")], channels)
    kept = {channel: {name: count for name, count in counts.items() if count} for channel, counts in found.items()}
    assert {
        "tts": {"calls": 3, "answered": 3, "confirmed": 2, "other_keys": 1, "hung_up": 1},
        "voice": {"calls": 5, "busy": 1, "no_answer": 2, "invalid": 1, "faults": 1},
        "unknown": {"calls": 1, "rejected": 1},
    } == kept


def test_a_trunks_ledger_is_told_from_the_others(tmp_path: Path) -> None:
    write_trunk(tmp_path / "trunk", (), [])
    write_ledger(tmp_path / "sms", Heading("alpha", "sms", "smpp"), iter(()))
    assert (True, False) == (is_trunk_ledger(tmp_path / "trunk"), is_trunk_ledger(tmp_path / "sms"))
    (tmp_path / "none").write_bytes(b'{"protocol": "sip"')
    with pytest.raises(LedgerError):
        read_trunk(tmp_path / "none")
