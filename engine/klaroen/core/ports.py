"""The seams between the engine and the world: what a carrier is, and what it says.

Law: a carrier never retries, never sleeps for back-off, never sees a member and never logs an address. Each envelope
gets exactly one `Answer`; receipts follow in any order, any number of times.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from klaroen.core.central import Prompt, Verdict
from klaroen.core.model import AttemptId, CarrierName, Channel, ClipId, Content, Instant, Language, RecordingId
from klaroen.core.recording import Recording

# --- outcomes: what a carrier said at once (law 6) ------------------------------------------------------------------


class Accepted(Struct, frozen=True, gc=False, tag=True):
    """The carrier took it. One reference a part; empty where the carrier named none (provable only by time)."""

    refs: tuple[str, ...] = ()


class Delivered(Struct, frozen=True, gc=False, tag=True):
    """Taken and proved at once, by a carrier that answers only after the handset did."""

    refs: tuple[str, ...] = ()


class Refused(Struct, frozen=True, gc=False, tag=True):
    """A definite no. `scope` says what it condemns: this address, this content, or this carrier for this message."""

    code: str
    scope: Literal["address", "content", "carrier"]


class Unsent(Struct, frozen=True, gc=False, tag=True):
    """Certainly not processed: may be tried elsewhere at once. `throttled` where the carrier asked to slow down."""

    reason: str
    retry_after_s: float | None = None
    throttled: bool = False


class Unknown(Struct, frozen=True, gc=False, tag=True):
    """May have been processed: only a receipt, or the class's rule after its grace, decides."""

    reason: str


Outcome = Accepted | Delivered | Refused | Unsent | Unknown

# --- events ---------------------------------------------------------------------------------------------------------


class Answer(Struct, frozen=True, gc=False):
    """The one answer to one envelope."""

    attempt: AttemptId
    outcome: Outcome


class Receipt(Struct, frozen=True, gc=False):
    """Later word about an attempt, named by the carrier's `ref`, by our `attempt`, or by `reference` and `address`.

    `buffered` says nothing final; `network` is proof that the carrier's network took it, which is not arrival (R15).
    `ticket` is the carrier's own, given back in `acknowledge`; it is never stored.
    """

    state: Literal["buffered", "failed", "network", "reached", "confirmed"]
    code: str
    at: Instant | None = None
    ref: str | None = None
    alias: str | None = None
    """A canonical form of `ref` (another radix, another padding), tried when `ref` matches nothing."""
    attempt: AttemptId | None = None
    reference: int | None = None
    """SMPP user_message_reference (0x0204), echoed by the carrier."""
    address: str | None = None
    """The handset's number as the carrier wrote it, E.164 with "+" where it can be told."""
    part: int | None = None
    ticket: object = None


class Link(Struct, frozen=True, gc=False):
    """The carrier's connection as it stands: `window` is how many envelopes may be unanswered over all binds."""

    up: bool
    window: int
    words: str


class Call(Struct, frozen=True, gc=False):
    """How a call stands, after its `Accepted` (the first 180, 183 or 200). Never stored: proof comes as receipts.

    `answered` comes at most once, with the seconds since the hand-over. `ended` comes exactly once, with the seconds
    talked (0.0 if nobody answered), and frees the line; the receipts of the call stand before it.
    """

    attempt: AttemptId
    phase: Literal["answered", "ended"]
    seconds: float


class Fault(Struct, frozen=True, gc=False):
    """Something odd that the carrier did and that cost nothing, counted by `words`: no member's data in it."""

    words: str
    count: int = 1


class Reply(Struct, frozen=True, gc=False):
    """What somebody wrote back (R17). `address` as the carrier wrote it, E.164 with "+" where it can be told.

    `ticket` is the carrier's own, given back in `acknowledge_replies`; it is never stored.
    """

    address: str
    text: str
    channel: Channel = "sms"
    at: Instant | None = None
    ticket: object = None


Event = Answer | Receipt | Reply | Call | Link | Fault


class Script(Struct, frozen=True, gc=False):
    """How a call goes: the same object for every envelope of one alert, zone and language.

    The clip is played `plays` times, or until key 1 where there is a `prompt`, which asks for it after each play and is
    absent for crisis: nothing is spoken then but the text (R10). Any other key gets the `reply` once (R17). Clips are
    named by their octets and lie in the clip store. A call that rings is given up after `ring_s`, and when its content
    expires. Units: seconds; `caller_id` in E.164, empty for the trunk's own.
    """

    clip: ClipId
    ring_s: float
    plays: int
    caller_id: str = ""
    prompt: ClipId | None = None
    reply: ClipId | None = None


class Envelope(Struct, frozen=True, gc=False):
    """What a carrier gets to see of an attempt."""

    attempt: AttemptId
    address: str
    """E.164 with "+", or the mail address."""
    content: Content
    deadline_at: Instant
    """No answer by then: the carrier reports `Unknown`."""
    reference: int = 0
    """16 bits, unique among the carrier's unsettled messages as far as 16 bits go (smpp 0x0204)."""
    script: Script | None = None
    """Of a call; None for everything that is written."""
    farewell: str = ""
    """By which its reader ends cold messages on this channel; it names nobody. Empty where there is nothing to end."""


class Carrier(Protocol):
    """One configured account. Built with an outlet for its events; runs until cancelled."""

    name: CarrierName

    async def run(self) -> None:
        """Connect, keep the links up with back-off, and read, until cancelled."""

    async def hand_over(self, envelopes: Sequence[Envelope]) -> None:
        """Write these, and return without waiting for answers. Never more than the pace granted.

        Raises CarrierDownError if none was written. If some were, each of them gets its Answer as an event.
        """

    def acknowledge(self, receipts: Sequence[Receipt], *, stored: bool) -> None:
        """The receipts are durable (say so to the carrier), or cannot be stored now (ask it to repeat them)."""

    async def drain(self, seconds: float) -> None:
        """Submit nothing more; return when nothing is unanswered, or after so many seconds."""


@runtime_checkable
class CallListener(Protocol):
    """A carrier whose calls are told of by callbacks: the edge hears them, and dispatch passes them on."""

    async def hear(self, calls: Sequence[Call]) -> None:
        """Emit what is news of calls that stand; a callback may come again, late, or of a call that nobody knows."""


@runtime_checkable
class ReplyCarrier(Protocol):
    """A carrier that brings what handsets write back, and wants to hear when it is durable."""

    def acknowledge_replies(self, replies: Sequence[Reply], *, stored: bool) -> None:
        """These are durable (say so to the carrier), or cannot be stored now (ask it to repeat them)."""


Emit = Callable[[Sequence[Event]], Awaitable[None]]
"""Where a carrier puts its events; awaiting it is the back-pressure."""


class Clip(Struct, frozen=True, gc=False):
    """A text as a voice reads it; `engine` is the voice's kind, such as `pico`."""

    id: ClipId
    duration_s: float
    engine: str


class Speaker(Protocol):
    """Reads texts aloud: once a text, language and voice, whoever asks and however often."""

    async def render(self, text: str, language: Language, *, verbatim: bool) -> Clip:
        """Return the clip, which lies in the clip store; at once where it was made before.

        `verbatim` is for crisis: the engine gets exactly these characters (R10).
        Raises UnspeakableError where no voice can say it; asked again, it would be tried again.
        """
        ...


class Identified(Struct, frozen=True, gc=False):
    """Whether somebody who calls is who they say."""

    verdict: Verdict
    officer: str = ""
    """By the register's id, where known."""


class Central(Protocol):
    """The central number behind its telephone (R19): who may speak, and what is done with what they said."""

    async def prompts(self, language: Language) -> Mapping[Prompt, ClipId]:
        """Return what callers hear, whole and in the clip store.

        Raises UnspeakableError where no voice can say it now.
        """
        ...

    async def identify(self, caller: str, code: str, pin: str) -> Identified:
        """Tell whether the PIN is that of the officer with this code; `caller` is who calls, "" if withheld.

        Every try is logged, and wrong ones lock out.
        """
        ...

    async def warn(self, call: str, officer: str, recording: bytes) -> bool:
        """Warn the officer's networks with what was recorded (A-law); False where nobody is warned.

        Once a `call`: asked again, it answers the same.
        """
        ...


@runtime_checkable
class Switchboard(Protocol):
    """A carrier that can be called as well."""

    def serve(self, central: Central) -> None:
        """From now on callers to the central number are answered, if the carrier's settings say so."""


class Sealer(Protocol):
    """Signs checkpoints of the audit trail (R22); `name` tells which key it is."""

    @property
    def name(self) -> str: ...
    def sign(self, octets: bytes) -> bytes: ...


class Recorder(Protocol):
    """Makes clips of recordings."""

    async def take(self, name: str, sha256: str, token: str, now: Instant) -> Recording:
        """Keep the file of this name in the spool as clips, durably, and remove it from there, whatever comes of it.

        Raises InputError: `unsupported-media-type` where it is none of the formats, `too-large` where it is too long,
        `invalid` where it cannot be read or nothing can be heard, `unavailable` where it cannot be done now.
        """
        ...

    def find(self, recording: RecordingId, token: str) -> Recording | None:
        """Return a recording of this token, whole; None where there is none."""
        ...


class Clock(Protocol):
    """Time as one thing: UTC milliseconds that never step back (law 9). Waiting is trio's own."""

    def now(self) -> Instant: ...
