"""What of a data directory a backup holds, and the manifest that says so.

Law: every entry of a data directory stands in one of the lists below. The manifest is written last: a directory without
one is no backup. Keys never go where what they open goes, unless somebody says so: whoever finds the backup must not
find the members with it.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import msgspec
from msgspec import Meta, Struct

from klaroen.clips import CLIPS, sync
from klaroen.core.model import Instant
from klaroen.recordings import RECORDINGS, SPOOL
from klaroen.rundir import RUN
from klaroen.store.copying import check_copy, copy_store
from klaroen.store.lock import NAME as LOCK
from klaroen.store.sqlite import FILE

KEPT: Final = (CLIPS, RECORDINGS)
"""Directories of files that never change once they are there."""
KEYS: Final = ("address.key", "keys")
"""Files, and directories of files, without which what is kept cannot be read, or not wholly."""
STAGING: Final = "restoring"
PASSING: Final = (RUN, SPOOL, LOCK, STAGING, f"{FILE}-wal", f"{FILE}-shm")
"""What is worth nothing elsewhere: who runs, what is half received, and the log that the copy has taken in."""

MANIFEST: Final = "manifest.json"
MANIFEST_BYTES_MAX: Final = 256 << 20
"""150 octets a file: more clips than a country speaks in a century."""
READ_BYTES: Final = 1 << 20

PathText = Annotated[str, Meta(pattern=r"^(?!\.)[A-Za-z0-9_.-]{1,100}(/(?!\.)[A-Za-z0-9_.-]{1,100}){0,2}\Z")]
"""Below the directory, never out of it."""
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class BackupFault(Exception):  # noqa: N818 - it says what an operator has to do
    """A backup cannot be made, or is not what was written."""


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup holds."""

    klaroen: str
    schema: int
    made_at: Instant
    files: Mapping[PathText, Sha256]
    keys: Mapping[PathText, Sha256]
    """Those that belong to it, wherever they are."""
    left_out: tuple[str, ...] = ()
    """Entries of the data directory that are in none of our lists."""


def make_backup(data_dir: Path, target: Path, keys: Path | None, now: Instant) -> Manifest:
    """Copy a data directory, which may be in use, into one that is empty or not there; keys into another, if named.

    Raises BackupFault, StoreUnavailableError, StoreCorruptError; OSError where it cannot be written.
    """
    if not (data_dir / FILE).exists():
        raise BackupFault(f"{data_dir} holds no store")
    _make_empty(target)
    copy_store(data_dir, target / FILE)
    files = {FILE: hash_of(target / FILE)}
    schema = check_copy(target / FILE)
    for name in KEPT:  # after the store: whatever it names was there before it
        files |= {path: copy_file(data_dir / path, target / path) for path in files_below(data_dir, name)}
    secrets = {path: hash_of(data_dir / path) for name in KEYS for path in files_below(data_dir, name)}
    if keys is not None:
        if keys.resolve() != target.resolve():
            _make_empty(keys)
        for path in secrets:
            copy_file(data_dir / path, keys / path)
    known = {FILE, *KEPT, *KEYS, *PASSING}
    left_out = tuple(sorted(path.name for path in data_dir.iterdir() if path.name not in known))
    manifest = Manifest(version("klaroen"), schema, now, files, secrets, left_out)
    write_file(target / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return manifest


def read_manifest(directory: Path) -> tuple[Manifest, bytes]:
    """Return what a backup says that it holds, and the octets that say it. Raises BackupFault."""
    path = directory / MANIFEST
    try:
        with path.open("rb") as file:
            octets = file.read(MANIFEST_BYTES_MAX)
        return msgspec.json.decode(octets, type=Manifest), octets
    except OSError as error:
        raise BackupFault(f"{path}: {error.strerror}: this is no backup, or one that was broken off") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupFault(f"{path} is no manifest of a backup: {error}") from error


# --- files ------------------------------------------------------------------------------------------------------------


def files_below(directory: Path, name: str) -> Iterator[str]:
    """Yield the paths of the files at or below an entry, in order; what begins with a dot is half written."""
    start = directory / name
    found = sorted(start.rglob("*")) if start.is_dir() else [start]
    for path in found:
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            yield str(path.relative_to(directory))


def copy_file(source: Path, target: Path) -> str:
    """Copy a file durably, for its owner alone; return its hash."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    beside = target.with_name(f".{target.name}")
    with source.open("rb") as octets, _create(beside) as copy:
        while chunk := octets.read(READ_BYTES):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    beside.replace(target)
    sync(target.parent)
    return digest.hexdigest()


def write_file(path: Path, octets: bytes) -> None:
    beside = path.with_name(f".{path.name}")
    with _create(beside) as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync(path.parent)


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


def _make_empty(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise BackupFault(f"{directory} is not empty: a backup never writes over another")
