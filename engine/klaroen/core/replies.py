"""What members say back (R17): reports belong to the police, and STOP ends cold messages.

Law: pure. A reply is answered once an alert, whatever is said in it; it is shown to the zone's police and to nobody
else. STOP is one word by itself: a sentence that holds it is a reply like any other.
"""

import unicodedata
from hashlib import blake2b
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from klaroen.core.model import AlertId, CarrierName, Channel, Instant, Language, MemberId, NetworkId
from klaroen.core.ports import Reply

REPLY_CHARS_MAX: Final = 4_096
"""Of a reply that are kept: as many as WhatsApp carries; an SMS has 160."""
REPLIES_KEPT_MAX: Final = 20
"""Of one member to one alert: what comes beyond is counted with the others, and not kept."""
ANSWER_LIFE_S: Final = 3_600
"""An answer that is an hour late answers nothing."""

STOP_WORDS: Final = frozenset(
    {"stop", "stoppen", "stopzetten", "uitschrijven", "arret", "arreter", "desinscrire", "stopp", "stoppt", "abmelden",
     "unsubscribe", "end", "quit", "cancel"}
)  # fmt: skip
"""In nl, fr, de and en, without accents; those that carriers themselves listen to are among them."""


class ReplyRow(Struct, frozen=True, gc=False):
    """A reply as it is kept: never with a number."""

    alert: AlertId
    member: MemberId
    network: NetworkId
    channel: Channel
    language: Language
    kind: Literal["text", "stop", "key"]
    at: Instant
    text: str | None
    """None once it has been forgotten."""

    @property
    def digest(self) -> bytes:
        """By which a reply that a carrier repeats is known."""
        return blake2b(f"{self.kind}\0{self.text or ''}".encode(), digest_size=16).digest()


class Owed(Struct, frozen=True, gc=False):
    """A first reply that is not answered yet."""

    id: int
    row: ReplyRow


class Quiet(Struct, frozen=True):
    """A member who ended cold messages, on one channel or (None) on all."""

    member: MemberId
    channel: Channel | None
    at: Instant
    by: Literal["reply", "mail"]

    @property
    def name(self) -> str:
        """By which it stands in the store."""
        return f"{self.member}/{self.channel or '*'}"


def is_stop(text: str) -> bool:
    """Tell whether a reply is nothing but the word."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
    return bare.strip(" \t\r\n.!?\"'") in STOP_WORDS


class ReplyView(Struct, frozen=True):
    """What a member said back: `text` is None once it has been forgotten; a key is its digit."""

    at: str
    member: str
    network: str
    channel: Channel
    kind: Literal["text", "stop", "key"]
    text: str | None


class ReplyPage(Struct, frozen=True):
    """`count` is of all replies to the alert, those of other zones included."""

    items: tuple[ReplyView, ...]
    next: str | None
    count: int


class QuietView(Struct, frozen=True):
    """A member who has ended cold messages; `channel` is None where it is on every channel."""

    member: str
    channel: Channel | None
    at: str
    by: Literal["reply", "mail"]


class QuietPage(Struct, frozen=True):
    items: tuple[QuietView, ...]


# --- as they are asked for (`core.calls`) and shown -------------------------------------------------------------------


class PutReplies(Struct, frozen=True, tag=True):
    """A webhook's replies, verified and parsed. Told: null, once they are durable."""

    carrier: CarrierName
    replies: Annotated[tuple[Reply, ...], Meta(max_length=10_000)]


class SayFarewell(Struct, frozen=True, tag=True):
    """The one click in a cold mail (RFC 8058): no more of them to whose link it is. Told: null."""

    farewell: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]


class ListReplies(Struct, frozen=True, tag=True):
    """Told: ReplyPage."""

    alert: AlertId
    after: str | None = None
    limit: int = 100


class ListQuiet(Struct, frozen=True, tag=True):
    """Told: QuietPage."""

    network: str


class EndQuiet(Struct, frozen=True, tag=True):
    """Told: QuietPage, as it is then."""

    network: str
    member: str


Correspondence = ListReplies | ListQuiet | EndQuiet
