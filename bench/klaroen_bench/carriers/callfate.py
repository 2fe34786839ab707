"""What becomes of a call: a pure function of (seed, number, how many-eth call to it).

Law: no draw depends on time or on another number. A number meets the same fate at every call, but for the trunk's own
fault, which only the first call meets.
"""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal, TypeVar

from msgspec import Struct

DRAWS: Final = struct.Struct("<12H")
DRAW_MAX: Final = 1 << 16
End = Literal["answer", "busy", "no answer", "rejected", "number invalid"]
STATUSES: Final[dict[End, tuple[int, ...]]] = {
    "busy": (486, 486, 486, 600),
    "no answer": (0, 0, 0, 480),
    "rejected": (603, 603, 608),
    "number invalid": (404, 404, 404, 410, 484, 604),
}
"""What the trunk says, one of these by draw; 0: nothing, it rings until the caller gives up."""
FAULTS: Final = (503, 503, 500, 504)
OTHER_KEYS: Final = "234567890*#"

Range = tuple[float, float]
T = TypeVar("T")


class CallOdds(Struct, frozen=True):
    """Shares of all numbers, each in [0, 1], and seconds from-to, evenly spread."""

    busy: float = 0.04
    no_answer: float = 0.05
    rejected: float = 0.01
    invalid: float = 0.01
    fault: float = 0.01
    key: float = 0.6
    """Of all numbers: who answers, and presses 1 ..."""
    other_key: float = 0.02
    """... or another key ..."""
    hang_up: float = 0.02
    """... or hangs up before the end."""
    repeated: float = 0.01
    """Each answer of the trunk comes twice."""
    talking: float = 0.02
    """Who answers, and speaks: audio that the caller has not asked for."""
    mu_law: float = 0.0
    """Who takes mu-law and nothing else, as in America."""
    ring_s: Range = (1.0, 4.0)
    key_s: Range = (3.0, 12.0)
    hang_up_s: Range = (1.0, 6.0)
    latency_s: float = 0.02
    """Half to twice this from the invitation to the trunk's first word."""


class CallFate(Struct, frozen=True, gc=False):
    end: End
    status: int
    """Of an unsuccessful end; 0 for an answer, and for who lets it ring."""
    fault: int
    """What the trunk says instead, 0 for nothing."""
    rings: bool
    """Whether it rings before it fails."""
    first_s: float
    ring_s: float
    key: str
    """"" for none."""
    key_s: float
    """After the answer, as the next."""
    hang_up_s: float
    """0 for who waits for the caller to end it."""
    repeated: bool
    talks: bool
    mu_law: bool = False


class CallFates:
    """The fates that one seed deals under given odds."""

    def __init__(self, seed: int, odds: CallOdds) -> None:
        """Raises ValueError if the odds cannot be."""
        for shares in (
            (odds.busy, odds.no_answer, odds.rejected, odds.invalid),
            (odds.key, odds.other_key, odds.hang_up),
            (odds.fault,),
            (odds.repeated,),
            (odds.talking,),
            (odds.mu_law,),
        ):
            if min(shares) < 0.0 or sum(shares) > 1.0:
                raise ValueError("shares lie in [0, 1], and so do those together that exclude each other")
        self._hash = blake2b(key=seed.to_bytes(8, "little", signed=True), digest_size=DRAWS.size, person=b"call")
        self._codec = blake2b(key=seed.to_bytes(8, "little", signed=True), digest_size=2, person=b"codec")
        self._odds = odds

    def of(self, number: bytes, nth: int = 0) -> CallFate:
        """Return the fate of the nth call, from 0, to this number (digits without "+")."""
        keyed = self._hash.copy()
        keyed.update(number)
        draws = [draw / DRAW_MAX for draw in DRAWS.unpack(keyed.digest())]
        ends, status, fault, rings, first, ring, manner, key, key_at, hang_up, repeated, talks = draws
        odds = self._odds
        end = _end(ends, odds)
        pressed = ""
        if manner < odds.key:
            pressed = "1"
        elif manner < odds.key + odds.other_key:
            pressed = _pick(OTHER_KEYS, key)
        leaves = odds.key + odds.other_key <= manner < odds.key + odds.other_key + odds.hang_up
        return CallFate(
            end=end,
            status=0 if end == "answer" else _pick(STATUSES[end], status),
            # The upper half of the fault's own draw says which.
            fault=_pick(FAULTS, fault / odds.fault) if nth == 0 and fault < odds.fault else 0,
            rings=end in ("answer", "no answer", "rejected") or (end == "busy" and rings < 0.5),
            first_s=odds.latency_s * 4.0 ** (first - 0.5),
            ring_s=_spread(odds.ring_s, ring),
            key=pressed,
            key_s=_spread(odds.key_s, key_at),
            hang_up_s=_spread(odds.hang_up_s, hang_up) if leaves else 0.0,
            repeated=repeated < odds.repeated,
            talks=talks < odds.talking,
            mu_law=self._codec_draw(number) < odds.mu_law,
        )

    def _codec_draw(self, number: bytes) -> float:
        keyed = self._codec.copy()
        keyed.update(number)
        return int.from_bytes(keyed.digest()) / DRAW_MAX


def _end(draw: float, odds: CallOdds) -> End:
    shares: tuple[tuple[End, float], ...] = (
        ("busy", odds.busy),
        ("no answer", odds.no_answer),
        ("rejected", odds.rejected),
        ("number invalid", odds.invalid),
    )
    for end, share in shares:
        if draw < share:
            return end
        draw -= share
    return "answer"


def _pick(choices: Sequence[T], draw: float) -> T:
    return choices[min(int(draw * len(choices)), len(choices) - 1)]


def _spread(span: Range, draw: float) -> float:
    return span[0] + (span[1] - span[0]) * draw
