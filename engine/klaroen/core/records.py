"""What the store keeps, and the port through which dispatch alone writes it.

Law: every write method runs inside the writer's transaction and commits with it; whatever it says is durable once the
writer has answered. The store interprets no blob: journals, snapshots and audiences are values of the core.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from klaroen.core.audit import Deed, Link
from klaroen.core.books import BookRow, Level, Place
from klaroen.core.model import Alert, AlertClass, AlertId, AlertState, Batch, BatchId, CarrierName, Instant, Token
from klaroen.core.pins import Pin, Tries
from klaroen.core.register_rows import RegisterStore
from klaroen.core.replies import Owed, Quiet, ReplyRow

BatchState = Literal["ready", "leased", "proving", "done"]


DecreeKind = Literal["grant", "halt", "quiet"]


class IdempotencyKey(Struct, frozen=True, gc=False):
    """Scope: the token. `fingerprint` is SHA-256 of content type and raw body."""

    token: str
    key: str
    fingerprint: bytes


class Entry(Struct, frozen=True, gc=False):
    """What one commit says of one batch. Fenced: nothing of it is applied unless `epoch` is the batch's own.

    `cursor` runs ahead of the hand-over: deliveries below it may have left. `snapshot` folds every journal row of the
    batch up to and including this entry's, so that a restart reads only what follows it.
    """

    batch: BatchId
    epoch: int
    cursor: int
    state: BatchState
    journal: bytes = b""
    snapshot: bytes | None = None
    successors: tuple[Batch, ...] = ()


class Orphan(Struct, frozen=True, gc=False):
    """Receipts that match nothing yet."""

    carrier: CarrierName
    at: Instant
    rows: bytes


class InboxRow(Struct, frozen=True, gc=False):
    """Receipts as they came, durable and not yet drained."""

    id: int
    carrier: CarrierName
    at: Instant
    rows: bytes


class BatchRow(Struct, frozen=True, gc=False):
    batch: Batch
    state: BatchState
    epoch: int
    owner: str | None
    carrier: CarrierName | None
    cursor: int
    reference: int
    """First user_message_reference of the batch: delivery i carries `(reference + i) % 65536`."""
    snapshot: bytes | None


class AlertRow(Struct, frozen=True, gc=False):
    sequence: int
    """Grows with acceptance."""
    alert: Alert
    state: AlertState
    changed_at: Instant
    expanded: int
    """Deliveries of the audience that stand in batches."""
    final: bytes | None
    """The core's closing account, once the state is final and every batch is done."""


class Standing(Struct, frozen=True):
    """Everything that is open, as a restart finds it."""

    alerts: Sequence[AlertRow]
    """Those without a closing account, oldest first."""
    batches: Sequence[BatchRow]
    """All batches of these alerts, done ones included."""
    journal: Sequence[tuple[BatchId, bytes]]
    """Rows after each batch's snapshot, in the order of their commit."""
    inbox: Sequence[InboxRow]
    orphans: Sequence[tuple[int, Orphan]]
    last_batch: BatchId
    last_instant: Instant
    """The latest instant ever written: the clock never says less (law 9)."""
    restored: int = 0
    """The latest alert, by sequence, that came from a backup; 0 where none did."""


class References(Struct, frozen=True, gc=False):
    """Carrier ids of a closed batch: sorted 8-byte hashes, then as many u32 rows (delivery << 8 | part)."""

    batch: BatchId
    alert: AlertId
    carrier: CarrierName
    hashes: bytes
    rows: bytes


class Books(Protocol):
    """What alerts came to, as `close` and `amend` have kept it; read from any thread."""

    def forget(self, before: Instant, limit: int, now: Instant) -> int:
        """Forget books of alerts accepted before that, within the writer's transaction; return how many."""
        ...

    def rows(self, level: Level, since: Instant, until: Instant, name: str | None = None) -> Iterator[BookRow]:
        """Yield the books of alerts accepted in [since, until), by instant: of one place, or of all of the level."""
        ...

    def book(self, place: Place, at: Instant, alert: AlertId) -> BookRow | None: ...
    def unfollowed(self, since: Instant, until: Instant) -> Sequence[BookRow]:
        """Return the country's books of live warm alerts that no alert follows or supersedes, newest first (R18)."""
        ...

    def followed(self, alerts: Sequence[str]) -> frozenset[str]:
        """Return those of these alerts that another one follows or supersedes (R18)."""
        ...


class Replies(Protocol):
    """What members said back (R17): as all of the store, it writes within the writer's transaction."""

    def put(self, rows: Iterable[ReplyRow], quiets: Iterable[tuple[Quiet, Deed]], now: Instant) -> int:
        """Keep replies, and who wants no cold messages any more; return how many replies are new.

        The first reply of a member to an alert is owed an answer, unless it is a key, which the call answers.
        """
        ...

    def answered(self, ids: Iterable[int], now: Instant) -> None: ...
    def forget(self, before: Instant, limit: int, now: Instant) -> int:
        """Forget the words of replies older than that; return of how many."""
        ...

    def owed(self, limit: int) -> Sequence[Owed]: ...
    def of(self, alert: AlertId, after: int, limit: int) -> Sequence[tuple[int, ReplyRow]]: ...
    def count(self, alert: AlertId) -> int: ...
    def by_network(self, alerts: Collection[str]) -> Mapping[tuple[str, str], int]:
        """Return how many replies came by (alert, network), of these alerts."""
        ...


class TextStore(Protocol):
    """Texts that have had their time; as in `Store`."""

    def forget(self, alerts: Sequence[tuple[int, Alert]]) -> None:
        """Put these, without their texts, in the place of the alerts of that sequence; sequences go up."""
        ...

    def oldest(self, limit: int) -> Sequence[AlertRow]:
        """Return the oldest alerts behind the last one whose texts were forgotten."""
        ...


class Store(Protocol):
    """Blocking, and bound to no event loop: one writer thread calls the writes, readers have connections of their own.

    Raises StoreUnavailableError (klaroen.core.errors) from any write when the disk is full, read-only or failing.
    """

    @property
    def texts(self) -> TextStore: ...
    @property
    def register(self) -> RegisterStore:
        """The register's tables, written in the same transactions."""
        ...

    # writes, each within the writer's transaction; `deed` joins the audit trail in the same commit
    def accept(
        self,
        alert: Alert,
        audience: bytes,
        answer: bytes,
        key: IdempotencyKey,
        deed: Deed | None = None,
        beside: Sequence[tuple[Alert, bytes, Deed]] = (),
    ) -> int:
        """Return the alert's sequence; those `beside` it, with their audiences, have the next ones.

        Those that it supersedes are so by the same commit, unless they are over, or it waits for somebody's word.
        """
        ...

    def plan(self, alert: AlertId, expanded: int, made: Sequence[Batch], now: Instant) -> None: ...
    def claim(
        self, batch: BatchId, epoch: int, owner: str, carrier: CarrierName, cursor: int, reference: int, now: Instant
    ) -> bool:
        """Turn `ready` with this epoch into `leased` with the next; False where somebody else did."""
        ...

    def append(
        self, entries: Sequence[Entry], drained: Sequence[int], matched: Sequence[int], now: Instant
    ) -> frozenset[BatchId]:
        """Apply entries, remove drained inbox rows and matched orphans; return the batches fenced off."""
        ...

    def put_orphan(self, orphan: Orphan) -> int:
        """Keep receipts that match nothing yet; return the row's id."""
        ...

    def receive(self, carrier: CarrierName, rows: bytes, now: Instant) -> int:
        """Put receipts into the inbox; return the row's id."""
        ...

    def change(self, alert: AlertId, state: AlertState, now: Instant, deed: Deed | None = None) -> None: ...
    def release(self, alert: Alert, now: Instant, deed: Deed | None = None) -> None:
        """What waited for a second person begins: by the same commit it takes the place of those that it supersedes."""
        ...

    def close(
        self,
        alert: AlertId,
        state: AlertState,
        final: bytes,
        references: Sequence[References],
        now: Instant,
        deed: Deed | None = None,
        kept: Sequence[BookRow] = (),
    ) -> None:
        """Record the closing account and the books; carrier ids are kept four days for late receipts."""
        ...

    def amend(
        self,
        alert: AlertId,
        final: bytes,
        journal: Sequence[tuple[BatchId, bytes]],
        now: Instant,
        kept: Sequence[BookRow] = (),
    ) -> None:
        """Late receipts changed a closed alert's account; `kept` are the books as they are now."""
        ...

    def enter(self, deed: Deed) -> None:
        """A deed that changes nothing else."""
        ...

    def shorten(self, last: int, deed: Deed) -> None:
        """Forget the trail's entries up to `last`, of which the hash stays: what follows is chained to it."""
        ...

    def checkpoint(self, make: Callable[[Link], Deed | None], now: Instant) -> None:
        """Enter what `make` makes of the last entry, if there is one and anything is made of it."""
        ...

    def put_token(self, token: Token, deed: Deed | None = None) -> None: ...
    def revoke_token(self, name: str, deed: Deed | None = None) -> bool: ...
    def put_pin(self, pin: Pin, deed: Deed | None = None) -> None:
        """Keep an officer's PIN in place of an earlier one; no two have the same code."""
        ...

    def revoke_pin(self, officer: str, deed: Deed | None = None) -> bool: ...
    def put_tries(self, who: str, tries: Tries | None, deed: Deed | None = None) -> None:
        """Keep how wrong tries stand; None forgets them."""
        ...

    def decree(self, kind: DecreeKind, name: str, decree: bytes | None, now: Instant, deed: Deed | None = None) -> None:
        """Keep what the police decided about `name`, in place of what they had; None repeals it."""
        ...

    def sweep(self, now: Instant) -> None:
        """Forget idempotency keys after 30 days, carrier ids after four, orphans after four, wrong tries after two."""
        ...

    # reads
    @property
    def books(self) -> Books: ...
    @property
    def replies(self) -> Replies: ...
    def trail(self, after: int, limit: int) -> Sequence[Link]:
        """Return entries of the audit trail, in order, from number `after` + 1 on."""
        ...

    def standing(self) -> Standing: ...
    def answer(self, token: str, key: str) -> tuple[bytes, bytes] | None:
        """(fingerprint, answer) of an earlier acceptance."""
        ...

    def audience(self, alert: AlertId) -> bytes: ...
    def alert(self, alert: AlertId) -> AlertRow | None: ...
    def alerts(
        self, before: int | None, limit: int, classes: Sequence[AlertClass], states: Sequence[AlertState]
    ) -> Sequence[AlertRow]:
        """Newest first, below sequence `before`; empty filters mean all."""
        ...

    def history(self, alert: AlertId) -> tuple[Sequence[BatchRow], Sequence[tuple[BatchId, bytes]]]:
        """All batches of an alert, and all their journal rows in the order of their commit."""
        ...

    def batch(self, batch: BatchId) -> tuple[BatchRow, Sequence[bytes]] | None:
        """One batch, and all its journal rows in the order of their commit."""
        ...

    def oldest_orphan(self) -> Instant | None:
        """When the oldest of the receipts that match nothing came."""
        ...

    def references(self) -> Iterable[References]: ...
    def tokens(self) -> Sequence[Token]: ...
    def decrees(self, kind: DecreeKind) -> Sequence[bytes]: ...
    def pins(self) -> Sequence[Pin]: ...
    def tries(self, who: str) -> Tries | None: ...
    def close_connections(self) -> None: ...
