"""`klaroen demo` as its user runs it: real processes, real protocols, a verdict that rests on the ledgers alone."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.bench.test_demo_report import CONTRACT

from klaroen_bench.carriers.call import Record
from klaroen_bench.carriers.ledger import CALL, HANDSET, SOUND, Entry, LedgerReader, write_ledger
from klaroen_bench.rig_plan import trunk_for

ENDED_S = 420.0
"""A demonstration takes a minute, since calls take their time; two busy cores make that more."""


def demo(folder: Path, *options: str) -> "subprocess.Popen[str]":
    # Tests that run in a shell's background are deaf to Ctrl-C, and so would be what they start.
    line = ["env", "--default-signal=INT", sys.executable, "-m", "klaroen", "demo", *options]
    return subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Return its exit code and output; fail with what it said if it does not end."""
    try:
        out, err = process.communicate(timeout=ENDED_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=ENDED_S)
        pytest.fail(f"the demonstration did not end: {out} {err}")
    assert "Traceback" not in err
    return process.returncode, out


def assert_sound(report: dict[str, Any]) -> None:
    """Nothing lost, doubled or altered, and everybody in an end state."""
    faults = ("lost", "duplicates", "altered", "strays", "escalated_after_proof")
    assert {} == {fault: report[fault] for fault in faults if report[fault]}
    states = ("pending", "handed_over", "reached", "failed", "expired", "cancelled", "unreachable")
    assert report["members"] == report["deliveries"] == sum(report[state] for state in states)
    assert 0 == report["pending"] == report["expired"] == report["cancelled"]
    assert report["reached"] > 0.9 * report["members"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of a small demonstration that was kept."""
    folder = tmp_path_factory.mktemp("demo")
    code, out = ended(demo(folder, "--members", "2000", "--networks", "60", "--keep", "--json"))
    assert 0 == code
    assert 1 == out.count("\n")
    report: dict[str, Any] = json.loads(out)
    return report


@pytest.mark.slow
def test_a_small_country_is_warned_soundly(kept: dict[str, Any]) -> None:
    """Nothing lost, doubled or altered; the contract's keys, with the contract's conditions."""
    assert_sound(kept)
    assert CONTRACT == tuple(kept)[: len(CONTRACT)]
    assert 60 == kept["networks"]
    conditions = {"latency_ms": 20, "receipts_missing": 0.02, "refused": 0.01, "repeated": 0.01, "late": 0.05}
    assert (
        conditions | {"drain_per_s": None, "calls": trunk_for(len(os.sched_getaffinity(0))).view(), "storm": None}
        == kept["conditions"]
    )
    assert {"edge", "dispatch", "voice"} == set(kept["peak_rss_mb"])
    assert None not in kept["peak_rss_mb"].values()
    assert kept["accept_ms"] < 1_000 * kept["handed_over_s"]["sms"] < 1_000 * kept["settled_s"]
    assert 0 == kept["possible_duplicates"]


@pytest.mark.slow
def test_telephones_rang_and_heard_the_alert(kept: dict[str, Any]) -> None:
    """Real calls over a trunk: the telephones' own count, by channel, and Klaroen's count of those who pressed 1."""
    calls = kept["calls"]
    assert {"tts", "voice"} == set(calls)
    for channel, counts in calls.items():
        unanswered = sum(counts[end] for end in ("busy", "no_answer", "rejected", "invalid", "faults"))
        assert counts["calls"] == counts["answered"] + unanswered
        assert counts["answered"] >= kept["channels"][channel]["reached"] > 0
    pressed = sum(counts["confirmed"] for counts in calls.values())
    assert 0 < kept["confirmed"] <= pressed
    assert kept["accepted"]["gamma"] == sum(counts["calls"] for counts in calls.values())
    assert kept["handed_over_s"]["tts"] > 0 < kept["handed_over_s"]["voice"]


# --- the verdict rests on the ledgers ------------------------------------------------------------------------------


def lose(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The first copy never was."""
    gone = False
    for entry in entries:
        if gone or entry.kind != HANDSET:
            yield entry
        gone = gone or entry.kind == HANDSET


def double(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The first copy comes twice."""
    doubled = False
    for entry in entries:
        yield entry
        if entry.kind == HANDSET and not doubled:
            doubled = True
            yield entry


def alter(entries: Iterator[Entry]) -> Iterator[Entry]:
    """One letter of the first copy is another."""
    altered = False
    for entry in entries:
        if entry.kind == HANDSET and not altered:
            altered = True
            at = entry.body.rindex(b"1")
            yield Entry(entry.at_ns, entry.kind, entry.number, entry.body[:at] + b"2" + entry.body[at + 1 :])
        else:
            yield entry


def judged_again(directory: Path) -> tuple[int, dict[str, Any]]:
    line = [sys.executable, "-m", "klaroen_bench.demo", str(directory)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=ENDED_S)
    return done.returncode, json.loads(done.stdout)


@pytest.mark.slow
def test_a_kept_demonstration_is_judged_alike(kept: dict[str, Any]) -> None:
    """The verdict can be looked into afterwards: it is made from what was kept, and from nothing else."""
    assert (0, kept) == judged_again(Path(kept["data_dir"]).parent)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "corrupt"),
    [("lost", lose), ("duplicates", double), ("altered", alter)],
    ids=["lost", "doubled", "altered"],
)
def test_a_corrupt_ledger_spoils_the_verdict(
    fault: str, corrupt: Callable[[Iterator[Entry]], Iterator[Entry]], kept: dict[str, Any], tmp_path: Path
) -> None:
    """One copy lost, doubled or altered among thousands: exit 1, counted as what it is, and nothing else."""
    directory = shutil.copytree(Path(kept["data_dir"]).parent, tmp_path / "kept", ignore=shutil.ignore_patterns("data"))
    reader = LedgerReader(directory / "alpha.ledger")
    write_ledger(directory / "alpha.ledger", reader.heading, corrupt(iter(list(reader))))
    code, report = judged_again(directory)
    assert 1 == code
    assert not report["sound"]
    faults = {name: report[name] for name in ("lost", "duplicates", "altered") if report[name]}
    assert {fault: 1} == faults


def unheard(entries: Iterator[Entry]) -> Iterator[Entry]:
    """The first call that was answered never was."""
    gone = False
    for entry in entries:
        answered = entry.kind == CALL and record_of(entry).answered_at
        if gone or not answered or not record_of(entry).keys:
            yield entry
        gone = gone or bool(answered and record_of(entry).keys)


def heard_twice(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Who pressed a key first was called twice."""
    doubled = False
    for entry in entries:
        yield entry
        if entry.kind == CALL and record_of(entry).keys and not doubled:
            doubled = True
            yield entry


def heard_another(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Who pressed a key first heard another octet in the midst of the clip: a sound of its own."""
    every = list(entries)
    sounds: dict[int, bytes] = defaultdict(bytes)
    for entry in every:
        if entry.kind == SOUND:
            sounds[int.from_bytes(entry.body[:4], "little")] += entry.body[4:]
    altered = False
    for entry in every:
        if entry.kind == CALL and record_of(entry).keys and not altered:
            altered = True
            record = record_of(entry)
            octets = bytearray(b"".join(sounds[sound][at : at + size] for sound, at, size in record.stretches))
            octets[40_000] ^= 1
            number = max(sounds) + 1
            changed = msgspec.structs.replace(record, stretches=[[number, 0, len(octets)]])
            yield Entry(entry.at_ns, SOUND, b"", number.to_bytes(4, "little") + bytes(octets))
            yield Entry(entry.at_ns, CALL, entry.number, msgspec.json.encode(changed))
        else:
            yield entry


def record_of(entry: Entry) -> Record:
    return msgspec.json.decode(entry.body, type=Record)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "corrupt"),
    [("lost", unheard), ("duplicates", heard_twice), ("altered", heard_another)],
    ids=["lost", "doubled", "altered"],
)
def test_a_corrupt_ledger_of_calls_spoils_it_too(
    fault: str, corrupt: Callable[[Iterator[Entry]], Iterator[Entry]], kept: dict[str, Any], tmp_path: Path
) -> None:
    """One call lost or doubled, one octet altered: exit 1, counted as what it is, and nothing else."""
    directory = shutil.copytree(Path(kept["data_dir"]).parent, tmp_path / "kept", ignore=shutil.ignore_patterns("data"))
    reader = LedgerReader(directory / "gamma.ledger")
    write_ledger(directory / "gamma.ledger", reader.heading, corrupt(iter(list(reader))))
    code, report = judged_again(directory)
    assert 1 == code
    faults = {name: report[name] for name in ("lost", "duplicates", "altered") if report[name]}
    assert {fault: 1} == faults


# --- the storm, and the end ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_storm_costs_nobody_the_alert(tmp_path: Path) -> None:
    """A carrier dark for 5 s and dispatch killed: handing over again soon, and every double was announced before."""
    code, out = ended(demo(tmp_path, "--members", "5000", "--networks", "80", "--storm", "--json"))
    report = json.loads(out)
    assert 0 == code, report
    assert_sound(report)
    assert report["doubled_as_announced"] <= report["possible_duplicates"]
    assert report["conditions"]["storm"]["kill_9"]["done"]
    assert 0.0 < report["restart_to_handover_s"] < 10.0
    assert [] == list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_everything(number: int, tmp_path: Path) -> None:
    """Ctrl-C in the middle: no process is left, and nothing on the disk."""
    process = demo(tmp_path, "--members", "2000", "--networks", "60")
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any("pending" in line for line in lines)
    started = children(process.pid)
    assert len(started) >= 7  # two carriers and a trunk, serve, edge, dispatch, voice
    process.send_signal(number)
    process.communicate(timeout=ENDED_S)
    assert 130 == process.returncode
    assert [] == [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert [] == list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_demonstration_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    """kill -9: everything that it has started notices, and ends."""
    process = demo(tmp_path, "--members", "2000", "--networks", "60")
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any("pending" in line for line in lines)
    watched = [os.pidfd_open(pid) for pid in children(process.pid)]
    process.kill()
    process.communicate(timeout=ENDED_S)
    until = time.monotonic() + 30.0
    for descriptor in watched:  # readable once its process has ended
        assert select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]
        os.close(descriptor)


def children(pid: int) -> list[int]:
    """Return all processes below this one."""
    below = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*below, *(deeper for one in below for deeper in children(one))]
