"""What goes on beside every case of `klaroen bench load`: warm alerts to one small network each, really sent.

Law: they come as a Poisson process and are timed from the instant at which each was meant to be posted; of a case, all
of them get their 202 and are handed over.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from klaroen_bench.alerting import body, instant_s, read_status
from klaroen_bench.figures import Report, percentiles
from klaroen_bench.musts import Must, at_most, exactly
from klaroen_bench.poisson import Order, Shot, post_at_random
from klaroen_bench.rig import Rig

FIRST_MS: Final = 250.0
"""From an alert's instant to its first hand-over, p99, whatever goes on beside (design 8)."""
ACCEPT_MS: Final = 250.0
"""And to its 202: beyond capacity ten times as long as within it."""
FOLLOW_S_MAX: Final = 60.0
POLL_S: Final = 0.1


class Sizes(Struct, frozen=True):
    """How much of everything comes."""

    beside: int = 500
    """Alerts beside each case: the fewest of which a percentile is told."""
    beside_per_s: float = 50.0
    burst: int = 1_500
    burst_per_s: float = 150.0
    """Beside the others: two hundred a second together."""
    nationals: int = 10
    eta_after_s: float = 3.0
    """After they were posted they are asked how long it will take."""
    slow: int = 10_000
    slow_s: float = 5.0
    """Before alerts are posted beside slow callers: by then all of them have come."""
    consoles: int = 200
    large: int = 20
    large_bytes: int = 100 * 1024 * 1024
    flood: int = 8
    strangers: int = 20
    register: int = 1_000_000


class Case(Struct, frozen=True):
    """What came of a case: a row of the report, what must hold of it, how many deliveries were open at most."""

    row: Report
    musts: Sequence[Must]
    open_deliveries: int
    unmatched: int = 0
    """Receipts that dispatch may keep in the end, since they match nothing yet."""
    undrained: int = 0
    """Receipts that may be durable and not applied meanwhile."""


class Scene(Struct, frozen=True):
    """What every case is given."""

    rig: Rig
    sizes: Sizes
    networks: Sequence[str]
    """Small ones: what is beside a load must not be one."""
    members: int


def small_networks(country: Path, count: int = 40) -> list[str]:
    """Return the smallest networks that an alert can go to."""
    rows = [json.loads(line) for line in (country / "networks.jsonl").read_text("utf-8").splitlines()]
    sound = [row["id"] for row in rows if row.get("recognised", True) and not row.get("stopped")]
    sizes = Counter(line.split(",")[1] for line in (country / "members.csv").read_text("utf-8").splitlines()[1:])
    return sorted((name for name in sound if sizes[name] > 1), key=lambda name: (sizes[name], name))[:count]


def beside(scene: Scene, name: str) -> list[Shot]:
    """Post alerts to one small network each, until all of them have been answered."""
    sizes, rig = scene.sizes, scene.rig
    orders = [
        Order(f"{name}-{i}", json.dumps(body({"networks": [scene.networks[i % len(scene.networks)]]})).encode())
        for i in range(sizes.beside)
    ]
    return post_at_random(rig.ports()["edge"], rig.tokens["police"], orders, sizes.beside_per_s, 1)


def judge(
    scene: Scene,
    name: str,
    shots: Sequence[Shot],
    *musts: Must,
    opened: int = 0,
    unmatched: int = 0,
    undrained: int = 0,
    **more: Any,
) -> Case:
    """Follow what was posted beside; return the case, with what must hold of all of them."""
    answers = Counter(str(shot.status) for shot in shots)
    firsts = [_first_ms(scene.rig, shot) for shot in shots if shot.status == 202]
    handed = [one for one in firsts if one is not None]
    accept_ms, first_ms = percentiles([shot.accept_ms for shot in shots]), percentiles(handed)
    row: Report = {
        "case": name,
        "beside": dict(answers),
        "handed_over": len(handed),
        "accept_ms": accept_ms,
        "first_handover_ms": first_ms,
        **more,
    }
    common = (
        exactly(name, "warm alerts beside that got their 202", answers["202"], len(shots)),
        exactly(name, "warm alerts beside that were handed over", len(handed), len(shots)),
        at_most(name, "ms to their 202, p99", accept_ms["p99"], ACCEPT_MS),
        at_most(name, "ms to their first hand-over, p99", first_ms["p99"], FIRST_MS),
    )
    deliveries = opened + sum(shot.answer.get("members", 0) for shot in shots)
    return Case(row, (*common, *musts), deliveries, unmatched, undrained)


def _first_ms(rig: Rig, shot: Shot) -> float | None:
    """Return how long after its instant the alert's first message was handed over; None if none ever was."""
    until = time.monotonic() + FOLLOW_S_MAX
    while (at := read_status(rig, shot.answer["id"])["first_handover_at"]) is None:
        if time.monotonic() > until:
            return None
        time.sleep(POLL_S)
    return (instant_s(at) - shot.intended_at_s) * 1000
