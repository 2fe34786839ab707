"""The same receipts in many orders, some of them twice: one end.

Law: everything is handed over and answered before the first receipt comes, and all receipts come in one instant, so
that only their order differs from world to world.
"""

import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

import trio
from msgspec import Struct
from trio.testing import MockClock

from klaroen.core import calls
from klaroen.core.model import Window
from klaroen.core.ports import Receipt
from klaroen.settings import ClassSteps, Steps
from klaroen.testing import country
from klaroen.testing.deeds import UNPROVED
from klaroen.testing.far_end import FarEnd
from klaroen.testing.reckoning import gist
from klaroen.testing.simulator.many import quiet
from klaroen.testing.simulator.play import TMPFS, chosen_by
from klaroen.testing.world import World

TWICE: Final = 0.05
MEMBERS: Final = 60
AT_ONCE: Final = 25
"""Receipts of one webhook call."""
TEXT: Final = "Hou ramen en deuren dicht; luister naar de radio en bel niemand op, ook niet om iets te vragen. " * 2
WORDS: Final[tuple[tuple[str, ...], ...]] = (
    ("reached",),
    ("reached",),
    ("network",),
    ("failed",),
    ("buffered",),
    ("network", "reached"),
    ("buffered", "network", "reached"),
    ("failed", "reached"),
    ("network", "failed"),
    (),
)
"""What a carrier says of one part, by chance of the attempt."""
_STEPS: Final = ClassSteps(sms_s=60.0, grace_s=5.0)


class Shuffled(Struct, frozen=True):
    """How many orders ended how."""

    shuffles: int
    ends: int
    """Different ends: one, or a promise is broken."""
    receipts: int
    repeated: int
    reached: int


def shuffle_many(count: int, seed: int = 1) -> Shuffled:
    """Play so many orders of the same receipts."""
    ends: set[str] = set()
    receipts = repeated = reached = 0
    with quiet():
        for number in range(count):
            end, receipts, twice, reached = shuffle(seed, number)
            ends.add(end)
            repeated += twice
    return Shuffled(count, len(ends), receipts, repeated, reached)


def shuffle(seed: int, number: int) -> tuple[str, int, int, int]:
    """Play one order; return its end as a hash, how many receipts and repeats there were, and who was reached."""
    directory = Path(tempfile.mkdtemp(prefix="klaroen-world-", dir=TMPFS if TMPFS.is_dir() else None))
    clock = MockClock(autojump_threshold=0)
    try:
        with chosen_by(seed):
            return trio.run(_play, seed, number, directory, clock, clock=clock)
    finally:
        shutil.rmtree(directory)


async def _play(seed: int, number: int, directory: Path, clock: MockClock) -> tuple[str, int, int, int]:
    end = FarEnd("alpha", UNPROVED)
    networks = [country.network(1, (Window("00:00", "24:00", ("sms",)),))]
    steps = Steps(crisis=_STEPS, warm=_STEPS, public_interest=_STEPS, cold=_STEPS)
    world = World(directory, clock, [end], country.register(networks, MEMBERS), steps=steps, calls=None, seed=seed)
    async with world.running():
        sent = await world.send(content={"nl": {"text": TEXT}})
        await world.until(lambda: len(end.answered) == MEMBERS)
        told = list(_said(seed, end))
        chance = random.Random(f"{seed} order {number}")
        again = [one for one in told if chance.random() < TWICE]
        order = [*told, *again]
        chance.shuffle(order)
        for some in _pieces(order):
            await world.ask(calls.PutReceipts(end.name, tuple(some)), object, None)
        await world.over(sent.id)
        shown, derived = world.closed(sent.id), world.rebuilt(sent.id)
        ends = repr([sorted(gist(shown).items()), sorted(gist(derived).items())])
        digest = blake2b(ends.encode(), digest_size=8).hexdigest()
        return digest, len(told), len(again), shown.count("reached")


def _said(seed: int, end: FarEnd) -> Iterator[Receipt]:
    for number, handed in enumerate(end.handed, 1):
        for part in range(handed.envelope.content.parts):
            chance = random.Random(f"{seed} {handed.envelope.attempt} {part}")
            for words in chance.choice(WORDS):
                yield Receipt(words, "000", ref=f"{end.name}-{number}-{part}", part=part)  # type: ignore[arg-type]


def _pieces(order: Sequence[Receipt]) -> Iterator[Sequence[Receipt]]:
    for start in range(0, len(order), AT_ONCE):
        yield order[start : start + AT_ONCE]
