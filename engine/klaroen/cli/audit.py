"""`klaroen audit`: who did what, when, on whose authority, and whether the record of it is whole (R22)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from klaroen.cli.context import FAILED, CommandFault, Context, Here

audit = App(name="audit", help="The audit trail: verify that it is whole, or export it.")


@audit.command
def verify(
    *,
    head: str | None = None,
    key: Annotated[list[Path] | None, Parameter(negative="", consume_multiple=False)] = None,
    context: Here,
) -> int | None:
    """Follow the chain of hashes from the first entry on, and hold each alert against what was accepted.

    Prints the head, "NUMBER:HASH". Note it where nobody who administers this machine can change it: whoever can replace
    the whole data directory can also cut off the end of the trail, and only a noted head tells. Exit code 1 where
    anything is not as it was written.

    Parameters
    ----------
    head
        A head that was noted earlier: the trail must still hold it.
    key
        A public key (PEM) that was handed out earlier: a checkpoint must be signed by it, and each by one of those
        that are named. Repeat for more. Without it: the key that stands in the data directory, if one does.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.calls import VerifyAudit
    from klaroen.core.views import AuditView

    keys = _read_keys(key) if key else _own_key(context)
    view = ask(context, VerifyAudit(head, keys), AuditView)
    faults = list(view.faults)
    if key and not view.checkpoints:
        faults.append("no checkpoint is signed by the key that was given")
    told = {"entries": view.entries, "alerts": view.alerts, "head": view.head, "faults": faults}
    told |= {"begins_after": view.begins_after}
    told |= {"checkpoints": view.checkpoints, "sealed_to": view.sealed_to, "sealed_at": view.sealed_at}
    words = f"{view.entries} entries of {view.alerts} alerts hold" if not faults else "The trail does not hold"
    sealed = [f"Signed up to entry {view.sealed_to}, at {view.sealed_at}."] if view.checkpoints else []
    begins = (
        [f"It begins behind entry {view.begins_after}: earlier ones had had their time."] if view.begins_after else []
    )
    context.answer(told, *faults, f"{words}. Head: {view.head}", *begins, *sealed)
    return FAILED if faults else None


@audit.command(name="key")
def show_key(*, context: Here) -> None:
    """Print the public key by which auditors verify the trail's checkpoints: hand it out, and note its name."""
    from klaroen.seal import SealFault, read_public

    keys = _own_key(context)
    if not keys:
        raise CommandFault("There is none yet: dispatch makes it at its first start.")
    try:
        name = read_public(keys[0]).name
    except SealFault as error:
        raise CommandFault(str(error)) from None
    context.answer({"name": name, "key": keys[0]}, keys[0].rstrip())


def _own_key(context: Context) -> tuple[str, ...]:
    """Return the public half of the key that signs here, if there is one."""
    from klaroen.seal import KEYS, PUBLIC, SealFault, load_seal

    settings = context.settings()
    if settings.audit.key_file is not None:
        try:
            return (load_seal(Path(settings.data_dir), settings.audit.key_file).public.pem,)
        except SealFault as error:
            raise CommandFault(str(error)) from None
    path = Path(settings.data_dir, KEYS, PUBLIC)
    return _read_keys([path]) if path.exists() else ()


def _read_keys(paths: Sequence[Path]) -> tuple[str, ...]:
    from klaroen.seal import PEM_BYTES_MAX

    pems = []
    for path in paths:
        try:
            with path.open("rb") as file:
                pems.append(file.read(PEM_BYTES_MAX).decode("ascii", "replace"))
        except OSError as error:
            raise CommandFault(f"{path} cannot be read: {error.strerror}.") from None
    return tuple(pems)


@audit.command
def export(*, after: int = 0, context: Here) -> None:
    """Print the trail, an entry a line: its number, its hash, and the entry as it was written.

    The hash of an entry is SHA-256 of the hash before it (32 zero octets before the first), its number in eight octets
    (big-endian), and the octets of `entry`.

    Parameters
    ----------
    after
        The last number that is known already.
    """
    import msgspec

    from klaroen.cli.asking import ask
    from klaroen.core.calls import ExportAudit
    from klaroen.core.views import AuditPage

    every: list[dict[str, Any]] = []
    while rows := ask(context, ExportAudit(after), AuditPage).rows:
        after = rows[-1].number
        lines = [{"number": row.number, "digest": row.digest, "entry": row.entry} for row in rows]
        if context.json:
            every += lines
        else:
            context.answer({}, *(msgspec.json.encode(line).decode() for line in lines))
    if context.json:
        context.answer({"entries": every})
