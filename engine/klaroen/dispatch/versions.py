"""A new version of the register: made in a thread, written in slices, in force at once.

Law: one change at a time, from the version that it was made from to its being in force; until then nothing of it holds,
whatever happens. What is in flight to those who left goes no further.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

import msgspec
import trio

from klaroen.core import audit, calls
from klaroen.core.audit import Deed
from klaroen.core.model import Instant
from klaroen.core.register_rows import Posting, RegisterVersion, ReportableChange, SealedStart
from klaroen.core.snapshot import Snapshot
from klaroen.dispatch.barring import enforce
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.officers import Writes
from klaroen.register.book import Book
from klaroen.register.difference import Relieved, postings, relieved, reportable
from klaroen.register.export import export_register
from klaroen.register.files import read_register
from klaroen.register.merge import merge, number_members, refuse_removal
from klaroen.register.model import Register
from klaroen.register.opening import EMPTY, slices
from klaroen.register.sealing import seal_start
from klaroen.register.snapshot import make_snapshot, snapshot_bytes


class Prepared(msgspec.Struct, frozen=True):
    """A register version that is ready to be written."""

    version: int
    postings: Sequence[Posting]
    snapshot: Snapshot
    start: SealedStart | None
    changes: tuple[ReportableChange, ...]
    relieved: tuple[Relieved, ...]
    deed: Deed


def prepare_import(book: Book, question: calls.ImportRegister, now: Instant) -> tuple[Prepared, calls.ImportedView]:
    """Read and check the files against the register in force. Call it from a thread.

    Raises RegisterFaults, InputError.
    """
    only = frozenset(question.only) or None
    incoming = read_register(Path(question.zones), Path(question.networks), Path(question.members), only)
    current = book.register()
    merged, removed = merge(current, incoming, only)
    refuse_removal(current, removed, question.allow_removal)
    known = book.rows.member_numbers()
    register = number_members(merged, known, book.rows.numbers_given())
    memberships = sum(len(member.memberships) for member in register.members)
    view = calls.ImportedView(len(register.zones), len(register.networks), len(register.members), memberships)
    return prepare(book, current or EMPTY, register, now), view


def prepare(book: Book, before: Register, after: Register, now: Instant) -> Prepared:
    """Return what makes `after`, whose members have their numbers, the next version."""
    version = book.version() + 1
    rows = list(postings(book.keys, before, after, version))
    given = max(book.rows.numbers_given(), max((one.number + 1 for one in after.members), default=0))
    snapshot = make_snapshot(version, after, given)
    networks = {network.id: network for network in before.networks}
    return Prepared(
        version=version,
        postings=rows,
        snapshot=snapshot,
        start=seal_start(book.keys, version, snapshot_bytes(snapshot)),
        changes=tuple(reportable(networks, snapshot.networks, version, now)),
        relieved=tuple(relieved(networks, snapshot.networks)),
        deed=audit.imported(version, export_register(after), now),
    )


async def put_in_force(book: Book, write: Writes, prepared: Prepared, made: RegisterVersion, desk: Desk | None) -> None:
    """Write a version; it holds from the last of its writes on."""
    await write(book.rows.discard, prepared.version - 1)
    for part in slices(prepared.postings):
        await write(book.rows.stage, part)
    await write(book.rows.enforce, made, prepared.changes, prepared.start, prepared.deed)
    if desk is not None:
        desk.take_register(prepared.snapshot)
        enforce(desk)
        desk.push_bell.ring()


async def import_register(
    book: Book, write: Writes, question: calls.ImportRegister, now: Instant, desk: Desk | None
) -> calls.ImportedView:
    """Raises RegisterFaults, InputError."""
    async with turn(desk):
        prepared, view = await trio.to_thread.run_sync(prepare_import, book, question, now)
        made = RegisterVersion(prepared.version, now, audit.COMMAND_LINE, "import")
        await put_in_force(book, write, prepared, made, desk)
    return view


def turn(desk: Desk | None) -> AbstractAsyncContextManager[object]:
    """Return what keeps others from making a version meanwhile; where no dispatch runs, there is nobody."""
    return nullcontext() if desk is None else desk.enrolling
