"""The threat model names tests: they are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+)`", MODEL)))
THREATS = re.findall(r"(?m)^\| (S\d+) \|(.*)\|$", MODEL)


@pytest.mark.parametrize("path", NAMED)
def test_what_the_model_leans_on_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("name", "row"), THREATS, ids=[name for name, _ in THREATS])
def test_each_threat_has_a_measure_and_a_test(name: str, row: str) -> None:
    _threat, measure, test = (cell.strip() for cell in row.split(" | "))
    assert measure
    assert "tests/" in test, name


def test_threats_are_numbered_without_a_gap() -> None:
    assert [name for name, _ in THREATS] == [f"S{number}" for number in range(1, len(THREATS) + 1)]
    assert len(THREATS) > 20
