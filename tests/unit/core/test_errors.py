"""What a caller did wrong, as a value."""

import msgspec
import pytest

from klaroen.core.errors import PROBLEMS, InputError, Problem


def test_a_fault_names_the_field_and_the_rule() -> None:
    error = InputError("not-allowed", "not your zone", at="$.targets.zones[0]", rule="R8")
    assert Problem("not-allowed", "not your zone", "$.targets.zones[0]", "R8") == error.problem
    assert "not your zone" == str(error)


def test_a_fault_may_have_neither() -> None:
    """What is not there is not written."""
    assert msgspec.to_builtins(InputError("malformed", "no JSON").problem) == {"name": "malformed", "detail": "no JSON"}


def test_a_problem_that_was_told_is_raised_again_whole() -> None:
    problem = Problem("nobody", "all refused", refused=[{"network": "BIN-1", "rule": "R1"}], retry_after_s=3.0)
    assert problem is InputError.of(problem).problem


@pytest.mark.parametrize(("name", "told"), PROBLEMS.items())
def test_every_problem_is_an_error_of_http_with_a_title(name: str, told: tuple[int, str]) -> None:
    status, title = told
    assert 400 <= status <= 503
    assert title
    assert name == name.lower()
