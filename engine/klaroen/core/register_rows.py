"""The register as the store keeps it: rows by version, what is personal sealed; and the port to write them.

Law: a row holds from its version on until a later row of the same name; a version is in force once `enforce` has
committed it, whole. The store sees nothing of a person but ids, memberships and keyed hashes.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

from msgspec import Struct

from klaroen.core.audit import Deed
from klaroen.core.model import Instant, MemberId, MemberNumber, NetworkId

RowKind = Literal["zone", "network", "member"]
ROWS_MAX: Final = 2_000
"""Rows of one write, some 20 ms: an import of the country never keeps an accept waiting for longer."""

Place = tuple[str, str, int]
"""Of a row: kind, name, version. They are kept in this order."""
ORIGIN: Final[Place] = ("", "", 0)
"""Before every row."""

Reported = Literal["coordinators", "officers", "area", "plan"]
"""What of a network the FPS Interior is to hear of when it changes (R3)."""


class RegisterRow(Struct, frozen=True, gc=False):
    """What one version says of one zone, network or member."""

    kind: RowKind
    name: str
    since: int
    """The version from which it holds."""
    number: int | None = None
    """A member's, for life."""
    open: bytes | None = None
    """What is no secret; None where the entry is gone from this version on."""
    key: int = 0
    """Which key sealed it."""
    sealed: bytes | None = None
    """None where it is gone, or was erased."""


class Posting(Struct, frozen=True, gc=False):
    """A row to be written, with what it is found by."""

    row: RegisterRow
    digests: tuple[bytes, ...] = ()
    """Keyed hashes of a member's addresses."""
    networks: tuple[NetworkId, ...] = ()
    """A member's memberships, whatever their status."""


class RegisterVersion(Struct, frozen=True):
    number: int
    at: Instant
    by: str
    """Name of a token, or the command line."""
    what: str
    """"import", "restore", "list" (a list keeper's change) or "erase"."""


class ReportableChange(Struct, frozen=True):
    """A change of a network that is to be reported to the FPS Interior, and when that was done (R3)."""

    version: int
    at: Instant
    network: NetworkId
    what: Reported
    reported_at: Instant | None = None


class SealedStart(Struct, frozen=True):
    """The whole register of one version as dispatch holds it, sealed: what makes a start quick."""

    version: int
    key: int
    sealed: bytes


class LegacyRegister(Struct, frozen=True):
    """A register as versions of the store before the fourth kept it: in clear."""

    version: int
    at: Instant
    snapshot: bytes
    documents: tuple[bytes, bytes, bytes]


class RegisterStore(Protocol):
    """Blocking; writes run inside the writer's transaction, as in `klaroen.core.records.Store`."""

    # writes
    def stage(self, postings: Sequence[Posting]) -> None:
        """Write rows of a version that is not in force yet; `ROWS_MAX` at most."""
        ...

    def discard(self, version: int) -> None:
        """Forget what was staged above this version and never enforced."""
        ...

    def enforce(
        self,
        version: RegisterVersion,
        changes: Sequence[ReportableChange] = (),
        start: SealedStart | None = None,
        deed: Deed | None = None,
    ) -> None:
        """The rows staged for this version hold from now on."""
        ...

    def replace(self, rows: Sequence[RegisterRow], digests: Sequence[tuple[bytes, str, int]] = ()) -> None:
        """Put other octets in the place of rows; what stood there is overwritten on the disk.

        `digests`, (digest, member, since), are put where they are missing.
        """
        ...

    def forget_digests(self, found: Sequence[tuple[bytes, str]]) -> None:
        """Nobody is found by these any more: (digest, member)."""
        ...

    def put_start(self, start: SealedStart | None) -> None: ...
    def report(self, until: int, now: Instant) -> int:
        """Mark changes up to this version as reported; return how many."""
        ...

    def drop_legacy(self) -> None: ...

    def scrub(self) -> None:
        """Empty the log after this commit of what it still holds; `scrubbed` says whether a reader was in the way."""
        ...

    def rebuild(self) -> None:
        """Outside any transaction: write the whole file anew, without what its free pages hold."""
        ...

    # reads
    @property
    def scrubbed(self) -> bool: ...
    def version(self) -> RegisterVersion | None:
        """Return the one in force."""
        ...

    def versions(self) -> Sequence[RegisterVersion]: ...
    def rows(self, version: int, kinds: Sequence[RowKind]) -> Sequence[RegisterRow]:
        """Return what a version says of each entry of these kinds, gone ones included, by kind and name."""
        ...

    def members(self, version: int, names: Sequence[str]) -> Sequence[RegisterRow]:
        """Return what a version says of these members."""
        ...

    def histories(self, names: Sequence[str]) -> Sequence[RegisterRow]:
        """Return every row of these members, each one's oldest first."""
        ...

    def history(self, kind: RowKind, name: str) -> Sequence[RegisterRow]:
        """Return every row of one entry, oldest first."""
        ...

    def rows_ever(self, kind: RowKind) -> Sequence[RegisterRow]:
        """Return every row of a kind."""
        ...

    def superseded(self, kind: RowKind, until: int, limit: int) -> Sequence[RegisterRow]:
        """Return sealed rows in whose place another was in force at version `until` already; -1 is all of them."""
        ...

    def rows_after(self, version: int) -> Sequence[RegisterRow]:
        """Return the latest row in force of each entry that changed after a version."""
        ...

    def rows_sealed_before(self, key: int, after: Place, limit: int) -> Sequence[RegisterRow]:
        """Return rows sealed by a key of a lower number, those behind a place, in order."""
        ...

    def members_ever(self, network: NetworkId) -> Sequence[MemberId]:
        """Return who has or had a membership of a network."""
        ...

    def found(self, digest: bytes) -> Sequence[tuple[MemberId, int]]:
        """Return (member, since) of the rows that held an address."""
        ...

    def member_numbers(self) -> Mapping[MemberId, MemberNumber]:
        """Return the number of everybody who is or was in the register: it is for life."""
        ...

    def numbers_given(self) -> int: ...
    def start(self) -> SealedStart | None: ...
    def changes(self) -> Sequence[ReportableChange]: ...
    def legacy(self) -> Sequence[LegacyRegister]: ...
