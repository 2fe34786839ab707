"""Telephones that ring, in virtual time: lines, what becomes of each call, and what follows from it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.simulation.far_end import BUSY, HEARD, SILENT, Deed, FarEnd, Proof, call
from tests.simulation.world import World, network, register
from trio.testing import MockClock

from klaroen.core.model import CarrierName, Window
from klaroen.core.ports import Refused, Unknown, Unsent
from klaroen.dispatch.fleet import lose
from klaroen.dispatch.station import Station

CALL_FIRST = (Window("00:00", "24:00", ("tts", "sms")),)
CALLS_ONLY = (Window("00:00", "24:00", ("tts",)),)


class Exchange(FarEnd):
    """A trunk that sees how many calls are up at once, from its first word of them to its last."""

    def __init__(self, script: Any = HEARD, **own: Any) -> None:
        super().__init__("trunk", script, **own)

    def up_at(self) -> Iterator[tuple[float, int]]:
        """Yield (when, how many are up then) at each hand-over."""
        ends: list[float] = []
        for one in self.handed:
            ends = [end for end in ends if end > one.at]
            ends.append(one.at + max((after for after, _, _ in self.script(one.envelope, 0).course), default=0.0))
            yield one.at, len(ends)


def world_of(
    directory: Path,
    clock: MockClock,
    trunk: FarEnd,
    *others: FarEnd,
    members: int = 1,
    plan: Any = CALLS_ONLY,
    **own: Any,
) -> World:
    carriers = {"trunk": {"channels": ("voice", "tts"), **own}}
    return World(
        directory, clock, [trunk, *others], register([network(1, plan)], members), carriers=carriers, calls=None
    )


def trunk_of(world: World) -> Station:
    return world.desk.stations[CarrierName("trunk")]


# --- lines ------------------------------------------------------------------------------------------------------------


async def test_a_line_is_held_until_its_call_has_ended(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Proof comes when most of the message is heard; the line is free when the telephone is down."""
    trunk = Exchange(call(20.0, Proof(12.0, by="attempt")))
    world = world_of(tmp_path, autojump_clock, trunk, members=10, lines=3)
    async with world.running():
        alert = await world.send()
        status = await world.over(alert.id)
        assert 10 == status.reached
        assert 3 == max(up for _, up in trunk.up_at())
        await world.until(lambda: not trunk_of(world).calls)
        assert 0 == trunk_of(world).pace.lines_used


@pytest.mark.parametrize(
    "deed",
    [
        Deed(Refused("number invalid", "address"), copies=0, proofs=()),
        Deed(Unsent("trunk 503"), copies=0, proofs=()),
        Deed(Unknown("silence"), copies=0, proofs=()),
        SILENT,
        BUSY,
        HEARD,
    ],
    ids=["refused", "unsent", "unknown", "silent", "busy", "heard"],
)
async def test_whatever_becomes_of_a_call_frees_its_line_once(
    tmp_path: Path, autojump_clock: MockClock, deed: Deed
) -> None:
    """One line serves one telephone after the other; as many lines are used as there are calls without an end."""
    trunk = Exchange(lambda envelope, seen: deed if envelope.address.endswith("0") else HEARD)
    world = world_of(tmp_path, autojump_clock, trunk, members=3, lines=1)
    async with world.running():
        await world.send()
        station = trunk_of(world)

        def done() -> bool:
            assert station.pace.lines_used == len(station.calls) <= 1
            return 2 <= len(trunk.copies) and not station.calls

        await world.until(done)


async def test_a_carrier_that_crashes_frees_its_lines(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Its calls will never be said to have ended; if they are all the same, nobody is hung up twice."""
    trunk = Exchange()
    world = world_of(tmp_path, autojump_clock, trunk, members=2, lines=2)
    async with world.running():
        await world.send()
        station = trunk_of(world)
        await world.until(lambda: 2 == len(station.calls) and not station.in_flight)
        lose(world.desk, station, "carrier crashed")
        assert (0, {}) == (station.pace.lines_used, station.calls)
        await world.until(lambda: 2 == len(trunk.copies))
