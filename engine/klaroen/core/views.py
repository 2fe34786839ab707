"""What users see as JSON: the shapes that the contract promises, and nothing of how they came about.

Instants leave as RFC 3339 strings in UTC with milliseconds; `rfc3339` is the one place that writes them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from klaroen.core.health import Condition
from klaroen.core.model import AlertClass, AlertState, Authority, Channel, Instant, Language, Mode, Origin, Text

DeliveryState = Literal["pending", "handed_over", "reached", "failed", "expired", "cancelled", "unreachable"]


def rfc3339(at: Instant | None) -> str | None:
    """Return "2026-11-21T08:15:30.123Z"."""
    if at is None:
        return None
    exact = datetime.fromtimestamp(at // 1000, UTC).replace(microsecond=at % 1000 * 1000)  # a float loses some
    return exact.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class RefusedNetwork(Struct, frozen=True, omit_defaults=True):
    """`code` names the reason for programs."""

    network: str
    rule: str | None
    reason: str
    code: str = ""


class UnreachableCount(Struct, frozen=True):
    count: int
    reasons: Mapping[str, int]


class AcceptedView(Struct, frozen=True, rename={"alert_class": "class"}):
    """The body of 202."""

    id: str
    alert_class: AlertClass
    mode: Mode
    state: AlertState
    accepted_at: str
    expires_at: str
    durability: Literal["disk", "replicated"]
    members: int
    networks: int
    refused: tuple[RefusedNetwork, ...]
    not_located: tuple[str, ...]
    unreachable: UnreachableCount
    content_sha256: Mapping[str, str]
    warnings: tuple[str, ...]


class CallsView(Struct, frozen=True):
    """`answer_p50_ms`, `answer_p99_ms`: from hand-over to answer; `minutes` are started minutes of talk."""

    ringing: int
    talking: int
    answered: int
    ended: int
    minutes: int
    answer_p50_ms: float | None
    answer_p99_ms: float | None


class ChannelView(Struct, frozen=True):
    handed_over: int
    reached: int
    failed: int
    attempts: int
    p50_ms: float | None
    p99_ms: float | None
    cost_eur: float
    calls: CallsView | None = None
    """Of a channel that calls."""


class RecordingView(Struct, frozen=True):
    """A recording that alerts may name; `sha256` is of the file as it was posted."""

    id: str
    sha256: str
    duration_s: float


class StatusView(Struct, frozen=True, rename={"alert_class": "class"}):
    """An alert as it stands. The seven counts from `pending` to `unreachable` sum to `members` at every instant."""

    id: str
    alert_class: AlertClass
    mode: Mode
    state: AlertState
    as_of: str
    accepted_at: str
    expires_at: str
    reference: str | None
    supersedes: str | None
    follows: str | None
    members: int
    pending: int
    handed_over: int
    reached: int
    failed: int
    expired: int
    cancelled: int
    unreachable: int
    network_only: int
    confirmed: int
    possible_duplicates: int
    language_fallbacks: int
    content_sha256: Mapping[str, str]
    first_handover_at: str | None
    last_handover_at: str | None
    eta_s: float | None
    cost_eur: float
    channels: Mapping[str, ChannelView]
    authority: Authority = "own"
    origin: Origin = "posted"


class ContentView(Struct, frozen=True, rename={"alert_class": "class"}):
    """What an alert says, and on what authority: for those who decide on it. `content_sha256` is that of its status."""

    id: str
    alert_class: AlertClass
    state: AlertState
    authority: Authority
    sender: str
    author: str | None
    networks: tuple[str, ...]
    content: Mapping[Language, Text]
    recording: Mapping[Language, str]
    """By language, the id of the recording."""
    content_sha256: Mapping[str, str]


class AlertPage(Struct, frozen=True):
    items: tuple[StatusView, ...]
    next: str | None


class CallView(Struct, frozen=True):
    """What a call was. `said` is what its carrier told of it besides, such as `ringing`, `human` or `key 3`."""

    clip_sha256: str | None
    """Of the octets that are played: 8 kHz A-law."""
    answered_at: str | None
    ended_at: str | None
    talked_s: float | None
    confirmed: bool
    said: tuple[str, ...]


class AttemptView(Struct, frozen=True):
    id: str
    carrier: str
    channel: Channel
    state: Literal["pending", "unsent", "unknown", "refused", "handed_over", "failed", "network", "reached"]
    outcome: str | None
    code: str | None
    words: str
    submitted_at: str | None
    answered_at: str | None
    receipt_at: str | None
    segments: int
    cost_eur: float
    possible_duplicate: bool
    repeats: int = 0
    """How often it left while another hand-over by its channel was in doubt: so many copies may have come besides."""
    call: CallView | None = None


class DeliveryView(Struct, frozen=True, omit_defaults=False):
    member: str
    networks: tuple[str, ...]
    language: Language | None
    state: DeliveryState
    reached_at: str | None
    step: str | None
    next_at: str | None
    attempts: tuple[AttemptView, ...]


class WhyView(Struct, frozen=True):
    rule: str | None
    article: str | None
    words: str
    at: str | None


class DeliveryWhyView(Struct, frozen=True):
    member: str
    networks: tuple[str, ...]
    language: Language | None
    state: DeliveryState
    reached_at: str | None
    step: str | None
    next_at: str | None
    attempts: tuple[AttemptView, ...]
    why: tuple[WhyView, ...]


class DeliveryPage(Struct, frozen=True):
    items: tuple[DeliveryView, ...]
    next: str | None


class NetworkCounts(Struct, frozen=True):
    network: str
    members: int
    pending: int
    handed_over: int
    reached: int
    failed: int
    expired: int
    cancelled: int
    unreachable: int


class NetworkCountsPage(Struct, frozen=True):
    items: tuple[NetworkCounts, ...]


class ActedView(Struct, frozen=True):
    """The answer to pause, resume and cancel."""

    state: AlertState
    handed_over: int
    stopped: int


class WithdrawnView(Struct, frozen=True):
    """One alert that a CAP Cancel named."""

    id: str
    state: AlertState
    handed_over: int
    stopped: int


class HeardView(Struct, frozen=True):
    """The answer to a CAP message by which nobody is warned."""

    heard: Literal["cancelled", "ignored"]
    reason: str
    alerts: tuple[WithdrawnView, ...] = ()


class NetworkView(Struct, frozen=True):
    """A network without a member's data: what any token with a view of it may see."""

    id: str
    name: str
    kind: str
    zone: str
    municipality: str
    province: str
    region: str
    languages: tuple[Language, ...]
    recognised: bool
    stopped: bool
    members: int
    streets: tuple[str, ...]
    centroid: tuple[float, float] | None


class NetworkPage(Struct, frozen=True):
    items: tuple[NetworkView, ...]


class CarrierView(Struct, frozen=True):
    name: str
    kind: str
    simulated: bool
    channels: tuple[Channel, ...]
    lanes: tuple[AlertClass, ...]
    up: bool
    avoided: bool
    breaker: Literal["closed", "open", "half_open"]
    health: Condition
    rate_per_s: float
    window: int
    window_used: int
    words: str


class CarrierPage(Struct, frozen=True):
    items: tuple[CarrierView, ...]


class PinView(Struct, frozen=True):
    """An officer who may call the central number; `networks` are those that hear them."""

    officer: str
    code: str
    networks: int
    made_at: str | None
    locked_until: str | None


class TokenView(Struct, frozen=True):
    name: str
    role: str
    zones: tuple[str, ...]
    networks: tuple[str, ...]
    municipalities: tuple[str, ...]
    provinces: tuple[str, ...]
    carrier: str | None
    created_at: str | None
    expires_at: str | None


class AuditView(Struct, frozen=True):
    """`entries` hold, up to `head`; `alerts` are those that were held against what was accepted."""

    entries: int
    head: str
    alerts: int
    faults: tuple[str, ...]
    checkpoints: int = 0
    """Those whose signatures hold; `sealed_to` is the last entry that the latest of them covers."""
    sealed_to: int = 0
    sealed_at: str | None = None
    begins_after: int = 0
    """Of a trail that was shortened: the last entry that had had its time."""


class AuditRow(Struct, frozen=True):
    number: int
    entry: str
    digest: str


class AuditPage(Struct, frozen=True):
    rows: tuple[AuditRow, ...]
