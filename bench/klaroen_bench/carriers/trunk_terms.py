"""How a simulated trunk behaves, from its command line.

Law: the defaults are those of the national demonstration, and `as_dict` is what every report prints.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

import msgspec

from klaroen_bench.carriers.callfate import CallOdds, Range

SHARES: Final = {
    "busy": "486 or 600, half of them after it rang",
    "no-answer": "rings until the caller gives up, or 480",
    "rejected": "603 or 608",
    "invalid": "404, 410, 484 or 604",
    "fault": "503, 500 or 504 to the first call of a number",
    "key": "of who answers: presses 1",
    "other-key": "of who answers: presses another key",
    "hang-up": "of who answers: hangs up",
    "repeated": "each answer comes twice",
    "talking": "who answers, and speaks",
    "mu-law": "who takes mu-law and nothing else",
}
RANGES: Final = {
    "ring-s": "from the first ring to the end of ringing",
    "key-s": "from the answer to the key",
    "hang-up-s": "from the answer to the hang-up",
}


class TrunkTerms(msgspec.Struct, frozen=True):
    name: str
    host: str
    port: int
    ledger: Path
    seed: int
    control: Path | None
    odds: CallOdds
    lines: int
    """Calls at once; 0 = no limit."""
    calls_per_s: float
    """Invitations a second beyond which it answers 503; 0 = no limit."""
    user: str
    password_file: Path | None
    algorithm: str
    challenge: int

    def as_dict(self) -> dict[str, object]:
        odds: dict[str, object] = msgspec.to_builtins(self.odds)
        odds["latency_ms"] = round(float(str(odds.pop("latency_s"))) * 1000, 3)
        return odds | {"lines": self.lines, "calls_per_s": self.calls_per_s}


def add_terms(parser: ArgumentParser) -> None:
    option = parser.add_argument
    usual = CallOdds()
    option("--name", default="trunk", help="the carrier's name in the ledger")
    option("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="the same port of UDP and of TCP")
    option("--ledger", type=Path, required=True, metavar="FILE")
    option("--seed", type=int, default=1, help="deals the fates, by number")
    option("--control", type=Path, default=None, metavar="SOCKET", help="unix socket beside standard input")
    option("--latency-ms", type=float, default=usual.latency_s * 1000, help="median, of the first word")
    for name, words in SHARES.items():
        option(f"--{name}", type=float, default=_usual(name), metavar="SHARE", help=words)
    for name, words in RANGES.items():
        option(f"--{name}", type=_range, default=_usual(name), metavar="FROM:TO", help=words)
    option("--lines", type=int, default=0, help="calls at once before it says 503; 0 = any")
    option("--calls-per-s", type=float, default=0.0, help="invitations before it says 503; 0 = any")
    option("--user", default="klaroen", help="who may call, if there is a password")
    option("--password-file", type=Path, default=None, help="digest is asked for if there is one")
    option("--algorithm", choices=("MD5", "SHA-256"), default="SHA-256")
    option("--challenge", type=int, choices=(401, 407), default=407)


def _usual(name: str) -> float | Range:
    usual: float | Range = getattr(CallOdds(), name.replace("-", "_"))
    return usual


def _range(words: str) -> Range:
    low, _, high = words.partition(":")
    return float(low), float(high or low)


def read_terms(options: Namespace) -> TrunkTerms:
    """Raises ValueError if `--listen` is not HOST:PORT."""
    host, colon, port = options.listen.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError("--listen takes HOST:PORT")
    names = [name.replace("-", "_") for name in (*SHARES, *RANGES)]
    odds = CallOdds(**{name: getattr(options, name) for name in names}, latency_s=options.latency_ms / 1000.0)
    return TrunkTerms(
        name=options.name,
        host=host,
        port=int(port),
        ledger=options.ledger,
        seed=options.seed,
        control=options.control,
        odds=odds,
        lines=options.lines,
        calls_per_s=options.calls_per_s,
        user=options.user,
        password_file=options.password_file,
        algorithm=options.algorithm,
        challenge=options.challenge,
    )
