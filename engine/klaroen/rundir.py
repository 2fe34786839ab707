"""`data_dir/run/`: which processes run, and on which ports they listen.

Law: a file there is whole or absent; each process writes its own pid before it serves. The supervisor clears what an
earlier run left, so that nobody waits on a port that is no longer there.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

RUN: Final = "run"
PORTS: Final = "ports.json"
SOCKET: Final = "dispatch.sock"
MODE: Final = 0o700


def run_dir(data_dir: str | Path) -> Path:
    """Return `data_dir/run`, made if need be."""
    directory = Path(data_dir, RUN)
    directory.mkdir(mode=MODE, parents=True, exist_ok=True)
    return directory


def write_pid(data_dir: str | Path, role: str) -> None:
    """Write this process's pid to `ROLE.pid`."""
    _replace(run_dir(data_dir) / f"{role}.pid", f"{os.getpid()}\n")


def join_pids(data_dir: str | Path, role: str) -> None:
    """Write this process's pid to `ROLE.pid`, a line each, beside those of the same role that still run."""
    directory = run_dir(data_dir)
    with _alone(directory):
        others = [pid for pid in read_pids(data_dir, role) if pid != os.getpid() and Path("/proc", str(pid)).exists()]
        _replace(directory / f"{role}.pid", "".join(f"{pid}\n" for pid in (*others, os.getpid())))


def leave_pids(data_dir: str | Path, role: str, pid: int) -> None:
    """Take a pid out of `ROLE.pid`."""
    directory = run_dir(data_dir)
    with _alone(directory):
        left = [one for one in read_pids(data_dir, role) if one != pid]
        if left:
            _replace(directory / f"{role}.pid", "".join(f"{one}\n" for one in left))
        else:
            remove_pid(data_dir, role)


def read_pids(data_dir: str | Path, role: str) -> list[int]:
    """Return the pids that stand in `ROLE.pid`."""
    try:
        return [int(line) for line in Path(data_dir, RUN, f"{role}.pid").read_text().split()]
    except (FileNotFoundError, ValueError):
        return []


def voice_socket(data_dir: str | Path, worker: int) -> Path:
    """Return where a voice process listens to dispatch."""
    return Path(data_dir, RUN, f"voice-{worker}.sock")


def read_pid(data_dir: str | Path, role: str) -> int | None:
    """Return the pid that stands in `ROLE.pid`, of a process that may be gone."""
    try:
        return int(Path(data_dir, RUN, f"{role}.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None


def remove_pid(data_dir: str | Path, role: str) -> None:
    Path(data_dir, RUN, f"{role}.pid").unlink(missing_ok=True)


def write_port(data_dir: str | Path, name: str, port: int) -> None:
    """Put `{name: port}` into `ports.json`, beside what the other processes put there."""
    directory = run_dir(data_dir)
    with _alone(directory):
        ports = {**read_ports(data_dir), name: port}
        _replace(directory / PORTS, json.dumps(ports, indent=1, sort_keys=True) + "\n")


def read_ports(data_dir: str | Path) -> dict[str, int]:
    """Return the ports by name; none before a process wrote one."""
    try:
        ports: dict[str, int] = json.loads(Path(data_dir, RUN, PORTS).read_text())
    except FileNotFoundError:
        return {}
    return ports


def clear_ports(data_dir: str | Path) -> None:
    """Forget the ports of an earlier run."""
    directory = run_dir(data_dir)
    with _alone(directory):
        (directory / PORTS).unlink(missing_ok=True)


class HeldError(Exception):
    """Another process has what only one may have."""


@contextmanager
def hold(data_dir: str | Path, name: str) -> Iterator[None]:
    """Keep `NAME.lock` to this process; the kernel frees it with the process.

    Raises HeldError.
    """
    descriptor = os.open(run_dir(data_dir) / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HeldError(f"{name} runs on {data_dir} already") from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep the other processes out while reading and replacing; the kernel frees the lock with the process."""
    descriptor = os.open(directory / f".{PORTS}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: str) -> None:
    """Write beside, then rename: a reader sees the old file or the new one. No fsync: it is worth nothing later."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(content)
    beside.replace(path)
