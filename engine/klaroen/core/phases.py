"""How a call went: answered at most once, over once, and what that means for whoever waits for it.

Law: of each phase the first word counts. Nobody is rung a second time while the first call may still ring or talk; what
a carrier lost sight of rings no longer than its ring time. Minutes are started minutes of talk.
"""

from typing import Final, Literal, get_args

from msgspec import Struct

from klaroen.core.state import FAILED, REACHED, UNKNOWN

ANSWERED: Final = 1
ENDED: Final = 2
LOST: Final = 3
"""Nobody will say any more how it ended: its carrier crashed, or forgot it."""

SLACK_S: Final = 15.0
"""Beyond ringing and playing: the answer of the trunk (10 s at most), a key, a reply, and the way back."""
NOTES_MAX: Final = 8
"""Of one call: ringing, the kind of who answered, keys; whoever presses more keys is not heard of it."""
NOTE_CHARS_MAX: Final = 40

VOICE_GONE: Final = "voice process gone"
CONNECTION_LOST: Final = "connection lost"
FORGOTTEN: Final = "the carrier knows nothing of it"
LOST_WORDS: Final = frozenset({VOICE_GONE, CONNECTION_LOST, FORGOTTEN})
"""Codes of a call that failed because our side of it did: it is made again, as one of which nothing is known."""

CallOutcome = Literal["reached", "busy", "no_answer", "rejected", "invalid", "hung_up", "machine", "lost", "failed"]
CALL_OUTCOMES: Final[tuple[CallOutcome, ...]] = get_args(CallOutcome)
_OUTCOMES: Final[dict[str, CallOutcome]] = {
    "busy": "busy",
    "no answer": "no_answer",
    "expired": "no_answer",
    "rejected": "rejected",
    "number invalid": "invalid",
    **dict.fromkeys(LOST_WORDS, "lost"),
}


class Phase(Struct, frozen=True, gc=False, array_like=True):
    """`ms` since the alert's acceptance; `lasted_ms` from hand-over to answer, or of talk."""

    ms: int
    lasted_ms: int
    lost: bool = False


class Waits(Struct, frozen=True, gc=False):
    """In milliseconds: for proof, for a receipt that overtakes nothing, while it rings, and until it is over."""

    wait_ms: int
    grace_ms: int
    ring_ms: int
    hold_ms: int


def hold_s(ring_s: float, plays: int, clip_s: float, prompt_s: float) -> float:
    """Return how long a call may last from its hand-over: nobody is waited for beyond it."""
    return ring_s + plays * (clip_s + prompt_s) + SLACK_S


def quiet_from_ms(state: int, at_ms: int, answered: Phase | None, ended: Phase | None, waits: Waits) -> int:
    """Return from when on, in ms since acceptance, nothing more is to be expected of a call without proof.

    Shape: `at_ms` is when the attempt came into `state`; one that failed is asked for only where our side of it did. A
    call that is over has said what it proved before; one that stands is waited for as long as it may last, and one of
    which nothing is known as long as it may ring.
    """
    rings_ms = max(waits.grace_ms, waits.ring_ms)
    if state == FAILED:
        return at_ms + rings_ms
    if ended is not None:
        return ended.ms + (rings_ms if ended.lost else waits.grace_ms)
    if answered is None and state == UNKNOWN:
        return at_ms + rings_ms
    return at_ms + max(waits.wait_ms, waits.hold_ms)


def minutes(ended: Phase | None) -> int:
    """Return the started minutes of talk."""
    return 0 if ended is None else -(-ended.lasted_ms // 60_000)


def outcome_of(state: int, code: str, *, lost: bool = False) -> CallOutcome:
    """Return a call's end as a label: one of few, whatever words a carrier has."""
    if state == REACHED:
        return "reached"
    if lost:
        return "lost"
    if code.startswith("hung up"):
        return "hung_up"
    return "machine" if code.startswith("machine") else _OUTCOMES.get(code, "failed")
