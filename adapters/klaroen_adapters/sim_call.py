"""What befalls a simulated call: when it is answered, what is said of it, and when it ends.

Law: a pure function of the attempt's draws and of how the call is to go. Times are in latencies, so that a quicker
simulation is quicker in all of it; `ring_s` and the alert's end are real seconds, and end a call that still rings.
"""

from typing import Final

from msgspec import Struct

RING: Final = (50.0, 150.0)
TALK: Final = (100.0, 150.0)
"""Latencies that a call rings and is listened to [at 20 ms: 3 to 6 s in all, a quarter of a real one]."""
BUSY: Final = 25.0
"""Latencies until a busy telephone says so."""
BUSY_SHARE: Final = 0.3
"""Of those that are not answered; the others ring out."""


class Course(Struct, frozen=True, gc=False):
    """Seconds after the trunk took the call."""

    ends_s: float
    answered_s: float | None = None
    """None: nobody did."""
    words: str = ""
    """Why nobody did."""


def course(lost: float | None, delay: float, latency_s: float, ring_s: float, left_s: float) -> Course:
    """Return how one call goes.

    Shape: `lost` in [0, 1) where nobody answers, None where somebody does; `delay` in [0, 1).
    Units: `ring_s` is how long it may ring, `left_s` how long the alert still lives.
    """
    rings_s = (RING[0] + delay * (RING[1] - RING[0])) * latency_s
    talks_s = (TALK[0] + delay * (TALK[1] - TALK[0])) * latency_s
    if lost is not None and lost < BUSY_SHARE:
        return Course(BUSY * latency_s, words="busy")
    if lost is not None:
        rings_s += talks_s
    patience_s = min(ring_s, left_s)
    if rings_s >= patience_s:
        return Course(max(0.0, patience_s), words="no answer" if ring_s <= left_s else "expired")
    return Course(rings_s, words="no answer") if lost is not None else Course(rings_s + talks_s, rings_s)
