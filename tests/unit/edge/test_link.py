"""The link: two connections kept up, each question asked once, company gathered, and bounds."""

import asyncio

import pytest
from msgspec import structs
from tests.unit.edge import samples
from tests.unit.edge.fake_dispatch import SILENCE
from tests.unit.edge.virtual import in_virtual_time, until
from tests.unit.edge.world import edge_world

from klaroen.core.calls import Act, Greet, ListCarriers, ShowAlert, Submit
from klaroen.core.errors import Problem
from klaroen.core.model import AlertId
from klaroen.edge import link as links
from klaroen.edge.mirror import CLOSED_MAX, Mirror

CARRIERS = ListCarriers()
SHOW = ShowAlert(AlertId("A1"))


def now_s() -> float:
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_one_connection_for_writes_and_pushes_and_one_for_reads() -> None:
    async with edge_world() as world:
        greets = sorted(world.dispatch.greets, key=lambda greet: greet.pushes)
        assert greets == [Greet("edge", pushes=False), Greet("edge", pushes=True)]


@in_virtual_time
async def test_a_question_asked_alone_leaves_at_once() -> None:
    """No latency is added to a single request."""
    async with edge_world() as world:
        started_s = now_s()
        await world.link.ask("police", CARRIERS, 1.0)
        assert now_s() == started_s


@in_virtual_time
async def test_questions_asked_together_are_written_together() -> None:
    """While one is under way the others wait for company, 5 ms at most."""
    async with edge_world() as world:
        world.dispatch.answers[ListCarriers] = SILENCE
        world.dispatch.writes.clear()
        started_s = now_s()
        asking = [asyncio.create_task(world.link.ask("police", CARRIERS, 1.0)) for _ in range(50)]
        await until(lambda: len(world.dispatch.asks) == 50)
        assert [count for count in world.dispatch.writes if count] == [1, 49]
        assert now_s() - started_s == pytest.approx(0.005, abs=0.002)
        for ask in list(world.dispatch.asks):
            world.dispatch.tell(ask, samples.CARRIERS)
        answers = await asyncio.gather(*asking)
        assert {type(answer) for answer in answers} == {bytes}


@in_virtual_time
async def test_an_answer_sends_off_what_was_gathered() -> None:
    """A gathered question does not wait out its 5 ms where dispatch is free again."""
    async with edge_world() as world:
        world.dispatch.answers[ListCarriers] = SILENCE
        first = asyncio.create_task(world.link.ask("police", CARRIERS, 1.0))
        await until(lambda: len(world.dispatch.asks) == 1)
        second = asyncio.create_task(world.link.ask("police", Act(AlertId("A1"), "pause"), 1.0))
        await asyncio.sleep(0)
        started_s = now_s()
        world.dispatch.tell(world.dispatch.asks[0], samples.CARRIERS)
        await asyncio.gather(first, second)
        assert now_s() - started_s < 0.005


@in_virtual_time
async def test_answers_may_come_in_any_order() -> None:
    async with edge_world() as world:
        world.dispatch.answers[ShowAlert] = SILENCE
        first = asyncio.create_task(world.link.ask("police", SHOW, 1.0))
        second = asyncio.create_task(world.link.ask("police", SHOW, 1.0))
        await until(lambda: len(world.dispatch.asks) == 2)
        world.dispatch.tell(world.dispatch.asks[1], 2)
        world.dispatch.tell(world.dispatch.asks[0], 1)
        assert await asyncio.gather(first, second) == [b"\x01", b"\x02"]


@in_virtual_time
async def test_without_dispatch_each_question_is_answered_at_once() -> None:
    async with edge_world(connected=False) as world:
        assert await world.link.ask("police", CARRIERS, 1.0) == links.AWAY


@in_virtual_time
async def test_questions_under_way_when_dispatch_goes_are_answered_and_never_asked_again() -> None:
    """Nobody but the caller knows whether asking twice is safe."""
    async with edge_world() as world:
        world.dispatch.answers[Submit] = SILENCE
        asking = asyncio.create_task(world.post_alert())
        await until(lambda: len(world.dispatch.asks) == 1)
        world.dispatch.hang_up()
        answer = await asking
        assert (answer.status, answer.problem) == (503, "unavailable")
        await until(lambda: len(world.dispatch.greets) == 4)
        assert len(world.dispatch.asked(Submit)) == 1


@in_virtual_time
async def test_a_late_answer_reaches_nobody_and_harms_nothing() -> None:
    async with edge_world() as world:
        world.dispatch.answers[ListCarriers] = SILENCE
        assert await world.link.ask("police", CARRIERS, 0.5) == links.LATE
        world.dispatch.tell(world.dispatch.asks[0], samples.CARRIERS)
        world.dispatch.answers[ListCarriers] = samples.CARRIERS
        assert isinstance(await world.link.ask("police", CARRIERS, 0.5), bytes)


@in_virtual_time
async def test_it_reconnects_with_growing_patience() -> None:
    """0.05 s after a loss, and never more than a second between attempts."""
    async with edge_world() as world:
        await asyncio.sleep(2)
        world.dispatch.hang_up()
        started_s = now_s()
        await until(lambda: world.desk.mirror.connected and len(world.dispatch.greets) == 4)
        assert now_s() - started_s <= 0.06
        await world.dispatch.stop()
        await asyncio.sleep(60)
        await world.dispatch.start()
        started_s = now_s()
        await until(lambda: len(world.dispatch.greets) == 6)
        assert now_s() - started_s <= 1.01


@in_virtual_time
async def test_dispatch_that_hangs_up_at_once_is_not_pestered() -> None:
    """A connection that does not hold is no reason to start the back-off anew."""
    async with edge_world() as world:
        world.dispatch.greets.clear()
        until_s = now_s() + 10
        while now_s() < until_s:
            world.dispatch.hang_up()
            await asyncio.sleep(0.01)
        assert len(world.dispatch.greets) < 2 * 20


@pytest.mark.parametrize("octets", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x02ab"])
@in_virtual_time
async def test_a_frame_that_cannot_be_read_ends_the_connection(octets: bytes) -> None:
    async with edge_world() as world:
        world.dispatch.write_raw(octets)
        await until(lambda: len(world.dispatch.greets) == 3)
        assert isinstance(await world.link.ask("police", CARRIERS, 0.5), bytes)


@in_virtual_time
async def test_questions_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest waits at the door, for no longer than its caller does, and is not written."""
    monkeypatch.setattr(links, "QUESTIONS_MAX", 2)
    async with edge_world() as world:
        world.dispatch.answers[ListCarriers] = SILENCE
        asking = [asyncio.create_task(world.link.ask("police", CARRIERS, 5.0)) for _ in range(3)]
        await asyncio.sleep(1)
        assert len(world.dispatch.asks) == 2
        world.dispatch.tell(world.dispatch.asks[0], samples.CARRIERS)
        await until(lambda: len(world.dispatch.asks) == 3)
        answers = await asyncio.gather(*asking)
        assert answers.count(links.LATE) == 2


@in_virtual_time
async def test_tokens_outlive_the_connection_and_readiness_does_not() -> None:
    async with edge_world() as world:
        await world.dispatch.stop()
        await until(lambda: not world.desk.mirror.connected)
        assert world.desk.mirror.tokens.by_secret(samples.SECRET) is not None
        assert not world.desk.mirror.readiness.ready
        assert (await world.get("/v1/alerts", secret="wrong")).status == 401
        assert (await world.get("/v1/alerts")).status == 503


@in_virtual_time
async def test_the_ends_of_alerts_are_remembered_within_a_bound() -> None:
    mirror = Mirror(0)
    for number in range(CLOSED_MAX + 5):
        mirror.told(structs.replace(samples.status("done"), id=f"A{number}"), "police")
    assert mirror.statistics() == {"alerts": 0, "closed": CLOSED_MAX}
    assert mirror.ended("A0", "police") is None
    assert (ended := mirror.ended("A5", "police")) is not None
    assert ended.counter == 6
    assert mirror.ended("A5", "operator") is None


@in_virtual_time
async def test_a_problem_is_told_as_it_came() -> None:
    async with edge_world() as world:
        problem = Problem("state", "it has ended")
        world.dispatch.answers[Act] = problem
        assert await world.link.ask("police", Act(AlertId("A1"), "pause"), 1.0) == problem
