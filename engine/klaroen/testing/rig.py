"""A carrier on a test bench: its far end, its clock, what it says, and what everybody logs meanwhile."""

import contextlib
import io
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from hashlib import sha256
from typing import Final, Literal, Protocol

import trio
from msgspec import Struct

from klaroen.core.model import AttemptId, Channel, ClipId, Content, Instant
from klaroen.core.ports import Accepted, Answer, Call, Carrier, Clock, Emit, Envelope, Event, Link, Outcome, Script

Manner = Literal["accept", "refuse", "silence", "cut", "away", "ring"]
"""How a far end behaves: takes everything (and, of calls, answers and listens to the end); takes nothing and says so;
reads and never answers; reads one message and hangs up; is not there at all; lets a telephone ring."""

PATIENCE_S: Final = 60.0
"""For what must come of itself; longer than any back-off that a carrier may have (30 s)."""
ASK_S: Final = 0.05
DEADLINE_S: Final = 5.0
STARTS_AT: Final = Instant(1_795_302_930_000)
"""A Saturday in November 2026, 23:15 in Brussels."""
RING_S: Final = 10.0
CLIP: Final = bytes(0x55 + index % 0x80 for index in range(8_000))
"""What calls of the checks play, once: a second of A-law. The author of a test puts it where the carrier looks."""
SCRIPT: Final = Script(ClipId(sha256(CLIP).hexdigest()), RING_S, 1)
TEXTS: Final = ("Dag", " België: 10 € [ok]\r\n {~} ", "🚨 Zoë ’s avonds – bel 101")


class Copy(Struct, frozen=True):
    """What the far end took for one handset."""

    address: str
    text: str


class Peer(Protocol):
    """The far end of a carrier, in the hands of the checks. Starts with "accept"."""

    @property
    def manners(self) -> Collection[Manner]:
        """What it can do; a check that needs more passes without having looked."""

    @property
    def copies(self) -> Sequence[Copy]:
        """What it has taken, in its order."""

    async def behave(self, manner: Manner) -> None:
        """From now on; connections that stand are cut for "away"."""


class TrioClock:
    """UTC that passes with trio's clock, virtual or not, from an instant on."""

    def __init__(self, starts_at: Instant = STARTS_AT) -> None:
        self._offset_ms = starts_at - round(trio.current_time() * 1000)

    def now(self) -> Instant:
        return Instant(self._offset_ms + round(trio.current_time() * 1000))


class CarrierRig:
    """A carrier under test: its far end, what it has said, and the envelopes that it was offered."""

    def __init__(self, build: Callable[[Emit, Clock], Carrier], peer: Peer, channel: Channel) -> None:
        self.peer = peer
        self.clock = TrioClock()
        self.events: list[Event] = []
        self.offered: list[Envelope] = []
        self._channel: Channel = channel
        self._heard = trio.Event()
        self.carrier = build(self._emit, self.clock)

    async def _emit(self, events: Sequence[Event]) -> None:
        await trio.lowlevel.checkpoint()  # first: a call that is cancelled has taken nothing
        self.events += events
        self._heard.set()
        self._heard = trio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the carrier, from its first `Link(up=True)` on."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.carrier.run)
            await self.wait_link(up=True)
            yield
            nursery.cancel_scope.cancel()

    @property
    def calls(self) -> bool:
        """Whether the carrier makes calls."""
        return self._channel in ("voice", "tts")

    def envelopes(self, count: int, text: str = TEXTS[0], *, lives_s: float = 3_600.0) -> list[Envelope]:
        """Make envelopes of one content, each with an attempt and a number of its own."""
        now = self.clock.now()
        content = Content(self._channel, "nl", "warm", text, "0" * 64, Instant(now + round(lives_s * 1000)))
        first = len(self.offered)
        made = [
            Envelope(
                AttemptId(f"attempt{first + index:019}"),
                f"lid{first + index}@example.be" if self._channel == "email" else f"+32470{first + index:06}",
                content,
                Instant(now + round(DEADLINE_S * 1000)),
                reference=first + index + 1,
                script=SCRIPT if self.calls else None,
            )
            for index in range(count)
        ]
        self.offered += made
        return made

    def answers(self, envelope: Envelope) -> list[Outcome]:
        return [
            event.outcome for event in self.events if isinstance(event, Answer) and event.attempt == envelope.attempt
        ]

    def link(self) -> Link | None:
        return next((event for event in reversed(self.events) if isinstance(event, Link)), None)

    async def wait_link(self, *, up: bool) -> None:
        await self._wait(lambda: (link := self.link()) is not None and link.up is up, f"no Link(up={up})")

    async def wait_answers(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """Wait until each has an answer, and return the first of each."""
        await self._wait(lambda: all(self.answers(envelope) for envelope in envelopes), "an envelope without answer")
        return [self.answers(envelope)[0] for envelope in envelopes]

    def has_ended(self, attempt: AttemptId) -> bool:
        return any(isinstance(e, Call) and e.phase == "ended" and e.attempt == attempt for e in self.events)

    async def wait_ends(self, envelopes: Sequence[Envelope]) -> None:
        """Wait until each of these calls, if it was taken, has ended."""
        for envelope, outcome in zip(envelopes, await self.wait_answers(envelopes), strict=True):
            attempt = envelope.attempt
            if isinstance(outcome, Accepted):
                await self._wait(lambda attempt=attempt: self.has_ended(attempt), "a call without end")  # type: ignore[misc]

    async def wait_copies(self, count: int) -> None:
        """Wait until the far end has taken so many; it says nothing of itself, so it is asked."""
        with trio.move_on_after(PATIENCE_S):
            while len(self.peer.copies) < count:  # noqa: ASYNC110  a far end may be another process
                await trio.sleep(ASK_S)

    async def _wait(self, condition: Callable[[], bool], words: str) -> None:
        with trio.move_on_after(PATIENCE_S):
            while not condition():
                await self._heard.wait()
            return
        raise AssertionError(words)


@contextlib.contextmanager
def overheard() -> Iterator[io.StringIO]:
    """Everything that is logged, at any level, or printed."""
    said = io.StringIO()
    ear = logging.StreamHandler(said)
    root = logging.getLogger()
    level = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield said
    finally:
        root.setLevel(level)
        root.removeHandler(ear)
