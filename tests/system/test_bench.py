"""`klaroen bench`: every figure that the contract promises is there, and none is absurd. Times are not judged here."""

import json
import shutil
import subprocess
import sys
from collections.abc import Collection
from typing import Any

import pytest

from klaroen_bench.asterisk import find_asterisk

pytestmark = pytest.mark.slow

EVERY = {"machine", "cores", "commit", "conditions", "runs", "cpu_s", "peak_rss_mb", "wall_s"}
CONDITIONS = {"latency_ms", "receipts_missing", "refused", "repeated", "late", "drain_per_s"}


def bench(*words: str, conditions: Collection[str] = CONDITIONS) -> dict[str, Any]:
    """Run a benchmark with one JSON object on stdout and nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "klaroen", "bench", *words, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report.keys() >= EVERY
    assert report["conditions"].keys() >= set(conditions)
    assert report["runs"] == 1
    return report


def test_a_national_alert_is_measured_beside_a_flood_and_a_script() -> None:
    """Side by side, in the same run, against the same carriers."""
    report = bench("national", "--members", "400", "--networks", "6", "--runs", "1")
    assert (report["networks"], report["members"] > 300) == (6, True)
    assert 0 < report["handed_over_s"]["sms"] <= report["settled_s"]
    assert report["cpu_us_per_message"].keys() == {"dispatch", "edge", "smsc"}
    for peer in ("flood", "via_http", "script"):
        assert report[peer]["per_s"] > 0
        assert report[peer]["cpu_us_per_message"] >= 0
    assert report["ratio_to_flood"] == pytest.approx(report["per_s"] / report["flood"]["per_s"], abs=0.01)
    assert report["ratio_to_script"] == pytest.approx(
        report["via_http"]["per_s"] / report["script"]["per_s"], rel=0.01, abs=0.01
    )
    assert report["peak_rss_mb"].keys() >= {"dispatch", "edge"}


def test_alerts_to_one_network_are_timed_alone_and_beside_a_country() -> None:
    """Too few alerts here for a percentile of them, and none is told; of the handsets there are just enough."""
    report = bench("latency", "--members", "900", "--networks", "8", "--alerts", "6")
    conditions = ("idle", "beside_warm", "beside_public_interest", "beside_crisis", "beside_cold")
    for name in conditions:
        row = report[name]
        assert row["alerts"] == 6
        assert row["accept_ms"] == row["first_handover_ms"] == row["network_ms"] == {"p50": None, "p99": None}
        assert row["handset_ms"].keys() == {"p50", "p99"}
        assert row["handsets"] > 100
        assert (row["nationals"] > 0) == (name != "idle")
    assert report["ratio_p99"].keys() == set(conditions[1:])
    assert report["burst"]["alerts"] == 12
    assert report["conditions"]["drain_per_s"] == 1_000


def test_receipts_are_measured_over_the_wire_and_in_every_order() -> None:
    report = bench("receipts", "--members", "400", "--networks", "6", "--runs", "1", "--shuffles", "5")
    assert report["same_end_state"] is True
    assert report["shuffles"] == 5
    assert report["receipts"] > 300
    assert report["direct_per_s"] > report["per_s"] > 0
    assert report["cpu_us_per_receipt"] >= 0


def test_our_clients_are_raced_against_others() -> None:
    """Rows of name, version, rate, CPU and our rate over theirs."""
    report = bench("peers", "--members", "500", "--runs", "1")
    assert all(row.keys() >= {"name", "version", "per_s", "cpu_us_per_message", "ratio"} for row in report["rows"])
    names = " ".join(row["name"] for row in report["rows"])
    for name in ("klaroen's driver", "flood", "smpplib", "httpx as it comes"):
        assert name in names


def test_calls_are_measured_with_a_trunk_sipp_and_asterisk() -> None:
    """Who is not installed is null. Nothing is lost of so few, and of too few no percentile is told."""
    known = {"clip_s", "plays", "lines", "calls_per_s", "seconds", "pinned"}
    report = bench("voice", "--concurrent", "30", "--seconds", "6", "--runs", "1", conditions=known)
    for row in filter(None, (report, report["sipp"], report["asterisk"])):
        assert row["concurrent"] == 30 < row["calls"]
        assert row["setup_ms"] == {"p50": None, "p99": None}
        assert (row["lost"], row["unsent"]) == (0, 0)
        assert row["cpu_ms_per_call_second"] > 0
    assert report["altered"] == 0
    assert 0 < report["late_ticks_ms"]["p50"] <= report["late_ticks_ms"]["p99"]
    assert (report["sipp"] is None) == (shutil.which("sipp") is None)
    assert (report["asterisk"] is None) == (find_asterisk() is None)
