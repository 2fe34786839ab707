"""What is decided while an alert is being written holds for it too, though it was judged before."""

from collections.abc import Awaitable, Callable

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.test_consent import TOKENS
from tests.simulation.world import TEXT_ONLY, World, address, network, register

from klaroen.core import mandates
from klaroen.core.mandates import GrantRequest, HaltRequest
from klaroen.core.model import CarrierName, Coordinator
from klaroen.core.ports import Reply
from klaroen.core.replies import PutReplies
from klaroen.core.upkeep import RemoveMember
from klaroen.testing.far_end import FarEnd

COUNTRY = register([network(number, TEXT_ONLY, coordinators=(Coordinator("K1", "C"),)) for number in (1, 2)], 3)
BOTH = replace(TOKENS[6], networks=("BIN-0001", "BIN-0002"))
OTHERS = {address(number) for number in (3, 4, 5)}


async def stop(world: World) -> None:
    await world.ask(mandates.StopNetwork("BIN-0001", HaltRequest("R", "W")), object)


async def withdraw(world: World) -> None:
    await world.ask(mandates.WithdrawGrant("BIN-0001", "K1"), object)


async def say_stop(world: World) -> None:
    replies = tuple(Reply(address(member), "STOP") for member in range(3))
    await world.ask(PutReplies(CarrierName("alpha"), replies), object, None)


async def leave(world: World) -> None:
    for member in range(3):
        await world.ask(RemoveMember("BIN-0001", f"M{member}"), object)


@pytest.mark.parametrize("decide", [stop, withdraw, say_stop, leave])
async def test_R01_R04_R09_R17_what_is_decided_while_an_alert_is_written_holds_for_it(
    autojump_clock, world_of, decide: Callable[[World], Awaitable[None]]
) -> None:
    """Nothing leaves to the first network's members, over a restart either; the others are warned."""
    alpha = FarEnd("alpha")
    world = world_of(alpha, country=COUNTRY, tokens=(*TOKENS[:6], BOTH), calls=None)
    alpha.up = False
    sent = []

    async def send() -> None:
        sent.append((await world.send("K1", **{"class": "cold"})).id)

    async with world.running(linked=False):
        for name in ("BIN-0001", "BIN-0002"):
            await world.ask(mandates.PutGrant(name, "K1", GrantRequest("2030-01-01")), object)
        async with trio.open_nursery() as nursery:
            world.disk_lag_s = 1.0
            nursery.start_soon(send)
            await trio.sleep(0.1)
            world.disk_lag_s = 0.0
            await decide(world)
            assert not sent, "it is still being written"
    async with world.running(linked=False):
        alpha.restore()
        status = await world.over(sent[0])
        assert (6, 3, 3) == (status.members, status.reached, status.cancelled)
        assert OTHERS == set(alpha.addresses)
