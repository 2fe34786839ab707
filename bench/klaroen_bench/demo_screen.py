"""The live screen of a demonstration, for a terminal of 80 columns or more.

Law: it is drawn anew from what was last seen, some times a second, and holds no more lines than the terminal has.
Colours mean something: green is proved, cyan is handed over, yellow waits, red is a fault, magenta is not real.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from rich.box import ROUNDED, SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from klaroen_bench.demo_face import Cast, conditions_words, duration, figures, verdict_words
from klaroen_bench.sight import STATES, Event, Rates, Sight

WIDTH_MAX: Final = 110
"""Wider than this the eye loses the row."""
FRAMES_PER_S: Final = 8
EVENTS_KEPT: Final = 100
FIXED_LINES: Final = 24
"""Lines of everything but the events."""
EVENTS_MIN: Final = 3
COLOURS: Final = {
    "reached": "green",
    "handed_over": "cyan",
    "pending": "grey35",
    "failed": "red",
    "expired": "red",
    "cancelled": "yellow",
    "unreachable": "grey58",
}
BREAKERS: Final = {"closed": "green", "half_open": "yellow", "open": "red"}
MARKS: Final = {"fault": ("▼", "red"), "mended": ("▲", "green"), "note": ("·", "dim")}


class ScreenFace:
    """Enter it to start drawing."""

    def __init__(self, cast: Cast, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._cast = cast
        self._console = console
        self._clock = clock
        self._began_s = clock()
        self._phases: list[tuple[str, float]] = []
        self._ended_s: float | None = None
        self._first: Mapping[str, int] = {}
        self._sight: Sight | None = None
        self._rates = Rates()
        self._per_s: dict[str, float] = {}
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._live = Live(self, console=console, refresh_per_second=FRAMES_PER_S, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self._live.stop()

    # --- what happens -----------------------------------------------------------------------------------------------

    def phase(self, words: str) -> None:
        self._phases.append((words, self._clock()))

    def start(self, first: Mapping[str, int], accepted: Mapping[str, Any]) -> None:
        self._first = first
        members, networks = accepted["members"], accepted["networks"]
        self.tell(Event(0.0, "note", f"accepted, and on disk: {members:,} members of {networks:,} networks"))

    def see(self, sight: Sight) -> None:
        for channel, view in sight.status.get("channels", {}).items():
            self._per_s[channel] = self._rates.see(channel, sight.at_s, view["handed_over"])
        for name, count in sight.accepted.items():
            self._per_s[f"carrier {name}"] = self._rates.see(f"carrier {name}", sight.at_s, count)
        self._sight = sight

    def tell(self, event: Event) -> None:
        self._events.append(event)

    def conclude(self, report: Mapping[str, Any], kept: Path | None) -> None:
        self._ended_s = self._clock()
        self._live.stop()
        self._console.print(verdict(report, kept, self._width))

    # --- drawing ----------------------------------------------------------------------------------------------------

    def __rich__(self) -> RenderableType:
        """Return the screen as it is now."""
        parts: list[RenderableType] = [self._header(), self._progress()]
        if self._sight is not None and self._sight.status:
            parts += [population(self._sight.status, self._width), self._channels(self._sight)]
        if self._sight is not None and self._sight.carriers:
            parts.append(self._carriers(self._sight))
        parts += self._told()
        return Group(*parts)

    @property
    def _width(self) -> int:
        return min(self._console.width, WIDTH_MAX)

    def _header(self) -> Panel:
        cast = self._cast
        now_s = self._ended_s or self._clock()
        first = Text.assemble(
            (f"{cast.members:,}", "bold"), " people in ", (f"{cast.networks:,}", "bold"), " networks are warned"
        )
        if cast.storm:
            first.append("  STORM: a blackout and a kill -9", "bold red")
        return Panel(
            Group(first, Text(f"carriers: {conditions_words(cast.conditions)}", "dim", overflow="ellipsis")),
            title=Text.assemble(("klaroen", "bold cyan"), (" demo", "cyan")),
            title_align="left",
            subtitle=f"[dim]{now_s - self._began_s:.1f} s[/]",
            subtitle_align="right",
            box=ROUNDED,
            border_style="cyan",
            width=self._width,
        )

    def _progress(self) -> Padding:
        """The phases so far, each with its time; the last is under way."""
        line = Text(overflow="fold")
        for (words, began_s), (_, ended_s) in pairwise([*self._phases, ("", self._ended_s or self._clock())]):
            under_way = words == self._phases[-1][0] and self._ended_s is None
            line.append("● " if under_way else "✔ ", "yellow" if under_way else "green")
            line.append(words, "bold" if under_way else "dim")
            line.append(f" {ended_s - began_s:.1f} s   ", "dim")
        return Padding(line, (0, 1))

    def _channels(self, sight: Sight) -> Table:
        table = self._table("channel", "proved, handed over, failed", "handed over", "rate/s", "p50", "p99")
        for channel, view in sight.status["channels"].items():
            total = max(self._first.get(channel, 0), view["attempts"], 1)
            taken = view["handed_over"] - view["reached"]
            shares = [("green", view["reached"]), ("cyan", taken), ("red", view["failed"])]
            table.add_row(
                Text(channel, "bold"),
                bar(shares, total, self._bar_width),
                f"{view['handed_over']:,}",
                rate(self._per_s.get(channel, 0.0)),
                duration(view["p50_ms"]),
                duration(view["p99_ms"]),
            )
        return table

    def _carriers(self, sight: Sight) -> Table:
        table = self._table("carrier", "unanswered", "of window", "rate/s", "breaker", "link")
        for one in sight.carriers:
            name, used, window = one["name"], one["window_used"], one["window"]
            colour = BREAKERS[one["breaker"]]
            per_s = self._per_s.get(f"carrier {name}")
            if per_s is None:
                per_s = sum(self._per_s.get(channel, 0.0) for channel in one["channels"])
            label = Text(name, "magenta" if one["simulated"] else "bold")
            link = Text("up", "green") if one["up"] else Text("down", "bold red")
            table.add_row(
                label,
                bar([("yellow" if one["breaker"] == "closed" else "red", used)], max(window, 1), self._bar_width),
                f"{used:,}/{window:,}",
                rate(per_s),
                Text(one["breaker"].replace("_", " "), colour),
                link,
            )
        return table

    def _table(self, first: str, bar_title: str, *numbers: str) -> Table:
        table = Table(
            box=SIMPLE_HEAD, width=self._width, header_style="dim", border_style="grey35", padding=(0, 1, 0, 0)
        )
        table.add_column(first, width=10, no_wrap=True)
        table.add_column(bar_title, ratio=1, no_wrap=True)
        for title, width in zip(numbers, (12, 8, 9, 8), strict=True):
            table.add_column(title, justify="right", width=width, no_wrap=True)
        return table

    @property
    def _bar_width(self) -> int:
        """What the other columns leave."""
        return max(10, self._width - 10 - (12 + 8 + 9 + 8) - 8)

    def _told(self) -> Iterator[RenderableType]:
        room = max(EVENTS_MIN, self._console.height - FIXED_LINES)
        for event in list(self._events)[-room:]:
            mark, colour = MARKS[event.kind]
            words = Text.assemble(
                (f" +{event.at_s:6.2f} s ", "dim"), (f"{mark} ", colour), (event.words, colour), overflow="ellipsis"
            )
            words.no_wrap = True
            yield words


def population(status: Mapping[str, Any], width: int) -> Padding:
    """Return everybody in one bar, and how many are where."""
    counts = [(state, status[state]) for state in STATES]
    legend = Text(overflow="fold")
    for state, count in counts:
        if count or state in ("reached", "handed_over", "pending"):
            legend.append("■ ", COLOURS[state])
            legend.append(f"{count:,} ", "bold")
            legend.append(f"{state.replace('_', ' ')}   ", "dim")
    shares = [(COLOURS[state], count) for state, count in counts]
    whole = bar(shares, max(status["members"], 1), width - 2)
    return Padding(Group(whole, legend), (1, 1, 0, 1))


def bar(shares: list[tuple[str, int]], total: int, width: int) -> Text:
    """Return a bar with a stretch for each share; whoever is there is seen, however few."""
    line = Text(no_wrap=True)
    left, counted, drawn = width, 0, 0
    for colour, count in shares:
        counted += count
        end = min(width, round(counted / total * width))
        cells = min(left, max(end - drawn, 1 if count else 0))
        line.append("━" * cells, colour)
        left, drawn = left - cells, drawn + cells
    line.append("━" * left, "grey23")
    return line


def rate(per_s: float) -> Text:
    return Text(f"{per_s:,.0f}", "bold" if per_s >= 1 else "dim")


def verdict(report: Mapping[str, Any], kept: Path | None, width: int) -> Panel:
    """Return what the audit found and what was measured."""
    marks = Text()
    for key, words in (("lost", "lost"), ("duplicates", "doubled"), ("altered", "altered")):
        count = report[key]
        marks.append("✔ nothing " if not count else f"✘ {count:,} ", "bold green" if not count else "bold red")
        marks.append(f"{words}     ", "bold green" if not count else "bold red")
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
        parts += [Text(), Text(verdict_words(report), "bold red"), Text(str(dict(report["offenders"])), "red")]
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
