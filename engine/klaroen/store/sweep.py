"""What is too old goes, slice by slice.

Law: a sweep forgets a bounded number of rows of each table, so that it holds up no accept; the next one goes on.
"""

from typing import Final

from klaroen.core.model import Instant
from klaroen.store import sql
from klaroen.store.connection import Connection

_DAY_MS: Final = 86_400_000
KEYS_KEPT_MS: Final = 30 * _DAY_MS
"""The contract's promise for idempotency keys."""
CARRIER_IDS_KEPT_MS: Final = 4 * _DAY_MS
"""The longest life of an alert is three days; carriers give up a message, and say so, within the next."""
TRIES_KEPT_MS: Final = 2 * _DAY_MS
"""Longer than they count, and than any lock lasts."""
SWEEP_ROWS_MAX: Final = 2000
"""Of each table at once. An hourly sweep forgets 48,000 alerts a day, which is more than a country sends."""


def sweep(writing: Connection, now: Instant) -> None:
    for statement, kept_ms in (
        (sql.FORGET_KEYS, KEYS_KEPT_MS),
        (sql.FORGET_REFERENCES, CARRIER_IDS_KEPT_MS),
        (sql.FORGET_ORPHANS, CARRIER_IDS_KEPT_MS),
        (sql.FORGET_TRIES, TRIES_KEPT_MS),
    ):
        writing.run(statement, (now - kept_ms, SWEEP_ROWS_MAX))
