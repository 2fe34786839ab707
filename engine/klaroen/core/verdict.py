"""What happens next to an attempt that is not proved: wait, again, elsewhere, the next step, or the end.

Law: one pure table over (state, history, class). *Unsent* goes on at once and burns no try; *Unknown* waits its grace
and then follows the class; what was accepted waits the step's time for proof (R15); whoever was not listening listens
for a grace before he judges; no second attempt starts before the first is settled.
"""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from klaroen.core.model import AlertClass, Batch, CarrierName, Channel, Instant
from klaroen.core.state import FAILED, HANDED_OVER, NETWORK, NONE, REFUSED, UNKNOWN, UNSENT

BACKOFF_S_MAX: Final = 60.0
"""Longest pause between tries of one step: a warm alert lives an hour, and a carrier that is back is soon used."""


class Patience(Struct, frozen=True):
    """How long one class waits. `waits` is each channel's time for proof, `attempts_max` the tries of one step."""

    waits: Mapping[Channel, float]
    grace_s: float
    attempts_max: int
    retry_s: float


# --- verdicts -------------------------------------------------------------------------------------------------------


class Wait(Struct, frozen=True, gc=False):
    """Nothing yet: ask again at `until`; None: only an event will change it."""

    until: Instant | None


class Again(Struct, frozen=True, gc=False):
    """The same step, by another batch."""

    due_at: Instant
    attempt_no: int
    deferrals: int
    passed: tuple[CarrierName, ...]
    only: CarrierName | None
    possible_duplicate: bool


class NextStep(Struct, frozen=True, gc=False):
    """The plan's next step for the member, at the hour when it falls due; if there is none, the obligation ends."""


Verdict = Wait | Again | NextStep


class Attempt(Struct, frozen=True, gc=False):
    """What the table looks at."""

    state: int
    answered_at: Instant
    """Of the outcome; acceptance where none came."""
    address_fault: bool = False
    """Refused for the address or the content: no carrier of this channel will do better."""
    retry_after_s: float | None = None
    throttled: bool = False
    quiet_at: Instant | None = None
    """Of a call: from when on nothing more is to be expected of it."""
    heard_from: Instant = Instant(0)
    """Since when we have been listening without a break: what came before that, its carrier is still to tell."""


def judge(
    attempt: Attempt,
    batch: Batch,
    carrier: CarrierName,
    keyed: bool,
    others: Collection[CarrierName],
    patience: Patience,
    now: Instant,
    draw: float,
) -> Verdict:
    """Return what happens to an attempt that has flown (or that its carrier could not take) and is not proved.

    Shape: `others` are the carriers of the channel, this one excepted, that may be used; `keyed` says that this one
    recognises a repeated key. Units: now in UTC ms; draw in [0, 1).
    """
    state = attempt.state
    if state in (NONE, UNSENT):
        return _unsent(attempt, batch, carrier, others, patience, now, draw)
    if state == UNKNOWN:
        return _unknown(attempt, batch, carrier, keyed, patience, now)
    if state == REFUSED:
        return _refused(attempt, batch, carrier, others, patience, now)
    if state == FAILED:
        return NextStep()
    assert state in (HANDED_OVER, NETWORK), f"attempt state {state} needs no verdict"
    until = _told_by(attempt, batch.wait_s, patience)
    return NextStep() if now >= until else Wait(until)


def _told_by(attempt: Attempt, wait_s: float, patience: Patience) -> Instant:
    """Return when whatever there is to tell of an attempt has been told."""
    quiet_at = attempt.quiet_at or attempt.answered_at + int(wait_s * 1000)
    return Instant(max(quiet_at, attempt.heard_from + int(patience.grace_s * 1000)))


def _unsent(
    attempt: Attempt,
    batch: Batch,
    carrier: CarrierName,
    others: Collection[CarrierName],
    patience: Patience,
    now: Instant,
    draw: float,
) -> Verdict:
    """Certainly not processed: elsewhere at once, or here after a pause. A throttle condemns nobody.

    What only one carrier may repeat stays with it: its first try is in doubt, and no other knows the key.
    """
    passed = batch.passed if attempt.throttled else (*batch.passed, carrier)
    fresh = [name for name in others if name not in passed]
    if attempt.throttled:
        due = now + int(1000 * (attempt.retry_after_s or 0.0))
        return Again(
            Instant(due), batch.attempt_no, batch.deferrals, batch.passed, batch.only, batch.possible_duplicate
        )
    if fresh and batch.only is None:
        return Again(now, batch.attempt_no, batch.deferrals, passed, None, batch.possible_duplicate)
    pause_s = max(attempt.retry_after_s or 0.0, backoff_s(patience.retry_s, batch.deferrals, draw))
    due = Instant(now + int(1000 * pause_s))
    return Again(due, batch.attempt_no, batch.deferrals + 1, (), batch.only, batch.possible_duplicate)


def _unknown(
    attempt: Attempt, batch: Batch, carrier: CarrierName, keyed: bool, patience: Patience, now: Instant
) -> Verdict:
    """May have been processed: a key makes the repeat harmless; else the grace, then the class decides.

    A carrier that delivers and never says so would ring for ever: resends are as few as tries.
    """
    if keyed:
        pause = Instant(now + int(1000 * backoff_s(patience.retry_s, batch.deferrals, 0.0)) * (batch.deferrals > 0))
        return Again(pause, batch.attempt_no, batch.deferrals + 1, (), carrier, False)
    until = _told_by(attempt, patience.grace_s, patience)
    if now < until:
        return Wait(until)
    if not RESENDS_UNKNOWN[batch.alert_class]:
        return Wait(None)
    if batch.possible_duplicate and batch.deferrals + 1 >= patience.attempts_max:
        return NextStep()
    return Again(now, batch.attempt_no, batch.deferrals + 1, (), None, True)


def _refused(
    attempt: Attempt,
    batch: Batch,
    carrier: CarrierName,
    others: Collection[CarrierName],
    patience: Patience,
    now: Instant,
) -> Verdict:
    """A definite no: another carrier if it was this one's own, else the next step."""
    passed = (*batch.passed, carrier)
    fresh = [name for name in others if name not in passed]
    if attempt.address_fault or not fresh or batch.attempt_no + 1 >= patience.attempts_max:
        return NextStep()
    return Again(now, batch.attempt_no + 1, 0, passed, None, batch.possible_duplicate)


RESENDS_UNKNOWN: Final[Mapping[AlertClass, bool]] = {
    "crisis": True,
    "warm": True,
    "public_interest": True,
    "cold": False,
}
"""After the grace: twice is better than not at all, save for a cold message, which waits for an operator."""


def backoff_s(first_s: float, deferrals: int, draw: float) -> float:
    """Return the pause before the next try: doubling from `first_s`, capped, ± 25 % so that none march in step."""
    return min(BACKOFF_S_MAX, first_s * 2.0 ** min(deferrals, 16)) * (0.75 + 0.5 * draw)
