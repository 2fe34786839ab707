"""`klaroen bench national`: everybody in the country at once, by SMPP and by HTTP.

Law: the floor (a flood without an engine) goes to the same SMSCs and the script to the same gateway, each in the same
run, one after the other. Everybody gets an SMS: calls would be simulated in dispatch's own process, and counted as its
CPU. Per message means per SMS that a carrier was handed; CPU is dispatch's from the POST until the last receipt is
counted, bookkeeping included.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from klaroen.cli.laboratory import BenchOptions
from klaroen_bench.alerting import Settled, body, finish, first_hand_overs, post_and_settle
from klaroen_bench.figures import Report, machine, median_of, peer, ratio, say, workshop
from klaroen_bench.hotspots import Hotspots
from klaroen_bench.meter import ROLES, Meter
from klaroen_bench.rig import Plan, Rig, SmsCarrier

SMS_S: Final = 60.0
"""The default wait for proof: no successor of a silent SMS falls into the measured time."""
SCRIPT_MAX: Final = 5_000
"""Requests of the script in one run: its rate is level after the first hundreds, and it is slow."""
EVERYBODY: Final = body({"all": True}, channels=["sms"])
GATEWAY: Final = SmsCarrier("gateway", kind="sms_http")


def run_national(options: BenchOptions) -> int:
    started = time.monotonic()
    plan = Plan(options.members, options.networks, options.seed, sms_s=SMS_S)
    with workshop("national", keep=options.keep) as directory:
        smpp = _by_smpp(directory / "smpp", plan, options)
        http = _by_http(directory / "http", _with_gateway(plan), options)
    report: Report = {
        **machine(),
        "conditions": plan.conditions.view(),
        "runs": options.runs,
        **{key: smpp[key] for key in ("members", "networks", "sms", "accept_ms", "handed_over_s")},
        **{key: smpp[key] for key in ("per_s", "settled_s", "cpu_us_per_message", "flood")},
        "ratio_to_flood": ratio(smpp["per_s"], smpp["flood"]["per_s"]),
        "via_http": {key: http[key] for key in ("per_s", "cpu_us_per_message", "cpu_us", "handed_over_s")},
        "script": http["script"],
        "ratio_to_script": ratio(http["per_s"], http["script"]["per_s"]),
        "where": smpp["where"],
        "cpu_s": smpp["cpu_s"] | {f"via_http_{name}": used for name, used in http["cpu_s"].items()},
        "peak_rss_mb": smpp["peak_rss_mb"] | {f"via_http_{name}": peak for name, peak in http["peak_rss_mb"].items()},
        "wall_s": round(time.monotonic() - started, 1),
    }
    say(report, as_json=options.json, title="A national alert")
    return 0


def _with_gateway(plan: Plan) -> Plan:
    return Plan(plan.members, plan.networks, plan.seed, plan.conditions, (GATEWAY,), sms_s=plan.sms_s)


def _by_smpp(directory: Path, plan: Plan, options: BenchOptions) -> Report:
    with Rig(directory, plan) as rig:
        addresses = [word for one in rig.carriers.values() for word in ("--smsc", f"127.0.0.1:{one.port}")]
        alerts, floods = [], []
        for run in range(options.runs):
            alerts.append(_alert(rig, f"run-{run}"))
            floods.append(peer("flood", *addresses, "--count", str(_sms(alerts[-1]))))
        peaks = Meter(rig).peak_rss_mb()
        runs = []
        for settled, flood in zip(alerts, floods, strict=True):
            figures = _figures(rig, settled)
            figures["cpu_us_per_message"] = {
                **{role: _per_message_us(figures, role) for role in ROLES},
                "smsc": _per_message_us(figures, *rig.carriers),
            }
            runs.append({**figures, "flood": flood})
        with Hotspots(rig.pid("dispatch"), directory / "dispatch.stacks") as hotspots:
            finish(rig, post_and_settle(rig, EVERYBODY, "where").alert)
    return {**median_of(runs), "peak_rss_mb": peaks, "where": hotspots.found}


def _by_http(directory: Path, plan: Plan, options: BenchOptions) -> Report:
    with Rig(directory, plan) as rig:
        gateway = rig.carriers[GATEWAY.name]
        arguments = ["--url", f"http://127.0.0.1:{gateway.port}/", "--token-file", str(directory / "gateway.token")]
        alerts, scripts = [], []
        for run in range(options.runs):
            alerts.append(_alert(rig, f"run-{run}"))
            scripts.append(peer("script", *arguments, "--count", str(min(_sms(alerts[-1]), SCRIPT_MAX))))
        peaks = Meter(rig).peak_rss_mb()
        runs = []
        for settled, script in zip(alerts, scripts, strict=True):
            figures = _figures(rig, settled)
            figures["cpu_us"] = {name: _per_message_us(figures, name) for name in (*ROLES, GATEWAY.name)}
            # Receipts come in by the edge here: what they cost there is part of the message.
            figures["cpu_us_per_message"] = _per_message_us(figures, *ROLES)
            runs.append({**figures, "script": script})
    return {**median_of(runs), "peak_rss_mb": peaks}


def _alert(rig: Rig, key: str) -> Settled:
    """Warn everybody once."""
    settled = post_and_settle(rig, EVERYBODY, key)
    finish(rig, settled.alert)
    return settled


def _sms(settled: Settled) -> int:
    """Return how many SMS carriers took."""
    return int(settled.status["channels"]["sms"]["handed_over"])


def _figures(rig: Rig, settled: Settled) -> Report:
    """Return the figures of one alert. To be asked after the measurement: it reads every delivery."""
    taken = first_hand_overs(rig, settled.alert)
    handed_over_s = {
        channel: round(instants[-1] - settled.posted_at_s, 3) for channel, instants in sorted(taken.items())
    }
    return {
        "members": settled.answer["members"],
        "networks": settled.answer["networks"],
        "sms": _sms(settled),
        "accept_ms": round(settled.accepted_s * 1000, 1),
        "handed_over_s": handed_over_s,
        "per_s": round(len(taken["sms"]) / handed_over_s["sms"]),
        "settled_s": round(settled.settled_s, 2),
        "cpu_s": dict(settled.cpu_s),
    }


def _per_message_us(figures: Mapping[str, Any], *processes: str) -> float:
    used: Mapping[str, float] = figures["cpu_s"]
    messages: int = figures["sms"]
    return round(sum(used[name] for name in processes) / messages * 1e6, 2)
