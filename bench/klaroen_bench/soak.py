"""Real processes for a while under a steady stream of alerts: memory and descriptors of each must not grow.

Law: what the kernel says of each process, once a second; the first fifth is warming up, and is not judged. Alerts are
audited like those of the kills. Run `python -m klaroen_bench.soak --minutes 10`: one JSON object, exit 1 if any grew.
"""

import json
import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from klaroen_bench.audience import read_register
from klaroen_bench.figures import machine, workshop
from klaroen_bench.kill_audit import Alert, audit_all
from klaroen_bench.kill_stream import Stream
from klaroen_bench.kill_system import END_S, OPEN_MAX, plan_for
from klaroen_bench.latency import networks_of
from klaroen_bench.rig import Rig

ROLES: Final = ("edge", "dispatch", "voice")
EVERY_S: Final = 1.0
"""An alert a second to some forty people: 2,400 messages a minute."""
LOOK_S: Final = 1.0
GROWTH_SHARE_MAX: Final = 0.05
GROWTH_MB_MAX: Final = 3.0
"""Of which dispatch owes a part to the carriers' ids that it keeps for four days, 12 bytes a message."""
GROWTH_DESCRIPTORS_MAX: Final = 4
"""A connection or two that happens to be open when it is counted."""


def soak(minutes: float) -> dict[str, Any]:
    """Raises RigError, StreamError, AuditError."""
    samples: dict[str, list[tuple[float, int]]] = defaultdict(list)
    with workshop("soak", keep=False) as directory, Rig(directory / "rig", plan_for(1)) as rig:
        with Stream(rig, networks_of(rig.country), 1, OPEN_MAX, EVERY_S) as stream:
            until = time.monotonic() + 60.0 * minutes
            while time.monotonic() < until:
                stream.check()
                for role in ROLES:
                    samples[role].append(weigh(rig.pid(role)))
                time.sleep(LOOK_S)
            stream.end(END_S)
            rig.flush_ledgers()
            alerts = {
                name: Alert(posted, stream.last[name], list(rig.deliveries(name)))
                for name, posted in stream.posted.items()
            }
        country = rig.country
        register = read_register(country / "members.csv", country / "networks.jsonl", country / "zones.jsonl")
        verdict = audit_all(register, alerts, rig.ledgers(), rig.data_dir / "clips")
    processes = {role: judge(some) for role, some in samples.items()}
    return {
        **machine(),
        "minutes": minutes,
        "alerts": verdict.alerts,
        "copies": verdict.copies,
        **verdict.faults,
        "processes": processes,
        "flat": verdict.sound and all(one["flat"] for one in processes.values()),
    }


def weigh(pid: int) -> tuple[float, int]:
    """Return the memory that a process holds now, in MB, and how many descriptors."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def judge(samples: Sequence[tuple[float, int]]) -> Mapping[str, Any]:
    """Compare the second fifth of the time with the last."""
    fifth = max(1, len(samples) // 5)
    early, late = samples[fifth : 2 * fifth] or samples, samples[-fifth:]
    early_mb, late_mb = (round(median(mb for mb, _ in some), 1) for some in (early, late))
    early_open, late_open = (round(median(count for _, count in some)) for some in (early, late))
    grown_mb = late_mb - early_mb
    return {
        "rss_mb": [early_mb, late_mb],
        "rss_mb_max": round(max(mb for mb, _ in samples), 1),
        "descriptors": [early_open, late_open],
        "flat": grown_mb <= max(GROWTH_MB_MAX, GROWTH_SHARE_MAX * early_mb)
        and late_open - early_open <= GROWTH_DESCRIPTORS_MAX,
    }


def main() -> int:
    parser = ArgumentParser(prog="klaroen_bench.soak", description="A steady stream of alerts, and what it costs.")
    parser.add_argument("--minutes", type=float, default=10.0)
    report = soak(parser.parse_args().minutes)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if report["flat"] else 1


if __name__ == "__main__":
    sys.exit(main())
