"""Texts of alerts that have had their time: the alert is put anew in its place, without them.

Law: what stood there is overwritten on the disk. Alerts are taken in order, so that one number says how far it went.
"""

from collections.abc import Callable, Sequence
from typing import Any

from klaroen.core.model import Alert, Instant
from klaroen.core.records import AlertRow
from klaroen.store import codec, sql
from klaroen.store.connection import Connection


class Texts:
    """Implements `klaroen.core.records.TextStore`."""

    def __init__(self, at: Callable[[Instant], Connection], select: Callable[..., list[Any]]) -> None:
        self._at, self._select = at, select

    def forget(self, alerts: Sequence[tuple[int, Alert]]) -> None:
        writing = self._at(Instant(0))
        with writing.overwriting():
            for sequence, alert in alerts:
                writing.run(sql.FORGET_TEXTS, (codec.encode(alert), sequence))
        writing.run(sql.PUT_META, ("texts_forgotten", alerts[-1][0]))

    def oldest(self, limit: int) -> Sequence[AlertRow]:
        return [codec.alert_row(row) for row in self._select(sql.OLDEST_WITH_TEXTS, (limit,))]
