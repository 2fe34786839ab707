"""What every store must do, whatever keeps its bytes: the contract of `klaroen.core.records.Store`.

A store joins the suite by an opener in `STORES`: a function of a directory, called again to open the same data anew.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from klaroen.core import audit
from klaroen.core.audit import quieted
from klaroen.core.books import Book, BookRow, Level, Place
from klaroen.core.model import (
    Alert,
    AlertId,
    Batch,
    BatchId,
    CarrierName,
    Instant,
    MemberId,
    NetworkId,
    Step,
    Text,
    Token,
)
from klaroen.core.pins import Pin, Tries
from klaroen.core.records import AlertRow, Entry, IdempotencyKey, Orphan, References
from klaroen.core.register_rows import RegisterVersion
from klaroen.core.replies import REPLIES_KEPT_MAX, Quiet, ReplyRow
from klaroen.store import open_store
from klaroen.store.writer import WritableStore, transact

STORES: Final[dict[str, Callable[[Path], WritableStore]]] = {
    "sqlite": lambda directory: open_store("sqlite", directory, synchronous="OFF"),
}
DAY: Final = 86_400_000
SMSC: Final = CarrierName("smsc")


def alert_of(name: str, *, at: int = 1000, alert_class: str = "warm") -> Alert:
    return Alert(
        id=AlertId(name),
        alert_class=alert_class,  # type: ignore[arg-type]
        mode="live",
        content={"nl": Text("Let op een witte bestelwagen.\r\n\u200d  België e\u0301")},
        accepted_at=Instant(at),
        expires_at=Instant(at + 3_600_000),
        token="zone-1",
        role="police",
        networks=(),
        plan_versions=(),
        register_version=1,
        members=3,
        unreachable={"no_address": 1},
    )


def batch_of(number: int, alert: str = "A") -> Batch:
    return Batch(
        id=BatchId(number),
        alert=AlertId(alert),
        alert_class="warm",
        mode="live",
        step=Step("sms", "mobile"),
        rung=0,
        attempt_no=1,
        language="nl",
        wait_s=60.0,
        due_at=Instant(1000),
        deliveries=b"\x01\0\0\0\x02\0\0\0",
    )


def book_of(alert: str, at: int, level: Level, name: str = "") -> BookRow:
    book = Book((1, 2, 3, 0, 0, 0, 4), {7: 2, 9: 1}, 1, (5, 4, 3, 2, 1))
    return BookRow(Place(level, name), Instant(at), alert, "warm", "live", book)


class World:
    """A store, and the writer's side of it for one write at a time."""

    def __init__(self, opener: Callable[[Path], WritableStore], directory: Path) -> None:
        self._open = partial(opener, directory)
        self.store = self._open()

    def reopen(self) -> None:
        self.store.close_connections()
        self.store = self._open()

    def accept(self, name: str, *, at: int = 1000, alert_class: str = "warm", key: str | None = None) -> int:
        alert = alert_of(name, at=at, alert_class=alert_class)
        key_ = IdempotencyKey("zone-1", key or name, b"fingerprint of " + name.encode())
        return transact(self.store, lambda: self.store.accept(alert, b"audience", b"answer of " + name.encode(), key_))

    def plan(self, *batches: Batch, alert: str = "A", expanded: int = 2) -> None:
        transact(self.store, lambda: self.store.plan(AlertId(alert), expanded, batches, Instant(1001)))

    def claim(self, batch: int, epoch: int = 0, *, now: int = 1002) -> bool:
        return transact(
            self.store, lambda: self.store.claim(BatchId(batch), epoch, "dispatch-1", SMSC, 5, 700, Instant(now))
        )

    def append(
        self,
        *entries: Entry,
        drained: tuple[int, ...] = (),
        matched: tuple[int, ...] = (),
        now: int = 1003,
    ) -> frozenset[BatchId]:
        return transact(self.store, lambda: self.store.append(entries, drained, matched, Instant(now)))


@pytest.fixture(params=STORES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = World(STORES[request.param], tmp_path / "data")
    yield world
    world.store.close_connections()


def entry(batch: int, epoch: int = 1, cursor: int = 2, journal: bytes = b"j", **rest: object) -> Entry:
    return Entry(BatchId(batch), epoch, cursor, "leased", journal, **rest)  # type: ignore[arg-type]


def test_an_empty_store_has_nothing_open(world: World) -> None:
    """A first start finds no alert, and numbers batches from 1."""
    standing = world.store.standing()
    assert ([], [], [], [], [], 0, 0) == (
        standing.alerts,
        standing.batches,
        standing.journal,
        standing.inbox,
        standing.orphans,
        standing.last_batch,
        standing.last_instant,
    )
    assert world.store.register.version() is None
    assert world.store.register.start() is None
    assert world.store.answer("zone-1", "k") is None
    assert world.store.alert(AlertId("A")) is None
    assert list(world.store.references()) == []


def test_an_accepted_alert_survives_a_restart_exactly(world: World) -> None:
    """202 means on disk; the text is kept to the letter (law 8), the audience and the answer as they were."""
    sequence = world.accept("A")
    world.reopen()
    (row,) = world.store.standing().alerts
    assert row == AlertRow(sequence, alert_of("A"), "accepted", Instant(1000), 0, None)
    assert row == world.store.alert(AlertId("A"))
    assert world.store.audience(AlertId("A")) == b"audience"
    assert world.store.answer("zone-1", "A") == (b"fingerprint of A", b"answer of A")


def test_a_key_is_its_tokens_own(world: World) -> None:
    """The scope of an idempotency key is the token."""
    world.accept("A", key="k")
    assert world.store.answer("zone-2", "k") is None


def test_the_same_key_twice_is_our_own_fault(world: World) -> None:
    """Dispatch looks before it accepts; a second acceptance under one key would be a second alert."""
    world.accept("A", key="k")
    with pytest.raises(AssertionError):
        world.accept("B", key="k")
    assert world.store.alert(AlertId("B")) is None


def test_a_planned_batch_is_ready(world: World) -> None:
    """Planning puts batches and how far the alert is expanded into one commit."""
    world.accept("A")
    world.plan(batch_of(1), batch_of(2), expanded=4)
    world.reopen()
    standing = world.store.standing()
    assert standing.alerts[0].expanded == 4
    assert [row.batch for row in standing.batches] == [batch_of(1), batch_of(2)]
    row = standing.batches[0]
    assert ("ready", 0, None, None, 0, 0, None) == (
        row.state,
        row.epoch,
        row.owner,
        row.carrier,
        row.cursor,
        row.reference,
        row.snapshot,
    )
    assert standing.last_batch == 2


def test_many_batches_in_one_plan(world: World) -> None:
    """A national alert is some hundreds of batches at once."""
    world.accept("A")
    world.plan(*(batch_of(number) for number in range(1, 301)))
    assert [row.batch.id for row in world.store.standing().batches] == list(range(1, 301))


def test_a_batch_number_is_used_once(world: World) -> None:
    """A batch inserted twice is our own fault, and nothing of that plan is kept."""
    world.accept("A")
    world.plan(batch_of(1))
    with pytest.raises(AssertionError):
        world.plan(batch_of(2), batch_of(1))
    assert [row.batch.id for row in world.store.standing().batches] == [1]


def test_planning_for_no_alert_is_our_own_fault(world: World) -> None:
    with pytest.raises(AssertionError):
        world.plan(batch_of(1))


def test_one_claim_wins(world: World) -> None:
    """A claim turns ready into leased with the next epoch, for the one who named the current epoch."""
    world.accept("A")
    world.plan(batch_of(1))
    assert world.claim(1) is True
    assert world.claim(1) is False
    assert world.claim(1, epoch=1) is False, "a leased batch is not there to be claimed"
    (row,) = world.store.standing().batches
    assert ("leased", 1, "dispatch-1", "smsc", 5, 700) == (
        row.state,
        row.epoch,
        row.owner,
        row.carrier,
        row.cursor,
        row.reference,
    )


def test_an_entry_moves_its_batch_and_is_kept(world: World) -> None:
    """Cursor, state and journal of one entry stand in one commit."""
    world.accept("A")
    world.plan(batch_of(1))
    world.claim(1)
    assert world.append(entry(1, cursor=2, journal=b"one")) == frozenset()
    assert world.append(Entry(BatchId(1), 1, 2, "proving", b"two")) == frozenset()
    world.reopen()
    standing = world.store.standing()
    assert ("proving", 2) == (standing.batches[0].state, standing.batches[0].cursor)
    assert [tuple(row) for row in standing.journal] == [(1, b"one"), (1, b"two")]


def test_a_stale_epoch_changes_nothing(world: World) -> None:
    """Fencing: neither cursor nor journal nor successors of an entry under another epoch are kept; others are."""
    world.accept("A")
    world.plan(batch_of(1), batch_of(2))
    world.claim(1)
    world.claim(2)
    fenced = world.append(entry(1, epoch=0, cursor=9, successors=(batch_of(3),)), entry(2, journal=b"kept"))
    assert fenced == frozenset({1})
    standing = world.store.standing()
    assert [(row.batch.id, row.cursor) for row in standing.batches] == [(1, 5), (2, 2)]
    assert [tuple(row) for row in standing.journal] == [(2, b"kept")]


def test_an_entry_of_no_batch_is_our_own_fault(world: World) -> None:
    with pytest.raises(AssertionError):
        world.append(entry(7))


def test_successors_stand_in_the_commit_that_settles(world: World) -> None:
    """What a batch leaves over goes into new batches, or stays where it was: never both, never neither (law 5)."""
    world.accept("A")
    world.plan(batch_of(1))
    world.claim(1)
    with pytest.raises(AssertionError):
        world.append(Entry(BatchId(1), 1, 2, "done", b"x", None, (batch_of(2), batch_of(1))))
    assert [row.state for row in world.store.standing().batches] == ["leased"]
    world.append(Entry(BatchId(1), 1, 2, "done", b"x", None, (batch_of(2), batch_of(3))))
    assert [(r.batch.id, r.state) for r in world.store.standing().batches] == [(1, "done"), (2, "ready"), (3, "ready")]


def test_a_snapshot_hides_the_rows_that_it_folds(world: World) -> None:
    """A restart reads only what follows the snapshot; the history keeps every row."""
    world.accept("A")
    world.plan(batch_of(1), batch_of(2))
    world.claim(1)
    world.claim(2)
    world.append(entry(1, journal=b"a"), entry(2, journal=b"b"))
    world.append(entry(1, journal=b"c", snapshot=b"ac"), entry(2, journal=b"d"))
    world.append(entry(1, journal=b"e"))
    world.reopen()
    standing = world.store.standing()
    assert [row.snapshot for row in standing.batches] == [b"ac", None]
    assert [tuple(row) for row in standing.journal] == [(2, b"b"), (2, b"d"), (1, b"e")]
    batches, journal = world.store.history(AlertId("A"))
    assert [row.batch.id for row in batches] == [1, 2]
    assert [row[1] for row in journal] == [b"a", b"b", b"c", b"d", b"e"]
    for number, entries in ((1, [b"a", b"c", b"e"]), (2, [b"b", b"d"])):
        assert (batches[number - 1], entries) == world.store.batch(BatchId(number))
    assert world.store.batch(BatchId(3)) is None


def test_two_entries_of_one_batch_in_one_commit(world: World) -> None:
    """They apply in their order: the later cursor and state, the latest snapshot, and what follows that snapshot."""
    world.accept("A")
    world.plan(batch_of(1))
    world.claim(1)
    world.append(entry(1, cursor=1, journal=b"a", snapshot=b"S"), entry(1, cursor=2, journal=b"b"))
    standing = world.store.standing()
    assert (2, b"S") == (standing.batches[0].cursor, standing.batches[0].snapshot)
    assert [tuple(row) for row in standing.journal] == [(1, b"b")]


def test_an_entry_may_have_no_journal(world: World) -> None:
    """A cursor that runs ahead of the hand-over says nothing about anybody yet."""
    world.accept("A")
    world.plan(batch_of(1))
    world.claim(1)
    world.append(entry(1, cursor=2, journal=b""))
    assert world.store.standing().journal == []


def test_many_entries_in_one_append(world: World) -> None:
    """Batches of many carriers settle together; their rows keep their order."""
    world.accept("A")
    world.plan(*(batch_of(number) for number in range(1, 201)))
    for number in range(1, 201):
        world.claim(number)
    world.append(*(entry(number, journal=str(number).encode()) for number in range(1, 201)))
    assert [row[1] for row in world.store.standing().journal] == [str(n).encode() for n in range(1, 201)]


def test_receipts_wait_until_they_are_drained(world: World) -> None:
    """A carrier's receipt is acknowledged when it is on disk, and leaves the inbox with the entry that used it."""
    first = transact(world.store, lambda: world.store.receive(SMSC, b"r1", Instant(5000)))
    second = transact(world.store, lambda: world.store.receive(SMSC, b"r2", Instant(5001)))
    world.reopen()
    assert [(first, b"r1", 5000), (second, b"r2", 5001)] == [
        (row.id, row.rows, row.at) for row in world.store.standing().inbox
    ]
    world.append(drained=(first, second))
    world.reopen()
    assert world.store.standing().inbox == []
    third = transact(world.store, lambda: world.store.receive(SMSC, b"r3", Instant(5002)))
    assert third > second, "an inbox number never comes back"


def test_orphans_wait_until_they_match(world: World) -> None:
    """Half of all receipts may come before their submission's append: they are kept, and leave when they match."""
    orphans = [Orphan(SMSC, Instant(5), b"o1"), Orphan(CarrierName("other"), Instant(6), b"o2")]
    numbers = [transact(world.store, partial(world.store.put_orphan, orphan)) for orphan in orphans]
    world.reopen()
    assert list(zip(numbers, orphans, strict=True)) == world.store.standing().orphans
    assert world.store.oldest_orphan() == 5
    world.append(matched=(numbers[1],))
    assert world.store.standing().orphans == [(numbers[0], orphans[0])]
    assert transact(world.store, partial(world.store.put_orphan, orphans[1])) > numbers[1], "no number comes back"


def test_a_changed_state_is_kept(world: World) -> None:
    world.accept("A")
    transact(world.store, lambda: world.store.change(AlertId("A"), "paused", Instant(1500)))
    row = world.store.alert(AlertId("A"))
    assert row is not None
    assert ("paused", 1500) == (row.state, row.changed_at)
    with pytest.raises(AssertionError):
        transact(world.store, lambda: world.store.change(AlertId("none"), "paused", Instant(1500)))


def test_an_alert_supersedes_others_in_its_own_commit(world: World) -> None:
    """All but those that are over, or were cancelled: what was decided of them stands."""
    for name in ("A", "B", "C"):
        world.accept(name)
    transact(world.store, lambda: world.store.change(AlertId("B"), "cancelled", Instant(1500)))
    transact(world.store, lambda: world.store.close(AlertId("C"), "done", b"account", (), Instant(1500)))
    newer = replace(alert_of("D", at=2000), supersedes=(AlertId("A"), AlertId("B"), AlertId("C")))
    key = IdempotencyKey("zone-1", "D", b"fingerprint")
    transact(world.store, lambda: world.store.accept(newer, b"audience", b"answer", key))
    world.reopen()
    rows = {row.alert.id: (row.state, row.changed_at) for row in world.store.alerts(None, 10, (), ())}
    assert {"A": ("superseded", 2000), "B": ("cancelled", 1500), "C": ("done", 1500), "D": ("accepted", 2000)} == rows
    row = world.store.alert(AlertId("D"))
    assert row is not None
    assert newer == row.alert


def test_R24_what_waits_for_consent_supersedes_others_when_it_is_released(world: World) -> None:
    """Not at its acceptance; then as any other, and only from then on does it tell their end (R18)."""
    world.accept("A")
    waiting = replace(alert_of("B", at=2000), supersedes=(AlertId("A"),), authority="consent")
    key = IdempotencyKey("zone-1", "B", b"fingerprint")
    transact(world.store, lambda: world.store.accept(waiting, b"audience", b"answer", key))

    def standing() -> tuple[dict[str, tuple[str, int]], frozenset[str]]:
        rows = {row.alert.id: (row.state, row.changed_at) for row in world.store.alerts(None, 10, (), ())}
        return rows, world.store.books.followed(["A", "B"])

    assert ({"A": ("accepted", 1000), "B": ("awaiting_consent", 2000)}, frozenset()) == standing()
    deed = audit.token_revoked("t", Instant(3000))
    transact(world.store, lambda: world.store.release(waiting, Instant(3000), deed))
    world.reopen()
    assert ({"A": ("superseded", 3000), "B": ("accepted", 3000)}, frozenset({"A"})) == standing()
    assert deed == audit.decode(world.store.trail(0, 10)[-1].entry)


def test_deeds_join_the_trail_in_the_commit_that_they_are_of(world: World) -> None:
    """Numbered without a gap, each chained to the one before; what is undone was never entered."""
    store, deed = world.store, audit.token_revoked("t", Instant(5))
    key = IdempotencyKey("zone-1", "A", b"fingerprint")
    transact(store, lambda: store.accept(alert_of("A"), b"audience", b"answer", key, audit.accepted(alert_of("A"))))
    store.begin()
    store.mark()
    store.change(AlertId("A"), "paused", Instant(5), deed)
    store.undo()
    store.close(AlertId("A"), "done", b"", (), Instant(6), deed)
    store.put_token(Token("t", b"h", "operator"), deed)
    assert not store.revoke_token("nobody", deed)
    assert store.revoke_token("t", deed)
    store.register.enforce(RegisterVersion(1, Instant(7), "me", "import"), deed=deed)
    store.commit()
    world.reopen()
    links = world.store.trail(0, 10)
    assert [1, 2, 3, 4, 5] == [link.number for link in links]
    assert (5, links[-1].digest, None) == audit.first_fault(links)
    assert audit.accepted(alert_of("A")) == audit.decode(links[0].entry)
    assert [4, 5] == [link.number for link in world.store.trail(3, 10)]
    assert [1] == [link.number for link in world.store.trail(0, 1)]


def test_a_closed_alert_is_no_longer_standing(world: World) -> None:
    """Its account, its carrier ids and its history stay; a restart does not read it."""
    world.accept("A")
    world.plan(batch_of(1))
    world.claim(1)
    world.append(Entry(BatchId(1), 1, 2, "done", b"x"))
    references = References(BatchId(1), AlertId("A"), SMSC, b"hashes", b"rows")
    transact(world.store, lambda: world.store.close(AlertId("A"), "done", b"final", [references], Instant(2000)))
    world.reopen()
    standing = world.store.standing()
    assert ([], [], []) == (standing.alerts, standing.batches, standing.journal)
    assert standing.last_batch == 1, "its number is not given again"
    row = world.store.alert(AlertId("A"))
    assert row is not None
    assert ("done", b"final", 2000) == (row.state, row.final, row.changed_at)
    assert list(world.store.references()) == [references]
    assert len(world.store.history(AlertId("A"))[1]) == 1


def test_an_alert_closes_once(world: World) -> None:
    world.accept("A")
    transact(world.store, lambda: world.store.close(AlertId("A"), "done", b"final", [], Instant(2000)))
    with pytest.raises(AssertionError):
        transact(world.store, lambda: world.store.close(AlertId("A"), "done", b"other", [], Instant(2001)))


def test_late_proof_amends_the_account(world: World) -> None:
    """A receipt after the close changes the account, and is in the history."""
    world.accept("A")
    world.plan(batch_of(1), batch_of(2))
    with pytest.raises(AssertionError):
        transact(world.store, lambda: world.store.amend(AlertId("A"), b"f", [(BatchId(1), b"late")], Instant(2500)))
    transact(world.store, lambda: world.store.close(AlertId("A"), "done", b"final", [], Instant(2000)))
    entries = [(BatchId(1), b"late"), (BatchId(2), b"later")]
    transact(world.store, lambda: world.store.amend(AlertId("A"), b"amended", entries, Instant(2500)))
    row = world.store.alert(AlertId("A"))
    assert row is not None
    assert row.final == b"amended"
    assert [tuple(row) for row in world.store.history(AlertId("A"))[1]] == entries


def test_R20_books_are_kept_with_the_closing_and_put_right_by_an_amendment(world: World) -> None:
    """Read by place or by level, by the instant of acceptance; what another alert follows is known (R18)."""
    sequence = 0
    for name, at in (("A", 1000), ("B", 3000)):
        sequence = world.accept(name, at=at)
        world.plan(batch_of(sequence, name), alert=name)
    kept = [book_of("B", 3000, "network", "N1"), book_of("B", 3000, "network", "N2"), book_of("B", 3000, "country")]
    transact(world.store, lambda: world.store.close(AlertId("B"), "done", b"f", [], Instant(4000), None, kept))
    earlier = [book_of("A", 1000, "network", "N1")]
    transact(world.store, lambda: world.store.close(AlertId("A"), "done", b"f", [], Instant(4001), None, earlier))
    world.reopen()
    books = world.store.books
    assert [*earlier, *kept[:2]] == list(books.rows("network", Instant(1000), Instant(3001)))
    assert kept[:2] == list(books.rows("network", Instant(1001), Instant(3001)))
    assert earlier == list(books.rows("network", Instant(0), Instant(3000), "N1"))
    assert kept[2:] == list(books.rows("country", Instant(0), Instant(9999), ""))
    changed = replace(kept[0], book=kept[0].book.plus(kept[0].book))
    amend = partial(world.store.amend, AlertId("B"), b"g", [(BatchId(sequence), b"late")], Instant(5000))
    transact(world.store, lambda: amend([changed]))
    assert changed == books.book(Place("network", "N1"), Instant(3000), AlertId("B"))
    assert kept[1] == books.book(Place("network", "N2"), Instant(3000), AlertId("B"))
    assert None is books.book(Place("network", "N3"), Instant(3000), AlertId("B"))


def test_R20_more_books_than_a_page_are_read_to_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klaroen.store.books.PAGE", 2)
    world.accept("A")
    kept = [book_of("A", 1000, "network", f"N{number}") for number in range(6)]
    transact(world.store, lambda: world.store.close(AlertId("A"), "done", b"f", [], Instant(2000), None, kept))
    assert kept == list(world.store.books.rows("network", Instant(0), Instant(1001)))


def test_R22_a_checkpoint_is_made_of_the_last_entry(world: World) -> None:
    """An empty trail has none, and what makes nothing enters nothing."""
    seen: list[audit.Link] = []
    made = audit.Deed("checkpoint", Instant(9), "key1")

    def make(last: audit.Link) -> audit.Deed | None:
        seen.append(last)
        return made if len(seen) == 1 else None

    transact(world.store, lambda: world.store.checkpoint(make, Instant(9)))
    transact(world.store, lambda: world.store.enter(audit.token_revoked("x", Instant(8))))
    for _ in range(2):
        transact(world.store, lambda: world.store.checkpoint(make, Instant(9)))
    assert [1, 2] == [link.number for link in seen]
    assert [audit.token_revoked("x", Instant(8)), made] == [
        audit.decode(link.entry) for link in world.store.trail(0, 9)
    ]


def test_R18_an_alert_that_another_one_follows_or_supersedes_is_known(world: World) -> None:
    for name in "ABC":
        world.accept(name)
        kept = [book_of(name, 1000 if name == "A" else 1500, "country")]
        close = partial(world.store.close, AlertId(name), "done", b"f", [], Instant(1600), None)
        transact(world.store, partial(close, kept))
    assert ["B", "C", "A"] == [row.alert for row in world.store.books.unfollowed(Instant(1000), Instant(1501))]
    assert ["A"] == [row.alert for row in world.store.books.unfollowed(Instant(1000), Instant(1500))]
    for later in (
        replace(alert_of("D", at=2000), follows=AlertId("A")),
        replace(alert_of("E", at=2000), supersedes=(AlertId("B"),)),
    ):
        key = IdempotencyKey("zone-1", later.id, b"f")
        transact(world.store, partial(world.store.accept, later, b"", b"", key))
    world.reopen()
    assert {"A", "B"} == world.store.books.followed(["A", "B", "C", "D"])
    assert ["C"] == [row.alert for row in world.store.books.unfollowed(Instant(0), Instant(9999))]


def test_alerts_are_listed_newest_first(world: World) -> None:
    """Pages go down from a sequence; no filter means all."""
    for number, alert_class in enumerate(("warm", "crisis", "cold", "warm")):
        world.accept(f"A{number}", alert_class=alert_class)
    transact(world.store, lambda: world.store.change(AlertId("A3"), "paused", Instant(1500)))

    def names(before: int | None, limit: int, classes: tuple[str, ...] = (), states: tuple[str, ...] = ()) -> list[str]:
        return [row.alert.id for row in world.store.alerts(before, limit, classes, states)]  # type: ignore[arg-type]

    assert names(None, 10) == ["A3", "A2", "A1", "A0"]
    page = world.store.alerts(None, 2, (), ())
    assert [row.alert.id for row in page] == ["A3", "A2"]
    assert names(page[-1].sequence, 2) == ["A1", "A0"]
    assert names(None, 10, ("warm",)) == ["A3", "A0"]
    assert names(None, 10, ("crisis", "cold")) == ["A2", "A1"]
    assert names(None, 10, ("warm",), ("accepted",)) == ["A0"]
    assert names(None, 10, (), ("paused", "done")) == ["A3"]


def test_tokens_are_put_replaced_and_revoked(world: World) -> None:
    token = Token("zone-1", b"hash", "police", zones=("Z1",), created_at=Instant(10))
    transact(world.store, lambda: world.store.put_token(token))
    assert world.store.tokens() == [token]
    renewed = Token("zone-1", b"other", "police", created_at=Instant(11))
    transact(world.store, lambda: world.store.put_token(renewed))
    assert world.store.tokens() == [renewed]
    assert transact(world.store, lambda: world.store.revoke_token("zone-1")) is True
    assert transact(world.store, lambda: world.store.revoke_token("zone-1")) is False
    assert world.store.tokens() == []


def test_pins_are_put_replaced_and_revoked(world: World) -> None:
    """One an officer; two officers never have one code."""
    pin = Pin("O1", "4711", b"salt", b"hash", Instant(10))
    transact(world.store, lambda: world.store.put_pin(pin))
    renewed = Pin("O1", "4712", b"salt", b"other", Instant(11))
    other = Pin("O2", "4711", b"salt", b"hash", Instant(12))
    for one in (renewed, other):
        transact(world.store, partial(world.store.put_pin, one))
    world.reopen()
    assert world.store.pins() == [renewed, other]
    with pytest.raises(AssertionError):
        transact(world.store, lambda: world.store.put_pin(Pin("O3", "4711", b"", b"", Instant(13))))
    assert transact(world.store, lambda: world.store.revoke_pin("O1")) is True
    assert transact(world.store, lambda: world.store.revoke_pin("O1")) is False
    assert world.store.pins() == [other]


def test_wrong_tries_outlast_a_restart_and_are_swept_after_two_days(world: World) -> None:
    tries = Tries(2, 1, Instant(10), Instant(20))
    assert world.store.tries("officer O1") is None
    transact(world.store, lambda: world.store.put_tries("officer O1", Tries(1, 0, Instant(5))))
    transact(world.store, lambda: world.store.put_tries("officer O1", tries))
    transact(world.store, lambda: world.store.put_tries("caller x", tries))
    transact(world.store, lambda: world.store.put_tries("caller x", None))
    world.reopen()
    assert world.store.tries("officer O1") == tries
    assert world.store.tries("caller x") is None
    two_days_ms = 2 * 86_400_000
    transact(world.store, lambda: world.store.sweep(Instant(10 + two_days_ms)))
    assert world.store.tries("officer O1") == tries
    transact(world.store, lambda: world.store.sweep(Instant(11 + two_days_ms)))
    assert world.store.tries("officer O1") is None


def test_a_sweep_forgets_what_has_had_its_time(world: World) -> None:
    """Idempotency keys live 30 days; carrier ids and orphans four."""
    world.accept("A", at=0)
    world.plan(batch_of(1))
    references = References(BatchId(1), AlertId("A"), SMSC, b"h", b"r")
    transact(world.store, lambda: world.store.close(AlertId("A"), "done", b"f", [references], Instant(0)))
    transact(world.store, partial(world.store.put_orphan, Orphan(SMSC, Instant(0), b"o")))
    transact(world.store, lambda: world.store.sweep(Instant(4 * DAY)))
    assert list(world.store.references()) == [references]
    assert len(world.store.standing().orphans) == 1
    transact(world.store, lambda: world.store.sweep(Instant(4 * DAY + 1)))
    assert list(world.store.references()) == []
    assert world.store.standing().orphans == []
    assert world.store.answer("zone-1", "A") is not None
    transact(world.store, lambda: world.store.sweep(Instant(30 * DAY + 1)))
    assert world.store.answer("zone-1", "A") is None
    assert world.store.alert(AlertId("A")) is not None


def test_references_are_read_in_pages(world: World) -> None:
    """All of them come, in the order of their batches, however many there are."""
    world.accept("A")
    numbers = range(1, 101)
    world.plan(*(batch_of(number) for number in numbers))
    each = [References(BatchId(number), AlertId("A"), SMSC, b"h", b"r") for number in numbers]
    transact(world.store, lambda: world.store.close(AlertId("A"), "done", b"f", each, Instant(0)))
    assert list(world.store.references()) == each


def test_time_never_stands_before_what_was_written(world: World) -> None:
    """The latest instant survives, whatever wrote it, and a write with an earlier one does not take it back (law 9)."""
    world.accept("A", at=7000)
    assert world.store.standing().last_instant == 7000
    world.plan(batch_of(1))
    assert world.store.standing().last_instant == 7000
    world.claim(1, now=8000)
    world.reopen()
    assert world.store.standing().last_instant == 8000


def test_an_undone_write_leaves_no_trace(world: World) -> None:
    """A work that raises is undone alone, its instant too; what stood before it in the transaction stays."""
    store = world.store
    store.begin()
    store.receive(SMSC, b"kept", Instant(10))
    store.mark()
    store.receive(SMSC, b"undone", Instant(99))
    store.undo()
    store.mark()
    store.receive(SMSC, b"kept too", Instant(11))
    store.commit()
    standing = store.standing()
    assert [row.rows for row in standing.inbox] == [b"kept", b"kept too"]
    assert standing.last_instant == 11


def test_the_first_write_needs_no_mark(world: World) -> None:
    store = world.store
    store.begin()
    store.receive(SMSC, b"undone", Instant(99))
    store.undo()
    store.receive(SMSC, b"kept", Instant(11))
    store.commit()
    assert [row.rows for row in store.standing().inbox] == [b"kept"]
    assert store.standing().last_instant == 11


def test_a_reader_sees_nothing_before_the_commit(world: World) -> None:
    """Readers have connections of their own: what is not durable is not there."""
    store = world.store
    store.begin()
    store.receive(SMSC, b"r", Instant(10))
    assert store.standing().inbox == []
    store.commit()
    assert len(store.standing().inbox) == 1


def test_a_crash_before_the_commit_keeps_nothing(world: World) -> None:
    """A connection that drops inside a transaction leaves the store as the last commit left it."""
    world.accept("A")
    world.store.begin()
    world.store.plan(AlertId("A"), 2, [batch_of(1)], Instant(9000))
    world.reopen()
    standing = world.store.standing()
    assert ([], 0, 1000) == (standing.batches, standing.alerts[0].expanded, standing.last_instant)


def test_a_write_outside_a_transaction_is_our_own_fault(world: World) -> None:
    with pytest.raises(AssertionError):
        world.store.receive(SMSC, b"r", Instant(10))


def test_what_the_police_decide_is_kept_until_it_is_repealed(world: World) -> None:
    """One decree a name, by kind; the audit trail has both ends of it."""
    store = world.store
    deed = audit.Deed("stopped", Instant(5), "police")
    transact(store, lambda: store.decree("halt", "BIN-0001", b"first", Instant(5), deed))
    transact(store, lambda: store.decree("halt", "BIN-0001", b"second", Instant(6)))
    transact(store, lambda: store.decree("grant", "BIN-0001/K1", b"grant", Instant(7)))
    assert ([b"second"], [b"grant"]) == (store.decrees("halt"), store.decrees("grant"))
    transact(store, lambda: store.decree("halt", "BIN-0001", None, Instant(8), deed))
    assert ([], [b"grant"]) == (store.decrees("halt"), store.decrees("grant"))
    assert 2 == len(store.trail(0, 10))


def test_R17_replies_are_kept_once_bounded_owed_once_and_forgotten(world: World) -> None:
    """The first words of a member to an alert are owed an answer; a key never is; texts go, and counts stay."""
    store, alert = world.store, AlertId("A1")

    def row(member: str, text: str, kind: Any = "text") -> ReplyRow:
        return ReplyRow(alert, MemberId(member), NetworkId("B1"), "sms", "nl", kind, Instant(1_000), text)

    quiet = Quiet(MemberId("M1"), None, Instant(1_000), "reply")
    first = [row("M1", "a"), row("M1", "b"), row("M1", "a"), row("M2", "3", "key")]
    assert 3 == transact(store, lambda: store.replies.put(first, [(quiet, quieted(quiet))], Instant(1_000)))
    assert [("M1", "a")] == [(one.row.member, one.row.text) for one in store.replies.owed(10)]
    assert 1 == len(store.decrees("quiet"))
    many = [row("M1", str(index)) for index in range(REPLIES_KEPT_MAX + 5)]
    assert REPLIES_KEPT_MAX - 2 == transact(store, lambda: store.replies.put(many, [], Instant(1_001)))
    transact(store, lambda: store.replies.answered([store.replies.owed(1)[0].id], Instant(1_002)))
    assert [] == list(store.replies.owed(10))
    (number, kept), *_ = store.replies.of(alert, 0, 10)
    assert (row("M1", "a"), "b") == (kept, store.replies.of(alert, number, 1)[0][1].text)
    assert REPLIES_KEPT_MAX + 1 == store.replies.count(alert)
    assert 2 == transact(store, lambda: store.replies.forget(Instant(2_000), 2, Instant(3_000)))
    transact(store, lambda: store.replies.forget(Instant(2_000), 100, Instant(3_000)))
    assert 0 == transact(store, lambda: store.replies.forget(Instant(2_000), 100, Instant(3_000)))
    assert {None} == {one.text for _, one in store.replies.of(alert, 0, 100)}
    assert REPLIES_KEPT_MAX + 1 == store.replies.count(alert)


def test_R22_a_trail_is_shortened_to_the_hash_of_the_last_that_goes(world: World) -> None:
    """What follows is chained to it, the entry that tells of it included."""
    for at in range(1, 6):
        transact(world.store, partial(world.store.enter, audit.token_revoked("t", Instant(at))))
    whole = world.store.trail(0, 10)
    deed = audit.shortened(audit.head_of(3, whole[2].digest), Instant(4), Instant(9))
    transact(world.store, partial(world.store.shorten, 3, deed))
    world.reopen()
    links = world.store.trail(0, 10)
    assert [(3, b""), (4, whole[3].entry), (5, whole[4].entry), (6, audit.encode(deed))] == [
        (link.number, link.entry) for link in links
    ]
    assert (6, links[-1].digest, None) == audit.first_fault(links)
    assert whole[2].digest == links[0].digest
