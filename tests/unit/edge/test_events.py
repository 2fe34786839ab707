"""An alert as a stream of events: `snapshot`, then `change`, at most four a second, `: ping` every 15 s, an end."""

import asyncio

from tests.unit.edge import samples
from tests.unit.edge.virtual import in_virtual_time, until
from tests.unit.edge.world import Streaming, World, edge_world

from klaroen.core.calls import Act, Alerts, Seen, ShowAlert, Tokens
from klaroen.core.errors import Problem
from klaroen.core.model import Instant
from klaroen.edge.desk import STREAMS_MAX, STREAMS_PER_TOKEN_MAX

EVENTS = "/v1/alerts/A1/events"
POLICE = frozenset({"police"})


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def shown(world: World, reached: int = 14) -> None:
    """Push an open alert, and wait until the edge has it."""
    world.dispatch.show(Seen(samples.status(reached=reached), POLICE))
    await until(lambda: (seen := world.desk.mirror.seen("A1", "police")) is not None and seen.status.reached == reached)


def names(streaming: Streaming) -> list[str]:
    return [name for _, name, _ in streaming.events]


@in_virtual_time
async def test_a_stream_is_a_snapshot_then_changes_then_an_end() -> None:
    """Each event holds the whole status under an id that grows; after a final state the stream ends."""
    async with edge_world() as world:
        await shown(world)
        async with world.stream(EVENTS) as streaming:
            await until(lambda: len(streaming.events) == 1)
            await shown(world, reached=20)
            await until(lambda: len(streaming.events) == 2)
            world.dispatch.show(Seen(samples.status("done", reached=94), POLICE))
            await until(lambda: streaming.ended)
        assert (streaming.status, streaming.headers["content-type"]) == (200, "text/event-stream")
        assert names(streaming) == ["snapshot", "change", "change"]
        assert [status["reached"] for _, _, status in streaming.events] == [14, 20, 94]
        ids = [number for number, _, _ in streaming.events]
        assert sorted(set(ids)) == ids
        assert streaming.events[-1][2]["state"] == "done"
        assert world.desk.streams.total() == 0


@in_virtual_time
async def test_changes_come_at_most_four_times_a_second_and_the_last_is_never_missed() -> None:
    async with edge_world() as world:
        await shown(world)
        async with world.stream(EVENTS) as streaming:
            started_s = now_s()
            for reached in range(15, 75):
                await shown(world, reached)
                await asyncio.sleep(0.02)
            await until(lambda: bool(streaming.events) and streaming.events[-1][2]["reached"] == 74)
            seconds = now_s() - started_s
        assert len(streaming.events) - 1 <= seconds * 4 + 1
        assert len(streaming.events) > 3


@in_virtual_time
async def test_a_ping_comes_every_15_s_beside_the_changes() -> None:
    async with edge_world() as world:
        await shown(world)
        async with world.stream(EVENTS) as streaming:
            for reached in range(15, 25):
                await asyncio.sleep(6.1)
                await shown(world, reached)
            await asyncio.sleep(1)
        assert streaming.pings == 4
        assert len(streaming.events) == 11


@in_virtual_time
async def test_a_reader_resumes_after_what_it_has_seen() -> None:
    """Last-Event-ID: nothing new is nothing sent; something new is a change; an id of another life is a snapshot."""
    async with edge_world() as world:
        await shown(world)
        async with world.stream(EVENTS) as first:
            await until(lambda: len(first.events) == 1)
        last = first.events[0][0]
        async with world.stream(EVENTS, {"last-event-id": str(last)}) as same:
            await asyncio.sleep(1)
            assert same.events == []
            await shown(world, reached=20)
            await until(lambda: len(same.events) == 1)
        assert names(same) == ["change"]
        async with world.stream(EVENTS, {"last-event-id": str(last)}) as behind:
            await until(lambda: len(behind.events) == 1)
        assert (names(behind), behind.events[0][2]["reached"]) == (["change"], 20)
        for strange in (str(last + 1_000), "x", "9" * 40, "-1"):
            async with world.stream(EVENTS, {"last-event-id": strange}) as anew:
                await until(lambda anew=anew: len(anew.events) == 1)  # type: ignore[misc]
            assert names(anew) == ["snapshot"]


@in_virtual_time
async def test_a_closed_alert_is_one_snapshot_and_204_to_who_has_seen_it() -> None:
    """204 stops a browser's EventSource, which would come again for ever."""
    async with edge_world() as world:
        world.dispatch.answers[ShowAlert] = samples.status("done")
        async with world.stream(EVENTS) as streaming:
            await until(lambda: streaming.ended)
        assert names(streaming) == ["snapshot"]
        last = str(streaming.events[0][0])
        answer = await world.get(EVENTS, headers={"last-event-id": last})
        assert (answer.status, answer.body) == (204, b"")
        async with world.stream(EVENTS) as anew:
            await until(lambda: anew.ended)
        assert names(anew) == ["snapshot"]


@in_virtual_time
async def test_an_alert_just_accepted_is_asked_until_it_is_pushed() -> None:
    async with edge_world() as world, world.stream(EVENTS) as streaming:
        await until(lambda: len(streaming.events) == 1)
        async with world.stream(EVENTS) as second:
            await until(lambda: len(second.events) == 1)
            world.dispatch.show(Seen(samples.status(reached=30), POLICE))
            await until(lambda: len(streaming.events) == 2 and len(second.events) == 2)
        assert len(world.dispatch.asked(ShowAlert)) == 1


@in_virtual_time
async def test_a_cancel_is_seen_by_streams_at_once() -> None:
    """What was pushed before the act is out of date: the stream asks."""
    async with edge_world() as world:
        await shown(world)
        world.dispatch.answers[ShowAlert] = samples.status("cancelled")
        async with world.stream(EVENTS) as streaming:
            assert (await world.call("POST", "/v1/alerts/A1/cancel")).status == 200
            await until(lambda: streaming.ended)
        assert [status["state"] for _, _, status in streaming.events] == ["sending", "cancelled"]
        assert len(world.dispatch.asked(Act)) == 1


@in_virtual_time
async def test_a_stream_outlives_dispatch() -> None:
    """Pings go on while it is away; what closed meanwhile is asked for after the next greeting."""
    async with edge_world() as world:
        await shown(world)
        async with world.stream(EVENTS) as streaming:
            await until(lambda: len(streaming.events) == 1)
            await world.dispatch.stop()
            await asyncio.sleep(16)
            assert (streaming.pings, streaming.ended) == (1, False)
            world.dispatch.open.clear()
            world.dispatch.answers[ShowAlert] = samples.status("done")
            await world.dispatch.start()
            await until(lambda: streaming.ended)
        assert [status["state"] for _, _, status in streaming.events] == ["sending", "done"]


@in_virtual_time
async def test_a_stream_asks_again_where_dispatch_could_not_answer() -> None:
    async with edge_world() as world:
        await shown(world)
        answers = [Problem("unavailable", "busy"), Problem("unavailable", "busy"), samples.status("done")]
        world.dispatch.answers[ShowAlert] = lambda _: answers.pop(0)
        async with world.stream(EVENTS) as streaming:
            world.desk.mirror.forget("A1")
            await until(lambda: streaming.ended)
        assert names(streaming) == ["snapshot", "change"]


@in_virtual_time
async def test_a_stream_ends_where_the_token_may_not_see_the_alert_any_more() -> None:
    async with edge_world() as world:
        await shown(world)
        world.dispatch.answers[ShowAlert] = Problem("not-found", "no such alert")
        async with world.stream(EVENTS) as streaming:
            await until(lambda: len(streaming.events) == 1)
            world.dispatch.show(Seen(samples.status(reached=30), frozenset()))
            await until(lambda: streaming.ended)
        assert len(streaming.events) == 1


@in_virtual_time
async def test_a_stream_ends_with_its_token() -> None:
    """Revoked, or expired: nothing more is shown, at the latest at the next ping."""
    async with edge_world() as world:
        await shown(world)
        async with world.stream(EVENTS) as streaming:
            world.dispatch.push(Tokens(()))
            await until(lambda: streaming.ended)
        world.dispatch.push(Tokens((samples.token(expires_at=Instant(world.now + 5_000)),)))
        await until(lambda: world.desk.mirror.tokens.by_name("police") is not None)
        async with world.stream(EVENTS) as streaming:
            world.later(5)
            await shown(world, reached=30)
            await until(lambda: streaming.ended)
        assert len(streaming.events) == 1


@in_virtual_time
async def test_streams_end_when_the_edge_stops_and_none_begins() -> None:
    async with edge_world() as world:
        await shown(world)
        async with world.stream(EVENTS) as streaming:
            await until(lambda: len(streaming.events) == 1)
            world.desk.drain()
            await until(lambda: streaming.ended, within_s=1)
        assert (await world.get(EVENTS)).status == 503


@in_virtual_time
async def test_a_reader_that_goes_leaves_nothing_behind() -> None:
    async with edge_world() as world:
        await shown(world)
        async with world.stream(EVENTS) as streaming:
            await until(lambda: len(streaming.events) == 1)
            assert world.desk.streams.total() == 1
        assert (world.desk.streams.total(), streaming.ended) == (0, False)


@in_virtual_time
async def test_streams_are_bounded_by_token_and_in_all() -> None:
    async with edge_world() as world:
        await shown(world)
        for name, count in (("police", STREAMS_PER_TOKEN_MAX), ("others", STREAMS_MAX)):
            world.desk.streams.clear()
            world.desk.streams[name] = count
            answer = await world.get(EVENTS)
            assert (answer.status, answer.headers["retry-after"]) == (429, "15")


@in_virtual_time
async def test_a_stream_of_what_is_not_there_is_404() -> None:
    async with edge_world() as world:
        world.dispatch.answers[ShowAlert] = Problem("not-found", "no such alert")
        answer = await world.get(EVENTS)
        assert (answer.status, answer.problem) == (404, "not-found")


@in_virtual_time
async def test_an_answer_read_before_the_end_was_pushed_is_read_again() -> None:
    """Reads come over another connection than pushes: a late one must not hold a stream open for ever."""
    async with edge_world() as world:
        await shown(world)
        world.dispatch.push(Alerts((Seen(samples.status("done"), POLICE),)))
        await until(lambda: world.desk.mirror.seen("A1", "police") is None)
        answers = [samples.status(), samples.status("done")]
        world.dispatch.answers[ShowAlert] = lambda _: answers.pop(0)
        async with world.stream(EVENTS) as streaming:
            await until(lambda: streaming.ended)
        assert [status["state"] for _, _, status in streaming.events] == ["sending", "done"]
