"""The grants and halts that hold, as dispatch has them in memory.

Law: what stands here stands in the store. A halt is laid over the register, so that an import does not lift it.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from klaroen.core import mandates
from klaroen.core.mandates import Grant, Halt
from klaroen.core.model import AlertClass, Instant, Network, NetworkId
from klaroen.core.records import Store
from klaroen.core.snapshot import Snapshot

_grant = msgspec.msgpack.Decoder(Grant).decode
_halt = msgspec.msgpack.Decoder(Halt).decode


class Mandates:
    """Grants by network and coordinator, halts by network."""

    def __init__(self, grants: Iterable[Grant] = (), halts: Iterable[Halt] = ()) -> None:
        self._grants = {(one.network, one.coordinator): one for one in grants}
        self._halts = {one.network: one for one in halts}

    @classmethod
    def load(cls, store: Store) -> "Mandates":
        return cls(map(_grant, store.decrees("grant")), map(_halt, store.decrees("halt")))

    # --- grants -----------------------------------------------------------------------------------------------------

    def give(self, grant: Grant) -> None:
        self._grants[grant.network, grant.coordinator] = grant

    def withdraw(self, network: NetworkId, coordinator: str) -> None:
        self._grants.pop((network, coordinator), None)

    def grant(self, network: NetworkId, coordinator: str) -> Grant | None:
        return self._grants.get((network, coordinator))

    def of(self, network: NetworkId) -> Iterator[Grant]:
        return (one for one in self._grants.values() if one.network == network)

    def every(self) -> Iterator[Grant]:
        return iter(self._grants.values())

    def granted(self, network: Network | None, coordinator: str, alert_class: AlertClass, now: Instant) -> bool:
        """Whether a coordinator may send this class to the network now, without being asked for it."""
        grant = None if network is None else self.grant(network.id, coordinator)
        return grant is not None and alert_class in grant.classes and mandates.holds(grant, network, now)

    # --- halts ------------------------------------------------------------------------------------------------------

    def halt(self, halt: Halt) -> None:
        self._halts[halt.network] = halt

    def lift(self, network: NetworkId) -> None:
        self._halts.pop(network, None)

    def halted(self, network: NetworkId) -> Halt | None:
        return self._halts.get(network)

    def over(self, snapshot: Snapshot) -> Snapshot:
        """Return the register with the halts laid over it."""
        halted: Mapping[NetworkId, Network] = {
            name: replace(snapshot.networks[name], stopped=True) for name in self._halts if name in snapshot.networks
        }
        return replace(snapshot, networks={**snapshot.networks, **halted}) if halted else snapshot
