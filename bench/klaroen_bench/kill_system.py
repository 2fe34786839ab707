"""One system that is killed again and again while alerts pass through it, and the audit of what came of it.

Law: the processes are those of `klaroen serve`, their carriers speak SMPP, HTTP and SIP, and only the supervisor brings
back what died. Run `python -m klaroen_bench.kill_system DIRECTORY`: its result is `DIRECTORY/result.json`.
"""

import os
import signal
import socket
import time
from argparse import ArgumentParser
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from klaroen.children import end_with_parent
from klaroen_bench.asterisk import free_port
from klaroen_bench.audience import read_register
from klaroen_bench.demo import ending_on_sigterm
from klaroen_bench.kill_audit import Alert, Verdict, audit_all
from klaroen_bench.kill_plan import ANY, Blow, deal
from klaroen_bench.kill_serve import TRAPS
from klaroen_bench.kill_stream import Stream
from klaroen_bench.kill_trap import POINTS, RECOVERY, Trap
from klaroen_bench.latency import networks_of
from klaroen_bench.rig import Program, Rig, RigError
from klaroen_bench.rig_plan import Conditions, Plan, SmsCarrier, Trunk

MEMBERS: Final = 240
NETWORKS: Final = 6
RATE_PER_S: Final = 40.0
"""Of each carrier of SMS: so slow that something is always under way."""
UNJOURNALED_MAX: Final = 60
GRACE_S: Final = 2.0
"""Receipts take 40 ms here, and a bind half a second."""
SMS_S: Final = 8.0
"""A gateway whose webhook found nobody comes again within three seconds or so: its proofs are late, not missing."""
OPEN_MAX: Final = 24
EVERY_S: Final = 0.5
PATIENCE_S: Final = 6.0
"""For a point that is not come to: then the blow has missed."""
BACK_S: Final = 120.0
"""A machine that has other things to do takes long to start a Python; how long it took is in the report."""
END_S: Final = 180.0
POLL_S: Final = 0.005
TRUNK: Final = Trunk(
    lines=60, calls_per_s=30.0, ring_s=(0.1, 0.4), no_answer_after_s=3.0, key=0.0, other_key=0.0, mu_law=0.0
)


class Hit(Struct, frozen=True):
    """A blow that struck, and how long its process was away: 0 for one that was stopped."""

    role: str
    point: str
    signal: int
    at_ms: int
    back_s: float


class Result(Struct, frozen=True):
    seed: int
    hits: tuple[Hit, ...]
    missed: int
    refused: int
    verdict: Verdict
    unjournaled_max: int
    wall_s: float


def plan_for(seed: int) -> Plan:
    carriers = (
        SmsCarrier("alpha", "smpp", binds=2, window=50, rate_per_s=RATE_PER_S),
        SmsCarrier("beta", "sms_http", rate_per_s=RATE_PER_S),
    )
    return Plan(
        MEMBERS,
        NETWORKS,
        seed,
        Conditions(receipts_missing=0.01),
        carriers,
        TRUNK,
        sms_s=SMS_S,
        call_s=10.0,
        grace_s=GRACE_S,
        unjournaled_max=UNJOURNALED_MAX,
        edge_port=free_port(socket.SOCK_STREAM),
    )


class Executioner:
    """Deals the blows to one system, and notes what each did."""

    def __init__(self, rig: Rig, traps: Mapping[str, Trap]) -> None:
        self.hits: list[Hit] = []
        self.missed = 0
        self._rig = rig
        self._traps = traps

    @property
    def kills(self) -> int:
        return sum(hit.signal == signal.SIGKILL for hit in self.hits)

    def strike(self, blow: Blow) -> None:
        """Strike, and wait until the process is there again. Raises RigError where it does not come back."""
        if blow.point == ANY:
            time.sleep(blow.wait_s)
        before = self._living(blow.role)
        if blow.point == ANY:
            os.kill(before, blow.signal)
            self._follow(blow, before, {before})
            return
        trap = self._traps[blow.role]
        trap.arm(blow.point, blow.signal, blow.skip)
        if blow.point in RECOVERY:  # it must begin anew to come there
            os.kill(before, signal.SIGKILL)
            self._note(blow, ANY, signal.SIGKILL, 0.0)
        if _until(lambda: trap.fired != 0, PATIENCE_S):
            self._follow(blow, trap.fired, {before, trap.fired})
        else:
            trap.disarm()
            self.missed += 1

    def _follow(self, blow: Blow, struck: int, gone: Collection[int]) -> None:
        if blow.signal == signal.SIGSTOP:
            self._note(blow, blow.point, blow.signal, 0.0)
            time.sleep(blow.hold_s)
            os.kill(struck, signal.SIGCONT)
            if blow.point in RECOVERY:
                self._wait_back(blow, {*gone} - {struck})
            return
        began_s, place = time.monotonic(), len(self.hits)
        self._note(blow, blow.point, blow.signal, 0.0)
        self._wait_back(blow, gone)
        self.hits[place] = replace(self.hits[place], back_s=round(time.monotonic() - began_s, 3))

    def _note(self, blow: Blow, point: str, number: int, back_s: float) -> None:
        self.hits.append(Hit(blow.role, point, number, round(time.time() * 1000), back_s))

    def _wait_back(self, blow: Blow, gone: Collection[int]) -> None:
        if not _until(lambda: self._pid(blow.role) not in (0, *gone), BACK_S):
            raise RigError(f"{blow.role} does not come back after {blow.point}")

    def _living(self, role: str) -> int:
        """Return the pid of a process that runs; a signal for anybody else would be no experiment."""
        deadline = time.monotonic() + BACK_S
        while not (pid := self._pid(role)):
            if time.monotonic() > deadline:
                raise RigError(f"there is no {role}")
            time.sleep(POLL_S)
        return pid

    def _pid(self, role: str) -> int:
        """Return its pid, 0 while it has none, or one that is not its own any more."""
        try:
            pid = self._rig.pid(role)
            line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return 0
        return pid if {role.encode(), str(self._rig.config).encode()} <= set(line) else 0


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def run_system(directory: Path, kills: int, seed: int) -> Result:
    """Kill until it is enough, let every alert come to its end, and audit. Raises RigError, StreamError, AuditError."""
    began_s = time.monotonic()
    directory.mkdir(parents=True, exist_ok=True)
    plan = plan_for(seed)
    with ExitStack() as stack:
        traps = {role: stack.enter_context(Trap(directory, role)) for role in POINTS}
        program = Program("klaroen_bench.kill_serve", {TRAPS: str(directory)}, BACK_S)
        rig = stack.enter_context(Rig(directory / "rig", plan, program=program))
        stream = stack.enter_context(Stream(rig, networks_of(rig.country), seed, OPEN_MAX, EVERY_S))
        executioner = Executioner(rig, traps)
        blows = deal(seed)
        while executioner.kills < kills:
            stream.check()
            executioner.strike(next(blows))
        stream.end(END_S)
        rig.flush_ledgers()
        alerts = {
            name: Alert(posted, stream.last[name], list(rig.deliveries(name))) for name, posted in stream.posted.items()
        }
        unposted = set(every_alert(rig)) - set(alerts)
        if unposted:
            raise RigError(f"{len(unposted)} alerts that nobody posted under a key of their own")
    (directory / "alerts.json").write_bytes(msgspec.json.encode(alerts))
    country = rig.country
    register = read_register(country / "members.csv", country / "networks.jsonl", country / "zones.jsonl")
    verdict = audit_all(register, alerts, rig.ledgers(), rig.data_dir / "clips")
    wall_s = round(time.monotonic() - began_s, 1)
    hits = tuple(executioner.hits)
    return Result(seed, hits, executioner.missed, stream.refused, verdict, plan.unjournaled_max, wall_s)


def every_alert(rig: Rig) -> Iterator[str]:
    """Yield each alert that the system knows."""
    before = ""
    while True:
        status, page = rig.get(f"/v1/alerts{before}")
        if status != 200:
            raise RigError(f"alerts: {status} {page}")
        yield from (alert["id"] for alert in page["items"])
        if page["next"] is None:
            return
        before = f"?before={page['next']}"


def main() -> None:
    parser = ArgumentParser(prog="klaroen_bench.kill_system", description="Kill one system, and audit it.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    end_with_parent(os.environ)
    with ending_on_sigterm():
        result = run_system(options.directory, options.kills, options.seed)
    (options.directory / "result.json").write_bytes(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
