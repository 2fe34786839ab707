"""Who goes next on one carrier: the class first, and inside a class the alerts take turns.

Law: crisis > warm > public_interest > cold; every lane with due work keeps a floor of the carrier's rate, so that none
starves; inside a lane an alert to networks has a head start, so that it overtakes a country; then they take turns.
Classes have an order; members have none (R26).
"""

from collections.abc import Collection, Mapping
from itertools import islice
from typing import Final

from msgspec import Struct

from klaroen.core.model import CLASSES, AlertClass, AlertId

FLOORS: Final[dict[AlertClass, float]] = {"crisis": 0.0, "warm": 0.20, "public_interest": 0.05, "cold": 0.01}
"""Share of each carrier's rate that a lane with due work keeps beside higher ones (design 4)."""

CREDIT_MAX_SEGMENTS: Final = 2_000.0
"""What a lane may save up or owe: the floor of the largest turn, 250 messages of 30 parts. Whoever has a segment to its
credit goes next, so that it is not reached in practice [at 50, texts of three parts left warm 8 % beside a crisis]."""

SAVED_S: Final[dict[AlertClass, float]] = {"crisis": 0.0, "warm": 1.0, "public_interest": 0.0, "cold": 0.0}
"""What a lane without work keeps of its floor, in seconds of the carrier's rate: warm one, so that beside a crisis the
largest network is warned as fast as alone, not a fifth as fast. Its share of any minute stays."""

HEAD_START_SEGMENTS: Final = 250
"""Of one carrier: two carriers give a network of five hundred all it needs [by least served alone, networks of two
hundred and more waited 25 s beside a crisis, while ever new ones overtook them]."""

COUNTRY_MEMBERS: Final = 1_000
"""An alert to more has no head start, which is for networks: a street would wait for those of ten countries at once."""

FIRST_SEGMENTS: Final = 25
"""Of one carrier: a country's first turn, in which its first telephones ring."""

FIRST_TURNS: Final = 8
"""Of those that wait longest, one that had nothing yet goes before all: the first telephone of a street rings at once,
whatever is before it. No more than so many, so that on a very bad day those who came first are still finished first."""


class Lanes(Struct, frozen=True, gc=False):
    """Credits in segments, by lane: what its floor has earned while others went first."""

    rate_per_s: float
    """Segments a second of the carrier."""
    credits: tuple[float, ...] = (0.0,) * len(CLASSES)

    def credit(self, lane: AlertClass) -> float:
        return self.credits[CLASSES.index(lane)]

    def savings_max(self, lane: AlertClass) -> float:
        """Return how many segments the lane keeps while it has no work."""
        return min(CREDIT_MAX_SEGMENTS, SAVED_S[lane] * self.rate_per_s)


def choose_lane(
    lanes: Lanes,
    due: Collection[AlertClass],
    resting: Collection[AlertClass] = (),
    beginning: Collection[AlertClass] = (),
) -> AlertClass | None:
    """Return the lane whose turn it is, of those with due work (at least one).

    The highest goes first, unless a lower one has a whole segment of floor to its credit [the highest's own credit says
    nothing: counted, it took turn after turn with public_interest while cold starved]. `resting` have work that may not
    leave in this turn: where one of them would be next, nobody is. `beginning` have an alert that had nothing yet: its
    first telephones do not wait for what lower lanes have saved, only for what those with work have earned since.
    """
    highest, *lower = (lane for lane in CLASSES if lane in due or lane in resting)
    for lane in lower:
        put_off = lanes.savings_max(lane) if highest in beginning else 0.0
        if lane in due and lanes.credit(lane) >= 1.0 + put_off:
            return lane
    return highest if highest in due else None


def serve(lanes: Lanes, served: AlertClass, segments: int, due: Collection[AlertClass]) -> Lanes:
    """Book what was handed over: every lane earns its floor of it, the served one pays.

    Who has no work keeps no more than its savings. The highest of those with work neither earns nor pays: it takes what
    nobody else could have used first, and what it saved is there when a higher one comes. A lower one may owe, so that
    a long message on little credit is earned before the next.
    """
    highest = next(lane for lane in CLASSES if lane in due)
    credits_now = []
    for lane, credit in zip(CLASSES, lanes.credits, strict=True):
        if lane == highest:
            credits_now.append(min(lanes.savings_max(lane), max(0.0, credit)))
            continue
        earned = credit + FLOORS[lane] * segments - (segments if lane == served else 0)
        most = CREDIT_MAX_SEGMENTS if lane in due else lanes.savings_max(lane)
        credits_now.append(min(most, max(-CREDIT_MAX_SEGMENTS, earned)))
    return Lanes(lanes.rate_per_s, tuple(credits_now))


def allowance(lanes: Lanes, lane: AlertClass, due: Collection[AlertClass], segments: int) -> int:
    """Return how many segments the chosen lane may take in this turn: a lower one no more than its credit."""
    if any(other in due for other in CLASSES[: CLASSES.index(lane)]):
        return max(1, min(segments, int(lanes.credit(lane))))
    return segments


def head_start(members: int) -> int:
    """Return how many segments of one carrier an alert to so many people has before it takes turns with others."""
    return HEAD_START_SEGMENTS if members <= COUNTRY_MEMBERS else 0


def turn_max(served: Mapping[AlertId, int], alert: AlertId, members: int, segments: int) -> int:
    """Return how many of so many segments an alert may take in this turn: few in the first of one to a country."""
    is_first = not served.get(alert, 0)
    return segments if head_start(members) or not is_first else min(segments, FIRST_SEGMENTS)


def newcomer(served: Mapping[AlertId, int], waiting: Collection[AlertId]) -> AlertId | None:
    """Return the alert that waits for its first turn longest, if one of those that wait longest does."""
    return next((alert for alert in islice(waiting, FIRST_TURNS) if not served.get(alert, 0)), None)


def choose_alert(served: Mapping[AlertId, int], waiting: Collection[AlertId]) -> AlertId:
    """Return the alert of one lane whose turn it is.

    One that had nothing yet gets its first turn; then those within their head start go, in order of arrival: a network
    overtakes a country, and the next network does not overtake it. The others take turns, whoever had least.
    Shape: `waiting` in order of arrival, at least one.
    """
    first = newcomer(served, waiting)
    if first is not None:
        return first
    for alert in waiting:
        if served.get(alert, 0) < HEAD_START_SEGMENTS:
            return alert
    return min(waiting, key=lambda alert: served[alert])


def book_turn(
    served: Mapping[AlertId, int], alert: AlertId, members: int, segments: int, waiting: Collection[AlertId]
) -> int:
    """Return what the alert, to so many people, counts as served after these segments.

    Who has no head start counts as if it had used it up. Who leaves the head start counts as much as who had least of
    those who take turns: nobody waits for it to catch up. Nor for one that was away meanwhile: it keeps no more than a
    head start.
    """
    before = served.get(alert, 0)
    after = max(before + segments, HEAD_START_SEGMENTS - head_start(members))
    if after < HEAD_START_SEGMENTS:
        return after
    others = (served.get(other, 0) for other in waiting if other != alert)
    least = min((one for one in others if one >= HEAD_START_SEGMENTS), default=0)
    return max(after, least if before < HEAD_START_SEGMENTS else least - HEAD_START_SEGMENTS)
