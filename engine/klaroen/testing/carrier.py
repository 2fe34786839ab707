"""The checks: each is one promise of the port, in its docstring."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from klaroen.core.errors import CarrierDownError
from klaroen.core.model import Channel
from klaroen.core.ports import Accepted, Carrier, Clock, Delivered, Emit, Refused, Unknown, Unsent
from klaroen.testing.calls import CALL_CHECKS, CALL_NEEDS, assert_in_order
from klaroen.testing.rig import DEADLINE_S, PATIENCE_S, TEXTS, CarrierRig, Manner, Peer, overheard

LATENESS_S: Final = 1.0
"""By which an `Unknown` may be later than its deadline: a ring of timers turns once a second."""
GONE_AFTER: Final = 5
"""Messages by which a carrier must have noticed that nobody is there."""

Check = Callable[[CarrierRig], Awaitable[None]]


async def says_down_until_it_runs(rig: CarrierRig) -> None:
    """Nothing is taken before the carrier runs; then it says that it is up, and how much it may be offered at once."""
    await _assert_down(rig)
    async with rig.running():
        link = rig.link()
        assert link is not None
        assert link.window > 0, "an open link without a window"
    assert not rig.peer.copies, "written while down"


async def answers_each_envelope_once(rig: CarrierRig) -> None:
    """Every envelope gets one answer, and every handset one copy with exactly the text, or none of that text at all."""
    async with rig.running():
        offered = [rig.envelopes(count, text) for count, text in zip((1, 12, 7), TEXTS, strict=True)]
        for envelopes in offered:
            await rig.carrier.hand_over(envelopes)
        mixed = [*rig.envelopes(2, TEXTS[0]), *rig.envelopes(2, TEXTS[1])]
        await rig.carrier.hand_over(mixed)
        taken = []
        for envelope, outcome in zip(rig.offered, await rig.wait_answers(rig.offered), strict=True):
            if isinstance(outcome, Accepted | Delivered):
                taken.append(envelope)
            else:  # a channel that cannot carry a text exactly says so of the text, and of no plain one
                unable = isinstance(outcome, Refused) and outcome.scope == "content"
                assert unable and envelope.content.text != TEXTS[0], f"not accepted: {outcome}"  # noqa: PT018 - one thing
        await rig.wait_copies(len(taken))
    expected = sorted((envelope.address, "" if rig.calls else envelope.content.text) for envelope in taken)
    found = sorted((copy.address, "" if rig.calls else copy.text) for copy in rig.peer.copies)
    assert expected == found, "lost, doubled or altered"  # what a call plays is its clip, not its text


async def takes_a_refusal_for_one(rig: CarrierRig) -> None:
    """A definite no is `Refused`, and the link stays up for the next message."""
    async with rig.running():
        await rig.peer.behave("refuse")
        envelopes = rig.envelopes(3)
        await rig.carrier.hand_over(envelopes)
        for outcome in await rig.wait_answers(envelopes):
            assert isinstance(outcome, Refused), f"a refusal became {outcome}"
        await rig.peer.behave("accept")
        again = rig.envelopes(1)
        await rig.carrier.hand_over(again)
        assert isinstance((await rig.wait_answers(again))[0], Accepted | Delivered)


async def calls_silence_unknown_in_time(rig: CarrierRig) -> None:
    """What was written and not answered may have been processed: `Unknown`, by its deadline."""
    async with rig.running():
        await rig.peer.behave("silence")
        started_at = trio.current_time()
        envelopes = rig.envelopes(3)
        await rig.carrier.hand_over(envelopes)
        for outcome in await rig.wait_answers(envelopes):
            assert isinstance(outcome, Unknown), f"silence became {outcome}"
        assert trio.current_time() - started_at <= DEADLINE_S + LATENESS_S, "an answer after its deadline"


async def calls_a_cut_unknown(rig: CarrierRig) -> None:
    """A connection that ends with messages in flight: what the far end had read is never said to be unsent."""
    async with rig.running():
        await rig.peer.behave("cut")
        envelopes = rig.envelopes(1)
        await rig.carrier.hand_over(envelopes)
        (outcome,) = await rig.wait_answers(envelopes)
        assert isinstance(outcome, Unknown), f"a cut became {outcome}"
        assert len(rig.peer.copies) == 1, "written again by itself"


async def writes_nothing_while_down(rig: CarrierRig) -> None:
    """With the far end away a message is unsent, not lost and not kept; when it is back the carrier says so."""
    async with rig.running():
        await rig.peer.behave("away")
        for _ in range(GONE_AFTER):
            lost = rig.envelopes(1)
            try:
                await rig.carrier.hand_over(lost)
            except CarrierDownError:
                break
            (outcome,) = await rig.wait_answers(lost)
            assert isinstance(outcome, Unsent | Unknown), f"away, and yet {outcome}"
        await rig.wait_link(up=False)
        await _assert_down(rig)
        await rig.peer.behave("accept")
        await rig.wait_link(up=True)
        assert not rig.peer.copies, "kept, and written later by itself"
        again = rig.envelopes(1)
        await rig.carrier.hand_over(again)
        assert isinstance((await rig.wait_answers(again))[0], Accepted | Delivered)


async def drains(rig: CarrierRig) -> None:
    """Draining takes nothing more and returns when all is answered, or when its time is up."""
    async with rig.running():
        envelopes = rig.envelopes(5)
        await rig.carrier.hand_over(envelopes)
        with trio.fail_after(PATIENCE_S):
            await rig.carrier.drain(PATIENCE_S / 2)
        assert all(rig.answers(envelope) for envelope in envelopes), "drained with answers owing"
        await _assert_down(rig)


async def drains_no_longer_than_it_may(rig: CarrierRig) -> None:
    """A far end that is silent does not hold the process."""
    async with rig.running():
        await rig.peer.behave("silence")
        await rig.carrier.hand_over(rig.envelopes(2))
        started_at = trio.current_time()
        await rig.carrier.drain(DEADLINE_S / 5)
        assert trio.current_time() - started_at <= DEADLINE_S / 5 + LATENESS_S, "drained for too long"


CARRIER_CHECKS: Final[Sequence[Check]] = (
    says_down_until_it_runs,
    answers_each_envelope_once,
    takes_a_refusal_for_one,
    calls_silence_unknown_in_time,
    calls_a_cut_unknown,
    writes_nothing_while_down,
    drains,
    drains_no_longer_than_it_may,
    *CALL_CHECKS,
)
_NEEDS: Final[dict[object, Manner]] = {
    **CALL_NEEDS,
    takes_a_refusal_for_one: "refuse",
    calls_silence_unknown_in_time: "silence",
    calls_a_cut_unknown: "cut",
    writes_nothing_while_down: "away",
    drains_no_longer_than_it_may: "silence",
}


async def carrier_conformance(
    check: Check,
    build: Callable[[Emit, Clock], Carrier],
    peer: Peer,
    *,
    channel: Channel = "sms",
    secrets: Sequence[str] = (),
) -> None:
    """Run one of CARRIER_CHECKS. Raises AssertionError, or trio's group around it."""
    need = _NEEDS.get(check)
    if need is not None and need not in peer.manners:
        return
    if check in CALL_CHECKS and channel not in ("voice", "tts"):
        return
    with overheard() as said:
        rig = CarrierRig(build, peer, channel)
        await check(rig)
    for envelope in rig.offered:
        answers = rig.answers(envelope)
        assert len(answers) <= 1, f"several answers to one envelope: {answers}"
        if rig.calls:
            assert_in_order(rig.events, envelope.attempt)
    words = said.getvalue()
    private = {*secrets, *(envelope.address for envelope in rig.offered), *TEXTS[1:]}
    leaked = sum(word in words or word.removeprefix("+") in words for word in private)
    assert leaked == 0, f"{leaked} numbers, texts or secrets in what was logged or printed"


async def _assert_down(rig: CarrierRig) -> None:
    envelopes = rig.envelopes(1)
    words: str | None = None
    try:
        await rig.carrier.hand_over(envelopes)
    except CarrierDownError as error:
        words = str(error)
    assert words is not None, "took an envelope while down or draining"
    assert envelopes[0].address not in words, "a number in an exception"
    assert not rig.answers(envelopes[0]), "CarrierDownError, and an answer too"
