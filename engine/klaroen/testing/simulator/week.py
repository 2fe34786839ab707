"""A week of traffic in virtual time: warm alerts to one network all day, some to everybody, and a cold mail a day.

Law: what dispatch holds at the end of a day is measured when nothing is open; the books of the whole week must balance:
what far ends were handed is what alerts count, and each member has exactly one state.
"""

import gc
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import trio
from msgspec import Struct
from msgspec.structs import replace
from trio.testing import MockClock

from klaroen.core.account import Account
from klaroen.core.model import AlertId, CarrierName, Plan, Window
from klaroen.register.model import Register
from klaroen.settings import ClassSteps, Steps
from klaroen.testing import country
from klaroen.testing.far_end import FarEnd
from klaroen.testing.simulator.fates import script
from klaroen.testing.simulator.many import quiet
from klaroen.testing.simulator.play import TMPFS, chosen_by
from klaroen.testing.world import World

NETWORKS: Final = 40
MEMBERS_EACH: Final = 25
"""A country of a thousand people: every alert to everybody is twenty-five times the size of one to a street."""
WARM_A_DAY: Final = 300
NATIONAL_A_DAY: Final = 2
DAY_S: Final = 86_400
PAGE: Final = 4_096
STEPS: Final = ClassSteps(sms_s=20.0, email_s=20.0, grace_s=5.0)
SETTLED_DAY: Final = 5
"""From the end of the fourth on, a day forgets as many carriers' ids as it brings: then nothing more may grow."""
GROWTH_OCTETS_MAX: Final = 3_000
"""An alert, from the fifth day to the last: what pages round up to, 2 MB in two days."""
GROWTH_BLOCKS_MAX: Final = 5.0
"""An alert, in the same time: what Python has given out, which no page rounds up. One that stays has hundreds."""
KEPT_GROWTH_MAX: Final = 1.10
"""Days differ by what chance brings."""
MB: Final = 2**20


class Day(Struct, frozen=True):
    """How a day ended: sums of that day, and what is held at its end."""

    day: int
    alerts: int
    handed_over: int
    reached: int
    rss_mb: float
    blocks: int
    """What Python has given out and not got back, after a collection."""
    kept: int
    """Entries in what dispatch keeps of alerts that are over."""


class Growth(Struct, frozen=True):
    """By how much memory grew with each alert once it was settled."""

    octets_an_alert: int
    blocks_an_alert: float


def growth_of(days: Sequence[Day]) -> Growth | None:
    """Return None of a week that ended before anything was settled."""
    settled, last = days[:SETTLED_DAY][-1], days[-1]
    alerts = sum(day.alerts for day in days[SETTLED_DAY:])
    if not alerts:
        return None
    octets, blocks = (last.rss_mb - settled.rss_mb) * MB, last.blocks - settled.blocks
    return Growth(round(octets / alerts), round(blocks / alerts, 1))


def grown(days: Sequence[Day]) -> list[str]:
    """Return what grew that should not, in words."""
    growth, faults = growth_of(days), []
    if growth is None:
        return []
    if growth.octets_an_alert > GROWTH_OCTETS_MAX:
        faults.append(f"memory grew by {growth.octets_an_alert} octets an alert after day {SETTLED_DAY}")
    if growth.blocks_an_alert > GROWTH_BLOCKS_MAX:
        faults.append(f"Python's memory grew by {growth.blocks_an_alert} blocks an alert after day {SETTLED_DAY}")
    if days[-1].kept > KEPT_GROWTH_MAX * days[SETTLED_DAY - 1].kept:
        faults.append(f"what is kept grew from {days[SETTLED_DAY - 1].kept} to {days[-1].kept} entries")
    return faults


class Week(Struct, frozen=True):
    days: tuple[Day, ...]
    growth: Growth | None
    faults: tuple[str, ...]
    """What does not add up; nothing, if the books balance and the memory is flat."""


def play_week(days: int = 7, seed: int = 1, tell: Callable[[Day], None] = lambda _day: None) -> Week:
    """Play so many days; `tell` hears of each as it ends."""
    directory = Path(tempfile.mkdtemp(prefix="klaroen-world-", dir=TMPFS if TMPFS.is_dir() else None))
    clock = MockClock(autojump_threshold=0)
    try:
        with chosen_by(seed), quiet():
            return trio.run(_play, days, seed, directory, clock, tell, clock=clock)
    finally:
        shutil.rmtree(directory)


async def _play(days: int, seed: int, directory: Path, clock: MockClock, tell: Callable[[Day], None]) -> Week:
    texts = FarEnd("texts", script(seed, "good", (), trio.current_time))
    mails = FarEnd("mails", script(seed, "good", (), trio.current_time))
    world = World(
        directory, clock, [texts, mails], _country(), calls=None, seed=seed,
        carriers={"texts": {"rate_per_s": 500.0, "cost_eur": 0.05}, "mails": {"channels": ("email",)}},
        steps=Steps(crisis=STEPS, warm=STEPS, public_interest=STEPS, cold=STEPS),
    )  # fmt: skip
    seen: list[Day] = []
    faults: list[str] = []
    async with world.running():
        begins_s = trio.current_time()
        for day in range(days):
            alerts = await _post(world, random.Random(f"{seed} day {day}"), begins_s + day * DAY_S)
            await trio.sleep_until(begins_s + (day + 1) * DAY_S - 60)
            await world.until(lambda: world.desk.at_rest and not world.desk.something_to_write)
            seen.append(_measure(world, day + 1, alerts, faults))
            tell(seen[-1])
            for end in world.ends.values():
                end.forget()
    return Week(tuple(seen), growth_of(seen), (*faults, *grown(seen)))


def _country() -> Register:
    texts, mails = (Window("00:00", "24:00", ("sms",)),), (Window("00:00", "24:00", ("email",)),)
    plan = Plan(1, "2020-01-01", texts, mails)
    whole = country.register([country.network(number + 1, plans=(plan,)) for number in range(NETWORKS)], MEMBERS_EACH)
    members = tuple(replace(one, email=country.mail(one.number)) for one in whole.members)
    return replace(whole, members=members)


async def _post(world: World, chance: random.Random, begins_s: float) -> list[str]:
    """Post a day's alerts at their times; return them."""
    hours = [(chance.uniform(0, DAY_S - 1_800), "warm") for _ in range(WARM_A_DAY)]
    hours += [(chance.uniform(0, DAY_S - 1_800), "national") for _ in range(NATIONAL_A_DAY)]
    hours.append((10 * 3600.0, "cold"))
    alerts = []
    for at_s, kind in sorted(hours):
        await trio.sleep_until(begins_s + at_s)
        network = f"BIN-{chance.randrange(NETWORKS) + 1:04}"
        targets = {"networks": [network]} if kind == "warm" else {"all": True}
        alert_class = "cold" if kind == "cold" else "warm"
        sent = await world.send(**{"class": alert_class}, targets=targets, expires_in_s=600)
        alerts.append(sent.id)
    return alerts


def _measure(world: World, day: int, alerts: list[str], faults: list[str]) -> Day:
    """Hold the day's alerts against what far ends were handed."""
    counts: Counter[str] = Counter()
    for alert in alerts:
        row = world.desk.store.alert(AlertId(alert))
        assert row is not None, "an alert that was answered is gone"
        if row.final is None:
            faults.append(f"day {day}: alert {alert} is still open")
            continue
        account = Account.reopen(world.audience(alert), row.final)
        counts["members"] += row.alert.members
        counts["states"] += sum(account.counts)
        counts["pending"] += account.counts[0]
        counts["reached"] += account.count("reached")
        counts["flown"] += sum(tally.flown for tally in account.tallies.values())
    handed = len(world.handed)
    if (counts["members"], counts["pending"]) != (counts["states"], 0):
        faults.append(f"day {day}: {counts['members']} members, {counts['states']} states, {counts['pending']} pending")
    if counts["flown"] != handed:
        faults.append(f"day {day}: {counts['flown']} attempts are counted, {handed} were handed over")
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    rss_mb = round(pages * PAGE / MB, 2)
    return Day(day, len(alerts), handed, counts["reached"], rss_mb, sys.getallocatedblocks(), _kept(world))


def _kept(world: World) -> int:
    """Count what is kept of alerts that are over."""
    desk, stations = world.desk, list(world.desk.stations.values())
    over = (
        sum(len(closed) for closed in desk.closed.values())
        + len(desk.alerts)
        + len(desk.backlog)
        + sum(map(len, desk.late.values()))
    )
    found = sum(len(one.refs) + len(one.attempts) + len(one.unsettled) + len(one.in_flight) for one in stations)
    return over + found + sum(len(world.desk.stations[CarrierName(name)].calls) for name in world.ends)
