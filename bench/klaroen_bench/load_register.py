"""A register of a million members: what its import costs, and what becomes of an alert to all of them.

Law: a system of its own, on carriers that are faster than it is; everybody is handed over, or the alert is refused with
a time to come again.
"""

import json
import time
from pathlib import Path
from typing import Final

from klaroen_bench.alerting import body, finish, instant_s, read_status
from klaroen_bench.figures import Report
from klaroen_bench.load_beside import Case
from klaroen_bench.meter import Meter
from klaroen_bench.musts import at_most, exactly
from klaroen_bench.poisson import Caller
from klaroen_bench.rig import READY_S, Conditions, Plan, Program, Rig

NETWORK: Final = 95
"""Members of one, in the mean: as in the country."""
OVER_S_MAX: Final = 120.0
"""Whoever is pending then is told: the whole of `bench load` must end within eight minutes."""
PATIENCE_S: Final = 120.0
"""Whether it is ready in its time is told, not assumed."""
POLL_S: Final = 0.25


def measure(directory: Path, members: int, seed: int) -> Case:
    """Import, alert everybody, and wait until nobody is pending. Raises RigError."""
    plan = Plan(members, max(1, members // NETWORK), seed, Conditions(), sms_s=60.0)
    told: dict[str, float] = {}

    def tell(word: str) -> None:
        told[word] = time.monotonic()

    with Rig(directory, plan, tell, Program(ready_s=PATIENCE_S)) as rig:
        told["ready"] = time.monotonic()
        base_mb = Meter(rig).peak_rss_mb()["dispatch"]
        name = f"a register of {members} members"
        row: Report = {
            "case": name,
            "import_s": round(told["serve"] - told["register"], 1),
            "import_peak_rss_mb": round(rig.command_peak_mb, 1),
            "ready_s": round(told["ready"] - told["serve"], 1),
            "base_rss_mb": base_mb,
        }
        caller = Caller(rig.ports()["edge"], rig.tokens["police"])
        began, began_at_s = time.monotonic(), time.time()
        code, answer = caller.post("/v1/alerts", json.dumps(body({"all": True})).encode(), "everybody")
        row |= {"status": code, "accept_ms": round((time.monotonic() - began) * 1000, 1)}
        honest = code == 202 or (code in (429, 503) and caller.retry_after is not None)
        caller.close()
        if code == 202:
            row |= _follow(rig, answer["id"], began_at_s)
        peaks = Meter(rig).peak_rss_mb()
        row["peak_rss_mb"] = {role: peaks[role] for role in ("dispatch", "edge")}
    musts = (
        exactly(name, "an alert to all is taken, or refused with Retry-After", float(honest), 1.0),
        at_most(name, "s from the start to ready", row["ready_s"], READY_S),
        exactly(name, "of them that are still pending", row.get("pending", 0), 0),
    )
    return Case(row, musts, members if code == 202 else 0)


def _follow(rig: Rig, alert: str, began_at_s: float) -> Report:
    until = time.monotonic() + OVER_S_MAX
    while (status := read_status(rig, alert))["pending"]:
        if time.monotonic() > until:
            break
        time.sleep(POLL_S)
    finish(rig, alert)
    return {
        "members": status["members"],
        "pending": status["pending"],
        "unreachable": status["unreachable"],
        "first_handover_ms": round((instant_s(status["first_handover_at"]) - began_at_s) * 1000, 1),
        "handed_over_s": round(instant_s(status["last_handover_at"]) - began_at_s, 1),
    }
