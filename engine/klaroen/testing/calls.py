"""The checks of calls: what a carrier promises of a line that it was given.

Law: a check here looks at a carrier of calls alone; of any other it passes without having looked.
"""

from collections.abc import Sequence
from typing import Final

import trio

from klaroen.core.model import AttemptId
from klaroen.core.ports import Accepted, Answer, Call, Event, Receipt, Refused, Unsent
from klaroen.testing.rig import PATIENCE_S, RING_S, CarrierRig, Manner

AFTERWARDS_S: Final = 5.0
"""How long a carrier is listened to after the last call has ended, for what must not come."""
LATENESS_S: Final = 5.0
"""By which a call that rings may be given up later than it should: a CANCEL and its answer take a moment."""


async def ends_each_call_once(rig: CarrierRig) -> None:
    """A call that was taken is answered at most once and ends once; what it proved is said before its end."""
    async with rig.running():
        envelopes = rig.envelopes(3)
        await rig.carrier.hand_over(envelopes)
        for outcome in await rig.wait_answers(envelopes):
            assert isinstance(outcome, Accepted), f"not accepted: {outcome}"
        await rig.wait_ends(envelopes)
        await trio.sleep(AFTERWARDS_S)
        for envelope in envelopes:
            said = [_name(event) for event in of_call(rig.events, envelope.attempt)]
            assert {"reached", "answered"} <= set(said), f"answered and played, and yet only {said}"


async def has_no_call_to_end_that_it_refused(rig: CarrierRig) -> None:
    """What was not accepted is no call: nothing but the answer is said of it."""
    async with rig.running():
        await rig.peer.behave("refuse")
        envelopes = rig.envelopes(2)
        await rig.carrier.hand_over(envelopes)
        for outcome in await rig.wait_answers(envelopes):
            assert isinstance(outcome, Refused | Unsent), f"a refusal became {outcome}"
        await trio.sleep(AFTERWARDS_S)
        for envelope in envelopes:
            said = [_name(event) for event in of_call(rig.events, envelope.attempt)]
            assert not said, f"of a call that never was: {said}"


async def gives_up_what_rings(rig: CarrierRig) -> None:
    """A telephone that nobody answers rings for as long as the script says, and then it is said to have failed."""
    async with rig.running():
        await rig.peer.behave("ring")
        envelopes = rig.envelopes(2)
        started_at = trio.current_time()
        await rig.carrier.hand_over(envelopes)
        await rig.wait_ends(envelopes)
        rang_s = trio.current_time() - started_at
        assert RING_S - 1.0 <= rang_s <= RING_S + LATENESS_S, f"rang for {rang_s:.1f} s"
        _assert_nobody_answered(rig, [envelope.attempt for envelope in envelopes])


async def lets_nothing_ring_beyond_its_alert(rig: CarrierRig) -> None:
    """A call that still rings when its alert expires is given up."""
    async with rig.running():
        await rig.peer.behave("ring")
        envelopes = rig.envelopes(2, lives_s=RING_S / 2)
        started_at = trio.current_time()
        await rig.carrier.hand_over(envelopes)
        await rig.wait_ends(envelopes)
        rang_s = trio.current_time() - started_at
        assert rang_s <= RING_S / 2 + LATENESS_S, f"rang for {rang_s:.1f} s"
        _assert_nobody_answered(rig, [envelope.attempt for envelope in envelopes])


async def drains_its_calls(rig: CarrierRig) -> None:
    """Draining waits for the calls that stand, so that nobody is cut off in the middle of a sentence."""
    async with rig.running():
        envelopes = rig.envelopes(2)
        await rig.carrier.hand_over(envelopes)
        await rig.wait_answers(envelopes)
        with trio.fail_after(2 * PATIENCE_S):
            await rig.carrier.drain(PATIENCE_S)
        assert all(rig.has_ended(envelope.attempt) for envelope in envelopes), "drained with calls standing"


CALL_CHECKS: Final = (
    ends_each_call_once,
    has_no_call_to_end_that_it_refused,
    gives_up_what_rings,
    lets_nothing_ring_beyond_its_alert,
    drains_its_calls,
)
CALL_NEEDS: Final[dict[object, Manner]] = {
    has_no_call_to_end_that_it_refused: "refuse",
    gives_up_what_rings: "ring",
    lets_nothing_ring_beyond_its_alert: "ring",
}


def of_call(events: Sequence[Event], attempt: AttemptId) -> list[Receipt | Call]:
    """Return what was said of one call, save that it rings."""
    return [
        event
        for event in events
        if isinstance(event, Receipt | Call)
        and event.attempt == attempt
        and not (isinstance(event, Receipt) and event.state == "buffered")
    ]


def assert_in_order(events: Sequence[Event], attempt: AttemptId) -> None:
    """Whatever was checked: a call is accepted, answered at most once, proved, and ended once, in this order."""
    said = of_call(events, attempt)
    names = [_name(event) for event in said]
    assert names.count("answered") <= 1, f"answered more than once: {names}"
    assert names.count("ended") <= 1, f"ended more than once: {names}"
    assert "ended" not in names[:-1], f"something was said after the end: {names}"
    if "reached" in names or "confirmed" in names:
        assert names[0] == "answered", f"proved before it was answered: {names}"
    for event in said:
        if isinstance(event, Call):
            assert event.seconds >= 0, "less than no time"
            answers = [e for e in events[: events.index(event)] if isinstance(e, Answer) and e.attempt == attempt]
            taken = [isinstance(answer.outcome, Accepted) for answer in answers]
            assert taken == [True], f"{event.phase} of a call that was not accepted"


def _assert_nobody_answered(rig: CarrierRig, attempts: Sequence[AttemptId]) -> None:
    for attempt in attempts:
        said = of_call(rig.events, attempt)
        assert [_name(event) for event in said] == ["failed", "ended"], f"nobody answered, and yet {said}"
        assert isinstance(said[-1], Call)
        assert said[-1].seconds == 0, "talked with nobody"


def _name(event: Receipt | Call) -> str:
    return event.phase if isinstance(event, Call) else event.state
