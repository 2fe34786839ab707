"""What a simulated carrier does with one message: what it says at once, what a handset gets, what it says later.

Law: a deed is a value; `Script` makes it from the envelope and from how often the far end has seen the attempt before.
"""

from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct

from klaroen.core.ports import Envelope, Outcome, Refused, Unknown, Unsent

LATENCY_S: Final = 0.02


class Proof(Struct, frozen=True):
    """A receipt, `after_s` from the hand-over."""

    after_s: float = 0.1
    state: Literal["buffered", "failed", "network", "reached", "confirmed"] = "reached"
    by: Literal["ref", "attempt", "reference", "other ref", "other number"] = "ref"
    """How it names the attempt; the last two name nobody's."""
    code: str = "000"
    gap_s: float = 0.0
    """Between the receipts of two parts of a text."""


class Deed(Struct, frozen=True):
    """What the far end does with one envelope."""

    outcome: Outcome | Literal["accepted"] | None = "accepted"
    """None: no answer at all."""
    answer_s: float = LATENCY_S
    copies: int = 1
    proofs: tuple[Proof, ...] = (Proof(),)
    course: tuple[tuple[float, Literal["answered", "ended"], float], ...] = ()
    """Of a call: (when, what, the seconds that are told of it)."""


PROVED = Deed()
UNPROVED = Deed(proofs=())
SILENT = Deed(None, copies=0, proofs=())
"""It reads and says nothing, and no handset gets anything."""
LOST_ANSWER = Deed(None, proofs=(Proof(by="reference"),))
"""The handset gets it and proof comes, but the answer never does."""
REFUSED_ADDRESS = Deed(Refused("absent", "address"), copies=0, proofs=())
REFUSED_CONTENT = Deed(Refused("spam", "content"), copies=0, proofs=())
REFUSED_HERE = Deed(Refused("no route", "carrier"), copies=0, proofs=())
UNSENT = Deed(Unsent("queue full"), copies=0, proofs=())
THROTTLED = Deed(Unsent("too fast", 0.5, True), copies=0, proofs=())
UNKNOWN = Deed(Unknown("no answer"), copies=0, proofs=())

RINGS_S, TALKS_S = 2.0, 4.0


def call(talks_s: float = TALKS_S, *proofs: Proof, rings_s: float = RINGS_S) -> Deed:
    """A call that is answered; it is heard to the end unless `proofs` say otherwise."""
    ends_s = rings_s + talks_s
    told = proofs or (Proof(ends_s - 0.1, by="attempt"),)
    return Deed(proofs=told, course=((rings_s, "answered", rings_s), (ends_s, "ended", talks_s)))


def no_call(words: str, rings_s: float = RINGS_S) -> Deed:
    """A call that nobody takes."""
    return Deed(copies=0, proofs=(Proof(rings_s, "failed", "attempt", words),), course=((rings_s, "ended", 0.0),))


HEARD = call()
BUSY = no_call("busy", 0.5)
NO_ANSWER = no_call("no answer", 15.0)

Script = Callable[[Envelope, int], Deed]
"""(envelope, how often the far end saw this attempt before) -> what it does."""
