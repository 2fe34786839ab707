"""A carrier's id is any characters, or none: its receipts find their attempts all the same."""

import pytest
import trio
from tests.simulation.audit import audit
from tests.simulation.world import SMS_S, TEXT_ONLY, network

from klaroen.core.ports import Accepted, Receipt
from klaroen.testing.deeds import Deed, Proof
from klaroen.testing.far_end import FarEnd

ONE_STEP = {"networks": [network(1, TEXT_ONLY)], "members": 10}
TWO_PARTS = {"content": {"nl": {"text": "x" * 200}}}

odd_ids = pytest.mark.parametrize("id_end", [" of 3", "\n", "\x1f", "é|"])


@odd_ids
@pytest.mark.parametrize("content", [{}, TWO_PARTS], ids=["short", "two parts"])
async def test_ids_are_kept_exactly_over_a_restart(autojump_clock, world_of, id_end, content) -> None:
    """Of one part or several, learned from the answer or from the journal."""
    alpha = FarEnd("alpha", Deed(proofs=(Proof(10.0),)))
    alpha.id_end = id_end
    world = world_of(alpha, **ONE_STEP)
    async with world.running():
        sent = await world.send(**content)
        await trio.sleep(1)
    async with world.running():
        assert 10 == (await world.over(sent.id)).reached
        audit(world, sent.id)


@odd_ids
async def test_ids_are_known_to_receipts_that_overtake_their_answer(autojump_clock, world_of, id_end) -> None:
    alpha = FarEnd("alpha", Deed(answer_s=0.5, proofs=(Proof(0.0),)))
    alpha.id_end = id_end
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send()
        assert 10 == (await world.over(sent.id, 2.0)).reached
        audit(world, sent.id)


@odd_ids
async def test_ids_are_known_to_proof_that_comes_after_the_end(autojump_clock, world_of, id_end) -> None:
    alpha = FarEnd("alpha", Deed(proofs=(Proof(SMS_S + 10),)))
    alpha.id_end = id_end
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send()
        assert 0 == (await world.over(sent.id)).reached
        await trio.sleep(15)
        assert 10 == (await world.status(sent.id)).reached
        audit(world, sent.id)


@pytest.mark.parametrize("after_s", [0.1, 1.0])
async def test_a_receipt_without_a_name_proves_nobody(autojump_clock, world_of, after_s) -> None:
    """The carrier named none of its messages: an empty id is nobody's, whether it comes before the answers or after."""
    alpha = FarEnd("alpha", Deed(outcome=Accepted(), answer_s=0.5, proofs=()))
    async with world_of(alpha, **ONE_STEP).running() as world:
        sent = await world.send()
        await trio.sleep(after_s)
        world.desk.stations["alpha"].received.append(Receipt("reached", "d", ref=""))
        world.desk.commit_bell.ring()
        assert (0, 10) == ((status := await world.over(sent.id)).reached, status.handed_over)
