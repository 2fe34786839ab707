"""Receipts: early, late, repeated, from strangers, and more than the store can take."""

import pytest
import trio
from tests.simulation.audit import audit
from tests.simulation.world import GRACE_S, SMS_S, TEXT_ONLY, network, sheets

from klaroen.core import calls
from klaroen.core.model import AlertId, Instant
from klaroen.core.ports import Receipt, Unknown
from klaroen.core.sheet import NEVER
from klaroen.core.views import AcceptedView
from klaroen.dispatch import closing
from klaroen.dispatch.amending import amend
from klaroen.dispatch.closing import forget_closed
from klaroen.dispatch.settle import find
from klaroen.testing.deeds import PROVED, UNPROVED, Deed, Proof
from klaroen.testing.far_end import FarEnd
from klaroen.testing.rig import TrioClock

ONE_STEP = {"networks": [network(1, TEXT_ONLY)], "members": 10}
TWO_PARTS = {"content": {"nl": {"text": "x" * 200}}}


async def test_proof_before_the_answer(autojump_clock, world_of) -> None:
    """A receipt that overtakes its answer is kept, and applied when the answer names it."""
    alpha = FarEnd("alpha", Deed(answer_s=0.5, proofs=(Proof(0.0),)))
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send()
        status = await world.over(sent.id, 2.0)
        assert 10 == status.reached
        assert not world.desk.store.standing().orphans
        audit(world, sent.id)


@pytest.mark.parametrize("answer_s", [0.0, 0.001, 0.002])
async def test_proof_while_the_orphan_is_being_written(autojump_clock, world_of, answer_s) -> None:
    """An answer that comes between a receipt's two commits finds it all the same."""
    alpha = FarEnd("alpha", Deed(answer_s=answer_s, proofs=(Proof(0.0),)))
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send()
        assert 10 == (await world.over(sent.id, 2.0)).reached
        audit(world, sent.id)


async def test_repeated_receipts_change_nothing(autojump_clock, world_of) -> None:
    """A receipt counts once, however often it comes and whatever came before it."""
    proofs = (Proof(0.1, "network"), Proof(0.1), Proof(0.2), Proof(0.3, "failed"), Proof(0.4, "buffered"))
    alpha = FarEnd("alpha", Deed(proofs=proofs))
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send()
        await trio.sleep(1)
        status = await world.status(sent.id)
        assert (10, 0, 0) == (status.reached, status.failed, status.network_only)
        assert 10 == (await world.over(sent.id)).channels["sms"].reached
        audit(world, sent.id)


async def test_the_networks_word_is_not_arrival(autojump_clock, world_of) -> None:
    """Proof of the carrier's network only is shown as such, and the next step comes (R15)."""
    alpha = FarEnd("alpha", Deed(proofs=(Proof(0.1, "network"),)))
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send()
        await trio.sleep(1)
        status = await world.status(sent.id)
        assert (0, 10, 10) == (status.reached, status.handed_over, status.network_only)
        assert 10 == (await world.over(sent.id)).handed_over
        audit(world, sent.id)


async def test_receipts_from_strangers_prove_nothing(autojump_clock, world_of) -> None:
    """Another's id, or our reference with another's number, reaches nobody."""
    alpha = FarEnd("alpha", Deed(None, copies=1, proofs=(Proof(1, by="other ref"), Proof(1, by="other number"))))
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send(expires_in_s=12)
        status = await world.over(sent.id)
        assert (0, 10) == (status.reached, status.expired)
        audit(world, sent.id)


async def test_each_part_must_arrive(autojump_clock, world_of) -> None:
    """A text of two parts is reached when both are proved."""
    alpha = FarEnd("alpha", Deed(proofs=(Proof(gap_s=3.0),)))
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send(**TWO_PARTS)
        await trio.sleep(2)
        assert 0 == (await world.status(sent.id)).reached
        await trio.sleep(2)
        assert 10 == (await world.status(sent.id)).reached
        await world.over(sent.id)
        audit(world, sent.id)


async def test_a_part_that_has_arrived_is_known_after_a_restart(autojump_clock, world_of) -> None:
    """It decides nothing yet, and its receipt is acknowledged: its carrier will not say it again."""
    alpha = FarEnd("alpha", Deed(proofs=(Proof(gap_s=3.0),)))
    world = world_of(alpha, **ONE_STEP)
    async with world.running():
        sent = await world.send(**TWO_PARTS)
        await trio.sleep(2)
    async with world.running():
        assert 10 == (await world.over(sent.id)).reached
        audit(world, sent.id)


@pytest.mark.parametrize(("by", "keyed"), [("ref", False), ("attempt", True)])
async def test_proof_after_the_end_amends_the_account(autojump_clock, world_of, by, keyed) -> None:
    """Late proof of an alert that is over counts: by id or by key, once, and over a restart too."""
    alpha = FarEnd("alpha", Deed(proofs=(Proof(SMS_S + 10, by=by), Proof(SMS_S + 12, by=by))), keyed=keyed)
    world = world_of(alpha, **ONE_STEP)
    async with world.running():
        sent = await world.send()
        status = await world.over(sent.id)
        assert ("done", 10, 0) == (status.state, status.handed_over, status.reached)
    async with world.running():  # a restart: carrier ids are read from the store
        await trio.sleep(15)
        status = await world.status(sent.id)
        assert ("done", 0, 10) == (status.state, status.handed_over, status.reached)
        assert not world.desk.store.standing().orphans
        audit(world, sent.id)


async def test_an_alert_is_closed_while_late_proof_of_another_one_gathers(
    autojump_clock, world_of, monkeypatch
) -> None:
    """Late proof takes a fifth of the time at most; what is over does not wait for the rest of it."""

    async def slow(desk, late) -> None:
        await trio.sleep(2.0)
        await amend(desk, late)

    monkeypatch.setattr(closing, "amend", slow)
    alpha = FarEnd("alpha", Deed(proofs=(Proof(SMS_S + 10),)))
    async with world_of(alpha, calls=None, **ONE_STEP).running() as world:
        first = await world.send()
        await trio.sleep(SMS_S + 3)
        second = await world.send()  # over when the proof of the first has just been applied
        await trio.sleep(SMS_S + 2)
        assert 10 == (await world.status(first.id)).reached
        assert "done" == (await world.status(second.id)).state
        assert 10 == (await world.over(second.id)).handed_over
        await trio.sleep(15)
        audit(world, first.id, second.id)


async def test_proof_of_everybody_after_the_end_amends_the_account_once(autojump_clock, world_of) -> None:
    """The account of a country is half a megabyte: a carrier that tells of all of it has it written once, not often."""
    alpha = FarEnd("alpha", Deed(proofs=(Proof(SMS_S + 10),)))
    written: list[str] = []
    fast = {"members": 300, "carriers": {"alpha": {"rate_per_s": 10_000.0}}}
    async with world_of(alpha, calls=None, **ONE_STEP | fast).running() as world:
        world.refuses = lambda method, _: written.append(method) is not None
        sent = await world.send()
        assert 300 == (await world.over(sent.id)).handed_over
        await trio.sleep(15)
        assert 300 == (await world.status(sent.id)).reached
        assert written.count("amend") <= 2, "it leaves in two slices"
        audit(world, sent.id)


async def test_proof_after_the_end_of_one_that_was_never_answered(autojump_clock, world_of) -> None:
    """Its answer is lost, and proof by reference and handset comes when the alert is over, after a restart even."""
    alpha = FarEnd("alpha", Deed(Unknown("no answer"), proofs=(Proof(40.0, by="reference"),)))
    world = world_of(alpha, **ONE_STEP)
    async with world.running():
        sent = await world.send(expires_in_s=10)
        assert 0 == (await world.over(sent.id)).reached
    async with world.running():
        await trio.sleep(45)
        assert 10 == (await world.status(sent.id)).reached
        audit(world, sent.id)


async def test_carrier_ids_are_forgotten_after_four_days(autojump_clock, world_of) -> None:
    """In memory as in the store: a process that runs for weeks holds no more of what is over than one that starts."""
    alpha = FarEnd("alpha", PROVED)
    async with world_of(alpha, calls=None, **ONE_STEP).running() as world:
        sent = await world.send()
        await world.over(sent.id)
        assert 1 == len(world.desk.closed[alpha.name])
        world.desk.clock = TrioClock(Instant(world.clock.now() + 4 * 86_400_000 + 1))
        forget_closed(world.desk)
        assert not world.desk.closed[alpha.name]


async def test_proof_that_a_crash_left_in_the_inbox_of_an_alert_that_was_over_but_for_its_account(
    autojump_clock, world_of
) -> None:
    """Everybody had an end, the account was not closed, and the receipts were not applied: they count all the same."""
    alpha = FarEnd("alpha", Deed(Unknown("no answer"), proofs=(Proof(11.0, by="reference"),)))
    world = world_of(alpha, **ONE_STEP)
    world.refuses = lambda method, _args: method == "close"
    question = world.submit(expires_in_s=10)
    async with world.until_dark():
        sent = await world.ask(question, AcceptedView)
        await trio.sleep(10.8)
        world.cut_after_commit = world.commits + 1
    world.refuses = lambda _method, _args: False
    async with world.running(linked=False):
        (backlog,) = world.desk.backlog
        assert all(find(world.desk, backlog.station, one) for one in backlog.rows)
        await trio.sleep(1.0)
        assert 10 == (await world.over(sent.id)).reached
        audit(world, sent.id)


async def test_proof_in_the_moment_of_the_end_is_shown_at_once(autojump_clock, world_of) -> None:
    """Between its closing and the last push an alert is still in hand: what amends the one amends the other."""
    alpha = FarEnd("alpha", UNPROVED)
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send(expires_in_s=10)
        opened = world.desk.alerts[AlertId(sent.id)]
        await world.over(sent.id)
        world.desk.alerts[opened.alert.id] = opened  # as if the push were still to come
        refs = [ref for _, sheet in sheets(world, sent.id) for ref in sheet.refs]
        await world.ask(calls.PutReceipts(alpha.name, (Receipt("reached", "", ref=refs[0]),)), object, None)
        await world.until(lambda: not world.desk.store.standing().orphans and not world.desk.backlog)
        await trio.sleep(0.1)
        assert 1 == opened.account.count("reached")
        assert 1 == (await world.status(sent.id)).reached


async def test_webhook_receipts_are_durable_when_answered(autojump_clock, world_of) -> None:
    """What the edge passes on is drained like any other, also for a token of that carrier."""
    alpha = FarEnd("alpha", UNPROVED)
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send()
        await trio.sleep(1)
        receipts = tuple(Receipt("reached", "d", ref=f"alpha-{place}-0") for place in range(1, 11))
        await world.ask(calls.PutReceipts("alpha", receipts), object, None)
        assert 10 == (await world.over(sent.id, 1.0)).reached
        audit(world, sent.id)


async def test_no_more_in_doubt_than_allowed(autojump_clock, world_of) -> None:
    """At every hand-over, what has left without a durable outcome is at most `unjournaled_max`, over all carriers."""
    most = 25
    ends = [FarEnd(name, Deed(answer_s=0.1), window=200) for name in ("alpha", "beta")]
    async with world_of(*ends, networks=[network(1), network(2)], members=150, unjournaled_max=most).running() as world:
        seen: list[int] = []

        def look(_end, envelopes) -> None:
            left = len(world.handed) + len(envelopes)
            answered = sum(
                one != NEVER
                for alert in world.desk.alerts
                for _, sheet in sheets(world, alert)
                for one in sheet.answered_ms
            )
            seen.append(left - answered)
            assert seen[-1] <= most
            assert world.desk.exposed - world.desk.booked <= most

        for end in ends:
            end.before_hand_over.append(look)
        sent = await world.send()
        assert 300 == (await world.over(sent.id)).reached
        assert max(seen) > most / 2
        audit(world, sent.id)


async def test_grace_is_the_class_s(autojump_clock, world_of) -> None:
    """Nothing is repeated within the grace."""
    alpha = FarEnd("alpha", lambda _envelope, seen: Deed(None, copies=0, proofs=()) if not seen else PROVED)
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send()
        status = await world.over(sent.id)
        assert (10, 10) == (status.reached, status.possible_duplicates)
        assert alpha.handed[10].at - alpha.handed[0].at >= 10.0 + GRACE_S
        audit(world, sent.id)
