"""The run directory: what the processes tell of themselves."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from klaroen.rundir import (
    HeldError,
    clear_ports,
    hold,
    join_pids,
    leave_pids,
    read_pid,
    read_pids,
    read_ports,
    remove_pid,
    run_dir,
    write_pid,
    write_port,
)


def test_a_process_writes_its_own_pid(tmp_path: Path) -> None:
    """Before it serves; whoever waits for it reads a whole number or no file."""
    assert read_pid(tmp_path, "edge") is None
    write_pid(tmp_path, "edge")
    assert (tmp_path / "run" / "edge.pid").read_text() == f"{os.getpid()}\n"
    assert read_pid(tmp_path, "edge") == os.getpid()
    remove_pid(tmp_path, "edge")
    remove_pid(tmp_path, "edge")
    assert read_pid(tmp_path, "edge") is None


def test_processes_of_one_role_stand_in_one_file(tmp_path: Path) -> None:
    """A line each; those that are gone leave, and the file with the last."""
    assert [] == read_pids(tmp_path, "voice")
    running, gone = os.getppid(), 2**22 + 1
    (run_dir(tmp_path) / "voice.pid").write_text(f"{running}\n{gone}\n")
    join_pids(tmp_path, "voice")
    join_pids(tmp_path, "voice")
    assert f"{running}\n{os.getpid()}\n" == (tmp_path / "run" / "voice.pid").read_text()
    leave_pids(tmp_path, "voice", running)
    assert [os.getpid()] == read_pids(tmp_path, "voice")
    leave_pids(tmp_path, "voice", gone)
    leave_pids(tmp_path, "voice", os.getpid())
    assert not (tmp_path / "run" / "voice.pid").exists()


def test_a_pid_file_that_holds_no_pid_names_nobody(tmp_path: Path) -> None:
    """Somebody else's editor has been there."""
    (run_dir(tmp_path) / "edge.pid").write_text("none\n")
    assert read_pid(tmp_path, "edge") is None


def test_ports_of_several_processes_stand_beside_each_other(tmp_path: Path) -> None:
    """Each adds its own, whenever it comes; none loses another's."""
    assert read_ports(tmp_path) == {}
    with ThreadPoolExecutor(8) as together:
        list(together.map(lambda number: write_port(tmp_path, f"p{number}", number), range(64)))
    assert read_ports(tmp_path) == {f"p{number}": number for number in range(64)}
    write_port(tmp_path, "p1", 99)
    assert read_ports(tmp_path)["p1"] == 99
    clear_ports(tmp_path)
    clear_ports(tmp_path)
    assert read_ports(tmp_path) == {}


def test_nobody_else_looks_into_the_run_directory(tmp_path: Path) -> None:
    """It holds the socket by which the whole system is commanded."""
    assert stat.S_IMODE(run_dir(tmp_path / "data").stat().st_mode) == 0o700


def test_nothing_is_left_beside_the_files(tmp_path: Path) -> None:
    """What was written beside is renamed; only the lock stays."""
    write_pid(tmp_path, "edge")
    write_port(tmp_path, "edge", 8080)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [".ports.json.lock", "edge.pid", "ports.json"]


def test_what_one_process_holds_no_other_gets(tmp_path: Path) -> None:
    """Until it lets go, or ends."""
    with hold(tmp_path, "voice-0"):
        with pytest.raises(HeldError, match="already"), hold(tmp_path, "voice-0"):
            pass
        with hold(tmp_path, "voice-1"):
            pass
    with hold(tmp_path, "voice-0"):
        pass
