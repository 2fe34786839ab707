"""What is told of each call: the agent's and the playback's words become a carrier's events.

Law: pure. Each call that was placed gets exactly one `Answer`; one that was accepted gets exactly one `Call(ended)`,
after all its receipts. An attempt that comes again, while its call stands or soon after, is not called again: what was
told of it is told again. A call that never rang may be made anew.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from msgspec import Struct, field

from klaroen.core.model import AttemptId, Instant
from klaroen.core.ports import Accepted, Answer, Call, Event, Receipt
from klaroen_adapters.voice import sip_status
from klaroen_adapters.voice.rtp_playback import PROOF_PERCENT, News, Playback
from klaroen_adapters.voice.sip_terms import Ended, Lost, Rejected

REMEMBERED_MS: Final = 180_000
"""A call that has ended is known for so long: a dispatch process that crashed is back within half a minute, and calls
again what it knows nothing of within another."""
REMEMBERED_MAX: Final = 20_000
"""What 110 calls a second leave behind in that time; about as many megabytes."""
NOT_PLAYED: Final = "clip not played"
"""Of a call that we ended: there was no way to the telephone, or no time left."""
RECENT_MS: Final = 120_000
"""A supervisor waits 30 s at most before it starts a process again."""


class Entry(Struct):
    """One call."""

    attempt: AttemptId
    placed_at: Instant
    told: list[Event] = field(default_factory=list)
    accepted: bool = False
    answered_at: Instant | None = None
    playback: Playback | None = None
    reached: bool = False
    ended_at: Instant = Instant(0)


class Book:
    """The calls of one trunk: those that stand, and those that ended lately."""

    def __init__(self) -> None:
        self._standing: dict[AttemptId, Entry] = {}
        self._over: dict[AttemptId, Entry] = {}
        self._forget: deque[tuple[Instant, AttemptId]] = deque()

    def __len__(self) -> int:
        """How many stand: the lines in use."""
        return len(self._standing)

    @property
    def standing(self) -> Sequence[AttemptId]:
        return list(self._standing)

    def recall(self, attempt: AttemptId) -> Sequence[Event] | None:
        """Return what was told of an attempt that comes again; None for one that is to be called."""
        entry = self._standing.get(attempt) or self._over.get(attempt)
        return None if entry is None else list(entry.told)

    def recent(self, now: Instant) -> list[Event]:
        """Return what was told of calls that stand or ended lately: who starts again may have lost it."""
        entries = [entry for entry in self._over.values() if now - entry.ended_at < RECENT_MS]
        return [event for entry in (*entries, *self._standing.values()) for event in entry.told]

    def place(self, attempt: AttemptId, now: Instant) -> None:
        self._sweep(now)
        self._standing[attempt] = Entry(attempt, now)

    def placed_at(self, attempt: AttemptId) -> Instant:
        return self._standing[attempt].placed_at

    def ring(self, attempt: AttemptId) -> list[Event]:
        entry = self._standing[attempt]
        entry.accepted = True
        return self._tell(entry, Answer(attempt, Accepted((attempt,))))

    def answer(self, attempt: AttemptId, playback: Playback, now: Instant) -> list[Event]:
        entry = self._standing[attempt]
        entry.answered_at, entry.playback = now, playback
        return self._tell(entry, Call(attempt, "answered", (now - entry.placed_at) / 1000))

    def hear(self, attempt: AttemptId, news: Sequence[News], now: Instant) -> list[Event]:
        """Return what a playback's news mean: proofs, and a key that was no confirmation."""
        entry = self._standing[attempt]
        assert entry.playback is not None, "only who answered hears"
        told: list[Event] = []
        for one in news:
            if one == "reached":
                entry.reached = True
                told.append(Receipt("reached", f"played {PROOF_PERCENT} %", at=now, attempt=attempt))
            elif one == "confirmed":
                told.append(Receipt("confirmed", "key 1", at=now, attempt=attempt))
            elif one == "replied":
                told.append(Receipt("buffered", f"key {entry.playback.key}", at=now, attempt=attempt))
        return self._tell(entry, *told)

    def reject(self, end: Rejected | Lost, now: Instant) -> list[Event]:
        """Return what the end of a call means that nobody answered."""
        entry = self._standing.pop(AttemptId(end.call))
        if not entry.accepted:
            return [Answer(entry.attempt, sip_status.outcome(end))]
        return self._end(entry, sip_status.words(end), now)

    def end(self, end: Ended, now: Instant) -> list[Event]:
        """Return what is told of a call that was answered and is over."""
        entry = self._standing.pop(AttemptId(end.call))
        assert entry.playback is not None, "it was answered"
        words = f"hung up at {entry.playback.heard_percent} %" if end.by == "peer" else NOT_PLAYED
        return self._end(entry, None if entry.reached else words, now)

    def _end(self, entry: Entry, failure: str | None, now: Instant) -> list[Event]:
        told: list[Event] = []
        if failure is not None:
            told.append(Receipt("failed", failure, at=now, attempt=entry.attempt))
        talked_ms = 0 if entry.answered_at is None else now - entry.answered_at
        told.append(Call(entry.attempt, "ended", talked_ms / 1000))
        self._remember(entry, now)
        return self._tell(entry, *told)

    def _tell(self, entry: Entry, *events: Event) -> list[Event]:
        entry.told += events
        return list(events)

    def _remember(self, entry: Entry, now: Instant) -> None:
        entry.playback, entry.ended_at = None, now
        self._over[entry.attempt] = entry
        self._forget.append((Instant(now + REMEMBERED_MS), entry.attempt))

    def _sweep(self, now: Instant) -> None:
        forget = self._forget
        while forget and (forget[0][0] <= now or len(forget) > REMEMBERED_MAX):
            self._over.pop(forget.popleft()[1], None)
