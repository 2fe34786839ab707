"""What befalls each message: a function of the seed, the attempt and how often the carrier has seen it.

Law: whatever the scheduler does, the same attempt meets the same fate; a spell changes what its carrier does while it
lasts, and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final

from msgspec.structs import replace

from klaroen.core.model import CALL_CHANNELS
from klaroen.core.ports import Envelope, Refused, Unknown, Unsent
from klaroen.testing.deeds import (
    BUSY,
    HEARD,
    LOST_ANSWER,
    NO_ANSWER,
    PROVED,
    REFUSED_ADDRESS,
    REFUSED_CONTENT,
    REFUSED_HERE,
    SILENT,
    THROTTLED,
    UNKNOWN,
    UNPROVED,
    UNSENT,
    Deed,
    Proof,
    Script,
    call,
)
from klaroen.testing.simulator.scenario import Character, Spell

SLOWER: Final = 10.0
"""What a brown-out does to every answer and receipt."""
BURST: Final = Unsent("too fast", 0.5, throttled=True)

_LYING: Final = Deed(copies=0, proofs=())
"""Accepted, never delivered, never heard of again."""
_WELL: Final = (
    *[PROVED] * 6,
    Deed(answer_s=0.3, proofs=(Proof(0.0),)),  # proof before the answer
    Deed(proofs=(Proof(), Proof(0.5), Proof(9.0))),  # said three times
    Deed(proofs=(Proof(0.1, "network"), Proof(2.0))),
    Deed(answer_s=0.2, proofs=(Proof(1.0, by="reference"),)),
    Deed(proofs=(Proof(0.1, gap_s=1.5),)),
    Deed(answer_s=0.5, proofs=(Proof(0.0, gap_s=0.4),)),
)
_ILL: Final = (
    UNPROVED,
    REFUSED_ADDRESS,
    REFUSED_CONTENT,
    REFUSED_HERE,
    UNSENT,
    THROTTLED,
    UNKNOWN,
    SILENT,
    LOST_ANSWER,
    _LYING,
    Deed(proofs=(Proof(0.1, by="other ref"), Proof(0.1, by="other number"))),
    Deed(proofs=(Proof(0.1, "network"), Proof(2.0, "failed"), Proof(4.0))),  # three words, one end
    Deed(proofs=(Proof(0.3, "failed"), Proof(6.0, "reached"))),
    Deed(proofs=(Proof(12.0),)),
    Deed(None, copies=1, proofs=()),
    Deed(Unknown("no answer"), copies=1, proofs=(Proof(1.5, by="reference"),)),
    Deed(copies=0, proofs=(Proof(),)),  # it says so, and it is not so
    Deed(answer_s=3.0, proofs=(Proof(4.0),)),
    Deed(Unsent("queue full", 1.5), copies=0, proofs=()),
    Deed(proofs=(Proof(0.2, "buffered"), Proof(5.0))),
)
_CALLED: Final = (
    *[HEARD] * 4,
    call(2.0, Proof(3.9, by="attempt"), Proof(3.95, "confirmed", "attempt")),
)
_UNCALLED: Final = (
    BUSY,
    NO_ANSWER,
    replace(call(1.0, Proof(2.9, "failed", "attempt", "hung up at 10 %")), copies=0),  # nobody has heard it
    replace(BUSY, proofs=()),  # over, and nobody says what it was
    replace(HEARD, outcome=None),
    REFUSED_ADDRESS,
    Deed(Unsent("trunk full"), copies=0, proofs=()),
    Deed(Unknown("no answer"), copies=0, proofs=()),
    SILENT,
    call(6.0, Proof(20.0, by="attempt")),  # proof long after the end
)
SOUND: Final[Mapping[Character, float]] = {"good": 0.97, "fair": 0.8, "poor": 0.45}
"""Share of attempts that go the way they should."""


def script(seed: int, character: Character, spells: Sequence[Spell], now: Callable[[], float]) -> Script:
    """Return what a carrier does with each attempt; `now` in virtual seconds from the world's start."""

    def deed(envelope: Envelope, seen: int) -> Deed:
        usual = draw(seed, character, envelope, seen)
        at_s = now()
        for spell in spells:
            if spell.at_s <= at_s < spell.at_s + spell.for_s:
                usual = under(spell, usual)
        return usual

    return deed


def draw(seed: int, character: Character, envelope: Envelope, seen: int) -> Deed:
    """Return the fate of an attempt that its carrier has seen so often before."""
    digest = blake2b(f"{seed} {envelope.attempt} {seen}".encode(), digest_size=8).digest()
    share, place = int.from_bytes(digest[:4]) / 2**32, int.from_bytes(digest[4:])
    is_call = envelope.content.channel in CALL_CHANNELS
    if share < SOUND[character]:
        well = _CALLED if is_call else _WELL
        return well[place % len(well)]
    ill = _UNCALLED if is_call else _ILL
    return ill[place % len(ill)]


def under(spell: Spell, usual: Deed) -> Deed:
    """Return what becomes of a fate while a spell lasts."""
    match spell.kind:
        case "blackout":
            return SILENT
        case "throttling":
            return Deed(BURST, copies=0, proofs=())
        case "lying":
            return replace(_LYING, course=usual.course)
        case "refusing":
            return Deed(Refused("no route", "carrier"), copies=0, proofs=())
        case "brownout" if usual.course:  # a trunk may be slow to ring; nobody talks for longer
            return replace(usual, answer_s=usual.answer_s * SLOWER)
        case "brownout":
            later = tuple(replace(proof, after_s=proof.after_s * SLOWER) for proof in usual.proofs)
            return replace(usual, answer_s=usual.answer_s * SLOWER, proofs=later)
