"""Who may send what to whom, and who may see or stop it.

Law: no scope grants nothing; each zone, network, municipality or province that a token names adds to its scope. What
is not in a table here is not allowed. Each row carries the rule and the article that it rests on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct

from klaroen.core.errors import InputError, Problem
from klaroen.core.intake import AlertRequest, Targets
from klaroen.core.model import (
    CLASSES,
    Alert,
    AlertClass,
    Instant,
    Network,
    NetworkId,
    Refusal,
    Role,
    Token,
)
from klaroen.core.rules import RULES, Rule
from klaroen.core.snapshot import Snapshot
from klaroen.core.targets import Resolved, folded, resolve

__all__ = ["RULES", "Action", "Admitted", "Rule", "admit", "may", "may_act", "may_see", "scope_of"]

Action = Literal[
    "see_counts",
    "see_deliveries",
    "pause",
    "resume",
    "cancel",
    "see_networks",
    "see_members",
    "see_evaluation",
    "see_carriers",
    "switch_carriers",
    "put_receipts",
    "put_recordings",
    "see_grants",
    "grant",
    "stop_network",
]

EVERY_ZONE: Final = "*"
BRUSSELS: Final = ZoneInfo("Europe/Brussels")


class SendRow(NamedTuple):
    role: Role
    classes: tuple[AlertClass, ...]
    rule: str
    article: str


class ActionRow(NamedTuple):
    action: Action
    roles: frozenset[Role]
    rule: str
    article: str


SENDS: Final = (
    SendRow("police", ("warm", "public_interest", "cold"), "R8", "art. 8 d"),
    SendRow("dispatch_centre", ("warm", "public_interest"), "R8", "art. 8 d"),
    SendRow("crisis_authority", ("crisis", "public_interest"), "R10", "art. 9 d, 10"),
)
"""A coordinator's message waits for the police's consent (R24) or rests on a grant (R9): neither exists yet."""

SENDERS: Final[frozenset[Role]] = frozenset({"police", "dispatch_centre", "crisis_authority"})
ACTIONS: Final = (
    ActionRow("see_counts", SENDERS | {"coordinator", "operator"}, "R22", "art. 8 d"),
    ActionRow("see_deliveries", frozenset({"police"}), "R7", "art. 8 b, annex 1"),
    ActionRow("see_members", frozenset({"police"}), "R7", "art. 8 b, annex 1"),
    ActionRow("see_networks", SENDERS | {"coordinator", "operator"}, "R2", "art. 6, annex 2"),
    ActionRow("see_evaluation", frozenset({"police", "coordinator"}), "R20", "art. 7"),
    ActionRow("pause", SENDERS | {"operator"}, "R8", "art. 8 d"),
    ActionRow("resume", SENDERS | {"operator"}, "R8", "art. 8 d"),
    ActionRow("cancel", SENDERS | {"operator"}, "R8", "art. 8 d"),
    ActionRow("see_carriers", frozenset({"operator"}), "R7", "art. 8 b"),
    ActionRow("switch_carriers", frozenset({"operator"}), "R7", "art. 8 b"),
    ActionRow("see_grants", frozenset({"police"}), "R9", "art. 8 d"),
    ActionRow("grant", frozenset({"police"}), "R9", "art. 8 d"),
    ActionRow("stop_network", frozenset({"police"}), "R1", "art. 3"),
    ActionRow("put_recordings", SENDERS, "R8", "art. 8 d"),
    ActionRow("put_receipts", frozenset({"carrier"}), "R15", "art. 9 b"),
)

_SENDS: Final[Mapping[Role, SendRow]] = {row.role: row for row in SENDS}
_ACTIONS: Final[Mapping[Action, ActionRow]] = {row.action: row for row in ACTIONS}


class Admitted(Struct, frozen=True, gc=False):
    """`warnings` name each target that no network answers to."""

    networks: tuple[NetworkId, ...]
    refused: tuple[Refusal, ...] = ()
    not_located: tuple[NetworkId, ...] = ()
    warnings: tuple[str, ...] = ()


def admit(
    request: AlertRequest, token: Token, snapshot: Snapshot, now: Instant, also: Sequence[Targets] = ()
) -> Admitted:
    """Return the networks that the alert goes to, and by name those that it may not.

    `also` are targets beside the request's own: further places, and the networks of what it supersedes.
    Raises InputError: `not-allowed` where the role may not send this class at all, `nobody` where no network is left.
    """
    _check_role(request.alert_class, token.role)
    covers = scope_of(token)
    refusal_of = _refusals(request.alert_class, token, snapshot, now)
    resolved = _resolve_all(request.targets, also, covers, snapshot)
    targeted = [snapshot.networks[name] for name in resolved.networks]
    refused = [Refusal(NetworkId(name), None, "The register holds no such network.") for name in resolved.unknown]
    refused += [refusal for network in targeted if (refusal := refusal_of(network)) is not None]
    refused.sort(key=lambda one: one.network)
    out = {one.network for one in refused}
    networks = tuple(network.id for network in targeted if network.id not in out)
    warnings = tuple(f"{path} names nothing that a network belongs to." for path in resolved.unmatched)
    if not networks:
        raise _nobody(request.targets, refused, resolved, snapshot)
    not_located = (name for name in resolved.not_located if refusal_of(snapshot.networks[name]) is None)
    return Admitted(networks, tuple(refused), tuple(not_located), warnings)


def _resolve_all(
    targets: Targets, also: Sequence[Targets], covers: Callable[[Network], bool], snapshot: Snapshot
) -> Resolved:
    """Return the union of all targets; of `all`, the token's own scope and nothing beyond it."""
    resolved = resolve(targets, snapshot)
    if targets.all:
        own = tuple(name for name in resolved.networks if covers(snapshot.networks[name]))
        resolved = Resolved(own)
    if not also:
        return resolved
    every = [resolved, *(resolve(one, snapshot) for one in also)]
    networks = {name for one in every for name in one.networks}
    return Resolved(
        networks=tuple(sorted(networks)),
        unknown=tuple(sorted({name for one in every for name in one.unknown})),
        not_located=tuple(sorted({name for one in every for name in one.not_located} - networks)),
        unmatched=resolved.unmatched,
    )


def scope_of(token: Token) -> Callable[[Network], bool]:
    """Return whether a network lies in the token's scope."""
    everywhere = EVERY_ZONE in token.zones
    municipalities = frozenset(map(folded, token.municipalities))
    provinces = frozenset(map(folded, token.provinces))

    def covers(network: Network) -> bool:
        return (
            everywhere
            or network.zone in token.zones
            or network.id in token.networks
            or (bool(municipalities) and folded(network.municipality) in municipalities)
            or (bool(provinces) and folded(network.province) in provinces)
        )

    return covers


def may(token: Token, action: Action) -> bool:
    """Whether the token's role may do that at all; to which alert or network is asked apart."""
    return token.role in _ACTIONS[action].roles


def demand(token: Token, action: Action) -> None:
    """Raises InputError where the token's role may not do that at all."""
    if not may(token, action):
        row = _ACTIONS[action]
        words = f"The role {token.role} may not do that ({row.rule}, {row.article})."
        raise InputError("not-allowed", words, rule=row.rule)


def may_see(token: Token, alert: Alert, snapshot: Snapshot) -> bool:
    """Whether the token may see the alert's counts: its own always, others by role and scope.

    The police see what is sent in their zones, operators everything; a dispatch centre and a crisis authority see
    their own classes; a coordinator sees only what concerns no network but theirs.
    """
    if not may(token, "see_counts"):
        return False
    if token.role == "operator" or token.name == alert.token:
        return True
    if token.role == "coordinator":
        return _covers_all(token, alert.networks, snapshot)
    classes = CLASSES if token.role == "police" else _SENDS[token.role].classes
    if alert.alert_class not in classes:
        return False
    covers = scope_of(token)
    return any(covers(snapshot.networks[name]) for name in alert.networks if name in snapshot.networks)


def may_act(token: Token, action: Literal["pause", "resume", "cancel"], alert: Alert, snapshot: Snapshot) -> bool:
    """Whether the token may pause, resume or cancel the alert: its sender, an operator, or who could have sent it."""
    if not may(token, action):
        return False
    if token.role == "operator" or token.name == alert.token:
        return True
    return alert.alert_class in _SENDS[token.role].classes and _covers_all(token, alert.networks, snapshot)


def _covers_all(token: Token, networks: Iterable[NetworkId], snapshot: Snapshot) -> bool:
    covers = scope_of(token)
    return all(name in snapshot.networks and covers(snapshot.networks[name]) for name in networks)


# --- sending --------------------------------------------------------------------------------------------------------


def _check_role(alert_class: AlertClass, role: Role) -> None:
    row = _SENDS.get(role)
    if row is not None and alert_class in row.classes:
        return
    if alert_class == "crisis":
        words = "Only crisis authorities send crisis messages (R10, art. 9 d)."
        raise InputError("not-allowed", words, at="$.class", rule="R10")
    if role == "coordinator":
        words = (
            "A coordinator's message needs the police's prior consent (R8, art. 8 d), which this version cannot ask "
            "for yet: let the police send it."
        )
        raise InputError("not-allowed", words, at="$.class", rule="R8")
    words = f"A token of role {role} sends no {alert_class} messages (R8, art. 8 d)."
    raise InputError("not-allowed", words, at="$.class", rule="R8")


def _refusals(
    alert_class: AlertClass, token: Token, snapshot: Snapshot, now: Instant
) -> Callable[[Network], Refusal | None]:
    """Return why a network does not get it. Scope comes first: a stranger does not learn of a network's state."""
    covers = scope_of(token)
    today = datetime.fromtimestamp(now / 1000, BRUSSELS).date().isoformat()

    def agreed(network: Network, party: Iterable[str]) -> bool:
        zone = snapshot.zones.get(network.zone)
        return zone is not None and any(
            one.with_ in party
            and alert_class in one.classes
            and one.start <= today
            and (one.until is None or today <= one.until)
            for one in zone.agreements
        )

    def named(network: Network) -> bool:
        zone = snapshot.zones.get(network.zone)
        return zone is not None and token.name in zone.dispatch_centres

    def consented(network: Network) -> bool:
        """A centre needs its token's scope and the zone's word; a zone its own networks or another zone's word."""
        if token.role == "dispatch_centre":
            return covers(network) and (named(network) or agreed(network, (token.name,)))
        return covers(network) or (token.role == "police" and agreed(network, token.zones))

    def refusal_of(network: Network) -> Refusal | None:
        if not consented(network):
            return Refusal(network.id, "R8", _STRANGER[token.role])
        if not network.recognised:
            return Refusal(network.id, "R1", "Its recognition was withdrawn (art. 2).")
        if network.stopped:
            return Refusal(network.id, "R1", "It was stopped by the police (art. 3).")
        return None

    return refusal_of


_STRANGER: Final[Mapping[Role, str]] = {
    "police": "It is not the zone's own, and its zone has not agreed to this (art. 8 d).",
    "dispatch_centre": "Its zone has not agreed to messages from this dispatch centre (art. 8 d).",
    "crisis_authority": "It lies outside the authority's territory (art. 9 d).",
}


def _nobody(targets: Targets, refused: Sequence[Refusal], resolved: Resolved, snapshot: Snapshot) -> InputError:
    rules = {one.rule for one in refused}
    rule = next(iter(rules)) if len(rules) == 1 else None
    if len(refused) == 1:
        words = f"No network is left to warn: {refused[0].network} is refused. {refused[0].reason}"
    elif refused:
        words = f"No network is left to warn: all {len(refused)} that are targeted are refused."
    elif resolved.not_located:
        words = f"No network is left to warn: {len(resolved.not_located)} have no place on the map."
    else:
        words = "The targets name no network."
    problem = Problem(
        "nobody",
        words,
        at=_culprit(targets, refused, resolved, snapshot),
        rule=rule or UNSET,
        refused=[{"network": one.network, "rule": one.rule, "reason": one.reason} for one in refused],
        unreachable={"count": 0, "reasons": {}},
    )
    return InputError.of(problem)


def _culprit(targets: Targets, refused: Sequence[Refusal], resolved: Resolved, snapshot: Snapshot) -> str:
    """Return the path of the target at fault, as near as it can be told."""
    if resolved.unmatched:
        return resolved.unmatched[0]
    for one in refused:
        if one.network in targets.networks:
            return f"$.targets.networks[{targets.networks.index(one.network)}]"
        zone = snapshot.networks[one.network].zone
        if zone in targets.zones:
            return f"$.targets.zones[{targets.zones.index(zone)}]"
    return "$.targets"
