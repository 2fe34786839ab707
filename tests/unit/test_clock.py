"""Dispatch's clock when somebody sets the machine's (law 9): it counts what has gone by, and never goes back."""

import pytest

from klaroen.core.model import Instant
from klaroen.dispatch.clock import SystemClock

HOUR_MS = 3_600_000
START_MS = 1_780_000_000_000


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The machine's two clocks, in seconds: `wall` can be set by anybody, `boot` by nobody."""
    clocks = {"wall": START_MS / 1000, "boot": 1_000.0}
    monkeypatch.setattr("time.time", lambda: clocks["wall"])
    monkeypatch.setattr("time.clock_gettime", lambda _clock: clocks["boot"])
    return clocks


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
def test_a_clock_that_is_set_expires_nobody_and_rings_nobody(machine: dict[str, float], jump_s: float) -> None:
    """An hour back or forth while it runs: what has gone by is ten seconds."""
    clock = SystemClock(Instant(0))
    machine["wall"] += jump_s
    machine["boot"] += 10.0
    assert START_MS + 10_000 == clock.now()


def test_a_start_with_a_clock_that_was_set_back_begins_where_the_journal_ends(machine: dict[str, float]) -> None:
    """What is due in five minutes is due in five minutes, not in an hour and five."""
    machine["wall"] -= 3600.0
    clock = SystemClock(Instant(START_MS))
    assert START_MS == clock.now()
    machine["boot"] += 300.0
    assert START_MS + 300_000 == clock.now()


def test_a_machine_that_slept_has_grown_older(machine: dict[str, float]) -> None:
    """CLOCK_BOOTTIME counts sleep: an alert that has expired meanwhile is not sent in the morning."""
    clock = SystemClock(Instant(0))
    machine["boot"] += HOUR_MS / 1000
    assert START_MS + HOUR_MS == clock.now()
