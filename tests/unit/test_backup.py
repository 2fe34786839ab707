"""Backups as files: what goes in, what stays out, and what is never restored."""

import json
import shutil
from pathlib import Path

import pytest

from klaroen.backup import KEPT, KEYS, MANIFEST, PASSING, BackupFault, make_backup, read_manifest
from klaroen.clips import ClipStore
from klaroen.core import audit
from klaroen.core.model import CarrierName, Instant
from klaroen.restore import restore_backup
from klaroen.store import open_store
from klaroen.store.errors import SchemaNewerError, StoreBusyError, StoreCorruptError
from klaroen.store.lock import DirectoryLock
from klaroen.store.sqlite import FILE, SqliteStore
from klaroen.store.writer import transact

NOW = Instant(1_800_000_000_000)
CLIP = b"\x55" * 8_000


def receive(store: SqliteStore, rows: bytes) -> None:
    transact(store, lambda: store.receive(CarrierName("smsc"), rows, NOW))


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory with something of everything."""
    data_dir = tmp_path / "data"
    store = open_store("sqlite", data_dir)
    receive(store, b"before")  # type: ignore[arg-type]
    store.close_connections()
    clips = ClipStore(data_dir)
    clips.put(CLIP)
    (clips.directory / ".half").write_bytes(b"half written")
    for name in ("recordings", "keys", "run", "spool"):
        (data_dir / name).mkdir()
        (data_dir / name / "one").write_bytes(name.encode())
    (data_dir / "address.key").write_bytes(b"k" * 32)
    (data_dir / "notes.txt").write_text("an operator's")
    return data_dir


def names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_a_backup_holds_what_is_kept_and_no_key(data_dir: Path, tmp_path: Path) -> None:
    """Whoever finds it finds no member with it; what is in no list is named."""
    manifest = make_backup(data_dir, tmp_path / "backup", None, NOW)
    clip = f"clips/{ClipStore(data_dir).put(CLIP)}.alaw"
    assert names(tmp_path / "backup") == {FILE, clip, "recordings/one", MANIFEST}
    assert {*manifest.files} == {FILE, clip, "recordings/one"}
    assert {*manifest.keys} == {"address.key", "keys/one"}
    assert manifest.left_out == ("notes.txt",)
    assert not {*KEPT} & {*KEYS, *PASSING}
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "backup").rglob("*")}
    assert modes == {0o700, 0o600}


def test_keys_go_to_a_place_of_their_own(data_dir: Path, tmp_path: Path) -> None:
    """Or, where somebody says so, to the same."""
    make_backup(data_dir, tmp_path / "backup", tmp_path / "safe", NOW)
    assert names(tmp_path / "safe") == {"address.key", "keys/one"}
    make_backup(data_dir, tmp_path / "all", tmp_path / "all", NOW)
    assert {"address.key", "keys/one", FILE} <= names(tmp_path / "all")


def test_a_backup_is_one_state_of_a_store_that_is_written_meanwhile(data_dir: Path, tmp_path: Path) -> None:
    """Beside the writer, which neither waits nor is waited for."""
    store = SqliteStore.open(data_dir)
    try:
        for number in range(300):
            receive(store, bytes(10_000) + bytes((number % 256,)))
        manifest = make_backup(data_dir, tmp_path / "backup", None, NOW)
        receive(store, b"after")
        seen = {row.rows for row in store.standing().inbox}
    finally:
        store.close_connections()
    restored = restore_backup(tmp_path / "backup", tmp_path / "elsewhere", data_dir, NOW)
    assert restored.manifest == manifest
    again = SqliteStore.open(tmp_path / "elsewhere")
    try:
        assert seen - {row.rows for row in again.standing().inbox} == {b"after"}
        [link] = again.trail(0, 10)
        deed = audit.decode(link.entry)
        assert deed is not None
        assert (deed.what, deed.at) == ("restored", NOW)
    finally:
        again.close_connections()
    assert names(tmp_path / "elsewhere") >= {FILE, "recordings/one", "keys/one", "address.key"}


def test_a_backup_never_writes_over_anything(data_dir: Path, tmp_path: Path) -> None:
    """Neither a backup nor anything else; and nothing is a backup of nothing."""
    with pytest.raises(BackupFault, match="is not empty"):
        make_backup(data_dir, data_dir, None, NOW)
    with pytest.raises(BackupFault, match="holds no store"):
        make_backup(tmp_path / "nowhere", tmp_path / "backup", None, NOW)


@pytest.fixture
def backup(data_dir: Path, tmp_path: Path) -> Path:
    make_backup(data_dir, tmp_path / "backup", tmp_path / "backup", NOW)
    return tmp_path / "backup"


def refused(backup: Path, data_dir: Path, words: str, error: type[Exception] = BackupFault) -> None:
    with pytest.raises(error, match=words):
        restore_backup(backup, data_dir, None, NOW)
    assert not (data_dir / FILE).exists()


def test_nothing_is_restored_over_a_store(backup: Path, data_dir: Path) -> None:
    """Whoever wants it gone moves it away."""
    with pytest.raises(BackupFault, match="holds a store already"):
        restore_backup(backup, data_dir, None, NOW)


def test_nothing_is_restored_where_dispatch_runs(backup: Path, tmp_path: Path) -> None:
    """Its lock is the lease on all of the directory, whatever is in it."""
    lock = DirectoryLock.take(tmp_path / "new")
    refused(backup, tmp_path / "new", "belongs to process", StoreBusyError)
    lock.release()
    restore_backup(backup, tmp_path / "new", None, NOW)


@pytest.mark.parametrize("name", [FILE, "recordings/one", "clips"])
def test_an_octet_that_is_not_what_was_written_is_found(backup: Path, tmp_path: Path, name: str) -> None:
    """In the store and in every other file; and so is one that is gone."""
    path = backup / name if name != "clips" else next((backup / name).glob("*.alaw"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes((whole[-1] ^ 1,)))
    refused(backup, tmp_path / "new", "is not what was written")
    path.unlink()
    refused(backup, tmp_path / "new", "is missing")


def test_a_backup_of_a_later_version_is_refused(backup: Path, tmp_path: Path) -> None:
    """This one would lose what it does not know of."""
    manifest = json.loads((backup / MANIFEST).read_text())
    octets = bytearray((backup / FILE).read_bytes())
    octets[60:64] = (99).to_bytes(4, "big")  # user_version; https://www.sqlite.org/fileformat.html, 1.3
    (backup / FILE).write_bytes(octets)
    refused(backup, tmp_path / "new", "is not what was written")
    from klaroen.backup import hash_of

    manifest["files"][FILE] = hash_of(backup / FILE)
    (backup / MANIFEST).write_text(json.dumps(manifest))
    refused(backup, tmp_path / "new", "schema version 99", SchemaNewerError)
    octets[68:72] = bytes(4)
    octets[60:64] = (1).to_bytes(4, "big")
    (backup / FILE).write_bytes(octets)
    manifest["files"][FILE] = hash_of(backup / FILE)
    (backup / MANIFEST).write_text(json.dumps(manifest))
    refused(backup, tmp_path / "new", "no store of Klaroen", StoreCorruptError)


def test_a_key_that_is_missing_is_named(backup: Path, tmp_path: Path) -> None:
    """Without it nothing of the register could be read, and nobody would notice before the next alert."""
    (backup / "keys" / "one").unlink()
    refused(backup, tmp_path / "new", r"are not there: keys/one")
    (tmp_path / "new" / "keys").mkdir()
    (tmp_path / "new" / "keys" / "one").write_bytes(b"another")
    refused(backup, tmp_path / "new", r"are not there: keys/one")
    (tmp_path / "new" / "keys" / "one").write_bytes(b"keys")
    restore_backup(backup, tmp_path / "new", None, NOW)


@pytest.mark.parametrize(
    "path", ["../outside", "/etc/passwd", "clips/../../outside", ".hidden", "a/b/c/d", "clips//one", ""]
)
def test_a_manifest_names_nothing_outside(backup: Path, tmp_path: Path, path: str) -> None:
    """Whoever wrote a manifest does not choose where files are read or written."""
    manifest = json.loads((backup / MANIFEST).read_text())
    manifest["files"][path] = "0" * 64
    (backup / MANIFEST).write_text(json.dumps(manifest))
    refused(backup, tmp_path / "new", "is no manifest of a backup")


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}"])
def test_what_is_no_manifest_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    """A backup that was broken off has none at all."""
    with pytest.raises(BackupFault, match="broken off"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(BackupFault, match="is no manifest"):
        read_manifest(tmp_path)


def test_what_names_no_store_restores_none(backup: Path, tmp_path: Path) -> None:
    """A manifest without the store is of some other directory."""
    manifest = json.loads((backup / MANIFEST).read_text())
    del manifest["files"][FILE]
    (backup / MANIFEST).write_text(json.dumps(manifest))
    refused(backup, tmp_path / "new", "holds no store")


def test_a_restore_that_broke_off_is_begun_anew(backup: Path, tmp_path: Path) -> None:
    """Until the store is in its place there is none, and what lies there already does not stand in the way."""
    new = tmp_path / "new"
    (new / "restoring").mkdir(parents=True)
    shutil.copy(backup / FILE, new / "restoring" / FILE)
    shutil.copytree(backup / "recordings", new / "recordings")
    restore_backup(backup, new, None, NOW)
    assert not (new / "restoring").exists()
