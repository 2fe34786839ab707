"""The register as it is read: rows of the store, opened with the keys.

Law: a version is what its rows say, whoever asks and whenever; what was erased is in none. Blocking: called from
threads, or where nothing waits.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from klaroen.core.model import Instant, Member, MemberId, MemberNumber, Network, NetworkId, Zone, ZoneId
from klaroen.core.register_rows import RegisterRow, RegisterStore
from klaroen.core.snapshot import Snapshot
from klaroen.register import sealing
from klaroen.register.keys import Keyring
from klaroen.register.model import Register
from klaroen.register.snapshot import edited, make_snapshot, snapshot_from

EDITS_MAX: Final = 1_000
"""Members changed since the sealed start up to which it is edited; with more, all is built anew [0.5 s]."""


class Book:
    """Opens the register's rows. `keys` change when a new key is made."""

    def __init__(self, rows: RegisterStore, keys: Keyring, path: Path | None = None) -> None:
        self.rows, self.keys, self.path = rows, keys, path

    def version(self) -> int:
        """Return the number of the version in force, 0 where there is none."""
        found = self.rows.version()
        return 0 if found is None else found.number

    def register(self, version: int | None = None) -> Register | None:
        """Return the register of a version, else the one in force; None where nothing was imported.

        Shape: zones and networks by name, members by number.
        Raises KeyFault.
        """
        number = self.version() if version is None else version
        if number == 0:
            return None
        zones, networks = self._places(number)
        members = [self._open(row) for row in self.rows.rows(number, ("member",)) if _is_there(row)]
        members.sort(key=lambda member: member.number)
        return Register(tuple(zones.values()), tuple(networks.values()), tuple(members))

    def emptied(self, version: int) -> Mapping[MemberId, tuple[sealing.Membership, ...]]:
        """Return the memberships of those in a version whose person was erased from it, or forgotten after its time."""
        rows = self.rows.rows(version, ("member",))
        return {MemberId(row.name): sealing.memberships_of(row) for row in rows if row.open and row.sealed is None}

    def snapshot(self) -> Snapshot | None:
        """Return the version in force as dispatch holds it, the quick way where there is one. Raises KeyFault."""
        number = self.version()
        if number == 0:
            return None
        start = self.rows.start()
        if start is not None and self.keys.knows(start.key):
            later = self.rows.rows_after(start.version)
            if len(later) <= EDITS_MAX and all(row.kind == "member" for row in later):
                snapshot = snapshot_from(sealing.open_start(self.keys, start))
                return edited(snapshot, number, self._changed(later)) if start.version < number else snapshot
        register = self.register()
        assert register is not None, "a version without a register"
        return make_snapshot(number, register, self.rows.numbers_given())

    def _changed(self, rows: Sequence[RegisterRow]) -> Mapping[MemberNumber, Member | None]:
        return {
            MemberNumber(row.number): self._open(row) if _is_there(row) else None
            for row in rows
            if row.number is not None
        }

    def places(self, version: int) -> Snapshot:
        """Return a version without its members: for alerts whose plan versions are in force no more."""
        zones, networks = self._places(version)
        return Snapshot(version, zones, networks, (), (), ((), (), (), ()))

    def networks(self) -> Mapping[NetworkId, Network]:
        return self._places(self.version())[1]

    def headcounts(self, at: Instant, place_of: Callable[[NetworkId], str | None]) -> Mapping[str, int] | None:
        """Return how many members were active then by place, each once in each; None where no register was in force."""
        version = max((one.number for one in self.rows.versions() if one.at <= at), default=0)
        if version == 0:
            return None
        counts: Counter[str] = Counter()
        for row in self.rows.rows(version, ("member",)):
            active = (name for name, status, _ in sealing.memberships_of(row) if status == "active")
            counts.update({place for name in active if (place := place_of(name)) is not None})
        return counts

    def member(self, name: str) -> Member | None:
        """Return the member as the version in force has them; None where it does not. Raises KeyFault."""
        return next(iter(self.members([name])), None)

    def members(self, names: Sequence[str]) -> list[Member]:
        return [self._open(row) for row in self.rows.members(self.version(), names) if _is_there(row)]

    def members_of(self, network: NetworkId) -> list[Member]:
        """Return who has a membership of a network, whatever its status, by id. Raises KeyFault."""
        found = self.members(self.rows.members_ever(network))
        return [member for member in found if any(name == network for name, _, _ in member.memberships)]

    def standing_since(self, network: NetworkId, names: Sequence[str]) -> Mapping[str, Instant]:
        """Return since when each of these has had today's status in a network, of those who have one."""
        times = {one.number: one.at for one in self.rows.versions()}
        status: dict[str, str | None] = {}
        since: dict[str, Instant] = {}
        for row in self.rows.histories(names):
            now = next((status for name, status, _ in sealing.memberships_of(row) if name == network), None)
            if now is not None and now != status.get(row.name) and row.since in times:
                since[row.name] = times[row.since]
            status[row.name] = now
        return {name: at for name, at in since.items() if status[name] is not None}

    def find(self, address: str) -> list[MemberId]:
        """Return who has this number or mail address in the version in force: by its keyed hash, nothing is opened."""
        digests = self.keys.digests(address)
        found = dict.fromkeys(pair for digest in digests for pair in self.rows.found(digest))
        latest = {row.name: row.since for row in self.rows.members(self.version(), [name for name, _ in found])}
        return [name for name, since in found if latest.get(name) == since]

    def _open(self, row: RegisterRow) -> Member:
        return sealing.open_member(self.keys, row)

    def _places(self, version: int) -> tuple[dict[ZoneId, Zone], dict[NetworkId, Network]]:
        rows = self.rows.rows(version, ("zone", "network"))
        zones = [sealing.open_zone(self.keys, row) for row in rows if row.kind == "zone" and _is_there(row)]
        networks = [sealing.open_network(self.keys, row) for row in rows if row.kind == "network" and _is_there(row)]
        return {zone.id: zone for zone in zones}, {network.id: network for network in networks}


def _is_there(row: RegisterRow) -> bool:
    return row.open is not None and row.sealed is not None
