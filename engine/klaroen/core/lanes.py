"""Who goes next on one carrier: the class first, and inside a class the alerts take turns.

Law: crisis > warm > public_interest > cold; every lane with due work keeps a floor of the carrier's rate, so that none
starves; inside a lane each alert has a head start, so that one network overtakes a country, then they take turns.
"""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from klaroen.core.model import CLASSES, AlertClass, AlertId

FLOORS: Final[dict[AlertClass, float]] = {"crisis": 0.0, "warm": 0.20, "public_interest": 0.05, "cold": 0.01}
"""Share of each carrier's rate that a lane with due work keeps beside higher ones (design 4)."""

CREDIT_MAX_SEGMENTS: Final = 2_000.0
"""What a lane may save up or owe: the floor of the largest turn, 250 messages of 30 parts. Whoever has a segment to its
credit goes next, so that it is not reached in practice [at 50, texts of three parts left warm 8 % beside a crisis]."""

HEAD_START_SEGMENTS: Final = 250
"""Of one carrier: two carriers give a network of five hundred all it needs [by least served alone, networks of two
hundred and more waited 25 s beside a crisis, while ever new ones overtook them]."""


class Lanes(Struct, frozen=True, gc=False):
    """Credits in segments, by lane: what its floor has earned while others went first."""

    credits: tuple[float, ...] = (0.0,) * len(CLASSES)


def choose_lane(lanes: Lanes, due: Collection[AlertClass]) -> AlertClass:
    """Return the lane whose turn it is, of those with due work (at least one).

    The highest goes first, unless a lower one has a whole segment of floor to its credit [the highest's own credit says
    nothing: counted, it took turn after turn with public_interest while cold starved].
    """
    highest, *lower = (lane for lane in CLASSES if lane in due)
    return next((lane for lane in lower if lanes.credits[CLASSES.index(lane)] >= 1.0), highest)


def serve(lanes: Lanes, served: AlertClass, segments: int, due: Collection[AlertClass]) -> Lanes:
    """Book what was handed over: every lane with due work earns its floor of it, the served one pays.

    A lane without due work keeps nothing. The highest carries no debt, so that its bursts are not paid for later; a
    lower one does, so that a long message on little credit is earned before the next.
    """
    highest = next(lane for lane in CLASSES if lane in due)
    credits_now = []
    for lane, credit in zip(CLASSES, lanes.credits, strict=True):
        if lane not in due:
            credits_now.append(0.0)
            continue
        earned = credit + FLOORS[lane] * segments - (segments if lane == served else 0)
        least = 0.0 if lane == highest else -CREDIT_MAX_SEGMENTS
        credits_now.append(min(CREDIT_MAX_SEGMENTS, max(least, earned)))
    return Lanes(tuple(credits_now))


def allowance(lanes: Lanes, lane: AlertClass, due: Collection[AlertClass], segments: int) -> int:
    """Return how many segments the chosen lane may take in this turn: a lower one no more than its credit."""
    if any(other in due for other in CLASSES[: CLASSES.index(lane)]):
        return max(1, min(segments, int(lanes.credits[CLASSES.index(lane)])))
    return segments


def choose_alert(served: Mapping[AlertId, int], waiting: Collection[AlertId]) -> AlertId:
    """Return the alert of one lane whose turn it is.

    Those within their head start go first, in order of arrival: a network overtakes a country, and the next network
    does not overtake it. The others take turns, whoever had least.
    Shape: `waiting` in order of arrival, at least one.
    """
    for alert in waiting:
        if served.get(alert, 0) < HEAD_START_SEGMENTS:
            return alert
    return min(waiting, key=lambda alert: served[alert])


def book_turn(served: Mapping[AlertId, int], alert: AlertId, segments: int, waiting: Collection[AlertId]) -> int:
    """Return what the alert counts as served after these segments.

    Who leaves the head start counts as much as who had least of those who take turns: nobody waits for it to catch up.
    Nor for one that was away meanwhile: it keeps no more than a head start.
    """
    before = served.get(alert, 0)
    after = before + segments
    if after < HEAD_START_SEGMENTS:
        return after
    others = (served.get(other, 0) for other in waiting if other != alert)
    least = min((one for one in others if one >= HEAD_START_SEGMENTS), default=0)
    return max(after, least if before < HEAD_START_SEGMENTS else least - HEAD_START_SEGMENTS)
