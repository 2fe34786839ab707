"""docs/rules.md stays true: each rule is explained, its code names it, and tests are named after it."""

import re
from pathlib import Path

import pytest

from klaroen.core.rules import RULES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "rules.md").read_text()
NAMES = [f"R{number}" for number in range(1, 27)]
ROWS = dict(re.findall(r"^\| (R\d+) \| (.*) \|$", TEXT, re.MULTILINE))
READINGS = {"R3", "R5", "R9", "R11", "R12", "R16", "R19"}
"""Rules with a part that is our own interpretation."""


def section(name: str) -> str:
    found = re.search(rf"^### {name} .*?(?=^##)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{name} has no section"
    return found[0]


def test_every_rule_has_its_section_and_its_row_in_order() -> None:
    assert NAMES == re.findall(r"^### (R\d+) ", TEXT, re.MULTILINE)
    assert NAMES == list(ROWS)


@pytest.mark.parametrize("name", NAMES)
def test_each_rule_is_told_to_a_lawyer_and_to_an_officer(name: str) -> None:
    """With its article; and where it is a reading, that is said."""
    told = section(name)
    assert re.search(r"^(Art\. |Annex |The language laws|Leaflet)", told, re.MULTILINE)
    assert re.search(r"^\*\*In law\.\*\* \S", told, re.MULTILINE)
    assert re.search(r"^\*\*In practice\.\*\* \S", told, re.MULTILINE)
    assert ("*(reading" in told) is (name in READINGS)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_table_names_exists_and_names_the_rule(name: str) -> None:
    code, tests = (re.findall(r"`([^`]+)`", cell) for cell in ROWS[name].split(" | "))
    assert code, f"{name} names no code"
    assert tests, f"{name} names no tests"
    for path in code:
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), f"{path} does not name {name}"
    for path in tests:
        assert f"def test_R{int(name[1:]):02}_" in (ROOT / path).read_text(), f"{path} has no test of {name}"


def test_articles_in_the_code_and_in_the_document_agree() -> None:
    """What a user reads in an error or in `why` is what the lawyer reads here."""
    for name, rule in RULES.items():
        for article in re.findall(r"art\. \d+(?: [a-z])?", rule.article):
            told = re.sub(r"\s+", " ", section(name)).lower()
            assert article.removeprefix("art. ") in told, f"{name}: {article}"


def test_names_of_tests_have_two_digits() -> None:
    """So that `pytest -k R01` runs no test of R10."""
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert [] == [path.name for path in tests if re.search(r"def test_R\d_", path.read_text())]
