"""A real Prometheus watches a real alert: every panel and every rule has something to read."""

import subprocess
import urllib.request
from pathlib import Path

import pytest
from tests.wire.prometheus_peer import (
    ONLY_WITH_TLS,
    metrics_in,
    needs_prometheus,
    panel_queries,
    prometheus,
    rule_queries,
    until,
)

from klaroen_bench.rig import Rig
from klaroen_bench.rig_plan import Plan, SmsCarrier, Trunk

ALERT = {
    "class": "warm",
    "targets": {"all": True},
    "content": {"nl": {"text": "Verdachte bestelwagen in uw buurt. Bel 101."}},
}
PROCESSES = ("metrics_edge", "metrics_dispatch", "metrics_voice")
NOWHERE = {"networks": ["BIN-0001", "NO-SUCH-NETWORK"]}
"""A refusal, so that refusals are counted."""
OVER_S = 60.0


def exposition(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: bytes = answer.read()
    return text


@needs_prometheus
@pytest.mark.peer
def test_every_panel_and_rule_reads_a_live_system(tmp_path: Path) -> None:
    """While 2,000 members are warned: no query is of a metric that nobody has, and promtool finds no fault."""
    carriers = tuple(SmsCarrier(name, binds=2, window=100, rate_per_s=400.0) for name in ("alpha", "beta"))
    (tmp_path / "prometheus").mkdir()
    with Rig(tmp_path / "rig", Plan(2_000, 20, 1, carriers=carriers, sms_s=2.0, call_s=10.0, trunk=Trunk())) as rig:
        targets = [f"127.0.0.1:{rig.ports()[name]}" for name in PROCESSES]
        with prometheus(tmp_path / "prometheus", targets) as peer:
            until(peer.scraped, "every process is scraped")
            for key, targeted in (("all", ALERT["targets"]), ("some", NOWHERE)):
                status, accepted = rig.post("/v1/alerts", ALERT | {"targets": targeted}, key=key)
                assert status == 202, accepted

            def silent() -> set[str]:
                return {title for title, queries in panel_queries().items() for one in queries if not peer.query(one)}

            until(lambda: silent() == set(), "every panel shows something", OVER_S)
            read = {metric for query in rule_queries().values() for metric in metrics_in(query)}
            assert set() == {metric for metric in read - {ONLY_WITH_TLS} if not peer.query(metric)}
            for name in PROCESSES:
                text = exposition(rig.ports()[name])
                checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
                assert (0, b"") == (checked.returncode, checked.stdout + checked.stderr)
            assert b"+32" not in b"".join(exposition(rig.ports()[name]) for name in PROCESSES)
