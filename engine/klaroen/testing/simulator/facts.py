"""What promises are judged by, gathered from outside: from commits, hand-overs and carriers' words."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct

from klaroen.core.model import AttemptId, CarrierName, Channel, Instant
from klaroen.core.ports import Outcome
from klaroen.core.state import MultipartRule


class Prior(Struct, frozen=True):
    """The attempt before, as its carrier and ours spoke of it."""

    attempt: AttemptId
    channel: Channel
    life: int
    outcome: Outcome | None
    """None where none came, or where a crash took it before the journal had it."""
    answered_at: Instant
    wait_ms: int
    failed: bool
    ended: bool
    judged: bool
    """Whether it had been moved on from when this life began."""


class HandOver(Struct, frozen=True):
    """One envelope in the moment in which a far end takes it; instants are the system's own."""

    at: Instant
    attempt: AttemptId
    carrier: CarrierName
    keyed: bool
    life: int
    life_began_at: Instant
    # what is durable of it
    batch: int
    index: int
    leased: bool
    cursor: int
    left_before: bool
    place: int
    """The batch in which the delivery stands."""
    reached: bool
    possible_duplicate: bool
    state: str
    expires_at: Instant
    mode: str
    grace_ms: int
    # what is handed over, and what should be
    text: str
    posted: str
    address: str
    number: str
    # what was before
    copies_before: int
    prior: Prior | None


class Warrant(Struct, frozen=True):
    """What one hand-over rests on: durations since something has stood on the disk, 0.0 where it does not."""

    asks: bool
    """Whether somebody else's word is needed: an officer's where no grant was given, or that of four eyes."""
    consented: bool
    granted: bool
    """Whether it was accepted under a grant."""
    ungranted_s: float
    """Since when no network of the person grants it."""
    stopped_s: float
    """Since when all networks of the person are stopped."""
    quiet_s: float
    """Since when the person has known that a cold message is not sent any more, where it is one."""


class Copied(Struct, frozen=True):
    """An alert as it is accepted, and the copies beside it."""

    granted: bool
    text: object
    copies: Sequence[object]
    """The text of each."""


class Kin(Struct, frozen=True):
    """An alert that concerns an earlier one, as it is accepted: whom each goes to, by number and by network."""

    extends: bool
    follows: bool
    members: AbstractSet[int]
    networks: AbstractSet[str]
    handed: AbstractSet[int]
    """Whom a far end was handed the earlier one for."""
    reached: AbstractSet[int]
    owed: AbstractSet[str]
    """Networks of the earlier one that may get anything."""


class Answering(Struct, frozen=True):
    """One member: how often he is answered, and how many alerts he has written back to."""

    answers: int
    owed: int


class Load(Struct, frozen=True):
    """A carrier just before it takes one more envelope of `parts` segments."""

    parts: int
    tokens: float
    full: float
    unanswered: int
    window: int
    calls_up: int
    lines: int | None


class Share(Struct, frozen=True):
    """What one carrier was handed in this life, and how much of it of one class while a higher one had work for it."""

    behind: int
    handed: int
    floor: float
    parts: int


class Expanded(Struct, frozen=True):
    """One piece of an expansion: deliveries [first, end)."""

    first: int
    end: int
    planned: Sequence[int]
    unreachable: Sequence[int]


class Succession(Struct, frozen=True):
    """What one commit moves out of a batch, where those stood, and whom its successors hold."""

    batch: int
    moved: Sequence[int]
    places: Sequence[int]
    succeeded: Sequence[int]


class Ended(Struct, frozen=True):
    """A batch that is said to be done."""

    open: int
    unanswered: int


class Covered(Struct, frozen=True):
    in_doubt: int
    most: int


class Proved(Struct, frozen=True):
    """One attempt: what the journal makes of it, and what receipts said of each part."""

    attempt: AttemptId
    state: int
    parts: Sequence[int]
    rule: MultipartRule


class Tallied(Struct, frozen=True):
    shown: Sequence[int]
    folded: Sequence[int]
    members: int


class Closed(Struct, frozen=True):
    account: object
    folded: object
    pending: int
