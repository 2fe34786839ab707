"""What a rig writes is a configuration that the engine takes, and says what the plan says."""

import tomllib
from pathlib import Path

import pytest

from klaroen.configuration import load_settings
from klaroen_bench.rig_config import SECRETS, write_config
from klaroen_bench.rig_plan import Plan, SmsCarrier, Trunk, trunk_for

PORTS = {"alpha": 2775, "gateway": 8081, "gamma": 5060}


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, Path]:
    for name in SECRETS:
        path = tmp_path / name
        path.touch(mode=0o600)
        path.write_text("secret")
    return {name: tmp_path / name for name in SECRETS}


def plan(trunk: Trunk | None = None) -> Plan:
    return Plan(10, 2, 1, carriers=(SmsCarrier("alpha"), SmsCarrier("gateway", kind="sms_http")), trunk=trunk)


def test_without_a_trunk_calls_are_simulated(tmp_path: Path, secrets: dict[str, Path]) -> None:
    (tmp_path / "klaroen.toml").write_text(write_config(plan(), tmp_path, PORTS, secrets))
    settings = load_settings(tmp_path / "klaroen.toml", {})
    assert ["alpha", "gateway", "calls"] == [carrier.name for carrier in settings.carrier]
    assert (10.0, 15.0) == (settings.steps.warm.sms_s, settings.steps.crisis.call_s)


def test_with_a_trunk_calls_go_by_sip(tmp_path: Path, secrets: dict[str, Path]) -> None:
    """With its lines and pace; the engine's side of what the trunk is told."""
    document = tomllib.loads(write_config(plan(Trunk(lines=7, plays=2)), tmp_path, PORTS, secrets))
    (trunk,) = [carrier for carrier in document["carrier"] if carrier["kind"] == "sip"]
    assert (5060, 7, ["voice", "tts"]) == (trunk["port"], trunk["lines"], trunk["channels"])
    assert (2, 12.0) == (document["steps"]["warm"]["plays"], document["steps"]["warm"]["ring_s"])
    assert document["metrics"]["voice"] == "127.0.0.1:0"


def test_the_trunk_is_told_how_its_telephones_behave() -> None:
    """Each share of the plan is an option of the process, and a condition of the report."""
    trunk = Trunk(busy=0.25, ring_s=(0.5, 2.0))
    arguments = trunk.arguments(9)
    assert {"--busy=0.25", "--ring-s=0.5:2", "--seed=9", "--lines=1500", "--name=gamma"} <= set(arguments)
    assert {name.replace("-", "_") for name in trunk.view()} >= {
        "busy",
        "ring_s",
        "lines",
        "calls_per_s",
        "plays",
        "key",
    }


@pytest.mark.parametrize(("cores", "lines", "calls_per_s"), [(1, 750, 100.0), (2, 1_500, 200.0), (64, 1_500, 200.0)])
def test_one_core_has_half_the_lines(cores: int, lines: int, calls_per_s: float) -> None:
    """Players, telephones and SMS share it."""
    trunk = trunk_for(cores)
    assert (lines, calls_per_s) == (trunk.lines, trunk.calls_per_s)
