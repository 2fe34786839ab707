"""A line is held until its call has ended, and free once, whatever happens."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.fakes.speaker import FakeSpeaker
from tests.simulation.call_world import (
    Exchange,
    trunk_of,
    world_of,
)
from trio.testing import MockClock

from klaroen.core import calls
from klaroen.core.model import (
    AttemptId,
    CarrierName,
)
from klaroen.core.ports import Call, Receipt, Refused, Unknown, Unsent
from klaroen.dispatch import lines
from klaroen.dispatch.fleet import lose
from klaroen.dispatch.page import Page
from klaroen.dispatch.settle import take_events
from klaroen.testing.deeds import BUSY, HEARD, SILENT, Deed, Proof, call


async def test_a_line_is_held_until_its_call_has_ended(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Proof comes when most of the message is heard; the line is free when the telephone is down."""
    trunk = Exchange(call(20.0, Proof(12.0, by="attempt")))
    world = world_of(tmp_path, autojump_clock, trunk, members=10, lines=3)
    async with world.running():
        alert = await world.send()
        status = await world.over(alert.id)
        assert 10 == status.reached
        assert 3 == max(up for _, up in trunk.up_at())
        assert (0, {}) == (trunk_of(world).pace.lines_used, trunk_of(world).calls)


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


async def test_what_is_said_of_a_call_waits_for_the_receipts_before_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Receipts that a webhook brought are durable and not yet drained when their call is said to have ended."""
    silent = Deed(proofs=(), course=())
    world = world_of(tmp_path, autojump_clock, Exchange(silent), speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        station = trunk_of(world)
        await world.until(lambda: bool(station.attempts))
        [attempt] = station.calls

        async def hear(those: Sequence[Call]) -> None:
            assert world.desk.backlog, "the receipt is still to be drained"
            take_events(world.desk, station, those)

        station.carrier.hear = hear  # type: ignore[attr-defined]
        receipt = Receipt("failed", "busy", attempt=attempt)
        told = calls.PutReceipts(CarrierName("trunk"), (receipt,), (Call(attempt, "ended", 0.0),))
        await world.ask(told, type(None), None)
        assert 1 == (await world.over(alert)).failed
        busy = {"carrier": "trunk", "outcome": "busy"}
        assert 1 == world.desk.metrics.registry.get_sample_value("klaroen_calls_total", busy)


async def test_a_full_disk_forgets_no_end_of_a_call(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The carrier is asked to repeat its receipts; that the call ended is known already, and so is its proof later."""
    trunk = Exchange()
    world = world_of(tmp_path, autojump_clock, trunk, speaker=FakeSpeaker())
    async with world.running():
        alert = (await world.send()).id
        await world.until(lambda: bool(trunk_of(world).attempts))
        world.disk_full = True
        await world.until(lambda: trunk.refused_receipts > 0)
        await world.until(lambda: not trunk_of(world).calls)
        world.disk_full = False
        status = await world.over(alert)
        assert 1 == status.reached
        assert 1 == status.channels["tts"].calls.ended


async def test_of_an_unknown_call_nothing_follows(tmp_path: Path, autojump_clock: MockClock) -> None:
    world = world_of(tmp_path, autojump_clock, Exchange(), speaker=FakeSpeaker())
    async with world.running():
        for phase in ("answered", "ended"):
            take_events(world.desk, trunk_of(world), [Call(AttemptId("of yesterday"), phase, 1.0)])  # type: ignore[arg-type]
        assert (0, {}) == (trunk_of(world).pace.lines_used, trunk_of(world).calls)


async def test_a_repeat_goes_on_holding_the_line_of_its_call(tmp_path: Path, autojump_clock: MockClock) -> None:
    """One line, and the batch that made it first no longer waits for its end."""
    world = world_of(tmp_path, autojump_clock, Exchange(), speaker=FakeSpeaker())
    async with world.running():
        await world.send()
        station = trunk_of(world)
        await world.until(lambda: bool(station.calls))
        [(attempt, (page, index))] = station.calls.items()
        later = Page(page.opened, page.sheet, page.state, page.epoch)
        later.cursor = page.cursor
        lines.dial(world.desk, station, attempt, later, index)
        assert ([attempt], 0, 1) == (list(station.calls), page.calls_up, later.calls_up)
        lines.dial(world.desk, station, attempt, page, index)
        await world.until(lambda: not station.calls)
