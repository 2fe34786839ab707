"""Which process is hit next, where and how: a seeded order in which every point has its turn.

Law: pure. The same seed deals the same blows; what they meet is the machine's.
"""

from collections.abc import Iterator
from random import Random
from signal import SIGKILL, SIGSTOP
from typing import Final

from msgspec import Struct

from klaroen_bench.kill_trap import POINTS

ANY: Final = "any moment"
STOP_SHARE: Final = 0.15
"""Of the blows: a process that is stopped for a while and goes on is nothing dead, and must not be taken for it."""
STOP_S: Final = (0.2, 3.0)
"""Beyond the two seconds after which a carrier that is silent is left."""
SKIP_MAX: Final = 3
"""So often a point may be passed first, so that not always the first commit of an alert is hit."""
MOMENTS: Final = {"dispatch": 5, "edge": 2, "voice": 2}
"""How often a round hits each process at any moment, beside once at each of its points."""


class Blow(Struct, frozen=True):
    role: str
    point: str
    signal: int
    skip: int = 0
    wait_s: float = 0.0
    """Before it, where it may come at any moment."""
    hold_s: float = 0.0
    """How long a stopped process stays so."""


def deal(seed: int) -> Iterator[Blow]:
    """Yield blows for ever; whoever takes them counts the kills, since a blow may miss."""
    chance = Random(seed)
    places = [(role, point) for role, points in POINTS.items() for point in points]
    places += [(role, ANY) for role, count in MOMENTS.items() for _ in range(count)]
    while True:
        chance.shuffle(places)
        for role, point in places:
            stops = chance.random() < STOP_SHARE
            yield Blow(
                role,
                point,
                SIGSTOP if stops else SIGKILL,
                skip=chance.randint(0, SKIP_MAX) if ":" in point and not point.startswith("recovery") else 0,
                wait_s=chance.uniform(0.0, 0.5),
                hold_s=chance.uniform(*STOP_S) if stops else 0.0,
            )
