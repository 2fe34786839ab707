"""More than can be borne: what can wait is asked to wait, and nothing grows without a bound."""

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.audit import audit
from tests.simulation.world import network

from klaroen.core.calls import PutReceipts
from klaroen.core.errors import InputError
from klaroen.core.ports import Receipt
from klaroen.dispatch import desk as desks
from klaroen.settings import Dispatch
from klaroen.testing.far_end import FarEnd


async def test_what_can_wait_is_asked_to_and_warm_is_taken(autojump_clock, world_of) -> None:
    """429 with the time that the carriers need, for cold first; a warm alert goes on to the last delivery, then 503."""
    alpha = FarEnd("alpha")
    world = world_of(
        alpha,
        networks=[network(number) for number in range(1, 11)],
        members=100,
        carriers={"alpha": {"rate_per_s": 200.0}},
        calls=None,
    )
    world.settings = replace(world.settings, dispatch=Dispatch(deliveries_max=4_000))
    async with world.running():
        posted = [(await world.send(**{"class": "public_interest", "urgent": True})).id for _ in range(2)]
        refused = {}
        for alert_class in ("cold", "public_interest"):
            with pytest.raises(InputError) as caught:
                await world.send(**{"class": alert_class})
            refused[alert_class] = caught.value.problem
        assert {"too-many-requests"} == {one.name for one in refused.values()}
        assert (10.0, 5.0) == tuple(one.retry_after_s for one in refused.values()), "2,000 and 1,000 at 200 a second"
        posted += [(await world.send()).id for _ in range(2)]
        with pytest.raises(InputError) as caught:
            await world.send()
        assert ("unavailable", 5.0) == (caught.value.problem.name, caught.value.problem.retry_after_s)
        await trio.sleep(refused["public_interest"].retry_after_s)
        eta = (await world.status(posted[-1])).eta_s
        assert eta is not None
        done_at = trio.current_time() + eta
        await world.until(lambda: all(one.opened.account.counts[0] == 0 for one in pages(world, posted[2:])))
        assert 0.8 * eta < trio.current_time() - (done_at - eta) < 1.25 * eta + 1, "eta_s is honest"
        for one in posted:
            await world.over(one)
        audit(world, *posted)


async def test_what_can_wait_is_accepted_one_at_a_time(autojump_clock, world_of) -> None:
    """Of ten that come at once as many are taken as there is room for, and a warm one goes between, not behind them."""
    world = world_of(FarEnd("alpha"), members=100, calls=None)
    world.settings = replace(world.settings, dispatch=Dispatch(deliveries_max=500))
    async with world.running():
        world.disk_lag_s = 0.1
        posted_at, took_s, problems = trio.current_time(), {}, []

        async def post(number: int, **changes: object) -> None:
            try:
                await world.send(content={"nl": {"text": f"Bericht {number}"}}, **changes)
            except InputError as error:
                problems.append(error.problem.name)
            else:
                took_s[number] = trio.current_time() - posted_at

        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(lambda number=number: post(number, **{"class": "public_interest"}))
            nursery.start_soon(post, 10)
        assert took_s.pop(10) < 0.15
        assert 1 <= len(took_s) <= 2, "250 deliveries of this class may be open"
        assert ["too-many-requests"] * (10 - len(took_s)) == problems


def pages(world, alerts):
    return [page for alert in alerts if alert in world.desk.alerts for page in world.desk.alerts[alert].pages.values()]


async def test_a_flood_of_receipts_is_asked_to_come_again(autojump_clock, world_of, monkeypatch) -> None:
    """By 503 and by the SMSC's own means; none is lost, and what was sent is settled."""
    monkeypatch.setattr(desks, "UNDRAINED_MAX", 40)
    alpha = FarEnd("alpha")
    async with world_of(alpha, members=300).running() as world:
        flood = tuple(Receipt("reached", "000", ref=f"nobody-{number}") for number in range(1_000))
        await world.ask(PutReceipts(alpha.name, flood), type(None), None)
        with pytest.raises(InputError) as caught:
            await world.ask(PutReceipts(alpha.name, flood), type(None), None)
        assert ("unavailable", 2.0) == (caught.value.problem.name, caught.value.problem.retry_after_s)
        sent = await world.send()
        assert 300 == (await world.over(sent.id)).reached
        audit(world, sent.id)
