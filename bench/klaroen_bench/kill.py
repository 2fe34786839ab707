"""`klaroen bench kill`: the real processes are killed again and again, at named points and at any moment, and audited.

Law: several small systems at once, each a process of its own with carriers of its own; here their results become one
table. The verdict is the audit's: 0 lost, 0 altered, nothing twice that was not counted beforehand as possible.
"""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL
from statistics import median
from typing import Any, Final, Protocol

import msgspec

from klaroen_bench.figures import Report, machine, percentiles, say, workshop
from klaroen_bench.kill_audit import FAULTS, next_index
from klaroen_bench.kill_system import Hit, Result, plan_for
from klaroen_bench.rig import PARENT, RigError

KEYED: Final = "beta"
"""The carrier that takes each attempt once, however often it is asked."""
TOGETHER_MAX: Final = 60
"""What one crash may double, of all carriers together: the rig's `unjournaled_max`."""
STRIKES: Final = {int(SIGKILL): "kill"}


class Options(Protocol):
    """klaroen.cli.laboratory.KillOptions."""

    @property
    def kills(self) -> int: ...
    @property
    def systems(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def keep(self) -> bool: ...
    @property
    def json(self) -> bool: ...


def run_kill(options: Options) -> int:
    """Kill, audit and report; return 0 if all held what is promised. Raises RigError where a system stood still."""
    began_s = time.monotonic()
    with workshop("kill", keep=options.keep) as directory:
        results = run_systems(directory, options.kills, options.systems, options.seed)
    report, sound = judge(results)
    report["wall_s"] = round(time.monotonic() - began_s, 1)
    say(report, as_json=options.json, title="Real processes, really killed")
    return 0 if sound else 1


def run_systems(directory: Path, kills: int, systems: int, seed: int) -> list[Result]:
    """Run them side by side, each with its share of the kills. Raises RigError."""
    shares = [kills // systems + (number < kills % systems) for number in range(systems)]
    running = [
        (directory / f"s{number}", _start(directory / f"s{number}", share, seed + number))
        for number, share in enumerate(shares)
        if share
    ]
    try:
        for place, process in running:
            if process.wait():
                raise RigError(f"a system stood still or cannot be audited: see {place}/log")
    finally:
        for _, process in running:
            process.terminate()
            process.wait()
    return [msgspec.json.decode((place / "result.json").read_bytes(), type=Result) for place, _ in running]


def _start(directory: Path, kills: int, seed: int) -> "subprocess.Popen[bytes]":
    directory.mkdir(parents=True)
    line = [sys.executable, "-m", "klaroen_bench.kill_system", str(directory), f"--kills={kills}", f"--seed={seed}"]
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(line, stdout=log, stderr=log, env={**os.environ, PARENT: str(os.getpid())})


# --- the report -----------------------------------------------------------------------------------------------------


def judge(results: Sequence[Result]) -> tuple[Report, bool]:
    """Return the report of all systems, and whether they held what is promised."""
    faults = {name: sum(one.verdict.faults[name] for one in results) for name in (*FAULTS, "strays")}
    kills = sum(hit.signal == SIGKILL for one in results for hit in one.hits)
    doubles = [double for one in results for double in one.verdict.doubles]
    by_carrier: dict[str, int] = defaultdict(int, {KEYED: 0})
    for double in doubles:
        by_carrier[double.carrier] += 1
    worst = max((max(_doubles_by_hit(one), default=0) for one in results), default=0)
    back_s = [hit.back_s for one in results for hit in one.hits if hit.back_s]
    sound = (
        all(one.verdict.sound for one in results)
        and by_carrier[KEYED] == 0
        and worst <= TOGETHER_MAX
        and len(doubles) <= kills
    )
    report: Report = {
        **machine(),
        "conditions": plan_for(results[0].seed).view() | {"systems": len(results)},
        "kills": kills,
        "stops": sum(len(one.hits) for one in results) - kills,
        "missed": sum(one.missed for one in results),
        "alerts": sum(one.verdict.alerts for one in results),
        "deliveries": sum(one.verdict.deliveries for one in results),
        "copies": sum(one.verdict.copies for one in results),
        **faults,
        "doubled": len(doubles),
        "doubled_by_carrier": dict(sorted(by_carrier.items())),
        "doubled_as_announced": sum(one.verdict.announced for one in results),
        "doubles_per_kill": round(len(doubles) / kills, 4),
        "doubled_by_one_kill_max": worst,
        "counted_beforehand": sum(one.verdict.possible for one in results),
        "late_proofs": sum(one.verdict.late_proofs for one in results),
        "asked_again": sum(one.refused for one in results),
        "restart_s": {**percentiles(back_s), "max": max(back_s, default=0.0)},
        "sound": sound,
        "offenders": {name: members for one in results for name, members in one.verdict.offenders.items()},
        "points": [*_rows(results)],
    }
    return report, sound


def _doubles_by_hit(result: Result) -> list[int]:
    """Return for each blow how many copies came twice of which the first left before it and after the one before."""
    counts = [0] * len(result.hits)
    instants = [hit.at_ms for hit in result.hits]
    for double in result.verdict.doubles:
        counts[next_index(double.first_at_ms, instants)] += 1
    return counts


def _marked_by_hit(result: Result) -> list[int]:
    """Return likewise how many attempts were counted as possibly doubled, by when they first left."""
    counts = [0] * len(result.hits)
    instants = [hit.at_ms for hit in result.hits]
    for at_ms in result.verdict.possible_at_ms:
        counts[next_index(at_ms, instants)] += 1
    return counts


def _rows(results: Iterable[Result]) -> Iterable[Mapping[str, Any]]:
    """Yield a row a process, point and signal."""
    found: dict[tuple[str, str, str], list[tuple[Hit, int, int]]] = defaultdict(list)
    for result in results:
        for hit, doubled, marked in zip(result.hits, _doubles_by_hit(result), _marked_by_hit(result), strict=True):
            found[hit.role, hit.point, STRIKES.get(hit.signal, "stop")].append((hit, doubled, marked))
    for (role, point, strike), hits in sorted(found.items()):
        back_s = [hit.back_s for hit, _, _ in hits if hit.back_s]
        yield {
            "process": role,
            "point": point,
            "signal": strike,
            "times": len(hits),
            "doubled": sum(doubled for _, doubled, _ in hits),
            "counted_beforehand": sum(marked for _, _, marked in hits),
            "restart_s_median": round(median(back_s), 2) if back_s else None,
            "restart_s_max": round(max(back_s), 2) if back_s else None,
        }
