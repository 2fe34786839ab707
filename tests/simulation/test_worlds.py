"""Worlds from seeds: every promise is kept in two hundred of them, and each is caught where it is broken on purpose."""

import os
import subprocess
import sys

import pytest

from klaroen.testing.simulator import invariants
from klaroen.testing.simulator.drawing import draw
from klaroen.testing.simulator.many import FEW, play_many, play_some
from klaroen.testing.simulator.play import play
from klaroen.testing.simulator.scenario import Cut
from klaroen.testing.simulator.shrink import command, shrink
from klaroen.testing.simulator.shuffles import MEMBERS, shuffle_many
from klaroen.testing.simulator.week import GROWTH_BLOCKS_MAX, GROWTH_OCTETS_MAX, MB, Day, grown, growth_of, play_week

WORLDS = int(os.environ.get("KLAROEN_WORLDS", "200"))
SMALL = Cut(members=6)


@pytest.mark.parametrize("handful", range(10))
def test_every_promise_is_kept(handful) -> None:
    """In worlds of few members, where a process, a disk, a clock or a carrier fails; larger ones: klaroen simulate."""
    for seed in range(handful, WORLDS, 10):
        played = play(SMALL.of(draw(seed)))
        assert not played.promise, f"{command(seed, SMALL)}: {played.promise} {played.facts}"


def test_a_seed_goes_the_same_way_in_every_process() -> None:
    """Event by event, whatever the hashes of strings are."""
    words = "from klaroen.testing.simulator.many import play_some; print(play_some([11])[0].digest)"
    digests = {play_some([11])[0].digest}
    for hashing in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hashing}
        ran = subprocess.run([sys.executable, "-c", words], env=environment, capture_output=True, text=True, check=True)
        digests.add(ran.stdout.strip())
    assert 1 == len(digests)


def test_many_worlds_are_shared_out() -> None:
    """Each seed is played once, whichever process plays it."""
    played = sorted(play_many(range(FEW + 1), processes=2), key=lambda one: one.seed)
    assert list(range(FEW + 1)) == [one.seed for one in played]
    assert play_some([3])[0] == played[3]


def test_receipts_end_the_same_in_any_order() -> None:
    """Five orders here, some receipts twice; a thousand: klaroen simulate --shuffles 1000."""
    shuffled = shuffle_many(5)
    assert 1 == shuffled.ends
    assert 0 < shuffled.reached < MEMBERS
    assert shuffled.repeated


def test_a_day_of_the_week_balances(monkeypatch) -> None:
    """A quiet one: what is handed over is what is counted, and nothing is left open; all seven: simulate --week."""
    monkeypatch.setattr("klaroen.testing.simulator.week.WARM_A_DAY", 6)
    monkeypatch.setattr("klaroen.testing.simulator.week.NATIONAL_A_DAY", 0)
    played = play_week(1)
    assert () == played.faults
    assert 7 == played.days[0].alerts
    assert played.days[0].handed_over > 1_000


def days(octets: float = 0, blocks: int = 0, kept: int = 0, count: int = 7) -> list[Day]:
    """A week of an alert a day that fills until the fifth, and after which each grows by so much."""
    return [
        Day(day, 1, 40, 39, 70.0 + full + octets * (day - full) / MB, blocks * day, 400 * full + kept * (day - full))
        for day, full in ((day, min(day, 5)) for day in range(1, count + 1))
    ]


def test_what_grows_after_the_fifth_day_is_a_fault() -> None:
    """Octets, blocks and entries; what fills before is none, and of five days nothing is said."""
    assert [] == grown(days(GROWTH_OCTETS_MAX, int(GROWTH_BLOCKS_MAX), 90))
    assert [f"memory grew by {GROWTH_OCTETS_MAX + 9} octets an alert after day 5"] == grown(days(GROWTH_OCTETS_MAX + 9))
    assert ["Python's memory grew by 6.0 blocks an alert after day 5"] == grown(days(blocks=6))
    assert ["what is kept grew from 2000 to 2300 entries"] == grown(days(kept=150))
    assert (None, []) == (growth_of(days(9_999, 9, 999, count=5)), grown(days(9_999, 9, 999, count=5)))


def test_a_broken_world_shrinks(monkeypatch) -> None:
    """What has no part in it is left out, and the command that is told plays what is left."""

    def drills_stay_inside(_fact: object) -> bool:
        return False

    monkeypatch.setattr(invariants, "drills_stay_inside", drills_stay_inside)
    broken = next(one for one in map(play, map(draw, range(30))) if one.promise)
    cut, smallest = shrink(broken)
    assert "drills_stay_inside" == broken.promise == smallest.promise == play(cut.of(draw(broken.seed))).promise
    assert (1, ()) == (cut.members, cut.faults)
    assert command(broken.seed, cut).startswith(f"klaroen simulate --seed {broken.seed} --alerts")
