"""Real processes for a while under a steady stream of alerts: memory and descriptors of each must not grow.

Law: what the kernel says of each process, once a second, and nothing is asked of the engine. It is warm once all that
fills to a bound has had time to: what grows from then on grows with the alerts, and is told in octets an alert. Alerts
are audited like those of the kills. Run `python -m klaroen_bench.soak`: one JSON object, exit 1 if any grew.
"""

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from msgspec import Struct

from klaroen_bench.audience import read_register
from klaroen_bench.figures import machine, workshop
from klaroen_bench.kill_audit import Alert, audit_all
from klaroen_bench.kill_stream import Stream
from klaroen_bench.kill_system import END_S, OPEN_MAX, plan_for
from klaroen_bench.latency import networks_of
from klaroen_bench.poisson import Order, post_at_random
from klaroen_bench.rig import Program, Rig, RigError
from klaroen_bench.soak_leak import LEAK, MODULE

ROLES: Final = ("edge", "dispatch", "voice")
EVERY_S: Final = 1.0
"""An alert a second to some forty people: 2,400 messages a minute."""
LOOK_S: Final = 1.0
DRILLS: Final = 1_200
"""Before the stream: the edge remembers the last 1,000 alerts that are over, and each connection of the store 2 MB of
what it read and wrote. Their carriers are simulated within dispatch, so that nothing of them is in the ledgers."""
DRILLS_PER_S: Final = 20.0
WARM_S: Final = 240.0
"""Of the stream: a voice process remembers a call for 180 s, and a clip for 60 s; a batch waits for proof for 8 s."""
GROWTH_OCTETS_MAX: Final = 4_000
"""An alert. What is kept of one on purpose are its carriers' ids for four days, 12 octets a message in two or three
arrays, and its timer until it expires: some 1,700 octets in dispatch. The rest is for what pages round up to: one
megabyte in the eight minutes between the fifths that are compared."""
GROWTH_DESCRIPTORS_MAX: Final = 4
"""A connection or two that happens to be open when it is counted."""
MB: Final = 1e6


class Sample(Struct, frozen=True):
    """A process at one moment, and how many alerts had been posted by then."""

    alerts: int
    rss_mb: float
    descriptors: int


def soak(minutes: float, leak_octets: int = 0) -> dict[str, Any]:
    """Warm up, then watch for so many minutes. Raises RigError, StreamError, AuditError."""
    program = Program(MODULE, {LEAK: str(leak_octets)}) if leak_octets else Program()
    with workshop("soak", keep=False) as directory, Rig(directory / "rig", plan_for(1), program=program) as rig:
        networks = networks_of(rig.country)
        cold = {role: weigh(rig.pid(role), 0) for role in ROLES}
        drill(rig, networks)
        with Stream(rig, networks, 1, OPEN_MAX, EVERY_S) as stream:
            for _ in watch(rig, stream, WARM_S):
                pass
            looks = list(watch(rig, stream, 60.0 * minutes))
            stream.end(END_S)
            rig.flush_ledgers()
            alerts = {
                name: Alert(posted, stream.last[name], list(rig.deliveries(name)))
                for name, posted in stream.posted.items()
            }
        country = rig.country
        register = read_register(country / "members.csv", country / "networks.jsonl", country / "zones.jsonl")
        verdict = audit_all(register, alerts, rig.ledgers(), rig.data_dir / "clips")
    processes = {role: judge(cold[role], [look[role] for look in looks]) for role in ROLES}
    return {
        **machine(),
        "minutes": minutes,
        **({"leak_octets": leak_octets} if leak_octets else {}),
        "drills": DRILLS,
        "alerts": verdict.alerts,
        "copies": verdict.copies,
        **verdict.faults,
        "processes": processes,
        "flat": verdict.sound and all(one["flat"] for one in processes.values()),
    }


def drill(rig: Rig, networks: Sequence[str]) -> None:
    """Fill what remembers the latest alerts. Raises RigError where one is refused."""
    content = {language: {"text": "Oefening."} for language in ("nl", "fr", "de")}
    orders = [
        Order(
            f"drill-{number}",
            json.dumps(
                {
                    "class": "warm",
                    "mode": "drill",
                    "targets": {"networks": [networks[number % len(networks)]]},
                    "content": content,
                }
            ).encode(),
        )
        for number in range(DRILLS)
    ]
    for shot in post_at_random(rig.ports()["edge"], rig.tokens["police"], orders, DRILLS_PER_S, 1):
        if shot.status != 202:
            raise RigError(f"a drill was refused: {shot.status} {shot.answer}")


def watch(rig: Rig, stream: Stream, seconds: float) -> Iterator[Mapping[str, Sample]]:
    """Yield how each process is, look by look."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stream.check()
        yield {role: weigh(rig.pid(role), len(stream.posted)) for role in ROLES}
        time.sleep(LOOK_S)


def weigh(pid: int, alerts: int) -> Sample:
    """Look at the memory that a process holds now, and at its descriptors."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Sample(alerts, pages * 4096 / MB, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))


def judge(cold: Sample, looks: Sequence[Sample]) -> Mapping[str, Any]:
    """Compare the first fifth of the time with the last, each by its median."""
    fifth = max(1, len(looks) // 5)
    early, late = middle(looks[:fifth]), middle(looks[-fifth:])
    octets = round((late.rss_mb - early.rss_mb) * MB / max(1, late.alerts - early.alerts))
    return {
        "rss_mb": [round(one.rss_mb, 1) for one in (cold, early, late)],
        "rss_mb_max": round(max(one.rss_mb for one in looks), 1),
        "octets_an_alert": octets,
        "descriptors": [one.descriptors for one in (cold, early, late)],
        "flat": octets <= GROWTH_OCTETS_MAX and late.descriptors - early.descriptors <= GROWTH_DESCRIPTORS_MAX,
    }


def middle(looks: Sequence[Sample]) -> Sample:
    return Sample(
        round(median(one.alerts for one in looks)),
        median(one.rss_mb for one in looks),
        round(median(one.descriptors for one in looks)),
    )


def main() -> int:
    parser = ArgumentParser(prog="klaroen_bench.soak", description="A steady stream of alerts, and what it costs.")
    parser.add_argument("--minutes", type=float, default=10.0, help="watched, after five of warming up")
    parser.add_argument("--leak", type=int, default=0, metavar="OCTETS", help="have each process lose so much an alert")
    options = parser.parse_args()
    report = soak(options.minutes, options.leak)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0 if report["flat"] else 1


if __name__ == "__main__":
    sys.exit(main())
