"""Which networks a submission goes to, on whose authority, and which are refused and why (R1, R8-R10, R23, R24).

Law: refused networks are named and the others go out; nothing is left half decided. Scope comes first: a stranger does
not learn of a network's state.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import UNSET, Struct

from klaroen.core.errors import InputError, Problem, Saying
from klaroen.core.intake import AlertRequest, Targets
from klaroen.core.mandates import BRUSSELS, may_ask
from klaroen.core.model import AlertClass, Authority, Instant, Network, NetworkId, Refusal, Role, Token
from klaroen.core.phrases import rule_of, say
from klaroen.core.policy import scope_of, sends
from klaroen.core.refusals import refuse
from klaroen.core.snapshot import Snapshot
from klaroen.core.targets import Resolved, resolve

Granted = Callable[[Network], bool]
"""Whether a grant lets the sender send this class to the network now (R9)."""


class Admitted(Struct, frozen=True, gc=False):
    """`warnings` name each target that no network answers to; `authority` is what the message rests on."""

    networks: tuple[NetworkId, ...]
    refused: tuple[Refusal, ...] = ()
    not_located: tuple[NetworkId, ...] = ()
    warnings: tuple[Saying, ...] = ()
    authority: Authority = "own"


def nothing_granted(_: Network) -> bool:
    return False


def admit(
    request: AlertRequest,
    token: Token,
    snapshot: Snapshot,
    now: Instant,
    also: Sequence[Targets] = (),
    granted: Granted = nothing_granted,
) -> Admitted:
    """Return the networks that the alert goes to, and by name those that it may not.

    `also` are targets beside the request's own: further places, and the networks of what it supersedes.
    Raises InputError: `not-allowed` where the role may not send this class at all, `nobody` where no network is left.
    """
    check_role(request.alert_class, token.role)
    covers = scope_of(token)
    refusal_of = _refusals(request.alert_class, token, snapshot, now, granted)
    resolved = _resolve_all(request.targets, also, covers, snapshot)
    targeted = [snapshot.networks[name] for name in resolved.networks]
    refused = [refusal(NetworkId(name), "unknown_network") for name in resolved.unknown]
    refused += [found for network in targeted if (found := refusal_of(network)) is not None]
    refused.sort(key=lambda one: one.network)
    out = {one.network for one in refused}
    networks = tuple(network.id for network in targeted if network.id not in out)
    warnings = tuple(Saying("target_unmatched", {"path": path}) for path in resolved.unmatched)
    if not networks:
        if refused and {one.code for one in refused} == {"warm_needs_grant"}:
            raise refuse("not-allowed", "warm_needs_grant", at="$.class")
        raise _nobody(request.targets, refused, resolved, snapshot)
    not_located = (name for name in resolved.not_located if refusal_of(snapshot.networks[name]) is None)
    authority = _authority(token, (snapshot.networks[name] for name in networks), granted)
    return Admitted(networks, tuple(refused), tuple(not_located), warnings, authority)


def _authority(token: Token, networks: Iterable[Network], granted: Granted) -> Authority:
    """One network without a grant, and all of it waits for consent (R24)."""
    if token.role != "coordinator":
        return "own"
    return "grant" if all(granted(network) for network in networks) else "consent"


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


# --- who may not ----------------------------------------------------------------------------------------------------


def refusal(network: NetworkId, code: str) -> Refusal:
    return Refusal(network, rule_of(code), say((Saying(code),)), code)


def check_role(alert_class: AlertClass, role: Role) -> None:
    """Raises InputError, `not-allowed`, where the role may not send this class at all."""
    if sends(role, alert_class):
        return
    if alert_class == "crisis":
        raise refuse("not-allowed", "crisis_only", at="$.class")
    raise refuse("not-allowed", "role_sends_no", at="$.class", role=role, alert_class=alert_class)


def _refusals(
    alert_class: AlertClass, token: Token, snapshot: Snapshot, now: Instant, granted: Granted
) -> Callable[[Network], Refusal | None]:
    """Return why a network does not get it."""
    consented = _consents(alert_class, token, snapshot, now)

    def code_of(network: Network) -> str | None:
        if not consented(network):
            return _STRANGER[token.role]
        if not network.recognised:
            return "not_recognised"
        if network.stopped:
            return "stopped"
        if token.role == "coordinator":
            if not may_ask(network, token.coordinator_id):
                return "relieved"
            if alert_class == "warm" and not granted(network):
                return "warm_needs_grant"
        return None

    def refusal_of(network: Network) -> Refusal | None:
        code = code_of(network)
        return None if code is None else refusal(network.id, code)

    return refusal_of


def _consents(alert_class: AlertClass, token: Token, snapshot: Snapshot, now: Instant) -> Callable[[Network], bool]:
    """Return whether a network's zone lets the token's bearer send to it at all (R8)."""
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

    def consents(network: Network) -> bool:
        """A centre needs its token's scope and the zone's word; a zone its own networks or another zone's word."""
        if token.role == "coordinator":
            return network.id in token.networks
        if token.role == "dispatch_centre":
            return covers(network) and (named(network) or agreed(network, (token.name,)))
        return covers(network) or (token.role == "police" and agreed(network, token.zones))

    return consents


_STRANGER: Final[Mapping[Role, str]] = {
    "police": "stranger_police",
    "dispatch_centre": "stranger_centre",
    "crisis_authority": "stranger_authority",
    "coordinator": "stranger_coordinator",
}


def _nobody(targets: Targets, refused: Sequence[Refusal], resolved: Resolved, snapshot: Snapshot) -> InputError:
    rules = {one.rule for one in refused}
    rule = next(iter(rules)) if len(rules) == 1 else None
    saying: tuple[Saying, ...]
    if len(refused) == 1:
        saying = (Saying("nobody_one", {"network": refused[0].network}), Saying(refused[0].code))
    elif refused:
        saying = (Saying("nobody_all", {"count": str(len(refused))}),)
    elif resolved.not_located:
        saying = (Saying("nobody_located", {"count": str(len(resolved.not_located))}),)
    else:
        saying = (Saying("nobody_named"),)
    problem = Problem(
        "nobody",
        say(saying),
        at=_culprit(targets, refused, resolved, snapshot),
        rule=rule or UNSET,
        refused=[{"network": one.network, "rule": one.rule, "reason": one.reason, "code": one.code} for one in refused],
        unreachable={"count": 0, "reasons": {}},
        saying=saying,
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
