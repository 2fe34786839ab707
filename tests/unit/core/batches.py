"""What tests of the dispatch core are made of: an alert, its audience, its batches. No I/O, no clock."""

from array import array
from collections.abc import Sequence

from klaroen.core.audience import REACHABLE, REASONS, Audience, Group, Kind, Layout, Tongue
from klaroen.core.expand import Cargo, Planner
from klaroen.core.model import (
    ADDRESS_KINDS,
    CHANNELS,
    Alert,
    AlertClass,
    AlertId,
    Batch,
    BatchId,
    CarrierName,
    Instant,
    Language,
    NetworkId,
    Plan,
    Step,
    Text,
    Window,
)
from klaroen.core.plan import CompiledPlan, address_mask, compile_plan

ACCEPTED_AT = Instant(1_795_305_600_000)
"""Sunday 22 November 2026, 01:00 in Brussels."""
SMS = Step("sms", "mobile")
CALL = Step("tts", "landline")
ACME = CarrierName("acme")
OTHER = CarrierName("other")
ANY_ADDRESS = address_mask(ADDRESS_KINDS)
MOBILE = address_mask(["mobile"])


def make_alert(
    alert_id: str = "ALERT", alert_class: AlertClass = "warm", networks: Sequence[str] = ("BIN-0001",), members: int = 3
) -> Alert:
    return Alert(
        id=AlertId(alert_id),
        alert_class=alert_class,
        mode="live",
        content={"nl": Text("Inbraak bezig."), "fr": Text("Cambriolage en cours.")},
        accepted_at=ACCEPTED_AT,
        expires_at=Instant(ACCEPTED_AT + 3_600_000),
        token="zone",
        role="police",
        networks=tuple(NetworkId(name) for name in networks),
        plan_versions=(1,) * len(networks),
        register_version=1,
        members=members,
        unreachable={},
    )


def make_batch(
    count: int = 3,
    *,
    number: int = 1,
    deliveries: Sequence[int] | None = None,
    parts: int = 1,
    alert_class: AlertClass = "warm",
    step: Step = SMS,
    **history: object,
) -> Batch:
    """Return a batch of these deliveries, or of the first `count` of the audience."""
    rows = array("I", range(count) if deliveries is None else deliveries)
    given: dict[str, object] = {"rung": 0, "attempt_no": 0, "language": "nl", "wait_s": 60.0, "due_at": ACCEPTED_AT}
    return Batch(
        id=BatchId(number),
        alert=AlertId("ALERT"),
        alert_class=alert_class,
        mode="live",
        step=step,
        deliveries=rows.tobytes(),
        parts=parts,
        **(given | history),  # type: ignore[arg-type]
    )


def make_group(
    count: int = 1,
    *,
    networks: Sequence[int] = (0,),
    addresses: int = ANY_ADDRESS,
    language: Language = "nl",
    reason: str | None = None,
    fell_back: bool = False,
) -> Group:
    return Group(tuple(networks), (), addresses, language, fell_back, reason, count)


def make_audience(*groups: Group) -> Audience:
    size = sum(group.count for group in groups)
    kinds = tuple(dict.fromkeys(Kind(group.preference, group.addresses) for group in groups))
    blocks = [
        (group.networks, (kinds.index(Kind(group.preference, group.addresses)),), (group.count,)) for group in groups
    ]
    tongues = [Tongue(group.language, group.fell_back) for group in groups]
    known = list(dict.fromkeys(tongues))
    reasons = bytes(REACHABLE if group.reason is None else REASONS.index(group.reason) + 1 for group in groups)
    layout = Layout.of(kinds, blocks, array("I", range(1_000, 1_000 + size)).tobytes())
    return Audience(layout, known, bytes(map(known.index, tongues)), reasons)


def make_plan(*windows: Window) -> CompiledPlan:
    return compile_plan(Plan(1, "2020-01-01", windows, windows), social_media=True)


def make_planner(*plans: CompiledPlan) -> Planner:
    return Planner(plans or (make_plan(Window("00:00", "24:00", ("sms", "tts"))),), frozenset(CHANNELS), urgent=True)


def make_cargo(alert: Alert | None = None) -> Cargo:
    waits = dict.fromkeys(CHANNELS, 60.0) | {"tts": 90.0}
    return Cargo(alert or make_alert(), waits, {"nl": 1, "fr": 2})  # type: ignore[arg-type]
