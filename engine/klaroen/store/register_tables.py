"""The register's tables in SQLite.

Law: what is replaced is overwritten on the disk (`secure_delete`), since what was sealed can be opened for as long as
its key exists. What is staged holds for nobody until its version is in force.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from klaroen.core.audit import Deed
from klaroen.core.model import Instant, MemberId, MemberNumber, NetworkId
from klaroen.core.register_rows import (
    LegacyRegister,
    Place,
    Posting,
    RegisterRow,
    RegisterVersion,
    ReportableChange,
    RowKind,
    SealedStart,
)
from klaroen.store import register_sql as sql
from klaroen.store import trail
from klaroen.store.connection import Connection


class RegisterTables:
    """Implements `klaroen.core.register_rows.RegisterStore`.

    `at` returns the writing connection inside a transaction, `resting` outside any; `select` reads, and what is
    given to `afterwards` is done after the commit.
    """

    def __init__(
        self,
        at: Callable[[Instant], Connection],
        resting: Callable[[], Connection],
        select: Callable[..., list[Any]],
        afterwards: Callable[[Callable[[], object]], None],
    ) -> None:
        self._at, self._resting, self._select = at, resting, select
        self._afterwards, self._scrubbed = afterwards, False

    # --- writes -----------------------------------------------------------------------------------------------------

    def stage(self, postings: Sequence[Posting]) -> None:
        writing = self._at(Instant(0))
        rows = [each.row for each in postings]
        writing.run_rows(sql.STAGE, [_columns(row) for row in rows])
        addresses = [(digest, each.row.name, each.row.since) for each in postings for digest in each.digests]
        writing.run_rows(sql.PUT_ADDRESSES, addresses)
        memberships = [(network, each.row.name) for each in postings for network in each.networks]
        writing.run_rows(sql.PUT_MEMBERSHIPS, memberships)

    def discard(self, version: int) -> None:
        writing = self._at(Instant(0))
        if writing.row(sql.STAGED, (version,)) is not None:
            writing.run(sql.DISCARD_ROWS, (version,))
            writing.run(sql.DISCARD_ADDRESSES, (version,))

    def enforce(
        self,
        version: RegisterVersion,
        changes: Sequence[ReportableChange] = (),
        start: SealedStart | None = None,
        deed: Deed | None = None,
    ) -> None:
        writing = self._at(version.at)
        writing.run(sql.PUT_VERSION, (version.number, version.at, version.by, version.what))
        writing.run_rows(sql.PUT_CHANGES, [(one.version, one.network, one.what, one.at) for one in changes])
        if start is not None:
            self.put_start(start)
        trail.enter(writing, deed)

    def replace(self, rows: Sequence[RegisterRow], digests: Sequence[tuple[bytes, str, int]] = ()) -> None:
        with self._overwriting() as writing:
            writing.run_rows(sql.REPLACE, [_columns(row) for row in rows])
            writing.run_rows(sql.PUT_ADDRESSES, digests)

    def forget_digests(self, found: Sequence[tuple[bytes, str]]) -> None:
        with self._overwriting() as writing:
            for pair in found:  # many at once would not be looked up, but searched for in the whole table
                writing.run(sql.FORGET_ADDRESSES, pair)

    def put_start(self, start: SealedStart | None) -> None:
        with self._overwriting() as writing:
            if start is None:
                writing.run(sql.DROP_START)
            else:
                writing.run(sql.PUT_START, (start.version, start.key, start.sealed))

    def report(self, until: int, now: Instant) -> int:
        return self._at(now).run(sql.REPORT, (now, until))

    def drop_legacy(self) -> None:
        with self._overwriting() as writing:
            writing.run(sql.DROP_LEGACY)

    @contextmanager
    def _overwriting(self) -> Iterator[Connection]:
        writing = self._at(Instant(0))
        with writing.overwriting():
            yield writing

    def scrub(self) -> None:
        self._at(Instant(0))
        self._scrubbed = False
        self._afterwards(self._empty_log)

    @property
    def scrubbed(self) -> bool:
        return self._scrubbed

    def _empty_log(self) -> None:
        """A reader is not waited for: accepts would wait as well."""
        self._scrubbed = self._resting().empty_log()

    def rebuild(self) -> None:
        self._resting().run("VACUUM")
        self._resting().empty_log()

    # --- reads ------------------------------------------------------------------------------------------------------

    def _in_force(self) -> int:
        found = self.version()
        return 0 if found is None else found.number

    def version(self) -> RegisterVersion | None:
        return next((RegisterVersion(*row) for row in self._select(sql.VERSION)), None)

    def versions(self) -> Sequence[RegisterVersion]:
        return [RegisterVersion(*row) for row in self._select(sql.VERSIONS)]

    def rows(self, version: int, kinds: Sequence[RowKind]) -> Sequence[RegisterRow]:
        return [RegisterRow(*row) for row in self._select(sql.ROWS, (_json(kinds), version))]

    def members(self, version: int, names: Sequence[str]) -> Sequence[RegisterRow]:
        return [RegisterRow(*row) for row in self._select(sql.MEMBERS, (_json(names), version))]

    def histories(self, names: Sequence[str]) -> Sequence[RegisterRow]:
        return [RegisterRow(*row) for row in self._select(sql.HISTORIES, (_json(names), self._in_force()))]

    def history(self, kind: RowKind, name: str) -> Sequence[RegisterRow]:
        return [RegisterRow(*row) for row in self._select(sql.HISTORY, (kind, name, self._in_force()))]

    def rows_ever(self, kind: RowKind) -> Sequence[RegisterRow]:
        return [RegisterRow(*row) for row in self._select(sql.ROWS_EVER, (kind, self._in_force()))]

    def superseded(self, kind: RowKind, until: int, limit: int) -> Sequence[RegisterRow]:
        return [RegisterRow(*row) for row in self._select(sql.SUPERSEDED, (kind, until, limit))]

    def rows_after(self, version: int) -> Sequence[RegisterRow]:
        return [RegisterRow(*row) for row in self._select(sql.ROWS_AFTER, (version, self._in_force()))]

    def rows_sealed_before(self, key: int, after: Place, limit: int) -> Sequence[RegisterRow]:
        return [RegisterRow(*row) for row in self._select(sql.ROWS_SEALED_BEFORE, (*after, key, limit))]

    def members_ever(self, network: NetworkId) -> Sequence[MemberId]:
        return [MemberId(row[0]) for row in self._select(sql.MEMBERS_EVER, (network,))]

    def found(self, digest: bytes) -> Sequence[tuple[MemberId, int]]:
        return [(MemberId(name), since) for name, since in self._select(sql.FOUND, (digest,))]

    def member_numbers(self) -> Mapping[MemberId, MemberNumber]:
        return {MemberId(name): MemberNumber(number) for name, number, _ in self._select(sql.MEMBER_NUMBERS)}

    def numbers_given(self) -> int:
        given: int = self._select(sql.NUMBERS_GIVEN)[0][0]
        return given

    def start(self) -> SealedStart | None:
        return next((SealedStart(*row) for row in self._select(sql.START)), None)

    def changes(self) -> Sequence[ReportableChange]:
        return [ReportableChange(*row) for row in self._select(sql.CHANGES)]

    def legacy(self) -> Sequence[LegacyRegister]:
        return [LegacyRegister(row[0], row[1], row[2], (row[3], row[4], row[5])) for row in self._select(sql.LEGACY)]


def _columns(row: RegisterRow) -> tuple[object, ...]:
    return row.kind, row.name, row.since, row.number, row.open, row.key, row.sealed


def _json(values: Sequence[str]) -> str:
    return msgspec.json.encode(values).decode()
