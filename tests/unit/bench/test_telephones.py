"""Calls are judged by what the telephones heard, and counted as they had them."""

from pathlib import Path

import pytest
from tests.unit.bench.test_audit import AT_MS, TEXT, TEXT_FR, attempt, delivery
from tests.unit.bench.trunk_kit import record, speech, write_trunk

from klaroen_bench.audience import AuditError
from klaroen_bench.carriers.ledger import Heading, LedgerError, write_ledger
from klaroen_bench.copies import ANY_CALL, Copy
from klaroen_bench.spoken import FirstHeard, Spoken
from klaroen_bench.telephones import (
    call_channels,
    call_copies,
    channelled,
    first_heard,
    is_trunk_ledger,
    read_trunk,
    tally,
)

CLIP, CLIP_FR, PROMPT = speech(3, 7), speech(4, 5), speech(1, 3)


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


def test_what_a_call_began_with_is_told_up_to_the_first_gap(tmp_path: Path) -> None:
    """What comes after it may be anything; who heard nothing has no say."""
    stretches = [[0, 0, 1_600], [-1, 0, 2], [0, 1_920, 160]]
    calls = [record("A1", 160, at_ms=AT_MS, stretches=stretches), record("A2", 0, at_ms=AT_MS), record("A3")]
    write_trunk(tmp_path / "trunk", (CLIP,), [("32470000001", call) for call in calls])
    assert [FirstHeard("A1", CLIP[:1_600])] == list(first_heard(read_trunk(tmp_path / "trunk")))
