"""`klaroen bench load`: more than can be borne, case by case: what was asked, what was answered, what it cost.

Law: beside each case warm alerts to one small network each are posted as a Poisson process and really sent; what they
see is the result, with the memory that each process has at most held since the start. Exit 1 if a must does not hold.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from http.client import HTTPException
from typing import Any, Final

from klaroen.cli.laboratory import BenchOptions
from klaroen_bench import load_cases, load_register
from klaroen_bench.figures import Report, machine, say, workshop
from klaroen_bench.load_beside import Case, Sizes
from klaroen_bench.meter import Meter
from klaroen_bench.musts import Must, all_hold, at_most, exactly, near_idle, rows
from klaroen_bench.rig import Conditions, Plan, Rig, RigError, SmsCarrier

PROCESSES: Final = ("dispatch", "edge")
RATE_PER_S: Final = 5_000.0
CARRIERS: Final = (
    SmsCarrier("alpha", rate_per_s=RATE_PER_S),
    SmsCarrier("beta", rate_per_s=RATE_PER_S),
    SmsCarrier("gateway", kind="sms_http", lanes=("cold",)),  # whose receipts flood
)
EDGE_MB_MAX: Final = 200.0
"""Its start, 64 MiB of bodies, 2,000 connections of 20 kB, 200 streams."""
KEPT_MB: Final = 16.0
"""Beside that: what is known of alerts that are over, of a few thousand streets, and the store's caches."""
RECEIPT_BYTES: Final = 1_024
"""Of dispatch's memory, a receipt that matches nothing."""
UNDRAINED_BYTES: Final = 256
"""And one that is durable and waits to be applied."""
DELIVERY_BYTES: Final = 800
"""Of dispatch's memory, an open delivery: what the configuration tells (500), and its batches while they fly."""


def run_load(options: BenchOptions, sizes: Sizes = Sizes()) -> int:  # noqa: B008 - frozen
    """Report what was seen; return 1 if a must does not hold."""
    started = time.monotonic()
    plan = Plan(options.members, options.networks, options.seed, Conditions(), CARRIERS, sms_s=60.0)
    cases: list[Case] = []
    with workshop("load", keep=options.keep) as directory:
        with Rig(directory / "country", plan) as rig:
            ready_s = round(time.monotonic() - started, 1)
            meter = Meter(rig)
            base_mb = meter.peak_rss_mb()
            for name, case in load_cases.named(rig, sizes):
                cases.append(attempt(name, case))
                cases[-1].row["peak_rss_mb"] = {one: meter.peak_rss_mb()[one] for one in PROCESSES}
            cpu_s, peaks = meter.cpu_s(), meter.peak_rss_mb()
        register = partial(load_register.measure, directory / "register", sizes.register, options.seed)
        cases.append(attempt("register", register))
    musts = [must for case in cases for must in case.musts] + [*_memory(cases, base_mb), *_calm(cases)]
    report: Report = {
        **machine(),
        "conditions": plan.conditions.view() | {"rate_per_s": 2 * RATE_PER_S},
        "runs": 1,
        "members": options.members,
        "holds": all_hold(musts),
        "musts": rows(musts),
        "started_s": ready_s,
        "load": [case.row for case in cases],
        "cpu_s": cpu_s,
        "peak_rss_mb": peaks,
        "wall_s": round(time.monotonic() - started, 1),
    }
    say(report, as_json=options.json, title="Load beyond capacity")
    return 0 if report["holds"] else 1


def attempt(name: str, case: Callable[[], Case]) -> Case:
    """Return what came of a case; one that goes wrong is told beside the others, and does not hold."""
    try:
        return case()
    except (RigError, OSError, HTTPException) as error:
        row = {"case": name, "went_wrong": f"{type(error).__name__}: {error}"}
        return Case(row, (exactly(name, "it comes to its end", 0.0, 1.0),), 0)


def _memory(cases: Sequence[Case], base_mb: Mapping[str, float]) -> Iterator[Must]:
    """No process has held more than it may: the edge its callers, dispatch what was open or matched nothing."""
    most = 0.0
    for case in cases:
        row: Mapping[str, Any] = case.row
        if "peak_rss_mb" not in row:
            continue
        peaks = row["peak_rss_mb"]
        if "base_rss_mb" in row:  # a system of its own
            most = 0.0
        receipts = case.unmatched * RECEIPT_BYTES + case.undrained * UNDRAINED_BYTES
        most = max(most, (case.open_deliveries * DELIVERY_BYTES + receipts) / 2**20)
        bound = row.get("base_rss_mb", base_mb["dispatch"]) + KEPT_MB + most
        yield at_most(row["case"], "MB of the edge", peaks["edge"], EDGE_MB_MAX)
        yield at_most(row["case"], "MB of dispatch", peaks["dispatch"], round(bound, 1))


def _calm(cases: Sequence[Case]) -> Iterator[Must]:
    """Once it is over everything is as it was."""
    first, last = cases[0].row, cases[-2].row
    for figure in ("accept_ms", "first_handover_ms"):
        before, after = (row.get(figure, {}).get("p99") for row in (first, last))
        yield near_idle(last["case"], f"{figure}, p99, beside that before", after, before)
