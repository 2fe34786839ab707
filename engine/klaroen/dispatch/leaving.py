"""Who left a network is handed nothing more of what is under way to it (R4).

Law: derived from the register in force, so that a restart comes to the same; who is still active in another network of
the alert is warned through that one.
"""

from collections.abc import Iterable, Mapping

from klaroen.core.model import MemberNumber, NetworkId
from klaroen.core.register_rows import RegisterRow
from klaroen.dispatch.barring import bar
from klaroen.dispatch.desk import Desk
from klaroen.register.sealing import memberships_of

Active = Mapping[int, frozenset[NetworkId]]
"""By member number: the networks in which the member is active."""


def active_in(rows: Iterable[RegisterRow]) -> Active:
    """Return where the members of these rows are active; nowhere, for who is gone."""
    return {
        MemberNumber(row.number): frozenset(name for name, status, _ in memberships_of(row) if status == "active")
        for row in rows
        if row.number is not None
    }


def bar_leavers(desk: Desk, changed: Active) -> int:
    """Hold these members against every open alert; return how many deliveries were stopped."""
    stopped = 0
    for opened in tuple(desk.alerts.values()):
        if opened.final:
            continue
        networks = frozenset(opened.alert.networks)
        gone = {number for number, active in changed.items() if networks.isdisjoint(active)}
        if gone:
            found = [delivery for delivery, number in enumerate(opened.audience.members) if number in gone]
            if found:
                stopped += bar(desk, opened, [(delivery, delivery + 1) for delivery in found])
    if stopped:
        desk.push_bell.ring()
    return stopped


def bar_leavers_since_acceptance(desk: Desk) -> None:
    """After a start: who left since the oldest open alert was accepted."""
    oldest = min((opened.alert.register_version for opened in desk.alerts.values()), default=None)
    if oldest is not None and oldest < desk.register.snapshot.version:
        bar_leavers_since(desk, oldest)


def bar_leavers_since(desk: Desk, version: int) -> None:
    """Hold who has left since that version of the register against every open alert."""
    bar_leavers(desk, active_in(desk.book.rows.rows_after(version)))
