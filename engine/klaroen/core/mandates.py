"""What the police decide about networks and coordinators, and what holds until they decide otherwise (R1, R9, R23).

Law: a grant is worth what the register says today: it needs its network recognised and not stopped, and its
coordinator in office. What no longer holds stops whatever it carried.
"""

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from klaroen.core.intake import Words
from klaroen.core.model import AlertClass, Coordinator, Instant, Network, NetworkId
from klaroen.core.refusals import refuse

BRUSSELS: Final = ZoneInfo("Europe/Brussels")
IN_OFFICE: Final = frozenset({"active", "temporary"})
"""A temporary coordinator takes over from one who was relieved (R23)."""
UNTIL: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?$"


class Grant(Struct, frozen=True):
    """The police let a coordinator send to their own network without asking each time (R9)."""

    network: NetworkId
    coordinator: str
    classes: tuple[AlertClass, ...]
    ends_at: Instant
    given_at: Instant
    by: str
    """The token of who gave it."""


class Halt(Struct, frozen=True):
    """The police, with the municipality, stopped a network (R1, art. 3)."""

    network: NetworkId
    reason: str
    with_: str
    halted_at: Instant
    by: str


class GrantRequest(Struct, frozen=True, forbid_unknown_fields=True):
    until: Annotated[str, Meta(pattern=UNTIL, description="A date, that day included, or an instant")]
    classes: Annotated[tuple[Literal["cold", "warm"], ...], Meta(min_length=1, max_length=2)] = ("cold",)
    """Warm only where it is named (R9)."""


class HaltRequest(Struct, frozen=True, forbid_unknown_fields=True, rename={"with_": "with"}):
    """Why a network is stopped or resumed, and with whom of the municipality that was agreed."""

    reason: Words
    with_: Words


def end_of(until: str, now: Instant) -> Instant:
    """Return the instant at which a grant ends. Raises InputError where that is no day, or is over."""
    try:
        at = datetime.fromisoformat(until)
        if "T" not in until:
            at = at.replace(tzinfo=BRUSSELS) + timedelta(days=1)
        ends_at = Instant(int(at.timestamp() * 1000))
    except (ValueError, OverflowError):
        raise refuse("invalid", "until_no_day", at="$.until") from None
    if ends_at <= now:
        raise refuse("invalid", "until_past", at="$.until")
    return ends_at


def coordinator_of(network: Network, coordinator: str) -> Coordinator | None:
    """Return the network's coordinator of that id, in office or not."""
    return next((one for one in network.coordinators if one.id == coordinator), None)


def check_grantee(network: Network, coordinator: str) -> None:
    """Raises InputError where a grant to this coordinator could not be used."""
    if not network.recognised or network.stopped:
        raise refuse("invalid", "silent_network", at="network")
    known = coordinator_of(network, coordinator)
    if known is None:
        raise refuse("invalid", "no_such_coordinator", at="coordinator")
    if known.status not in IN_OFFICE:
        raise refuse("invalid", "loses_grants", at="coordinator", status=known.status)


def may_ask(network: Network, coordinator: str) -> bool:
    """Whether this coordinator's messages are put before an officer: not those of one who was relieved (R23).

    One whom the register does not name holds a token all the same: the officer who consents decides.
    """
    known = coordinator_of(network, coordinator)
    return known is None or known.status in IN_OFFICE


def holds(grant: Grant, network: Network | None, now: Instant) -> bool:
    """Whether the grant may be used now."""
    if network is None or now >= grant.ends_at or not network.recognised or network.stopped:
        return False
    coordinator = coordinator_of(network, grant.coordinator)
    return coordinator is not None and coordinator.status in IN_OFFICE


# --- as they are shown ---------------------------------------------------------------------------------------------


class HaltView(Struct, frozen=True):
    """Whether a network gets messages, and what its stop has just stopped."""

    network: str
    stopped: bool
    recognised: bool
    since: str | None
    deliveries_stopped: int


class GrantView(Struct, frozen=True):
    """What a coordinator may send without being asked for it; `stopped` is what its change has just stopped."""

    network: str
    coordinator: str
    classes: tuple[AlertClass, ...]
    until: str
    given_at: str
    by: str
    holds: bool
    stopped: int = 0


class GrantPage(Struct, frozen=True):
    items: tuple[GrantView, ...]


# --- as they are asked for (`core.calls`) -----------------------------------------------------------------------------


class StopNetwork(Struct, frozen=True, tag=True):
    """R1. Told: HaltView."""

    network: str
    request: HaltRequest


class ResumeNetwork(Struct, frozen=True, tag=True):
    """Told: HaltView."""

    network: str
    request: HaltRequest


class ListGrants(Struct, frozen=True, tag=True):
    """Told: GrantPage."""

    network: str


class PutGrant(Struct, frozen=True, tag=True):
    """R9. Told: GrantView."""

    network: str
    coordinator: str
    request: GrantRequest


class WithdrawGrant(Struct, frozen=True, tag=True):
    """Told: GrantView, as it was."""

    network: str
    coordinator: str


Decree = ListGrants | PutGrant | WithdrawGrant | StopNetwork | ResumeNetwork
