"""What every store must do with the register's rows: the contract of `klaroen.core.register_rows.RegisterStore`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from klaroen.core import audit
from klaroen.core.model import Instant, NetworkId
from klaroen.core.register_rows import (
    ORIGIN,
    Posting,
    RegisterRow,
    RegisterVersion,
    ReportableChange,
    RowKind,
    SealedStart,
)
from klaroen.store import open_store
from klaroen.store.writer import WritableStore, transact

STORES: Final[dict[str, Callable[[Path], WritableStore]]] = {
    "sqlite": lambda directory: open_store("sqlite", directory, synchronous="OFF"),
}


class World:
    def __init__(self, opener: Callable[[Path], WritableStore], directory: Path) -> None:
        self._open, self.directory = opener, directory
        self.store = opener(directory)

    def reopen(self) -> None:
        self.store.close_connections()
        self.store = self._open(self.directory)


@pytest.fixture(params=STORES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = World(STORES[request.param], tmp_path / "data")
    yield world
    world.store.close_connections()


def octets(world: World) -> bytes:
    """Return what stands in any file of the store."""
    return b"".join(path.read_bytes() for path in world.directory.iterdir() if path.is_file())


def row_of(kind: RowKind, name: str, since: int, sealed: bytes | None = b"sealed", **given: Any) -> RegisterRow:
    return RegisterRow(kind, name, since, open=b"open", key=1, sealed=sealed, **given)


def put(world: World, number: int, *postings: Posting) -> None:
    """Put a register version in force, in two transactions."""
    register = world.store.register
    transact(world.store, lambda: register.stage(postings))
    transact(world.store, lambda: register.enforce(RegisterVersion(number, Instant(number), "me", "import")))


def test_a_version_holds_what_its_rows_and_those_before_say(world: World) -> None:
    """Earlier versions stay: alerts name the one that they were expanded with (R3)."""
    register = world.store.register
    assert (None, [], []) == (register.version(), register.versions(), register.rows(1, ("zone", "member")))
    first, other = row_of("member", "M1", 1, number=0), row_of("member", "M2", 1, number=1)
    put(world, 1, Posting(first), Posting(other), Posting(row_of("zone", "Z", 1)))
    second, gone = row_of("member", "M1", 2, b"other", number=0), RegisterRow("member", "M2", 2, 1)
    put(world, 2, Posting(second), Posting(gone))
    world.reopen()
    register = world.store.register
    assert RegisterVersion(2, Instant(2), "me", "import") == register.version()
    assert [1, 2] == [one.number for one in register.versions()]
    assert [first, other] == register.rows(1, ("member",))
    assert [second, gone] == register.rows(2, ("member",)) == register.rows_after(1)
    assert [first] == register.members(1, ["M1", "M3"])
    assert [first, second] == register.history("member", "M1")
    assert ({"M1": 0, "M2": 1}, 2) == (register.member_numbers(), register.numbers_given())
    with pytest.raises(AssertionError):
        put(world, 2)


def test_what_is_staged_holds_for_nobody_until_it_is_in_force(world: World) -> None:
    put(world, 1, Posting(row_of("zone", "Z", 1)))
    transact(world.store, lambda: world.store.register.stage([Posting(row_of("zone", "Z", 2), (b"digest",))]))
    world.reopen()
    register = world.store.register
    assert [1] == [row.since for row in register.history("zone", "Z")]
    assert [] == register.rows_after(1)
    transact(world.store, lambda: register.discard(1))
    assert ([], [1]) == (register.found(b"digest"), [row.since for row in register.rows(9, ("zone",))])


def test_members_are_found_by_digest_and_by_network(world: World) -> None:
    """Whoever was ever a member of a network is listed for it; a digest is forgotten for those named alone."""
    put(world, 1, Posting(row_of("member", "M2", 1, number=1), (b"b", b"c"), (NetworkId("B"),)))
    put(world, 2, Posting(row_of("member", "M1", 2, number=0), (b"c",), (NetworkId("B"), NetworkId("A"))))
    register = world.store.register
    assert ([("M1", 2), ("M2", 1)], [("M2", 1)], []) == tuple(map(register.found, (b"c", b"b", b"x")))
    assert ["M1", "M2"] == register.members_ever(NetworkId("B"))
    transact(world.store, lambda: register.forget_digests([(b"c", "M2"), (b"b", "M2")]))
    assert ([("M1", 2)], []) == (register.found(b"c"), register.found(b"b"))


def test_a_row_is_sealed_anew_in_its_place(world: World) -> None:
    """What was sealed before is overwritten on the disk, and the log holds nothing of it after a scrub."""
    put(world, 1, Posting(row_of("network", "B", 1, b"sealed by the first key")))
    register = world.store.register
    (old,) = register.rows_sealed_before(2, ORIGIN, 10)
    transact(world.store, lambda: register.replace([replace(old, key=2, sealed=b"anew")], [(b"d", "M", 1)]))
    assert ([], [("M", 1)]) == (register.rows_sealed_before(2, ORIGIN, 10), register.found(b"d"))
    assert b"sealed by the first key" in octets(world), "the log still holds it"
    transact(world.store, register.scrub)
    assert register.scrubbed
    assert b"sealed by the first key" not in octets(world)
    assert ["B"] == [row.name for row in register.rows_ever("network")]
    register.rebuild()
    assert b"anew" in octets(world)


def test_the_start_and_what_is_to_be_reported(world: World) -> None:
    register = world.store.register
    change = ReportableChange(1, Instant(5), NetworkId("B"), "plan")
    start = SealedStart(1, 3, b"all of it")
    version = RegisterVersion(1, Instant(5), "me", "import")
    transact(world.store, lambda: register.enforce(version, [change], start, audit.token_revoked("x", Instant(5))))
    assert ([change], start, 1) == (register.changes(), register.start(), len(world.store.trail(0, 9)))
    assert 1 == transact(world.store, lambda: register.report(1, Instant(9)))
    assert 0 == transact(world.store, lambda: register.report(1, Instant(10)))
    assert [replace(change, reported_at=Instant(9))] == register.changes()
    transact(world.store, lambda: register.put_start(None))
    assert register.start() is None
