"""The supervisor: restarts, back-off and stopping, with processes and a clock that obey the test."""

import signal
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from klaroen.rundir import read_ports, run_dir, write_port
from klaroen.supervisor import BACKOFF_S, BEAT_S, EX_CONFIG, HUNG_S, MARGIN_S, START_S, STEADY_S, Supervisor


class FakeProcess:
    """Ends when the test says so; `on_terminate` says what SIGTERM makes of it."""

    def __init__(self, world: "World", role: str, pid: int) -> None:
        self.pid = pid
        self.role = role
        self.code: int | None = None
        self._world = world

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self._world.happened.append(f"terminate {self.role}")
        self.code = self._world.on_terminate.get(self.role, 0)

    def kill(self) -> None:
        self._world.happened.append(f"kill {self.role}")
        self.code = self._world.on_kill.get(self.role, -signal.SIGKILL)


class World:
    """Time that passes only while the supervisor waits, and a script of what happens meanwhile."""

    def __init__(self, data_dir: Path, *events: Callable[["World"], None]) -> None:
        self.now_s = 0.0
        self.stopping = False
        self.happened: list[str] = []
        self.started_at_s: dict[str, list[float]] = {"edge": [], "dispatch": []}
        self.running: dict[str, FakeProcess] = {}
        self.on_terminate: dict[str, int | None] = {}
        self.on_kill: dict[str, int | None] = {}
        self._events = list(events)
        self._pid = 100
        self.supervisor = Supervisor(("edge", "dispatch"), data_dir, self._spawn, self, lambda: self.now_s, 15.0)

    def _spawn(self, role: str) -> FakeProcess:
        self._pid += 1
        self.started_at_s[role].append(self.now_s)
        self.running[role] = FakeProcess(self, role, self._pid)
        return self.running[role]

    def wait(self, seconds: float | None) -> None:
        """Without a time to wait for, the next event of the script happens; else time passes first."""
        if self._events and seconds is None:
            self._events.pop(0)(self)
        elif seconds is None:
            self.stopping = True
        else:
            self.now_s += seconds


class Speaking(World):
    """A world in which children say every second that they live, but for those who are silent; `events` by instant."""

    def __init__(self, data_dir: Path, until_s: float, events: Mapping[float, Callable[["World"], None]]) -> None:
        super().__init__(data_dir)
        self.silent: set[str] = set()
        self.supervisor = Supervisor(
            ("edge", "dispatch"), data_dir, self._spawn, self, lambda: self.now_s, 15.0, heard=self.heard
        )
        self._until_s, self._due = until_s, sorted(events.items())

    def heard(self) -> set[int]:
        return {process.pid for role, process in self.running.items() if role not in self.silent}

    def wait(self, seconds: float | None) -> None:
        assert seconds is not None, "it listens every second"
        assert seconds <= BEAT_S or self.stopping
        self.now_s += seconds
        while self._due and self._due[0][0] <= self.now_s:
            self._due.pop(0)[1](self)
        self.stopping |= self.now_s >= self._until_s


def falls_silent(role: str) -> Callable[[World], None]:
    def event(world: World) -> None:
        assert isinstance(world, Speaking)
        world.silent.add(role)

    return event


def sleeps(seconds: float) -> Callable[[World], None]:
    """Nobody has a turn, the supervisor included."""

    def event(world: World) -> None:
        assert isinstance(world, Speaking)
        world.now_s += seconds
        world.silent = {"edge", "dispatch"}

    return event


def dies(role: str, code: int = 1, after_s: float = 0.0) -> Callable[[World], None]:
    def event(world: World) -> None:
        world.now_s += after_s
        world.running[role].code = code

    return event


def test_both_are_started_in_order_and_stopped_in_order(tmp_path: Path) -> None:
    """SIGTERM goes to the edge first, which answers 503, then to dispatch, which drains; exit 0."""
    world = World(tmp_path)
    assert world.supervisor.run() == 0
    assert world.started_at_s == {"edge": [0.0], "dispatch": [0.0]}
    assert world.happened == ["terminate edge", "terminate dispatch"]
    assert world.supervisor.statistics() == {"edge": None, "dispatch": None}


def test_a_child_that_dies_is_restarted_at_0_1_2_4_to_30_s(tmp_path: Path) -> None:
    """The contract's back-off, however it dies; the other one runs on."""
    world = World(tmp_path, *[dies("dispatch", code) for code in (1, -9, 0, 1, 1, 1, 1, 1, 1)])
    assert world.supervisor.run() == 0
    starts = world.started_at_s["dispatch"]
    assert [later - earlier for earlier, later in pairwise(starts)] == [*BACKOFF_S, 30.0, 30.0]
    assert world.started_at_s["edge"] == [0.0]


def test_a_child_that_ran_well_starts_its_back_off_anew(tmp_path: Path) -> None:
    """A minute of health: the next death is a first one."""
    world = World(tmp_path, dies("edge"), dies("edge"), dies("edge", after_s=STEADY_S), dies("edge"))
    assert world.supervisor.run() == 0
    starts = world.started_at_s["edge"]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps == [0.0, 1.0, STEADY_S, 1.0]


def test_a_child_with_a_wrong_configuration_ends_the_whole(tmp_path: Path) -> None:
    """78 is not retried: trying again mends nothing."""
    world = World(tmp_path, dies("dispatch", EX_CONFIG))
    assert world.supervisor.run() == EX_CONFIG
    assert world.started_at_s["dispatch"] == [0.0]
    assert world.happened == ["terminate edge"]


def test_a_child_that_fails_while_stopping_is_told_by_the_exit_code(tmp_path: Path) -> None:
    """Exit 0 says that everything was journaled."""
    world = World(tmp_path)
    world.on_terminate = {"dispatch": 1}
    assert world.supervisor.run() == 1


def test_a_child_that_could_not_listen_yet_held_nothing(tmp_path: Path) -> None:
    """Ended by the SIGTERM itself: nothing is lost."""
    world = World(tmp_path)
    world.on_terminate = {"edge": -signal.SIGTERM}
    assert world.supervisor.run() == 0


def test_a_child_that_does_not_stop_is_killed_in_the_end(tmp_path: Path) -> None:
    """After its drain, the calls and a margin: leases make that safe, and the exit code tells it."""
    world = World(tmp_path)
    world.on_terminate = {"dispatch": None}
    assert world.supervisor.run() == 1
    assert world.happened == ["terminate edge", "terminate dispatch", "kill dispatch"]
    assert world.now_s == 15.0 + 60.0 + 2 * MARGIN_S


def test_what_an_earlier_run_left_is_cleared(tmp_path: Path) -> None:
    """Nobody waits on a port that is no longer there."""
    write_port(tmp_path, "edge", 1)
    assert World(tmp_path).supervisor.run() == 0
    assert read_ports(tmp_path) == {}


@pytest.mark.parametrize("written", [101, 999])
def test_the_pid_file_of_a_dead_child_goes_with_it(tmp_path: Path, written: int) -> None:
    """Unless another process has written its own there since."""
    path = run_dir(tmp_path) / "edge.pid"
    path.write_text(f"{written}\n")
    World(tmp_path).supervisor.run()
    assert path.exists() is (written != 101)


def test_a_child_that_says_nothing_any_more_is_killed_and_comes_back(tmp_path: Path) -> None:
    """However it hangs: its loop is heard every second, and the other child's goes on."""
    world = Speaking(tmp_path, 60.0, {5.0: falls_silent("dispatch"), 5.0 + HUNG_S + 2.0: speaks})
    assert world.supervisor.run() == 0
    assert world.happened == ["kill dispatch", "terminate edge", "terminate dispatch"]
    first, again = world.started_at_s["dispatch"]
    assert (first, world.started_at_s["edge"]) == (0.0, [0.0])
    assert HUNG_S <= again - 5.0 <= HUNG_S + 2 * BEAT_S


def speaks(world: World) -> None:
    assert isinstance(world, Speaking)
    world.silent.clear()


def test_a_child_has_longer_until_it_is_heard_first(tmp_path: Path) -> None:
    """It reads what is pending before its loop turns; one that hangs in it is found too."""
    world = Speaking(tmp_path, START_S + 10.0, {})
    world.silent = {"dispatch"}
    assert world.supervisor.run() == 0
    assert len(world.started_at_s["dispatch"]) == 2
    assert START_S <= world.started_at_s["dispatch"][1] <= START_S + 2 * BEAT_S


def test_nobody_is_killed_for_a_machine_that_slept(tmp_path: Path) -> None:
    """The supervisor had no turn either: whoever speaks within the time afterwards is well."""
    events = {5.0: sleeps(HUNG_S + 5.0), 2 * HUNG_S + 5.0: speaks}
    world = Speaking(tmp_path, 90.0, events)
    assert world.supervisor.run() == 0
    assert world.happened == ["terminate edge", "terminate dispatch"]


def test_what_the_kernel_does_not_let_die_is_not_killed_every_second(tmp_path: Path) -> None:
    """A process in the midst of a read from a disk that hangs dies when that is over."""
    world = Speaking(tmp_path, 5.0 + 2.5 * HUNG_S, {5.0: falls_silent("dispatch")})
    world.on_kill["dispatch"] = None
    assert world.supervisor.run() == 0
    assert world.happened == ["kill dispatch", "kill dispatch", "terminate edge", "terminate dispatch"]
