"""`klaroen serve`: the processes of one installation as children of this one, restarted when they die.

Law: the supervisor decides nothing about alerts and holds nothing that a crash could lose. A child that dies comes
back after 0, 1, 2, 4 … 30 s, and one whose loop stands still is made to die; one that says its configuration is wrong
(78) ends the whole; and if the supervisor goes, however it goes, the kernel tells its children.
"""

import logging
import os
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import structlog

from klaroen.rundir import clear_ports, leave_pids, read_pids, write_pid, write_port
from klaroen.systemd import SILENT, Unit

__all__ = ["BACKOFF_S", "EX_CONFIG", "Child", "Process", "Supervisor", "write_pid", "write_port"]

EX_CONFIG: Final = os.EX_CONFIG
"""78, of sysexits.h: the configuration is wrong, and trying again mends nothing."""
BACKOFF_S: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""The contract's: at once, then doubling to half a minute."""
STEADY_S: Final = 60.0
"""A child that ran for so long is well: its next death is a first one again."""
CALLS_S: Final = 60.0
"""The contract's: so long, a stopping system waits for calls that are being played."""
BEAT_S: Final = 1.0
"""How often systemd hears of this loop, where it listens, and this loop hears of its children."""
HUNG_S: Final = 15.0
"""A child that says nothing for so long hangs, or was stopped: its loop speaks every second, and the longest that one
was seen to be held up is a collection of 0.2 s. Nobody is judged where the supervisor had no turn itself."""
START_S: Final = 120.0
"""Until it says something for the first time: what is pending is read before, some seconds for a country, and a machine
with twenty other things to do took 23 s to start a Python."""
MARGIN_S: Final = 10.0
"""Beyond what a child promises, for the last journal on a slow disk; then it is killed, which leases make safe."""

log = structlog.get_logger(__name__)


class Process(Protocol):
    """What the supervisor needs of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Signals(Protocol):
    """What this process is told from outside."""

    stopping: bool

    def wait(self, seconds: float | None) -> None:
        """Sleep so long (None: for ever), less if a child died or `stopping` became true."""


class Child:
    """One role: its process, if it runs, and when it is due to start, if it does not."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.process: Process | None = None
        self.due_at_s: float | None = 0.0
        self._deaths = 0
        self._started_at_s = 0.0
        self.serves = False
        """It has been heard."""
        self._silent_from_s = 0.0
        """From then on it hangs, unless it is heard before."""

    def started(self, process: Process, now_s: float) -> None:
        self.process, self.due_at_s, self._started_at_s = process, None, now_s
        self.serves, self._silent_from_s = False, now_s + START_S

    def heard(self, now_s: float) -> None:
        self.serves, self._silent_from_s = True, now_s + HUNG_S

    def spare(self, now_s: float) -> None:
        """Nobody can say whether it was silent."""
        self._silent_from_s = max(self._silent_from_s, now_s + HUNG_S)

    def hangs(self, now_s: float) -> bool:
        return self.process is not None and now_s >= self._silent_from_s

    def reap(self, now_s: float) -> int | None:
        """Return the exit code if the process has ended since, and set when the next one is due."""
        code = None if self.process is None else self.process.poll()
        if code is None:
            return None
        self.process = None
        if now_s - self._started_at_s >= STEADY_S:
            self._deaths = 0
        self.due_at_s = now_s + BACKOFF_S[min(self._deaths, len(BACKOFF_S) - 1)]
        self._deaths += 1
        return code


class Supervisor:
    """Runs the roles in this order, and stops them in the same: who takes work in goes before who carries it out."""

    def __init__(
        self,
        roles: Sequence[str],
        data_dir: Path,
        spawn: Callable[[str], Process],
        signals: Signals,
        clock: Callable[[], float],
        drain_s: float,
        unit: Unit = SILENT,
        heard: Callable[[], Collection[int]] | None = None,
    ) -> None:
        """`heard` returns the pids of those who have said since then that they live; None where nobody speaks."""
        self.children = [Child(role) for role in roles]
        self._data_dir, self._spawn, self._signals, self._clock = data_dir, spawn, signals, clock
        self._patience_s = drain_s + CALLS_S + MARGIN_S
        self._unit, self._told_ready = unit, False
        self._heard, self._listened_at_s = heard, clock()

    def run(self) -> int:
        """Return the exit code once told to stop, or 78 once a child cannot use the configuration."""
        clear_ports(self._data_dir)
        while not self._signals.stopping:
            for child in self.children:
                if self._reap(child) == EX_CONFIG:
                    return self._stop(EX_CONFIG)
                self._start_if_due(child)
            self._end_hung()
            self._tell_unit()
            self._signals.wait(self._until_next())
        return self._stop(0)

    def statistics(self) -> Mapping[str, int | None]:
        """The pid of each role that runs."""
        return {child.role: child.process.pid if child.process else None for child in self.children}

    def _until_next(self) -> float | None:
        """Return the seconds until there is something to do, None where only a signal brings it."""
        due = [child.due_at_s - self._clock() for child in self.children if child.due_at_s is not None]
        if self._unit.listening or self._heard is not None:
            due.append(BEAT_S)
        return max(0.0, min(due)) if due else None

    def _end_hung(self) -> None:
        """Kill whoever has said nothing for too long, which leases make safe: it comes back as one that died."""
        if self._heard is None:
            return
        now_s, pids = self._clock(), self._heard()
        was_away = now_s - self._listened_at_s >= HUNG_S / 2
        self._listened_at_s = now_s
        for child in self.children:
            if child.process is None:
                continue
            if child.process.pid in pids:
                if not child.serves:
                    log.info("serves", role=child.role, pid=child.process.pid)
                child.heard(now_s)
            elif was_away:
                child.spare(now_s)
            elif child.hangs(now_s):
                log.error("says nothing any more, and is killed", role=child.role, pid=child.process.pid)
                child.process.kill()
                child.spare(now_s)  # what the kernel is still at work on dies later

    def _tell_unit(self) -> None:
        """Ready once each child has said that it serves."""
        self._unit.alive()
        if self._unit.listening and not self._told_ready and all(self._serves(child) for child in self.children):
            self._told_ready = True
            self._unit.ready()

    def _serves(self, child: Child) -> bool:
        pids = read_pids(self._data_dir, child.role.partition("-")[0])
        return child.process is not None and child.process.pid in pids

    def _start_if_due(self, child: Child) -> None:
        now_s = self._clock()
        if child.due_at_s is not None and child.due_at_s <= now_s:
            child.started(self._spawn(child.role), now_s)
            log.info("started", role=child.role, pid=self.statistics()[child.role])

    def _reap(self, child: Child) -> int | None:
        pid = child.process.pid if child.process else None
        code = child.reap(self._clock())
        if code is not None:
            if pid is not None:
                leave_pids(self._data_dir, child.role.partition("-")[0], pid)
            log.log(logging.INFO if code == 0 else logging.WARNING, "ended", role=child.role, pid=pid, code=code)
        return code

    def _stop(self, code: int) -> int:
        """Tell all to stop, in order, and wait for them together: each drains what it holds while the others can."""
        self._unit.stopping()
        for child in self.children:
            if child.process is not None:
                child.process.terminate()
        deadline_s = self._clock() + self._patience_s
        while any(child.process is not None for child in self.children):
            left_s = deadline_s - self._clock()
            if left_s <= 0:
                self._kill()
                code = code or 1
            self._unit.alive()
            patience_s = left_s if left_s > 0 else MARGIN_S
            self._signals.wait(min(BEAT_S, patience_s) if self._unit.listening else patience_s)
            for child in self.children:
                # One that was told to stop before it could listen held nothing yet.
                if self._reap(child) not in (None, 0, -signal.SIGTERM):
                    code = code or 1
        return code

    def _kill(self) -> None:
        for child in self.children:
            if child.process is not None:
                log.error("does not stop, and is killed", role=child.role)
                child.process.kill()
