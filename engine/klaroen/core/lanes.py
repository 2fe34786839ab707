"""Who goes next on one carrier: the class first, and inside a class the alerts take turns.

Law: crisis > warm > public_interest > cold; every lane with due work keeps a floor of the carrier's rate, so that none
starves; inside a lane the alert that had least goes next, slice by slice, so that one network overtakes a country.
"""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from klaroen.core.model import CLASSES, AlertClass, AlertId

FLOORS: Final[dict[AlertClass, float]] = {"crisis": 0.0, "warm": 0.20, "public_interest": 0.05, "cold": 0.01}
"""Share of each carrier's rate that a lane with due work keeps beside higher ones (design 4)."""

CREDIT_MAX_SEGMENTS: Final = 50.0
"""What a lane may save up: half the members of one network, so that it cannot hold back a crisis for long."""


class Lanes(Struct, frozen=True, gc=False):
    """Credits in segments, by lane: what its floor has earned while others went first."""

    credits: tuple[float, ...] = (0.0,) * len(CLASSES)


def choose_lane(lanes: Lanes, due: Collection[AlertClass]) -> AlertClass:
    """Return the lane whose turn it is, of those with due work (at least one).

    The highest goes first, unless a lower one has a whole segment of floor to its credit.
    """
    owed = [lane for lane in CLASSES if lane in due and lanes.credits[CLASSES.index(lane)] >= 1.0]
    highest = next(lane for lane in CLASSES if lane in due)
    return highest if highest in owed or not owed else owed[0]


def serve(lanes: Lanes, served: AlertClass, segments: int, due: Collection[AlertClass]) -> Lanes:
    """Book what was handed over: every lane with due work earns its floor of it, the served one pays.

    A lane without due work keeps nothing; a debt is not carried, so that bursts are not paid for later.
    """
    credits_now = []
    for lane, credit in zip(CLASSES, lanes.credits, strict=True):
        if lane not in due:
            credits_now.append(0.0)
            continue
        earned = credit + FLOORS[lane] * segments - (segments if lane == served else 0)
        credits_now.append(min(CREDIT_MAX_SEGMENTS, max(0.0, earned)))
    return Lanes(tuple(credits_now))


def allowance(lanes: Lanes, lane: AlertClass, due: Collection[AlertClass], segments: int) -> int:
    """Return how many segments the chosen lane may take in this turn: a lower one no more than its credit."""
    if any(other in due for other in CLASSES[: CLASSES.index(lane)]):
        return max(1, min(segments, int(lanes.credits[CLASSES.index(lane)])))
    return segments


def choose_alert(served: Mapping[AlertId, int], waiting: Collection[AlertId]) -> AlertId:
    """Return the alert of one lane with the least served so far; of equals the one named last, the newest.

    Shape: `waiting` in order of arrival, at least one.
    """
    return min(reversed(tuple(waiting)), key=lambda alert: served.get(alert, 0))


def join_turns(served: Mapping[AlertId, int]) -> int:
    """Return what a newcomer counts as served: as much as who had least, so that nobody waits for it to catch up."""
    return min(served.values(), default=0)
