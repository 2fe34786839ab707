"""The house stays tidy: layers, lengths, docstrings, locks, and no loose ends. A fault is told as `file:line`."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SELF = Path(__file__).relative_to(ROOT).as_posix()


def read(*patterns: str) -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for pattern in patterns
        for path in sorted(ROOT.glob(pattern))
        if "node_modules" not in path.parts
    }


SOURCES = read("engine/**/*.py", "adapters/**/*.py", "bench/**/*.py")
TESTS = read("tests/**/*.py")
WRITTEN = SOURCES | TESTS
TREES = {name: ast.parse(text, name) for name, text in WRITTEN.items()}

LINES_MAX = 350
"""A module is read in one sitting: the median of those we admire is 150 lines."""
FUNCTION_LINES_MAX = 60
"""A function fits a screen."""
WORDS_MIN = 3
"""`test_late_receipts_win` is a sentence; `test_receipts` needs a docstring."""
TABLE = re.compile(r"(?ms)^_?[A-Z][A-Z0-9_]*\b[^\n]*= [^\n]*[\[({]$.*?^[\])}]")
"""A constant at module level over several lines: data, which may be as long as the world has it."""
LOOSE_END = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MAY_PRINT = ("engine/klaroen/cli", "bench/")


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_layers_hold() -> None:
    """Who may import whom is written in pyproject.toml."""
    linter = Path(sys.executable).with_name("lint-imports")
    linted = subprocess.run([linter, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_modules_are_short() -> None:
    """Tables of data aside."""
    lengths = {name: TABLE.sub("", text).count("\n") for name, text in SOURCES.items()}
    assert {} == {name: length for name, length in lengths.items() if length > LINES_MAX}


def test_functions_fit_a_screen() -> None:
    """What does not is two functions."""
    assert [] == [
        f"{name}:{function.lineno} {function.name}"
        for name in SOURCES
        for function in functions(name)
        if (function.end_lineno or 0) - function.lineno >= FUNCTION_LINES_MAX
    ]


def test_modules_say_what_they_are() -> None:
    """A module's docstring is its law; only a package that holds nothing may be silent."""
    assert [] == [name for name in WRITTEN if TREES[name].body and not ast.get_docstring(TREES[name])]


def test_tests_state_their_requirement() -> None:
    """In the docstring, or in a name that is a sentence."""
    assert [] == [
        f"{name}:{function.lineno} {function.name}"
        for name in TESTS
        for function in functions(name)
        if function.name.startswith("test_")
        and not ast.get_docstring(function)
        and function.name.count("_") < WORDS_MIN
    ]


def test_there_are_no_loose_ends() -> None:
    """What is missing is said in the changelog, not in a comment."""
    assert [] == [
        f"{name}:{number}"
        for name, text in WRITTEN.items()
        for number, line in enumerate(text.splitlines(), 1)
        if name != SELF and LOOSE_END.search(line)
    ]


def test_no_error_is_hidden() -> None:
    """No bare except, and none that does nothing: `contextlib.suppress` names what may be let go, and says why."""
    assert [] == [
        f"{name}:{node.lineno}"
        for name in SOURCES
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (len(node.body) == 1 and isinstance(node.body[0], ast.Pass)))
    ]


def test_only_commands_print() -> None:
    """Everything else answers its caller or writes a log line."""
    assert [] == [
        f"{name}:{node.lineno}"
        for name in SOURCES
        if not name.startswith(MAY_PRINT)
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def test_rules_that_are_cited_are_tested_by_name() -> None:
    """Whatever rule of the circular a caller may be told, whoever changes it finds its tests."""
    cited = {rule for text in read("engine/**/*.py").values() for rule in re.findall(r"[\"'](R\d+)[\"']", text)}
    named = {rule for name, text in TESTS.items() if name != SELF for rule in re.findall(r"\bR\d+\b", text)}
    assert set() == cited - named


def test_few_modules_call_anybody() -> None:
    """Each to an address of the configuration, or of this machine: who reads what strangers send calls nobody."""
    calls = re.compile(
        r"open_tcp_stream|open_ssl_over_tcp|create_connection\(|connect_tcp|urlopen|http\.client|\.connect\("
    )
    found = {name for name, text in SOURCES.items() if calls.search(text) and not name.startswith("bench/")}
    assert found <= {
        "adapters/klaroen_adapters/tcp.py",
        "adapters/klaroen_adapters/voice/trunk_route.py",  # asks the kernel for the way to the trunk, and sends nothing
        "engine/klaroen/cli/asking.py",  # dispatch's own socket
        "engine/klaroen/cli/remote.py",  # KLAROEN_URL, from a shell
        "engine/klaroen/store/connection.py",  # a file
    }


def test_nothing_says_where_it_was_made() -> None:
    """No path of a builder's machine."""
    assert [] == [name for name, text in WRITTEN.items() if name != SELF and re.search(r"/(work|root|home)/", text)]


# --- locks -----------------------------------------------------------------------------------------------------------

LOCKS = read("requirements*.lock")
PINNED = re.compile(r"(?m)^([a-z0-9][a-z0-9.-]*)(?:\[[a-z0-9,-]+\])?==([^ ]+)")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index_and_hashes_everything(name: str) -> None:
    """Where packages come from is the business of who installs them; what they are is ours."""
    assert "://" not in LOCKS[name]
    assert "--index" not in LOCKS[name]
    hashed = re.findall(r"(?m)^[a-z0-9][^\n]*\\\n +--hash=sha256:", LOCKS[name])
    assert len(PINNED.findall(LOCKS[name])) == len(hashed) > 0


def test_what_is_tested_is_what_runs() -> None:
    """The lock of the tests only adds to the other."""
    run, test = (set(PINNED.findall(LOCKS[name])) for name in ("requirements.lock", "requirements-test.lock"))
    assert set() == run - test


def test_locks_hold_what_the_project_declares() -> None:
    """A dependency that was added without `make lock` is missing from everybody else's environment."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = declared["dependency-groups"]
    wanted = [*declared["project"]["dependencies"], *(name for group in groups.values() for name in group)]
    locked = {name for name, _version in PINNED.findall(LOCKS["requirements-test.lock"])}
    assert set() == {re.split(r"[><=~ \[]", one)[0] for one in wanted} - locked
