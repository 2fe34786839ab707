"""`klaroen demo`: a made-up country is warned by the real system over simulated carriers, and the ledgers are audited.

Law: what happens is what a user would see: processes, HTTP and protocols as in service. The verdict is the audit's.
Run `python -m klaroen_bench.demo DIRECTORY` to judge a kept demonstration again.
"""

import http.client
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, Never, Protocol

from klaroen.cli.context import CommandFault
from klaroen_bench.audience import AuditError
from klaroen_bench.carriers.ledger import LedgerError
from klaroen_bench.demo_face import Cast, Face, make_face
from klaroen_bench.gauge import Gauge
from klaroen_bench.processes import ProcessError
from klaroen_bench.report import Files, Measured, Register, judge
from klaroen_bench.rig import Plan, Rig, RigError
from klaroen_bench.rig_plan import trunk_for
from klaroen_bench.sight import FINAL, Event, Kind, Sight, call_counts, events_between
from klaroen_bench.storm import BLACKOUT_S, BLACKOUT_SHARE, KILL_SHARE, Storm

LOOK_S: Final = 0.25
"""The edge's snapshots are no fresher."""
STILL_S: Final = 90.0
"""Nothing changes for so long: longer than all steps together wait, so it never will."""
SOCKET_PATH_MAX: Final = 107
"""sun_path, less its end."""
ALERT: Final = {
    "class": "warm",
    "targets": {"all": True},
    "content": {
        "nl": {
            "text": "Politie: inbraak bezig in uw buurt. Dader vlucht te voet: donkere jas, grijze rugzak. "
            "Hou deuren dicht en ga niet zelf achter hem aan. Iets gezien? Bel 101."
        },
        "fr": {
            "text": "Police: cambriolage en cours près de chez vous. Suspect à pied, veste foncée, sac gris. "
            "Fermez vos portes et n'intervenez pas. Vu quelque chose? Appelez le 101."
        },
        "de": {
            "text": "Polizei: Einbruch in Ihrer Nähe, Schaden etwa 2000 €. Täter zu Fuß, dunkle Jacke. "
            "Türen schließen, nicht selbst eingreifen. Etwas gesehen? Rufen Sie 101 an."
        },
    },
    "confirm": True,
    "reference": "demo",
}
"""One segment each: 156, 160 and 157 septets of GSM 03.38."""


class Options(Protocol):
    """klaroen.cli.laboratory.DemoOptions."""

    @property
    def members(self) -> int: ...
    @property
    def networks(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def storm(self) -> bool: ...
    @property
    def keep(self) -> bool: ...
    @property
    def json(self) -> bool: ...


def run_demo(options: Options) -> int:
    """Run it and report; return 0 if nothing was lost, doubled or altered, else 1.

    Raises CommandFault where the system did not start, or stands still; what it wrote is kept then.
    """
    directory = make_directory()
    plan = Plan(options.members, options.networks, options.seed, trunk=trunk_for(len(os.sched_getaffinity(0))))
    face = make_face(Cast(plan.members, plan.networks, plan.seed, options.storm, plan.view()), options.json)
    keep = options.keep
    try:
        with ending_on_sigterm(), face:
            perform(directory, plan, face, storm=options.storm)
            face.phase("audit")
            report, sound = judge(directory)
            keep = keep or not sound
            face.conclude(report, directory if keep else None)
    except (RigError, ProcessError, AuditError, LedgerError, OSError, http.client.HTTPException) as error:
        keep = True
        raise CommandFault(f"{error} (see {directory})", details={"data_dir": str(directory / "data")}) from error
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)
    return 0 if sound else 1


def make_directory() -> Path:
    """Return a new directory here; in the system's own place for such where a socket's path would be too long."""
    directory = Path(tempfile.mkdtemp(prefix="klaroen-demo-", dir=Path.cwd()))
    if len(str(directory / "data" / "run" / "dispatch.sock").encode()) <= SOCKET_PATH_MAX:
        return directory
    directory.rmdir()
    return Path(tempfile.mkdtemp(prefix="klaroen-demo-"))


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: cleanly."""

    def interrupt(_number: int, _frame: FrameType | None) -> Never:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def perform(directory: Path, plan: Plan, face: Face, *, storm: bool) -> None:
    """Start everything, warn everybody, write down what happened, stop everything."""
    with Rig(directory, plan, face.phase) as rig:
        assert rig.facts is not None
        weather = Storm(plan.carriers[0].name, rig.facts.first["sms"]) if storm else None
        face.phase("alert")
        posted_s, posted_at_ms = time.monotonic(), round(time.time() * 1000)
        status, accepted = rig.post("/v1/alerts", ALERT, key="demo")
        accept_ms = round((time.monotonic() - posted_s) * 1000, 2)
        if status != 202:
            raise RigError(f"the alert was not accepted: {status} {accepted}")
        watch = Follower(rig, accepted["id"], posted_s, face)
        face.start(rig.facts.first, accepted)

        def tell(kind: Kind, words: str) -> None:
            face.tell(Event(time.monotonic() - posted_s, kind, words))

        with Gauge(rig.carriers, rig.pid, tell, weather) as gauge:
            last = watch.follow(gauge)
        settled_s = round(time.monotonic() - posted_s, 3)
        face.phase("reading")
        rig.flush_ledgers()
        conditions = plan.view() | {"storm": storm_view(weather)}
        watch.weigh()
        measured = Measured(
            plan.seed,
            storm,
            accepted["networks"],
            Register(rig.facts.members, rig.facts.memberships, rig.facts.active),
            conditions,
            {"sms_s": plan.sms_s, "call_s": plan.call_s},
            posted_at_ms,
            accept_ms,
            settled_s,
            watch.peak_rss_mb,
            None if weather is None else weather.restart_to_handover_s,
            gauge.accepted,
            str(rig.data_dir),
        )
        clips = rig.data_dir / "clips"
        Files(directory).keep(ALERT, last.status, rig.deliveries(accepted["id"]), measured, clips)
        face.phase("stop")


def storm_view(storm: Storm | None) -> dict[str, object] | None:
    """Return what a storm added to the conditions."""
    if storm is None:
        return None
    return {
        "blackout": {"carrier": storm.dark, "seconds": BLACKOUT_S, "at_share": BLACKOUT_SHARE},
        "kill_9": {"process": "dispatch", "at_share": KILL_SHARE, "done": storm.killed_at_s is not None},
    }


class Follower:
    """Follows one alert over HTTP until its final state."""

    def __init__(self, rig: Rig, alert: str, posted_s: float, face: Face) -> None:
        self._rig = rig
        self._alert = alert
        self._posted_s = posted_s
        self._face = face
        self.peak_rss_mb: dict[str, float] = {}

    def follow(self, gauge: Gauge) -> Sight:
        """Raises RigError if nothing changes any more, and what the gauge has met."""
        before: Sight | None = None
        changed_s = time.monotonic()
        while True:
            began_s = time.monotonic()
            gauge.check()
            sight = self._look(before, gauge)
            for event in events_between(before, sight):
                self._face.tell(event)
            self._face.see(sight)
            self.weigh()
            if sight.status.get("state") in FINAL:
                return sight
            if before is None or _counts(before.status) != _counts(sight.status):
                changed_s = began_s
            elif began_s - changed_s > STILL_S:
                raise RigError(f"nothing has changed for {STILL_S:g} s: {_counts(sight.status)}")
            before = sight
            time.sleep(max(0.0, began_s + LOOK_S - time.monotonic()))

    def _look(self, before: Sight | None, gauge: Gauge) -> Sight:
        trunk = self._rig.plan.trunk
        status = self.ask(f"/v1/alerts/{self._alert}", "police")
        carriers = self.ask("/v1/carriers", "operator")
        return Sight(
            at_s=time.monotonic() - self._posted_s,
            status=status or (before.status if before else {}),
            carriers=carriers["items"] if carriers else (before.carriers if before else ()),
            accepted=gauge.accepted,
            answers=status is not None and carriers is not None,
            calls={} if trunk is None else call_counts(gauge.counters[trunk.name]),
        )

    def ask(self, path: str, token: str) -> Any:
        """Return the answer, None while the API asks for patience."""
        try:
            status, answer = self._rig.get(path, token)
        except (OSError, http.client.HTTPException):
            return None
        if status in (200, 503):
            return answer if status == 200 else None
        raise RigError(f"{path}: {status} {answer}")

    def weigh(self) -> None:
        """Note how much memory the processes have taken; a killed one counts too."""
        for role in ("edge", "dispatch", *(() if self._rig.plan.trunk is None else ("voice",))):
            try:
                held = self._rig.peak_rss_mb(role)
            except (OSError, ValueError):  # it has just been killed, or its pid is being written
                continue
            self.peak_rss_mb[role] = max(round(held, 1), self.peak_rss_mb.get(role, 0.0))


def _counts(status: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(status.get(key) for key in ("state", "pending", "handed_over", "reached", "failed", "channels"))


def main() -> int:
    """Judge a kept demonstration again: the report as JSON, exit 1 if anything was lost, doubled or altered."""
    parser = ArgumentParser(prog="klaroen_bench.demo", description=main.__doc__)
    parser.add_argument("directory", type=Path)
    report, sound = judge(parser.parse_args().directory)
    sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
