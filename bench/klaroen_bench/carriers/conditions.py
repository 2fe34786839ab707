"""The conditions under which a simulated carrier works, from its command line.

Law: the defaults are those of the national demonstration, and `as_dict` is what every report prints.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from klaroen_bench.carriers.fate import Odds

QUEUE_MAX: Final = 1_000_000
"""Segments behind the door unless told otherwise: ten national alerts."""


class Conditions(Struct, frozen=True):
    name: str
    host: str
    port: int
    ledger: Path
    seed: int
    latency_ms: float
    receipts_missing: float
    refused: float
    repeated: float
    late: float
    lost: float
    early: float
    drain_per_s: float
    answer_when_drained: bool
    queue_max: int
    throttle_per_s: float
    alphabet: Literal["gsm7", "latin1"]
    control: Path | None

    @property
    def odds(self) -> Odds:
        return Odds(
            refused=self.refused,
            lost=self.lost,
            early=self.early,
            silent=self.receipts_missing,
            late=self.late,
            repeated=self.repeated,
        )

    def as_dict(self) -> dict[str, object]:
        return {
            "latency_ms": self.latency_ms,
            "receipts_missing": self.receipts_missing,
            "refused": self.refused,
            "repeated": self.repeated,
            "late": self.late,
            "lost": self.lost,
            "early": self.early,
            "drain_per_s": self.drain_per_s,
            "throttle_per_s": self.throttle_per_s,
        }


def add_conditions(parser: ArgumentParser) -> None:
    option = parser.add_argument
    option("--name", default="carrier", help="the carrier's name in the ledger")
    option("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    option("--ledger", type=Path, required=True, metavar="FILE")
    option("--seed", type=int, default=1, help="deals the fates, by number")
    option("--latency-ms", type=float, default=20.0, help="median, of the answer and again of the handset")
    option("--receipts-missing", type=float, default=0.02, metavar="SHARE")
    option("--refused", type=float, default=0.01, metavar="SHARE")
    option("--repeated", type=float, default=0.01, metavar="SHARE")
    option("--late", type=float, default=0.05, metavar="SHARE")
    option("--lost", type=float, default=0.0, metavar="SHARE", help="accepted, never on the handset")
    option("--early", type=float, default=0.0, metavar="SHARE", help="receipt before the answer")
    option("--drain-per-s", type=float, default=0.0, help="segments a second behind the door; 0 = at once")
    option("--answer-when-drained", action="store_true", help="the answer waits for the door, not only the handset")
    option("--queue-max", type=int, default=QUEUE_MAX, help="segments behind the door before it says full")
    option("--throttle-per-s", type=float, default=0.0, help="submissions a second before it throttles; 0 = never")
    option("--alphabet", choices=("gsm7", "latin1"), default="gsm7", help="what data_coding 0 means here")
    option("--control", type=Path, default=None, metavar="SOCKET", help="unix socket beside standard input")


def read_conditions(options: Namespace) -> Conditions:
    """Return the conditions of a parsed command line.

    Raises ValueError if `--listen` is not HOST:PORT.
    """
    host, colon, port = options.listen.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError("--listen takes HOST:PORT")
    return Conditions(
        name=options.name,
        host=host,
        port=int(port),
        ledger=options.ledger,
        seed=options.seed,
        latency_ms=options.latency_ms,
        receipts_missing=options.receipts_missing,
        refused=options.refused,
        repeated=options.repeated,
        late=options.late,
        lost=options.lost,
        early=options.early,
        drain_per_s=options.drain_per_s,
        answer_when_drained=options.answer_when_drained,
        queue_max=options.queue_max,
        throttle_per_s=options.throttle_per_s,
        alphabet=options.alphabet,
        control=options.control,
    )


def read_secret(path: Path | None) -> str | None:
    """Return the secret in a file, less the newline at its end; None without a file."""
    return None if path is None else path.read_text().rstrip("\r\n")
