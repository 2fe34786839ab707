"""The audit trail's rows: entered within the writer's transaction, each chained to the one before.

Law: rows are only added; the oldest go when they have had their time, and the hash of the last of them stays. The head
is read where it is written, so that what is undone leaves no gap.
"""

from collections.abc import Callable, Iterable
from typing import Any

from klaroen.core import audit
from klaroen.core.audit import Deed, Link
from klaroen.store import sql
from klaroen.store.connection import Connection


def enter(writing: Connection, deed: Deed | None) -> None:
    """Add a deed, if there is one."""
    if deed is None:
        return
    octets = audit.encode(deed)
    number, digest = writing.row(sql.HEAD) or (0, audit.ORIGIN)
    writing.run(sql.ENTER, (number + 1, octets, audit.digest_of(digest, number + 1, octets)))


def enter_after(writing: Connection, make: Callable[[Link], Deed | None]) -> None:
    """Add the deed that is made of the last entry."""
    last = writing.row(sql.LAST_ENTRY)
    if last is not None:
        enter(writing, make(Link(*last)))


def shorten(writing: Connection, last: int, deed: Deed) -> None:
    """Forget what stands up to `last`, and enter that it was done."""
    writing.run(sql.EMPTY_ENTRY, (last,))
    writing.run(sql.FORGET_ENTRIES, (last,))
    enter(writing, deed)


def links(rows: Iterable[Any]) -> list[Link]:
    return [Link(*row) for row in rows]
