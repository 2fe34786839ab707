"""The nouns of the domain.

Law: every record here is frozen and holds values only. Instants are UTC milliseconds (`*_at`), durations are seconds
(`*_s`), and a member is named by number everywhere but in the register: no blob, queue or log holds an address.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, NewType, get_args

from msgspec import Meta, Struct

from klaroen.core.words import LINES, ONE_LINE, SUBJECT_MAX, TEXT_MAX

AlertId = NewType("AlertId", str)
AttemptId = NewType("AttemptId", str)
BatchId = NewType("BatchId", int)
CarrierName = NewType("CarrierName", str)
ClipId = NewType("ClipId", str)
"""SHA-256, in hex, of a clip's octets: 8 kHz G.711 A-law, one octet a sample, no header."""
Instant = NewType("Instant", int)
MemberId = NewType("MemberId", str)
MemberNumber = NewType("MemberNumber", int)
NetworkId = NewType("NetworkId", str)
RecordingId = NewType("RecordingId", str)
ZoneId = NewType("ZoneId", str)

AlertClass = Literal["crisis", "warm", "public_interest", "cold"]
CLASSES: Final[tuple[AlertClass, ...]] = get_args(AlertClass)
"""In order of priority: the index of a class is its lane."""

Channel = Literal["sms", "voice", "tts", "email", "whatsapp"]
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
CALL_CHANNELS: Final[frozenset[Channel]] = frozenset({"voice", "tts"})

Language = Literal["nl", "fr", "de", "en", "mul"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

Mode = Literal["live", "exercise", "drill"]
Kind = Literal["residents", "self_employed", "professional", "business_park"]
Role = Literal["police", "dispatch_centre", "crisis_authority", "coordinator", "operator", "carrier"]
MembershipState = Literal["active", "suspended", "removed"]
AddressKind = Literal["mobile", "landline", "email", "whatsapp"]
ADDRESS_KINDS: Final[tuple[AddressKind, ...]] = get_args(AddressKind)
"""The index of a kind is its bit in `Cohort.addresses`."""

AlertState = Literal["awaiting_consent", "accepted", "sending", "paused", "done", "cancelled", "superseded", "expired"]
FINAL_STATES: Final[frozenset[AlertState]] = frozenset({"done", "cancelled", "superseded", "expired"})

UNREACHABLE_REASONS = Literal["no_address", "no_channel", "no_content", "no_carrier"]


# --- the register ---------------------------------------------------------------------------------------------------


class Window(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True, rename={"start": "from"}):
    """Hours of the week in which a plan allows these channels, in this order (R14).

    `start` and `to` are "HH:MM" local time (Europe/Brussels); `to` is exclusive, up to "24:00"; a window whose `to` is
    not after its `start` passes midnight and belongs to the day on which it starts. No `days` means every day.
    """

    start: str
    to: str
    channels: tuple[Channel, ...]
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()


class Plan(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """One version of a network's communication plan, valid from a local date "YYYY-MM-DD" (R3)."""

    version: int
    valid_from: str
    urgent: tuple[Window, ...]
    non_urgent: tuple[Window, ...]
    social_media_supported: bool = False


class Coordinator(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    id: str
    name: str
    phone: str | None = None
    email: str | None = None
    language: Language | None = None
    member: MemberId | None = None
    status: Literal["active", "relieved", "removed", "temporary"] = "active"


class Officer(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    id: str
    name: str
    phone: str | None = None
    email: str | None = None


class Area(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """Streets or quarters; the polygon, where known, is a closed GeoJSON ring of [lon, lat]."""

    streets: tuple[str, ...] = ()
    quarters: tuple[str, ...] = ()
    polygon: tuple[tuple[float, float], ...] | None = None


class Levels(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    urgent: Literal[1, 2] = 1
    non_urgent: Literal[1, 2] = 1


class CostShare(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    municipality: float
    zone: float
    members: float


class Network(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """One neighbourhood information network, as `networks.jsonl` gives it (R2)."""

    id: NetworkId
    name: str
    kind: Kind
    zone: ZoneId
    municipality: str
    province: str
    region: str
    languages: tuple[Language, ...]
    recognised_on: str
    area: Area
    coordinators: tuple[Coordinator, ...]
    officers: tuple[Officer, ...]
    mayor: str
    members_at_signing: int
    levels: Levels
    plans: tuple[Plan, ...]
    evaluation_months: int
    language_choice: Literal["network", "member"] = "network"
    recognised: bool = True
    stopped: bool = False
    centroid: tuple[float, float] | None = None
    list_keeper: Literal["coordinator", "officer"] = "coordinator"
    house_rules_social_media: bool = False
    cost_share: CostShare | None = None


class Agreement(
    Struct,
    frozen=True,
    gc=False,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"with_": "with", "start": "from"},
):
    """A dated agreement that lets another zone or centre send to a zone's networks (R8)."""

    with_: str
    classes: tuple[AlertClass, ...]
    start: str
    until: str | None = None


class Zone(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """A local police zone, as `zones.jsonl` gives it."""

    id: ZoneId
    name: str
    caller_id: str | None = None
    call_number: str = "101"
    reply: Mapping[str, str] = {}
    social_media_supported: bool = False
    dispatch_centres: tuple[str, ...] = ()
    agreements: tuple[Agreement, ...] = ()


class Member(Struct, frozen=True, gc=False):
    """A person, with the state of each membership (R4). Numbers are E.164."""

    number: MemberNumber
    id: MemberId
    name: str
    language: Language | None
    mobile: str | None
    landline: str | None
    email: str | None
    whatsapp: str | None
    preference: tuple[Channel, ...]
    adult: bool
    memberships: tuple[tuple[NetworkId, MembershipState, bool], ...]
    """(network, status, house rules accepted), sorted by network."""


# --- an alert -------------------------------------------------------------------------------------------------------


class Text(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """An authority's own words, exact to the letter (law 8)."""

    text: Annotated[str, Meta(min_length=1, max_length=TEXT_MAX, pattern=LINES)]
    subject: Annotated[str, Meta(min_length=1, max_length=SUBJECT_MAX, pattern=ONE_LINE)] | None = None


class Recorded(Struct, frozen=True, gc=False):
    """A recording as one alert plays it: levelled in loudness, but for crisis (R10)."""

    id: RecordingId
    clip: ClipId
    duration_s: float


Authority = Literal["own", "grant", "consent", "approval"]
"""On what an alert rests: its sender's own right, a grant (R9), an officer's word (R24), a colleague's (four eyes)."""
WAITING: Final[frozenset[Authority]] = frozenset({"consent", "approval"})
Origin = Literal["posted", "copy", "reply"]


class Refusal(Struct, frozen=True, gc=False):
    """A targeted network that does not get the alert; `rule` is None where it is unknown."""

    network: NetworkId
    rule: str | None
    reason: str
    code: str = ""


class Contact(Struct, frozen=True, gc=False):
    """A coordinator or an officer, by the register's id."""

    office: Literal["coordinator", "officer"]
    network: NetworkId
    id: str


class Alert(Struct, frozen=True, gc=False, rename={"alert_class": "class"}):
    """What an authority submitted, as accepted: it never changes."""

    id: AlertId
    alert_class: AlertClass
    mode: Mode
    content: Mapping[Language, Text]
    accepted_at: Instant
    expires_at: Instant
    token: str
    role: Role
    networks: tuple[NetworkId, ...]
    plan_versions: tuple[int, ...]
    """The version that each of `networks` was expanded with (R3), in their order."""
    register_version: int
    members: int
    unreachable: Mapping[str, int]
    refused: tuple[Refusal, ...] = ()
    not_located: tuple[NetworkId, ...] = ()
    channels: tuple[Channel, ...] | None = None
    confirm: bool = False
    urgent: bool = True
    reference: str | None = None
    author: str | None = None
    warnings: tuple[str, ...] = ()
    language_fallbacks: int = 0
    recording: Mapping[Language, Recorded] = {}
    """What calls play; a language without one has its text spoken (R12)."""
    supersedes: tuple[AlertId, ...] = ()
    """Those that it took the place of, oldest first."""
    follows: AlertId | None = None  # that it is a follow-up of (R18)
    extends: AlertId | None = None
    """The alert that it carries on: whoever had been handed that one is left out."""
    authority: Authority = "own"
    coordinator: str = ""  # by the register's id, where one sent it
    origin: Origin = "posted"
    copy_of: AlertId | None = None  # a coordinator's, which this one shows to the officers (R9)
    contacts: tuple[Contact, ...] = ()  # whom it warns beside members
    through: tuple[NetworkId, ...] = ()
    """Networks with two levels (R11): members are warned `hold_s` after their coordinators, if need be."""
    hold_s: float = 0.0
    texts_sha256: Mapping[Language, str] = {}  # of texts that have had their time and are gone (R22)

    @property
    def begins_as(self) -> AlertState:
        return "awaiting_consent" if self.authority in WAITING else "accepted"


class Step(Struct, frozen=True, gc=False):
    """One rung of the plan for one member: a channel to one kind of address."""

    channel: Channel
    address: AddressKind


class Batch(Struct, frozen=True, gc=False):
    """Up to 1,000 deliveries of one alert on one route: the unit of queue, lease, journal and encoding.

    Flown once, front to back, by one carrier (law 5). `deliveries` are indexes into the alert's audience,
    little-endian u32. All share their history: the steps already `tried`, and `passed`, the carriers of this channel
    that are to be avoided. `rung` counts steps from 0; `attempt_no` grows only after a definite answer.
    """

    id: BatchId
    alert: AlertId
    alert_class: AlertClass
    mode: Mode
    step: Step
    rung: int
    attempt_no: int
    language: Language
    wait_s: float
    due_at: Instant
    deliveries: bytes
    tried: tuple[Step, ...] = ()
    passed: tuple[CarrierName, ...] = ()
    only: CarrierName | None = None
    """Set where the resend must go to the carrier that knows the attempt's key."""
    possible_duplicate: bool = False  # these may have had the alert by this channel before: counted before it leaves
    deferrals: int = 0
    """How often these were handed back unsent or in doubt: it lengthens the back-off, and burns no try."""
    parts: int = 1
    """Segments of the text on this channel: rows of `parts` bytes in the batch's snapshot."""

    @property
    def count(self) -> int:
        return len(self.deliveries) // 4


class Content(Struct, frozen=True, gc=False):
    """What one batch carries, the same object for each of its envelopes, so that a carrier encodes it once."""

    channel: Channel
    language: Language
    alert_class: AlertClass
    text: str
    sha256: str
    expires_at: Instant
    parts: int = 1
    subject: str | None = None
    confirm: bool = False


class Token(Struct, frozen=True, gc=False):
    """Who may call. `hash` is SHA-256 of the secret; no scope grants nothing; "*" in `zones` is every zone."""

    name: str
    hash: bytes
    role: Role
    zones: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    municipalities: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    carrier: CarrierName | None = None
    created_at: Instant = Instant(0)
    expires_at: Instant | None = None
    coordinator: str | None = None  # the register's id, where the name is another

    @property
    def coordinator_id(self) -> str:
        return self.coordinator or self.name
