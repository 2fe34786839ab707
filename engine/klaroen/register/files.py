"""Three files become one register, all or nothing (R2, R4).

Law: every fault of every file is told at once; one fault anywhere means that nothing is imported.
"""

from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path

from klaroen.core.model import Network, Zone
from klaroen.register.entries import read_entries
from klaroen.register.lines import read_source
from klaroen.register.members import read_members
from klaroen.register.model import Faults, Register
from klaroen.register.networks import NAMED_BY_R2, judge_network
from klaroen.register.zones import judge_zone


def read_register(
    zones: bytes | Path, networks: bytes | Path, members: bytes | Path, only_networks: AbstractSet[str] | None = None
) -> Register:
    """Return the register that the files hold; with `only_networks`, no more of it than those networks.

    Members are numbered from 0 in the order of the file; `number_members` gives them the numbers that they keep.

    Raises RegisterFaults.
    """
    faults = Faults()
    zone_source = read_source(zones, "zones.jsonl", faults)
    network_source = read_source(networks, "networks.jsonl", faults)
    member_source = read_source(members, "members.csv", faults)
    faults.raise_any()  # a file that is not there would fault every line of the others
    zone_entries = read_entries(zone_source, Zone, judge_zone, faults, named_by=("R8", ()))
    judge = partial(judge_network, zones=zone_entries.keys())
    network_entries = read_entries(
        network_source, Network, judge, faults, named_by=("R2", NAMED_BY_R2), only=only_networks
    )
    for network in sorted((only_networks or set()) - network_entries.keys()):
        faults.add(network_source.name, 0, "id", f"lacks a network that was asked for: {network}")
    found = read_members(member_source, network_entries.keys(), faults, only_networks)
    faults.raise_any()
    kept_networks = tuple(network for network in network_entries.values() if network is not None)
    used_zones = {network.zone for network in kept_networks}
    return Register(
        tuple(z for z in zone_entries.values() if z is not None and (only_networks is None or z.id in used_zones)),
        kept_networks,
        found,
    )
