"""How a demonstration shows itself: a live screen, plain lines where nobody watches, one object for machines.

Law: a face decides nothing and measures nothing. `tell` may come from another thread; the rest comes from one.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TextIO

from msgspec import Struct

from klaroen_bench.sight import Event, Rates, Sight, channel_views

PHASES: Final = {
    "country": "making the country",
    "carriers": "starting the simulated carriers",
    "register": "importing the register",
    "serve": "starting klaroen serve",
    "alert": "warning everybody",
    "reading": "reading what became of each delivery",
    "stop": "stopping klaroen serve",
    "audit": "auditing the ledgers",
}
"""Each in its turn, with what it does."""
FAULTS: Final = ("lost", "duplicates", "altered", "escalated_after_proof", "strays")
"""What no demonstration may show, as the report names them."""
ENDS: Final = ("reached", "handed_over", "failed", "expired", "cancelled", "unreachable")
LINE_S: Final = 1.0
"""Between two plain lines about progress."""


class Cast(Struct, frozen=True):
    """Who and what appears."""

    members: int
    networks: int
    seed: int
    storm: bool
    conditions: Mapping[str, Any]


class Face(Protocol):
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def phase(self, name: str) -> None:
        """The next of `PHASES` begins."""

    def start(self, first: Mapping[str, int], accepted: Mapping[str, Any]) -> None:
        """The alert was accepted; `first` says how many have each channel as their first."""

    def see(self, sight: Sight) -> None: ...
    def tell(self, event: Event) -> None: ...
    def conclude(self, report: Mapping[str, Any], kept: Path | None) -> None: ...


def make_face(cast: Cast, for_machines: bool, out: TextIO | None = None) -> Face:
    """Return the face for this output."""
    out = out or sys.stdout
    if for_machines:
        return MachineFace(out)
    if out.isatty() and out.encoding.lower().startswith("utf"):
        from rich.console import Console

        from klaroen_bench.demo_screen import ScreenFace

        console = Console(file=out, highlight=False)
        if not console.is_dumb_terminal:
            return ScreenFace(cast, console)
    return PlainFace(cast, out)


class MachineFace:
    """One JSON object at the end, and nothing else."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def phase(self, name: str) -> None: ...
    def start(self, first: Mapping[str, int], accepted: Mapping[str, Any]) -> None: ...
    def see(self, sight: Sight) -> None: ...
    def tell(self, event: Event) -> None: ...

    def conclude(self, report: Mapping[str, Any], kept: Path | None) -> None:
        del kept
        self._out.write(json.dumps(report, ensure_ascii=False) + "\n")
        self._out.flush()


class PlainFace:
    """A line for each thing that begins or happens, and at most one a second about progress."""

    def __init__(self, cast: Cast, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._cast = cast
        self._out = out
        self._clock = clock
        self._began_s = clock()
        self._said_s = -LINE_S
        self._said = ""
        self._rates = Rates()

    def __enter__(self) -> Self:
        cast = self._cast
        storm = ", with a storm" if cast.storm else ""
        self._say(f"klaroen demo: {cast.members:,} people in {cast.networks:,} networks, seed {cast.seed}{storm}")
        self._say(f"simulated carriers: {conditions_words(cast.conditions)}")
        if cast.conditions.get("calls"):
            self._say(f"simulated telephones: {telephones_words(cast.conditions['calls'])}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def phase(self, name: str) -> None:
        self._say(f"[{self._clock() - self._began_s:6.1f} s] {PHASES[name]}")

    def start(self, first: Mapping[str, int], accepted: Mapping[str, Any]) -> None:
        del first
        unreachable = accepted["unreachable"]["count"]
        members, networks = accepted["members"], accepted["networks"]
        self._say(f"           accepted: {members:,} members of {networks:,} networks, {unreachable:,} unreachable")

    def see(self, sight: Sight) -> None:
        status = sight.status
        if not status or sight.at_s - self._said_s < LINE_S:
            return
        self._said_s = sight.at_s
        counts = (
            f"{status['reached']:>9,} reached {status['handed_over']:>8,} handed over {status['pending']:>8,} pending"
        )
        if counts == self._said:
            return
        self._said_s, self._said = sight.at_s, counts
        rates = [
            f"{channel} {self._rates.see(channel, sight.at_s, view['handed_over']):,.0f}/s"
            for channel, view in channel_views(status)
        ]
        calls = f"; {sight.calls['ringing']:,} ringing, {sight.calls['talking']:,} talking" if sight.calls else ""
        self._say(f"  +{sight.at_s:6.1f} s {counts}  {', '.join(rates)}{calls}")

    def tell(self, event: Event) -> None:
        mark = {"fault": "!", "mended": "+"}.get(event.kind, " ")
        self._say(f"  +{event.at_s:6.1f} s {mark} {event.words}")

    def conclude(self, report: Mapping[str, Any], kept: Path | None) -> None:
        for name, value in figures(report):
            self._say(f"  {name:<22} {value}")
        if kept is not None:
            self._say(f"  {'kept in':<22} {kept}")
        self._say(verdict_words(report))

    def _say(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


# --- words ----------------------------------------------------------------------------------------------------------


def conditions_words(conditions: Mapping[str, Any]) -> str:
    """Return the conditions as a person says them."""
    drain = conditions["drain_per_s"]
    shares = [
        f"{conditions[key]:.0%} {words}"
        for key, words in (
            ("receipts_missing", "no receipt"),
            ("refused", "refused"),
            ("repeated", "repeated"),
            ("late", "late"),
        )
    ]
    pace = [f"{drain:,.0f} drained a second"] if drain else []
    return ", ".join([f"{conditions['latency_ms']:g} ms", *shares, *pace])


def telephones_words(calls: Mapping[str, Any]) -> str:
    """Return how those who are called behave, as a person says it."""
    low, high = calls["ring_s"]
    shares = [
        f"{calls[key]:.0%} {words}" for key, words in (("busy", "busy"), ("no_answer", "no answer"), ("key", "press 1"))
    ]
    return ", ".join([f"{calls['lines']:,} lines", f"ring {low:g}-{high:g} s", *shares])


def verdict_words(report: Mapping[str, Any]) -> str:
    """Return the verdict in one line."""
    if report["sound"]:
        return "nothing lost, nothing doubled, nothing altered"
    return "NOT SOUND: " + ", ".join(f"{report[key]:,} {key.replace('_', ' ')}" for key in FAULTS if report[key])


def duration(ms: float | None) -> str:
    """Return milliseconds with a unit that suits them."""
    if ms is None:
        return "–"
    if ms < 1000:
        return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"
    return f"{ms / 1000:.2f} s" if ms < 100_000 else f"{ms / 1000:.0f} s"


def calls_words(counts: Mapping[str, int]) -> str:
    """Return how calls ended, as the telephones counted them."""
    some = ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count and name != "calls"
    )
    return f"{counts['calls']:,}: {some}"


def figures(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was measured, in the order in which it happened."""
    handed_over = {name: seconds for name, seconds in report["handed_over_s"].items() if seconds is not None}
    rows = [
        ("accepted in", duration(report["accept_ms"])),
        ("first hand-over", duration(report["first_handover_ms"])),
        *((f"all first {name} out", duration(seconds * 1000)) for name, seconds in handed_over.items()),
    ]
    if report["restart_to_handover_s"] is not None:
        rows.append(("kill to hand-over", duration(report["restart_to_handover_s"] * 1000)))
    ends = ", ".join(f"{report[state]:,} {state.replace('_', ' ')}" for state in ENDS if report[state])
    memory = ", ".join(f"{name} {mb:,.0f} MB" for name, mb in report["peak_rss_mb"].items() if mb is not None)
    doubles = f"{report['possible_duplicates']:,} announced, {report['doubled_as_announced']:,} came true"
    return [
        *rows,
        ("settled in", duration(report["settled_s"] * 1000)),
        ("members", f"{report['members']:,}: {ends}"),
        ("copies on handsets", f"{report['copies']:,}"),
        *((f"calls by {name}", calls_words(counts)) for name, counts in report["calls"].items()),
        ("second channel", f"{report['escalated_after_arrival']:,} after arrival without proof"),
        ("possible duplicates", doubles),
        ("cost, as if real", f"€ {report['cost_eur']:,.2f}"),
        ("memory at most", memory),
    ]
