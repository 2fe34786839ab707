"""What holds for every test: in CI nothing is skipped, and properties are tried on the same examples every time.

A test whose real peer is not installed (tests/peers.sh) is skipped elsewhere, with the peer's name as its reason.
"""

import os
from collections import Counter

import pytest
from hypothesis import settings

settings.register_profile("here", deadline=None)  # a busy machine is no fault
settings.register_profile("ci", deadline=None, derandomize=True)  # a landing is judged by what it changed, not by luck
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

SKIPPED = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SKIPPED] = Counter()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _path, _line, reason = report.longrepr
        item.config.stash[SKIPPED][reason.removeprefix("Skipped: ")] += 1
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for reason, count in sorted(config.stash[SKIPPED].items()):
        terminalreporter.write_line(f"{count} skipped: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if os.environ.get("CI") == "true" and session.config.stash[SKIPPED] and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
