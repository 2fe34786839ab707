"""Whether a carrier that is connected and answers does its work: well, slow, throttling, or taking and proving nothing.

Law: one value, moved by what is observed; `now` comes in. A carrier is compared with its own past and with the others
of its channel, so that what all suffer condemns none. One that ails is tried again with few messages after a pause
that doubles. Beside it stands the breaker (`core/pace`), for carriers that do not answer at all.
"""

from collections.abc import Collection, Mapping
from typing import Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from klaroen.core.model import Instant
from klaroen.core.proofs import RIPE_MS, Proofs, count, share

Condition = Literal["well", "slow", "throttling", "unproved"]
CONDITIONS: Final[tuple[Condition, ...]] = get_args(Condition)

WORTH: Final[Mapping[Condition, int]] = {"well": 2, "slow": 1, "throttling": 0, "unproved": 0}
"""Of carriers that all ail, one that is late is better than one that takes nothing, or takes it for nothing."""

GOOD_WEIGHT: Final = 0.02
"""How much one list of answers moves the share of good ones: some fifty lists forget an old fault."""
GOOD_MIN: Final = 0.05
"""A carrier of which every answer is bad still counts as much: it must be seen to get better."""

USUAL_MS_MIN: Final = 50.0
"""Nobody is called slow for less than three times this: so much our own machine adds under load."""
USUAL_WEIGHT: Final = 0.02
PRESENT_WEIGHT: Final = 0.2
"""Of one list of answers: the usual time forgets in fifty lists, the present one in five."""
LATE_MAX: Final = 3.0
"""Times as long as expected that is slow [ten times slower shows 4 and more; a country's load 2]."""
LEARN_MAX: Final = 1.5
"""What is later is not learnt as usual: else the usual time would follow the present one before that is called slow."""
LATE_BESIDE: Final = 2.0
"""And so many times as late as the best of the others: what slows all of them is our own machine."""
TIMED_MS: Final = 2_000
"""Who answered nothing for so long is no measure for the others."""
LATE_MS: Final = 1_000
"""For so long: a pause of the carrier's is none of our business."""
PAUSE_MS: Final = 200
"""Nothing at all for so long, and far beyond what is expected, and the next go to others meanwhile: what a carrier that
has gone silent holds is in doubt for ten seconds, and 45 people wait for it instead of 200."""
WAITING_MS: Final = 750
"""Nothing at all for so long, and far beyond what is expected, is slow at once; at two seconds the breaker opens."""

REFUSING_MS: Final = 1_000
"""Throttled and nothing taken for so long: the rate has been halved five times by then, and who counts by the second
has begun a new one. Whoever is left for nothing is tried again after five."""

SHARE_LOW: Final = 0.25
"""Proved to less than a quarter of what is usual or what others prove."""
SHARE_TELLING: Final = 0.3
"""Where even the best proves less, receipts tell nothing."""
SHARE_WEIGHT: Final = 0.01

TRIAL: Final = 5
"""Messages of one trial: so many people may wait a step's time for the next channel."""
TRIAL_MS: Final = 5_000
TRIAL_MS_MAX: Final = 300_000
"""The first pause before a trial, and the longest: it doubles each time that a trial fails."""
TRIAL_ANSWER_MS: Final = 3_000
"""A trial without an answer by then has failed."""


class Health(Struct, frozen=True, gc=False):
    """`good` is the share of answers that condemned nobody; `usual_ms` the answer time of its past, 0: unknown."""

    condition: Condition = "well"
    good: float = 1.0
    usual_ms: float = 0.0
    answer_ms: float = 0.0
    """Present answer time; 0 if unknown."""
    timed_at: Instant = Instant(0)
    late_since: Instant = Instant(0)
    refusing_since: Instant = Instant(0)
    proofs: Proofs = ()
    usual_share: float | None = None
    trial_at: Instant = Instant(0)
    """When it may be tried, while it ails."""
    trial_ms: int = TRIAL_MS
    tried_at: Instant = Instant(0)
    """A trial is under way since."""
    answers: int = 0
    """Lists of answers of the trial."""


def is_well(health: Health) -> bool:
    return health.condition == "well"


def is_better(one: Health, other: Health) -> bool:
    """Say whether messages should rather go to the one, where both can carry them."""
    return WORTH[one.condition] > WORTH[other.condition]


def falters(health: Health, silent_ms: int) -> bool:
    """Say whether messages had better go to another for the moment: it is late, silent, or takes nothing.

    Nothing is held against it: either it answers as ever in the next moment, or it is condemned within the next second.
    Nor is silence, before it is known how soon it answers.
    """
    if health.late_since or health.refusing_since:
        return True
    return health.answer_ms > 0.0 and silent_ms >= max(PAUSE_MS, LATE_MAX * health.answer_ms)


def trial_is_due(health: Health, now: Instant) -> bool:
    """Say whether an ailing carrier may be handed the messages of a trial."""
    return health.condition != "well" and not health.tried_at and now >= health.trial_at


# --- what is observed -----------------------------------------------------------------------------------------------


def answered(health: Health, good: float, took: int, throttled: bool, now: Instant) -> Health:
    """A list of answers came: the share of them that condemns nobody, how many it took, whether it asked to slow down.

    Taking one message ends its throttling.
    """
    refusing = Instant(0) if took else health.refusing_since or (now if throttled else Instant(0))
    level = health.good + GOOD_WEIGHT * (good - health.good)
    return replace(health, good=level, refusing_since=refusing, answers=health.answers + 1)


def timed(health: Health, answer_ms: float, now: Instant) -> Health:
    """One answer took so long: we hand over no faster than a carrier drains, so that it need not wait for others.

    The usual time is learnt while the carrier is not late: one that gets slower is not taken for one that always was.
    """
    present = health.answer_ms + PRESENT_WEIGHT * (answer_ms - health.answer_ms) if health.answer_ms else answer_ms
    health = replace(health, answer_ms=present, usual_ms=health.usual_ms or answer_ms, timed_at=now)
    late = lateness(health)
    usual = health.usual_ms + (USUAL_WEIGHT * (answer_ms - health.usual_ms) if late <= LEARN_MAX else 0.0)
    return replace(health, usual_ms=usual, late_since=(health.late_since or now) if late > LATE_MAX else Instant(0))


def lateness(health: Health) -> float:
    """Return the present answer time over the usual one."""
    return health.answer_ms / max(USUAL_MS_MIN, health.usual_ms)


def taken(health: Health, flown_at: Instant, attempts: int) -> Health:
    """It took so many attempts that left at that instant, of a channel whose arrival is proved by receipts."""
    return replace(health, proofs=count(health.proofs, flown_at, taken=attempts))


def proved(health: Health, flown_at: Instant, attempts: int) -> Health:
    """Receipts proved so many of those."""
    return replace(health, proofs=count(health.proofs, flown_at, proved=attempts))


# --- what it comes to -----------------------------------------------------------------------------------------------


def judge(
    health: Health,
    others: Collection[Health],
    silent_ms: int,
    heard_until: Instant,
    now: Instant,
    *,
    late: bool = False,
) -> Health:
    """Return the health as it is judged now, beside the usable others of its channels.

    Shape: `silent_ms` is for how long something has been unanswered without a sign of life; `heard_until` up to when
    receipts have been applied: what lies unread says nothing against a carrier. `late`: we are short of time ourselves,
    and hold against nobody but what he says, which is that he is asked for too much.
    """
    if health.condition != "well":
        return _judge_trial(health, others, heard_until, now, late=late) if health.tried_at else health
    if health.refusing_since and now - health.refusing_since >= REFUSING_MS:
        return _condemn(health, "throttling", now)
    if late:
        return health
    known = share(health.proofs, heard_until)
    if _is_slow(health, others, silent_ms, now):
        return _condemn(health, "slow", now)
    if known is not None:
        if known < SHARE_LOW * _telling_share(health, others, heard_until):
            return _condemn(health, "unproved", now)
        usual = known if health.usual_share is None else health.usual_share
        return replace(health, usual_share=usual + SHARE_WEIGHT * (known - usual))
    return health


def _is_slow(health: Health, others: Collection[Health], silent_ms: int, now: Instant) -> bool:
    if silent_ms >= max(WAITING_MS, LATE_MAX * health.answer_ms):
        return True
    if not health.late_since or now - health.late_since < LATE_MS:
        return False
    beside = (lateness(one) for one in others if now - one.timed_at < TIMED_MS)
    return lateness(health) > LATE_BESIDE * min(beside, default=0.0)


def _telling_share(health: Health, others: Collection[Health], heard_until: Instant) -> float:
    """Return what a carrier should prove: what the best of the others does now, else what it used to; 0: none tells."""
    now_known = [one for other in others if (one := share(other.proofs, heard_until)) is not None]
    best = max(now_known, default=health.usual_share or 0.0)
    return best if best >= SHARE_TELLING else 0.0


def _condemn(health: Health, condition: Condition, now: Instant) -> Health:
    return replace(health, condition=condition, trial_at=Instant(now + health.trial_ms), tried_at=Instant(0))


def begin_trial(health: Health, now: Instant) -> Health:
    """The messages of a trial have left: only what they show counts from now on."""
    return replace(
        health,
        tried_at=now,
        answers=0,
        answer_ms=0.0,
        late_since=Instant(0),
        refusing_since=Instant(0),
        proofs=(),
    )


def _judge_trial(
    health: Health, others: Collection[Health], heard_until: Instant, now: Instant, *, late: bool
) -> Health:
    """Return it well, condemned anew for twice as long, or as it is while the trial shows nothing yet.

    While we are late an answer may take twice as long, and what came is no proof against anybody but a throttle.
    """
    if not health.answers:
        return health if now - health.tried_at < TRIAL_ANSWER_MS * (1 + late) else _fail(health, now)
    if health.condition == "unproved":
        if heard_until - health.tried_at < RIPE_MS:
            return health
        own = [one for one in health.proofs if one.second >= health.tried_at // 1000]
        known = sum(one.proved for one in own) / max(1, sum(one.taken for one in own))
        passed = known > SHARE_LOW * _telling_share(health, others, heard_until)
    elif health.condition == "slow":
        passed = lateness(health) <= LATE_MAX
    else:
        passed = not health.refusing_since
    if passed:
        return recovered(health)
    return health if late and health.condition != "throttling" else _fail(health, now)


def _fail(health: Health, now: Instant) -> Health:
    """Who stays slow is its own new usual in the end: each failed trial moves it a little."""
    usual = health.usual_ms
    if health.condition == "slow" and health.answer_ms:
        usual += USUAL_WEIGHT * (health.answer_ms - usual)
    longer = min(TRIAL_MS_MAX, health.trial_ms * 2)
    return _condemn(replace(health, trial_ms=longer, usual_ms=usual), health.condition, now)


def recovered(health: Health) -> Health:
    """Nothing is held against it any more; what is usual of it stays known."""
    return Health(good=health.good, usual_ms=health.usual_ms, usual_share=health.usual_share)
