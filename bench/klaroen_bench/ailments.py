"""`klaroen bench faults`: one of two carriers dies in each of the ways in which carriers die, while streets are warned.

Law: warm alerts to one network each come as a Poisson process throughout; what Klaroen thinks of the carrier is read
from its own API ten times a second, what the carrier got from its raw ledger, and when handsets rang from both ledgers.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from klaroen.cli.laboratory import BenchOptions
from klaroen_bench.ailing import AILMENTS, Ailment, Glance, Spell, busiest_second, read_moved
from klaroen_bench.arrivals import arrivals_ms, mark
from klaroen_bench.carriers.ledger import ACCEPTED, LedgerReader
from klaroen_bench.figures import Report, machine, percentiles, ratio, say, workshop
from klaroen_bench.latency import networks_of, order_of
from klaroen_bench.meter import Meter
from klaroen_bench.musts import Must, all_hold, at_least, at_most, happens, near_idle
from klaroen_bench.musts import rows as musts_rows
from klaroen_bench.poisson import Caller, Order, Shot, post_at_random
from klaroen_bench.rig import Conditions, Plan, Rig, RigError, SmsCarrier

RATE_PER_S: Final = 1_000.0
"""Segments a second of each carrier, as it drains and as the engine is told."""
ALERTS_PER_S: Final = 5.0
"""Half of what the carrier that is left can carry: networks have some ninety members."""
LOOK_S: Final = 0.1
SICK: Final = "alpha"
MOVED_S: Final = 5.0
WITHIN: Final = f"within_{MOVED_S:g}_s"
MOVED_SHARE: Final = 0.99
NOTICED_S: Final = 30.0
BURST_S: Final = 0.1
"""A carrier's rate may be saved up for so long: in one second it may get its rate and that."""


class Course(Struct, frozen=True):
    """What befalls the carrier, one after the other, and for how long it is watched."""

    ailments: tuple[Ailment, ...] = AILMENTS
    idle_s: float = 20.0
    rest_s: float = 2.0
    """Between two spells: what is under way at the end of the one is not to be hit by the next."""
    settle_s: float = 20.0
    """Until what was in doubt is decided: the deadline of an answer, and the grace after it."""


class Watched(Struct, frozen=True):
    spell: Spell
    shots: Sequence[Shot]
    first: int
    """The number of the first alert's mark."""


def run_ailments(options: BenchOptions, course: Course = Course()) -> int:  # noqa: B008 - frozen
    """Report what was seen; return 1 if a must does not hold."""
    started = time.monotonic()
    conditions = Conditions(drain_per_s=RATE_PER_S)
    carriers = tuple(SmsCarrier(name, rate_per_s=RATE_PER_S) for name in (SICK, "beta"))
    plan = Plan(options.members, options.networks, options.seed, conditions, carriers, sms_s=60.0)
    with workshop("faults", keep=options.keep) as directory, Rig(directory, plan) as rig:
        networks = networks_of(rig.country)
        meter = Meter(rig)
        idle = Ailment("idle", course.idle_s, {"do": "counters"}, after_s=0.0)
        watched: list[Watched] = []
        for ailment in (idle, *course.ailments):
            first = watched[-1].first + len(watched[-1].shots) if watched else 0
            watched.append(watch(rig, ailment, networks, first, options.seed + first))
            time.sleep(course.rest_s)
        time.sleep(course.settle_s)
        rig.flush_ledgers()
        arrivals = arrivals_ms(rig.directory / f"{name}.ledger" for name in rig.carriers)
        rows = [judge(rig, one, arrivals) for one in watched]
        busiest = {name: busiest_second(_accepted_s(rig, name)) for name in rig.carriers}
        throughout = percentiles([late for one in watched[1:] for late in handset_ms(one, arrivals)], 0.5, 0.95, 0.99)
        musts = [*musts_of(rows, throughout), *_rates(busiest)]
        report: Report = {
            **machine(),
            "conditions": plan.conditions.view() | {"alerts_per_s": ALERTS_PER_S},
            "runs": 1,
            "holds": all_hold(musts),
            "musts": musts_rows(musts),
            "faults": [row | {"ratio_p99": _ratio(row, rows[0])} for row in rows],
            "handset_ms": {"idle": rows[0]["handset_ms"], "throughout": throughout},
            "busiest_second": busiest,
            "rate_per_s": RATE_PER_S,
            "cpu_s": meter.cpu_s(),
            "peak_rss_mb": meter.peak_rss_mb(),
            "wall_s": round(time.monotonic() - started, 1),
        }
    say(report, as_json=options.json, title="Carriers that die")
    return 0 if report["holds"] else 1


def musts_of(rows: Sequence[Report], throughout: Mapping[str, float | None]) -> Iterator[Must]:
    """Yield what must be seen of each spell, `rows[0]` being idle."""
    idle, *spells = rows
    for row in spells:
        name = row["fault"]
        yield happens(name, "it is noticed", row["noticed_s"])
        yield at_most(name, "s until it is noticed", row["noticed_s"], NOTICED_S)
        yield at_least(name, f"of what it had not taken, the share moved in {MOVED_S:g} s", row[WITHIN], MOVED_SHARE)
        yield happens(name, "it is used again once it is well", row["well_s"])
    yield near_idle("throughout", "ms to the handset, p99", throughout["p99"], idle["handset_ms"]["p99"])


def _rates(busiest: Mapping[str, int]) -> Iterator[Must]:
    for name, most in busiest.items():
        yield at_most(name, "segments in its busiest second", most, RATE_PER_S * (1 + BURST_S))


def _ratio(row: Report, idle: Report) -> float | None:
    return ratio(row["handset_ms"]["p99"], idle["handset_ms"]["p99"])


def _accepted_s(rig: Rig, carrier: str) -> list[float]:
    ledger = LedgerReader(rig.directory / f"{carrier}.ledger")
    return [entry.at_ns / 1e9 for entry in ledger if entry.kind == ACCEPTED]


# --- one spell ------------------------------------------------------------------------------------------------------


def watch(rig: Rig, ailment: Ailment, networks: Sequence[str], first: int, seed: int) -> Watched:
    """Have one carrier ail while alerts are posted; return when it was seen to be what. Raises RigError."""
    count = round(ALERTS_PER_S * (ailment.seconds + ailment.after_s))
    orders = [
        Order(f"{ailment.name}-{i}", order_of(networks[(first + i) % len(networks)], mark(first + i)))
        for i in range(count)
    ]
    over = threading.Event()
    glances: list[Glance] = []
    looking = threading.Thread(target=_look, args=(rig, over, glances))
    begun_at_s = time.time()
    sick = rig.carriers[SICK]
    sick.command(ailment.begin)
    ending = threading.Timer(ailment.seconds, sick.command, (ailment.end or {"do": "counters"},))
    for thread in (looking, ending):
        thread.start()
    try:
        shots = post_at_random(rig.ports()["edge"], rig.tokens["police"], orders, ALERTS_PER_S, seed)
    finally:
        over.set()
        ending.join()
        looking.join()
    refused = [shot for shot in shots if shot.status != 202]
    if refused:
        raise RigError(f"an alert was not accepted: {refused[0].status} {refused[0].answer}")
    return Watched(Spell(ailment, begun_at_s, begun_at_s + ailment.seconds, glances), shots, first)


def _look(rig: Rig, over: threading.Event, glances: list[Glance]) -> None:
    caller = Caller(rig.ports()["edge"], rig.tokens["operator"])
    while not over.wait(LOOK_S):
        _, page = caller.get("/v1/carriers")
        one = next(one for one in page["items"] if one["name"] == SICK)
        glances.append(Glance(time.time(), one["health"], one["breaker"], one["up"]))
    caller.close()


def handset_ms(watched: Watched, arrivals: Mapping[int, Sequence[float]]) -> Iterator[float]:
    """Yield how long after its alert was to be posted each copy came."""
    for number, shot in enumerate(watched.shots, watched.first):
        for at_ms in arrivals.get(number, ()):
            yield at_ms - shot.intended_at_s * 1000


def judge(rig: Rig, watched: Watched, arrivals: Mapping[int, Sequence[float]]) -> Report:
    """Return the figures of one spell."""
    spell, in_doubt = watched.spell, 0
    waits: list[float] = []
    for shot in watched.shots:
        moved = read_moved(rig.deliveries(shot.answer["id"]), SICK, shot.intended_at_s, spell)
        waits += moved.waits_s
        in_doubt += moved.in_doubt
    came = list(handset_ms(watched, arrivals))
    figures: dict[str, Any] = {
        "fault": spell.ailment.name,
        "seconds": spell.ailment.seconds,
        "noticed_s": spell.noticed_s,
        "called": spell.seen,
        "well_s": spell.well_s,
        "alerts": len(watched.shots),
        "messages": len(waits) + in_doubt,
        "in_doubt": in_doubt,
        "copies": len(came),
        "moved_s": percentiles(waits, 0.5, 0.99),
        WITHIN: round(sum(one <= MOVED_S for one in waits) / max(1, len(waits)), 5),
        "handset_ms": percentiles(came, 0.5, 0.95, 0.99),
    }
    return figures
