"""Any script of writes leaves the store as a model in memory says, now and after a restart or a crash."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from klaroen.core.model import Alert, AlertId, Batch, BatchId, CarrierName, Instant, Step, Text
from klaroen.core.records import AlertRow, BatchRow, Entry, IdempotencyKey, InboxRow, Orphan, References
from klaroen.store.sqlite import SqliteStore
from klaroen.store.writer import transact

SMSC = CarrierName("smsc")
DAY = 86_400_000
instants = st.integers(0, 40 * DAY).map(Instant)
blobs = st.binary(max_size=20)
picks = st.integers(0, 1 << 30)


def alert_of(name: str, at: Instant, alert_class: str) -> Alert:
    return Alert(
        id=AlertId(name),
        alert_class=alert_class,  # type: ignore[arg-type]
        mode="live",
        content={"fr": Text("Ne laissez entrer personne.")},
        accepted_at=at,
        expires_at=Instant(at + 1000),
        token="t",
        role="police",
        networks=(),
        plan_versions=(),
        register_version=1,
        members=2,
        unreachable={},
    )


def batch_of(number: int, alert: str) -> Batch:
    step = Step("sms", "mobile")
    return Batch(BatchId(number), AlertId(alert), "warm", "live", step, 0, 1, "fr", 60.0, Instant(1), b"\1\0\0\0")


class ModelBatch:
    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.state, self.epoch, self.cursor, self.reference = "ready", 0, 0, 0
        self.owner: str | None = None
        self.carrier: CarrierName | None = None
        self.snapshot: bytes | None = None
        self.folded = 0

    def row(self) -> BatchRow:
        return BatchRow(
            self.batch,
            self.state,  # type: ignore[arg-type]
            self.epoch,
            self.owner,
            self.carrier,
            self.cursor,
            self.reference,
            self.snapshot,
        )


class StoreAgainstModel(RuleBasedStateMachine):
    """The model is a handful of dicts; a journal row's place in `journal` is its order of commit."""

    @initialize()
    def start(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.store = SqliteStore.open(Path(self.directory.name), synchronous="OFF")
        self.alerts: dict[str, AlertRow] = {}
        self.answers: dict[str, tuple[bytes, bytes, Instant]] = {}
        self.batches: dict[int, ModelBatch] = {}
        self.journal: list[tuple[int, bytes]] = []
        self.inbox: dict[int, InboxRow] = {}
        self.orphans: dict[int, Orphan] = {}
        self.references: dict[int, tuple[Instant, References]] = {}
        self.latest = Instant(0)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close_connections()
            self.directory.cleanup()

    def see(self, now: Instant) -> None:
        self.latest = max(self.latest, now)

    def open_alert(self, pick: int) -> str:
        names = [name for name, row in self.alerts.items() if row.final is None]
        return names[pick % len(names)]

    def any_open(self) -> bool:
        return any(row.final is None for row in self.alerts.values())

    # --- writes -----------------------------------------------------------------------------------------------------

    @rule(at=instants, alert_class=st.sampled_from(["crisis", "warm", "cold"]), audience=blobs)
    def accept(self, at: Instant, alert_class: str, audience: bytes) -> None:
        name = f"A{len(self.alerts)}"
        alert = alert_of(name, at, alert_class)
        key = IdempotencyKey("t", name, b"f")
        sequence = transact(self.store, lambda: self.store.accept(alert, audience, name.encode(), key))
        assert all(row.sequence < sequence for row in self.alerts.values())
        self.alerts[name] = AlertRow(sequence, alert, "accepted", at, 0, None)
        self.answers[name] = (b"f", name.encode(), at)
        self.see(at)

    @precondition(any_open)
    @rule(pick=picks, count=st.integers(0, 3), now=instants)
    def plan(self, pick: int, count: int, now: Instant) -> None:
        name = self.open_alert(pick)
        first = len(self.batches) + 1
        batches = [batch_of(number, name) for number in range(first, first + count)]
        transact(self.store, lambda: self.store.plan(AlertId(name), first + count, batches, now))
        row = self.alerts[name]
        self.alerts[name] = AlertRow(row.sequence, row.alert, row.state, row.changed_at, first + count, None)
        self.batches |= {batch.id: ModelBatch(batch) for batch in batches}
        self.see(now)

    @precondition(lambda self: self.batches)
    @rule(pick=picks, epoch=st.integers(0, 2), cursor=st.integers(0, 1000), now=instants)
    def claim(self, pick: int, epoch: int, cursor: int, now: Instant) -> None:
        batch = self.batches[pick % len(self.batches) + 1]
        won = transact(self.store, lambda: self.store.claim(batch.batch.id, epoch, "me", SMSC, cursor, 9, now))
        assert won == (batch.state == "ready" and batch.epoch == epoch)
        if won:
            batch.state, batch.epoch, batch.cursor = "leased", epoch + 1, cursor
            batch.owner, batch.carrier, batch.reference = "me", SMSC, 9
        self.see(now)

    @rule(data=st.data(), now=instants)
    def append(self, data: st.DataObject, now: Instant) -> None:
        entries = self.draw_entries(data) if self.batches else []
        drained = [row for row in self.inbox if data.draw(st.booleans())]
        matched = [row for row in self.orphans if data.draw(st.booleans())]
        fenced = transact(self.store, lambda: self.store.append(entries, drained, matched, now))
        assert fenced == {entry.batch for entry in entries if self.batches[entry.batch].epoch != entry.epoch}
        for entry in entries:
            if entry.batch not in fenced:
                self.apply(entry)
        for number in drained:
            del self.inbox[number]
        for number in matched:
            del self.orphans[number]
        self.see(now)

    def draw_entries(self, data: st.DataObject) -> list[Entry]:
        entries = []
        following = len(self.batches) + 1
        for number in data.draw(st.lists(st.sampled_from(sorted(self.batches)), max_size=4)):
            batch = self.batches[number]
            epoch = data.draw(st.sampled_from([batch.epoch] * 3 + [batch.epoch + 1]))
            if any(entry.batch == number and entry.epoch != epoch for entry in entries):
                continue  # one commit speaks of a batch under one epoch
            successors = ()
            if epoch == batch.epoch and data.draw(st.booleans()):
                successors = (batch_of(following, batch.batch.alert),)
                following += 1
            state = data.draw(st.sampled_from(["leased", "proving", "done", "ready"]))
            snapshot = data.draw(st.none() | blobs)
            cursor = data.draw(st.integers(0, 1000))
            entries.append(Entry(BatchId(number), epoch, cursor, state, data.draw(blobs), snapshot, successors))
        return entries

    def apply(self, entry: Entry) -> None:
        batch = self.batches[entry.batch]
        batch.state, batch.cursor = entry.state, entry.cursor
        if entry.journal:
            self.journal.append((entry.batch, entry.journal))
        if entry.snapshot is not None:
            batch.snapshot, batch.folded = entry.snapshot, len(self.journal)
        self.batches |= {successor.id: ModelBatch(successor) for successor in entry.successors}

    @rule(rows=blobs, now=instants)
    def receive(self, rows: bytes, now: Instant) -> None:
        number = transact(self.store, lambda: self.store.receive(SMSC, rows, now))
        self.inbox[number] = InboxRow(number, SMSC, now, rows)
        self.see(now)

    @rule(rows=blobs, at=instants)
    def put_orphan(self, rows: bytes, at: Instant) -> None:
        orphan = Orphan(SMSC, at, rows)
        self.orphans[transact(self.store, lambda: self.store.put_orphan(orphan))] = orphan
        self.see(at)

    @precondition(any_open)
    @rule(pick=picks, state=st.sampled_from(["sending", "paused", "cancelled"]), now=instants)
    def change(self, pick: int, state: str, now: Instant) -> None:
        name = self.open_alert(pick)
        transact(self.store, lambda: self.store.change(AlertId(name), state, now))  # type: ignore[arg-type]
        row = self.alerts[name]
        self.alerts[name] = AlertRow(row.sequence, row.alert, state, now, row.expanded, None)  # type: ignore[arg-type]
        self.see(now)

    @precondition(any_open)
    @rule(pick=picks, final=blobs, now=instants)
    def close(self, pick: int, final: bytes, now: Instant) -> None:
        name = self.open_alert(pick)
        numbers = [number for number, batch in self.batches.items() if batch.batch.alert == name]
        references = [References(BatchId(number), AlertId(name), SMSC, b"h", b"r") for number in numbers]
        transact(self.store, lambda: self.store.close(AlertId(name), "done", final, references, now))
        row = self.alerts[name]
        self.alerts[name] = AlertRow(row.sequence, row.alert, "done", now, row.expanded, final)
        self.references |= {each.batch: (now, each) for each in references}
        self.see(now)

    @precondition(lambda self: any(self.alerts[b.batch.alert].final is not None for b in self.batches.values()))
    @rule(pick=picks, final=blobs, journal=st.binary(min_size=1, max_size=9), now=instants)
    def amend(self, pick: int, final: bytes, journal: bytes, now: Instant) -> None:
        closed = [n for n, b in self.batches.items() if self.alerts[b.batch.alert].final is not None]
        number = closed[pick % len(closed)]
        name = self.batches[number].batch.alert
        transact(self.store, lambda: self.store.amend(name, final, [(BatchId(number), journal)], now))
        row = self.alerts[name]
        self.alerts[name] = AlertRow(row.sequence, row.alert, row.state, row.changed_at, row.expanded, final)
        self.journal.append((number, journal))
        self.see(now)

    @rule(now=instants)
    def sweep(self, now: Instant) -> None:
        transact(self.store, lambda: self.store.sweep(now))
        self.answers = {name: kept for name, kept in self.answers.items() if kept[2] >= now - 30 * DAY}
        self.orphans = {number: orphan for number, orphan in self.orphans.items() if orphan.at >= now - 4 * DAY}
        self.references = {number: kept for number, kept in self.references.items() if kept[0] >= now - 4 * DAY}
        self.see(now)

    # --- what leaves no trace ---------------------------------------------------------------------------------------

    @rule()
    def restart(self) -> None:
        self.store.close_connections()
        self.store = SqliteStore.open(Path(self.directory.name), synchronous="OFF")

    @rule(now=instants, pick=picks)
    def crash_before_the_commit(self, now: Instant, pick: int) -> None:
        self.store.begin()
        self.write_something(now, pick)
        self.restart()

    @rule(now=instants, pick=picks)
    def raise_in_the_midst(self, now: Instant, pick: int) -> None:
        """A work that raises is undone; another in the same transaction stands."""
        self.store.begin()
        self.write_something(now, pick)
        self.store.undo()
        number = self.store.receive(SMSC, b"stands", Instant(3))
        self.store.mark()
        self.write_something(now, pick)
        self.store.undo()
        self.store.commit()
        self.inbox[number] = InboxRow(number, SMSC, Instant(3), b"stands")
        self.see(Instant(3))

    def write_something(self, now: Instant, pick: int) -> None:
        self.store.receive(SMSC, b"undone", now)
        self.store.put_orphan(Orphan(SMSC, now, b"undone"))
        if self.any_open():
            name = self.open_alert(pick)
            self.store.plan(AlertId(name), 77, [batch_of(len(self.batches) + 1, name)], now)
        if self.batches:
            batch = self.batches[pick % len(self.batches) + 1]
            self.store.append([Entry(batch.batch.id, batch.epoch, 3, "done", b"undone", b"undone")], [], [], now)
        self.store.sweep(now)

    # --- what must agree --------------------------------------------------------------------------------------------

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "store"):
            return
        standing = self.store.standing()
        is_open = {name for name, row in self.alerts.items() if row.final is None}
        open_batches = [b for _, b in sorted(self.batches.items()) if b.batch.alert in is_open]
        tails = [
            (number, blob)
            for order, (number, blob) in enumerate(self.journal, 1)
            if self.batches[number].batch.alert in is_open and order > self.batches[number].folded
        ]
        assert [self.alerts[name] for name in self.alerts if name in is_open] == standing.alerts
        assert [batch.row() for batch in open_batches] == standing.batches
        assert tails == list(standing.journal)
        assert [row for _, row in sorted(self.inbox.items())] == standing.inbox
        assert sorted(self.orphans.items()) == standing.orphans
        assert max(self.batches, default=0) == standing.last_batch
        assert self.latest == standing.last_instant
        assert list(reversed(self.alerts.values())) == self.store.alerts(None, 1000, (), ())
        assert [each for _, (_, each) in sorted(self.references.items())] == list(self.store.references())
        for name, row in self.alerts.items():
            kept = self.answers.get(name)
            assert self.store.answer("t", name) == (None if kept is None else kept[:2])
            batches, journal = self.store.history(row.alert.id)
            assert [b.row() for _, b in sorted(self.batches.items()) if b.batch.alert == name] == batches
            assert [(n, blob) for n, blob in self.journal if self.batches[n].batch.alert == name] == list(journal)


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
