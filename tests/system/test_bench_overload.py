"""`klaroen bench faults` and `bench load`, a few seconds of each: every case is there, and says what must hold of it.

Whether it holds is not judged here: on a busy machine nobody is as quick as he must be.
"""

import json

import pytest
from msgspec.structs import replace

from klaroen.cli.laboratory import BenchOptions
from klaroen_bench.ailing import AILMENTS, Ailment
from klaroen_bench.ailments import Course, run_ailments
from klaroen_bench.load import run_load
from klaroen_bench.load_beside import Sizes

pytestmark = pytest.mark.slow

OPTIONS = BenchOptions(members=600, networks=8, seed=1, runs=1, json=True, keep=False, alerts=0, shuffles=0)


def short(ailment: Ailment) -> Ailment:
    return replace(ailment, seconds=1.5, begin={**ailment.begin, "seconds": 1.5}, after_s=1.5)


def test_every_ailment_is_brought_about_and_what_must_be_seen_of_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A silent carrier's load moves to the other."""
    blackout, *_ = AILMENTS
    code = run_ailments(OPTIONS, Course((short(blackout),), idle_s=1.0, settle_s=0.5))
    report = json.loads(capsys.readouterr().out)
    assert code == (0 if report["holds"] else 1)
    assert ["idle", "blackout"] == [row["fault"] for row in report["faults"]]
    assert all(row["messages"] > 50 for row in report["faults"])
    assert {"blackout", "throughout", "alpha", "beta"} == {must["case"] for must in report["musts"]}
    assert report["holds"] is all(must["holds"] is not False for must in report["musts"])


def test_every_load_is_put_on_and_what_must_be_seen_of_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is warm is taken, whatever comes beside; what is too large is refused, and everybody is handed over."""
    sizes = Sizes(
        beside=4, beside_per_s=20.0, burst=6, burst_per_s=30.0, nationals=2, eta_after_s=0.5, slow=50, slow_s=0.5,
        consoles=3, large=2, large_bytes=12 * 2**20, flood=1, strangers=2, register=300,
    )  # fmt: skip
    code = run_load(OPTIONS, sizes)
    report = json.loads(capsys.readouterr().out)
    assert code == (0 if report["holds"] else 1)
    assert 9 == len(report["load"])
    counted = [must for must in report["musts"] if must["sign"] == "="]
    assert [] == [must for must in counted if must["holds"] is not True]
    assert {row["case"] for row in report["load"]} == {must["case"] for must in report["musts"]}
    assert all(row["peak_rss_mb"].keys() == {"dispatch", "edge"} for row in report["load"])
