"""`klaroen bench load`: more than can be borne, case by case: what was asked, what was answered, what it cost.

Law: beside each case warm alerts to one network each are posted as a Poisson process; what they see is the result, with
the memory that each process has at most held since the start.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from klaroen.cli.laboratory import BenchOptions
from klaroen_bench import crowds
from klaroen_bench.alerting import body, finish, read_status
from klaroen_bench.crowds import Counts
from klaroen_bench.figures import Report, machine, percentiles, say, workshop
from klaroen_bench.latency import networks_of, order_of
from klaroen_bench.meter import Meter
from klaroen_bench.poisson import Order, Shot, post_at_random
from klaroen_bench.rig import Conditions, Plan, Rig, RigError, SmsCarrier

RATE_PER_S: Final = 2_000.0
CARRIERS: Final = (
    SmsCarrier("alpha", rate_per_s=RATE_PER_S),
    SmsCarrier("beta", rate_per_s=RATE_PER_S),
    SmsCarrier("gateway", kind="sms_http", lanes=("cold",)),  # whose receipts flood
)
BESIDE: Final = 500
"""Alerts beside each case: the fewest of which a percentile is told."""
BESIDE_PER_S: Final = 50.0
BURST_PER_S: Final = 200.0
NATIONALS: Final = 10
SLOW_CALLERS: Final = 10_000
CONSOLES: Final = 200
CONSOLES_A_TOKEN: Final = 50
LARGE_BYTES: Final = 100 * 1024 * 1024
FLOOD_CALLERS: Final = 8
ETA_AFTER_S: Final = 2.0
OVER_S_MAX: Final = 300.0
POLL_S: Final = 0.1


def run_load(options: BenchOptions) -> int:
    started = time.monotonic()
    plan = Plan(options.members, options.networks, options.seed, Conditions(), CARRIERS, sms_s=60.0)
    with workshop("load", keep=options.keep) as directory, Rig(directory, plan) as rig:
        imported_s = round(time.monotonic() - started, 1)
        networks = networks_of(rig.country)
        meter = Meter(rig)
        rows = [case(rig, networks) | {"peak_rss_mb": _peaks(meter)} for case in CASES]
        report: Report = {
            **machine(),
            "conditions": plan.conditions.view() | {"rate_per_s": 2 * RATE_PER_S},
            "runs": 1,
            "members": options.members,
            "started_s": imported_s,
            "load": rows,
            "cpu_s": meter.cpu_s(),
            "peak_rss_mb": meter.peak_rss_mb(),
            "wall_s": round(time.monotonic() - started, 1),
        }
    say(report, as_json=options.json, title="Load beyond capacity")
    return 0


def _peaks(meter: Meter) -> dict[str, float]:
    return {name: peak for name, peak in meter.peak_rss_mb().items() if name in ("dispatch", "edge")}


# --- what goes on beside ---------------------------------------------------------------------------------------------


def beside(
    rig: Rig, networks: Sequence[str], name: str, per_s: float = BESIDE_PER_S, count: int = BESIDE
) -> list[Shot]:
    """Post drills to one network each: they are accepted and handed over like all others, and no carrier is slower."""
    orders = [Order(f"{name}-{i}", order_of(networks[i % len(networks)], "", mode="drill")) for i in range(count)]
    return post_at_random(rig.ports()["edge"], rig.tokens["police"], orders, per_s, 1)


def judged(shots: Sequence[Shot]) -> Report:
    """What the alerts beside were answered, and how soon."""
    answers = Counts(str(shot.status) for shot in shots)
    return {"beside": dict(answers), "accept_ms": percentiles([shot.accept_ms for shot in shots])}


@contextmanager
def crowd(*threads: threading.Thread, over: threading.Event) -> Iterator[None]:
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


# --- the cases ------------------------------------------------------------------------------------------------------


def idle(rig: Rig, networks: Sequence[str]) -> Report:
    return {"case": "nothing beside", **judged(beside(rig, networks, "idle"))}


def burst(rig: Rig, networks: Sequence[str]) -> Report:
    shots = beside(rig, networks, "burst", BURST_PER_S, 2_000)
    return {"case": f"{BURST_PER_S:g} alerts a second", **judged(shots)}


def nationals(rig: Rig, networks: Sequence[str]) -> Report:
    """All at once: how long they take, against what they said they would, and one street beside them."""
    begun = time.monotonic()
    alerts, accepts = [], []
    for number in range(NATIONALS):
        asked = time.monotonic()
        code, answer = rig.post("/v1/alerts", body({"all": True}), key=f"national-{number}")
        if code != 202:
            raise RigError(f"a national alert was not accepted: {code} {answer}")
        accepts.append((time.monotonic() - asked) * 1000)
        alerts.append(answer["id"])
    shots = beside(rig, networks, "nationals")
    time.sleep(max(0.0, ETA_AFTER_S - (time.monotonic() - begun)))
    asked = time.monotonic()
    eta_s = max(read_status(rig, alert)["eta_s"] or 0.0 for alert in alerts)
    while any(read_status(rig, alert)["pending"] for alert in alerts):
        if time.monotonic() - begun > OVER_S_MAX:
            raise RigError(f"ten nationals are not handed over after {OVER_S_MAX:g} s")
        time.sleep(POLL_S)
    took_s = time.monotonic() - asked
    for alert in alerts:
        finish(rig, alert)
    return {
        "case": f"{NATIONALS} national alerts at once",
        **judged(shots),
        "national_accept_ms": round(max(accepts), 1),
        "eta_s": eta_s,
        "took_s": round(took_s, 1),
        "handed_over_s": round(time.monotonic() - begun, 1),
    }


def slow_callers(rig: Rig, networks: Sequence[str]) -> Report:
    counts, over = Counts(), threading.Event()
    thread = threading.Thread(target=crowds.linger, args=(rig.ports()["edge"], SLOW_CALLERS, counts, over))
    with crowd(thread, over=over):
        time.sleep(5.0)
        shots = beside(rig, networks, "slow")
    return {"case": f"{SLOW_CALLERS} slow callers", **judged(shots), "answered": dict(counts)}


def consoles(rig: Rig, networks: Sequence[str]) -> Report:
    """Screens that follow one national alert until it is over."""
    port, counts, over = rig.ports()["edge"], Counts(), threading.Event()
    tokens = [rig.make_token(f"console-{number}") for number in range(CONSOLES // CONSOLES_A_TOKEN)]
    _, answer = rig.post("/v1/alerts", body({"all": True}), key="watched")
    threads = [
        threading.Thread(target=crowds.watch_events, args=(port, tokens[i % len(tokens)], answer["id"], counts))
        for i in range(CONSOLES)
    ]
    with crowd(*threads, over=over):
        shots = beside(rig, networks, "consoles")
        finish(rig, answer["id"])
    return {"case": f"{CONSOLES} consoles", **judged(shots), "answered": dict(counts)}


def large_bodies(rig: Rig, networks: Sequence[str]) -> Report:
    port, token = rig.ports()["edge"], rig.tokens["police"]
    answers = {
        name: dict(
            zip(
                ("status", "taken_bytes"),
                crowds.post_too_much(port, token, LARGE_BYTES, declared=declared),
                strict=True,
            )
        )
        for name, declared in (("declared", True), ("chunked", False))
    }
    return {"case": "a body of 100 MiB", **judged(beside(rig, networks, "large")), "answered": answers}


def receipts(rig: Rig, networks: Sequence[str]) -> Report:
    """Callbacks that match nothing, on eight connections."""
    counts, over = Counts(), threading.Event()
    secret = (rig.directory / "gateway.secret").read_text().strip()
    threads = [
        threading.Thread(target=crowds.flood, args=(rig.ports()["edge"], secret, caller, counts, over))
        for caller in range(FLOOD_CALLERS)
    ]
    begun = time.monotonic()
    with crowd(*threads, over=over):
        shots = beside(rig, networks, "flood")
        seconds = time.monotonic() - begun
    per_s = round(counts["204"] * crowds.FLOOD_RECEIPTS / seconds)
    return {"case": "a flood of receipts", **judged(shots), "answered": dict(counts), "receipts_per_s": per_s}


CASES: Final[tuple[Callable[[Rig, Sequence[str]], Report], ...]] = (
    idle, burst, nationals, consoles, large_bodies, receipts, slow_callers,
)  # fmt: skip
