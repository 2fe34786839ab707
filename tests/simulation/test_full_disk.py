"""While the store cannot write: nothing is accepted, nothing leaves, nothing is acknowledged, and it heals."""

from itertools import pairwise

import pytest
import trio
from tests.simulation.audit import audit
from tests.simulation.world import TEXT_ONLY, network

from klaroen.core import calls
from klaroen.core.errors import InputError
from klaroen.core.ports import Receipt
from klaroen.dispatch.fleet import switch
from klaroen.dispatch.lifecycle import stop
from klaroen.dispatch.socket import readiness
from klaroen.testing.deeds import UNPROVED, Deed, Proof
from klaroen.testing.far_end import FarEnd

ONE_STEP = {"networks": [network(1, TEXT_ONLY)], "members": 400, "carriers": {"alpha": {"rate_per_s": 50.0}}}


async def test_an_alert_is_unavailable_and_then_taken(autojump_clock, world_of) -> None:
    """An alert gets `unavailable` with a time to come back, and is taken as soon as there is room."""
    async with world_of().running() as world:
        world.disk_full = True
        for _ in range(2):
            with pytest.raises(InputError) as caught:
                await world.send()
            assert "unavailable" == caught.value.problem.name
            assert 0 < caught.value.problem.retry_after_s <= 10
        assert "the store cannot write" in readiness(world.desk).words, "ready is who would accept an alert"
        world.disk_full = False
        await world.until(lambda: readiness(world.desk).ready, within_s=1.0)
        sent = await world.send()
        assert 30 == (await world.over(sent.id)).reached
        audit(world, sent.id)


async def test_nothing_leaves_and_no_receipt_is_acknowledged(autojump_clock, world_of) -> None:
    """With a full disk in the midst of an alert: no hand-over, receipts go back to the carrier, and it all heals."""
    alpha = FarEnd("alpha", Deed(proofs=(Proof(1.0),)))
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send()
        await trio.sleep(2)
        world.disk_full = True
        full_at = trio.current_time()
        await trio.sleep(0.1)
        left = len(alpha.handed)
        await trio.sleep(5)
        assert left == len(alpha.handed)
        assert alpha.refused_receipts > 0
        assert not world.desk.store_works
        with pytest.raises(InputError) as caught:
            await world.ask(calls.PutReceipts("alpha", (Receipt("reached", "d", ref="alpha-1-0"),)), object, None)
        assert "unavailable" == caught.value.problem.name
        with pytest.raises(InputError) as caught:
            await world.act(sent.id, "pause")
        assert "unavailable" == caught.value.problem.name
        assert "sending" == (await world.status(sent.id)).state
        world.disk_full = False
        status = await world.over(sent.id)
        assert world.desk.store_works
        assert (400, 0) == (status.reached, status.possible_duplicates)
        assert trio.current_time() > full_at + 5
        audit(world, sent.id)


@pytest.mark.parametrize("method", ["write_commit", "write_claims"])
async def test_what_was_not_written_covers_nothing(autojump_clock, world_of, method) -> None:
    """After a cursor or a claim that could not be written nothing leaves before another one is."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **ONE_STEP).running() as world:
        uncovered: list[int] = []
        refused: list[str] = []

        def look(_end, envelopes) -> None:
            """Everything that leaves stands below a cursor in the store."""
            rows, _ = world.desk.store.history(sent.id)
            uncovered.append(max(0, len(alpha.handed) + len(envelopes) - sum(row.cursor for row in rows)))

        def refuses(name: str, args) -> bool:
            if name != method or len(refused) == 5:
                return False
            if name == "write_commit" and all(entry.state != "leased" for entry in args[1].entries):
                return False  # it advances no cursor
            refused.append(name)
            return True

        alpha.before_hand_over.append(look)
        world.refuses = refuses
        sent = await world.send()
        status = await world.over(sent.id)
        assert (400, 0, 5) == (status.reached, max(uncovered), len(refused))
        audit(world, sent.id)


@pytest.mark.parametrize("verb", ["cancel", "avoid"])
async def test_a_stop_in_the_midst_of_a_claim_that_fails(autojump_clock, world_of, verb) -> None:
    """A batch is stopped, or its carrier avoided, while its claim is being refused: it ends or goes on like others."""
    alpha, beta = FarEnd("alpha"), FarEnd("beta")
    stopped: list[str] = []
    async with world_of(alpha, beta, **ONE_STEP).running() as world:
        world.desk.stations["beta"].taken = 1e9

        def refuses(name: str, args) -> bool:
            if name != "write_claims" or stopped:
                return False
            stopped.append(verb)
            if verb == "cancel":
                opened = world.desk.alerts[sent.id]
                opened.state = "cancelled"
                stop(world.desk, opened)
            else:
                switch(world.desk, world.desk.stations["alpha"], avoided=True)
            return True

        world.refuses = refuses
        sent = await world.send()
        status = await world.over(sent.id)
        assert [verb] == stopped
        assert ("cancelled", 400) == (status.state, status.cancelled) if verb == "cancel" else 400 == status.reached
        assert not alpha.handed
        audit(world, sent.id)


async def test_an_alert_that_ends_while_the_disk_is_full(autojump_clock, world_of) -> None:
    """Expiry does not wait for the disk; its account is written when it can be."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send(expires_in_s=10)
        await trio.sleep(2)
        world.disk_full = True
        await trio.sleep(20)
        left = len(alpha.handed)
        world.disk_full = False
        await world.over(sent.id)
        await trio.sleep(3)  # the receipts that were refused come again
        status = await world.status(sent.id)
        assert (left, 400 - left) == (status.reached, status.expired)
        audit(world, sent.id)


async def test_a_slow_disk_makes_no_burst(autojump_clock, world_of) -> None:
    """What comes into the bucket while a cursor is written is of before the hand-over, not on top of it."""
    alpha = FarEnd("alpha", UNPROVED)
    carriers = {"alpha": {"rate_per_s": 10.0}}
    async with world_of(alpha, networks=[network(1, TEXT_ONLY)], members=20, carriers=carriers).running() as world:
        world.disk_lag_s = 0.03
        await world.send()
        await world.until(lambda: len(alpha.handed) == 20)
        gaps = [later.at - earlier.at for earlier, later in pairwise(alpha.handed)]
        assert min(gaps) > 0.098
