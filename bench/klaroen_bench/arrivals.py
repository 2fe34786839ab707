"""When the texts of many small alerts came to their handsets, from the raw ledgers.

Law: an alert is known by the mark at the end of its text; the engine is not asked.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from klaroen_bench.carriers.ledger import HANDSET, LedgerReader

MARK: Final = re.compile(rb"#(\d{6})")
"""Digits and "#" are the same octets in GSM 03.38 and ASCII; the texts are one segment, so no mark is cut."""


def mark(number: int) -> str:
    return f" #{number:06d}"


def arrivals_ms(ledgers: Iterable[Path]) -> Mapping[int, Sequence[float]]:
    """Return, by the mark's number, when each copy came: UTC milliseconds."""
    found: dict[int, list[float]] = defaultdict(list)
    for ledger in ledgers:
        for entry in LedgerReader(ledger):
            if entry.kind == HANDSET and (match := MARK.search(entry.body)) is not None:
                found[int(match[1])].append(entry.at_ns / 1e6)
    return found
