"""How soon after a kill -9 the next message leaves, with a country pending.

Law: measured from outside: from the signal to the first submission that a simulated carrier accepts over a bind that
was made afterwards. Each death is taken for a first one: the supervisor's back-off is no part of it.
Run `python -m klaroen_bench.kill_pending`: one JSON object.
"""

import json
import os
import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, Final

from klaroen_bench.alerting import body, read_status
from klaroen_bench.figures import machine, workshop
from klaroen_bench.kill_serve import TRAPS
from klaroen_bench.rig import Plan, Program, Rig, RigError, SmsCarrier

MEMBERS: Final = 112_000
"""Of whom 91 % are sent an SMS first: more than 100,000."""
NETWORKS: Final = 1_059
RATE_PER_S: Final = 50.0
"""Of each of two carriers: nothing to speak of leaves between the kills."""
KILLS: Final = 5
MUST_S: Final = 2.0
WAIT_S: Final = 60.0
POLL_S: Final = 0.002
CALM_S: Final = 3.0
"""Between two kills: the voices are started again, and what was in doubt is settled."""

Counters = Mapping[str, Mapping[str, int]]
"""By carrier, what it counts."""


def measure(members: int, networks: int, kills: int) -> dict[str, Any]:
    """Kill dispatch in the midst of a national alert, again and again. Raises RigError."""
    carriers = tuple(SmsCarrier(name, binds=1, rate_per_s=RATE_PER_S) for name in ("alpha", "beta"))
    plan = Plan(members, networks, 1, carriers=carriers, sms_s=3_600.0)
    with (
        workshop("pending", keep=False) as directory,
        Rig(directory / "rig", plan, program=Program("klaroen_bench.kill_serve", {TRAPS: str(directory)})) as rig,
    ):
        status, answer = rig.post("/v1/alerts", body({"all": True}), key="pending")
        if status != 202:
            raise RigError(f"the alert was not accepted: {status} {answer}")
        _until(rig, lambda counters: all(one["accepted"] > 0 for one in counters.values()))
        pending, seconds = [], []
        for _ in range(kills):
            time.sleep(CALM_S)
            pending.append(read_status(rig, answer["id"])["pending"])
            seconds.append(round(_kill(rig), 3))
        return {
            **machine(),
            "pending_min": min(pending),
            "kill_to_next_hand_over_s": seconds,
            "median_s": median(seconds),
            "max_s": max(seconds),
            "must_s": MUST_S,
        }


def _kill(rig: Rig) -> float:
    """Return the seconds from the kill to the first submission over a new bind."""
    bound = {name: one["binds"] for name, one in _counters(rig).items()}
    killed_at_s = time.monotonic()
    os.kill(rig.pid("dispatch"), signal.SIGKILL)
    first: dict[str, int] = {}

    def again(counters: Counters) -> bool:
        for name, one in counters.items():
            if one["binds"] == bound[name]:
                first[name] = one["accepted"]
            elif one["accepted"] > first.get(name, one["accepted"]):
                return True
        return False

    _until(rig, again)
    return time.monotonic() - killed_at_s


def _counters(rig: Rig) -> Counters:
    return {name: {"binds": 0, "accepted": 0} | process.counters() for name, process in rig.carriers.items()}


def _until(rig: Rig, holds: Callable[[Counters], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not holds(_counters(rig)):
        if time.monotonic() > until:
            raise RigError(f"nothing is handed over within {WAIT_S:g} s")
        time.sleep(POLL_S)


def main() -> int:
    parser = ArgumentParser(prog="klaroen_bench.kill_pending", description="Kill to next hand-over, a country pending.")
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--networks", type=int, default=NETWORKS)
    parser.add_argument("--kills", type=int, default=KILLS)
    options = parser.parse_args()
    report = measure(options.members, options.networks, options.kills)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if report["max_s"] <= MUST_S else 1


if __name__ == "__main__":
    sys.exit(main())
