"""The two joins: what is known of an attempt, and what follows for its delivery.

Law: an attempt's state is a byte that only grows (`max` is its join), so receipts may come in any order, any number of
times, through any process, and end the same. A delivery's state is derived from its attempts and from how their
obligation ended; proof of arrival is never inferred from acceptance, and nothing undoes it.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal, get_args

# --- an attempt, or one part of it: in the order of the join ---------------------------------------------------------

NONE: Final = 0
"""Not answered."""
UNSENT: Final = 1
"""Certainly not processed."""
UNKNOWN: Final = 2
"""May have been processed."""
REFUSED: Final = 3
HANDED_OVER: Final = 4
FAILED: Final = 5
"""A receipt said that it will not arrive."""
NETWORK: Final = 6
"""The carrier's network took it: no proof of arrival (R15)."""
REACHED: Final = 7
"""A handset's receipt, or a call answered with 80 % played (R15)."""

AttemptState = Literal["pending", "unsent", "unknown", "refused", "handed_over", "failed", "network", "reached"]
ATTEMPT_STATES: Final[tuple[AttemptState, ...]] = get_args(AttemptState)

# --- how the obligation of an attempt ended --------------------------------------------------------------------------

OPEN: Final = 0
MOVED: Final = 1
"""A successor batch carries it on."""
ENDED: Final = 2
"""No step is left: failed, unless it was handed over."""
EXPIRED: Final = 3
CANCELLED: Final = 4
BARRED: Final = 6
"""It had not left when its networks were barred (5 is no fate: an account has it for who cannot be reached)."""

REACHED_BEFORE: Final = "reached before"
NO_ADDRESS: Final = "no address any more"
NETWORKS_BARRED: Final = "its networks get nothing more"
PASSED_OVER: Final = frozenset({REACHED_BEFORE, NO_ADDRESS, NETWORKS_BARRED})
"""What an attempt is told to be that never left: by these words of our own it is known from one that came back."""

PROOFS: Final[dict[str, int]] = {"failed": FAILED, "network": NETWORK, "reached": REACHED}
"""A receipt's state -> the attempt's. `buffered` says nothing, `confirmed` is a fact of its own."""

MultipartRule = Literal["all", "first", "last", "any"]


def _all(parts: Sequence[int]) -> int:
    """A failed part fails the message; else it stands where its slowest part stands."""
    return FAILED if FAILED in parts else min(parts)


_FOLDS: Final[dict[MultipartRule, Callable[[Sequence[int]], int]]] = {
    "all": _all,
    "first": lambda parts: parts[0],
    "last": lambda parts: parts[-1],
    "any": max,
}


def fold_parts(parts: Sequence[int], rule: MultipartRule) -> int:
    """Return the state of an attempt from the states of its parts, by what its carrier's receipts mean.

    Shape: one state a part, at least one. A part that was proved is enough only where the rule says so.
    Source: smpp.md 8 in our words: receipts come for the first part, the last, or all; a failed part fails the whole.
    """
    return _FOLDS[rule](parts)
