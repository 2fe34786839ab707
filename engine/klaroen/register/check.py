"""What the register itself says is wrong with who can be warned (R2, R3, R4, R6, R13, R16).

Law: a finding never stops anybody from being warned. It names networks and members by id, and holds no number or name:
whoever may see those looks them up (R7).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct

from klaroen.core.errors import Saying
from klaroen.core.model import CHANNELS, Instant, Member, MemberId, Network, NetworkId, Plan, Zone
from klaroen.core.phrases import rule_of, say
from klaroen.core.plan import (
    Hours,
    Offer,
    Order,
    carries_social_media,
    compile_plan,
    local_date,
    version_at,
    why_unreachable,
)
from klaroen.register.model import Register
from klaroen.register.networks import clock, judge_network
from klaroen.register.snapshot import kinds_of

FLEMISH_REGION: Final = frozenset({"vlaanderen", "flanders", "flandre", "flandern", "vlaams gewest", "flemish region"})
_EVERYTHING: Final = Offer(frozenset(CHANNELS), frozenset(CHANNELS), frozenset(CHANNELS))
"""An alert that is not narrowed, with text and recording, and a carrier for everything: what remains is the plan."""


class Finding(Struct, frozen=True):
    """One thing to put right: of a network, or of a member in it."""

    rule: str
    network: NetworkId
    member: MemberId | None
    words: str
    windows: tuple[str, ...] = ()
    """When it holds, such as "mon 22:00 to tue 07:00"; empty where the hour does not matter."""
    saying: tuple[Saying, ...] = ()
    """What `words` say, for whoever says it in another language; empty where they stand in English only."""


def _found(
    network: NetworkId,
    member: MemberId | None,
    *saying: Saying,
    rule: str | None = None,
    windows: tuple[str, ...] = (),
) -> Finding:
    return Finding(rule or rule_of(saying[0].code) or "", network, member, say(saying), windows, saying)


class _Week(Struct, frozen=True, gc=False):
    """The windows of one plan version for one kind of message."""

    hours: Hours
    kind: Literal["urgent", "non_urgent"]


def check_register(register: Register, at: Instant, *, urgent_only: bool = True) -> list[Finding]:
    """Return every finding, networks first: what they lack, then each active member whom their plans cannot reach.

    Judged are the plan in force at `at` and those that will follow it; with `urgent_only`, their urgent windows (R6).
    """
    zones = {zone.id: zone for zone in register.zones}
    members = {member.id for member in register.members}
    findings: list[Finding] = []
    weeks: dict[NetworkId, list[_Week]] = {}
    for network in register.networks:
        faults = list(judge_network(network, zones))
        findings += [Finding(rule or "R2", network.id, None, f"{field} {words}") for field, words, rule in faults]
        if not faults:  # a faulty plan cannot be compiled; its members are judged once it is put right
            zone = zones[network.zone]
            findings += _check_network(network, zone, members, at)
            weeks[network.id] = list(_weeks_to_come(network, zone, at, urgent_only=urgent_only))
    for member in register.members:
        findings += _check_member(member, weeks)
    return findings


def _check_network(network: Network, zone: Zone, members: Collection[MemberId], at: Instant) -> Iterator[Finding]:
    def finding(code: str, **about: str) -> Finding:
        return _found(network.id, None, Saying(code, about))

    if not network.recognised or network.stopped:
        yield finding("network_silent")
    if all(plan.valid_from > local_date(at) for plan in network.plans):
        yield finding("plan_not_begun")
    if not any(coordinator.status in ("active", "temporary") for coordinator in network.coordinators):
        yield finding("no_coordinator")
    if any(
        coordinator.member is not None and coordinator.member not in members for coordinator in network.coordinators
    ):
        yield finding("coordinator_unknown")
    if network.language_choice == "member" and network.region.casefold() in FLEMISH_REGION:
        yield finding("language_choice")
    for plan in _plans_to_come(network, at):
        wanted = any("whatsapp" in window.channels for window in plan.urgent)
        if wanted and not carries_social_media(network, zone, plan):
            yield finding("urgent_whatsapp", version=str(plan.version))


def _plans_to_come(network: Network, at: Instant) -> Iterator[Plan]:
    """Yield the plan in force and those that will follow it."""
    current = version_at(network, at)
    yield from (plan for plan in network.plans if plan.version >= current.version)


def _weeks_to_come(network: Network, zone: Zone, at: Instant, *, urgent_only: bool) -> Iterator[_Week]:
    for plan in _plans_to_come(network, at):
        compiled = compile_plan(plan, social_media=carries_social_media(network, zone, plan))
        yield _Week(compiled.urgent, "urgent")
        if not urgent_only:
            yield _Week(compiled.non_urgent, "non_urgent")


def _check_member(member: Member, weeks: Mapping[NetworkId, Sequence[_Week]]) -> Iterator[Finding]:
    for network, status, house_rules in member.memberships:
        if status != "active":
            continue
        if not house_rules:
            yield _found(network, member.id, Saying("house_rules"))
        if network not in weeks:
            continue
        told: list[tuple[tuple[Saying, ...], tuple[str, ...]]] = []
        for week in weeks[network]:  # two versions of a plan often lack the same
            told += [line for line in _unreached(week, kinds_of(member)) if line not in told]
        for saying, windows in told:
            yield _found(network, member.id, *saying, windows=windows)


@lru_cache(maxsize=4_096)  # the distinct weeks of a country are a handful, times sixteen kinds of address
def _unreached(week: _Week, addresses: int) -> tuple[tuple[tuple[Saying, ...], tuple[str, ...]], ...]:
    """Return (what, windows) for whoever has these addresses; windows that follow each other are one."""
    windows: dict[Order, list[tuple[int, int]]] = {}
    for start, end, order in week.hours.spans():
        why = why_unreachable(frozenset(order), addresses, _EVERYTHING)
        if why is None:
            continue
        named = tuple(channel for channel in CHANNELS if channel in order)
        spans = windows.setdefault(named, [])
        begun = spans.pop()[0] if spans and spans[-1][1] == start else start
        spans.append((begun, end))
    return tuple(
        ((Saying(week.kind), _lack(named)), tuple(f"{clock(start)} to {clock(end)}" for start, end in spans))
        for named, spans in windows.items()
    )


def _lack(channels: Order) -> Saying:
    return Saying("no_address_then", {"channels": ", ".join(channels)}) if channels else Saying("no_channel_then")
