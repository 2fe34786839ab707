"""`klaroen bench receipts`: how fast proof is taken in, and whether its order matters.

Law: over the wire, the SMSCs hold back every receipt until all is handed over, then send them in any order, some twice;
what counts is the time until dispatch has drained the last. Directly, the same goes through dispatch without sockets.
"""

import http.client
import re
import time
from pathlib import Path
from statistics import median
from typing import Final

from klaroen.cli.laboratory import BenchOptions
from klaroen_bench.alerting import body, finish, read_status
from klaroen_bench.figures import Report, machine, median_of, say, workshop
from klaroen_bench.meter import Meter
from klaroen_bench.rig import Conditions, Plan, Rig, RigError
from klaroen_bench.shuffles import drain_durably, shuffle

TWICE_SHARE: Final = 0.05
SHUFFLED_MAX: Final = 2_000
"""Deliveries of a shuffled alert, 4,400 receipts: a thousand orders of them take a minute."""
STORED_SHUFFLES: Final = 20
"""Orders that go through the store too; each costs its commits."""
SMS_S: Final = 120.0
"""Nobody's step is over before his receipt is released."""
POLL_S: Final = 0.05
"""A scrape costs dispatch a millisecond or two."""
REPEATED_S: Final = 0.5
"""A repeat follows its receipt within some latencies."""
WAIT_S_MAX: Final = 120.0
COUNTED: Final = re.compile(r'^klaroen_receipts_total\{carrier="(?:alpha|beta)",.*\} ([0-9.e+]+)$', re.MULTILINE)


def run_receipts(options: BenchOptions) -> int:
    started = time.monotonic()
    conditions = Conditions(receipts_missing=0.0, refused=0.0, repeated=TWICE_SHARE, late=0.0)
    plan = Plan(options.members, options.networks, options.seed, conditions, sms_s=SMS_S)
    with workshop("receipts", keep=options.keep) as directory:
        wired = _over_the_wire(directory / "wire", plan, options)
        direct = _directly(directory, options)
    report: Report = {
        **machine(),
        "conditions": plan.conditions.view(),
        "runs": options.runs,
        "receipts": wired["receipts"],
        "per_s": wired["per_s"],
        "direct_per_s": direct["per_s"],
        "shuffles": options.shuffles,
        "same_end_state": direct["same_end_state"],
        "stored_shuffles": direct["stored_shuffles"],
        "cpu_us_per_receipt": wired["cpu_us_per_receipt"],
        "direct_cpu_us_per_receipt": direct["cpu_us_per_receipt"],
        "cpu_s": wired["cpu_s"],
        "peak_rss_mb": wired["peak_rss_mb"],
        "wall_s": round(time.monotonic() - started, 1),
    }
    say(report, as_json=options.json, title="Receipts")
    return 0 if direct["same_end_state"] else 1


# --- over the wire --------------------------------------------------------------------------------------------------


def _over_the_wire(directory: Path, plan: Plan, options: BenchOptions) -> Report:
    with Rig(directory, plan) as rig:
        runs = [_release(rig, f"run-{run}") for run in range(options.runs)]
        return {**median_of(runs), "peak_rss_mb": Meter(rig).peak_rss_mb()}


def _release(rig: Rig, key: str) -> Report:
    """Hand everybody an SMS with all receipts held back, let them go, and wait for the last."""
    _command(rig, "withhold")
    code, answer = rig.post("/v1/alerts", body({"all": True}, channels=["sms"]), key=key)
    if code != 202:
        raise RigError(f"the alert was not accepted: {code} {answer}")
    _wait_handed_over(rig, answer["id"])
    pending = _wait_pending(rig)
    before = counted(rig)
    meter = Meter(rig)
    started = time.perf_counter()
    _command(rig, "release")
    while counted(rig) < before + pending:
        if time.perf_counter() - started > WAIT_S_MAX:
            raise RigError(f"{counted(rig) - before} of {pending} receipts were drained in {WAIT_S_MAX:g} s")
        time.sleep(POLL_S)
    wall_s = time.perf_counter() - started
    cpu_s = meter.cpu_s()
    finish(rig, answer["id"])
    return {
        "receipts": pending,
        "per_s": round(pending / wall_s),
        "cpu_us_per_receipt": round(cpu_s["dispatch"] / pending * 1e6, 2),
        "cpu_s": cpu_s,
    }


def _command(rig: Rig, word: str) -> None:
    for carrier in rig.carriers.values():
        carrier.command({"do": word})


def _wait_handed_over(rig: Rig, alert: str) -> None:
    until = time.monotonic() + WAIT_S_MAX
    while read_status(rig, alert)["pending"]:
        if time.monotonic() > until:
            raise RigError(f"alert {alert} is not handed over in {WAIT_S_MAX:g} s")
        time.sleep(POLL_S)


def _wait_pending(rig: Rig) -> int:
    """Return how many receipts are held back, once nothing is on its way to a handset any more. Raises RigError."""
    until = time.monotonic() + WAIT_S_MAX
    while True:
        counters = [carrier.counters() for carrier in rig.carriers.values()]
        if not any(one["unanswered"] + one["under_way"] for one in counters):
            break
        if time.monotonic() > until:
            raise RigError(f"messages are under way for {WAIT_S_MAX:g} s")
        time.sleep(POLL_S)
    time.sleep(REPEATED_S)
    return sum(carrier.counters()["receipts_pending"] for carrier in rig.carriers.values())


def counted(rig: Rig) -> int:
    """Return how many receipts dispatch has drained, by its own metrics."""
    connection = http.client.HTTPConnection("127.0.0.1", rig.ports()["metrics_dispatch"], timeout=30)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return round(sum(float(figure) for figure in COUNTED.findall(text)))


# --- directly -------------------------------------------------------------------------------------------------------


def _directly(directory: Path, options: BenchOptions) -> Report:
    shuffled = min(options.members, SHUFFLED_MAX)
    stored = min(options.shuffles, STORED_SHUFFLES)
    same = shuffle(directory / "shuffled", shuffled, options.shuffles, options.seed)
    same_stored, _ = drain_durably(directory / "stored", shuffled, stored, options.seed)
    _, runs = drain_durably(directory / "drained", options.members, options.runs, options.seed)
    return {
        "same_end_state": same and same_stored,
        "stored_shuffles": stored,
        "per_s": round(median(run.receipts / run.wall_s for run in runs)),
        "cpu_us_per_receipt": round(median(run.cpu_s / run.receipts for run in runs) * 1e6, 2),
    }
