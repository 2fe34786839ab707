"""Every call that the edge takes, in one table: routes, `/openapi.json` and the labels of metrics come from it.

Law: what stands here is what is served, and nothing else is.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

from msgspec import Struct

from klaroen.core.errors import ProblemName
from klaroen.core.evaluation import EvaluationView
from klaroen.core.follow_up import FollowUpRequest
from klaroen.core.forecast import ForecastView
from klaroen.core.intake import AlertRequest
from klaroen.core.mandates import GrantPage, GrantRequest, GrantView, HaltRequest, HaltView
from klaroen.core.replies import QuietPage, ReplyPage
from klaroen.core.upkeep import FindingPage, MemberPage, MemberRequest, MemberView
from klaroen.core.views import (
    AcceptedView,
    ActedView,
    AlertPage,
    CarrierPage,
    CarrierView,
    ContentView,
    DeliveryPage,
    DeliveryWhyView,
    HeardView,
    NetworkCountsPage,
    NetworkPage,
    NetworkView,
    RecordingView,
    StatusView,
)
from klaroen.edge import (
    alerts,
    events,
    farewell,
    networks,
    reads,
    receipts,
    recordings,
    replies,
    telephony,
    vitals,
)
from klaroen.edge.desk import Desk
from klaroen.edge.exchange import Call, Reply, Stream
from klaroen.edge.problems import ProblemKind
from klaroen.edge.queries import (
    AlertsQuery,
    ClipQuery,
    DeliveriesQuery,
    MembersQuery,
    NetworksQuery,
    NoQuery,
    PeriodQuery,
    Query,
    RepliesQuery,
)

Endpoint = Callable[[Desk, Call], Awaitable[Reply | Stream]]

ALERT: Final = {"id": r"^[A-Za-z0-9_]{1,40}$"}
MEMBER: Final = {"member": r"^[^/\u0000-\u001f\u007f-\u009f]{1,100}$"}
"""Or a contact: `coordinator:K7@BIN-0001`."""
LISTED: Final = {"member": r"^[A-Za-z0-9_.-]{1,40}$"}
"""As the register's files write ids; `check` is none, since a route has that name."""
NETWORK: Final = {"id": r"^[^/\u0000-\u001f\u007f-\u009f]{1,40}$"}
COORDINATOR: Final = {"coordinator": r"^[A-Za-z0-9_.-]{1,40}$"}
CLIP: Final = r"^[0-9a-f]{64}\.wav$"
FAREWELL: Final = r"^[0-9a-f]{32}$"
CARRIER: Final = r"^[A-Za-z0-9_.-]{1,40}$"


class Route(Struct, frozen=True):
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    endpoint: Endpoint
    summary: str
    answer: type | None = None
    """The view that a success answers with; None where it is no JSON of ours."""
    success: int = 200
    media: str = "application/json"
    secured: bool = True
    paced: bool = True
    """Counted against the token's rate before the endpoint runs."""
    headed: bool = True
    """A GET that may be asked for its head alone: it changes nothing and ends."""
    parameters: Mapping[str, str] = {}
    """Of the path: name -> pattern; what does not fit is not found."""
    query: type[Query] = NoQuery
    headers: Mapping[str, str] = {}
    """Of the request: name -> what it is for."""
    body: type | Literal["receipts", "form", "recording"] | None = None
    documents: Mapping[str, str] = {}
    """Further media types of the body, which no schema describes: media type -> what it is."""
    or_else: type | None = None
    """Another view that a success may answer with."""
    others: Mapping[int, str] = {}
    """Further statuses of success, with plain text or nothing: status -> when."""
    problems: tuple[ProblemName, ...] = ()
    """Those that this call can meet, beside those that every call can."""


OF_ALERT: Final[tuple[ProblemName, ...]] = ("not-allowed", "not-found")

ROUTES: Final = (
    Route(
        "POST",
        "/v1/alerts",
        alerts.post_alert,
        "Accept an alert: 202 once at least one delivery is durable",
        AcceptedView,
        202,
        paced=False,
        headers={
            "Idempotency-Key": "1 to 128 visible ASCII characters; a repeat gets the first answer, for 30 days. A CAP "
            "message is known by its sender, identifier and sent instead."
        },
        body=AlertRequest,
        documents={"application/cap+xml": "A CAP 1.2 message of at most 5 MiB, in UTF-8 and without document type"},
        or_else=HeardView,
        problems=(
            "idempotency-key-missing",
            "not-allowed",
            "unsupported-media-type",
            "invalid",
            "nobody",
            "state",
            "key-reused",
            "too-many-requests",
        ),
    ),
    Route("GET", "/v1/alerts", reads.list_alerts, "Alerts, newest first", AlertPage, query=AlertsQuery,
          problems=("not-allowed", "invalid")),
    Route("GET", "/v1/alerts/{id}", alerts.show_alert, "How an alert stands", StatusView, parameters=ALERT,
          problems=OF_ALERT),
    Route("GET", "/v1/alerts/{id}/networks", reads.count_networks, "Counts by network", NetworkCountsPage,
          parameters=ALERT, problems=OF_ALERT),
    Route("GET", "/v1/alerts/{id}/deliveries", reads.list_deliveries, "Deliveries, by pages", DeliveryPage,
          parameters=ALERT, query=DeliveriesQuery, problems=(*OF_ALERT, "invalid")),
    Route("GET", "/v1/alerts/{id}/deliveries/{member}", reads.show_delivery, "One delivery, and why it is as it is",
          DeliveryWhyView, parameters=ALERT | MEMBER, problems=OF_ALERT),
    Route("GET", "/v1/alerts/{id}/replies", replies.list_replies, "What members of one's own zone wrote back (R17)",
          ReplyPage, parameters=ALERT, query=RepliesQuery, problems=(*OF_ALERT, "invalid")),
    Route("GET", "/v1/alerts/{id}/events", events.stream_alert,
          "How an alert stands, as server-sent events until its end; 204 to a reader that has seen the end",
          media="text/event-stream", headed=False, parameters=ALERT, problems=OF_ALERT,
          others={204: "The reader has seen the end: nothing more will come"},
          headers={"Last-Event-ID": "The last event that the reader has seen"}),
    Route("POST", "/v1/alerts/{id}/follow-ups", alerts.follow_up,
          "A further message to those whom the alert was handed over to, reached, or did not reach (R18)", AcceptedView,
          202, paced=False, parameters=ALERT, body=FollowUpRequest,
          headers={"Idempotency-Key": "1 to 128 visible ASCII characters; a repeat gets the first answer, for 30 days"},
          problems=(*OF_ALERT, "idempotency-key-missing", "unsupported-media-type", "invalid", "nobody", "key-reused")),
    Route("POST", "/v1/forecasts", alerts.post_forecast,
          "What an alert would come to, were it posted now: whom, when, at what cost; nothing is sent", ForecastView,
          body=AlertRequest, problems=("not-allowed", "unsupported-media-type", "invalid", "nobody")),
    Route("POST", "/v1/alerts/{id}/pause", alerts.pause_alert, "Hand nothing over until resumed", ActedView,
          parameters=ALERT, problems=(*OF_ALERT, "state")),
    Route("POST", "/v1/alerts/{id}/resume", alerts.resume_alert, "Hand over again", ActedView,
          parameters=ALERT, problems=(*OF_ALERT, "state")),
    Route("POST", "/v1/alerts/{id}/cancel", alerts.cancel_alert, "Hand nothing over any more", ActedView,
          parameters=ALERT, problems=(*OF_ALERT, "state")),
    Route("GET", "/v1/alerts/{id}/content", alerts.show_content, "What an alert says, for those who decide on it",
          ContentView, parameters=ALERT, problems=OF_ALERT),
    Route("POST", "/v1/alerts/{id}/consent", alerts.consent_to_alert,
          "Consent to a coordinator's message: it is sent as it stands (R24)", ActedView,
          parameters=ALERT, problems=(*OF_ALERT, "state")),
    Route("POST", "/v1/alerts/{id}/approve", alerts.approve_alert,
          "Approve a colleague's alert, where four eyes are asked for", ActedView,
          parameters=ALERT, problems=(*OF_ALERT, "state")),
    Route("POST", "/v1/alerts/{id}/refuse", alerts.refuse_alert, "Refuse what waits for consent or approval (R24)",
          ActedView, parameters=ALERT, problems=(*OF_ALERT, "state")),
    Route("POST", "/v1/recordings", recordings.post_recording,
          "Keep a recording of at most five minutes, for alerts of the same token: 201 once it is durable",
          RecordingView, 201, body="recording",
          problems=("not-allowed", "unsupported-media-type", "invalid")),
    Route("GET", "/v1/networks", reads.list_networks, "Networks within the token's scope", NetworkPage,
          query=NetworksQuery, problems=("not-allowed", "invalid")),
    Route("GET", "/v1/networks/{id}", reads.show_network, "One network", NetworkView, parameters=NETWORK,
          problems=OF_ALERT),
    Route("GET", "/v1/networks/{id}/evaluation", reads.show_evaluation,
          "What the messages of a period (else of the last year) came to, and who carries what they cost (R20, R21)",
          EvaluationView, parameters=NETWORK, query=PeriodQuery, problems=(*OF_ALERT, "invalid")),
    Route("GET", "/v1/networks/{id}/members", networks.list_members,
          "Members of a network, for its list keeper and the police (R7); each look is in the audit trail", MemberPage,
          parameters=NETWORK, query=MembersQuery, problems=(*OF_ALERT, "invalid")),
    Route("GET", "/v1/networks/{id}/members/check", networks.check_members,
          "Members whom the plan cannot reach, when, and why (R6)", FindingPage, parameters=NETWORK,
          problems=OF_ALERT),
    Route("PUT", "/v1/networks/{id}/members/{member}", networks.put_member,
          "Add a member, or change the person and the membership, whole; in force at once (R4)", MemberView,
          parameters=NETWORK | LISTED, body=MemberRequest,
          problems=(*OF_ALERT, "unsupported-media-type", "invalid")),
    Route("DELETE", "/v1/networks/{id}/members/{member}", networks.remove_member,
          "End a membership: nothing more is handed over, also of what is under way (R4)", MemberView,
          parameters=NETWORK | LISTED, problems=OF_ALERT),
    Route("GET", "/v1/networks/{id}/quiet", replies.list_quiet, "Who has ended cold messages (R17)", QuietPage,
          parameters=NETWORK, problems=OF_ALERT),
    Route("DELETE", "/v1/networks/{id}/quiet/{member}", replies.end_quiet,
          "Send cold messages to a member again, as the list keeper has heard from them (R17)", QuietPage,
          parameters=NETWORK | MEMBER, problems=OF_ALERT),
    Route("GET", "/v1/networks/{id}/grants", networks.list_grants, "What coordinators may send unasked (R9)", GrantPage,
          parameters=NETWORK, problems=OF_ALERT),
    Route("PUT", "/v1/networks/{id}/grants/{coordinator}", networks.put_grant,
          "Let a coordinator send to their own network until a date; warm only if named (R9)", GrantView,
          parameters=NETWORK | COORDINATOR, body=GrantRequest,
          problems=(*OF_ALERT, "unsupported-media-type", "invalid")),
    Route("DELETE", "/v1/networks/{id}/grants/{coordinator}", networks.withdraw_grant,
          "Withdraw a grant: what it carries and has not handed over stops (R9)", GrantView,
          parameters=NETWORK | COORDINATOR, problems=OF_ALERT),
    Route("POST", "/v1/networks/{id}/stop", networks.stop_network,
          "Stop a network, with the municipality: it gets nothing more of anything, at once (R1)", HaltView,
          parameters=NETWORK, body=HaltRequest, problems=(*OF_ALERT, "unsupported-media-type", "invalid")),
    Route("POST", "/v1/networks/{id}/resume", networks.resume_network, "Let a stopped network get messages again (R1)",
          HaltView, parameters=NETWORK, body=HaltRequest,
          problems=(*OF_ALERT, "state", "unsupported-media-type", "invalid")),
    Route("GET", "/v1/carriers", reads.list_carriers, "Carriers: health, rate, breaker", CarrierPage,
          problems=("not-allowed",)),
    Route("POST", "/v1/carriers/{name}/avoid", reads.avoid_carrier, "Use this carrier for nothing new", CarrierView,
          parameters={"name": CARRIER}, problems=OF_ALERT),
    Route("POST", "/v1/carriers/{name}/restore", reads.restore_carrier, "Use this carrier again", CarrierView,
          parameters={"name": CARRIER}, problems=OF_ALERT),
    Route("POST", "/v1/receipts/{carrier}", receipts.take_receipts,
          "A carrier's receipts, signed or with its token: 204 once they are durable", success=204, secured=False,
          parameters={"carrier": CARRIER}, body="receipts",
          documents={"message/rfc822": "Of a mail relay: one delivery status notification (RFC 3464), as it came"},
          headers={"X-Klaroen-Timestamp": "Unix seconds, or RFC 3339",
                   "X-Klaroen-Signature": 'hex(HMAC-SHA256(secret, timestamp + "." + raw body))',
                   "X-Hub-Signature-256": 'Of WhatsApp: "sha256=" + hex(HMAC-SHA256(secret, raw body))'},
          others={200: "The same, to a carrier that asks for this status (WhatsApp)"},
          problems=("unauthenticated", "not-allowed", "not-found", "method-not-allowed", "unsupported-media-type",
                    "invalid")),
    Route("POST", "/v1/replies/{carrier}", replies.take_replies,
          "What handsets wrote back, signed or with the carrier's token: 204 once it is durable (R17)", success=204,
          secured=False, parameters={"carrier": CARRIER}, body="receipts",
          documents={"application/x-www-form-urlencoded": "Of a Twilio-shaped carrier: one message, signed by it"},
          headers={"X-Klaroen-Timestamp": "As of receipts", "X-Klaroen-Signature": "As of receipts",
                   "X-Twilio-Signature": "As of calls"},
          others={200: "The same, to a Twilio-shaped carrier, which is told to answer nothing"},
          problems=("unauthenticated", "not-allowed", "not-found", "unsupported-media-type", "invalid")),
    Route("GET", "/v1/farewells/{farewell}", farewell.show_farewell,
          "The page behind the link in a cold mail; it changes nothing", secured=False, media="text/html",
          parameters={"farewell": FAREWELL}, problems=("not-found",)),
    Route("POST", "/v1/farewells/{farewell}", farewell.say_farewell,
          "The one click of RFC 8058: no more cold mails to whose link it is (R17)", secured=False, media="text/html",
          parameters={"farewell": FAREWELL}, problems=("not-found",)),
    Route("GET", "/v1/receipts/{carrier}", receipts.take_receipt,
          "One receipt of a carrier that reports by GET (Kannel), signed in its URL", success=204, secured=False,
          others={200: "To a carrier that asks who we are (WhatsApp): what it wants to hear"},
          headed=False, parameters={"carrier": CARRIER},
          problems=("unauthenticated", "not-allowed", "not-found", "method-not-allowed", "invalid")),
    Route("POST", "/v1/calls/{carrier}", telephony.take_turn,
          "What a call of a Twilio-shaped carrier does next, in TwiML; signed by it", secured=False, media="text/xml",
          parameters={"carrier": CARRIER}, body="form",
          headers={"X-Twilio-Signature": "base64(HMAC-SHA1(token, address + the form's names and values, sorted))"},
          problems=("unauthenticated", "not-found", "unsupported-media-type")),
    Route("GET", "/v1/clips/{carrier}/{clip}", telephony.fetch_clip,
          "A clip as WAV, for the carrier that was given its address", secured=False, media="audio/wav", headed=False,
          parameters={"carrier": CARRIER, "clip": CLIP}, query=ClipQuery, problems=("not-found", "invalid")),
    Route("GET", "/metrics", vitals.show_metrics, "The edge's metrics, for Prometheus", secured=False,
          media="text/plain"),
    Route("GET", "/healthz", vitals.show_health, "The edge answers", vitals.HealthView, secured=False),
    Route("GET", "/readyz", vitals.show_readiness, "An alert would be accepted, and of each channel a carrier serves",
          vitals.ReadyView, secured=False),
    Route("GET", "/openapi.json", vitals.show_openapi, "This document", secured=False),
    Route("GET", "/docs", vitals.show_docs, "This document, to read", secured=False, media="text/html"),
    Route("GET", "/problems/{name}", vitals.show_problem, "What a problem's type means", ProblemKind, secured=False,
          parameters={"name": r"^[a-z-]{1,40}$"}, problems=("not-found",)),
)  # fmt: skip
