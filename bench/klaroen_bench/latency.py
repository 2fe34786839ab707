"""`klaroen bench latency`: alerts to one network, alone and beside a country.

Law: alerts come as a Poisson process and are timed from the instant at which each was meant to be posted. Two carriers
drain 2,000 segments a second together, whatever is offered; the national alert beside never runs out. A cold one
goes by mail first, to a relay of its own, and by SMS to who has no mailbox.
"""

import csv
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from klaroen.cli.laboratory import BenchOptions
from klaroen_bench.alerting import body, first_hand_overs, read_status
from klaroen_bench.arrivals import arrivals_ms, mark
from klaroen_bench.burden import Burden
from klaroen_bench.figures import Report, machine, median_of, percentiles, ratio, say, workshop
from klaroen_bench.meter import Meter
from klaroen_bench.poisson import Order, Shot, post_at_random
from klaroen_bench.rig import Conditions, Plan, Relay, Rig, RigError, SmsCarrier

DRAIN_PER_S: Final = 1_000.0
"""Segments a second of each of the two carriers."""
MEMBERS_MIN: Final = 20
"""A smaller network says little about a hundred people; the mean of the others is the country's."""
SMS_S: Final = 60.0
SETTLE_S_MAX: Final = 120.0
BURST_PER_S: Final = 200.0
"""Accepts alone, at the rate for which the design states their limit; drills, so that no carrier's queue grows."""


class Condition(Struct, frozen=True):
    """What the alerts live beside. A rate is below what remains for them, or times would grow without end."""

    name: str
    beside: str | None
    token: str
    per_s: float


CONDITIONS: Final = (
    Condition("idle", None, "police", 6.0),
    Condition("beside_warm", "warm", "police", 6.0),
    Condition("beside_public_interest", "public_interest", "police", 6.0),
    # Under a crisis the warm lane keeps a fifth of each carrier: 400 segments a second, of which this asks half, and
    # idle a third of what it has. Nearer to the whole, alerts would wait for each other rather than for the crisis.
    Condition("beside_crisis", "crisis", "crisis", 2.0),
    Condition("beside_cold", "cold", "police", 6.0),
)


class Posted(Struct, frozen=True):
    """The alerts of one condition, and the number of the first one's mark."""

    condition: Condition
    first: int
    shots: Sequence[Shot]
    nationals: int


def run_latency(options: BenchOptions) -> int:
    started = time.monotonic()
    carriers = tuple(SmsCarrier(name, rate_per_s=DRAIN_PER_S) for name in ("alpha", "beta"))
    conditions = Conditions(drain_per_s=DRAIN_PER_S)
    plan = Plan(options.members, options.networks, options.seed, conditions, carriers, relay=Relay(), sms_s=SMS_S)
    with workshop("latency", keep=options.keep) as directory, Rig(directory, plan) as rig:
        make_crisis_token(rig)
        networks = networks_of(rig.country)
        meter = Meter(rig)
        runs = [measure(rig, networks, options, run) for run in range(options.runs)]
        cpu_s, peaks = meter.cpu_s(), meter.peak_rss_mb()
        figures = median_of([judge(rig, run) for run in runs])
    report: Report = {
        **machine(),
        "conditions": plan.conditions.view(),
        "runs": options.runs,
        **figures,
        "ratio_p99": {
            one.name: ratio(figures[one.name]["handset_ms"]["p99"], figures["idle"]["handset_ms"]["p99"])
            for one in CONDITIONS[1:]
        },
        "cpu_s": cpu_s,
        "peak_rss_mb": peaks,
        "wall_s": round(time.monotonic() - started, 1),
    }
    say(report if options.json else _for_people(report), as_json=options.json, title="Alerts to one network")
    return 0


def _for_people(report: Report) -> Report:
    names = [one.name for one in CONDITIONS]
    rest = {key: value for key, value in report.items() if key not in names}
    return {**rest, "milliseconds": {name: report[name] for name in names}}


# --- the country ----------------------------------------------------------------------------------------------------


def make_crisis_token(rig: Rig) -> None:
    """Give the rig a token of an authority for the whole country."""
    rows = [json.loads(line) for line in (rig.country / "networks.jsonl").read_text("utf-8").splitlines()]
    scope: list[str] = []
    for province in sorted({row["province"] for row in rows if row.get("province")}):
        scope += ["--province", province]
    for municipality in sorted({row["municipality"] for row in rows if not row.get("province")}):
        scope += ["--municipality", municipality]  # Brussels lies in no province
    told = rig.command("token", "create", "--name", "crisis", "--role", "crisis_authority", *scope, "--json")
    rig.tokens["crisis"] = json.loads(told)["token"]


def networks_of(country: Path) -> list[str]:
    """Return the networks that an alert reaches with a mobile number or more, in a seeded order."""
    rows = [json.loads(line) for line in (country / "networks.jsonl").read_text("utf-8").splitlines()]
    sound = {row["id"] for row in rows if row.get("recognised", True) and not row.get("stopped")}
    with (country / "members.csv").open(encoding="utf-8", newline="") as file:
        sizes = Counter(row["network_id"] for row in csv.DictReader(file) if row["status"] == "active")
    names = sorted(name for name, size in sizes.items() if name in sound and size >= MEMBERS_MIN)
    if not names:
        raise RigError(f"no network has {MEMBERS_MIN} members")
    random.Random(1).shuffle(names)
    return names


# --- the measurement ------------------------------------------------------------------------------------------------


class Measured(Struct, frozen=True):
    posted: Sequence[Posted]
    burst: Sequence[Shot]


def measure(rig: Rig, networks: Sequence[str], options: BenchOptions, run: int) -> Measured:
    """Post the alerts of every condition, one condition after the other."""
    burst = post_burst(rig, networks, 2 * options.alerts, options.seed, run)
    posted = []
    for place, condition in enumerate(CONDITIONS):
        first = (run * len(CONDITIONS) + place) * options.alerts
        name = f"{condition.name}-{run}"
        orders = [
            Order(f"{name}-{i}", order_of(networks[(first + i) % len(networks)], mark(first + i)))
            for i in range(options.alerts)
        ]
        nationals = 0
        with ExitStack() as stack:
            if condition.beside is not None:
                burden = stack.enter_context(Burden(rig, condition.beside, condition.token, f"national-{name}"))
            shots = post_at_random(
                rig.ports()["edge"], rig.tokens["police"], orders, condition.per_s, options.seed + first
            )
            wait_handed_over(rig, shots)
            if condition.beside is not None:
                nationals = burden.nationals
        posted.append(Posted(condition, first, shots, nationals))
    return Measured(posted, burst)


def post_burst(rig: Rig, networks: Sequence[str], count: int, seed: int, run: int) -> list[Shot]:
    """Post drills to one network each at the rate of a very bad day."""
    orders = [Order(f"burst-{run}-{i}", order_of(networks[i % len(networks)], "", mode="drill")) for i in range(count)]
    shots = post_at_random(rig.ports()["edge"], rig.tokens["police"], orders, BURST_PER_S, seed)
    wait_handed_over(rig, shots)
    return shots


def order_of(network: str, text_mark: str, mode: str = "live") -> bytes:
    return json.dumps(body({"networks": [network]}, mark=text_mark, mode=mode)).encode()


def wait_handed_over(rig: Rig, shots: Sequence[Shot]) -> None:
    """Raises RigError where an alert was refused, or is not handed over in the end."""
    until = time.monotonic() + SETTLE_S_MAX
    for shot in shots:
        if shot.status != 202:
            raise RigError(f"an alert was not accepted: {shot.status} {shot.answer}")
        while read_status(rig, shot.answer["id"])["pending"]:
            if time.monotonic() > until:
                raise RigError(f"alert {shot.answer['id']} is not handed over {SETTLE_S_MAX:g} s after the last")
            time.sleep(0.05)


# --- the figures ----------------------------------------------------------------------------------------------------


def judge(rig: Rig, measured: Measured) -> Report:
    """Return the percentiles of each condition."""
    time.sleep(1.0)  # the last texts are on their way, and ledgers are flushed every tenth of a second
    rig.flush_ledgers()
    arrivals = arrivals_ms(rig.directory / f"{name}.ledger" for name in rig.carriers)
    figures: Report = {one.condition.name: _judge(rig, one, arrivals) for one in measured.posted}
    accepts = [shot.accept_ms for shot in measured.burst]
    figures["burst"] = {"alerts": len(accepts), "per_s": BURST_PER_S, "accept_ms": percentiles(accepts)}
    return figures


def _judge(rig: Rig, posted: Posted, arrivals: Mapping[int, Sequence[float]]) -> Report:
    first_ms: list[float] = []
    network_ms: list[float] = []
    handset_ms: list[float] = []
    for number, shot in enumerate(posted.shots, posted.first):
        taken = first_hand_overs(rig, shot.answer["id"]).get("sms")
        if taken:
            first_ms.append((taken[0] - shot.intended_at_s) * 1000)
            network_ms.append((taken[-1] - shot.intended_at_s) * 1000)
        handset_ms += [at_ms - shot.intended_at_s * 1000 for at_ms in arrivals.get(number, ())]
    figures: dict[str, Any] = {
        "alerts": len(posted.shots),
        "alerts_per_s": posted.condition.per_s,
        "nationals": posted.nationals,
        "members": round(sum(shot.answer["members"] for shot in posted.shots) / len(posted.shots), 1),
        "handsets": len(handset_ms),
        "accept_ms": percentiles([shot.accept_ms for shot in posted.shots]),
        "first_handover_ms": percentiles(first_ms),
        "network_ms": percentiles(network_ms),
        "handset_ms": percentiles(handset_ms),
    }
    return figures
