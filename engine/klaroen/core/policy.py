"""Who may send what to whom, and who may see or stop it.

Law: no scope grants nothing; each zone, network, municipality or province that a token names adds to its scope. What
is not in a table here is not allowed. Each row carries the rule and the article that it rests on.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from klaroen.core.model import (
    CLASSES,
    Alert,
    AlertClass,
    Network,
    NetworkId,
    Role,
    Token,
)
from klaroen.core.refusals import refuse
from klaroen.core.snapshot import Snapshot
from klaroen.core.targets import folded

Action = Literal[
    "see_counts",
    "see_deliveries",
    "see_content",
    "consent",
    "approve",
    "refuse",
    "pause",
    "resume",
    "cancel",
    "see_networks",
    "see_members",
    "keep_list",
    "see_evaluation",
    "see_carriers",
    "switch_carriers",
    "put_receipts",
    "put_recordings",
    "see_grants",
    "grant",
    "stop_network",
    "see_replies",
    "lift_quiet",
]

Verb = Literal["pause", "resume", "cancel", "consent", "refuse", "approve"]
"""What is done to an alert from outside."""

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
    SendRow("coordinator", ("cold", "warm"), "R9", "art. 8 d"),
)
"""A coordinator's message rests on a grant (R9), or waits for an officer's consent (R24): warm on a grant alone."""

SENDERS: Final[frozenset[Role]] = frozenset({"police", "dispatch_centre", "crisis_authority"})
ACTIONS: Final = (
    ActionRow("see_counts", SENDERS | {"coordinator", "operator"}, "R22", "art. 8 d"),
    ActionRow("see_deliveries", frozenset({"police"}), "R7", "art. 8 b, bijlage/annexe/Anlage/annex 1"),
    ActionRow("see_members", frozenset({"police"}), "R7", "art. 8 b, bijlage/annexe/Anlage/annex 1"),
    ActionRow("keep_list", frozenset({"police", "coordinator"}), "R7", "art. 8 b, bijlage/annexe/Anlage/annex 1"),
    ActionRow("see_networks", SENDERS | {"coordinator", "operator"}, "R2", "art. 6, bijlage/annexe/Anlage/annex 2"),
    ActionRow("see_evaluation", frozenset({"police", "coordinator"}), "R20", "art. 7"),
    ActionRow("see_content", SENDERS | {"coordinator"}, "R24", "art. 8 d"),
    ActionRow("pause", SENDERS | {"operator"}, "R8", "art. 8 d"),
    ActionRow("resume", SENDERS | {"operator"}, "R8", "art. 8 d"),
    ActionRow("cancel", SENDERS | {"coordinator", "operator"}, "R8", "art. 8 d"),
    ActionRow("consent", frozenset({"police"}), "R24", "art. 8 d"),
    ActionRow("approve", SENDERS, "R8", "art. 8 d"),
    ActionRow("refuse", SENDERS, "R24", "art. 8 d"),
    ActionRow("see_carriers", frozenset({"operator"}), "R7", "art. 8 b"),
    ActionRow("switch_carriers", frozenset({"operator"}), "R7", "art. 8 b"),
    ActionRow("see_grants", frozenset({"police"}), "R9", "art. 8 d"),
    ActionRow("grant", frozenset({"police"}), "R9", "art. 8 d"),
    ActionRow("stop_network", frozenset({"police"}), "R1", "art. 3"),
    ActionRow("put_recordings", SENDERS, "R8", "art. 8 d"),
    ActionRow("see_replies", frozenset({"police"}), "R17", "art. 9 a"),
    ActionRow("lift_quiet", frozenset({"police", "coordinator"}), "R17", "art. 9 a"),
    ActionRow("put_receipts", frozenset({"carrier"}), "R15", "art. 9 b"),
)

_SENDS: Final[Mapping[Role, SendRow]] = {row.role: row for row in SENDS}
_ACTIONS: Final[Mapping[Action, ActionRow]] = {row.action: row for row in ACTIONS}


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


def sends(role: Role, alert_class: AlertClass) -> bool:
    """Whether the role sends this class at all, on whatever authority."""
    row = _SENDS.get(role)
    return row is not None and alert_class in row.classes


def may(token: Token, action: Action) -> bool:
    """Whether the token's role may do that at all; to which alert or network is asked apart."""
    return token.role in _ACTIONS[action].roles


def demand(token: Token, action: Action) -> None:
    """Raises InputError where the token's role may not do that at all."""
    if not may(token, action):
        row = _ACTIONS[action]
        raise refuse("not-allowed", "role_may_not", rule=row.rule, role=token.role, article=row.article)


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


def may_act(token: Token, verb: Verb, alert: Alert, snapshot: Snapshot) -> bool:
    """Whether the token may do that to the alert.

    Its sender, an operator, or who could have sent it may pause, resume or cancel it. Whom it waits for decides: an
    officer of all its networks' zones on a coordinator's message (R24), else who could have sent it and is not who did.
    """
    if not may(token, verb):
        return False
    if verb in ("consent", "approve", "refuse"):
        return may_decide(token, alert, snapshot)
    if token.role == "operator" or token.name == alert.token:
        return True
    return token.role != "coordinator" and _could_have_sent(token, alert, snapshot)


def may_decide(token: Token, alert: Alert, snapshot: Snapshot) -> bool:
    """Whether the token is a second person for this alert."""
    if token.name == alert.token or (alert.authority == "consent" and token.role != "police"):
        return False
    return token.role != "coordinator" and _could_have_sent(token, alert, snapshot)


def _could_have_sent(token: Token, alert: Alert, snapshot: Snapshot) -> bool:
    return alert.alert_class in _SENDS[token.role].classes and _covers_all(token, alert.networks, snapshot)


def _covers_all(token: Token, networks: Iterable[NetworkId], snapshot: Snapshot) -> bool:
    covers = scope_of(token)
    return all(name in snapshot.networks and covers(snapshot.networks[name]) for name in networks)
