"""The storm strikes at its moments, and what it costs is measured from what the carriers count."""

import os
import signal
import threading

import pytest

from klaroen_bench import gauge as gauges
from klaroen_bench.gauge import Gauge
from klaroen_bench.processes import ProcessError
from klaroen_bench.storm import BLACKOUT_S, Blackout, Counters, Kill, Storm


def counted(alpha: int, beta: int, *, binds: int = 4) -> Counters:
    return {"alpha": {"accepted": alpha, "binds": binds}, "beta": {"accepted": beta, "binds": binds}}


def blown() -> Storm:
    """A storm after both its strikes, at 2 s."""
    storm = Storm("alpha", 1_000)
    storm.advance(1.0, counted(200, 100))
    storm.advance(2.0, counted(200, 400))
    return storm


def test_the_storm_waits_for_its_shares() -> None:
    """The blackout comes at 30 % of the expected submissions, the kill at 60 %, each once."""
    storm = Storm("alpha", 1_000)
    assert storm.advance(0.5, counted(150, 149)) is None
    assert Blackout("alpha", BLACKOUT_S) == storm.advance(1.0, counted(150, 150))
    assert storm.advance(1.1, counted(150, 449)) is None
    assert Kill("dispatch") == storm.advance(2.0, counted(150, 450))
    assert storm.advance(2.1, counted(150, 450)) is None
    assert not storm.is_over
    assert storm.restart_to_handover_s is None


def test_what_the_dead_had_written_is_no_recovery() -> None:
    """Submissions that were on their way when dispatch died are accepted after its death: only a new bind is new."""
    storm = blown()
    storm.advance(2.01, counted(200, 450))
    assert storm.restart_to_handover_s is None
    storm.advance(3.0, counted(200, 450, binds=8))
    assert storm.restart_to_handover_s is None
    storm.advance(3.2, counted(200, 451, binds=8))
    assert 1.2 == pytest.approx(storm.restart_to_handover_s)
    assert storm.is_over
    assert storm.advance(3.3, counted(200, 999, binds=8)) is None


def test_the_dark_carrier_proves_no_recovery() -> None:
    """When it wakes, what the dead wrote and new binds come at once."""
    storm = blown()
    storm.advance(3.0, {"alpha": {"accepted": 900, "binds": 8}, "beta": {"accepted": 400, "binds": 4}})
    assert storm.restart_to_handover_s is None


def test_a_bind_and_a_submission_between_two_readings_count() -> None:
    """A reading that shows both at once shows the recovery."""
    storm = blown()
    storm.advance(2.5, counted(200, 420))
    storm.advance(2.6, counted(200, 430, binds=8))
    assert 0.6 == pytest.approx(storm.restart_to_handover_s)


# --- the gauge --------------------------------------------------------------------------------------------------------


class FakeCarrier:
    def __init__(self, *readings: dict[str, int]) -> None:
        self._readings = list(readings)
        self.commands: list[object] = []
        self.exhausted = threading.Event()

    def counters(self) -> dict[str, int]:
        if len(self._readings) == 1:
            self.exhausted.set()
            return self._readings[0]
        return self._readings.pop(0)

    def command(self, command) -> dict[str, object]:
        self.commands.append(command)
        return {}


class DeadCarrier(FakeCarrier):
    def counters(self) -> dict[str, int]:
        self.exhausted.set()
        raise ProcessError("the process has ended")


def test_the_gauge_strikes_and_tells(monkeypatch) -> None:
    """It darkens the carrier, kills dispatch by its pid, and tells of the new pid and of the first hand-over."""
    monkeypatch.setattr(gauges, "STORM_S", 0.0)
    killed = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    alpha = FakeCarrier({"accepted": 0, "binds": 1}, {"accepted": 30, "binds": 1})
    beta = FakeCarrier(
        *({"accepted": count, "binds": 1} for count in (0, 0, 30)),
        *({"accepted": count, "binds": 2} for count in (30, 40)),
    )
    pids = iter([100])
    told = []
    with Gauge(
        {"alpha": alpha, "beta": beta},
        lambda role: next(pids, 200),
        lambda kind, words: told.append((kind, words)),
        Storm("alpha", 100),
    ) as gauge:
        assert beta.exhausted.wait(5.0)
    gauge.check()
    assert [{"do": "blackout", "seconds": BLACKOUT_S, "mode": "keep"}] == alpha.commands
    assert [(100, signal.SIGKILL)] == killed
    assert ["fault", "fault", "mended"] == [kind for kind, _ in told[:3]]
    assert "200" in told[2][1]
    assert 40 == gauge.counters["beta"]["accepted"]


def test_what_the_gauge_meets_is_raised_to_who_reads_it(monkeypatch) -> None:
    """A carrier that has died ends the demonstration, not a thread in silence."""
    monkeypatch.setattr(gauges, "CALM_S", 0.0)
    dead = DeadCarrier()
    with Gauge({"alpha": dead}, lambda role: 1, lambda kind, words: None) as gauge:
        assert dead.exhausted.wait(5.0)
    with pytest.raises(ProcessError):
        gauge.check()
