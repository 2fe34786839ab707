"""Real processes under the supervisor: their deaths, its death, and who may serve a data directory."""

import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

WAIT_S = 20.0
"""Two busy cores start a Python within a second or two."""
CHILD = """
    import os, signal, sys
    from klaroen.children import end_with_parent
    from klaroen.rundir import write_pid
    role, data_dir = sys.argv[1:]
    def stop(number, frame):
        os.write(1, f"stopped {role}\\n".encode())
        raise SystemExit(0)
    signal.signal(signal.SIGTERM, stop)
    end_with_parent(os.environ)
    write_pid(data_dir, role)
    os.write(1, f"running {role} {os.getpid()}\\n".encode())
    while True:
        signal.pause()
"""
SUPERVISOR = """
    import os, sys, time
    from pathlib import Path
    from klaroen.children import AlreadyRunningError, listening_to_signals, only_one, spawn
    from klaroen.supervisor import Supervisor
    from klaroen.telemetry import configure_logging
    configure_logging("serve")
    data_dir, child = Path(sys.argv[1]), sys.argv[2]
    line = lambda role: [sys.executable, "-c", child, role, str(data_dir)]
    try:
        with only_one(data_dir), listening_to_signals() as signals:
            start = lambda role: spawn(line(role), os.environ)
            raise SystemExit(Supervisor(("edge", "dispatch"), data_dir, start, signals, time.monotonic, 1.0).run())
    except AlreadyRunningError as error:
        raise SystemExit(f"refused: {error}")
"""


class Served:
    """A supervisor with two children, and what they print."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SUPERVISOR), str(data_dir), textwrap.dedent(CHILD)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._heard = b""

    def lines(self, count: int) -> list[str]:
        """Return the next lines, or fail when they do not come."""
        assert self.process.stdout is not None
        while self._heard.count(b"\n") < count:
            assert select.select([self.process.stdout], [], [], WAIT_S)[0], f"silent after {self._heard!r}"
            self._heard += os.read(self.process.stdout.fileno(), 4096)
        *lines, self._heard = self._heard.split(b"\n", count)
        return [line.decode() for line in lines]

    def running(self) -> dict[str, int]:
        return {role: int(pid) for _, role, pid in (line.split() for line in self.lines(2))}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.process.kill()
    served.process.communicate()


def is_gone(pid: int) -> None:
    """Wait until the process has ended, by the kernel's word."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], WAIT_S)[0], f"{pid} lives on"
    finally:
        os.close(descriptor)


def test_sigterm_stops_all_and_exits_0(served: Served) -> None:
    """In order, and the pid files go with their processes."""
    served.running()
    served.process.send_signal(signal.SIGTERM)
    assert sorted(served.lines(2)) == ["stopped dispatch", "stopped edge"]
    assert served.process.wait(WAIT_S) == 0
    assert not list((served.data_dir / "run").glob("*.pid"))


def test_a_killed_child_comes_back_under_another_pid(served: Served) -> None:
    """At once, the first time."""
    before = served.running()
    os.kill(before["dispatch"], signal.SIGKILL)
    (word, role, pid) = served.lines(1)[0].split()
    assert (word, role) == ("running", "dispatch")
    assert int(pid) != before["dispatch"]
    assert (served.data_dir / "run" / "dispatch.pid").read_text().strip() == pid


def test_children_stop_when_the_supervisor_is_killed(served: Served) -> None:
    """kill -9: nobody is left to tell them but the kernel; they drain as if told to stop."""
    before = served.running()
    served.process.send_signal(signal.SIGKILL)
    assert sorted(served.lines(2)) == ["stopped dispatch", "stopped edge"]
    for pid in before.values():
        is_gone(pid)


def test_a_child_whose_supervisor_died_before_it_could_ask_does_not_start(tmp_path: Path) -> None:
    """Started by somebody who is not the supervisor that its environment names."""
    environ = {**os.environ, "KLAROEN_SUPERVISOR": "1"}
    line = [sys.executable, "-c", textwrap.dedent(CHILD), "edge", str(tmp_path)]
    ended = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")


def test_a_data_directory_is_served_once(served: Served) -> None:
    """A second supervisor is refused, and disturbs nothing."""
    served.running()
    second = Served(served.data_dir)
    _, words = second.process.communicate(timeout=WAIT_S)
    assert second.process.returncode == 1
    assert b"is served by another process already" in words
    assert served.process.poll() is None
    assert len(list((served.data_dir / "run").glob("*.pid"))) == 2


IN_A_THREAD = "threading.Thread(target=fail).start()"
UNRAISABLE = "type('Gone', (), {'__del__': fail})()"


@pytest.mark.parametrize("deed", [IN_A_THREAD, UNRAISABLE], ids=["in a thread", "where nobody can catch it"])
@pytest.mark.parametrize(("error", "code"), [("MemoryError", os.EX_OSERR), ("ValueError", 0)])
def test_a_process_whose_thread_has_no_memory_ends_at_once(deed: str, error: str, code: int) -> None:
    """Python only says that it was ignored; whoever waited for that thread would wait for ever."""
    program = textwrap.dedent(f"""
        import threading
        from klaroen.children import end_without_memory
        def fail(*_):
            raise {error}
        end_without_memory()
        {deed}
    """)
    assert code == subprocess.run([sys.executable, "-c", program], stderr=subprocess.DEVNULL, check=False).returncode
