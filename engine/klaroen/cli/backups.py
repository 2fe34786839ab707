"""`klaroen backup` and `klaroen restore`: a copy of everything that a data directory holds, made while it is in use."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from klaroen.cli.context import CommandFault, Here
from klaroen.core.model import Instant


def backup(directory: Path, *, keys: Path | None = None, context: Here) -> None:
    """Copy the data into an empty directory, also while Klaroen runs.

    The store is copied as it stands at one instant, recordings and spoken clips with it, and a manifest with the hash
    of each file. The keys, without which members' numbers cannot be read, are left out: keep them elsewhere.

    Parameters
    ----------
    directory
        Where it goes: empty, or not there yet.
    keys
        Where the keys go: another place, with other keepers. The same place makes one backup that says everything to
        whoever finds it.
    """
    from klaroen.backup import make_backup

    settings = context.settings()
    started = time.monotonic()
    with _told():
        manifest = make_backup(Path(settings.data_dir), directory, keys, _now())
    took_s = round(time.monotonic() - started, 1)
    for name in manifest.left_out:
        context.say(f"{name} is no part of Klaroen's data, and is left out.")
    if manifest.keys and keys is None:
        context.say(f"Without its keys: {', '.join(manifest.keys)}. Keep them elsewhere (--keys).")
    machine = {
        "directory": str(directory),
        "files": len(manifest.files),
        "keys": sorted(manifest.keys),
        "left_out": list(manifest.left_out),
        "with_keys": keys is not None,
        "schema": manifest.schema,
        "took_s": took_s,
    }
    context.answer(machine, f"{len(manifest.files)} files in {directory}, in {took_s} s.")


def restore(directory: Path, *, keys: Path | None = None, context: Here) -> None:
    """Make the data directory of the configuration from a backup. There must be no store in it, and nobody using it.

    What was open when the backup was made goes on at the next start, and whatever leaves of it is counted as a possible
    duplicate before it leaves, since it may have left already after the backup; cold alerts are paused.

    Parameters
    ----------
    directory
        The backup.
    keys
        Where its keys are, if they are not in place.
    """
    from klaroen.restore import restore_backup

    settings = context.settings()
    with _told():
        restored = restore_backup(directory, Path(settings.data_dir), keys, _now())
    machine = {
        "data_dir": settings.data_dir,
        "files": len(restored.manifest.files),
        "made_at": restored.manifest.made_at,
        "open_alerts": restored.open_alerts,
    }
    context.answer(machine, f"{settings.data_dir} is restored; {restored.open_alerts} alerts are open in it.")


def _now() -> Instant:
    return Instant(time.time_ns() // 1_000_000)


@contextmanager
def _told() -> Iterator[None]:
    """Tell an operator's faults in words."""
    from klaroen.backup import BackupFault
    from klaroen.core.errors import StoreUnavailableError
    from klaroen.store.errors import SchemaNewerError, StoreBusyError, StoreCorruptError

    try:
        yield
    except (BackupFault, StoreUnavailableError, StoreBusyError, SchemaNewerError, StoreCorruptError) as error:
        raise CommandFault(f"{error}.") from None
    except OSError as error:
        raise CommandFault(f"{error.filename}: {error.strerror}.") from None
