"""The register by versions: what is written is what differs, and each version reads as it was."""

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from klaroen.core.model import Coordinator, Instant, NetworkId
from klaroen.core.register_rows import RegisterVersion
from klaroen.register.difference import Relieved, postings, relieved, reportable
from klaroen.register.export import export_register
from klaroen.register.keys import KeyFault, Keyring, write_keys
from klaroen.register.model import Register
from klaroen.register.opening import keys_path, open_book
from klaroen.register.sealing import seal_start
from klaroen.register.snapshot import make_snapshot, snapshot_bytes
from klaroen.store import open_store
from klaroen.store.writer import WritableStore, transact

Entry = dict[str, Any]
Read = Callable[..., Register]


class Shelf:
    """A store with a book, opened as dispatch opens it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.open()

    def open(self) -> None:
        self.store: WritableStore = open_store("sqlite", self.directory, synchronous="OFF")
        try:
            self.book = open_book(self.store.register, keys_path(self.directory, None), partial(transact, self.store))
        except BaseException:
            self.store.close_connections()
            raise

    def reopen(self) -> None:
        self.store.close_connections()
        self.open()

    def put(self, register: Register, *, start: bool = False) -> int:
        """Make it the next version."""
        rows, version = self.store.register, self.book.version() + 1
        transact(
            self.store,
            lambda: rows.stage([*postings(self.book.keys, self.book.register() or Register(), register, version)]),
        )
        sealed = seal_start(self.book.keys, version, snapshot_bytes(make_snapshot(version, register)))
        made = RegisterVersion(version, Instant(version), "me", "import")
        transact(self.store, lambda: rows.enforce(made, (), sealed if start else None))
        return version

    def octets(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.directory.iterdir() if path.is_file())


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "data")
    yield shelf
    shelf.store.close_connections()


def without(register: Register, name: str) -> Register:
    return Register(register.zones, register.networks, tuple(one for one in register.members if one.id != name))


def test_each_version_reads_as_it_was(shelf: Shelf, read: Read) -> None:
    """Also after a restart; a version costs the rows that differ."""
    first = read()
    assert (None, None, 0) == (shelf.book.register(), shelf.book.snapshot(), shelf.book.version())
    assert 1 == shelf.put(first)
    assert 2 == shelf.put(without(first, "M2"))
    shelf.reopen()
    assert (first, without(first, "M2")) == (shelf.book.register(1), shelf.book.register())
    assert ["M2"] == [row.name for row in shelf.store.register.rows_after(1)]
    assert (None, 1) == (shelf.book.member("M2"), len(shelf.book.members_of(NetworkId("BIN-0001"))))


def test_R07_no_name_number_or_address_stands_open_on_the_disk(shelf: Shelf, read: Read) -> None:
    """Nor in the log. By its keyed hash a number is found all the same."""
    shelf.put(read(), start=True)
    for written in (b"470123456", b"0470 12 34 56", b"an@example.be", b"53210000", b"Bo,", b"Kerkstraat"):
        assert written not in shelf.octets()
    assert (["M1"], ["M1"], []) == tuple(map(shelf.book.find, ("+32470123456", "AN@example.be", "+32470000000")))
    shelf.put(without(read(), "M1"))
    assert [] == shelf.book.find("+32470123456"), "nobody has it any more"


def test_a_start_is_quick_and_says_the_same(shelf: Shelf, read: Read, network: Entry) -> None:
    """Sealed whole, with later changes of members laid over it; built anew where a network changed as well."""
    first = read()
    shelf.put(first, start=True)
    assert make_snapshot(1, first) == shelf.book.snapshot()
    moved = msgspec.structs.replace(first.members[0], mobile=None, memberships=(("BIN-0001", "suspended", True),))
    changed = Register(first.zones, first.networks, (moved, first.members[1]))
    shelf.put(changed)
    assert make_snapshot(2, changed) == shelf.book.snapshot()
    shelf.put(read(networks=msgspec.json.encode(network | {"name": "Other"})))
    assert "Other" == next(iter(shelf.book.snapshot().networks.values())).name  # type: ignore[union-attr]
    assert first.networks == tuple(shelf.book.places(1).networks.values())


def test_a_lost_key_file_is_told_of_and_never_made_anew(shelf: Shelf, read: Read) -> None:
    shelf.put(read())
    path = keys_path(shelf.directory, None)
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(KeyFault, match=r"register\.keys is gone"):
        shelf.reopen()
    assert not path.exists()
    write_keys(path, Keyring.fresh())
    shelf.open()
    with pytest.raises(KeyFault, match="cannot be opened"):
        shelf.book.register()
    path.write_bytes(kept)
    shelf.reopen()
    assert read() == shelf.book.register()


def test_an_older_store_is_turned_into_rows(shelf: Shelf, read: Read) -> None:
    """What stood there in clear is gone from the file; members keep their numbers, versions their numbers and days."""
    first, second = read(), read(more=["M3,BIN-0001,Cy,,+32470999999,,,,,active,true,true"])
    shelf.store.close_connections()
    older = sqlite3.connect(shelf.directory / "klaroen.db")
    for version, register in ((3, first), (4, second)):
        blob = snapshot_bytes(make_snapshot(version, register))
        row = (version, 10 * version, blob, *export_register(register))
        older.execute("INSERT INTO register VALUES (?, ?, ?, ?, ?, ?)", row)
    older.commit()
    older.close()
    assert b"470999999" in shelf.octets()
    shelf.open()
    assert (first, second) == (shelf.book.register(3), shelf.book.register())
    assert [(3, 30), (4, 40)] == [(one.number, one.at) for one in shelf.store.register.versions()]
    assert make_snapshot(4, second) == shelf.book.snapshot()
    assert [] == shelf.store.register.legacy()
    assert b"470999999" not in shelf.octets()
    assert b"an@example.be" not in shelf.octets()


def test_R03_changes_of_coordinator_officer_area_and_plan_are_to_be_reported(read: Read, network: Entry) -> None:
    """A new network is reported with its charter; a change of its name is not."""
    before = {one.id: one for one in read().networks}
    plans = [network["plans"][0], network["plans"][0] | {"version": 2, "valid_from": "2027-01-01"}]
    changes: Entry = {
        "coordinators": [{"id": "K2", "name": "D"}],
        "officers": [{"id": "O2", "name": "P"}],
        "area": {"streets": ["Molenstraat"]},
        "plans": plans,
        "name": "Other",
    }
    after = read(networks=msgspec.json.encode(network | changes), extra=[])
    found = list(reportable(before, {one.id: one for one in after.networks}, 7, Instant(5)))
    assert ["coordinators", "officers", "area", "plan"] == [one.what for one in found]
    assert {(7, Instant(5), NetworkId("BIN-0001"), None)} == {
        (one.version, one.at, one.network, one.reported_at) for one in found
    }
    assert [] == list(reportable({}, before, 7, Instant(5))) == list(reportable(before, before, 7, Instant(5)))


def test_R23_who_is_in_office_no_more_is_named(read: Read) -> None:
    (network,) = read().networks
    before = {network.id: network}

    def after(*coordinators: Coordinator) -> list[Relieved]:
        return list(relieved(before, {network.id: msgspec.structs.replace(network, coordinators=coordinators)}))

    lost = [Relieved(network.id, "K1")]
    assert [] == after(Coordinator("K1", "C")) == after(Coordinator("K1", "C", status="temporary"))
    assert lost == after(Coordinator("K1", "C", status="relieved"), Coordinator("K2", "D", status="temporary"))
    assert lost == after(Coordinator("K2", "D")) == list(relieved(before, {}))
