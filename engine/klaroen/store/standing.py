"""Everything that is open, as a restart finds it: one state of the store."""

from klaroen.core.records import Standing
from klaroen.store import codec, sql
from klaroen.store.connection import Connection


def standing_of(reading: Connection) -> Standing:
    return Standing(
        alerts=[codec.alert_row(row) for row in reading.rows(sql.OPEN_ALERTS)],
        batches=[codec.batch_row(row) for row in reading.rows(sql.OPEN_BATCHES)],
        journal=reading.rows(sql.OPEN_JOURNAL),
        inbox=[codec.inbox_row(row) for row in reading.rows(sql.INBOX)],
        orphans=[codec.orphan_row(row) for row in reading.rows(sql.ORPHANS)],
        last_batch=reading.row(sql.LAST_BATCH)[0],
        last_instant=reading.row(sql.LAST_INSTANT)[0],
        restored=(reading.row(sql.LAST_RESTORED) or (0,))[0],
    )
