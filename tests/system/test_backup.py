"""A disk is lost in the midst of an alert: the backup of some seconds before is restored, and the books balance."""

import json
import os
import signal
from pathlib import Path

from tests.system.test_serve import ALERT, out_of_hands, status_of, until

from klaroen_bench.audience import read_register
from klaroen_bench.audit import audit
from klaroen_bench.copies import read_copies
from klaroen_bench.rig import Rig
from klaroen_bench.rig_plan import Conditions, Plan, SmsCarrier

SMALL = Plan(
    120,
    4,
    1,
    Conditions(refused=0.0, receipts_missing=0.0, late=0.0),
    (SmsCarrier("alpha", binds=1, window=20, rate_per_s=25.0),),
    sms_s=2.0,
    call_s=7.0,
)
"""Slow enough for a backup in the midst of it."""
BY_TEXT = ALERT | {"channels": ["sms"]}
"""Calls take their time, and are restored no otherwise."""


def post(rig: Rig) -> str:
    status, body = rig.post("/v1/alerts", BY_TEXT, key="one")
    assert status == 202, body
    return str(body["id"])


def test_a_backup_in_mid_alert_is_restored_elsewhere(tmp_path: Path) -> None:
    """Real processes: nobody is lost, nothing is altered, and each second copy was counted before it left."""
    with Rig(tmp_path, SMALL) as rig:
        alert = post(rig)
        until(lambda: out_of_hands(status_of(rig, alert)) > 20, "the alert is under way")
        assert rig.post(f"/v1/alerts/{alert}/pause")[0] == 200  # however slow this machine is, something is left
        told = json.loads(rig.command("backup", str(tmp_path / "backup"), "--keys", str(tmp_path / "safe"), "--json"))
        assert (told["with_keys"], told["left_out"]) == (True, []), "a list for everything that a data directory holds"
        assert "keys/register.keys" in told["keys"]
        assert rig.is_ready(), "it goes on meanwhile"
        before = status_of(rig, alert)
        assert before["pending"] > 20
        assert rig.post(f"/v1/alerts/{alert}/resume")[0] == 200
        until(lambda: out_of_hands(status_of(rig, alert)) > out_of_hands(before) + 20, "more has left since")
        assert rig.serve is not None
        for pid in (rig.serve.pid, rig.pid("dispatch"), rig.pid("edge")):
            os.kill(pid, signal.SIGKILL)
        rig.serve.wait()
        rig.data_dir.rename(tmp_path / "lost")
        restored = json.loads(
            rig.command("restore", str(tmp_path / "backup"), "--keys", str(tmp_path / "safe"), "--json")
        )
        assert restored["open_alerts"] == 1
        rig.start_serve()
        assert alert == post(rig), "the key is kept, and so is the token"
        assert status_of(rig, alert)["state"] == "paused", "as it stood when the backup was made"
        assert rig.post(f"/v1/alerts/{alert}/resume")[0] == 200
        until(lambda: status_of(rig, alert).get("state") == "done", "the alert is over")
        status = status_of(rig, alert)
        rig.flush_ledgers()
        copies = [copy for path in rig.ledgers() for copy in read_copies(path)[0]]
        country = rig.country
        register = read_register(country / "members.csv", country / "networks.jsonl", country / "zones.jsonl")
        deliveries = list(rig.deliveries(alert))
        report = audit(register, BY_TEXT, status, deliveries, copies, carrier_channels=("sms",))
        assert (0, 0, 0) == (report.lost, report.duplicates, report.altered), report
        assert 0 < report.doubled_as_announced <= status["possible_duplicates"]
        verified = json.loads(rig.command("audit", "verify", "--json"))
        assert verified["faults"] == []
