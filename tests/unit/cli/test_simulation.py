"""`klaroen simulate`: what it tells of worlds, and what it refuses."""

import json

import pytest

from klaroen import cli
from klaroen.testing.simulator import invariants

SMALL = ("simulate", "--seed", "5", "--faults", "none", "--carriers", "0", "--members", "1")


def test_a_world_tells_the_same_digest_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0 where every promise is kept; `--json` holds one object."""
    told = []
    for _ in range(2):
        assert 0 == cli.main((*SMALL, "--json"))
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert (1, {}) == (told[0]["worlds"], told[0]["broken"])
    assert told[0]["digest"]


def test_a_broken_promise_is_named_with_the_command_that_breaks_it_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def drills_stay_inside(_fact: object) -> bool:
        return False

    monkeypatch.setattr(invariants, "drills_stay_inside", drills_stay_inside)
    monkeypatch.setattr("klaroen.testing.simulator.shrink.PLAYS_MAX", 3)
    assert 1 == cli.main(("simulate", "--seed", "0"))
    out = capsys.readouterr().out
    assert "BROKEN drills_stay_inside: seeds 0" in out
    assert "Again: klaroen simulate --seed 0" in out


@pytest.mark.parametrize(
    "line",
    [
        "--faults x",
        "--doings y",
        "--seeds 2 --faults none",
        "--carriers 9",
        "--carriers none",
        "--members 0",
        "--seeds 0",
    ],
)
def test_what_names_no_world_is_wrong_usage(capsys: pytest.CaptureFixture[str], line: str) -> None:
    assert 2 == cli.main(("simulate", *line.split()))
    assert "klaroen" in capsys.readouterr().err
