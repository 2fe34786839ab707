"""What the SMPP clients of a race have in common: text, numbers, window, and how figures are told.

Law: one bind, one window, one SMSC with a receipt for each message; the rate ends with the last answer, the CPU with
the last receipt.
"""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Final

import msgspec

from klaroen_bench.carriers.control import say

TEXT: Final = "Inbraak bezig in de Kerkstraat. Let op een witte bestelwagen. Bel 101."
FIRST_NUMBER: Final = 32_470_000_000
WINDOW: Final = 1_000
"""Unanswered on the bind: at 20 ms an answer it lets 50,000 a second through, more than any client sends."""


class Figures(msgspec.Struct, frozen=True):
    count: int
    wall_s: float
    cpu_s: float


def race(name: str, run: Callable[[str, int, int], Figures]) -> None:
    """Run a client from its command line; say its figures."""
    parser = ArgumentParser(prog=f"klaroen_bench.peers.{name}")
    parser.add_argument("--smsc", required=True, metavar="HOST:PORT")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    options = parser.parse_args()
    host, _, port = options.smsc.rpartition(":")
    figures = run(host, int(port), options.count)
    told = {
        "count": figures.count,
        "per_s": round(figures.count / figures.wall_s),
        "cpu_us_per_message": round(figures.cpu_s / figures.count * 1e6, 2),
    }
    say(msgspec.json.encode(told) + b"\n" if options.json else f"{told}\n".encode())
