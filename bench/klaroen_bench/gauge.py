"""The simulated carriers' counters, read all the time beside the demonstration; in a storm also the hand that strikes.

Law: one thread, the only user of the carriers' control while it runs. What goes wrong in it is raised to who reads it.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Protocol, Self, assert_never

from klaroen_bench.sight import Kind
from klaroen_bench.storm import Blackout, Counters, Kill, Storm

CALM_S: Final = 0.1
"""Between two readings."""
STORM_S: Final = 0.01
"""The same where a moment is waited for: what is measured is right to within this."""

Tell = Callable[[Kind, str], None]
"""Takes what kind of event it is, and words for people."""


class Commanded(Protocol):
    """A carrier's process."""

    def counters(self) -> dict[str, int]: ...
    def command(self, command: Mapping[str, object], /) -> Mapping[str, object]: ...


class Gauge:
    """Enter it to start reading."""

    def __init__(
        self, carriers: Mapping[str, Commanded], pid: Callable[[str], int], tell: Tell, storm: Storm | None = None
    ) -> None:
        self.counters: Counters = {name: {} for name in carriers}
        self._carriers = carriers
        self._pid = pid
        self._tell = tell
        self._storm = storm
        self._killed_pid: int | None = None
        self._light_at_s: float | None = None
        self._error: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gauge", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self._stop.set()
        self._thread.join()

    @property
    def accepted(self) -> dict[str, int]:
        """By carrier, what it has taken so far: messages, or calls."""
        return {name: one.get("accepted", one.get("calls", 0)) for name, one in self.counters.items()}

    def check(self) -> None:
        """Raise what went wrong meanwhile."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._pause_s):
                self.counters = {name: carrier.counters() for name, carrier in self._carriers.items()}
                self._blow(time.monotonic())
        except Exception as error:  # a thread has nobody else to tell: `check` raises it
            self._error = error

    @property
    def _pause_s(self) -> float:
        return CALM_S if self._storm is None or self._storm.is_over else STORM_S

    def _blow(self, now_s: float) -> None:
        if self._light_at_s is not None and now_s >= self._light_at_s and self._storm is not None:
            self._light_at_s = None
            self._tell("mended", f"{self._storm.dark} answers again")
        if self._storm is None or self._storm.is_over:
            return
        act = self._storm.advance(now_s, self.counters)
        if isinstance(act, Blackout):
            self._carriers[act.carrier].command({"do": "blackout", "seconds": act.seconds, "mode": "keep"})
            self._light_at_s = now_s + act.seconds
            self._tell("fault", f"{act.carrier} goes dark for {act.seconds:g} s, its connections open")
        elif isinstance(act, Kill):
            self._killed_pid = self._pid(act.role)
            os.kill(self._killed_pid, signal.SIGKILL)
            self._tell("fault", f"kill -9 {act.role} (pid {self._killed_pid})")
        elif act is None:
            self._watch_restart()
        else:
            assert_never(act)

    def _watch_restart(self) -> None:
        assert self._storm is not None
        if self._killed_pid is not None:
            pid = self._new_pid()
            if pid is not None and pid != self._killed_pid:
                self._killed_pid = None
                self._tell("mended", f"the supervisor has started dispatch again (pid {pid})")
        seconds = self._storm.restart_to_handover_s
        if seconds is not None:
            self._tell("mended", f"handing over again, {seconds:.2f} s after the kill")

    def _new_pid(self) -> int | None:
        try:
            return self._pid("dispatch")
        except (FileNotFoundError, ValueError):  # the supervisor has taken it away, or it is being written
            return None
