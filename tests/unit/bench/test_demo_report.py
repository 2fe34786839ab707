"""The report has the contract's keys, and its figures mean what the contract says."""

import json
from pathlib import Path

import msgspec
import pytest
from tests.unit.bench.trunk_kit import put_clip

from klaroen_bench.audit import Report
from klaroen_bench.report import Files, Measured, Register, escalated, first_steps_handed_over_s, is_sound, make_report

CONTRACT = (
    *("members", "networks", "deliveries", "handed_over", "reached", "failed", "unreachable"),
    *("lost", "duplicates", "altered", "escalated_after_arrival", "possible_duplicates", "conditions"),
    *("accept_ms", "first_handover_ms", "handed_over_s", "settled_s", "peak_rss_mb", "channels", "data_dir"),
)
POSTED_AT_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z
MEASURED = Measured(
    seed=1,
    storm=False,
    networks=60,
    register=Register(2000, 2062, 1973),
    conditions={"latency_ms": 20.0},
    steps={"sms_s": 10.0, "call_s": 15.0},
    posted_at_ms=POSTED_AT_MS,
    accept_ms=9.5,
    settled_s=16.3,
    peak_rss_mb={"edge": 47.0, "dispatch": 52.0},
    restart_to_handover_s=None,
    accepted={"alpha": 902},
    data_dir="/somewhere/data",
)
STATUS = {
    "state": "done", "members": 3, "accepted_at": "2026-11-21T12:00:00.010Z",
    "first_handover_at": "2026-11-21T12:00:00.042Z", "possible_duplicates": 0, "channels": {}, "cost_eur": 0.11,
    "confirmed": 0,
    "pending": 0, "handed_over": 1, "reached": 1, "failed": 0, "expired": 0, "cancelled": 0, "unreachable": 1,
}  # fmt: skip
AUDITED = Report(
    members=3, reachable=2, copies=2, lost=0, duplicates=0, altered=0, escalated_after_arrival=0,
    escalated_after_proof=0, possible_duplicates=0, doubled_as_announced=0, strays=0, offenders={},
)  # fmt: skip


def attempt(channel: str, state: str, second: float | None) -> dict[str, object]:
    answered_at = None if second is None else f"2026-11-21T12:00:{second:06.3f}Z"
    return {"channel": channel, "state": state, "answered_at": answered_at}


def delivery(*attempts: dict[str, object]) -> dict[str, object]:
    return {"member": "M1", "attempts": list(attempts)}


DELIVERIES = [delivery(attempt("sms", "reached", 0.2)), delivery(attempt("sms", "handed_over", 0.5)), delivery()]


def test_the_report_has_the_contracts_keys_first() -> None:
    """In the contract's order, with its shapes; a process that does not exist has no memory."""
    report = make_report(MEASURED, STATUS, DELIVERIES, AUDITED, {})
    assert CONTRACT == tuple(report)[: len(CONTRACT)]
    assert {"edge": 47.0, "dispatch": 52.0, "voice": None} == report["peak_rss_mb"]
    assert {"sms": 0.5, "voice": None, "tts": None} == report["handed_over_s"]
    assert 32.0 == report["first_handover_ms"]
    assert (3, 2, True) == (report["deliveries"], report["handed_over_ever"], report["sound"])
    assert {"members": 2000, "memberships": 2062, "active": 1973} == report["register"]
    assert {"sms_s": 10.0, "call_s": 15.0} == report["steps"]
    json.dumps(report)


def test_nobody_handed_over_is_no_figure() -> None:
    """An alert that reached no carrier has no first hand-over."""
    report = make_report(MEASURED, STATUS | {"first_handover_at": None}, [delivery()], AUDITED, {})
    assert report["first_handover_ms"] is None
    assert {"sms": None, "voice": None, "tts": None} == report["handed_over_s"]


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        pytest.param([attempt("sms", "reached", 3.0)], {"sms": 3.0}, id="one step"),
        pytest.param(
            [attempt("sms", "handed_over", 3.0), attempt("tts", "reached", 13.0)], {"sms": 3.0}, id="escalated"
        ),
        pytest.param([attempt("sms", "unsent", 1.0), attempt("sms", "reached", 4.0)], {"sms": 4.0}, id="failed over"),
        pytest.param([attempt("sms", "refused", 1.0), attempt("tts", "reached", 2.0)], {}, id="only a later step"),
        pytest.param([attempt("sms", "pending", None)], {}, id="not answered"),
        pytest.param([attempt("tts", "failed", 2.0), attempt("tts", "reached", 9.0)], {"tts": 2.0}, id="second number"),
    ],
)
def test_handed_over_is_the_first_step_alone(attempts, expected) -> None:
    """A later step waits by design: it does not make the hand-over slow. A fail-over within the step does."""
    found = first_steps_handed_over_s([delivery(*attempts)], POSTED_AT_MS)
    assert expected == {channel: seconds for channel, seconds in found.items() if seconds is not None}


@pytest.mark.parametrize("fault", ["lost", "duplicates", "altered", "escalated_after_proof", "strays"])
def test_any_fault_spoils_the_verdict(fault: str) -> None:
    """One is enough; a stranger's handset is one too."""
    assert is_sound(AUDITED)
    assert not is_sound(msgspec.structs.replace(AUDITED, **{fault: 1}))


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    """A kept demonstration holds all that its verdict rests on."""
    (tmp_path / "alpha.ledger").touch()
    files = Files(tmp_path)
    put_clip(tmp_path / "engine", b"octets")
    files.keep({"class": "warm"}, STATUS, DELIVERIES, MEASURED, tmp_path / "engine")
    assert DELIVERIES == list(files.read_deliveries())
    assert MEASURED == msgspec.json.decode(files.measured.read_bytes(), type=Measured)
    assert [b"octets"] == [clip.read_bytes() for clip in files.clips.iterdir()]
    assert ["alpha.ledger"] == [ledger.name for ledger in files.ledgers]


def test_escalated_is_who_came_from_another_channel() -> None:
    """A second number of the same channel is none."""
    sms, tts, voice = (attempt(channel, "failed", 1.0) for channel in ("sms", "tts", "voice"))
    rows = [delivery(sms, tts, tts), delivery(sms, voice, tts), delivery(tts, tts), delivery(sms), delivery()]
    assert {"tts": 2, "voice": 1} == escalated(rows)
