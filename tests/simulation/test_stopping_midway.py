"""Whatever stops a national alert midway: within 200 ms nothing more leaves, and the books balance at every instant.

A country, scaled down, whose carriers take a while; at a drawn moment a grant is withdrawn, a network is stopped, the
alert is cancelled or superseded.
"""

import random
from collections.abc import Awaitable, Callable

import pytest
import trio
from msgspec.structs import replace
from tests.simulation.test_consent import TOKENS
from tests.simulation.world import DAY, members_counted, network, register, token

from klaroen.core import mandates
from klaroen.core.mandates import GrantRequest, GrantView, HaltRequest, HaltView
from klaroen.core.model import AlertId, Coordinator, NetworkId
from klaroen.testing.deeds import PROVED, UNPROVED, UNSENT
from klaroen.testing.far_end import FarEnd

LATEST_S = 0.2
NETWORKS, MEMBERS = 8, 40
COUNTRY = register(
    [network(number, DAY, coordinators=(Coordinator("K1", "C"),)) for number in range(1, NETWORKS + 1)], MEMBERS
)
NAMES = tuple(NetworkId(f"BIN-{number:04}") for number in range(1, NETWORKS + 1))
ALL = replace(token("K1", "coordinator"), networks=NAMES)
"""One steering group for all of them: so that a grant carries something national."""
CORRECTION = {"nl": {"text": "Vals alarm."}}

Stops = Callable[[object, str, str], Awaitable[None]]


async def _cancel(world, alert: str, _: str) -> None:
    await world.act(alert, "cancel")


async def _supersede(world, alert: str, _: str) -> None:
    await world.send("K1", content=CORRECTION, supersedes=alert)


async def _stop(world, _: str, name: str) -> None:
    await world.ask(mandates.StopNetwork(name, HaltRequest("R", "W")), HaltView)


async def _withdraw(world, _: str, name: str) -> None:
    await world.ask(mandates.WithdrawGrant(name, "K1"), GrantView)


DEEDS: dict[str, tuple[Stops, bool]] = {
    "cancel": (_cancel, False),
    "supersede": (_supersede, False),
    "stop a network": (_stop, True),
    "withdraw a grant": (_withdraw, True),
}
"""What is done, and whether it concerns one network alone."""


async def balance(world, alert: str, faults: list[str]) -> None:
    """Look at the books again and again: their counts sum to the members, and none of them is below zero."""
    while True:
        opened = world.desk.alerts.get(AlertId(alert))
        if opened is not None:
            counts = opened.account.counts
            if sum(counts) != len(opened.audience) or min(counts) < 0:
                faults.append(f"{counts}")
        await trio.sleep(0.02)


def of_network(address: str, name: str) -> bool:
    return int(address[-6:]) // MEMBERS == NAMES.index(NetworkId(name))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("deed", DEEDS)
async def test_R01_R09_what_is_stopped_midway_stops_at_once(autojump_clock, world_of, deed: str, seed: int) -> None:
    draw = random.Random(f"{deed} {seed}")
    stops, narrow = DEEDS[deed]
    name = draw.choice(NAMES)
    scripts = [PROVED, PROVED, UNPROVED, UNSENT]

    def script(envelope, seen):
        return scripts[(hash_of(envelope.address) + seen) % 4]

    alpha, beta = FarEnd("alpha", script), FarEnd("beta", script)
    carriers = {"alpha": {"rate_per_s": draw.choice([40.0, 90.0])}, "beta": {"rate_per_s": draw.choice([20.0, 60.0])}}
    world = world_of(alpha, beta, country=COUNTRY, tokens=(*TOKENS[:6], ALL), carriers=carriers, calls=None)
    async with world.running(), trio.open_nursery() as nursery:
        for one in NAMES:
            await world.ask(mandates.PutGrant(one, "K1", GrantRequest("2030-01-01", ("cold", "warm"))), GrantView)
        sent = await world.send("K1")
        faults: list[str] = []
        nursery.start_soon(balance, world, sent.id, faults)
        await trio.sleep(draw.uniform(0.0, 2.0))
        before = await world.status(sent.id)
        await stops(world, sent.id, name)
        answered_at = trio.current_time()
        assert members_counted(await world.status(sent.id)) == before.members
        status = await world.over(sent.id)
        mine = [one for one in world.handed if one.envelope.content.text != CORRECTION["nl"]["text"]]
        stopped = [one for one in mine if not narrow or of_network(one.envelope.address, name)]
        late = [one for one in stopped if one.at > answered_at + LATEST_S]
        assert [] == late
        assert status.members == members_counted(status) == NETWORKS * MEMBERS
        assert status.state == ("done" if narrow else "superseded" if deed == "supersede" else "cancelled")
        nursery.cancel_scope.cancel()
    assert [] == faults


def hash_of(address: str) -> int:
    return int(address[-6:]) * 7 % 11
