"""What Klaroen promises, one pure function each: facts in, and whether the promise was kept.

Law: a promise looks at facts alone (`facts`); its docstring is the sentence that users may hold us to, and its name is
what a broken world is known by.
"""

from collections.abc import Sequence
from typing import Final

from klaroen.core.model import CALL_CHANNELS
from klaroen.core.ports import Refused, Unknown, Unsent
from klaroen.core.state import REACHED, fold_parts
from klaroen.testing.simulator.facts import (
    Answering,
    Closed,
    Copied,
    Covered,
    Ended,
    Expanded,
    HandOver,
    Kin,
    Load,
    Prior,
    Proved,
    Share,
    Succession,
    Tallied,
    Warrant,
)

ROUNDING_MS: Final = 2
"""Instants are whole milliseconds; durations are not."""
STOPS_S: Final = 0.2
"""So soon after what somebody has decided is on the disk, nothing leaves against it."""
MAY_FLY: Final = frozenset({"accepted", "sending"})


# --- nothing lost -----------------------------------------------------------------------------------------------------


def nothing_accepted_is_lost(answered: Sequence[str], durable: Sequence[str]) -> bool:
    """Every alert that was answered with 202 is on disk, and stays there whatever dies."""
    return set(answered) <= set(durable)


def what_was_written_is_read_again(read: object, written: object) -> bool:
    """A restart finds every open batch as the last commit left it: its row, and the fold of snapshot and journal."""
    return read == written


def expansion_leaves_nobody_out(fact: Expanded) -> bool:
    """Everybody whom an alert can reach stands in exactly one batch as soon as expansion has passed him."""
    return sorted([*fact.planned, *fact.unreachable]) == list(range(fact.first, fact.end))


def everybody_has_one_place(fact: Succession) -> bool:
    """A delivery leaves a batch for exactly one successor, in the same commit, and only from where it stood."""
    return sorted(fact.moved) == sorted(fact.succeeded) and all(place == fact.batch for place in fact.places)


def a_batch_ends_when_nobody_waits(fact: Ended) -> bool:
    """A batch is done only when each delivery is reached, moved on or at its end, and nothing is unanswered."""
    return fact.open == 0 and fact.unanswered == 0


def receipts_are_kept_before_they_are_acknowledged(acknowledged: Sequence[object], durable: Sequence[object]) -> bool:
    """What a carrier was told is stored is stored."""
    return all(one in durable for one in acknowledged)


def proof_is_never_forgotten(fact: Proved) -> bool:
    """Whoever is proved reached by receipts that we acknowledged counts as reached in the end."""
    return fact.state == REACHED or fold_parts(fact.parts, fact.rule) != REACHED


def everything_ends(open_alerts: Sequence[str], waiting: int, unanswered: int) -> bool:
    """Soon after the last expiry every alert is closed, and nothing waits to leave or for an answer."""
    return not open_alerts and not waiting and not unanswered


# --- nothing twice ----------------------------------------------------------------------------------------------------


def what_leaves_is_covered(fact: HandOver) -> bool:
    """Nothing leaves that no durable lease and cursor of this carrier covers, or that has left from there before."""
    return fact.leased and fact.index < fact.cursor and not fact.left_before


def whoever_leaves_stands_there(fact: HandOver) -> bool:
    """A delivery is handed over from the one batch in which it stands."""
    return fact.place == fact.batch


def the_last_attempt_is_settled(fact: HandOver) -> bool:
    """No attempt leaves before the one before it is settled: answered, given its time, and after a start its grace."""
    return fact.prior is None or _is_settled(fact.prior, fact)


def _is_settled(prior: Prior, fact: HandOver) -> bool:
    if fact.keyed and prior.attempt == fact.attempt:
        return True  # its carrier knows the key
    is_call = prior.channel in CALL_CHANNELS
    outcome, now = prior.outcome, fact.at + ROUNDING_MS
    if isinstance(outcome, Refused | Unsent) or prior.failed:
        return True
    if prior.life < fact.life and not prior.judged and now < fact.life_began_at + fact.grace_ms:
        return False  # its carrier may still have to tell what nobody heard
    if outcome is None:  # a crash took the answer, or it never came
        return prior.life < fact.life
    if isinstance(outcome, Unknown):
        return now >= prior.answered_at + fact.grace_ms
    if is_call and (prior.ended or prior.life < fact.life):
        return True
    return now >= prior.answered_at + prior.wait_ms


def doubles_are_said_beforehand(fact: HandOver) -> bool:
    """Who may get an alert a second time by one channel was counted as a possible duplicate before it leaves."""
    return not fact.copies_before or fact.possible_duplicate


def the_reached_are_left_alone(fact: HandOver) -> bool:
    """Nobody is tried again once proof of arrival is in the journal."""
    return not fact.reached


def what_is_in_doubt_is_bounded(fact: Covered) -> bool:
    """No crash can leave more in doubt than `dispatch.unjournaled_max` submissions, all carriers together."""
    return fact.in_doubt <= fact.most


# --- nothing altered --------------------------------------------------------------------------------------------------


def what_arrives_is_what_was_posted(fact: HandOver) -> bool:
    """The handset gets the authority's own characters, at the number of the person whose delivery it is."""
    return fact.text == fact.posted and fact.address == fact.number


def reached_means_proof(fact: Proved) -> bool:
    """Nobody counts as reached without receipts that said so, of as many parts as his carrier's receipts speak of."""
    return fact.state != REACHED or fold_parts(fact.parts, fact.rule) == REACHED


def counters_equal_the_fold(fact: Tallied) -> bool:
    """What users are shown is what the journal makes, and the seven counts sum to the members."""
    return list(fact.shown) == list(fact.folded) and sum(fact.shown) == fact.members


def closing_accounts_are_the_journal(fact: Closed) -> bool:
    """An alert is closed when everybody has an end, with exactly the account that its journal makes."""
    return fact.account == fact.folded and fact.pending == 0


# --- on whose word ----------------------------------------------------------------------------------------------------


def nothing_leaves_without_a_word(fact: Warrant) -> bool:
    """Without a grant a coordinator's message leaves after an officer's word, what four eyes are for after a second."""
    return fact.consented or not fact.asks


def a_grant_that_is_gone_carries_nothing(fact: Warrant) -> bool:
    """200 ms after a grant is withdrawn or has ended, nothing leaves that rests on it."""
    return fact.consented or not fact.granted or fact.ungranted_s <= STOPS_S


def officers_get_their_copy(fact: Copied) -> bool:
    """What is sent under a grant goes to the officers too, in the same commit and the same words."""
    return not fact.granted or (len(fact.copies) > 0 and all(text == fact.text for text in fact.copies))


def a_stopped_network_gets_nothing(fact: Warrant) -> bool:
    """200 ms after a network is stopped, nothing leaves to who is in no other network of the alert."""
    return fact.stopped_s <= STOPS_S


def who_wants_none_gets_nothing_cold(fact: Warrant) -> bool:
    """200 ms after a STOP or a farewell is kept, nothing cold leaves to who said so, by the channels that he meant."""
    return fact.quiet_s <= STOPS_S


def a_reply_is_answered_once(fact: Answering) -> bool:
    """Who writes back is answered once an alert, however often he writes, and nobody else is."""
    return fact.answers <= fact.owed


def corrections_go_to_whom_they_concern(fact: Kin) -> bool:
    """An extension leaves out who was reached, a follow-up goes to who was handed it, a correction to all networks."""
    if fact.extends:
        return not fact.members & fact.reached
    return fact.members <= fact.handed if fact.follows else fact.owed <= fact.networks


# --- when and how fast ------------------------------------------------------------------------------------------------


def nothing_leaves_that_was_stopped(fact: HandOver) -> bool:
    """After pause, cancel and supersession are durable nothing of the alert leaves, and nothing after its expiry."""
    return fact.state in MAY_FLY and fact.at < fact.expires_at


def drills_stay_inside(fact: HandOver) -> bool:
    """No byte of a drill reaches a real carrier."""
    return fact.mode != "drill"


def no_carrier_above_its_rate(fact: Load) -> bool:
    """A carrier is handed no more segments than its rate allows, but for a tenth of a second's burst."""
    return fact.tokens >= min(fact.parts, fact.full)


def no_carrier_above_its_window(fact: Load) -> bool:
    """No more is unanswered than the carrier's window holds; one longer than that goes alone."""
    return fact.unanswered + fact.parts <= fact.window or fact.unanswered == 0


def no_carrier_above_its_lines(fact: Load) -> bool:
    """No more calls are up than the trunk has lines."""
    return fact.lines is None or fact.calls_up < fact.lines


def lanes_keep_their_order(fact: Share) -> bool:
    """While a higher class has work for a carrier, a lower one gets no more than its floor of what that is handed."""
    return fact.behind <= fact.floor * fact.handed + fact.parts + 1


def nothing_of_ours_breaks(words: str) -> bool:
    """No assertion of ours fails, no carrier is said to have crashed, and the audit of itself finds nothing."""
    return not words
