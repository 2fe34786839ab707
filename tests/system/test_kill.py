"""`klaroen bench kill`: fifty deaths of real processes, at named points and at any moment, and nobody is lost."""

import json
import subprocess
import sys

import pytest

KILLS = 50
ENDED_S = 400.0
"""A quiet machine takes a minute."""


@pytest.mark.slow
def test_fifty_kills_lose_nobody_and_double_nobody_unannounced() -> None:
    """Edge, dispatch and voice die under SMPP, HTTP and SIP; the ledgers of what the handsets got are the witness."""
    line = [sys.executable, "-m", "klaroen", "bench", "kill", "--kills", str(KILLS), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=ENDED_S)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert 0 == done.returncode, report
    assert {} == {name: report[name] for name in ("lost", "duplicates", "altered", "strays") if report[name]}
    assert report["kills"] >= KILLS
    assert 0 == report["doubled_by_carrier"]["beta"], "it knows keys"
    assert report["doubled"] <= report["counted_beforehand"]
    assert report["copies"] > 500
    assert {"dispatch", "edge", "voice"} == {row["process"] for row in report["points"]}
