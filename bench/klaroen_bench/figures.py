"""What every benchmark says beside its figures, and how it says it: one JSON object, or tables for people.

Law: the median of the runs is what is said; a percentile is told from 500 samples or more, else it is None (contract).
People read percentiles as `p50 / p99`.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from klaroen_bench.rig import RigError, percentile

Report = dict[str, Any]

PEER_S: Final = 300.0
CPU_NAMES: Final = Path("/proc/cpuinfo")


def machine() -> Report:
    """Return what the figures were measured on, and which state of the source was measured."""
    return {"machine": _machine(), "cores": os.cpu_count(), "commit": _commit()}


def _machine() -> str:
    lines = CPU_NAMES.read_text().splitlines() if CPU_NAMES.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.machine()
    return f"{processor}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def _commit() -> str | None:
    """Return the commit of the checkout that this file lies in, None outside of one."""
    here = Path(__file__).parent
    try:
        said = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return said.stdout.strip() or None if said.returncode == 0 else None


@contextmanager
def workshop(name: str, *, keep: bool) -> Iterator[Path]:
    """Give a directory for a benchmark's data; it goes afterwards, unless it is to be kept."""
    directory = Path(tempfile.mkdtemp(prefix=f"klaroen-bench-{name}-"))
    try:
        yield directory
    finally:
        if not keep:
            shutil.rmtree(directory)


def peer(name: str, *arguments: str) -> Report:
    """Run a module of `klaroen_bench.peers` as a process of its own; return what it says. Raises RigError."""
    done = subprocess.run(
        [sys.executable, "-m", f"klaroen_bench.peers.{name}", *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=PEER_S,
        check=False,
    )
    if done.returncode:
        raise RigError(f"{name}: exit {done.returncode}: {done.stderr[-2000:]}")
    said: Report = json.loads(done.stdout)
    return said


def percentiles(samples: Sequence[float], *shares: float) -> dict[str, float | None]:
    """Return the samples at these ranks; None each from too few."""
    return {f"p{share * 100:g}": percentile(samples, share) for share in shares or (0.5, 0.99)}


def ratio(ours: float | None, theirs: float | None) -> float | None:
    return round(ours / theirs, 3) if ours and theirs else None


def median_of(runs: Sequence[Any]) -> Any:
    """Return the median of each figure of several runs, however deeply it stands; what is no number is the first's."""
    first = runs[0]
    if isinstance(first, Mapping):
        return {key: median_of([run[key] for run in runs]) for key in first}
    numbers = [run for run in runs if isinstance(run, int | float) and not isinstance(run, bool)]
    if len(numbers) < len(runs):
        return first
    middle = median(numbers)
    return round(middle) if all(isinstance(number, int) for number in numbers) else round(middle, 4)


def say(report: Report, *, as_json: bool, title: str) -> None:
    """Print the report on standard output."""
    if as_json:
        sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
        return
    # What is piped into a file is not folded to the width of a screen that is not there.
    console = Console(width=None if sys.stdout.isatty() else 240, markup=False, highlight=False)
    plain = Table("figure", "value", title=title, title_justify="left", box=box.SIMPLE_HEAD)
    tables = []
    for name, value in report.items():
        rows = _rows(name, value)
        if rows is None:
            plain.add_row(name, _cell(value))
        else:
            tables.append(_table(name, rows))
    console.print(plain)
    for table in tables:
        console.print(table)


def _rows(name: str, value: object) -> list[Mapping[str, Any]] | None:
    """Return the rows of what is better shown as a table of its own."""
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        return value
    if isinstance(value, Mapping) and value and all(isinstance(row, Mapping) for row in value.values()):
        return [{name: key, **row} for key, row in value.items()]
    return None


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    return table


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, Mapping) and all(name.startswith("p") and name[1:].isdigit() for name in value):
        return " / ".join(map(_cell, value.values()))  # percentiles, in their order
    if isinstance(value, Mapping):
        return "  ".join(f"{name} {_cell(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return "  ".join(map(_cell, value))
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
