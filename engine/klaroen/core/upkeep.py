"""The register kept up from day to day: what is asked of it, and what is told (R3, R4, R6, R7, R23).

Law: contact data is for a network's list keeper and the police alone (R7); what a list keeper writes is judged by the
rules of an import.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from klaroen.core.intake import Id, Name
from klaroen.core.model import Channel, MembershipState
from klaroen.core.rules import WordsLanguage
from klaroen.core.words import ONE_LINE

MEMBERS_MAX: Final = 1_000
"""A page of members: some 300 kB."""

Address = Annotated[str, Meta(min_length=1, max_length=40, pattern=ONE_LINE)]
Mail = Annotated[str, Meta(min_length=3, max_length=254, pattern=ONE_LINE)]


class MemberRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A person and the membership, whole: what is left out is none. Numbers in any Belgian or international form."""

    name: Name
    adult: bool
    status: Literal["active", "suspended"] = "active"
    house_rules: bool = False
    language: Literal["nl", "fr", "de", "en"] | None = None
    mobile: Address | None = None
    landline: Address | None = None
    email: Mail | None = None
    whatsapp: Address | None = None
    preference: Annotated[tuple[Channel, ...], Meta(max_length=5)] = ()


# --- as they are asked for (`core.calls`) -----------------------------------------------------------------------------


class ListMembers(Struct, frozen=True, tag=True):
    """R7. Told: MemberPage."""

    network: str
    after: str | None = None
    limit: int = 100


class CheckMembers(Struct, frozen=True, tag=True):
    """R6. Told: FindingPage, its words in `language`."""

    network: str
    language: WordsLanguage = "en"


class PutMember(Struct, frozen=True, tag=True):
    """R4. Told: MemberView."""

    network: str
    member: Id
    request: MemberRequest


class RemoveMember(Struct, frozen=True, tag=True):
    """R4. Told: MemberView."""

    network: str
    member: str


Upkeep = ListMembers | CheckMembers | PutMember | RemoveMember


class ExportMember(Struct, frozen=True, tag=True):
    """From the command line only. Told: PersonView."""

    member: str


class EraseMember(Struct, frozen=True, tag=True):
    """From the command line only. Told: ErasedView."""

    member: str


class RotateKey(Struct, frozen=True, tag=True):
    """From the command line only. Told: KeyView."""


class RestoreVersion(Struct, frozen=True, tag=True):
    """From the command line only. Told: ImportedView."""

    version: int
    allow_removal: int = 0


class ListVersions(Struct, frozen=True, tag=True):
    """From the command line only. Told: [VersionView]."""


class ListChanges(Struct, frozen=True, tag=True):
    """From the command line only: with `reported_until`, marks them up to that version first. Told: ChangePage."""

    reported_until: int | None = None


Keeping = ExportMember | EraseMember | RotateKey | RestoreVersion | ListVersions | ListChanges


# --- what is told ---------------------------------------------------------------------------------------------------


class MemberView(Struct, frozen=True):
    """A member of one network as its list keeper knows them; `since` is when the membership took this status."""

    member: str
    network: str
    name: str
    status: MembershipState
    house_rules: bool
    adult: bool
    language: str | None
    mobile: str | None
    landline: str | None
    email: str | None
    whatsapp: str | None
    preference: tuple[Channel, ...]
    since: str | None = None
    deliveries_stopped: int = 0
    """By this change: what was under way and is not handed over any more."""


class MemberPage(Struct, frozen=True):
    items: tuple[MemberView, ...]
    next: str | None


class FindingView(Struct, frozen=True):
    """One thing to put right; `windows` say when it holds, empty where the hour does not matter."""

    rule: str
    member: str | None
    words: str
    windows: tuple[str, ...]


class FindingPage(Struct, frozen=True):
    items: tuple[FindingView, ...]


class MembershipView(Struct, frozen=True):
    network: str
    status: MembershipState
    house_rules: bool


class PersonVersionView(Struct, frozen=True):
    """How a person stood from one version of the register on; `name` and what follows are null where erased."""

    version: int
    at: str | None
    memberships: tuple[MembershipView, ...]
    name: str | None = None
    language: str | None = None
    mobile: str | None = None
    landline: str | None = None
    email: str | None = None
    whatsapp: str | None = None
    preference: tuple[Channel, ...] = ()
    adult: bool | None = None


class OfficeView(Struct, frozen=True):
    """An office of a person in a network."""

    network: str
    coordinator: str
    name: str
    phone: str | None
    email: str | None
    status: str


class PersonAlertView(Struct, frozen=True, rename={"alert_class": "class"}):
    """An alert that concerned a person, and what became of it for them."""

    alert: str
    alert_class: str
    accepted_at: str | None
    networks: tuple[str, ...]
    state: str


class PersonView(Struct, frozen=True):
    """Everything that is held of one person."""

    member: str
    number: int
    versions: tuple[PersonVersionView, ...]
    offices: tuple[OfficeView, ...]
    alerts: tuple[PersonAlertView, ...]


class ErasedView(Struct, frozen=True):
    """`rows` versions of the person were emptied, `networks` had them as coordinator; `log_emptied` of the store's."""

    member: str
    rows: int
    networks: int
    deliveries_stopped: int
    log_emptied: bool


class KeyView(Struct, frozen=True):
    key: int
    rows: int


class VersionView(Struct, frozen=True):
    version: int
    at: str | None
    by: str
    what: str


class ChangeView(Struct, frozen=True):
    version: int
    at: str | None
    network: str
    what: str
    reported_at: str | None


class ChangePage(Struct, frozen=True):
    items: tuple[ChangeView, ...]
