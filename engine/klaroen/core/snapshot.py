"""The register as dispatch holds it.

Law: read-only, and made anew by each import; what was decided by one version names it.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from klaroen.core.model import Cohort, MemberId, Network, NetworkId, Zone, ZoneId

Addresses = Sequence[str | None]
"""By member number: the address of one kind."""


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
