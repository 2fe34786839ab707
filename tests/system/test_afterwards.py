"""What remains of alerts, with real processes: evaluations, costs, a signed audit trail; and a forecast before them."""

import csv
import json
from pathlib import Path

from tests.system.installation import Installation
from tests.system.test_serve import until

SIMULATED = """
[[carrier]]
name = "simulated"
kind = "sim"
channels = ["sms"]
latency_ms = 20
loss = 0.0
cost_eur = 0.055
"""
BODY = {"class": "warm", "targets": {"networks": ["BIN-A"]}, "content": {"nl": {"text": "Inbraak bezig. Bel 101."}}}


def test_R20_R21_R22_what_was_done_can_be_counted_paid_and_proved(tmp_path: Path) -> None:
    """A warm alert, an exercise and a drill to a network of two; then every view of what they came to."""
    with Installation(tmp_path, SIMULATED) as here:
        police = here.token("police", "police", zones=("ZA",))
        here.serve()

        def call(method: str, path: str, body: object = None, key: str = "") -> dict:
            headers = {"content-type": "application/json", "idempotency-key": key or "k"}
            answer = here.call(method, path, police, b"" if body is None else json.dumps(body).encode(), headers)
            assert answer.status < 300, answer
            return json.loads(answer.body)

        forecast = call("POST", "/v1/forecasts", BODY)
        assert (2, 0.11, None) == (forecast["members"], forecast["cost_eur"], forecast["reached_s"]["p50"])
        sent = [call("POST", "/v1/alerts", BODY | {"mode": mode}, mode)["id"] for mode in ("live", "exercise", "drill")]
        until(lambda: all(call("GET", f"/v1/alerts/{one}")["state"] == "done" for one in sent), "an alert is not over")
        until(lambda: call("GET", "/v1/networks/BIN-A/evaluation")["warm"]["alerts"] == 1, "nothing is booked")
        view = call("GET", "/v1/networks/BIN-A/evaluation?from=2026-01-01")
        assert (2, 2, 1, 0.22) == (
            view["warm"]["reached"], view["members_at_end"], view["exercises"]["alerts"], view["costs_eur"]["total"],
        )  # fmt: skip
        assert None is view["feeling_of_safety"]
        days = ("--from", "2026-01-01", "--to", "2199-12-31")
        page = json.loads(here.command("evaluate", *days, "--json"))
        assert {("network", "BIN-A"), ("zone", "ZB"), ("country", ""), ("sender", "police")} <= {
            (one["level"], one["id"]) for one in page["items"]
        }
        (line,) = csv.DictReader(here.command("evaluate", *days, "--network", "BIN-A", "--as", "csv").splitlines())
        assert ("1", "2", "") == (line["warm_alerts"], line["exercises_reached"], line["quality"])
        assert "BIN-A" in here.command("evaluate", *days)
        key = tmp_path / "auditor.pem"
        key.write_text(here.command("audit", "key"))
        trail = json.loads(here.command("audit", "verify", "--json"))
        assert (3, []) == (trail["alerts"], trail["faults"])
    # Stopped: the same commands on the data itself.
    assert json.loads(here.command("audit", "verify", "--json"))["head"] == trail["head"]
    assert "BIN-A" in here.command("evaluate", *days)
