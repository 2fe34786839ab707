"""What the edge and the command line may ask of dispatch over its Unix socket, and what it tells them unasked.

Law: a frame is a 4-byte big-endian length and that many bytes of msgpack; longer than `FRAME_BYTES_MAX` ends the
connection. Each `Ask` gets exactly one `Told` with its number; pushes come between them at any time.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from klaroen.core.errors import Problem
from klaroen.core.follow_up import FollowUpRequest
from klaroen.core.intake import AlertRequest, Targets
from klaroen.core.model import AlertId, CarrierName, Instant, Mode, Token
from klaroen.core.pins import Pin
from klaroen.core.ports import Call, Receipt
from klaroen.core.views import StatusView

FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
"""A body of 1 MiB, or a page of 1,000 deliveries, many times over."""

Verb = Literal["pause", "resume", "cancel"]


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
    notes: tuple[str, ...] = ()
    """Warnings of whoever read it, told in the answer."""


class FollowUp(Struct, frozen=True, tag=True):
    """Accept a follow-up of an alert. Told: AcceptedView."""

    alert: AlertId
    request: FollowUpRequest
    key: str
    fingerprint: bytes


class Withdraw(Struct, frozen=True, tag=True):
    """Cancel the alerts that were submitted under these keys, all of this mode. Told: HeardView."""

    references: tuple[str, ...]
    mode: Mode


class ShowAlert(Struct, frozen=True, tag=True):
    """Told: StatusView."""

    alert: AlertId


class ListAlerts(Struct, frozen=True, tag=True):
    """Told: AlertPage."""

    alert_class: str | None = None
    state: str | None = None
    zone: str | None = None
    before: str | None = None
    limit: int = 50


class CountNetworks(Struct, frozen=True, tag=True):
    """Told: NetworkCountsPage."""

    alert: AlertId


class ListDeliveries(Struct, frozen=True, tag=True):
    """Told: DeliveryPage."""

    alert: AlertId
    network: str | None = None
    state: str | None = None
    channel: str | None = None
    after: str | None = None
    limit: int = 100


class ShowDelivery(Struct, frozen=True, tag=True):
    """Told: DeliveryWhyView, its words in `language`."""

    alert: AlertId
    member: str
    language: Literal["nl", "fr", "de", "en"] = "en"


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


class VerifyAudit(Struct, frozen=True, tag=True):
    """From the command line only. `head`: "NUMBER:HASH" as it was noted earlier. Told: AuditView."""

    head: str | None = None


class ExportAudit(Struct, frozen=True, tag=True):
    """From the command line only: the entries behind number `after`. Told: AuditPage, empty at the end."""

    after: int = 0


class ExportRegister(Struct, frozen=True, tag=True):
    """From the command line only: a directory into which dispatch writes the three files. Told: null."""

    directory: str


Question = (
    Submit | FollowUp | Withdraw | ShowAlert | ListAlerts | CountNetworks | ListDeliveries | ShowDelivery | Act
    | ListNetworks | ShowNetwork | ListCarriers | SwitchCarrier | PutReceipts | PutRecording | CreateToken | ListTokens
    | RevokeToken | PutPin | RevokePin | ListPins | UnlockOfficer | ImportRegister
    | CheckRegister | ExportRegister | VerifyAudit | ExportAudit
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

_from_client: msgspec.msgpack.Decoder[FromClient] = msgspec.msgpack.Decoder(FromClient)
_from_dispatch: msgspec.msgpack.Decoder[FromDispatch] = msgspec.msgpack.Decoder(FromDispatch)
_encoder = msgspec.msgpack.Encoder()

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises at bytes that are not MessagePack, not UTF-8, or nested without end."""


def frame(message: FromClient | FromDispatch) -> bytes:
    """Return the message as one frame."""
    body = _encoder.encode(message)
    assert len(body) <= FRAME_BYTES_MAX, f"a frame of {len(body)} bytes"
    return len(body).to_bytes(4, "big") + body


class FrameError(Exception):
    """The other side sent a frame that is too long or that says nothing: the connection ends."""


class Frames:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes) -> list[bytes]:
        """Return the bodies that are complete now.

        Raises FrameError at a length over `FRAME_BYTES_MAX`, before any of it is kept.
        """
        buffer = self._buffer
        buffer += received
        bodies = []
        start = 0
        while len(buffer) - start >= 4:
            size = int.from_bytes(buffer[start : start + 4], "big")
            if size > FRAME_BYTES_MAX:
                raise FrameError(f"a frame of {size} bytes")
            if len(buffer) - start - 4 < size:
                break
            bodies.append(bytes(buffer[start + 4 : start + 4 + size]))
            start += 4 + size
        del buffer[:start]
        return bodies


def read_from_client(body: bytes) -> FromClient:
    """Raises FrameError."""
    try:
        return _from_client.decode(body)
    except UNREADABLE as error:
        raise FrameError(str(error)) from error


def read_from_dispatch(body: bytes) -> FromDispatch:
    """Raises FrameError."""
    try:
        return _from_dispatch.decode(body)
    except UNREADABLE as error:
        raise FrameError(str(error)) from error
