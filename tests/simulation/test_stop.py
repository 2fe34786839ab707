"""Pause, resume, cancel and expiry: what leaves afterwards, and what is counted."""

import pytest
import trio
from tests.simulation.audit import audit
from tests.simulation.world import TEXT_ONLY, members_counted, network

from klaroen.core import calls
from klaroen.core.errors import InputError
from klaroen.core.views import AlertPage
from klaroen.testing.deeds import PROVED, SILENT, UNPROVED
from klaroen.testing.far_end import FarEnd

LATEST_S = 0.2
SLOW = {"carriers": {"alpha": {"rate_per_s": 50.0}}, "members": 400}


async def test_nothing_leaves_after_a_pause(autojump_clock, world_of) -> None:
    """200 ms after the answer to a pause nothing leaves; resuming sends the rest, and each call may be repeated."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **SLOW).running() as world:
        sent = await world.send()
        await trio.sleep(2)
        first = await world.act(sent.id, "pause")
        answered = trio.current_time()
        await trio.sleep(30)
        assert alpha.handed[-1].at <= answered + LATEST_S
        count = len(alpha.handed)
        assert 50 < count < 150
        again = await world.act(sent.id, "pause")
        assert ("paused", "paused") == (first.state, again.state)
        assert (count, 400 - count) == (again.handed_over, again.stopped)
        assert "paused" == (await world.status(sent.id)).state
        assert "sending" == (await world.act(sent.id, "resume")).state
        assert "sending" == (await world.act(sent.id, "resume")).state
        assert 400 == (await world.over(sent.id)).reached
        audit(world, sent.id)


async def test_nothing_leaves_after_a_cancel(autojump_clock, world_of) -> None:
    """Cancelling ends what has not left; who was handed it before stays so, and proof still counts."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **SLOW).running() as world:
        sent = await world.send()
        await trio.sleep(2)
        acted = await world.act(sent.id, "cancel")
        answered = trio.current_time()
        await trio.sleep(30)
        assert alpha.handed[-1].at <= answered + LATEST_S
        again = await world.act(sent.id, "cancel")
        assert ("cancelled", "cancelled") == (acted.state, again.state)
        status = await world.over(sent.id)
        left = len(alpha.handed)
        assert ("cancelled", left, 400 - left) == (status.state, status.reached, status.cancelled)
        assert (left, 400 - left) == (again.handed_over, again.stopped)
        audit(world, sent.id)


async def test_a_cancel_before_anything_left(autojump_clock, world_of) -> None:
    """An alert that is stopped at once warns nobody, and everybody is accounted for."""
    alpha = FarEnd("alpha")
    alpha.up = False
    async with world_of(alpha, networks=[network(1, TEXT_ONLY)]).running() as world:
        sent = await world.send()
        acted = await world.act(sent.id, "cancel")
        assert ("cancelled", 0, 30) == (acted.state, acted.handed_over, acted.stopped)
        status = await world.over(sent.id)
        assert ("cancelled", 30) == (status.state, status.cancelled)
        alpha.restore()
        await trio.sleep(5)
        assert not alpha.handed
        audit(world, sent.id)


@pytest.mark.parametrize("verb", ["cancel", "pause"])
async def test_a_stop_that_is_not_durable_stops_nobody(autojump_clock, world_of, verb: str) -> None:
    """503, while the alert is still being cut into batches: nothing of it may have ended meanwhile."""
    async with world_of(members=400).running() as world:
        sent = await world.send()
        world.refuses = lambda method, _: method == "change"
        with pytest.raises(InputError, match="store cannot write"):
            await world.act(sent.id, verb)
        world.refuses = lambda _method, _args: False
        assert ("done", 400) == ((status := await world.over(sent.id)).state, status.reached)


async def test_a_paused_alert_expires(autojump_clock, world_of) -> None:
    """Time goes on while an alert is paused: after its life nothing leaves, whatever is resumed."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, **SLOW).running() as world:
        sent = await world.send(expires_in_s=10)
        await trio.sleep(1)
        await world.act(sent.id, "pause")
        left = len(alpha.handed)
        status = await world.over(sent.id)
        assert (left, 400 - left) == (status.reached, status.expired)
        assert left == len(alpha.handed)
        audit(world, sent.id)


async def test_nothing_leaves_after_expiry(autojump_clock, world_of) -> None:
    """After `expires_at` nothing is handed over; some were warned, so the alert is done."""
    alpha = FarEnd("alpha")
    async with world_of(alpha, carriers={"alpha": {"rate_per_s": 10.0}}, members=400).running() as world:
        sent = await world.send(expires_in_s=10)
        started = trio.current_time()
        status = await world.over(sent.id)
        assert "done" == status.state
        assert status.expired > 200
        assert status.reached == len(alpha.handed)
        assert alpha.handed[-1].at <= started + 10.0
        audit(world, sent.id)


async def test_an_alert_that_nobody_got_has_expired(autojump_clock, world_of) -> None:
    """Final state: `expired` if nobody was handed over."""
    alpha = FarEnd("alpha")
    alpha.up = False
    async with world_of(alpha, networks=[network(1, TEXT_ONLY)]).running() as world:
        sent = await world.send(expires_in_s=10)
        status = await world.over(sent.id)
        assert ("expired", 30) == (status.state, status.expired)
        audit(world, sent.id)


async def test_no_next_step_after_expiry(autojump_clock, world_of) -> None:
    """A step that falls due after the alert's life is not taken: who was handed it stays handed over."""
    async with world_of(FarEnd("alpha", UNPROVED)).running() as world:
        sent = await world.send(expires_in_s=10)
        status = await world.over(sent.id)
        assert ("done", 30, 0) == (status.state, status.handed_over, status.channels["sms"].reached)
        assert "tts" not in status.channels
        audit(world, sent.id)


async def test_answers_that_come_after_a_cancel_count(autojump_clock, world_of) -> None:
    """What was on its way when an alert was stopped is neither lost nor sent again."""
    slow = type(PROVED)(answer_s=3.0)
    alpha = FarEnd("alpha", slow, window=40)
    async with world_of(alpha, members=100).running() as world:
        sent = await world.send()
        await trio.sleep(1)
        await world.act(sent.id, "cancel")
        status = await world.status(sent.id)
        assert members_counted(status) == 100
        status = await world.over(sent.id)
        assert ("cancelled", 40, 60) == (status.state, status.reached, status.cancelled)
        assert 40 == len(alpha.handed)
        audit(world, sent.id)


async def test_an_unknown_is_not_sent_again_after_a_cancel(autojump_clock, world_of) -> None:
    """A stopped alert is not repeated to who may have got it."""
    alpha = FarEnd("alpha", SILENT)
    async with world_of(alpha, members=5).running() as world:
        sent = await world.send()
        await trio.sleep(1)
        await world.act(sent.id, "cancel")
        status = await world.over(sent.id)
        assert ("cancelled", 5) == (status.state, status.cancelled)
        assert 5 == len(alpha.handed)
        audit(world, sent.id)


async def test_what_is_being_sent_is_listed_as_such(autojump_clock, world_of) -> None:
    """An alert that has begun to leave is `sending`: in its status, in lists by state, and after a restart."""
    world = world_of(FarEnd("alpha", UNPROVED), members=20)
    async with world.running():
        sent = await world.send()
        await trio.sleep(2)
        listed = await world.ask(calls.ListAlerts(state="sending"), AlertPage)
        assert [sent.id] == [one.id for one in listed.items]
        assert () == (await world.ask(calls.ListAlerts(state="accepted"), AlertPage)).items
    async with world.running():
        assert "sending" == (await world.status(sent.id)).state
        assert 20 == (await world.over(sent.id)).channels["tts"].reached
        done = await world.ask(calls.ListAlerts(state="done"), AlertPage)
        assert [sent.id] == [one.id for one in done.items]
        audit(world, sent.id)
