"""What one bind has still to write: answers to the peer, and submissions behind them.

Law: answers go first, whole PDU by whole PDU. What `take` hands out counts as written; what it has not handed out is
certainly unsent.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from klaroen.core.model import Instant

TAKE_BYTES_MAX: Final = 64 * 1024
"""Submissions handed out for one write: what a lost connection leaves in doubt, and how long an answer to the peer
waits behind them."""
SUBMISSIONS_BYTES_MAX: Final = 512 * 1024
"""Submissions that wait for a socket that takes none: some 2,000; what comes after them is better sent elsewhere."""
ANSWERS_BYTES_MAX: Final = 1024 * 1024
"""Answers that the peer does not read: 60,000 of them; more is a peer that only talks."""


class Chunk(Struct, frozen=True, gc=False):
    """Submissions that were queued together; of no use any more at `due_at`."""

    octets: bytes
    sequences: Sequence[int]
    due_at: Instant


class Outbox:
    """Octets on their way to the socket."""

    def __init__(self) -> None:
        self._answers: list[bytes] = []
        self._answers_bytes = 0
        self._submissions: deque[Chunk] = deque()
        self._submissions_bytes = 0

    @property
    def is_choked(self) -> bool:
        """The peer asks and does not read."""
        return self._answers_bytes > ANSWERS_BYTES_MAX

    @property
    def is_full(self) -> bool:
        """No more submissions, until some are written."""
        return self._submissions_bytes > SUBMISSIONS_BYTES_MAX

    def answer(self, octets: bytes) -> None:
        self._answers.append(octets)
        self._answers_bytes += len(octets)

    def submit(self, chunk: Chunk) -> None:
        self._submissions.append(chunk)
        self._submissions_bytes += len(chunk.octets)

    def has_octets(self, *, submissions: bool) -> bool:
        return bool(self._answers or (submissions and self._submissions))

    def take(self, *, submissions: bool) -> bytes:
        """Return what to write now: the answers, and some of the submissions where they may still leave."""
        pieces = self._answers
        self._answers, self._answers_bytes = [], 0
        taken = 0
        while submissions and self._submissions and taken < TAKE_BYTES_MAX:
            chunk = self._submissions.popleft()
            pieces.append(chunk.octets)
            taken += len(chunk.octets)
        self._submissions_bytes -= taken
        return b"".join(pieces)

    def withdraw(self, due_by: Instant | None = None) -> list[int]:
        """Drop the submissions that are not written, or only those due by then; return their sequence numbers."""
        kept: deque[Chunk] = deque()
        dropped: list[int] = []
        for chunk in self._submissions:
            if due_by is None or chunk.due_at <= due_by:
                dropped += chunk.sequences
            else:
                kept.append(chunk)
        self._submissions = kept
        self._submissions_bytes = sum(len(chunk.octets) for chunk in kept)
        return dropped
