"""A new version of the register: made in a thread, written in slices, in force at once.

Law: one change at a time, from the version that it was made from to its being in force; until then nothing of it holds,
whatever happens. What is in flight to those who left goes no further.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

import msgspec
import trio

from klaroen.core import audit, calls, upkeep
from klaroen.core.audit import Deed
from klaroen.core.errors import InputError
from klaroen.core.model import Instant, Member, MemberNumber
from klaroen.core.records import Store
from klaroen.core.register_rows import (
    Posting,
    RegisterRow,
    RegisterStore,
    RegisterVersion,
    ReportableChange,
    SealedStart,
)
from klaroen.core.snapshot import Snapshot
from klaroen.core.upkeep import ChangePage, ChangeView, VersionView
from klaroen.core.views import rfc3339
from klaroen.dispatch.barring import enforce
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.leaving import active_in, bar_leavers
from klaroen.dispatch.officers import Writes
from klaroen.dispatch.retiring import retire
from klaroen.register.book import Book
from klaroen.register.difference import Relieved, postings, relieved, reportable
from klaroen.register.export import export_register
from klaroen.register.files import read_register
from klaroen.register.merge import merge, number_members, refuse_headless, refuse_removal
from klaroen.register.model import Register
from klaroen.register.opening import EMPTY, slices
from klaroen.register.sealing import seal_start
from klaroen.register.snapshot import edited, make_snapshot, snapshot_bytes


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
    refuse_headless(current, merged)
    known = book.rows.member_numbers()
    register = number_members(merged, known, book.rows.numbers_given())
    return prepare(book, current or EMPTY, register, now), imported_view(register)


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


async def put_in_force(
    store: Store, book: Book, write: Writes, prepared: Prepared, made: RegisterVersion, desk: Desk | None
) -> int:
    """Write a version; it holds from the last of its writes on. Return how many deliveries it stopped."""
    await write(book.rows.discard, prepared.version - 1)
    for part in slices(prepared.postings):
        await write(book.rows.stage, part)
    await retire(store, write, prepared.relieved, prepared.snapshot.networks, made.at, desk)
    await write(book.rows.enforce, made, prepared.changes, prepared.start, prepared.deed)
    return 0 if desk is None else take(desk, prepared.snapshot, [posting.row for posting in prepared.postings])


def take(desk: Desk, snapshot: Snapshot, rows: Iterable[RegisterRow]) -> int:
    """Hold everything that is open against the version in force; return how many deliveries that stopped."""
    desk.take_register(snapshot)
    stopped = enforce(desk) + bar_leavers(desk, active_in(row for row in rows if row.kind == "member"))
    desk.push_bell.ring()
    return stopped


async def edit(
    book: Book,
    write: Writes,
    before: Sequence[Member],
    after: Sequence[Member],
    made: RegisterVersion,
    deed: Deed,
    desk: Desk | None,
) -> int:
    """Make these members as they are in `after` the next version; return how many deliveries that stopped.

    Networks stay as they are, so that the snapshot is edited and the sealed start is left to be overlaid.
    """
    numbers: Mapping[MemberNumber, Member | None] = {member.number: None for member in before} | {
        member.number: member for member in after
    }
    rows = list(postings(book.keys, Register(members=tuple(before)), Register(members=tuple(after)), made.number))
    await write(post, book.rows, rows, made, deed)
    if desk is None:
        return 0
    snapshot = await trio.to_thread.run_sync(edited, desk.imported, made.number, numbers)
    return take(desk, snapshot, [posting.row for posting in rows])


def post(rows: RegisterStore, found: Sequence[Posting], made: RegisterVersion, deed: Deed) -> None:
    """Write a small version in one commit."""
    rows.discard(made.number - 1)
    rows.stage(found)
    rows.enforce(made, deed=deed)


async def import_register(
    store: Store, book: Book, write: Writes, question: calls.ImportRegister, now: Instant, desk: Desk | None
) -> calls.ImportedView:
    """Raises RegisterFaults, InputError."""
    async with turn(desk):
        prepared, view = await trio.to_thread.run_sync(prepare_import, book, question, now)
        made = RegisterVersion(prepared.version, now, audit.COMMAND_LINE, "import")
        await put_in_force(store, book, write, prepared, made, desk)
    return view


# --- versions -------------------------------------------------------------------------------------------------------


async def answer(
    store: Store,
    book: Book,
    write: Writes,
    question: upkeep.RestoreVersion | upkeep.ListVersions | upkeep.ListChanges,
    now: Instant,
    desk: Desk | None,
) -> object:
    """Raises InputError."""
    if isinstance(question, upkeep.ListVersions):
        return [VersionView(one.number, rfc3339(one.at), one.by, one.what) for one in book.rows.versions()]
    if isinstance(question, upkeep.RestoreVersion):
        return await restore(store, book, write, question, now, desk)
    if question.reported_until is not None:
        await write(book.rows.report, question.reported_until, now)
    return ChangePage(tuple(change_view(one) for one in book.rows.changes()))


def change_view(change: ReportableChange) -> ChangeView:
    return ChangeView(change.version, rfc3339(change.at), change.network, change.what, rfc3339(change.reported_at))


async def restore(
    store: Store, book: Book, write: Writes, question: upkeep.RestoreVersion, now: Instant, desk: Desk | None
) -> calls.ImportedView:
    """Make an earlier version the next one. Raises InputError, as an import does."""
    async with turn(desk):
        prepared, view = await trio.to_thread.run_sync(prepare_restore, book, question, now)
        made = RegisterVersion(prepared.version, now, audit.COMMAND_LINE, "restore")
        await put_in_force(store, book, write, prepared, made, desk)
    return view


def prepare_restore(book: Book, question: upkeep.RestoreVersion, now: Instant) -> tuple[Prepared, calls.ImportedView]:
    """Who was erased since stays away; whose earlier data are forgotten comes with today's. Raises InputError."""
    if all(one.number != question.version for one in book.rows.versions()):
        raise InputError("not-found", "There is no such version of the register.", at="version")
    current, earlier = book.register() or EMPTY, book.register(question.version) or EMPTY
    emptied = book.emptied(question.version)
    still = [msgspec.structs.replace(one, memberships=emptied[one.id]) for one in current.members if one.id in emptied]
    earlier = Register(earlier.zones, earlier.networks, (*earlier.members, *still))
    kept = {member.id for member in earlier.members}
    refuse_removal(current, sum(member.id not in kept for member in current.members), question.allow_removal)
    refuse_headless(current, earlier)
    known = book.rows.member_numbers()
    register = number_members(earlier, known, book.rows.numbers_given())
    return prepare(book, current, register, now), imported_view(register)


def imported_view(register: Register) -> calls.ImportedView:
    memberships = sum(len(member.memberships) for member in register.members)
    return calls.ImportedView(len(register.zones), len(register.networks), len(register.members), memberships)


def turn(desk: Desk | None) -> AbstractAsyncContextManager[object]:
    """Return what keeps others from making a version meanwhile; where no dispatch runs, there is nobody."""
    return nullcontext() if desk is None else desk.enrolling
