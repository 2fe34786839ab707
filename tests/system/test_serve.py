"""The whole system as real processes: it starts, is killed, runs out of disk, and stops, and nobody is lost."""

import re
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from klaroen_bench.audience import read_register
from klaroen_bench.audit import audit
from klaroen_bench.copies import read_copies
from klaroen_bench.rig import Rig
from klaroen_bench.rig_plan import Plan, SmsCarrier

WAIT_S = 60.0
STOP_S = 30.0
"""`drain_s`, and what two processes take to end."""
ALERT = {
    "class": "warm",
    "targets": {"all": True},
    "content": {"nl": {"text": "Inbraak bezig in de Kerkstraat. Let op een witte bestelwagen. Bel 101."}},
}
METRICS = (
    "klaroen_alerts_accepted_total",
    "klaroen_first_handover_seconds",
    "klaroen_handover_seconds",
    "klaroen_reached_seconds",
    "klaroen_deliveries_total",
    "klaroen_attempts_total",
    "klaroen_receipts_total",
    "klaroen_alerts_active",
    "klaroen_queue_deliveries",
    "klaroen_oldest_pending_seconds",
    "klaroen_inbox_seconds",
    "klaroen_carrier_up",
    "klaroen_carrier_breaker",
    "klaroen_carrier_window_used",
    "klaroen_store_commit_seconds",
    "klaroen_orphan_receipts",
    "klaroen_possible_duplicates_total",
    "klaroen_refused_total",
    "klaroen_cost_euros_total",
    "klaroen_disk_free_bytes",
    "klaroen_heartbeat_seconds",
    "klaroen_build_info",
    "klaroen_accept_seconds",
    "klaroen_http_requests_total",
    "klaroen_speech_engine",
)
"""The contract's, less those of voice and of TLS, which this system does not run."""


def plan(rate_per_s: float = 60.0) -> Plan:
    """400 members, slowly enough to do something in the midst of it. A simulated call is proved within six seconds."""
    carriers = tuple(SmsCarrier(name, binds=1, window=50, rate_per_s=rate_per_s) for name in ("alpha", "beta"))
    return Plan(400, 8, 1, carriers=carriers, sms_s=3.0, call_s=10.0, unjournaled_max=60)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path, plan()) as running:
        yield running


def post(rig: Rig, key: str = "one") -> dict[str, Any]:
    """Post the alert as a dispatch system does: again, under the same key, until somebody answers."""
    told: list[Any] = []

    def posted() -> bool:
        try:
            status, body = rig.post("/v1/alerts", ALERT, key=key)
        except OSError:
            return False
        assert status in (202, 503), body
        told.append(body)
        return status == 202

    until(posted, "the alert is accepted")
    return told[-1]


def until(holds: Callable[[], bool], words: str, seconds: float = WAIT_S) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {words}"
        time.sleep(0.05)


def status_of(rig: Rig, alert: str) -> dict[str, Any]:
    """Return the alert's status, or nothing while the edge cannot tell."""
    try:
        status, body = rig.get(f"/v1/alerts/{alert}")
    except OSError:
        return {}
    return body if status == 200 else {}


def pid_of(rig: Rig, role: str) -> int:
    """Return a child's process id, or 0 while there is none."""
    try:
        return rig.pid(role)
    except (FileNotFoundError, ValueError):
        return 0


def out_of_hands(body: dict[str, Any]) -> int:
    return body.get("handed_over", 0) + body.get("reached", 0)


def assert_sound(rig: Rig, alert: str) -> dict[str, Any]:
    """Wait for the end; nothing is lost, doubled beyond what was announced, or altered."""
    until(lambda: status_of(rig, alert).get("state") in ("done", "expired"), "the alert is over")
    status = status_of(rig, alert)
    rig.flush_ledgers()
    copies = [copy for path in rig.ledgers() for copy in read_copies(path)[0]]
    country = rig.country
    register = read_register(country / "members.csv", country / "networks.jsonl", country / "zones.jsonl")
    report = audit(
        register, ALERT, status, list(rig.deliveries(alert)), copies, carrier_channels=("sms", "voice", "tts")
    )
    assert (0, 0, 0) == (report.lost, report.duplicates, report.altered), report
    assert report.doubled_as_announced <= rig.plan.unjournaled_max
    return status


def assert_silent_about_members(rig: Rig) -> None:
    """No number of the country, in any form, and no text stands in what was logged."""
    logged = (rig.directory / "serve.log").read_text()
    digits = re.sub(r"[ ./]", "", (rig.country / "members.csv").read_text())
    subscribers = {found[-8:] for found in re.findall(r"\+?\d{9,13}", digits)}
    assert len(subscribers) > 300
    runs = set(re.findall(r"\d{8,}", re.sub(r"(?<=\d)[ ./](?=\d)", "", logged)))
    leaked = [run for run in runs if any(run[at : at + 8] in subscribers for at in range(len(run) - 7))]
    assert not leaked, f"{len(leaked)} numbers in the log"
    assert "Kerkstraat" not in logged
    assert "bestelwagen" not in logged


def test_a_life_from_ready_to_sigterm(rig: Rig) -> None:
    """Ready within 30 s (the rig waits no longer), one dispatch a data directory, all metrics, and an orderly end."""
    second = subprocess.run(
        [sys.executable, "-m", "klaroen", "--config", str(rig.config), "dispatch"], capture_output=True, check=False
    )
    assert second.returncode == 1, second.stderr
    alert = post(rig)["id"]
    status = assert_sound(rig, alert)
    assert status["reached"] > 0
    exposed = ""
    for name in ("metrics_edge", "metrics_dispatch"):
        with urllib.request.urlopen(f"http://127.0.0.1:{rig.ports()[name]}/metrics", timeout=5) as answer:
            exposed += answer.read().decode()
    assert [] == [name for name in METRICS if f"# TYPE {name} " not in exposed]
    late = post(rig, "two")["id"]
    until(lambda: out_of_hands(status_of(rig, late)) > 20, "something has left")
    assert rig.serve is not None
    rig.serve.send_signal(signal.SIGTERM)
    assert rig.serve.wait(STOP_S) == 0
    rig.flush_ledgers()
    taken = sum(len(read_copies(path)[0]) for path in rig.ledgers())
    rig.start_serve()
    assert_silent_about_members(rig)
    counted = status_of(rig, late)
    assert counted["possible_duplicates"] == 0, "an orderly end leaves nothing in doubt"
    until(lambda: status_of(rig, late).get("state") == "done", "what was left goes on after the next start")
    rig.flush_ledgers()
    assert sum(len(read_copies(path)[0]) for path in rig.ledgers()) > taken


@pytest.mark.parametrize("role", ["dispatch", "edge"])
def test_kill_9_in_mid_alert(rig: Rig, role: str) -> None:
    """The process comes back by itself, the alert completes, nobody is lost, and doubles were announced."""
    alert = post(rig)["id"]
    until(lambda: out_of_hands(status_of(rig, alert)) > 40, "the alert is under way")
    before = rig.pid(role)
    rig.kill(role)
    until(lambda: pid_of(rig, role) not in (0, before) and rig.is_ready(), f"{role} is back")
    assert alert == post(rig)["id"], "the key is kept"
    status = assert_sound(rig, alert)
    assert status["members"] == sum(
        status[name] for name in ("pending", "handed_over", "reached", "failed", "expired", "cancelled", "unreachable")
    )
    if role == "edge":
        assert status["possible_duplicates"] == 0
    assert_silent_about_members(rig)


def test_a_full_disk(rig: Rig) -> None:
    """Alerts get 503 with Retry-After while nothing can be written, and 202 again as soon as it can."""
    alert = post(rig)["id"]
    until(lambda: out_of_hands(status_of(rig, alert)) > 20, "the alert is under way")
    dispatch = rig.pid("dispatch")
    _, hard = resource.prlimit(dispatch, resource.RLIMIT_FSIZE)
    resource.prlimit(dispatch, resource.RLIMIT_FSIZE, (16_384, hard))
    refused: list[tuple[int, Any]] = []

    def is_refused() -> bool:
        refused.append(rig.post("/v1/alerts", ALERT, key=f"full{len(refused)}"))
        return refused[-1][0] == 503

    try:
        until(is_refused, "an alert is refused")
        assert {202, 503} >= {status for status, _ in refused}
        until(lambda: not rig.is_ready(), "the edge is not ready")
    finally:
        resource.prlimit(dispatch, resource.RLIMIT_FSIZE, (hard, hard))
    until(rig.is_ready, "it is ready again")
    assert rig.pid("dispatch") == dispatch, "it heals without a restart"
    again = post(rig, "healed")["id"]
    for one in (alert, again):
        until(lambda one=one: status_of(rig, one).get("state") == "done", "the alert is over")
    assert_silent_about_members(rig)
