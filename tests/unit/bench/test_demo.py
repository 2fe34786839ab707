"""What a demonstration does around the system: where it works, what it keeps, when it gives up, and how it ends."""

import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.bench.test_demo_report import AUDITED, DELIVERIES, MEASURED, STATUS

from klaroen.cli.context import CommandFault
from klaroen.cli.laboratory import DemoOptions
from klaroen_bench import demo
from klaroen_bench.audit import AuditError
from klaroen_bench.demo_face import MachineFace
from klaroen_bench.report import make_report
from klaroen_bench.rig import Plan, RigError, Trunk
from klaroen_bench.sight import Event, Sight
from klaroen_bench.storm import Storm

SOUND = make_report(MEASURED, STATUS, DELIVERIES, AUDITED, {})
CARRIERS = {"items": [{"name": "alpha", "up": True, "breaker": "closed", "words": ""}]}


def options(keep: bool = False) -> DemoOptions:
    return DemoOptions(members=10, networks=2, seed=1, storm=False, keep=keep, json=True)


@pytest.fixture
def staged(monkeypatch, tmp_path: Path) -> SimpleNamespace:
    """A demonstration whose run and whose audit are given; it works in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    stage = SimpleNamespace(perform=lambda directory, *_, **__: (directory / "alpha.ledger").touch(), sound=True)
    monkeypatch.setattr(demo, "perform", lambda *given, **named: stage.perform(*given, **named))
    monkeypatch.setattr(demo, "judge", lambda directory: (SOUND | {"sound": stage.sound}, stage.sound))
    return stage


def test_a_sound_demonstration_leaves_nothing(staged, capsys, tmp_path: Path) -> None:
    """Exit 0, one object, and no file."""
    assert 0 == demo.run_demo(options())
    assert SOUND == json.loads(capsys.readouterr().out)
    assert [] == list(tmp_path.iterdir())


def test_what_is_asked_to_be_kept_is_kept(staged, tmp_path: Path) -> None:
    """--keep."""
    assert 0 == demo.run_demo(options(keep=True))
    assert ["alpha.ledger"] == [file.name for file in tmp_path.glob("klaroen-demo-*/*")]


def test_a_fault_is_exit_1_and_its_evidence_is_kept(staged, tmp_path: Path) -> None:
    """Whoever lost a member wants to look into it, whatever was asked before."""
    staged.sound = False
    assert 1 == demo.run_demo(options())
    assert 1 == len(list(tmp_path.glob("klaroen-demo-*/alpha.ledger")))


@pytest.mark.parametrize("error", [RigError("not ready"), AuditError("two deliveries"), ConnectionRefusedError("edge")])
def test_a_system_that_does_not_run_is_told_and_kept(staged, error: Exception, tmp_path: Path) -> None:
    """In words, with where to look; nothing is judged."""

    def fail(*_given: object, **_named: object) -> None:
        raise error

    staged.perform = fail
    with pytest.raises(CommandFault, match=str(error)) as told:
        demo.run_demo(options())
    (kept,) = tmp_path.glob("klaroen-demo-*")
    assert str(kept) in str(told.value)
    assert {"data_dir": str(kept / "data")} == told.value.details


def test_sigterm_ends_as_ctrl_c_does(staged, tmp_path: Path) -> None:
    """Cleanly, and what SIGTERM meant before, it means afterwards."""
    former = signal.getsignal(signal.SIGTERM)
    staged.perform = lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        demo.run_demo(options())
    assert signal.getsignal(signal.SIGTERM) is former
    assert [] == list(tmp_path.iterdir())


def test_a_deep_folder_does_not_break_sockets(monkeypatch, tmp_path: Path) -> None:
    """The path of a unix socket is short: then the demonstration works elsewhere."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    monkeypatch.setattr(demo.tempfile, "tempdir", str(tmp_path))
    assert tmp_path == demo.make_directory().parent
    assert [] == list(deep.iterdir())


# --- following --------------------------------------------------------------------------------------------------------


class FakeRig:
    """Answers status by status; a status of None is a 503."""

    def __init__(self, *statuses: dict[str, object] | None, trunk: Trunk | None = None) -> None:
        self._statuses = list(statuses)
        self.plan = Plan(10, 2, 1, trunk=trunk)

    def get(self, path: str, token: str) -> tuple[int, object]:
        if path == "/v1/carriers":
            return (200, CARRIERS) if token == "operator" else (403, {})
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        if isinstance(status, Exception):
            raise status
        return (503, None) if status is None else (200, status)

    def peak_rss_mb(self, role: str) -> float:
        if role == "edge":
            raise ProcessLookupError(role)
        return 52.04


class FakeFace(MachineFace):
    def __init__(self) -> None:
        self.sights: list[Sight] = []
        self.events: list[Event] = []

    def see(self, sight: Sight) -> None:
        self.sights.append(sight)

    def tell(self, event: Event) -> None:
        self.events.append(event)


COUNTERS = {"alpha": {"accepted": 7}, "belgacom": {"calls": 5, "ringing": 2, "up": 1, "answered": 2, "ended_busy": 1}}
GAUGE = SimpleNamespace(check=lambda: None, counters=COUNTERS, accepted={"alpha": 7})
SENDING = STATUS | {"state": "sending"}


@pytest.fixture
def face(monkeypatch) -> FakeFace:
    monkeypatch.setattr(demo, "LOOK_S", 0.0)
    return FakeFace()


def watch(rig: FakeRig, face: FakeFace) -> demo.Follower:
    return demo.Follower(rig, "A1", time.monotonic(), face)


def test_it_follows_through_a_restart_to_the_end(face: FakeFace) -> None:
    """What was seen last is shown while the API asks for patience or cannot be reached, and that is told."""
    follower = watch(FakeRig(SENDING, None, ConnectionResetError(), SENDING, STATUS), face)
    last = follower.follow(GAUGE)
    assert "done" == last.status["state"]
    assert [True, False, False, True, True] == [sight.answers for sight in face.sights]
    assert {SENDING["state"]} == {sight.status["state"] for sight in face.sights[:4]}
    assert ["fault", "mended"] == [event.kind for event in face.events]
    assert {"alpha": 7} == dict(last.accepted)
    assert {"dispatch": 52.0} == follower.peak_rss_mb
    assert {} == last.calls


def test_calls_of_a_trunk_are_watched_and_its_process_weighed(face: FakeFace) -> None:
    """How they stand, by the trunk's own count."""
    follower = watch(FakeRig(STATUS, trunk=Trunk("belgacom")), face)
    last = follower.follow(GAUGE)
    assert {"ringing": 2, "talking": 1, "answered": 2, "not taken": 1} == last.calls
    assert {"dispatch": 52.0, "voice": 52.0} == follower.peak_rss_mb


def test_what_stands_still_is_given_up(face: FakeFace, monkeypatch) -> None:
    """A system that never settles must not hold a terminal for ever."""
    monkeypatch.setattr(demo, "STILL_S", 0.0)
    with pytest.raises(RigError, match="nothing has changed"):
        watch(FakeRig(SENDING), face).follow(GAUGE)


def test_an_answer_that_should_not_be_ends_it(face: FakeFace) -> None:
    """A 403 will not mend by waiting."""
    follower = demo.Follower(FakeRig(SENDING), "A1", time.monotonic(), face)
    with pytest.raises(RigError, match="403"):
        follower.ask("/v1/carriers", "police")


def test_a_storm_is_part_of_the_conditions() -> None:
    """The report says what it has stood."""
    assert demo.storm_view(None) is None
    view = demo.storm_view(Storm("alpha", 100))
    assert {"blackout", "kill_9"} == set(view)
    assert not view["kill_9"]["done"]
