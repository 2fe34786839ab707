"""`klaroen bench peers`: our clients beside those that others would take.

Law: each stands against the same peer in the same run, one after the other, in a process of its own. `ratio` is our
rate over theirs. A library that is not installed has no row.
"""

import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from klaroen.cli.laboratory import BenchOptions
from klaroen_bench.figures import Report, machine, median_of, peer, ratio, say, workshop
from klaroen_bench.processes import start_smsc
from klaroen_bench.rig import Conditions

CONDITIONS: Final = Conditions(receipts_missing=0.0, refused=0.0, repeated=0.0, late=0.0)
HTTP_IN_FLIGHT: Final = 32
"""Of the widths that `peers.http_out` measures: a carrier's usual."""


def run_race(options: BenchOptions) -> int:
    started = time.monotonic()
    with workshop("peers", keep=options.keep) as directory:
        smpp = [_smpp(directory, options, run) for run in range(options.runs)]
    rows = _smpp_rows(median_of(smpp)) + _http_rows(_http())
    report: Report = {
        **machine(),
        "conditions": CONDITIONS.view(),
        "runs": options.runs,
        "rows": rows,
        "cpu_s": median_of([run["cpu_s"] for run in smpp]),
        "peak_rss_mb": median_of([run["peak_rss_mb"] for run in smpp]),
        "wall_s": round(time.monotonic() - started, 1),
    }
    say(report, as_json=options.json, title="Our clients and others")
    return 0


# --- SMPP -----------------------------------------------------------------------------------------------------------


def _smpp(directory: Path, options: BenchOptions, run: int) -> Report:
    """Send by each client to one SMSC."""
    with start_smsc(directory / f"smsc-{run}.ledger", *CONDITIONS.arguments(options.seed)) as smsc:
        arguments = ("--smsc", f"127.0.0.1:{smsc.port}", "--count", str(options.members))
        clients = {"flood": peer("flood", *arguments, "--binds", "1", "--window", "1000")}
        clients["ours"] = peer("smpp_ours", *arguments)
        if _version("smpplib") is not None:
            clients["smpplib"] = peer("smpp_smpplib", *arguments)
        used = {name: round(row["cpu_us_per_message"] * row["count"] / 1e6, 2) for name, row in clients.items()}
        return {
            "clients": clients,
            "cpu_s": used | {"smsc": smsc.cpu_s()},
            "peak_rss_mb": {"smsc": round(smsc.peak_rss_mb(), 1)},
        }


def _smpp_rows(figures: Report) -> list[Report]:
    clients = figures["clients"]
    ours = clients["ours"]
    rows = [_row("SMPP: klaroen's driver", version("klaroen"), ours, ours)]
    rows.append(_row("SMPP: a bare flood on uvloop, no engine", version("uvloop"), clients["flood"], ours))
    if "smpplib" in clients:
        rows.append(_row("SMPP: smpplib", version("smpplib"), clients["smpplib"], ours))
    return rows


# --- HTTP out -------------------------------------------------------------------------------------------------------


def _http() -> Report:
    """Return requests a second and CPU of a request for our transport and the stock one: medians of its own rounds."""
    rows = [row for row in peer("http_out")["rows"] if row["in_flight"] == HTTP_IN_FLIGHT]
    return {
        ("ours" if row["name"] == "klaroen" else "stock"): {
            "per_s": round(row["per_s"]),
            "cpu_us_per_message": round(1e6 / row["per_cpu_s"], 2),
        }
        for row in rows
    }


def _http_rows(figures: Report) -> list[Report]:
    ours = figures["ours"]
    return [
        _row(f"HTTP: httpx on klaroen's transport, {HTTP_IN_FLIGHT} in flight", version("klaroen"), ours, ours),
        _row(f"HTTP: httpx as it comes, {HTTP_IN_FLIGHT} in flight", version("httpx"), figures["stock"], ours),
    ]


def _row(name: str, its_version: str, figures: Report, ours: Report) -> dict[str, Any]:
    return {
        "name": name,
        "version": its_version,
        "per_s": figures["per_s"],
        "cpu_us_per_message": figures["cpu_us_per_message"],
        "ratio": ratio(ours["per_s"], figures["per_s"]),
        "cpu_ratio": ratio(figures["cpu_us_per_message"], ours["cpu_us_per_message"]),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
