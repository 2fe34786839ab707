"""Views and tokens as dispatch would tell them."""

from hashlib import sha256

from msgspec import structs

from klaroen.core.evaluation import Period, Subject, evaluate
from klaroen.core.forecast import ChannelForecast, ForecastView
from klaroen.core.mandates import GrantPage, GrantView, HaltView
from klaroen.core.model import AlertState, CarrierName, Instant, Role, Text, Token
from klaroen.core.replies import QuietPage, QuietView, ReplyPage, ReplyView
from klaroen.core.upkeep import FindingPage, FindingView, MemberPage, MemberView
from klaroen.core.views import (
    AcceptedView,
    ActedView,
    AlertPage,
    AttemptView,
    CarrierPage,
    CarrierView,
    ChannelView,
    ContentView,
    DeliveryPage,
    DeliveryView,
    DeliveryWhyView,
    NetworkCounts,
    NetworkCountsPage,
    NetworkPage,
    NetworkView,
    RecordingView,
    RefusedNetwork,
    StatusView,
    UnreachableCount,
    WhyView,
)

SECRET = "kl_police_secret"
OPERATOR_SECRET = "kl_operator_secret"
NOW = Instant(1_795_334_400_000)


def token(
    name: str = "police",
    secret: str = SECRET,
    role: Role = "police",
    carrier: str | None = None,
    expires_at: Instant | None = None,
) -> Token:
    return Token(
        name,
        sha256(secret.encode()).digest(),
        role,
        zones=("Z1",),
        carrier=None if carrier is None else CarrierName(carrier),
        expires_at=expires_at,
    )


REPLIES = ReplyPage((ReplyView("2026-11-21T08:00:00Z", "M1", "B1", "sms", "text", "Ik zie iets"),), None, 1)
QUIET = QuietPage((QuietView("M1", None, "2026-11-21T08:00:00Z", "reply"),))
RECORDING = RecordingView("A" * 26, "b" * 64, 12.5)
ACCEPTED = AcceptedView(
    id="A1",
    alert_class="warm",
    mode="live",
    state="accepted",
    accepted_at="2026-11-21T08:00:00.000Z",
    expires_at="2026-11-21T09:00:00.000Z",
    durability="disk",
    members=95,
    networks=1,
    refused=(RefusedNetwork("BIN-0002", "R8", "outside the token's scope"),),
    not_located=(),
    unreachable=UnreachableCount(1, {"no_address": 1}),
    content_sha256={"nl": "00" * 32},
    warnings=(),
)

STATUS = StatusView(
    id="A1",
    alert_class="warm",
    mode="live",
    state="sending",
    as_of="2026-11-21T08:00:01.000Z",
    accepted_at="2026-11-21T08:00:00.000Z",
    expires_at="2026-11-21T09:00:00.000Z",
    reference=None,
    supersedes=None,
    follows=None,
    members=95,
    pending=50,
    handed_over=30,
    reached=14,
    failed=0,
    expired=0,
    cancelled=0,
    unreachable=1,
    network_only=0,
    confirmed=0,
    possible_duplicates=0,
    language_fallbacks=0,
    content_sha256={"nl": "00" * 32},
    first_handover_at="2026-11-21T08:00:00.100Z",
    last_handover_at=None,
    eta_s=1.5,
    cost_eur=2.42,
    channels={"sms": ChannelView(44, 14, 0, 44, 120.0, None, 2.42)},
)


def status(state: AlertState = "sending", reached: int = 14) -> StatusView:
    return structs.replace(STATUS, state=state, reached=reached)


ATTEMPT = AttemptView(
    id="T1",
    carrier="proximus",
    channel="sms",
    state="reached",
    outcome="accepted",
    code=None,
    words="reached",
    submitted_at="2026-11-21T08:00:00.100Z",
    answered_at="2026-11-21T08:00:00.120Z",
    receipt_at=None,
    segments=1,
    cost_eur=0.055,
    possible_duplicate=False,
)
DELIVERY = DeliveryView("M1", ("BIN-0001",), "nl", "reached", None, "sms", None, (ATTEMPT,))
WHY = DeliveryWhyView(
    "M1", ("BIN-0001",), "nl", "reached", None, "sms", None, (ATTEMPT,), (WhyView("R14", "9b", "by the plan", None),)
)
HALT = HaltView("BIN-0001", stopped=True, recognised=True, since="2026-11-21T08:15:30.123Z", deliveries_stopped=3)
GRANT = GrantView(
    network="BIN-0001",
    coordinator="K1_0",
    classes=("cold",),
    until="2027-01-31T23:00:00.000Z",
    given_at="2026-11-21T08:15:30.123Z",
    by="police",
    holds=True,
)
GRANTS = GrantPage((GRANT,))
MEMBER = MemberView(
    member="M1",
    network="BIN-0001",
    name="An Peeters",
    status="active",
    house_rules=True,
    adult=True,
    language=None,
    mobile="+32470123456",
    landline=None,
    email="an@example.be",
    whatsapp=None,
    preference=("sms",),
)
MEMBERS = MemberPage((MEMBER,), "M1")
FINDINGS = FindingPage((FindingView("R6", "M1", "urgent messages: no address", ("mon 22:00 to tue 07:00",)),))
NETWORK = NetworkView(
    id="BIN-0001",
    name="Kerkstraat",
    kind="residents",
    zone="Z1",
    municipality="Aalst",
    province="Oost-Vlaanderen",
    region="Vlaanderen",
    languages=("nl",),
    recognised=True,
    stopped=False,
    members=95,
    streets=("Kerkstraat",),
    centroid=(4.03, 50.94),
)
CARRIER = CarrierView(
    name="proximus",
    kind="smpp",
    simulated=False,
    channels=("sms",),
    lanes=(),
    up=True,
    avoided=False,
    breaker="closed",
    health="well",
    rate_per_s=1000.0,
    window=200,
    window_used=3,
    words="bound",
)
CONTENT = ContentView(
    id="A1",
    alert_class="cold",
    state="awaiting_consent",
    authority="consent",
    sender="K1_0",
    author=None,
    networks=("BIN-0001",),
    content={"nl": Text("Vergadering.")},
    recording={},
    content_sha256={"nl": "00"},
)
ACTED = ActedView("paused", 30, 51)
ALERTS = AlertPage((STATUS,), "41")
COUNTS = NetworkCountsPage((NetworkCounts("BIN-0001", 95, 50, 30, 14, 0, 0, 0, 1),))
DELIVERIES = DeliveryPage((DELIVERY,), None)
NETWORKS = NetworkPage((NETWORK,))
CARRIERS = CarrierPage((CARRIER,))

ALERT_BODY = (
    b'{"class": "warm", "targets": {"networks": ["BIN-0001"]},'
    b' "content": {"nl": {"text": "Inbraak bezig in de Kerkstraat."}}}'
)
COLD_BODY = ALERT_BODY.replace(b'"warm"', b'"cold"')

EVALUATION = evaluate(
    (), [Subject("network", "BIN-0001", "Kerkwijk", 90, 95, 12)], (), Period("2026-01-01", "2026-12-31", NOW, NOW)
).items[0]

FORECAST = ForecastView(
    members=95,
    networks=1,
    refused=(RefusedNetwork("BIN-0002", "R8", "outside the token's scope"),),
    not_located=(),
    unreachable=UnreachableCount(1, {"no_address": 1}),
    channels={"sms": ChannelForecast(94, 94, 5.17)},
    handed_over_s={"p50": 0.1, "p90": 0.2, "p99": 0.2},
    reached_s={"p50": None, "p90": None, "p99": None},
    cost_eur=5.17,
    warnings=("No receipt of sms has been seen since the start: when people are reached is not known.",),
)
