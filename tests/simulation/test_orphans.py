"""Receipts of nobody: a carrier may make us keep so many, and for so long; what is dropped is counted."""

import pytest
import trio
from tests.simulation.world import TEXT_ONLY, World, network

from klaroen.core.model import CarrierName, Instant
from klaroen.core.ports import Receipt
from klaroen.dispatch import orphans
from klaroen.dispatch.closing import forget_closed
from klaroen.dispatch.kept import read_kept
from klaroen.testing.deeds import PROVED, Deed, Proof
from klaroen.testing.far_end import FarEnd
from klaroen.testing.rig import TrioClock

MOST = 40
ALPHA = CarrierName("alpha")
ONE_STEP = {"networks": [network(1, TEXT_ONLY)], "members": 10, "calls": None}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A carrier may have no more than this waiting."""
    monkeypatch.setattr(orphans, "ORPHANS_MAX", MOST)


async def invent(world: World, *refs: str) -> None:
    """Have the carrier speak of messages that nobody sent; it is all durable when this returns."""
    world.ends[ALPHA].say(*(Receipt("reached", "", ref=ref) for ref in refs))
    await world.until(lambda: not world.ends[ALPHA].has_more_to_say)
    await world.until(lambda: not world.desk.backlog and not world.desk.something_to_write)


def stored(world: World) -> list[str | None]:
    """What the store keeps, the oldest first."""
    return [one.ref for _, row in world.desk.store.standing().orphans for one in read_kept(row.rows)]


def dropped(world: World) -> float:
    return float(world.desk.metrics.carriers[ALPHA].orphans_dropped._value.get())


def assert_together(world: World, count: int) -> None:
    """What memory holds and what the store holds are the same receipts."""
    held = world.desk.stations[ALPHA].orphans
    assert (count, count, count) == (held.count, len(stored(world)), sum(map(len, held.by_ref.values())))


async def test_invented_ids_fill_neither_memory_nor_disk(autojump_clock, world_of) -> None:
    """The oldest go, row by row, and are counted; a restart holds what was left and no more."""
    world = world_of(FarEnd(ALPHA), **ONE_STEP)
    async with world.running():
        for number in range(10):
            await invent(world, *(f"invented {number} {index}" for index in range(10)))
        assert_together(world, MOST)
        assert 60 == dropped(world)
        assert [f"invented {number} 0" for number in range(6, 10)] == stored(world)[::10]
    async with world.running():
        await trio.sleep(1.0)
        assert_together(world, MOST)
        await invent(world, "another")
        assert_together(world, MOST - 10 + 1)


async def test_proof_that_is_early_is_found_beside_a_flood(autojump_clock, world_of) -> None:
    """Who waits for an answer that is to come soon is not among the oldest."""
    end = FarEnd(ALPHA, Deed(answer_s=0.5, proofs=(Proof(0.0),)))
    async with world_of(end, **ONE_STEP).running() as world:
        await invent(world, *(f"invented {index}" for index in range(MOST)))
        sent = await world.send()
        assert 10 == (await world.over(sent.id, 2.0)).reached


async def test_the_same_receipt_again_and_again_is_kept_a_few_times(autojump_clock, world_of) -> None:
    """Of one id a carrier has only so much to say."""
    async with world_of(FarEnd(ALPHA), **ONE_STEP).running() as world:
        await invent(world, *["the same"] * (orphans.OF_ONE_MAX + 5))
        assert (orphans.OF_ONE_MAX, 5) == (world.desk.stations[ALPHA].orphans.count, dropped(world))


async def test_what_no_answer_comes_for_is_forgotten_after_four_days(autojump_clock, world_of) -> None:
    """In memory, and in the store with the next commit; by reference and handset too."""
    end = FarEnd(ALPHA, Deed(proofs=(Proof(by="other ref"), Proof(by="other number"), *PROVED.proofs)))
    async with world_of(end, **ONE_STEP).running() as world:
        sent = await world.send()
        await world.over(sent.id)
        await invent(world)
        assert 20 == len(stored(world))
        world.desk.clock = TrioClock(Instant(world.clock.now() + 4 * 86_400_000 + 1_000))
        forget_closed(world.desk)
        await invent(world)
        assert_together(world, 0)
        assert {} == world.desk.stations[ALPHA].orphans.adrift
        assert 20 == dropped(world)
