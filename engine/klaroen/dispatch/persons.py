"""What a person may ask for (GDPR): everything that is held of them, and to be forgotten.

Law: an erasure empties every version of the person in one commit, then memory, then the store's log. Ids, memberships
and counts stay: alerts name members by number, and the books must balance.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import trio
from msgspec import Struct
from msgspec.structs import replace

from klaroen.core import audit
from klaroen.core.account import STATES, Account
from klaroen.core.audience import Audience
from klaroen.core.audit import COMMAND_LINE, Deed
from klaroen.core.errors import InputError
from klaroen.core.model import Instant, Network
from klaroen.core.records import AlertRow, Store
from klaroen.core.register_rows import Posting, RegisterRow, RegisterStore, RegisterVersion, SealedStart
from klaroen.core.snapshot import Snapshot
from klaroen.core.upkeep import (
    ErasedView,
    MembershipView,
    OfficeView,
    PersonAlertView,
    PersonVersionView,
    PersonView,
)
from klaroen.core.views import rfc3339
from klaroen.dispatch.desk import Desk
from klaroen.dispatch.officers import Writes
from klaroen.dispatch.versions import take, turn
from klaroen.register import sealing
from klaroen.register.book import Book
from klaroen.register.merge import in_office
from klaroen.register.numbers import read_any
from klaroen.register.snapshot import edited, snapshot_bytes

ALERTS_PAGE: Final = 100
SCRUBS_MAX: Final = 50
"""Readers hold the log for milliseconds: five seconds of them mean that somebody's shell does."""
SCRUB_S: Final = 0.1


class Erasure(Struct, frozen=True):
    """An erasure that is ready to be written."""

    made: RegisterVersion
    emptied: Sequence[RegisterRow]
    digests: Sequence[tuple[bytes, str]]
    gone: Sequence[Posting]
    start: SealedStart | None
    snapshot: Snapshot | None
    networks: int
    deed: Deed


async def erase(book: Book, write: Writes, member: str, now: Instant, desk: Desk | None) -> ErasedView:
    """Raises InputError: `not-found`; `state` where the person is a coordinator in office."""
    async with turn(desk):
        current = desk.imported if desk is not None else await trio.to_thread.run_sync(book.snapshot)
        erasure = await trio.to_thread.run_sync(_prepare, book, current, member, now)
        await write(write_erasure, book.rows, erasure)
        read_any.cache_clear()
        stopped = 0
        if desk is not None and erasure.snapshot is not None:
            stopped = take(desk, erasure.snapshot, [posting.row for posting in erasure.gone])
    members = sum(row.kind == "member" for row in erasure.emptied)
    return ErasedView(member, members, erasure.networks, stopped, await scrub(book.rows, write))


async def scrub(rows: RegisterStore, write: Writes) -> bool:
    """Empty the store's log; False where a reader held it all the while."""
    for _ in range(SCRUBS_MAX):
        await write(rows.scrub)
        if rows.scrubbed:
            return True
        await trio.sleep(SCRUB_S)
    return False


def _prepare(book: Book, current: Snapshot | None, member: str, now: Instant) -> Erasure:
    history = book.rows.history("member", member)
    if current is None or not history:
        raise InputError("not-found", "The register has no such member.")
    for network in current.networks.values():
        if any(one.member == member and one.id in in_office(network) for one in network.coordinators):
            words = f"This member is a coordinator of {network.id}, in office: another takes over first (art. 6, 8 b)."
            raise InputError("state", words, rule="R23")
    made = RegisterVersion(book.version() + 1, now, COMMAND_LINE, "erase")
    sealed = [row for row in history if row.sealed is not None]
    digests = {
        (digest, member)
        for row in sealed
        for address in sealing.addresses_of(sealing.open_member(book.keys, row))
        for digest in book.keys.digests(address)
    }
    networks = list(_without(book, member))
    number = history[-1].number
    is_there = history[-1].open is not None
    gone = [sealing.seal_gone("member", member, made.number, number)] if is_there else []
    snapshot = _forgetting(current, made.number, history[-1], member)
    return Erasure(
        made=made,
        emptied=[*(sealing.erased(row) for row in sealed), *networks],
        digests=sorted(digests),
        gone=gone,
        start=sealing.seal_start(book.keys, made.number, snapshot_bytes(snapshot)),
        snapshot=snapshot,
        networks=len({row.name for row in networks}),
        deed=audit.of_person("erased", member, now, made.number),
    )


def _without(book: Book, member: str) -> Iterator[RegisterRow]:
    """Yield the rows of networks that this member coordinated once, without name, number and address."""
    for row in book.rows.rows_ever("network"):
        if row.sealed is None:
            continue
        network = sealing.open_network(book.keys, row)
        if any(one.member == member for one in network.coordinators):
            yield sealing.seal_network(book.keys, _forgotten(network, member), row.since).row


def _forgotten(network: Network, member: str) -> Network:
    return replace(
        network,
        coordinators=tuple(
            replace(one, name="", phone=None, email=None) if one.member == member else one
            for one in network.coordinators
        ),
    )


def _forgetting(current: Snapshot, version: int, row: RegisterRow, member: str) -> Snapshot:
    networks = {name: _forgotten(network, member) for name, network in current.networks.items()}
    return edited(replace(current, networks=networks), version, {sealing.number_of(row): None})


def write_erasure(rows: RegisterStore, erasure: Erasure) -> None:
    """One commit: the person is in every version, or in none."""
    rows.discard(erasure.made.number - 1)
    rows.replace(erasure.emptied)
    rows.forget_digests(erasure.digests)
    rows.stage(erasure.gone)
    rows.enforce(erasure.made, (), erasure.start, erasure.deed)


# --- what is held ---------------------------------------------------------------------------------------------------


async def export(store: Store, book: Book, write: Writes, member: str, now: Instant) -> PersonView:
    """Return everything that is held of a person; that it was shown is entered first. Raises InputError."""
    history = await trio.to_thread.run_sync(book.rows.history, "member", member)
    number = next((row.number for row in reversed(history) if row.number is not None), None)
    if number is None:
        raise InputError("not-found", "The register has no such member.")
    await write(store.enter, audit.of_person("exported", member, now))
    alerts: list[PersonAlertView] = []
    before: int | None = None
    while True:
        found, before = await trio.to_thread.run_sync(_alerts_of, store, number, before)
        alerts += found
        if before is None:
            break
    versions, offices = await trio.to_thread.run_sync(_held, book, member, history)
    return PersonView(member, number, versions, offices, tuple(alerts))


def _held(
    book: Book, member: str, history: Sequence[RegisterRow]
) -> tuple[tuple[PersonVersionView, ...], tuple[OfficeView, ...]]:
    times = {one.number: one.at for one in book.rows.versions()}
    versions = tuple(_version(book, row, times.get(row.since)) for row in history)
    offices = tuple(
        OfficeView(network.id, one.id, one.name, one.phone, one.email, one.status)
        for network in book.networks().values()
        for one in network.coordinators
        if one.member == member
    )
    return versions, offices


def _version(book: Book, row: RegisterRow, at: Instant | None) -> PersonVersionView:
    memberships = tuple(MembershipView(*one) for one in sealing.memberships_of(row))
    bare = PersonVersionView(row.since, rfc3339(at), memberships)
    if row.sealed is None:
        return bare
    person = sealing.person_of(sealing.open_member(book.keys, row))
    return replace(bare, **person._asdict())


def _alerts_of(store: Store, number: int, before: int | None) -> tuple[list[PersonAlertView], int | None]:
    """Return those of one page of alerts that concern the member, and where the next page begins."""
    rows = store.alerts(before, ALERTS_PAGE, (), ())
    found = [view for row in rows if (view := _alert_of(store, row, number)) is not None]
    return found, rows[-1].sequence if len(rows) == ALERTS_PAGE else None


def _alert_of(store: Store, row: AlertRow, number: int) -> PersonAlertView | None:
    audience = Audience.decode(store.audience(row.alert.id))
    if number not in audience.members:
        return None
    delivery = audience.members.index(number)
    state = "open" if row.final is None else STATES[Account.reopen(audience, row.final).states[delivery]]
    networks = tuple(row.alert.networks[index] for index in audience.group(delivery).networks)
    alert = row.alert
    return PersonAlertView(alert.id, alert.alert_class, rfc3339(alert.accepted_at), networks, state)
