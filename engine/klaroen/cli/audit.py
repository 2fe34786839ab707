"""`klaroen audit`: who did what, when, on whose authority, and whether the record of it is whole (R22)."""

from typing import Any

from cyclopts import App

from klaroen.cli.context import FAILED, Here

audit = App(name="audit", help="The audit trail: verify that it is whole, or export it.")


@audit.command
def verify(*, head: str | None = None, context: Here) -> int | None:
    """Follow the chain of hashes from the first entry on, and hold each alert against what was accepted.

    Prints the head, "NUMBER:HASH". Note it where nobody who administers this machine can change it: whoever can replace
    the whole data directory can also cut off the end of the trail, and only a noted head tells. Exit code 1 where
    anything is not as it was written.

    Parameters
    ----------
    head
        A head that was noted earlier: the trail must still hold it.
    """
    from klaroen.cli.asking import ask
    from klaroen.core.calls import VerifyAudit
    from klaroen.core.views import AuditView

    view = ask(context, VerifyAudit(head), AuditView)
    told = {"entries": view.entries, "alerts": view.alerts, "head": view.head, "faults": list(view.faults)}
    words = f"{view.entries} entries of {view.alerts} alerts hold" if not view.faults else "The trail does not hold"
    context.answer(told, *view.faults, f"{words}. Head: {view.head}")
    return FAILED if view.faults else None


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
