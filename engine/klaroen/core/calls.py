"""What the edge and the command line may ask of dispatch over its Unix socket, and what it tells them unasked.

Law: each message is one frame (`core/frames`). Each `Ask` gets exactly one `Told` with its number; pushes come between
them at any time.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from klaroen.core.errors import Problem, Saying
from klaroen.core.follow_up import FollowUpRequest
from klaroen.core.intake import AlertRequest, Targets
from klaroen.core.mandates import Decree
from klaroen.core.model import AlertId, CarrierName, Instant, Mode, Token
from klaroen.core.pins import Pin
from klaroen.core.policy import Verb
from klaroen.core.ports import Call, Receipt
from klaroen.core.replies import Correspondence, PutReplies, SayFarewell
from klaroen.core.rules import WordsLanguage
from klaroen.core.upkeep import Keeping, Upkeep
from klaroen.core.views import StatusView


class Submit(Struct, frozen=True, tag=True):
    """Accept an alert. Told: AcceptedView."""

    request: AlertRequest
    key: str
    fingerprint: bytes
    expires_at: Instant | None = None
    """An instant in place of the request's `expires_in_s`."""
    places: tuple[Targets, ...] = ()
    """Targets beside the request's own: the alert goes to the union of all."""
    references: tuple[str, ...] = ()
    """Keys of earlier submissions whose place it takes."""
    notes: tuple[Saying, ...] = ()
    """Warnings of whoever read it, told in the answer."""
    language: WordsLanguage = "en"
    """Of the warnings in the answer."""


class Forecast(Struct, frozen=True, tag=True):
    """Say what an alert would come to, and send nothing. Told: ForecastView."""

    request: AlertRequest
    language: WordsLanguage = "en"


class FollowUp(Struct, frozen=True, tag=True):
    """Accept a follow-up of an alert. Told: AcceptedView."""

    alert: AlertId
    request: FollowUpRequest
    key: str
    fingerprint: bytes
    language: WordsLanguage = "en"


class Withdraw(Struct, frozen=True, tag=True):
    """Cancel the alerts that were submitted under these keys, all of this mode. Told: HeardView."""

    references: tuple[str, ...]
    mode: Mode


class ShowAlert(Struct, frozen=True, tag=True):
    """Told: StatusView."""

    alert: AlertId


class ShowContent(Struct, frozen=True, tag=True):
    """Told: ContentView."""

    alert: AlertId


class ListAlerts(Struct, frozen=True, tag=True):
    """Told: AlertPage."""

    alert_class: str | None = None
    state: str | None = None
    zone: str | None = None
    before: str | None = None
    limit: int = 50
    feedback: Literal["missing"] | None = None
    """Those alone that owe feedback for a day and more (R18)."""


class CountNetworks(Struct, frozen=True, tag=True):
    """Told: NetworkCountsPage."""

    alert: AlertId


class ListDeliveries(Struct, frozen=True, tag=True):
    """Told: DeliveryPage, its words in `language`."""

    alert: AlertId
    network: str | None = None
    state: str | None = None
    channel: str | None = None
    after: str | None = None
    limit: int = 100
    language: WordsLanguage = "en"


class ShowDelivery(Struct, frozen=True, tag=True):
    """Told: DeliveryWhyView, its words in `language`."""

    alert: AlertId
    member: str
    language: WordsLanguage = "en"


class Act(Struct, frozen=True, tag=True):
    """Told: ActedView."""

    alert: AlertId
    verb: Verb


class ListNetworks(Struct, frozen=True, tag=True):
    """Told: NetworkPage, within the token's scope."""

    street: str | None = None
    municipality: str | None = None
    near: tuple[float, float, float] | None = None


class ShowNetwork(Struct, frozen=True, tag=True):
    """Told: NetworkView."""

    network: str


class ListCarriers(Struct, frozen=True, tag=True):
    """Told: CarrierPage."""


class SwitchCarrier(Struct, frozen=True, tag=True):
    """Told: CarrierView."""

    carrier: str
    verb: Literal["avoid", "restore"]


class PutReceipts(Struct, frozen=True, tag=True):
    """A webhook's receipts, verified and parsed. Told: null, once they are durable."""

    carrier: CarrierName
    receipts: tuple[Receipt, ...]
    calls: tuple[Call, ...] = ()
    """How calls stand, for their carrier; the receipts are durable before it hears of them."""


class PutRecording(Struct, frozen=True, tag=True):
    """Make clips of a file that lies whole in the spool, and remove it. Told: RecordingView, once they are durable."""

    name: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class CreateToken(Struct, frozen=True, tag=True):
    """From the command line only. Told: null."""

    token: Token


class ListTokens(Struct, frozen=True, tag=True):
    """From the command line only. Told: [TokenView]."""


class RevokeToken(Struct, frozen=True, tag=True):
    """From the command line only. Told: null."""

    name: str


class PutPin(Struct, frozen=True, tag=True):
    """From the command line only: how an officer of the register identifies by telephone. Told: null."""

    pin: Pin


class RevokePin(Struct, frozen=True, tag=True):
    """From the command line only. Told: null."""

    officer: str


class ListPins(Struct, frozen=True, tag=True):
    """From the command line only. Told: [PinView]."""


class UnlockOfficer(Struct, frozen=True, tag=True):
    """From the command line only: forgets an officer's wrong tries. Told: null."""

    officer: str


class ImportRegister(Struct, frozen=True, tag=True):
    """From the command line only: absolute paths that dispatch reads. Told: ImportedView."""

    zones: str
    networks: str
    members: str
    only: tuple[str, ...] = ()
    allow_removal: int = 0


class CheckRegister(Struct, frozen=True, tag=True):
    """From the command line only. Told: [finding as words]."""


class Evaluate(Struct, frozen=True, tag=True):
    """Told: EvaluationPage. A token asks for one network of its scope; the command line for any, or for everything.

    `since` and `until` are days of Brussels, "2026-12-31", both included.
    """

    since: str | None = None
    until: str | None = None
    networks: tuple[str, ...] = ()


class VerifyAudit(Struct, frozen=True, tag=True):
    """From the command line only. `head`: "NUMBER:HASH" as it was noted earlier. Told: AuditView."""

    head: str | None = None
    keys: tuple[str, ...] = ()
    """Public keys in PEM: each checkpoint must be signed by one of them. Without any, signatures are passed over."""


class ExportAudit(Struct, frozen=True, tag=True):
    """From the command line only: the entries behind number `after`. Told: AuditPage, empty at the end."""

    after: int = 0


class ExportRegister(Struct, frozen=True, tag=True):
    """From the command line only: a directory into which dispatch writes the three files. Told: null."""

    directory: str


Question = (
    Submit | Forecast | FollowUp | Withdraw | ShowAlert | ShowContent | ListAlerts | CountNetworks
    | ListDeliveries | ShowDelivery
    | Act | ListNetworks | ShowNetwork | Decree | Correspondence | ListCarriers | SwitchCarrier | PutReceipts
    | PutReplies | SayFarewell | PutRecording
    | CreateToken | ListTokens
    | RevokeToken | PutPin | RevokePin | ListPins | UnlockOfficer | ImportRegister
    | Upkeep | Keeping | CheckRegister | ExportRegister | Evaluate | VerifyAudit | ExportAudit
)  # fmt: skip


class ImportedView(Struct, frozen=True):
    zones: int
    networks: int
    members: int
    memberships: int


class Ask(Struct, frozen=True, tag="ask"):
    """`principal` is the name of the token that the edge authenticated; None speaks from the command line."""

    number: int
    principal: str | None
    question: Question


class Greet(Struct, frozen=True, tag="greet"):
    """First frame from a client: `pushes` asks for the state below and its changes; `reads` names the reading side."""

    process: str
    pushes: bool = False


class Told(Struct, frozen=True, tag="told"):
    """`answer` is msgpack of the view that the question names; else `problem` says why not."""

    number: int
    answer: msgspec.Raw = msgspec.Raw(b"\xc0")
    problem: Problem | None = None
    faults: tuple[str, ...] = ()
    """Of a register that was not imported: each fault by file and line."""


class Tokens(Struct, frozen=True, tag="tokens"):
    """Pushed on greeting and on change: all that are valid."""

    tokens: tuple[Token, ...]


class Seen(Struct, frozen=True):
    """An open alert as it stands, and the tokens that may see it."""

    status: StatusView
    tokens: frozenset[str]


class Alerts(Struct, frozen=True, tag="alerts"):
    """Pushed on greeting (all that are open) and at most four times a second (those that changed)."""

    alerts: tuple[Seen, ...]


class Readiness(Struct, frozen=True, tag="readiness"):
    """Pushed on greeting and on change. `words` says what is missing."""

    ready: bool
    draining: bool
    words: str


FromClient = Greet | Ask
FromDispatch = Told | Tokens | Alerts | Readiness
