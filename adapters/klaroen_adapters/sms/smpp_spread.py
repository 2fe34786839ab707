"""Which bind takes which messages: a queue of runs before the binds of one account.

Law: all parts of a message go by one bind; runs leave in the order in which they came; what finds no room soon is
given back unsent, so that a stopped alert stops here too.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from klaroen.core.model import Instant
from klaroen.core.ports import Answer, Envelope, Event, Outcome, Refused, Unsent
from klaroen_adapters.sms.smpp_content import Contents
from klaroen_adapters.sms.smpp_pdu import Submit
from klaroen_adapters.sms.smpp_session import Session
from klaroen_adapters.sms.smpp_submit import Draw

WAIT_MS: Final = 150
"""What was granted but finds its window shut (parts that fit no single bind, a bind lost meanwhile) waits so long:
several answers' worth, and less than the 200 ms within which a stopped alert must stop."""
WAITING_MAX: Final = 10_000
"""Messages that wait: ten batches; the pace grants far fewer."""
_NUMBERS: Final = re.compile(r"\+[0-9]{1,20}(?:\n\+[0-9]{1,20})*").fullmatch
"""A destination_addr holds twenty digits."""

_FULL: Final = Unsent("no free window")
_THROTTLED: Final = Unsent("throttled", throttled=True)
_EXPIRED: Final = Unsent("expired")
_BAD_ADDRESS: Final = Refused("address", "address")


class Run(Struct):
    """Messages of one content and one deadline, and since when they wait."""

    envelopes: Sequence[Envelope]
    parts: Sequence[Submit]
    since: Instant


class Spread:
    """The messages of one account on their way to its binds."""

    def __init__(self, contents: Contents, draw: Draw) -> None:
        self._contents = contents
        self._draw = draw
        self._runs: deque[Run] = deque()

    def __len__(self) -> int:
        return sum(len(run.envelopes) for run in self._runs)

    def add(self, envelopes: Sequence[Envelope], now: Instant) -> list[Event]:
        """Queue these; return the answers of those that can never leave."""
        answers: list[Event] = []
        for run in _runs(envelopes):
            content = run[0].content
            if min(content.expires_at, run[0].deadline_at) <= now:
                answers += _answers(run, _EXPIRED)
                continue
            parts = self._contents.parts(content, now)
            if isinstance(parts, Refused):
                answers += _answers(run, parts)
                continue
            numbered = run
            if not _are_numbers(run):
                numbered = [envelope for envelope in run if _are_numbers((envelope,))]
                answers += _answers([envelope for envelope in run if not _are_numbers((envelope,))], _BAD_ADDRESS)
            if len(self) + len(numbered) > WAITING_MAX:
                answers += _answers(numbered, _FULL)
            elif numbered:
                self._runs.append(Run(numbered, parts, now))
        return answers

    def place(self, sessions: Sequence[Session], now: Instant) -> None:
        """Submit what there is room for, each bind in proportion to its room."""
        while self._runs:
            run = self._runs[0]
            placed = self._place(run, sessions, now)
            if placed < len(run.envelopes):
                run.envelopes = run.envelopes[placed:]
                return
            self._runs.popleft()

    def overdue(self, now: Instant, *, throttled: bool) -> list[Event]:
        """Return the answers of what has waited too long."""
        answers: list[Event] = []
        while self._runs and now - self._runs[0].since >= WAIT_MS:
            answers += _answers(self._runs.popleft().envelopes, _THROTTLED if throttled else _FULL)
        return answers

    def withdraw(self, words: str) -> list[Event]:
        """Return the answers of everything that waits: there is no bind any more."""
        answers: list[Event] = []
        while self._runs:
            answers += _answers(self._runs.popleft().envelopes, Unsent(words))
        return answers

    def _place(self, run: Run, sessions: Sequence[Session], now: Instant) -> int:
        envelopes, parts = run.envelopes, run.parts
        rooms = sorted(((session.room(len(parts), now), at) for at, session in enumerate(sessions)), reverse=True)
        room_left = sum(room for room, _ in rooms)
        left = total = min(len(envelopes), room_left)
        for room, at in rooms:
            if not left:
                break
            share = -(-left * room // room_left)
            room_left -= room
            begin = total - left
            left -= share
            chosen = envelopes[begin : begin + share]
            sessions[at].submit(chosen, parts, self._draw, envelopes[0].deadline_at, now)
        return total


def _runs(envelopes: Sequence[Envelope]) -> list[Sequence[Envelope]]:
    """Cut where the content or the deadline changes; nearly always there is nothing to cut."""
    runs = []
    begin = 0
    for at in range(1, len(envelopes) + 1):
        if (
            at == len(envelopes)
            or envelopes[at].content is not envelopes[begin].content
            or envelopes[at].deadline_at != envelopes[begin].deadline_at
        ):
            runs.append(envelopes[begin:at])
            begin = at
    return runs


def _are_numbers(run: Sequence[Envelope]) -> bool:
    """Tell whether each address is "+" and digits that a PDU can hold: for a whole run at once."""
    lines = "\n".join([envelope.address for envelope in run])
    return _NUMBERS(lines) is not None and lines.count("\n") == len(run) - 1


def _answers(run: Sequence[Envelope], outcome: Outcome) -> list[Event]:
    return [Answer(envelope.attempt, outcome) for envelope in run]
