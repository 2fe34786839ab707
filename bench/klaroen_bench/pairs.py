"""This checkout beside another one: the CPU that a message costs dispatch, alert by alert in turn.

Law: a machine's speed changes by the minute, so only the ratio of two neighbouring runs means anything, and of those
the median. Each checkout runs in processes of its own, with its own benches; this file alone is the same for both.
Run: python -m klaroen_bench.pairs OTHER_CHECKOUT [--pairs 10] [--members 100000]
"""

import json
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from statistics import median
from typing import Final

HERE: Final = Path(__file__).resolve().parents[2]
SMS_S: Final = 60.0
"""No successor of a silent SMS falls into the measured time."""


def cost_us(checkout: Path, members: int) -> float:
    """Return microseconds of dispatch's CPU a message. Raises CalledProcessError."""
    path = os.pathsep.join(str(checkout / folder) for folder in ("engine", "adapters", "bench"))
    command = [sys.executable, "-P", __file__, str(checkout), "--members", str(members), "--one"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def measure_one(members: int) -> float:
    """Warn everybody by SMS twice, the first time unmeasured; return what `cost_us` does, of what is on the path."""
    from klaroen_bench.alerting import body, finish, post_and_settle
    from klaroen_bench.rig import Plan, Rig

    order = body({"all": True}, channels=["sms"])
    with (
        tempfile.TemporaryDirectory() as directory,
        Rig(Path(directory), Plan(members, max(1, members * 1059 // 100_000), 1, sms_s=SMS_S)) as rig,
    ):
        finish(rig, post_and_settle(rig, order, "first").alert)
        settled = post_and_settle(rig, order, "second")
        return float(settled.cpu_s["dispatch"] / settled.status["channels"]["sms"]["handed_over"] * 1e6)


def main() -> None:
    parser = ArgumentParser(prog="klaroen_bench.pairs")
    parser.add_argument("other", type=Path, help="the checkout to compare with; it needs no environment of its own")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--one", action="store_true", help="measure what is on PYTHONPATH, once")
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(f"{measure_one(options.members)}\n")
        return
    pairs = []
    for number in range(options.pairs):
        order = (HERE, options.other) if number % 2 else (options.other, HERE)
        found = {checkout: cost_us(checkout, options.members) for checkout in order}
        pairs.append((found[HERE], found[options.other]))
    report = {
        "pairs": len(pairs),
        "here_us": [round(here, 2) for here, _ in pairs],
        "other_us": [round(other, 2) for _, other in pairs],
        "median_ratio": round(median(here / other for here, other in pairs), 3),
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
