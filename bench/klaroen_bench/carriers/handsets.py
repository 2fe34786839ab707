"""Phones: a long message is there when all its parts are.

Law: a copy is every part of one message from one sender to one number; a part that comes again before the message is
whole replaces itself, and one that comes after begins another copy.
"""

from typing import Final

from klaroen_bench.carriers.pdu import Submit

INCOMPLETE_MAX: Final = 200_000
"""Messages of which parts are missing, over all phones; beyond it the oldest is forgotten, as phones do."""

_Key = tuple[bytes, bytes, int, int]


class Handsets:
    def __init__(self) -> None:
        self._incomplete: dict[_Key, dict[int, bytes]] = {}
        self.forgotten = 0

    def arrive(self, submit: Submit, pdu: bytes) -> bytes | None:
        """Return the submit_sms of the message that this one completes, in the order in which they came, or None."""
        part = submit.tail.part
        if part is None or part.total <= 1:
            return pdu
        key = (submit.number, submit.source, part.reference, part.total)
        parts = self._incomplete.setdefault(key, {})
        parts.pop(part.index, None)
        parts[part.index] = pdu
        if len(parts) == part.total:
            del self._incomplete[key]
            return b"".join(parts.values())
        if len(self._incomplete) > INCOMPLETE_MAX:
            del self._incomplete[next(iter(self._incomplete))]
            self.forgotten += 1
        return None

    @property
    def incomplete(self) -> int:
        return len(self._incomplete)
