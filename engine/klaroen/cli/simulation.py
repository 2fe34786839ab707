"""`klaroen simulate`: worlds in virtual time in which everything goes wrong, and every promise is asked throughout."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cyclopts.types import PositiveInt

from klaroen.cli.context import DONE, FAILED, USAGE, CommandFault, Here
from klaroen.cli.laboratory import Flag

if TYPE_CHECKING:
    from klaroen.testing.simulator.play import Played
    from klaroen.testing.simulator.scenario import Cut
    from klaroen.testing.simulator.week import Week


def simulate(
    *,
    seed: int = 1,
    seeds: PositiveInt = 1,
    alerts: str | None = None,
    faults: str | None = None,
    carriers: str | None = None,
    doings: str | None = None,
    members: PositiveInt | None = None,
    week: Flag = False,
    shuffles: int = 0,
    context: Here,
) -> int:
    """Play worlds from seeds: process deaths, failing disks, carriers that lie; exit 1 where a promise is broken.

    Of the first world that breaks one, the smallest that still does is looked for, and the command that plays it again.
    docs/reliability.md lists the promises, and what no world covers.

    Parameters
    ----------
    seed
        The first world; the same seed goes the same way, event by event.
    seeds
        How many worlds.
    alerts
        Of one world: the places of the alerts to keep, such as 0,2; "none" for none of them.
    faults
        Of one world: the places of the faults to keep.
    carriers
        Of one world: the places of the carriers to keep.
    doings
        Of one world: the places of what people do besides, such as grants, stops and replies, to keep.
    members
        Of one world: how many members each network has at most.
    week
        Instead: a week of traffic, day by day; exit 1 if the books do not balance, or memory grows.
    shuffles
        Instead: the same receipts in so many orders, 5 % twice; exit 1 if they do not all end the same.
    """
    if week:
        return _week(context, seed)
    if shuffles:
        return _shuffle(context, seed, shuffles)
    from klaroen.testing.simulator.many import play_many
    from klaroen.testing.simulator.scenario import Cut

    cut = Cut(_places(alerts), _places(faults), _places(carriers), _places(doings), members)
    if cut != Cut():
        if seeds > 1:
            raise CommandFault("A world is made smaller one at a time: name one seed.", code=USAGE)
        return _report(context, [_play_cut(seed, cut)], shrinks=False)
    with _watched(play_many(range(seed, seed + seeds)), seeds, context) as worlds:
        return _report(context, list(worlds), shrinks=True)


def _week(context: Here, seed: int) -> int:
    from msgspec import to_builtins

    from klaroen.testing.simulator.week import Day, play_week

    def tell(day: Day) -> None:
        words = f"{day.alerts} alerts, {day.handed_over} hand-overs, {day.reached} reached, {day.rss_mb} MB"
        context.say(f"day {day.day}: {words}, {day.blocks} blocks, {day.kept} entries kept")

    played = play_week(seed=seed, tell=tell)
    context.answer(to_builtins(played), *(played.faults or (_flat(played),)))
    return FAILED if played.faults else DONE


def _flat(week: "Week") -> str:
    assert week.growth is not None, "seven days are settled"
    growth = f"{week.growth.octets_an_alert} octets and {week.growth.blocks_an_alert} blocks an alert"
    return f"The books balance, and memory is flat: {growth} after the fifth day."


def _shuffle(context: Here, seed: int, count: int) -> int:
    from msgspec import to_builtins

    from klaroen.testing.simulator.shuffles import shuffle_many

    shuffled = shuffle_many(count, seed)
    words = f"{count} orders of {shuffled.receipts} receipts, {shuffled.repeated} repeats in all: {shuffled.ends} end"
    context.answer(to_builtins(shuffled), words if shuffled.ends == 1 else f"{words}s")
    return DONE if shuffled.ends == 1 else FAILED


def _places(words: str | None) -> tuple[int, ...] | None:
    if words is None:
        return None
    if words == "none":
        return ()
    try:
        return tuple(sorted({int(word) for word in words.split(",")}))
    except ValueError:
        raise CommandFault(f"{words!r} names no places: write 0,2 or none.", code=USAGE) from None


def _play_cut(seed: int, cut: "Cut") -> "Played":
    from klaroen.testing.simulator.drawing import draw
    from klaroen.testing.simulator.many import quiet
    from klaroen.testing.simulator.play import play

    whole = draw(seed)
    if not all(0 <= place < len(whole.carriers) for place in cut.carriers or ()) or cut.carriers == ():
        raise CommandFault(f"The world of seed {seed} has carriers 0 to {len(whole.carriers) - 1}.", code=USAGE)
    with quiet():
        return play(cut.of(whole))


@contextmanager
def _watched(worlds: "Iterable[Played]", count: int, context: Here) -> "Iterator[Iterator[Played]]":
    """Show how far it is, to a person."""
    if context.json or count == 1:
        yield iter(worlds)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("worlds", total=count)

        def counted() -> "Iterator[Played]":
            broken = 0
            for world in worlds:
                broken += bool(world.promise)
                progress.update(bar, advance=1, description=f"worlds, {broken} broken" if broken else "worlds")
                yield world

        yield counted()


def _report(context: Here, worlds: "list[Played]", *, shrinks: bool) -> int:
    """Say what was seen, and of the first broken world what it takes to see it again."""
    from klaroen.testing.simulator.many import quiet
    from klaroen.testing.simulator.shrink import command, shrink

    broken = sorted((world for world in worlds if world.promise), key=lambda world: world.seed)
    machine: dict[str, Any] = {
        "worlds": len(worlds),
        "broken": {promise: seeds_of(promise, broken) for promise in Counter(one.promise for one in broken)},
        "alerts": sum(world.alerts for world in worlds),
        "handed_over": sum(world.handed_over for world in worlds),
        "lives": sum(world.lives for world in worlds),
        "events": sum(world.events for world in worlds),
        "virtual_s": round(sum(world.virtual_s for world in worlds), 1),
        "digest": worlds[0].digest if len(worlds) == 1 else None,
    }
    words = (
        f"{len(worlds)} worlds, {machine['virtual_s'] / 3600:.1f} virtual hours: {machine['alerts']} alerts, "
        f"{machine['handed_over']} hand-overs, {machine['lives'] - len(worlds)} restarts, {machine['events']} events"
    )
    people = [words, *([f"digest {machine['digest']}"] if machine["digest"] else [])]
    if not broken:
        context.answer(machine, *people, "Every promise was kept.")
        return DONE
    first = broken[0]
    again = None
    if shrinks:
        with quiet():
            cut, first = shrink(first)
        again = command(first.seed, cut)
    machine |= {"seed": first.seed, "promise": first.promise, "facts": first.facts, "again": again}
    machine["last"] = list(first.last)
    for promise, seeds in machine["broken"].items():
        people.append(f"BROKEN {promise}: seeds {', '.join(map(str, seeds[:10]))}")
    people += [*first.last, f"{first.promise} {first.facts}", *([f"Again: {again}"] if again else [])]
    context.answer(machine, *people)
    return FAILED


def seeds_of(promise: str, broken: "list[Played]") -> list[int]:
    return [world.seed for world in broken if world.promise == promise]
