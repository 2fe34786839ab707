"""What the journal says, reckoned anew beside what dispatch holds.

Law: pure; the journal is right, and whatever differs from its fold is wrong.
"""

from klaroen.core.account import Account
from klaroen.core.model import AlertId, BatchId
from klaroen.core.records import BatchRow, Store
from klaroen.core.sheet import Sheet
from klaroen.core.views import StatusView


def sheets(store: Store, alert: AlertId) -> list[tuple[BatchRow, Sheet]]:
    """Return every batch of the alert, with the sheet that its journal makes."""
    batches, journal = store.history(alert)
    tails: dict[BatchId, list[bytes]] = {}
    for batch, blob in journal:
        tails.setdefault(batch, []).append(blob)
    return [(row, Sheet.thaw(row.batch, None, tails.get(row.batch.id, ()))) for row in batches]


def members_counted(status: StatusView) -> int:
    return (
        status.pending + status.handed_over + status.reached + status.failed + status.expired + status.cancelled
        + status.unreachable
    )  # fmt: skip


def gist(account: Account) -> dict[str, object]:
    """Return what two accounts of the same facts agree on: all but the instants, which a replay may know less well."""
    return {
        "states": bytes(account.states),
        "reached": bytes(account.reached),
        "counts": account.counts,
        "network_only": account.network_only,
        "confirmed": account.confirmed,
        "possible_duplicates": account.possible_duplicates,
        "tallies": {
            channel: (tally.states, tally.flown, round(tally.cost_eur, 6)) for channel, tally in account.tallies.items()
        },
    }
