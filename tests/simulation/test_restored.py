"""A backup that was made in the midst of alerts is restored: whatever may leave a second time says so beforehand."""

from pathlib import Path

import pytest
import trio
from tests.simulation.audit import audit
from tests.simulation.world import World, network

from klaroen.core.audit import restored
from klaroen.core.model import Instant
from klaroen.core.views import AcceptedView
from klaroen.store.copying import copy_store, mark_restored
from klaroen.store.sqlite import FILE
from klaroen.testing.deeds import Deed, Proof
from klaroen.testing.far_end import FarEnd


def back_up(world: World, directory: Path) -> None:
    """Copy the store while dispatch runs, into a data directory of its own."""
    directory.mkdir()
    copy_store(world.directory, directory / FILE)


def restore(world: World, directory: Path) -> int:
    """Have the world's next start find the backup."""
    now = Instant(world.clock.now())
    count = mark_restored(directory, restored(b"{}", now), now)
    world.directory = directory
    return count


@pytest.mark.parametrize("at_s", [0.0, 0.1, 0.4, 4.0])
async def test_what_went_on_after_the_backup_is_counted_before_it_leaves_again(
    autojump_clock, world_of, tmp_path, at_s
) -> None:
    """At acceptance, while it is expanded and sent, and while proof is waited for: the books balance every time."""
    ends = [FarEnd(name, Deed(answer_s=0.05, proofs=(Proof(2.0),)), window=40) for name in ("alpha", "beta")]
    world = world_of(
        *ends,
        networks=[network(1), network(2)],
        members=150,
        carriers={end.name: {"rate_per_s": 100.0} for end in ends},
    )
    question = world.submit()
    async with world.running():
        sent = await world.ask(question, AcceptedView)
        await trio.sleep(at_s)
        with world.standing_still():
            back_up(world, tmp_path / "restored")
        handed_before = len(world.handed)
        await world.over(sent.id)
    copies = len(world.copies)
    assert copies == sent.members
    assert 1 == restore(world, tmp_path / "restored")
    for _ in range(2):  # a further restart counts nothing anew
        async with world.running():
            status = await world.over(sent.id)
            audit(world, sent.id)
        assert (sent.members, 0) == (status.reached, status.pending)
        assert len(world.copies) - copies <= status.possible_duplicates <= sent.members
    assert len(world.copies) - copies >= sent.members - handed_before


async def test_a_cold_message_waits_for_an_operator(autojump_clock, world_of, tmp_path) -> None:
    """Nobody is told a second time of something that can wait; who resumes it knows what that may mean."""
    world = world_of(FarEnd("alpha", Deed(answer_s=0.05, proofs=(Proof(2.0),))), members=40)
    question = world.submit(**{"class": "cold"})
    async with world.running():
        sent = await world.ask(question, AcceptedView)
        with world.standing_still():
            back_up(world, tmp_path / "restored")
        await world.over(sent.id)
    restore(world, tmp_path / "restored")
    async with world.running():
        await trio.sleep(60)
        assert ("paused", 40) == ((status := await world.status(sent.id)).state, status.pending)
        assert len(world.copies) == 40
        await world.act(sent.id, "resume")
        status = await world.over(sent.id)
        assert (80, 40) == (len(world.copies), status.possible_duplicates)
        audit(world, sent.id)


async def test_what_is_accepted_after_a_restore_is_as_ever(autojump_clock, world_of, tmp_path) -> None:
    """The mark concerns what the backup held, for ever, and nothing else."""
    world = world_of(FarEnd("alpha"), members=20)
    async with world.running():
        earlier = await world.send()
        await world.over(earlier.id)
        with world.standing_still():
            back_up(world, tmp_path / "restored")
    assert 0 == restore(world, tmp_path / "restored")
    async with world.running():
        sent = await world.send()
        status = await world.over(sent.id)
        assert (20, 0) == (status.reached, status.possible_duplicates)
        audit(world, earlier.id, sent.id)
