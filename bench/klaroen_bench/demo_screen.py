"""The live screen of a demonstration, for a terminal of 80 columns or more.

Law: it is drawn anew from what was last seen, some times a second, on the terminal's other screen, so that it may be
resized; the last picture stays on the ordinary one, with the verdict beneath.
Colours mean something: green is proved, cyan is handed over, yellow waits, red is a fault, magenta is not real.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from rich.box import ROUNDED
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from klaroen_bench.demo_face import (
    FAULTS,
    PHASES,
    Cast,
    conditions_words,
    duration,
    figures,
    telephones_words,
    verdict_words,
)
from klaroen_bench.sight import STATES, Event, Kind, Rates, Sight, channel_views

WIDTH_MAX: Final = 110
"""Wider than this the eye loses the row."""
FRAMES_PER_S: Final = 6
"""The figures themselves change four times a second [a frame costs 4 ms]."""
EVENTS_KEPT: Final = 100
EVENTS_MIN: Final = 3
ROOMY: Final = 30
"""Lines from which on more is said of the conditions."""
BAR_CELLS_MIN: Final = 10
COLOURS: Final = {
    "reached": "green",
    "handed_over": "cyan",
    "pending": "grey42",
    "failed": "red",
    "expired": "red",
    "cancelled": "yellow",
    "unreachable": "grey30",
}
CALL_COLOURS: Final = {"ringing": "yellow", "talking": "cyan", "answered": "green", "not taken": "grey50"}
BREAKERS: Final = {"closed": "green", "half_open": "yellow", "open": "bold red"}
MARKS: Final[Mapping[Kind, tuple[str, str]]] = {"fault": ("▼", "red"), "mended": ("▲", "green"), "note": ("·", "dim")}


class ScreenFace:
    """Enter it to start drawing."""

    def __init__(self, cast: Cast, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._cast = cast
        self._console = console
        self._clock = clock
        self._began_s = clock()
        self._phase: tuple[str, float] = ("country", self._began_s)
        self._ended_s: float | None = None
        self._first: Mapping[str, int] = {}
        self._sight: Sight | None = None
        self._rates = Rates()
        self._per_s: dict[str, float] = {}
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._live = Live(self, console=console, refresh_per_second=FRAMES_PER_S, screen=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self._live.stop()

    # --- what happens -----------------------------------------------------------------------------------------------

    def phase(self, name: str) -> None:
        self._phase = (name, self._clock())

    def start(self, first: Mapping[str, int], accepted: Mapping[str, Any]) -> None:
        self._first = first
        members, networks = accepted["members"], accepted["networks"]
        self.tell(Event(0.0, "note", f"accepted, and on disk: {members:,} members of {networks:,} networks"))

    def see(self, sight: Sight) -> None:
        for channel, view in channel_views(sight.status):
            self._per_s[channel] = self._rates.see(channel, sight.at_s, view["handed_over"])
        for name, count in sight.accepted.items():
            self._per_s[f"carrier {name}"] = self._rates.see(f"carrier {name}", sight.at_s, count)
        self._sight = sight

    def tell(self, event: Event) -> None:
        self._events.append(event)

    def conclude(self, report: Mapping[str, Any], kept: Path | None) -> None:
        self._ended_s = self._clock()
        self._live.stop()
        self._console.print(self._draw(EVENTS_KEPT), verdict(report, kept, self._width))

    # --- drawing ----------------------------------------------------------------------------------------------------

    def __rich__(self) -> RenderableType:
        """Return the screen as it is now."""
        sight = self._sight
        lines = 5 + self._shows_telephones
        if sight is not None and sight.status:
            lines += 6 + len(sight.status["channels"])
        if sight is not None and sight.carriers:
            lines += 3 + len(sight.carriers) + bool(sight.calls)
        return self._draw(max(EVENTS_MIN, self._console.height - lines))

    def _draw(self, events: int) -> Group:
        """Return the picture with so many of the last events."""
        parts: list[RenderableType] = [self._header(), self._progress()]
        sight = self._sight
        if sight is not None and sight.status:
            parts += [population(sight.status, self._width), self._channels(sight)]
        if sight is not None and sight.carriers:
            parts += [self._carriers(sight), *calls_line(sight.calls), Text()]
        return Group(*parts, *self._told(events))

    @property
    def _shows_telephones(self) -> bool:
        """There are any, and there is room to say how they behave."""
        return bool(self._cast.conditions.get("calls")) and self._console.height >= ROOMY

    @property
    def _width(self) -> int:
        return min(self._console.width, WIDTH_MAX)

    def _header(self) -> Panel:
        cast = self._cast
        now_s = self._ended_s or self._clock()
        first = Text.assemble(
            "A warm alert to ", (f"{cast.members:,}", "bold"), " people in ", (f"{cast.networks:,}", "bold"),
            " networks", no_wrap=True, overflow="ellipsis",
        )  # fmt: skip
        if cast.storm:
            first.append(" · ", "dim").append("storm: blackout, kill -9", "bold red")
        words = [f"Simulated carriers: {conditions_words(cast.conditions)}"]
        if self._shows_telephones:
            words.append(f"Telephones: {telephones_words(cast.conditions['calls'])}")
        return Panel(
            Group(first, *(Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in words)),
            title=Text.assemble(("klaroen", "bold cyan"), (" demo", "cyan")),
            title_align="left",
            subtitle=f"[dim]seed {cast.seed} · {now_s - self._began_s:.1f} s[/]",
            subtitle_align="right",
            box=ROUNDED,
            border_style="cyan",
            width=self._width,
        )

    def _progress(self) -> Text:
        """Every phase, and how long the present one has taken."""
        line = Text(" ", no_wrap=True, overflow="ellipsis")
        name, began_s = self._phase
        now = list(PHASES).index(name)
        for place, phase in enumerate(PHASES):
            if place < now or self._ended_s is not None:
                line.append("✔ ", "green").append(phase, "dim")
            elif place == now:
                line.append("● ", "yellow").append(phase, "bold").append(f" {self._clock() - began_s:.0f} s", "yellow")
            else:
                line.append(f"○ {phase}", "grey35")
            line.append(" ")
        return line

    def _channels(self, sight: Sight) -> Table:
        table = self._table(
            "channel",
            Text("reached", justify="right"),
            ("handed over", 14),
            ("rate/s", 8),
            ("proof p50", 9),
            ("proof p99", 9),
        )
        for channel, view in channel_views(sight.status):
            total = max(self._first.get(channel, 0), view["attempts"], 1)
            taken = view["handed_over"] - view["reached"]
            shares = (("green", view["reached"]), ("cyan", taken), ("red", view["failed"]))
            table.add_row(
                Text(channel, "bold"),
                Text(f"{view['reached']:,}", justify="right"),
                Bar(shares, total),
                f"{view['handed_over']:,}",
                rate(self._per_s.get(channel, 0.0)),
                duration(view["p50_ms"]),
                duration(view["p99_ms"]),
            )
        return table

    def _carriers(self, sight: Sight) -> Padding:
        table = self._table("carrier", "kind", ("in flight", 14), ("rate/s", 8), ("", 9), ("breaker", 9))
        for one in sight.carriers:
            used, window = one["window_used"], one["window"]
            per_s = self._per_s.get(f"carrier {one['name']}")
            if per_s is None:
                per_s = sum(self._per_s.get(channel, 0.0) for channel in one["channels"])
            table.add_row(
                Text(one["name"], "bold"),
                Text("simulated", "magenta") if one["simulated"] else Text(one["kind"], "dim"),
                Bar((("yellow" if one["breaker"] == "closed" else "red", used),), window),
                f"{used:,}/{window:,}",
                rate(per_s),
                Text("up", "green") if one["up"] else Text("link down", "bold red"),
                Text(one["breaker"].replace("_", " "), BREAKERS[one["breaker"]]),
            )
        return Padding(table, (1, 0, 0, 0))

    def _table(self, first: str, second: str | Text, *numbers: tuple[str, int]) -> Table:
        table = Table(box=None, width=self._width, header_style="grey50", padding=(0, 1, 0, 1), collapse_padding=True)
        table.add_column(first, width=8, no_wrap=True)
        table.add_column(second, width=9, no_wrap=True)
        table.add_column("", ratio=1, no_wrap=True)
        for title, width in numbers:
            table.add_column(title, justify="right", width=width, no_wrap=True)
        return table

    def _told(self, room: int) -> Iterator[RenderableType]:
        for event in list(self._events)[-room:]:
            mark, colour = MARKS[event.kind]
            yield Text.assemble(
                (f" +{event.at_s:6.2f} s ", "grey50"), (f"{mark} ", colour), (event.words, colour),
                no_wrap=True, overflow="ellipsis",
            )  # fmt: skip


class Bar:
    """As wide as its place, with a stretch for each share; whoever is there is seen, however few."""

    def __init__(self, shares: tuple[tuple[str, int], ...], total: int) -> None:
        self._shares = shares
        self._total = max(total, 1)

    def draw(self, width: int) -> Text:
        line = Text(no_wrap=True)
        counted = drawn = 0
        there = [(colour, count) for colour, count in self._shares if count]
        for left, (colour, count) in zip(range(len(there) - 1, -1, -1), there, strict=True):
            counted += count
            end = min(width - left, max(round(counted / self._total * width), drawn + 1))
            line.append("━" * (end - drawn), colour)
            drawn = end
        return line.append("━" * (width - drawn), "grey23")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.draw(options.max_width)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(BAR_CELLS_MIN, options.max_width)


def population(status: Mapping[str, Any], width: int) -> Padding:
    """Return everybody in one bar, and how many are where."""
    legend = Text(no_wrap=True, overflow="ellipsis")
    for state in STATES:
        count = status[state]
        if count or state in ("reached", "handed_over", "pending"):
            legend.append("■ ", COLOURS[state]).append(f"{count:,} ", "bold")
            legend.append(f"{state.replace('_', ' ')}  ", "dim")
    shares = tuple((COLOURS[state], status[state]) for state in STATES)
    return Padding(Group(Bar(shares, status["members"]).draw(width - 2), legend), (1, 1, 1, 1))


def calls_line(calls: Mapping[str, int]) -> Iterator[RenderableType]:
    """Yield how calls stand and ended, if there are any."""
    if not calls:
        return
    line = Text(no_wrap=True, overflow="ellipsis")
    for name, count in calls.items():
        line.append("■ ", CALL_COLOURS[name]).append(f"{count:,} ", "bold").append(f"{name}  ", "dim")
    yield Padding(line, (0, 1, 0, 1))


def rate(per_s: float) -> Text:
    return Text(f"{per_s:,.0f}", "bold" if per_s >= 1 else "grey42")


def verdict(report: Mapping[str, Any], kept: Path | None, width: int) -> Panel:
    """Return what the audit found and what was measured."""
    marks = Text()
    for key, words in (("lost", "lost"), ("duplicates", "doubled"), ("altered", "altered")):
        count = report[key]
        colour = "bold red" if count else "bold green"
        marks.append(f"✘ {count:,} {words}     " if count else f"✔ nothing {words}     ", colour)
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(ratio=1)
    for name, value in figures(report):
        rows.add_row(name, value)
    if kept is not None:
        rows.add_row("kept in", str(kept))
    colour = "green" if report["sound"] else "red"
    parts: list[RenderableType] = [marks, Text(), rows]
    if not report["sound"]:
        found = [
            f"{fault}: {', '.join(report['offenders'][fault])}" for fault in FAULTS if report["offenders"].get(fault)
        ]
        parts += [Text(), Text(verdict_words(report), "bold red"), *(Text(line, "red") for line in found)]
    title = "the audit finds all sound" if report["sound"] else "the audit finds faults"
    return Panel(
        Group(*parts),
        title=f"[bold {colour}]{title}[/]",
        title_align="left",
        border_style=colour,
        box=ROUNDED,
        padding=(1, 2),
        width=width,
    )
