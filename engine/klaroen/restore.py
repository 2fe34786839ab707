"""From a backup to a data directory that dispatch can start on.

Law: nothing is restored over anything, into a directory that is in use, or from a backup of which one octet is not what
was written. The store comes last, by one rename, already marked as restored: until then there is none.
"""

import shutil
from pathlib import Path

from msgspec import Struct

from klaroen.backup import KEYS, STAGING, BackupFault, Manifest, copy_file, hash_of, read_manifest
from klaroen.clips import sync
from klaroen.core import audit
from klaroen.core.model import Instant
from klaroen.store.copying import check_copy, mark_restored
from klaroen.store.lock import DirectoryLock
from klaroen.store.sqlite import FILE


class Restored(Struct, frozen=True):
    manifest: Manifest
    open_alerts: int
    """Those that go on, each message of them marked as a possible duplicate; cold ones are paused."""


def restore_backup(source: Path, data_dir: Path, keys: Path | None, now: Instant) -> Restored:
    """Make a data directory of a backup; `keys` is where its keys are, if they are neither in it nor in place already.

    Raises BackupFault, StoreBusyError, SchemaNewerError, StoreCorruptError; OSError where it cannot be written.
    """
    lock = DirectoryLock.take(data_dir)
    try:
        if (data_dir / FILE).exists():
            raise BackupFault(f"{data_dir} holds a store already: move it away first")
        manifest, octets = read_manifest(source)
        _check(source, manifest)
        found = _find_keys(manifest, [data_dir, source, *(() if keys is None else (keys,))])
        check_copy(source / FILE)
        for path in manifest.files.keys() - {FILE}:
            copy_file(source / path, data_dir / path)
        for path, place in found.items():
            if place != data_dir:
                copy_file(place / path, data_dir / path)
        count = _put_store(source / FILE, data_dir, audit.restored(octets, now), now)
    finally:
        lock.release()
    return Restored(manifest, count)


def _check(source: Path, manifest: Manifest) -> None:
    if FILE not in manifest.files:
        raise BackupFault(f"{source} holds no store")
    for path, expected in manifest.files.items():
        if not (source / path).is_file():
            raise BackupFault(f"{source / path} is missing")
        if hash_of(source / path) != expected:
            raise BackupFault(f"{source / path} is not what was written")


def _find_keys(manifest: Manifest, places: list[Path]) -> dict[str, Path]:
    """Return where each key that the backup needs lies. Raises BackupFault with those that lie nowhere."""
    assert all(path.partition("/")[0] in KEYS for path in manifest.keys), "a key that no list names"
    found = {
        path: place
        for path, expected in manifest.keys.items()
        for place in reversed(places)
        if (place / path).is_file() and hash_of(place / path) == expected
    }
    missing = sorted(manifest.keys.keys() - found.keys())
    if missing:
        words = ", ".join(missing)
        raise BackupFault(f"the keys of this backup are not there: {words}; give the place that holds them (--keys)")
    return found


def _put_store(copy: Path, data_dir: Path, deed: audit.Deed, now: Instant) -> int:
    staging = data_dir / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    copy_file(copy, staging / FILE)
    count = mark_restored(staging, deed, now)
    (staging / FILE).replace(data_dir / FILE)
    sync(data_dir)
    shutil.rmtree(staging)
    return count
