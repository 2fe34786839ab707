"""From a world in which a promise was broken to the smallest one in which it still is.

Law: what is left out is left out of the same seed's world; a smaller world counts only if the same promise is broken.
"""

from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace

from klaroen.testing.simulator.drawing import draw
from klaroen.testing.simulator.play import Played, play
from klaroen.testing.simulator.scenario import Cut, Scenario

PLAYS_MAX: Final = 120
"""About a minute: what is not small by then is small enough to read."""


def shrink(broken: Played, played: Callable[[Scenario], Played] = play) -> tuple[Cut, Played]:
    """Return what to keep of the seed's world, and how that ended."""
    whole = draw(broken.seed)
    kept, best = _everything(whole), broken
    plays = 0
    smaller = True
    while smaller:
        smaller = False
        for cut in _smaller(kept):
            if plays == PLAYS_MAX:
                return kept, best
            plays += 1
            result = played(cut.of(whole))
            if result.promise == broken.promise:
                kept, best, smaller = cut, result, True
                break
    return kept, best


def _everything(whole: Scenario) -> Cut:
    parts = (whole.alerts, whole.faults, whole.carriers, whole.doings)
    alerts, faults, carriers, doings = (tuple(range(len(one))) for one in parts)
    return Cut(alerts, faults, carriers, doings, whole.members_each)


def _smaller(cut: Cut) -> Iterator[Cut]:
    """Yield what is one step smaller, the most telling first."""
    assert cut.alerts is not None
    assert cut.faults is not None
    assert cut.carriers is not None
    assert cut.doings is not None
    assert cut.members is not None
    for faults in _without_one(cut.faults):
        yield replace(cut, faults=faults)
    for doings in _without_one(cut.doings):
        yield replace(cut, doings=doings)
    for alerts in _without_one(cut.alerts):
        if alerts:
            yield replace(cut, alerts=alerts)
    for carriers in _without_one(cut.carriers):
        if carriers:
            yield replace(cut, carriers=carriers)
    for members in dict.fromkeys((1, cut.members // 2, cut.members - 1)):
        if 0 < members < cut.members:
            yield replace(cut, members=members)


def _without_one(places: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for place in reversed(places):
        yield tuple(one for one in places if one != place)


def command(seed: int, cut: Cut) -> str:
    """Return the command that plays it again."""
    words = ["klaroen simulate", f"--seed {seed}"]
    for name in ("alerts", "faults", "carriers", "doings"):
        places: tuple[int, ...] | None = getattr(cut, name)
        if places is not None:
            words.append(f"--{name} {','.join(map(str, places)) or 'none'}")
    if cut.members is not None:
        words.append(f"--members {cut.members}")
    return " ".join(words)
