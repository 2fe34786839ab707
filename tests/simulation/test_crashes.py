"""The power fails at any commit and at any hand-over: nobody is lost, and nobody doubled beyond what is said."""

import os
import random
from collections.abc import Callable
from hashlib import blake2b

import pytest
import trio
from tests.simulation.audit import audit
from tests.simulation.world import World, members_counted, network

from klaroen.core.views import AcceptedView
from klaroen.testing.deeds import (
    LOST_ANSWER,
    PROVED,
    REFUSED_ADDRESS,
    REFUSED_HERE,
    SILENT,
    THROTTLED,
    UNKNOWN,
    UNPROVED,
    UNSENT,
    Deed,
    Proof,
    Script,
)
from klaroen.testing.disk import PowerCut
from klaroen.testing.far_end import FarEnd

WORLDS = int(os.environ.get("KLAROEN_WORLDS", "40"))
MIXED = (
    *[PROVED] * 12,
    *[UNPROVED] * 2,
    REFUSED_ADDRESS,
    REFUSED_HERE,
    UNSENT,
    THROTTLED,
    UNKNOWN,
    SILENT,
    LOST_ANSWER,
    Deed(answer_s=0.3, proofs=(Proof(0.0),)),  # proof before the answer
    Deed(proofs=(Proof(), Proof(0.5), Proof(12.0))),
    Deed(proofs=(Proof(0.1, by="other ref"), Proof(0.1, by="other number"))),
    Deed(proofs=(Proof(0.1, "network"), Proof(2.0, "failed"), Proof(4.0))),
    Deed(proofs=(Proof(14.0),)),
    Deed(None, copies=1, proofs=()),
    Deed(UNKNOWN.outcome, copies=1, proofs=(Proof(3.0, by="reference"),)),
)


def by_seed(seed: int) -> Script:
    """Each attempt's fate hangs on the seed, its address and its carrier's name; what is repeated is mostly taken."""

    def script(envelope, seen: int) -> Deed:
        drawn = blake2b(f"{seed} {envelope.attempt[:6]} {envelope.address} {seen}".encode(), digest_size=4).digest()
        return MIXED[int.from_bytes(drawn) % (len(MIXED) if seen == 0 else 14)]

    return script


@pytest.fixture
def schedule_by(monkeypatch) -> Callable[[int], None]:
    """Have trio choose among runnable tasks by a seed, so that a world is replayed from it."""

    def schedule(seed: int) -> None:
        monkeypatch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
        monkeypatch.setattr("trio._core._run._r", random.Random(seed))

    return schedule


class Mains:
    """Cuts the power at a commit or a hand-over to come."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.cuts_left = chance.randint(1, 4)
        self.hand_overs_left: int | None = None
        for end in world.ends.values():
            end.before_hand_over.append(self.offered)

    def arm(self) -> None:
        world, chance = self.world, self.chance
        world.cut_before_commit = world.cut_after_commit = self.hand_overs_left = None
        if not self.cuts_left:
            return
        self.cuts_left -= 1
        kind = chance.choice(["before", "after", "hand-over"])
        if kind == "before":
            world.cut_before_commit = world.commits + chance.randint(1, 60)
        elif kind == "after":
            world.cut_after_commit = world.commits + chance.randint(1, 60)
        else:
            self.hand_overs_left = chance.randint(1, 12)

    def offered(self, _end: FarEnd, envelopes) -> int | None:
        if self.world.dark:
            return 0
        if self.hand_overs_left is None:
            return None
        self.hand_overs_left -= 1
        if self.hand_overs_left:
            return None
        self.world.dark = True
        return self.chance.randint(0, len(envelopes))


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_power_cuts(autojump_clock, world_of, schedule_by, seed) -> None:
    """Whatever commit or hand-over is the last one: after the restarts everybody has an end, and the books agree."""
    schedule_by(seed)
    chance = random.Random(seed)
    ends = [FarEnd(name, by_seed(seed), keyed=name == "keyed", window=40) for name in ("alpha", "keyed")]
    world = world_of(
        *ends,
        networks=[network(1), network(2)],
        members=chance.choice([15, 40, 90]),
        unjournaled_max=chance.choice([10, 50, 1000]),
        carriers={end.name: {"rate_per_s": 200.0} for end in ends},
        seed=seed,
    )
    mains = Mains(world, chance)
    lives = 0
    stop_after_s = chance.choice([None, None, 0.3, 8.0])
    life_s = chance.choice([30, 120, 600])
    stopped_at: float | None = None
    question = world.submit(expires_in_s=life_s)
    over = False
    while not over:
        mains.arm()
        lives += 1
        assert lives < 10
        try:
            async with world.running():
                sent = await world.ask(question, AcceptedView)
                if stop_after_s is not None and stopped_at is None:
                    await trio.sleep(stop_after_s)
                    if (await world.status(sent.id)).state in ("accepted", "sending"):
                        await world.act(sent.id, "cancel")
                    stopped_at = trio.current_time()
                status = await world.over(sent.id, 1200)
                assert members_counted(status) == status.members
                assert stopped_at is not None or status.state != "cancelled"
                await trio.sleep(20)  # late proof
                audit(world, sent.id)
                over = True
        except* PowerCut:
            await trio.sleep(chance.choice([0.1, 2.0, 20.0]))
    if status.state == "cancelled":
        assert not [one for one in world.handed if one.at > stopped_at + 0.2]


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("through", [0, 7, 100])
async def test_a_crash_in_the_midst_of_a_hand_over(autojump_clock, world_of, keyed, through) -> None:
    """Doubles of one crash: none where keys are known, else at most those in doubt, each counted beforehand."""
    alpha = FarEnd("alpha", Deed(answer_s=1.0, proofs=(Proof(30.0),)), keyed=keyed)
    world = world_of(alpha, members=100, calls=None, carriers={"alpha": {"rate_per_s": 1000.0}})
    question = world.submit()

    def cut(_end, envelopes) -> int | None:
        if world.dark:
            return 0
        if world.desk.alerts and not cut_once:
            cut_once.append(True)
            world.dark = True
            return min(through, len(envelopes))
        return None

    cut_once: list[bool] = []
    alpha.before_hand_over.append(cut)
    async with world.until_dark():
        await world.ask(question, AcceptedView)
    copies = len(alpha.copies)
    async with world.running():
        sent = await world.ask(question, AcceptedView)
        status = await world.over(sent.id)
        await trio.sleep(60)
        status = await world.status(sent.id)
        assert 100 == status.reached
        doubles = len(alpha.copies) - 100
        assert doubles == (0 if keyed else copies)
        assert doubles <= status.possible_duplicates
        assert keyed == (status.possible_duplicates == 0)
        audit(world, sent.id)


async def test_a_crash_after_a_crash_still_gives_a_keyed_carrier_its_own_key(autojump_clock, world_of) -> None:
    """The grace has passed when the second restart looks, and no link is up yet: nobody else gets what is in doubt."""
    keyed, beta = FarEnd("keyed", Deed(None, copies=1, proofs=()), keyed=True), FarEnd("beta")
    world = world_of(keyed, beta, members=100, calls=None, unjournaled_max=50)
    question = world.submit()

    def cut(_end, envelopes) -> int | None:
        """Everything of the first hand-over leaves, and is the last that this life does."""
        if world.dark or not world.desk.alerts:
            return 0 if world.dark else None
        world.dark = True
        return len(envelopes)

    keyed.before_hand_over.append(cut)
    beta.up = False  # whoever of two is woken first takes the batch
    async with world.until_dark():
        await world.ask(question, AcceptedView)
    keyed.before_hand_over.clear()
    beta.up = True
    left = set(keyed.addresses)
    assert left
    keyed.cut()  # or the doubt would be settled in this life
    async with world.until_dark():
        await trio.sleep(2.0)  # less than the grace: it is still waited for
        world.cut_before_commit = world.commits + 1
        await world.ask(world.submit(), AcceptedView)
    await trio.sleep(10.0)
    keyed.script = lambda _envelope, _seen: PROVED
    async with world.running():
        await trio.sleep(0.3)
        keyed.restore()
        sent = await world.ask(question, AcceptedView)
        status = await world.over(sent.id)
        assert not left & set(beta.addresses)
        assert 0 == status.possible_duplicates


async def test_proof_settles_what_a_crash_left_in_doubt(autojump_clock, world_of) -> None:
    """Receipts of what had left come in the grace after a restart: nobody gets a second copy."""
    alpha = FarEnd("alpha", Deed(answer_s=1.0, proofs=(Proof(4.0, by="reference"),)))
    world = world_of(alpha, members=100, carriers={"alpha": {"rate_per_s": 1000.0}})
    question = world.submit()
    async with world.until_dark():
        await world.ask(question, AcceptedView)
        await trio.sleep(0.5)
        world.cut_before_commit = world.commits + 1
    assert alpha.copies
    async with world.running():
        sent = await world.ask(question, AcceptedView)
        status = await world.over(sent.id)
        assert (100, 0, 100) == (status.reached, status.possible_duplicates, len(alpha.copies))
        audit(world, sent.id)


async def test_proof_of_one_text_is_no_proof_of_another_that_a_crash_left_in_doubt(autojump_clock, world_of) -> None:
    """To the same handset, and before the answer that names it: references go on where none is in doubt."""
    alpha = FarEnd("alpha", Deed(answer_s=2.0, proofs=()))
    world = world_of(alpha, members=1)
    question = world.submit()
    async with world.until_dark():
        await world.ask(question, AcceptedView)
        await trio.sleep(0.5)
        world.cut_before_commit = world.commits + 1
    assert alpha.copies
    alpha.script = lambda *_: Deed(answer_s=1.0, proofs=(Proof(0.5, by="reference"),))
    async with world.running():
        lost = await world.ask(question, AcceptedView)
        sent = await world.send(content={"nl": {"text": "Daarna"}})
        await trio.sleep(1.5)
        assert (0, 1) == ((await world.status(lost.id)).reached, (await world.status(sent.id)).reached)
