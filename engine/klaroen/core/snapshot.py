"""The register as dispatch holds it.

Law: read-only, and made anew by each import; what was decided by one version names it.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from klaroen.core.model import Channel, Language, MemberId, Network, NetworkId, Zone, ZoneId

Addresses = Sequence[str | None]
"""By member number: the address of one kind."""


class Cohort(Struct, frozen=True, gc=False):
    """The members whom no rule can tell apart: same networks, preference, kinds of address and language.

    The unit of planning: a country of 100,000 members is some 10,000 cohorts, so that an alert is judged cohort by
    cohort and its deliveries are concatenated, not computed.
    """

    networks: tuple[NetworkId, ...]
    """Those in which the member is active, sorted (R4)."""
    preference: tuple[Channel, ...]
    addresses: int
    """Bit i set: the member has an address of `ADDRESS_KINDS[i]`."""
    language: Language | None
    members: bytes
    """Member numbers, little-endian u32, ascending."""

    @property
    def count(self) -> int:
        return len(self.members) // 4


class Snapshot(Struct, frozen=True):
    """One version of the register; `version` counts them."""

    version: int
    zones: Mapping[ZoneId, Zone]
    networks: Mapping[NetworkId, Network]
    cohorts: tuple[Cohort, ...]
    """Every member with an active membership, once."""
    member_ids: Sequence[MemberId]
    """By member number."""
    addresses: tuple[Addresses, Addresses, Addresses, Addresses]
    """In the order of `ADDRESS_KINDS`, each by member number."""
